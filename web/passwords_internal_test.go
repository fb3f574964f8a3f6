package web

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/alexedwards/argon2id"
)

func TestNobodysHashCostsAsMuchAsARealOne(t *testing.T) {
	t.Parallel()
	params, salt, key, err := argon2id.DecodeHash(nobodysHash)
	if err != nil {
		t.Fatal(err)
	}
	if want := newPasswords().params; params.Memory != want.Memory || params.Iterations != want.Iterations || params.Parallelism != want.Parallelism ||
		len(salt) != int(want.SaltLength) || len(key) != int(want.KeyLength) {
		t.Errorf("nobody's hash has %+v, real ones %+v", params, want)
	}
}

func TestPasswordRules(t *testing.T) {
	t.Parallel()
	const email = "grace.hopper@example.com"
	cases := []struct{ password, says string }{
		{"", "Choose a password"},
		{"eleven char", "at least 12 characters"},
		{"äöüäöüäöüäö", "at least 12 characters"}, // characters, not bytes
		{"abababababab", "five different characters"},
		{"i am Grace.Hopper, hello", "Leave your e-mail address out"},
		{"Password123456", "Many people use this one"},
		{"12345678901234", "Many people use this one"},
		{"qwertyuiopas", "Many people use this one"},
		{"switchboard-2026!", "Many people use this one"},
		{"my password is a whole sentence", ""},
		{"correct horse battery staple", ""},
		{"zwölf grüne Äpfel", ""},
		{"x7$kQ9!vLp2#", ""},
	}
	for _, c := range cases {
		got := passwordProblem(c.password, email)
		if (c.says == "") != (got == "") || !strings.Contains(got, c.says) {
			t.Errorf("%q: %q, want %q", c.password, got, c.says)
		}
	}
	if got := passwordProblem("i love my bob cat", "bob@example.com"); got != "" {
		t.Errorf("a short name inside a password is no harm, but: %q", got)
	}
}

func TestHashingWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	p := newPasswords()
	for range maxHashing {
		if err := p.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.hash(gone, "four plain words here"); !errors.Is(err, context.Canceled) {
		t.Errorf("a hash beyond the bound: %v, want to have waited", err)
	}
	p.leave()
	hash, err := p.hash(t.Context(), "four plain words here")
	if err != nil {
		t.Fatal(err)
	}
	if match, weak, err := p.check(t.Context(), "four plain words here", hash); !match || weak || err != nil {
		t.Errorf("check = %v, weak %v, %v", match, weak, err)
	}
	if match, _, err := p.check(t.Context(), "four plain words there", hash); match || err != nil {
		t.Errorf("another password: %v, %v", match, err)
	}
	if _, _, err := p.check(t.Context(), "x", "no hash"); err == nil {
		t.Error("what is no hash was checked")
	}
}

func FuzzLocalPath(f *testing.F) {
	for _, seed := range []string{"/", "/a?b=c", "//x", `/\x`, "/\tx", "https://x", "javascript:x", "/%2f/x", "/a//b", " /a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, to string) {
		got := localPath(to)
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\r\n\t") {
			t.Errorf("localPath(%q) = %q, which a browser may read as another host", to, got)
		}
	})
}
