package cybs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// encrypting configures a client that encrypts for the platform and asks for encrypted answers.
func encrypting(t *testing.T, scheme Scheme) func(*Config) {
	t.Helper()
	platform, mine := vectorMLEKey(t, "requestMle"), vectorMLEKey(t, "egress")
	return func(cfg *Config) {
		cfg.Credentials.Scheme, cfg.Credentials.Certificate = scheme, mine.Certificate
		cfg.MLE = MLE{Encrypt: true, Certificate: platform.Certificate.leaf, ResponseKey: &mine}
	}
}

// TestCallsAreEncryptedBothWays answers what it decrypted, encrypted again.
func TestCallsAreEncryptedBothWays(t *testing.T) {
	t.Parallel()
	platform, mine := vectorMLEKey(t, "requestMle"), vectorMLEKey(t, "egress")
	for _, scheme := range []Scheme{JWTSharedSecret, JWTP12, JWTP12V1} {
		c, _ := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Errorf("read: %v", err)
			}
			claims := tokenParts(t, r.Header.Get("Authorization"))[1]
			if claims["v-c-response-mle-kid"] != "42417021640" {
				t.Errorf("%s: got claims %v, want an encrypted answer asked for", scheme, claims)
			}
			if r.Method == http.MethodPost && claims["digest"] != strings.TrimPrefix(Digest(body), DigestPrefix) {
				t.Errorf("%s: the digest must be that of the encrypted body", scheme)
			}
			if r.Method == http.MethodGet && len(body) > 0 {
				t.Errorf("%s: got the body %s of a GET", scheme, body)
			}
			if r.Method == http.MethodPost {
				opened, err := DecryptNotification(body, MLEKeys{Keys: []MLEKey{platform}})
				if err != nil || !strings.Contains(string(opened.Plain), `"name":"n"`) || opened.Header.KeyID != "7009999000011112222" {
					t.Errorf("%s: got %s, %v", scheme, opened.Plain, err)
				}
			}
			answer(http.StatusOK, `{"encryptedResponse":"`+sealed(t, mine, "42417021640", `{"webhookId":"w"}`)+`"}`)(w, r)
		}, encrypting(t, scheme))
		if s, err := c.CreateSubscription(t.Context(), SubscriptionInput{Name: "n"}); err != nil || s.WebhookID != "w" {
			t.Errorf("%s: got %v, %v", scheme, s, err)
		}
		if s, err := c.GetSubscription(t.Context(), "w"); err != nil || s.WebhookID != "w" {
			t.Errorf("%s: got %v, %v", scheme, s, err)
		}
	}
}

func TestEncryptedErrorsAreReadToo(t *testing.T) {
	t.Parallel()
	mine, other := vectorMLEKey(t, "egress"), vectorMLEKey(t, "requestMle")
	sealedError := func(key MLEKey) string {
		return `{"encryptedResponse":"` + sealed(t, key, "", `{"status":"INVALID_REQUEST","message":"Record already exists"}`) + `"}`
	}
	for _, tc := range []struct {
		name, body string
		also       error
		message    string
	}{
		{"encrypted", sealedError(mine), ErrAlreadyExists, "Record already exists"},
		{"plain, as before the claim is read", `{"message":"Record already exists"}`, ErrAlreadyExists, "Record already exists"},
		{"encrypted to somebody else", sealedError(other), ErrMLEWrongKey, "Bad Request"},
		{"no JWE", `{"encryptedResponse":"hello"}`, ErrJWEMalformed, "Bad Request"},
	} {
		c, _ := newTestClient(t, answer(http.StatusBadRequest, tc.body), encrypting(t, JWTSharedSecret))
		_, err := c.CreateSubscription(t.Context(), SubscriptionInput{})
		var api *APIError
		if !errors.As(err, &api) || !errors.Is(err, tc.also) || api.Message != tc.message {
			t.Errorf("%s: got %v, want %v and %q", tc.name, err, tc.also, tc.message)
		}
	}
}

func TestAnswersThatCannotBeOpenedAreMalformed(t *testing.T) {
	t.Parallel()
	other := vectorMLEKey(t, "requestMle")
	body := `{"encryptedResponse":"` + sealed(t, other, "nobody", `{"webhookId":"w"}`) + `"}`
	for name, change := range map[string]func(*Config){"with a key": encrypting(t, JWTP12), "without": func(*Config) {}} {
		c, _ := newTestClient(t, answer(http.StatusOK, body), change)
		if _, err := c.GetSubscription(t.Context(), "w"); !errors.Is(err, ErrMalformedResponse) || !errors.Is(err, ErrMLEKeyUnknown) {
			t.Errorf("%s: got %v, want ErrMalformedResponse and ErrMLEKeyUnknown", name, err)
		}
	}
}

func TestEncryptionThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	mine := vectorMLEKey(t, "egress")
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	curved, err := x509.ParseCertificate(selfSigned(t, pkix.Name{}, &curve.PublicKey, curve))
	if err != nil {
		t.Fatal(err)
	}
	nameless, err := NewMLECertificate(MLECertificateOptions{CommonName: "c", OrganizationID: "o"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		scheme Scheme
		mle    MLE
		want   string
	}{
		{"HTTP Signature", HTTPSignature, MLE{ResponseKey: &mine}, "needs a JWT scheme"},
		{"no certificate", JWTSharedSecret, MLE{Encrypt: true}, "certificate is missing"},
		{"an elliptic certificate", JWTSharedSecret, MLE{Encrypt: true, Certificate: curved}, "want RSA"},
		{"no response key", JWTSharedSecret, MLE{ResponseKey: &MLEKey{ID: "k"}}, "no private key"},
		{"a response key without an id", JWTSharedSecret, MLE{ResponseKey: &MLEKey{Certificate: nameless}}, "has no id"},
	} {
		cfg := Config{BaseURL: "https://example.test", Credentials: testCredentials(t), MLE: tc.mle}
		cfg.Credentials.Scheme = tc.scheme
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
		}
	}
	if _, err := EncryptMLE(curved, "", nil, vectorNow()); err == nil || !strings.Contains(err.Error(), "want RSA") {
		t.Errorf("got %v, want an elliptic certificate refused", err)
	}
	if _, err := DecryptResponse([]byte(`{}`), mine); !errors.Is(err, ErrNotEncrypted) {
		t.Errorf("got %v, want ErrNotEncrypted", err)
	}
}

func TestCertificateOfTheP12EncryptsRequests(t *testing.T) {
	t.Parallel()
	platform, mine := vectorMLEKey(t, "requestMle").Certificate, *vectorMLEKey(t, "egress").Certificate
	mine.others = []*x509.Certificate{platform.leaf}
	c := newTestClientOf(t, Config{
		BaseURL: "https://example.test", Now: vectorNow, MLE: MLE{Encrypt: true},
		Credentials: Credentials{Scheme: JWTP12, MerchantID: "m", Certificate: &mine},
	})
	if c.mle.certificate != platform.leaf || c.mle.keyID != "7009999000011112222" || c.mle.responseKeyID() != "" {
		t.Errorf("got key %q", c.mle.keyID)
	}
}
