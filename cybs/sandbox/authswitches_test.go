package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/switchboardhq/switchboard/cybs"
)

const hmacSecret = "thirty-two bytes of shared secret"

// bearer signs claims with the key "key" of organization "org".
func bearer(t *testing.T, claims map[string]any) authRequest {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(hmacSecret)},
		(&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", "key"))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := token.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return authRequest{Method: http.MethodGet, Target: "/p?q=1", Host: "sandbox.example", Header: http.Header{"Authorization": {"Bearer " + compact}}}
}

func claimsAt(now time.Time) map[string]any {
	return map[string]any{
		"iat": now.Unix(), "exp": now.Add(cybs.TokenLife).Unix(), "request-host": "sandbox.example", "request-method": "GET",
		"request-resource-path": "/p?q=1", "iss": "org", "jti": "1", "v-c-jwt-version": "2", "v-c-merchant-id": "org",
	}
}

func authSandbox(t *testing.T, config AuthConfig) *Sandbox {
	t.Helper()
	s, err := New(Config{
		Organizations: []Organization{{OrganizationID: "org", Keys: []APIKey{{KeyID: "key", Secret: cybs.Secret(hmacSecret)}}}}, Auth: config,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStrictClaimsAreAllDemandedAndLenientOnesMustBeRight(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	strict, lenient := authSandbox(t, AuthConfig{}), authSandbox(t, AuthConfig{LenientClaims: true})
	if _, err := strict.auth.authenticate(bearer(t, claimsAt(now)), now); err != nil {
		t.Fatal(err)
	}
	wrong := map[string]any{
		"request-host": "other.example", "request-method": "PUT", "request-resource-path": "/other", "iss": "stranger",
		"v-c-jwt-version": "1", "v-c-merchant-id": "stranger",
	}
	for name := range claimsAt(now) {
		without := claimsAt(now)
		delete(without, name)
		if _, err := strict.auth.authenticate(bearer(t, without), now); !errors.Is(err, errUnauthenticated) {
			t.Errorf("strict, without %s: got %v, want a refusal", name, err)
		}
		if _, err := lenient.auth.authenticate(bearer(t, without), now); err != nil && name != "iat" {
			t.Errorf("lenient, without %s: %v", name, err)
		}
		if value, ok := wrong[name]; ok {
			without[name] = value
			if _, err := lenient.auth.authenticate(bearer(t, without), now); !errors.Is(err, errUnauthenticated) {
				t.Errorf("lenient, wrong %s: got %v, want a refusal", name, err)
			}
		}
	}
}

func TestLeewayAndHostsOfTokensAreTheConfigured(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	for name, c := range map[string]struct {
		config AuthConfig
		change func(map[string]any)
		at     time.Duration
		accept bool
	}{
		"a minute ahead":        {AuthConfig{}, nil, -time.Minute, true},
		"more than a minute":    {AuthConfig{}, nil, -61 * time.Second, false},
		"leeway of ten minutes": {AuthConfig{TokenLeeway: 10 * time.Minute}, nil, -9 * time.Minute, true},
		"expired":               {AuthConfig{}, nil, 4 * time.Minute, false},
		"lives too long":        {AuthConfig{}, func(m map[string]any) { m["exp"] = now.Unix() + 121 }, 0, false},
		"Cybersource's host":    {AuthConfig{}, func(m map[string]any) { m["request-host"] = "apitest.cybersource.com" }, 0, true},
		"other hosts alone": {
			AuthConfig{Hosts: []string{"known.example"}}, func(m map[string]any) { m["request-host"] = "apitest.cybersource.com" }, 0, false,
		},
		"path without query": {AuthConfig{}, func(m map[string]any) { m["request-resource-path"] = "/p" }, 0, true},
	} {
		claims := claimsAt(now)
		if c.change != nil {
			c.change(claims)
		}
		_, err := authSandbox(t, c.config).auth.authenticate(bearer(t, claims), now.Add(c.at))
		if (err == nil) != c.accept {
			t.Errorf("%s: got %v, want accepted = %v", name, err, c.accept)
		}
	}
}

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	h := history{limit: 20}
	for i := range 100 {
		h.add(ended{message: message{Sequence: int64(i), WebhookID: "w"}})
	}
	if n := len(h.list); n > 20 || h.list[n-1].Sequence != 99 {
		t.Errorf("%d are kept, the last is %d", n, h.list[n-1].Sequence)
	}
	if h.forget("w"); len(h.list) != 0 {
		t.Errorf("%d are left of a deleted subscription", len(h.list))
	}
}
