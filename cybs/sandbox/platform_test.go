package sandbox

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

// vectorKey is a certificate with its key from the shared vectors.
func vectorKey(t *testing.T, name string) *cybs.Certificate {
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
	c, err := cybs.ParseCertificate([]byte(f.Keys[name].CertificatePEM), []byte(f.Keys[name].PrivateKeyPEM))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// encryptingSandbox plays Cybersource's side of the vectors: it has their platform key, and the egress certificate of
// the merchant, to which answers go.
func encryptingSandbox(t *testing.T) (*Sandbox, sdkFile) {
	t.Helper()
	b, err := os.ReadFile("../testdata/sdk-requests.json")
	if err != nil {
		t.Fatal(err)
	}
	var f sdkFile
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	s := vectorSandbox(t, vectorFile{
		MerchantID: f.MerchantID, KeyID: f.KeyID, SecretBase64: f.SecretBase64, CertificatePEM: readVectors(t, "jwt.json").CertificatePEM,
	})
	s.cfg.API.PlatformCertificate = vectorKey(t, "requestMle")
	egress, err := s.readCertificate(pubOf(vectorKey(t, "egress")))
	if err != nil {
		t.Fatal(err)
	}
	s.certs[f.MerchantID] = []mleCertificate{egress}
	return s, f
}

func certificateOf(t *testing.T, c *cybs.Certificate) *x509.Certificate {
	t.Helper()
	parsed, err := x509.ParseCertificate(c.DER())
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func pubOf(c *cybs.Certificate) string { return base64.StdEncoding.EncodeToString(c.DER()) }

func TestEncryptedCallsOfTheSDKAndOfOurClient(t *testing.T) {
	t.Parallel()
	s, f := encryptingSandbox(t)
	s.cfg.Now = func() time.Time { return time.UnixMilli(f.NowEpochMs) }
	i := slices.IndexFunc(f.Requests, func(r sdkRequest) bool { return r.ID == "variant/request-mle-create" })
	recorded := f.Requests[i]
	req := httptest.NewRequestWithContext(t.Context(), recorded.Method, recorded.Target, strings.NewReader(*recorded.Body))
	for _, h := range recorded.Headers {
		req.Header.Add(h[0], h[1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, req)
	plain, err := cybs.DecryptResponse(w.Body.Bytes(), cybs.MLEKey{Certificate: vectorKey(t, "egress")})
	if err != nil || w.Code != http.StatusCreated || !strings.Contains(string(plain), `"webhookId"`) {
		t.Fatalf("the SDK's request: %d %s, %v", w.Code, w.Body, err)
	}

	s.cfg.Now = time.Now
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	secret := secretOf(t, f.SecretBase64)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	platform := vectorKey(t, "requestMle")
	client, err := cybs.New(cybs.Config{
		BaseURL: server.URL, HTTPClient: &http.Client{Transport: transport},
		Credentials: cybs.Credentials{MerchantID: f.MerchantID, KeyID: f.KeyID, Secret: secret},
		MLE:         cybs.MLE{Encrypt: true, Certificate: certificateOf(t, platform), ResponseKey: &cybs.MLEKey{Certificate: vectorKey(t, "egress")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if key, err := client.CreateSignatureKey(t.Context(), f.MerchantID, cybs.SignatureKeyOptions{}); err != nil || len(key.Key) != 32 {
		t.Errorf("create key: %v", err)
	}
	if _, err := client.GetSubscription(t.Context(), "nobody"); !errors.Is(err, cybs.ErrNotFound) {
		t.Errorf("an encrypted error: %v", err)
	}
}

func TestEncryptedRequestThatDoesNotOpenIsRefused(t *testing.T) {
	t.Parallel()
	s, _ := encryptingSandbox(t)
	for _, body := range []string{`{"encryptedRequest":"a.b.c.d.e"}`, `{"encryptedRequest":""}`} {
		var p *problem
		if _, err := s.openBody([]byte(body)); !errors.As(err, &p) || p.status != http.StatusBadRequest {
			t.Errorf("%s: got %v, want a 400", body, err)
		}
	}
	if got, err := s.openBody([]byte(`{"name":"n"}`)); err != nil || string(got) != `{"name":"n"}` {
		t.Errorf("plain body: %s %v", got, err)
	}
}
