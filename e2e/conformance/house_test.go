package conformance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// childMerchant is the merchant that a meta key acts for.
const childMerchant = "webhook_child_mid"

// vectors is what the shared files hold of credentials.
type vectors struct {
	MerchantID     string `json:"merchantId"`
	KeyID          string `json:"keyId"`
	SecretBase64   string `json:"secretBase64"`
	CertificatePEM string `json:"certificatePem"`
	P12            struct{ Password, Base64 string }
	Keys           map[string]struct{ CertificatePEM string }
}

func readVectors(t *testing.T, name string, into any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "cybs", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// house is a sandbox behind TLS with a certificate of its own authority, and a receiver.
type house struct {
	host     string
	dir      string
	ca       string // file
	mle      string // certificate for keys-asym
	vectors  vectors
	receiver *receiver
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{dir: t.TempDir(), receiver: newReceiver(t)}
	var requests struct{ KeyID, SecretBase64 string }
	readVectors(t, "jwt.json", &h.vectors)
	readVectors(t, "mle.json", &h.vectors)
	readVectors(t, "sdk-requests.json", &requests)
	h.vectors.KeyID, h.vectors.SecretBase64 = requests.KeyID, requests.SecretBase64
	h.mle = certificateText(t, h.vectors.Keys["egress"].CertificatePEM)
	h.startSandbox(t)
	p12, err := base64.StdEncoding.DecodeString(h.vectors.P12.Base64)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.dir, "credentials.p12"), p12, 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) startSandbox(t *testing.T) {
	t.Helper()
	secret, err := cybs.ParseSecret(h.vectors.SecretBase64)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(h.vectors.CertificatePEM))
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	cfg := sandbox.Config{
		Organizations: []sandbox.Organization{
			{
				OrganizationID: h.vectors.MerchantID, Keys: []sandbox.APIKey{{KeyID: h.vectors.KeyID, Secret: secret}},
				Certificates: []*x509.Certificate{certificate},
			},
			{OrganizationID: childMerchant, ParentID: h.vectors.MerchantID},
		},
		AllowPlainHTTP: true, InstantApproval: true, ActivationDelay: -1,
	}
	cfg.API.OfferReplay = true
	s, err := sandbox.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := sandbox.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	h.ca = filepath.Join(h.dir, "ca.pem")
	if err := os.WriteFile(h.ca, authority.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	own, err := authority.Issue("sandbox", time.Now(), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(s.Handler())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	h.host = strings.TrimPrefix(server.URL, "https://")
	if err := s.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
}

// received is one notification that came.
type received struct {
	Header http.Header
	Body   []byte
}

// receiver answers health pings, and 200 to everything else.
type receiver struct {
	URL  string
	came chan received
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{came: make(chan received, 100)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if req.URL.Path == "/hook" {
			r.came <- received{req.Header, body}
		}
		w.WriteHeader(http.StatusOK)
	}))
	t.Cleanup(server.Close)
	r.URL = server.URL
	return r
}

func (r *receiver) next(t *testing.T) received {
	t.Helper()
	select {
	case got := <-r.came:
		return got
	case <-time.After(patience):
		t.Fatal("no notification came")
		return received{}
	}
}
