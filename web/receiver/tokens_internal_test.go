package receiver

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
)

func testSigner() tokenSigner { return tokenSigner{[]store.Secret{bytes.Repeat([]byte{1}, 32)}} }

func TestTokensAreReadWithTheKeysThatSignedThem(t *testing.T) {
	t.Parallel()
	former := testSigner()
	now := tokenSigner{append([]store.Secret{bytes.Repeat([]byte{2}, 32)}, former.keys...)}
	want := ownToken{clientID: 1 << 40, expires: time.Unix(1_900_000_000, 0).UTC()}
	for name, text := range map[string]string{"the newest key": now.sign(want), "a former key": former.sign(want)} {
		if got, err := now.read(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
	if _, err := former.read(now.sign(want)); !errors.Is(err, errTokenForge) {
		t.Errorf("a key that is gone: %v, want %v", err, errTokenForge)
	}
	if first, second := now.sign(want), now.sign(want); first == second {
		t.Error("two tokens are the same")
	}
}

// No text but one that was signed is a token, and none makes the reader fail.
func FuzzOwnToken(f *testing.F) {
	signer := testSigner()
	said := ownToken{clientID: 7, expires: time.Unix(1_900_000_000, 0).UTC()}
	right := signer.sign(said) // every process of the fuzzer has another one
	for _, seed := range []string{right, "", "A", right[:75], right + "A", strings.Repeat("A", 76), strings.Repeat("-", 76), "eyJhbGciOiJub25lIn0.e30.", right[:20] + "\x00" + right[21:]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := signer.read(text)
		if err != nil {
			if got != (ownToken{}) || !errors.Is(err, errTokenForm) && !errors.Is(err, errTokenForge) {
				t.Errorf("refused as %v, with %+v", err, got)
			}
			return
		}
		if got != said {
			t.Errorf("%q is taken for a token that says %+v", text, got)
		}
	})
}

// A form that is taken has one value for each name and one way of authentication, and its header is no longer than it was.
func FuzzTokenForm(f *testing.F) {
	for _, seed := range [][2]string{
		{"grant_type=client_credentials&client_id=a&client_secret=b", ""},
		{"grant_type=client_credentials", "Basic YTpi"},
		{"client_id=a&client_id=b", ""},
		{"client_secret=a", "Basic YTpi"},
		{"client_assertion=a.b.c&client_assertion_type=x", "Basic"},
		{"a=%zz", "Basic !!!"},
		{"client_id=%00&client_secret=%ff;x", "Basic JXp6OiV6eg=="},
		{strings.Repeat("a&", 1000), "Bearer x"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, body, authorization string) {
		var lines []string
		if authorization != "" {
			lines = []string{authorization}
		}
		asked, err := parseTokenForm(body, lines)
		var refusal *tokenRefusal
		if err != nil {
			if !errors.As(err, &refusal) || refusal.status < 400 || refusal.status > 401 || refusal.code == "" || refusal.reason == "" {
				t.Errorf("refused as %v", err)
			}
			return
		}
		for name, values := range asked.form {
			if len(values) != 1 {
				t.Errorf("%q has %d values", name, len(values))
			}
		}
		if authorization != "" && !asked.basic || asked.basic && (asked.form.Has("client_assertion") || asked.form.Get("client_secret") != "") {
			t.Errorf("taken with header %q and form %q", authorization, body)
		}
		if len(asked.id)+len(asked.secret) > len(body)+len(authorization) {
			t.Error("credentials are longer than what came")
		}
	})
}

// Bearer headers are taken apart without repeating what they hold.
func FuzzBearer(f *testing.F) {
	for _, seed := range []string{"Bearer abc", "bearer  abc ", "Bearer", "Basic YTpi", "", "secret-without-scheme", "Bearer a b", "\x00 \x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		token, refused := bearer(map[string][]string{"Authorization": {line}})
		if (token == "") != (refused.reason != "") {
			t.Errorf("token %q, refused for %q", token, refused.reason)
		}
		if secret := strings.TrimSpace(line); len(secret) > 24 && strings.Contains(refused.detail, secret) {
			t.Errorf("%q is repeated in %q", secret, refused.detail)
		}
	})
}

// A token costs a delivery two HMAC blocks and no look into the database.
func BenchmarkOwnToken(b *testing.B) {
	signer := testSigner()
	text := signer.sign(ownToken{clientID: 7, expires: time.Unix(1_900_000_000, 0)})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := signer.read(text); err != nil {
			b.Fatal(err)
		}
	}
}
