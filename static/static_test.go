package static

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, method, url string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, url, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w
}

func TestEveryFileIsServedAtItsHashedAddress(t *testing.T) {
	t.Parallel()
	names := Names()
	if len(names) < 7 {
		t.Fatalf("got only %d files: %v", len(names), names)
	}
	for _, name := range names {
		w := get(t, http.MethodGet, URL(name))
		if w.Code != http.StatusOK {
			t.Errorf("%s: got status %d, want 200", name, w.Code)
			continue
		}
		sum := sha256.Sum256(w.Body.Bytes())
		if want := hex.EncodeToString(sum[:8]); !strings.Contains(URL(name), want) {
			t.Errorf("%s: address %s lacks the hash %s of what is served", name, URL(name), want)
		}
		if got := w.Header().Get("Cache-Control"); !strings.Contains(got, "immutable") {
			t.Errorf("%s: got Cache-Control %q, want immutable", name, got)
		}
		if got := w.Header().Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("%s: got X-Content-Type-Options %q, want nosniff", name, got)
		}
	}
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"app.css": "text/css; charset=utf-8", "app.js": "text/javascript; charset=utf-8",
		"mark.svg": "image/svg+xml", "inter-latin-wght-normal.woff2": "font/woff2",
	}
	for name, kind := range want {
		if got := get(t, http.MethodGet, URL(name)).Header().Get("Content-Type"); got != kind {
			t.Errorf("%s: got %q, want %q", name, got, kind)
		}
	}
}

func TestAnOldHashIsServedButNotKept(t *testing.T) {
	t.Parallel()
	w := get(t, http.MethodGet, "/static/0000000000000000/app.css")
	if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("got %d, %q; want 200, no-cache", w.Code, w.Header().Get("Cache-Control"))
	}
}

func TestWhatIsNotThere(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		URL("nothing.css"), "/static/app.css", "/static/a/b/app.css", "/other/x/app.css",
		"/static/x/README.md", "/static/x/LICENSE.inter", "/static/x/", "/static/x/..%2f..%2fstatic.go",
	} {
		if w := get(t, http.MethodGet, url); w.Code != http.StatusNotFound {
			t.Errorf("%s: got %d, want 404", url, w.Code)
		}
	}
	if w := get(t, http.MethodPost, URL("app.css")); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: got %d, want 405", w.Code)
	}
}

func TestGzipIsTheSameFile(t *testing.T) {
	t.Parallel()
	plain := get(t, http.MethodGet, URL("app.css"))
	packed := get(t, http.MethodGet, URL("app.css"), "Accept-Encoding", "br, gzip")
	if packed.Header().Get("Content-Encoding") != "gzip" || packed.Header().Get("Vary") != "Accept-Encoding" {
		t.Fatalf("got headers %v, want gzip and Vary", packed.Header())
	}
	z, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != plain.Body.String() {
		t.Error("the packed file differs from the plain one")
	}
	if packed.Header().Get("ETag") == plain.Header().Get("ETag") {
		t.Error("two forms of the file have one ETag")
	}
	for _, refused := range []string{"", "identity", "gzip;q=0", "gzip; q=0.000, *", "br", "*;q=0"} {
		if got := get(t, http.MethodGet, URL("app.css"), "Accept-Encoding", refused).Header().Get("Content-Encoding"); got != "" {
			t.Errorf("Accept-Encoding %q is answered with %q", refused, got)
		}
	}
	if part := get(t, http.MethodGet, URL("app.css"), "Range", "bytes=0-9"); part.Code != http.StatusPartialContent || part.Body.Len() != 10 {
		t.Errorf("a range: got %d with %d bytes", part.Code, part.Body.Len())
	}
	if font := get(t, http.MethodGet, URL("inter-latin-wght-normal.woff2"), "Accept-Encoding", "gzip"); font.Header().Get("Content-Encoding") != "" {
		t.Error("a font, which is packed already, was packed again")
	}
}

func TestHeadAndNotModified(t *testing.T) {
	t.Parallel()
	head := get(t, http.MethodHead, URL("app.js"))
	if head.Code != http.StatusOK || head.Body.Len() != 0 || head.Header().Get("Content-Length") == "0" {
		t.Errorf("HEAD: got %d with %d bytes", head.Code, head.Body.Len())
	}
	for _, tag := range []string{head.Header().Get("ETag"), "W/" + head.Header().Get("ETag"), `"other", ` + head.Header().Get("ETag"), "*"} {
		if again := get(t, http.MethodGet, URL("app.js"), "If-None-Match", tag); again.Code != http.StatusNotModified {
			t.Errorf("If-None-Match %s: got %d, want 304", tag, again.Code)
		}
	}
	again := get(t, http.MethodGet, URL("app.js"), "If-None-Match", head.Header().Get("ETag"))
	if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("got %d with %d bytes, want 304 and none", again.Code, again.Body.Len())
	}
}

func TestFilesLoadNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	outside := regexp.MustCompile(`url\(["']?(https?:|//|data:|font:)|@import|src=["']https?:`)
	for _, name := range []string{"app.css", "styleguide.css", "app.js", "mark.svg"} {
		if found := outside.FindString(get(t, http.MethodGet, URL(name)).Body.String()); found != "" {
			t.Errorf("%s holds %q", name, found)
		}
	}
	if css := get(t, http.MethodGet, URL("app.css")).Body.String(); !strings.Contains(css, URL("jetbrains-mono-latin-wght-normal.woff2")) {
		t.Error("the stylesheet does not name the font's hashed address")
	}
}

// The whole page must stay below 100 kB without fonts; what is served here is most of it.
func TestTransferStaysSmall(t *testing.T) {
	t.Parallel()
	const limit = 50 << 10
	sum := 0
	for _, name := range []string{"app.css", "app.js", "htmx.min.js", "hx-sse.min.js", "mark.svg"} {
		sum += get(t, http.MethodGet, URL(name), "Accept-Encoding", "gzip").Body.Len()
	}
	if sum > limit {
		t.Errorf("styles and scripts take %d bytes packed, want at most %d", sum, limit)
	}
}

func TestThirdPartyFilesAreThePinnedOnes(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("third_party/README.md")
	if err != nil {
		t.Fatal(err)
	}
	pins := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` .*`([0-9a-f]{64})`").FindAllStringSubmatch(string(readme), -1) {
		pins[m[1]] = m[2]
	}
	entries, err := os.ReadDir("third_party")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == "README.md" || strings.HasPrefix(e.Name(), "LICENSE.") {
			continue
		}
		body, err := os.ReadFile("third_party/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(body)
		if got := hex.EncodeToString(sum[:]); got != pins[e.Name()] {
			t.Errorf("%s: got SHA-256 %s, pinned is %q", e.Name(), got, pins[e.Name()])
		}
		delete(pins, e.Name())
	}
	for name := range pins {
		t.Errorf("%s is pinned and missing", name)
	}
}
