package cybs

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// authVector is one entry of http-signature.json or jwt.json.
type authVector struct {
	ID              string            `json:"id"`
	Scheme          string            `json:"scheme"`
	Method          string            `json:"method"`
	RequestTarget   string            `json:"requestTarget"`
	Body            *string           `json:"body"`
	Host            string            `json:"host"`
	KeyID           string            `json:"keyId"`
	SecretBase64    string            `json:"secretBase64"`
	PortfolioID     string            `json:"portfolioId"`
	StringToSign    string            `json:"stringToSign"`
	Headers         map[string]string `json:"headers"`
	Header          map[string]any    `json:"header"`
	Claims          map[string]any    `json:"claims"`
	Authorization   string            `json:"authorization"`
	SignatureParams struct {
		Headers string `json:"headers"`
	} `json:"signatureParameters"`
	Expect string `json:"expect"`
	Source string `json:"source"`
}

type authVectors struct {
	MerchantID     string       `json:"merchantId"`
	Host           string       `json:"host"`
	CertificatePEM string       `json:"certificatePem"`
	PrivateKeyPEM  string       `json:"privateKeyPem"`
	KID            string       `json:"kid"`
	P12            vectorP12    `json:"p12"`
	Vectors        []authVector `json:"vectors"`
}

type vectorP12 struct {
	Password     string `json:"password"`
	FriendlyName string `json:"friendlyName"`
	Base64       string `json:"base64"`
	LegacyBase64 string `json:"legacyBase64"`
}

// sign lets the authenticator for creds sign the vector's request and returns its headers.
func (v authVector) sign(t *testing.T, creds Credentials, host, id string) *http.Request {
	t.Helper()
	responseKey, _ := v.Claims["v-c-response-mle-kid"].(string)
	auth, err := newAuthenticator(creds, responseKey, func() string { return id })
	if err != nil {
		t.Fatalf("new authenticator: %v", err)
	}
	req, err := http.NewRequestWithContext(t.Context(), v.Method, "https://connected.example.test"+v.RequestTarget, http.NoBody)
	if err != nil {
		t.Fatalf("new request: %v", err)
	}
	var body []byte
	if v.Body != nil {
		body = []byte(*v.Body)
	}
	if err := auth.authenticate(req, body, host, vectorNow()); err != nil {
		t.Fatalf("authenticate: %v", err)
	}
	return req
}

func (v authVector) credentials(t *testing.T, scheme Scheme, merchant string) Credentials {
	t.Helper()
	return Credentials{
		Scheme: scheme, MerchantID: merchant, PortfolioID: v.PortfolioID, KeyID: v.KeyID,
		Secret: mustSecret(t, v.SecretBase64),
	}
}

// TestHTTPSignatureIsTheSDKs makes every request of the official SDK over again: the same headers, to the letter.
func TestHTTPSignatureIsTheSDKs(t *testing.T) {
	t.Parallel()
	var file authVectors
	loadVectors(t, "http-signature.json", &file)
	count := 0
	for _, v := range file.Vectors {
		if v.Expect != "accept" || v.Source != "sdk" {
			continue
		}
		count++
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			req := v.sign(t, v.credentials(t, HTTPSignature, file.MerchantID), v.Headers["host"], "")
			got := map[string]string{"host": req.Host}
			for name, values := range req.Header {
				got[strings.ToLower(name)] = values[0]
			}
			if diff := cmp.Diff(v.Headers, got); diff != "" {
				t.Errorf("headers differ (-sdk +ours):\n%s", diff)
			}
		})
	}
	if count < 23 {
		t.Errorf("got %d vectors, want at least 23", count)
	}
}

