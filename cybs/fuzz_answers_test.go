package cybs

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
)

// FuzzAPIAnswers reads any answer as that of every call: it is read, or malformed, and an error of it is fit to be shown.
func FuzzAPIAnswers(f *testing.F) {
	for _, body := range []string{
		``, `[]`, `null`, `{}`, `"x"`, `[{"productId":"p","eventTypes":[{"eventName":"e","frequency":"-1"},"plain"]}]`, `{"products":[]}`,
		`{"status":"SUCCESS","keyInformation":{"keyId":"k","key":"` + testSecretText + `","expirationDate":"2027-01-01T00:00:00+0000"}}`,
		`{"response":{"rmsg":"Authentication Failed"}}`, `{"errors":[{"type":"t","message":"4111 1111 1111 1111"}]}`,
		`{"keyInformation":{"message":"m","errorInformation":{"reason":"r","details":[{"field":"f","reason":"x"}]}}}`,
		`{"status":400,"reason":{},"message":[],"details":[{}]}`, `{"encryptedResponse":"` + jweText + `"}`, "\xff\x00<html>",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e := newAPIError(call{method: "GET", path: "/x"}, &http.Response{StatusCode: 400, Header: http.Header{}}, body, vectorNow())
		text := e.Error()
		if len(text) > 20_000 || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) || cardPattern.MatchString(e.Message) {
			t.Fatalf("error %q is not fit to be shown", text)
		}
		_, products := decodeList[wireProduct]("products", body)
		_, subscriptions := decodeList[Subscription]("webhooks", body)
		_, subscription := decodeSubscription(body)
		var key keyResponse
		keyErr := decode("key", body, &key)
		if keyErr == nil {
			_, keyErr = key.signatureKey("o")
		}
		for _, err := range []error{products, subscriptions, subscription, keyErr} {
			if err != nil && (!errors.Is(err, ErrMalformedResponse) || len(err.Error()) > 1000) {
				t.Fatalf("got %v, want a short ErrMalformedResponse", err)
			}
		}
		var r *requestMLE
		if plain, err := r.unseal(body); err == nil && string(plain) != string(body) {
			t.Fatalf("a plain answer became %q", plain)
		}
	})
}

// FuzzTokens makes tokens for any request and reads them with another library: the signature holds, and the claims are
// those of the request.
func FuzzTokens(f *testing.F) {
	f.Add("my_org", "portfolio", "/x?y=%20", "body", "host:8443")
	f.Add("m\"\\<>", "", "/\u00e9", "", "")
	secret := mustSecret(f, testSecretText)
	certificate := vectorMLEKey(f, "egress").Certificate
	f.Fuzz(func(t *testing.T, merchant, portfolio, target, body, host string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://connected.example.test/", strings.NewReader(body))
		if err != nil || merchant == "" || !utf8.ValidString(merchant) || !utf8.ValidString(portfolio) || !utf8.ValidString(host) {
			return
		}
		req.URL.Path = target
		for scheme, algorithm := range map[Scheme]jose.SignatureAlgorithm{JWTSharedSecret: jose.HS256, JWTP12: jose.RS256} {
			creds := Credentials{Scheme: scheme, MerchantID: merchant, PortfolioID: portfolio, KeyID: "k", Secret: secret, Certificate: certificate}
			auth, err := newAuthenticator(creds, "", newUUID)
			if err != nil {
				t.Fatal(err)
			}
			if err := auth.authenticate(req, []byte(body), host, vectorNow()); err != nil {
				t.Fatal(err)
			}
			jws, err := jose.ParseSignedCompact(strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer "), []jose.SignatureAlgorithm{algorithm})
			if err != nil {
				t.Fatal(err)
			}
			var key any = []byte(secret)
			if scheme == JWTP12 {
				key = &certificate.key.PublicKey
			}
			payload, err := jws.Verify(key)
			var claims claimsV2
			if err == nil {
				err = json.Unmarshal(payload, &claims)
			}
			if err != nil || claims.MerchantID != merchant || claims.Issuer != firstOf(portfolio, merchant) || claims.Host != host ||
				claims.Target != req.URL.RequestURI() || claims.Expires-claims.IssuedAt != 120 {
				t.Fatalf("got %+v, %v", claims, err)
			}
			if digest, err := base64.StdEncoding.DecodeString(claims.Digest); err != nil || len(digest) != 32 {
				t.Fatalf("digest is %q", claims.Digest)
			}
		}
	})
}
