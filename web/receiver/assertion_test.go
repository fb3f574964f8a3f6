package receiver_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// asserter signs assertions on behalf of an organization.
type asserter struct {
	key         *rsa.PrivateKey
	certificate []byte
	client      store.OAuthClient
	audience    string
	clock       *clock
}

func newSigningCertificate(t *testing.T, bits int, from, until time.Time) (*rsa.PrivateKey, []byte) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "assertions"}, NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return key, der
}

// newAssertionDoor opens a door whose subscription takes tokens that were asked for with assertions.
func newAssertionDoor(t *testing.T) (*door, *asserter) {
	t.Helper()
	d := newHouse(t)
	d.demand(t, store.SecurityOAuthJWT, store.Policy{})
	a := &asserter{clock: newClock(), audience: "https://public.example/oauth/token"}
	a.key, a.certificate = newSigningCertificate(t, 2048, time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour))
	var err error
	a.client, _, err = d.store.InsertOAuthClient(t.Context(), store.OAuthClient{OrganizationID: d.sub.OrganizationID, Method: store.ClientAssertion, ClientID: "cybersource", Scope: "deliver"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.store.InsertAssertionCertificate(t.Context(), d.sub.OrganizationID, "kid-1", a.certificate, audit()); err != nil {
		t.Fatal(err)
	}
	d.open(t, a.clock.set, func(c *receiver.Config) { c.PublicURL = "https://public.example/" })
	return d, a
}

func (a *asserter) claims() map[string]any {
	now := a.clock.now()
	return map[string]any{"iss": a.client.ClientID, "sub": a.client.ClientID, "aud": a.audience, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix()}
}

func (a *asserter) sign(t *testing.T, claims map[string]any) string {
	t.Helper()
	return signAssertion(t, jose.SigningKey{Algorithm: jose.RS256, Key: a.key}, "kid-1", claims)
}

func signAssertion(t *testing.T, key jose.SigningKey, kid string, claims map[string]any) string {
	t.Helper()
	options := &jose.SignerOptions{}
	if kid != "" {
		options = options.WithHeader("kid", kid)
	}
	signer, err := jose.NewSigner(key, options)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func assertionForm(assertion string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {assertionType}, "client_assertion": {assertion}}
}

func TestAnAssertionGetsATokenOnceOnAllReplicas(t *testing.T) {
	t.Parallel()
	d, a := newAssertionDoor(t)
	assertion := a.sign(t, a.claims())
	form := assertionForm(assertion)
	form.Set("scope", "deliver")
	form.Set("client_id", a.client.ClientID)
	reply := d.ask(t, form)
	if reply.Status != http.StatusOK || reply.Scope != "deliver" {
		t.Fatalf("answered %d %q, scope %q", reply.Status, reply.Error, reply.Scope)
	}
	if status, reason, detail := d.with(t, "a", reply.Token); status != http.StatusOK {
		t.Errorf("its token was answered %d, %s %s", status, reason, detail)
	}
	second := d.second(t, a.clock.set, func(c *receiver.Config) { c.PublicURL = "https://public.example" })
	for name, at := range map[string]*door{"here": d, "at the other replica": second} {
		if again := at.ask(t, form); again.Status != http.StatusUnauthorized || again.Error != "invalid_client" {
			t.Errorf("the same assertion again %s: answered %d %q", name, again.Status, again.Error)
		}
	}
	if d.metric(t, "switchboard_token_requests_total", "outcome", "assertion_replayed") != 1 {
		t.Error("the replay is not counted as one")
	}
	// What was used is remembered as long as it could be used, and no longer.
	a.clock.pass(10 * time.Minute)
	if expired := d.ask(t, form); expired.Status != http.StatusUnauthorized {
		t.Errorf("long after: answered %d", expired.Status)
	}
	if d.metric(t, "switchboard_token_requests_total", "outcome", "assertion_expired") != 1 {
		t.Error("the expired assertion was not refused for being expired")
	}
	if strings.Contains(d.log.String(), assertion) {
		t.Error("an assertion is in the log")
	}
}

func TestAssertionsAreRefused(t *testing.T) {
	t.Parallel()
	d, a := newAssertionDoor(t)
	stranger, _ := newSigningCertificate(t, 2048, time.Now(), time.Now().Add(time.Hour))
	other, err := d.store.InsertOrganization(t.Context(), store.Organization{OrganizationID: "globex", Environment: "sandbox", Name: "Globex", MerchantID: "globex"}, nil, audit())
	if err != nil {
		t.Fatal(err)
	}
	theirs, theirCertificate := newSigningCertificate(t, 2048, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if _, err := d.store.InsertAssertionCertificate(t.Context(), other.ID, "kid-1", theirCertificate, audit()); err != nil {
		t.Fatal(err)
	}
	past, pastCertificate := newSigningCertificate(t, 2048, time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))
	if _, err := d.store.InsertAssertionCertificate(t.Context(), d.sub.OrganizationID, "kid-past", pastCertificate, audit()); err != nil {
		t.Fatal(err)
	}
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	withSecret, _ := d.newClient(t, d.sub.OrganizationID, 0)
	change := func(name string, value any) string {
		claims := a.claims()
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
		return a.sign(t, claims)
	}
	now := time.Now()
	by := func(key any, algorithm jose.SignatureAlgorithm, kid string) string {
		return signAssertion(t, jose.SigningKey{Algorithm: algorithm, Key: key}, kid, a.claims())
	}
	for reason, assertion := range map[string]string{
		"assertion_audience":            change("aud", "https://elsewhere.example/oauth/token"),
		"assertion_subject":             change("sub", "somebody"),
		"client_unknown":                change("iss", "somebody"),
		"client_mismatch":               change("iss", withSecret.ClientID),
		"assertion_expired":             change("exp", now.Add(-2*time.Minute).Unix()),
		"assertion_expired ":            change("exp", nil),
		"assertion_too_long":            change("exp", now.Add(48*time.Hour).Unix()),
		"assertion_future":              change("nbf", now.Add(5*time.Minute).Unix()),
		"assertion_future ":             change("iat", now.Add(5*time.Minute).Unix()),
		"assertion_id":                  change("jti", nil),
		"assertion_id ":                 change("jti", strings.Repeat("x", 300)),
		"assertion_signature":           by(stranger, jose.RS256, "kid-1"),
		"assertion_signature ":          by(theirs, jose.RS256, "kid-1"),
		"assertion_signature  ":         by(elliptical, jose.ES256, "kid-1"),
		"assertion_key_unknown":         by(a.key, jose.RS256, "kid-2"),
		"assertion_key_unknown ":        by(a.key, jose.RS256, ""),
		"assertion_certificate_expired": by(past, jose.RS256, "kid-past"),
		// A certificate is public: it must not serve as the secret of a shared one.
		"assertion_malformed":   by(bytes.Repeat(a.certificate[:32], 2), jose.HS256, "kid-1"),
		"assertion_malformed ":  "eyJhbGciOiJub25lIn0.eyJpc3MiOiJjeWJlcnNvdXJjZSJ9.",
		"assertion_malformed  ": "no JWT",
	} {
		a.clock.pass(time.Second)
		want := strings.TrimSpace(reason)
		before := d.metric(t, "switchboard_token_requests_total", "outcome", want)
		reply := d.ask(t, assertionForm(assertion))
		if reply.Token != "" || reply.Error != "invalid_client" {
			t.Errorf("%s: answered %d %q", want, reply.Status, reply.Error)
		}
		if d.metric(t, "switchboard_token_requests_total", "outcome", want) != before+1 {
			t.Errorf("%s: was refused for something else", want)
		}
	}
	mixed := assertionForm(a.sign(t, a.claims()))
	mixed.Set("client_id", "somebody")
	if reply := d.ask(t, mixed); reply.Token != "" {
		t.Error("an assertion of one client was taken for another")
	}
	typeless := maps.Clone(assertionForm(a.sign(t, a.claims())))
	typeless.Del("client_assertion_type")
	if reply := d.ask(t, typeless); reply.Token != "" || reply.Error != "invalid_request" {
		t.Errorf("without a type: answered %d %q", reply.Status, reply.Error)
	}
}

func TestAnAssertionsCertificateCanBeRetired(t *testing.T) {
	t.Parallel()
	d, a := newAssertionDoor(t)
	if reply := d.ask(t, assertionForm(a.sign(t, a.claims()))); reply.Status != http.StatusOK {
		t.Fatalf("answered %d %q", reply.Status, reply.Error)
	}
	list, err := d.store.ListAssertionCertificates(t.Context(), d.sub.OrganizationID)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d certificates, %v", len(list), err)
	}
	if err := d.store.RetireAssertionCertificate(t.Context(), list[0].ID, audit()); err != nil {
		t.Fatal(err)
	}
	d.await(t, "the end of the certificate", func() bool {
		return d.ask(t, assertionForm(a.sign(t, a.claims()))).Error == "invalid_client"
	})
}
