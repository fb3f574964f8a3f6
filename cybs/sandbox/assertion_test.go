package sandbox_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
)

// jwtPolicy is an oAuth_JWT policy.
func jwtPolicy(p *idp, keyID string) func(*cybs.SubscriptionInput) {
	return func(in *cybs.SubscriptionInput) {
		in.SecurityPolicy = cybs.SecurityPolicy{Type: cybs.SecurityOAuthJWT, OAuth: cybs.OAuthConfig{
			URL: p.URL, TokenType: "Bearer", TokenExpiry: "300", Audience: "idp.example.com", ClientID: "client-7",
			AssertionKeyID: keyID, Scope: "merchantacq:rte:write",
		}}
	}
}

// checkAssertion verifies what the token server got.
func checkAssertion(t *testing.T, c tokenCall, key any, keyID string) {
	t.Helper()
	if c.form.Get("grant_type") != "client_credentials" || c.form.Get("scope") != "merchantacq:rte:write" || c.form.Has("client_secret") ||
		c.form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		t.Errorf("form is %s", c.body)
	}
	jws, err := jose.ParseSignedCompact(c.form.Get("client_assertion"), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	if got := jws.Signatures[0].Protected.KeyID; got != keyID {
		t.Errorf("kid is %q, want %q", got, keyID)
	}
	b, err := jws.Verify(key)
	if err != nil {
		t.Fatalf("assertion: %v", err)
	}
	var claims struct {
		Issued  int64 `json:"iat"`
		Expires int64 `json:"exp"`
		Iss     string
		Sub     string
		Aud     string
		Jti     string
	}
	if err := json.Unmarshal(b, &claims); err != nil {
		t.Fatal(err)
	}
	if claims.Iss != "client-7" || claims.Sub != "client-7" || claims.Aud != "idp.example.com" || len(claims.Jti) != 36 ||
		claims.Expires <= claims.Issued || time.Since(time.Unix(claims.Issued, 0)).Abs() > time.Minute {
		t.Errorf("claims are %s", b)
	}
}

func TestAssertionOfOAuthJWTIsSignedByTheSandboxOrByAStoredKey(t *testing.T) {
	t.Parallel()
	h, p := newHouse(t), newIDP(t)
	h.subscribe(t, jwtPolicy(p, "kid-1"))
	h.emit(t, sandbox.EventRequest{})
	if got := h.receiver.next(t).Header.Get("Authorization"); got != "Bearer token-1" {
		t.Errorf("Authorization is %q", got)
	}
	var handed struct{ Assertion string }
	if status := h.admin(t, http.MethodGet, "/certificates", "", &handed); status != http.StatusOK {
		t.Fatal(status)
	}
	block, _ := pem.Decode([]byte(handed.Assertion))
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	checkAssertion(t, p.calls()[0], certificate.PublicKey, "kid-1")

	pub, pvt, key := storedPair(t)
	status, _, body := raw(t, h.Server, http.MethodPost, "/kms/egress/v2/keys-asym", strings.Replace(
		key2("sandbox_org", "nrtd"), `"keyType"`, `"pub":"`+pub+`","pvt":"`+pvt+`","keyType"`, 1))
	var stored struct {
		KeyInformation struct{ KeyID, Pvt string }
	}
	if err := json.Unmarshal([]byte(body), &stored); err != nil || status != http.StatusCreated || stored.KeyInformation.Pvt != "" {
		t.Fatalf("keys-asym: %d %s", status, body)
	}
	own := newIDP(t)
	h.subscribe(t, jwtPolicy(own, stored.KeyInformation.KeyID), func(in *cybs.SubscriptionInput) {
		in.Products = []cybs.SubscribedProduct{{ProductID: "eCheck", EventTypes: []string{"payments.voids.failed"}}}
	})
	h.emit(t, sandbox.EventRequest{ProductID: "eCheck", EventType: "payments.voids.failed"})
	h.receiver.next(t)
	checkAssertion(t, own.calls()[0], &key.PublicKey, stored.KeyInformation.KeyID)
}

// key2 is a keys-asym body without its key.
func key2(provider, tenant string) string { return key("STORE", "publickey", provider, tenant) }

// storedPair is the certificate of the shared vectors and its key, as keys-asym takes them.
func storedPair(t *testing.T) (pub, pvt string, private *rsa.PrivateKey) {
	t.Helper()
	b, err := os.ReadFile("../testdata/mle.json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Keys map[string]struct{ CertificatePEM, PrivateKeyPEM string }
	}
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	certificate, _ := pem.Decode([]byte(f.Keys["egress"].CertificatePEM))
	block, _ := pem.Decode([]byte(f.Keys["egress"].PrivateKeyPEM))
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(certificate.Bytes), base64.StdEncoding.EncodeToString(block.Bytes), parsed.(*rsa.PrivateKey)
}

func TestOAuthJWTWithoutAssertionSendsTheSecret(t *testing.T) {
	t.Parallel()
	h, p := newHouse(t, func(c *sandbox.Config) { c.OAuth.WithoutAssertion = true }), newIDP(t)
	h.storeClient(t, "client-7", "secret")
	h.storeClient(t, "newer", "secret")
	h.subscribe(t, jwtPolicy(p, ""))
	h.emit(t, sandbox.EventRequest{})
	h.receiver.next(t)
	if c := p.calls()[0]; c.form.Get("client_id") != "client-7" || c.form.Get("client_secret") != "secret" || c.form.Has("client_assertion") {
		t.Errorf("token server was asked %s", c.body)
	}
}