// TestSigningStringIsRebuiltFromTheHeaders is what a server does with any request, accepted or not.
func TestSigningStringIsRebuiltFromTheHeaders(t *testing.T) {
	t.Parallel()
	var file authVectors
	loadVectors(t, "http-signature.json", &file)
	for _, v := range file.Vectors {
		if v.Expect == "reject" || v.ID == "parenthesised-request-target" {
			continue // headers changed after signing, or signed by a rule that is no longer in force
		}
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			names := strings.Fields(v.SignatureParams.Headers)
			got := SigningString(names, func(name string) string {
				switch {
				case name == SignedTarget:
					return RequestTarget(v.Method, v.RequestTarget)
				case name == HeaderMerchantID && v.PortfolioID != "":
					return v.PortfolioID
				}
				return v.Headers[name]
			})
			if diff := cmp.Diff(v.StringToSign, got); diff != "" {
				t.Errorf("string to sign differs (-want +got):\n%s", diff)
			}
			if d := v.Headers["digest"]; d != "" && d != Digest([]byte(*v.Body)) {
				t.Errorf("digest: got %s, want %s", Digest([]byte(*v.Body)), d)
			}
		})
	}
}

// TestReferenceExamplesOfHTTPSignature are the two of the reference's section 12.1.
func TestReferenceExamplesOfHTTPSignature(t *testing.T) {
	t.Parallel()
	const date = "Thu, 01 Jan 2026 00:00:00 GMT"
	secret := mustSecret(t, testSecretText)
	body := []byte(`{"clientRequestAction":"CREATE","keyInformation":{"provider":"nrtd","tenant":"my_org","keyType":"sharedSecret","organizationId":"my_org","expiryDuration":"365"}}`)
	for _, tc := range []struct {
		method, target, digest, want string
	}{
		{"POST", "/kms/egress/v2/keys-sym", Digest(body), "OWcU8aXUSKnU8TCLpflnScs2elAgvMA/vd5SwSRbOKc="},
		{"GET", "/notification-subscriptions/v2/webhooks?organizationId=my_org", "", "RVzngWFPnW9fZ80sbQ+6dhRreB45h3V5A8xrTc8n/+A="},
	} {
		values := map[string]string{
			"host": "apitest.cybersource.com", "date": date, SignedTarget: RequestTarget(tc.method, tc.target),
			"digest": tc.digest, HeaderMerchantID: "my_org",
		}
		names := []string{"host", "date", SignedTarget, HeaderMerchantID}
		if tc.digest != "" {
			names = []string{"host", "date", SignedTarget, "digest", HeaderMerchantID}
		}
		text := SigningString(names, func(name string) string { return values[name] })
		if got := base64.StdEncoding.EncodeToString(SignString(secret, text)); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.method, got, tc.want)
		}
	}
	if got, want := Digest(body), "SHA-256=QgWcchG9X3Ixprr383uxbNijWRLqE5PIbx2fAyEvEuQ="; got != want {
		t.Errorf("digest: got %s, want %s", got, want)
	}
}

// checkToken compares header and claims as JSON and verifies the signature with key.
func checkToken(t *testing.T, v authVector, authorization string, algorithm jose.SignatureAlgorithm, key any) {
	t.Helper()
	token, ok := strings.CutPrefix(authorization, "Bearer ")
	if !ok {
		t.Fatalf("authorization is no bearer token")
	}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{algorithm})
	if err != nil {
		t.Fatalf("parse token: %v", err)
	}
	payload, err := jws.Verify(key)
	if err != nil {
		t.Fatalf("verify token: %v", err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatalf("decode claims: %v", err)
	}
	if diff := cmp.Diff(v.Claims, claims); diff != "" {
		t.Errorf("claims differ (-sdk +ours):\n%s", diff)
	}
	encoded, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatalf("decode header: %v", err)
	}
	var header map[string]any
	if err := json.Unmarshal(raw, &header); err != nil {
		t.Fatalf("decode header: %v", err)
	}
	if diff := cmp.Diff(v.Header, header); diff != "" {
		t.Errorf("header differs (-sdk +ours):\n%s", diff)
	}
}

