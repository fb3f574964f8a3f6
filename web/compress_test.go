package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web/webtest"
)

func unpack(t *testing.T, body string) string {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPagesAreCompressedForThoseWhoTakeIt(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	in := srv.As(store.RoleEditor)
	for _, path := range []string{paths.Overview, paths.Notifications, paths.Subscriptions, paths.NewSubscription, paths.SignIn + "?next=/", "/no/such/page"} {
		plain := in.Get(path)
		packed := in.With("Accept-Encoding", "gzip, deflate, br, zstd").Get(path)
		if plain.Header.Get("Content-Encoding") != "" || plain.Header.Get("Location") != "" {
			continue
		}
		if got := packed.Header.Get("Content-Encoding"); got != "gzip" {
			t.Errorf("%s is sent as %q", path, got)
			continue
		}
		if vary := strings.Join(packed.Header.Values("Vary"), ","); !strings.Contains(vary, "Accept-Encoding") || !strings.Contains(vary, "HX-Request") {
			t.Errorf("%s varies by %q", path, vary)
		}
		if len(packed.Body) > len(plain.Body)/3 {
			t.Errorf("%s takes %d bytes, and %d compressed", path, len(plain.Body), len(packed.Body))
		}
		if text := unpack(t, packed.Body); !strings.HasSuffix(strings.TrimSpace(text), "</html>") {
			t.Errorf("%s is cut off when compressed", path)
		}
	}
	for _, header := range []string{"", "identity", "br", "gzip;q=0", "*;q=0"} {
		if got := in.With("Accept-Encoding", header).Get(paths.Notifications).Header.Get("Content-Encoding"); got != "" {
			t.Errorf("Accept-Encoding %q is answered with %q", header, got)
		}
	}
	head := in.With("Accept-Encoding", "gzip").Do(http.MethodHead, paths.Notifications, nil).Wants(http.StatusOK)
	if head.Body != "" {
		t.Errorf("HEAD has a body of %d bytes", len(head.Body))
	}
}

func TestStreamsAreNotCompressed(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	resp := srv.As(store.RoleViewer).With("Accept-Encoding", "gzip").Open(paths.LiveNotifications)
	defer func() { _ = resp.Body.Close() }() // a stream has no end to read to
	if got := resp.Header.Get("Content-Encoding"); got != "" || resp.StatusCode != http.StatusOK {
		t.Errorf("the stream answers %d, encoded as %q", resp.StatusCode, got)
	}
}

// What is the same in each answer can be guessed from its compressed length.
func TestCSRFTokenDiffersInEachAnswer(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	for name, browser := range map[string]*webtest.Client{"signed in": srv.As(store.RoleViewer), "stranger": srv.Stranger()} {
		browser.Get(paths.SignIn) // the cookie
		seen := map[string]bool{}
		for range 20 {
			token := browser.CSRFToken()
			for i := 0; i+16 <= len(token); i++ {
				if part := token[i : i+16]; seen[part] {
					t.Fatalf("%s: %q stands in two answers", name, part)
				}
			}
			for i := 0; i+16 <= len(token); i++ {
				seen[token[i:i+16]] = true
			}
		}
	}
	browser := srv.As(store.RoleViewer)
	first, second := browser.CSRFToken(), browser.CSRFToken()
	for _, token := range []string{second, first, first} {
		browser.Do(http.MethodPost, paths.Preferences, map[string][]string{"_csrf": {token}, "theme": {"dark"}}).Wants(http.StatusSeeOther)
	}
}
