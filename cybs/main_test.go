package cybs

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The moment at which all shared vectors were made.
const vectorEpochMs = 1800008130417

func vectorNow() time.Time { return time.UnixMilli(vectorEpochMs) }

func loadVectors(tb testing.TB, name string, out any) {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatalf("read vectors: %v", err)
	}
	if err := json.Unmarshal(b, out); err != nil {
		tb.Fatalf("decode %s: %v", name, err)
	}
}

func mustSecret(tb testing.TB, text string) Secret {
	tb.Helper()
	s, err := ParseSecret(text)
	if err != nil {
		tb.Fatalf("parse secret: %v", err)
	}
	return s
}

// The secret of the reference's worked examples, and its text.
const testSecretText = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

func testCredentials(tb testing.TB) Credentials {
	tb.Helper()
	return Credentials{
		Scheme: HTTPSignature, OrganizationID: "my_org", MerchantID: "my_org", KeyID: "key-1",
		Secret: mustSecret(tb, testSecretText),
	}
}

// newTestClient returns a client of a server that answers with handler below a base path. It records its pauses
// instead of waiting.
func newTestClient(tb testing.TB, handler http.HandlerFunc, change ...func(*Config)) (*Client, *pauses) {
	tb.Helper()
	mux := http.NewServeMux()
	mux.Handle("/base/", http.StripPrefix("/base", handler))
	srv := httptest.NewServer(mux)
	tb.Cleanup(srv.Close)
	cfg := Config{BaseURL: srv.URL + "/base/", Credentials: testCredentials(tb), HTTPClient: srv.Client(), Now: vectorNow}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		tb.Fatalf("new client: %v", err)
	}
	p := &pauses{}
	c.pause = p.pause
	return c, p
}

// answer always gives the same answer.
func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}
