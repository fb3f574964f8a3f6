package cybs

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStoredCredentialsAreReadWithoutTheirSecret(t *testing.T) {
	t.Parallel()
	const body = `{"submitTimeUtc":"2026-01-22T14:36:31Z","status":"SUCCESS","keyInformation":{"provider":"nrtd","tenant":"my_org","organizationId":"my_org",
	 "clientKeyId":"client","key":"hunter2","keyId":"k1","keyType":"oAuthClientCredentials","status":"active","expirationDate":"2027-01-22T14:36:31Z"}}`
	c, _ := newTestClient(t, answer(http.StatusCreated, body))
	got, err := c.StoreOAuthCredentials(t.Context(), "my_org", OAuthCredentials{"client", Secret("hunter2")}, KeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := &StoredKey{
		KeyID: "k1", ClientKeyID: "client", KeyType: "oAuthClientCredentials", Status: "active", OrganizationID: "my_org",
		ExpiresAt: time.Date(2027, 1, 22, 14, 36, 31, 0, time.UTC), CreatedAt: time.Date(2026, 1, 22, 14, 36, 31, 0, time.UTC),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
	if printed := fmt.Sprintf("%+v", got); strings.Contains(printed, "hunter2") {
		t.Errorf("the secret shows in %s", printed)
	}
}

func TestStoringRefusesWhatCannotBeRight(t *testing.T) {
	t.Parallel()
	c, _ := newTestClient(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	good, certificate := OAuthCredentials{"c", Secret("s")}, vectorMLEKey(t, "egress").Certificate
	oauth := func(org string, o OAuthCredentials, opts KeyOptions) error {
		_, err := c.StoreOAuthCredentials(t.Context(), org, o, opts)
		return err
	}
	mle := func(org string, cert *Certificate, opts KeyOptions) error {
		_, err := c.StoreMLECertificate(t.Context(), org, cert, opts)
		return err
	}
	for name, err := range map[string]error{
		"no organization":         oauth("", good, KeyOptions{}),
		"no client":               oauth("o", OAuthCredentials{ClientSecret: Secret("s")}, KeyOptions{}),
		"no secret":               oauth("o", OAuthCredentials{ClientID: "c"}, KeyOptions{}),
		"negative life":           oauth("o", good, KeyOptions{ExpiryDays: -1}),
		"long reference":          oauth("o", good, KeyOptions{Reference: strings.Repeat("r", 51)}),
		"no certificate":          mle("o", nil, KeyOptions{}),
		"certificate, no one's":   mle("", certificate, KeyOptions{}),
		"certificate, long dated": mle("o", certificate, KeyOptions{ExpiryDays: -1}),
	} {
		if !errors.Is(err, ErrInvalidArgument) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want ErrInvalidArgument", name, err)
		}
	}
}

func TestStoredAnswersThatSayNothing(t *testing.T) {
	t.Parallel()
	certificate := vectorMLEKey(t, "egress").Certificate
	const bare = `{"submitTimeUtc":"2026-01-22T14:36:31Z","status":"ACCEPTED"}` // the specification's whole answer
	c, _ := newTestClient(t, answer(http.StatusCreated, bare))
	key, err := c.StoreMLECertificate(t.Context(), "my_org", certificate, KeyOptions{})
	if err != nil || key.KeyID != "" || key.OrganizationID != "my_org" || key.CreatedAt.IsZero() {
		t.Errorf("certificate: got %+v, %v, want it stored without an id", key, err)
	}
	if _, err := c.StoreOAuthCredentials(t.Context(), "my_org", OAuthCredentials{"c", Secret("s")}, KeyOptions{}); !errors.Is(err, ErrMalformedResponse) {
		t.Errorf("credentials: got %v, want ErrMalformedResponse, as a subscription needs the id", err)
	}
	c, _ = newTestClient(t, answer(http.StatusCreated, `{"status":"REJECTED"}`))
	if _, err := c.StoreMLECertificate(t.Context(), "my_org", certificate, KeyOptions{}); !errors.Is(err, ErrMalformedResponse) {
		t.Errorf("got %v, want ErrMalformedResponse for a status of failure", err)
	}
}

func TestRefusedValidityIsKnown(t *testing.T) {
	t.Parallel()
	certificate := vectorMLEKey(t, "egress").Certificate
	for _, body := range []string{
		`{"status":"INVALID_REQUEST","message":"Key invalid or validity too long"}`,
		`{"keyInformation":{"errorInformation":{"reason":"INVALID_DATA","details":[{"field":"pub","reason":"Key invalid or validity too long"}]}}}`,
	} {
		c, _ := newTestClient(t, answer(http.StatusBadRequest, body))
		_, err := c.StoreMLECertificate(t.Context(), "my_org", certificate, KeyOptions{})
		var api *APIError
		if !errors.Is(err, ErrValidityTooLong) || !errors.As(err, &api) {
			t.Errorf("%s: got %v, want ErrValidityTooLong", body, err)
		}
	}
	c, _ := newTestClient(t, answer(http.StatusBadRequest, `{"message":"Bad"}`))
	if _, err := c.StoreMLECertificate(t.Context(), "my_org", certificate, KeyOptions{}); errors.Is(err, ErrValidityTooLong) {
		t.Errorf("got %v, want another 400 not taken for it", err)
	}
}

// TestOnlyTheCertificateLeaves makes a new one, stores it, and opens with what was kept of it.
func TestOnlyTheCertificateLeaves(t *testing.T) {
	t.Parallel()
	from := vectorNow().Add(-time.Minute)
	certificate, err := NewMLECertificate(MLECertificateOptions{CommonName: "key-1", OrganizationID: "my_org", NotBefore: from})
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := sentBy(t, func(*Config) {}, func(c *Client) error {
		_, err := c.StoreMLECertificate(t.Context(), "my_org", certificate, KeyOptions{})
		return err
	})
	var sent struct {
		Action string `json:"clientRequestAction"`
		Key    struct {
			Public string `json:"pub"`
			Type   string `json:"keyType"`
		} `json:"keyInformation"`
	}
	if err := json.Unmarshal([]byte(body), &sent); err != nil {
		t.Fatal(err)
	}
	der, err := base64.StdEncoding.DecodeString(sent.Key.Public)
	if err != nil || !bytes.Equal(der, certificate.DER()) || sent.Action != "STORE" || sent.Key.Type != "publickey" {
		t.Errorf("got %+v, %v", sent, err)
	}
	private, err := certificate.PrivateKeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%s %v %x", private, private, private); strings.Contains(got, "PRIVATE") {
		t.Error("the private key was printed")
	}
	kept, err := ParseCertificate(certificate.CertificatePEM(), private)
	if err != nil {
		t.Fatal(err)
	}
	text := sealed(t, MLEKey{Certificate: certificate}, "", "hello")
	opened, err := DecryptNotification([]byte(text), MLEKeys{Keys: []MLEKey{{Certificate: kept}}})
	if err != nil || string(opened.Plain) != "hello" {
		t.Errorf("got %+v, %v", opened, err)
	}
}

func TestNewMLECertificateIsAsTheGuideWantsIt(t *testing.T) {
	t.Parallel()
	from := vectorNow()
	c, err := NewMLECertificate(MLECertificateOptions{CommonName: "key-1", OrganizationID: "my_org", NotBefore: from, Validity: ShortMLEValidity})
	if err != nil {
		t.Fatal(err)
	}
	leaf := c.leaf
	if got := leaf.Subject.String(); got != "CN=key-1,O=my_org,C=US" {
		t.Errorf("got subject %s", got)
	}
	if c.key.N.BitLen() != 2048 || leaf.CheckSignatureFrom(leaf) != nil {
		t.Errorf("got %d bits, self-signed: %v", c.key.N.BitLen(), leaf.CheckSignatureFrom(leaf))
	}
	if got := c.NotAfter().Sub(c.NotBefore()); got != 90*24*time.Hour || !c.NotBefore().Equal(from.Truncate(time.Second)) {
		t.Errorf("got %v from %v", got, c.NotBefore())
	}
	def, err := NewMLECertificate(MLECertificateOptions{CommonName: "k", OrganizationID: "o", Country: "DE"})
	if err != nil || def.NotAfter().Sub(def.NotBefore()) != DefaultMLEValidity || def.leaf.Subject.Country[0] != "DE" ||
		time.Since(def.NotBefore()) > time.Minute || def.leaf.SerialNumber.Cmp(leaf.SerialNumber) == 0 {
		t.Errorf("defaults: got %v, %v", def, err)
	}
	_, err = NewMLECertificate(MLECertificateOptions{Validity: -1})
	if !errors.Is(err, ErrInvalidArgument) || !strings.Contains(err.Error(), "common name is missing; organization id is missing; validity must not be negative") {
		t.Errorf("got %v, want all three named", err)
	}
}