func TestSharedSecretTokenIsTheSDKs(t *testing.T) {
	t.Parallel()
	var file authVectors
	loadVectors(t, "jwt.json", &file)
	count := 0
	for _, v := range file.Vectors {
		if v.Scheme != "jwt-v2-hs256" || v.Expect != "accept" || v.Source != "sdk" {
			continue
		}
		count++
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			creds := v.credentials(t, JWTSharedSecret, file.MerchantID)
			id, _ := v.Claims["jti"].(string)
			req := v.sign(t, creds, v.Host, id)
			checkToken(t, v, req.Header.Get("Authorization"), jose.HS256, []byte(creds.Secret))
			if len(req.Header) != 1 {
				t.Errorf("got headers %v, want none but Authorization", req.Header)
			}
		})
	}
	if count < 13 {
		t.Errorf("got %d vectors, want at least 13", count)
	}
}

// TestCertificateTokensAreTheSDKs does it for both versions, with the certificate from each kind of file.
func TestCertificateTokensAreTheSDKs(t *testing.T) {
	t.Parallel()
	var file authVectors
	loadVectors(t, "jwt.json", &file)
	certificates := vectorCertificates(t, file)
	schemes := map[string]Scheme{"jwt-v2-rs256": JWTP12, "jwt-v1-x5c": JWTP12V1}
	count := 0
	for _, v := range file.Vectors {
		scheme, ours := schemes[v.Scheme]
		if !ours || v.Expect != "accept" || v.Source != "sdk" {
			continue
		}
		count++
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			for kind, certificate := range certificates {
				if certificate.KeyID() != file.KID || certificate.CommonName() != file.MerchantID {
					t.Errorf("%s: got %v, want the key %s", kind, certificate, file.KID)
				}
				creds := Credentials{Scheme: scheme, MerchantID: file.MerchantID, PortfolioID: v.PortfolioID, Certificate: certificate}
				id, _ := v.Claims["jti"].(string)
				req := v.sign(t, creds, v.Host, id)
				checkToken(t, v, req.Header.Get("Authorization"), jose.RS256, &certificate.key.PublicKey)
			}
		})
	}
	if count < 25 {
		t.Errorf("got %d vectors, want at least 25", count)
	}
}

func TestSchemeDefaultsToSharedSecretToken(t *testing.T) {
	t.Parallel()
	v := authVector{Method: http.MethodGet, RequestTarget: "/"}
	creds := testCredentials(t)
	creds.Scheme = ""
	if got := v.sign(t, creds, "h", "id").Header.Get("Authorization"); !strings.HasPrefix(got, "Bearer ") {
		t.Error("want a bearer token")
	}
}

// TestMetaKeyNamesOwnerAndMerchant signs with a portfolio's key for one of its merchants, under every scheme.
func TestMetaKeyNamesOwnerAndMerchant(t *testing.T) {
	t.Parallel()
	certificate := vectorMLEKey(t, "egress").Certificate
	base := testCredentials(t)
	base.MerchantID, base.PortfolioID = "merchant", "portfolio"
	v := authVector{Method: http.MethodGet, RequestTarget: "/x"}
	for _, scheme := range []Scheme{HTTPSignature, JWTSharedSecret, JWTP12, JWTP12V1} {
		creds := base
		creds.Scheme = scheme
		if scheme == JWTP12 || scheme == JWTP12V1 {
			creds.Certificate = certificate
		}
		req := v.sign(t, creds, "h", "id")
		if scheme == HTTPSignature {
			text := SigningString([]string{"host", "date", SignedTarget, HeaderMerchantID}, func(name string) string {
				return map[string]string{"host": "h", "date": req.Header.Get("Date"), SignedTarget: "get /x", HeaderMerchantID: "portfolio"}[name]
			})
			want := base64.StdEncoding.EncodeToString(SignString(creds.Secret, text))
			if req.Header.Get(HeaderMerchantID) != "merchant" || !strings.Contains(req.Header.Get("Signature"), want) {
				t.Errorf("%s: the header must name the merchant and the signature the portfolio", scheme)
			}
			continue
		}
		parts := tokenParts(t, req.Header.Get("Authorization"))
		got := []any{parts[1]["iss"], parts[1]["v-c-merchant-id"]}
		want := []any{"portfolio", "merchant"}
		if scheme == JWTP12V1 {
			got, want = []any{parts[0]["v-c-merchant-id"]}, []any{"portfolio"}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: differs (-want +got):\n%s", scheme, diff)
		}
	}
}
