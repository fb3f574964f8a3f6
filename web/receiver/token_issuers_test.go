package receiver_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

const externalAudience = "https://switchboard.example"

// tokenIssuer is somebody's own authorization server.
type tokenIssuer struct {
	url string

	mu      sync.Mutex
	kid     string
	key     *ecdsa.PrivateKey
	away    bool
	fetched int
}

func newTokenIssuer(t *testing.T) *tokenIssuer {
	t.Helper()
	i := &tokenIssuer{}
	i.rotate(t, "key-1")
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	i.url = server.URL
	return i
}

// rotate makes a new key, and publishes it alone.
func (i *tokenIssuer) rotate(t *testing.T, kid string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.kid, i.key = kid, key
}

func (i *tokenIssuer) setAway(away bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.away = away
}

func (i *tokenIssuer) fetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetched
}

func (i *tokenIssuer) policy() store.TokenPolicy {
	return store.TokenPolicy{Server: store.TokensExternal, Issuer: i.url, Audience: externalAudience, JWKSURL: i.url + "/jwks", Scope: "webhooks.deliver"}
}

// claims are what its tokens say; a test changes what matters to it.
func (i *tokenIssuer) claims(now time.Time) map[string]any {
	return map[string]any{"iss": i.url, "aud": externalAudience, "sub": "cybersource", "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "scope": "other webhooks.deliver"}
}

func (i *tokenIssuer) sign(claims map[string]any) (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: i.key}, (&jose.SignerOptions{}).WithHeader("kid", i.kid))
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}

func (i *tokenIssuer) token(t *testing.T, change func(map[string]any)) string {
	t.Helper()
	claims := i.claims(time.Now())
	if change != nil {
		change(claims)
	}
	token, err := i.sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// ServeHTTP answers for keys and tokens.
func (i *tokenIssuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var answer any
	switch r.URL.Path {
	case "/jwks":
		i.mu.Lock()
		i.fetched++
		away := i.away
		answer = map[string]any{"keys": []any{
			map[string]string{"kty": "oct", "k": "c2VjcmV0", "kid": "symmetric"},
			map[string]string{"kty": "future"},
			jose.JSONWebKey{Key: i.key.Public(), KeyID: i.kid, Algorithm: "ES256", Use: "sig"},
		}}
		i.mu.Unlock()
		if away {
			http.Error(w, "away", http.StatusBadGateway)
			return
		}
	default:
		token, err := i.sign(i.claims(time.Now()))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer = map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 300}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // the test's client is there
}

// newExternalDoor opens a door whose subscription takes an external issuer's tokens.
func newExternalDoor(t *testing.T, i *tokenIssuer, options ...option) *door {
	t.Helper()
	d := newHouse(t)
	d.demand(t, store.SecurityOAuth, store.Policy{Tokens: i.policy()})
	d.open(t, options...)
	return d
}

// demand sets the subscription's policy.
func (d *door) demand(t *testing.T, security string, p store.Policy) {
	t.Helper()
	if err := d.store.SetSubscriptionPolicy(t.Context(), d.sub.ID, security, p); err != nil {
		t.Fatal(err)
	}
}

// with sends a signed delivery with a token and returns its reason, "" when it was verified, with its words.
func (d *door) with(t *testing.T, trace, token string) (status int, reason, detail string) {
	t.Helper()
	response := d.signed(t, notice{trace: trace}.body(), "Authorization", "Bearer "+token)
	if response.StatusCode == http.StatusServiceUnavailable {
		return response.StatusCode, "", ""
	}
	got := d.newest(t)
	if strings.Contains(got.ReasonDetail, token) {
		t.Errorf("the token is told in %q", got.ReasonDetail)
	}
	return response.StatusCode, got.Reason, got.ReasonDetail
}

func TestTokensOfAnExternalIssuerAreJudged(t *testing.T) {
	t.Parallel()
	issuer, other := newTokenIssuer(t), newTokenIssuer(t)
	d := newExternalDoor(t, issuer)
	set := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) { c[name] = value }
	}
	hmacSigned := func() string {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat("s", 32))}, nil)
		if err != nil {
			t.Fatal(err)
		}
		token, err := jwt.Signed(signer).Claims(issuer.claims(time.Now())).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	const none = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJhIn0."
	for name, c := range map[string]struct{ token, reason, says string }{
		"right":                        {issuer.token(t, nil), "", ""},
		"scope as a list":              {issuer.token(t, func(c map[string]any) { delete(c, "scope"); c["scp"] = []string{"webhooks.deliver"} }), "", ""},
		"one of several audiences":     {issuer.token(t, set("aud", []string{"a", externalAudience})), "", ""},
		"of another issuer's key":      {other.token(t, set("iss", issuer.url)), receiver.ReasonTokenInvalid, "none of the issuer's keys"},
		"of another issuer":            {issuer.token(t, set("iss", "https://other.example")), receiver.ReasonTokenInvalid, "https://other.example"},
		"for another audience":         {issuer.token(t, set("aud", "somebody")), receiver.ReasonTokenInvalid, "somebody"},
		"without an end":               {issuer.token(t, func(c map[string]any) { delete(c, "exp") }), receiver.ReasonTokenInvalid, "no end"},
		"not yet valid":                {issuer.token(t, set("nbf", time.Now().Add(time.Hour).Unix())), receiver.ReasonTokenInvalid, "begins only"},
		"expired":                      {issuer.token(t, set("exp", time.Now().Add(-2*time.Minute).Unix())), receiver.ReasonTokenExpired, "ended at"},
		"without the scope":            {issuer.token(t, set("scope", "webhooks.delive")), receiver.ReasonTokenInvalid, "webhooks.deliver"},
		"no JWT":                       {"abc", receiver.ReasonTokenInvalid, "no JWT"},
		"signed with nothing":          {none, receiver.ReasonTokenInvalid, "no JWT"},
		"signed with a shared secret":  {hmacSigned(), receiver.ReasonTokenInvalid, "no JWT"},
		"changed after it was signed":  {issuer.token(t, nil)[:40] + "A" + issuer.token(t, nil)[41:], receiver.ReasonTokenInvalid, ""},
		"longer than any":              {strings.Repeat("a", 20<<10), receiver.ReasonTokenInvalid, "20480 bytes"},
		"with a header that is no key": {issuer.token(t, set("iss", 7)), receiver.ReasonTokenInvalid, ""},
	} {
		status, reason, detail := d.with(t, name, c.token)
		if want := statusOf(c.reason); status != want || reason != c.reason || !strings.Contains(detail, c.says) {
			t.Errorf("%s: answered %d, reason %q (%s); want %d, %q with %q", name, status, reason, detail, want, c.reason, c.says)
		}
	}
}

