package web

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
)

const (
	minPasswordRunes = 12
	maxPasswordBytes = 256
	// maxHashing bounds the memory that strangers at the sign-in page can make us use: 19 MiB each.
	maxHashing = 2
)

// nobodysHash is the hash of a password nobody has, with passwordParams: checking it takes as long as checking a real one, so
// that the time of a refusal does not tell whether the person exists.
const nobodysHash = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5c3NhbHQwMDAwMQ$Zr7cVFhbyFEc6d8hRhGfXGsrpV0p4LkYTO3BzKGyr9s"

// passwords hashes and checks, a few at a time.
type passwords struct {
	params argon2id.Params
	slots  chan struct{}
}

func newPasswords() *passwords {
	return &passwords{
		params: argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32},
		slots:  make(chan struct{}, maxHashing),
	}
}

// hash returns the PHC string to store.
func (p *passwords) hash(ctx context.Context, password string) (string, error) {
	if err := p.enter(ctx); err != nil {
		return "", err
	}
	defer p.leave()
	hash, err := argon2id.CreateHash(password, &p.params)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return hash, nil
}

// check waits for a turn and compares.
func (p *passwords) check(ctx context.Context, password, hash string) (match, weak bool, err error) {
	if err := p.enter(ctx); err != nil {
		return false, false, err
	}
	defer p.leave()
	return p.compare(password, hash)
}

// compare reports whether the password fits the hash, and whether the hash is weaker than those made today. The caller has entered.
func (p *passwords) compare(password, hash string) (match, weak bool, err error) {
	match, params, err := argon2id.CheckHash(password, hash)
	if err != nil {
		return false, false, fmt.Errorf("check password: %w", err)
	}
	return match, params.Memory < p.params.Memory || params.Iterations < p.params.Iterations, nil
}

func (p *passwords) enter(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait to hash: %w", ctx.Err())
	}
}

func (p *passwords) leave() { <-p.slots }

// passwordProblem says what is wrong with a new password, or "". The rules are few, and said beside the field: length is
// what counts.
func passwordProblem(password, email string) string {
	lower := strings.ToLower(password)
	name, _, _ := strings.Cut(strings.ToLower(email), "@")
	switch {
	case password == "":
		return "Choose a password."
	case utf8.RuneCountInString(password) < minPasswordRunes:
		return fmt.Sprintf("Use at least %d characters. A few words in a row are easy to remember.", minPasswordRunes)
	case distinctRunes(password) < 5:
		return "Use at least five different characters."
	case name != "" && len(name) > 3 && strings.Contains(lower, name):
		return "Leave your e-mail address out of it: it is the first thing others would try."
	case isCommon(lower):
		return "Many people use this one, so it is tried first. Choose another."
	}
	return ""
}

// isCommon knows the passwords of twelve and more characters that lead every list of leaked ones, and runs of the keyboard.
func isCommon(lower string) bool {
	for _, run := range []string{"abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "98765432109876543210", "qwertyuiopasdfghjklzxcvbnm", "1q2w3e4r5t6y7u8i9o0p", "qazwsxedcrfvtgbyhnujm"} {
		if strings.Contains(run, lower) {
			return true
		}
	}
	for _, stem := range []string{"password", "passw0rd", "welcome", "letmein", "administrator", "switchboard", "cybersource", "changeme", "qwerty", "iloveyou"} {
		if rest := strings.Trim(strings.ReplaceAll(lower, stem, ""), "0123456789!?.@#$_- "); strings.Contains(lower, stem) && rest == "" {
			return true
		}
	}
	return false
}

func distinctRunes(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}