func statusOf(reason string) int {
	if reason == "" {
		return http.StatusOK
	}
	return http.StatusUnauthorized
}

func TestAnIssuersNewKeyIsFetchedOnceItIsMet(t *testing.T) {
	t.Parallel()
	issuer := newTokenIssuer(t)
	clock := newClock()
	d := newExternalDoor(t, issuer, clock.set)
	if status, reason, detail := d.with(t, "before", issuer.token(t, nil)); status != http.StatusOK {
		t.Fatalf("answered %d, %s %s", status, reason, detail)
	}
	issuer.rotate(t, "key-2")
	fetched := issuer.fetches()
	if status, reason, _ := d.with(t, "too early", issuer.token(t, nil)); status != http.StatusUnauthorized || reason != receiver.ReasonTokenInvalid {
		t.Errorf("a moment after the last fetch: answered %d, %s; want the key unknown", status, reason)
	}
	if got := issuer.fetches(); got != fetched {
		t.Errorf("%d more fetches, want none so soon", got-fetched)
	}
	clock.pass(11 * time.Second)
	if status, reason, detail := d.with(t, "later", issuer.token(t, nil)); status != http.StatusOK {
		t.Errorf("with the new key: answered %d, %s %s", status, reason, detail)
	}
	clock.pass(11 * time.Second)
	fetched = issuer.fetches()
	for n := range 20 {
		foreign := newTokenIssuer(t)
		foreign.rotate(t, fmt.Sprint("made up ", n))
		d.with(t, fmt.Sprint("made up ", n), foreign.token(t, nil))
	}
	if got := issuer.fetches(); got > fetched+1 {
		t.Errorf("%d fetches for made-up keys, want one", got-fetched)
	}
}

func TestAnIssuerMayBeAwayForAWhile(t *testing.T) {
	t.Parallel()
	issuer := newTokenIssuer(t)
	clock := newClock()
	d := newExternalDoor(t, issuer, clock.set)
	if status, reason, detail := d.with(t, "before", issuer.token(t, nil)); status != http.StatusOK {
		t.Fatalf("answered %d, %s %s", status, reason, detail)
	}
	issuer.setAway(true)
	token := issuer.token(t, func(c map[string]any) { c["exp"] = time.Now().Add(72 * time.Hour).Unix() })
	clock.pass(3 * time.Hour)
	if status, reason, detail := d.signedAt(t, clock, "three hours later", token); status != http.StatusOK {
		t.Errorf("three hours without the issuer: answered %d, %s %s", status, reason, detail)
	}
	// Another replica, or the next start, finds the keys that were fetched last.
	second := d.second(t, clock.set)
	if status, reason, detail := second.signedAt(t, clock, "next start", token); status != http.StatusOK {
		t.Errorf("after a start without the issuer: answered %d, %s %s", status, reason, detail)
	}
	// A key that may have been withdrawn for a day counts no more, and it is not the sender's fault.
	clock.pass(24 * time.Hour)
	if status, _, _ := d.signedAt(t, clock, "a day later", token); status != http.StatusServiceUnavailable {
		t.Errorf("a day without the issuer: answered %d, want 503", status)
	}
	issuer.setAway(false)
	clock.pass(11 * time.Second)
	if status, reason, detail := d.signedAt(t, clock, "back", token); status != http.StatusOK {
		t.Errorf("with the issuer back: answered %d, %s %s", status, reason, detail)
	}
	if d.metric(t, "switchboard_issuer_key_failures_total") == 0 {
		t.Error("failed fetches are not counted")
	}
}
