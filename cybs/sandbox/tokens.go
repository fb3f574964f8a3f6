package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

// oauthSettings are the config member of an oAuth or oAuth_JWT security policy.
type oauthSettings struct {
	URL       string          `json:"oAuthURL"`
	TokenType string          `json:"oAuthTokenType"`
	Expiry    json.RawMessage `json:"oAuthTokenExpiry"`
	// KeyID chooses among several stored credentials.
	KeyID      string          `json:"keyId"`
	Additional additionalOAuth `json:"additionalConfig"`
}

type additionalOAuth struct {
	Audience string `json:"aud"`
	ClientID string `json:"client_id"`
	// SDKClientID is the name in the models of the SDKs.
	SDKClientID string `json:"clientId"`
	KeyID       string `json:"keyId"`
	Scope       string `json:"scope"`
}

func (a additionalOAuth) clientID() string {
	if a.ClientID != "" {
		return a.ClientID
	}
	return a.SDKClientID
}

// expiry is oAuthTokenExpiry as a number, or 0. It comes as number or as text.
func (c oauthSettings) expiry() int {
	n, err := strconv.Atoi(strings.Trim(string(c.Expiry), `"`))
	if err != nil {
		return 0
	}
	return n
}

// defaultTokenLife holds where neither answer nor subscription says one.
const defaultTokenLife = 5 * time.Minute

// grant is what a token is asked for with.
type grant struct {
	cacheKey  string
	url       string
	tokenType string
	clientID  string
	secret    cybs.Secret
	// assertion stands for the secret; nil: the secret is sent.
	assertion *assertion
	scope     string
	// life is the token's when the answer does not say.
	life time.Duration
}

// grantFor returns what gets tokens for a subscription, nil where its policy
// needs none. The caller holds mu.
func (s *Sandbox) grantFor(sub *subscription) (*grant, error) {
	kind := sub.Security.SecurityType
	if kind != securityOAuth && kind != securityOAuthJWT {
		return nil, nil
	}
	var c oauthSettings
	if err := json.Unmarshal(sub.Security.Config, &c); err != nil {
		return nil, fmt.Errorf("security policy: %w", err)
	}
	g := &grant{url: c.URL, tokenType: "Bearer", scope: c.Additional.Scope, life: defaultTokenLife}
	if n := c.expiry(); n > 0 {
		g.life = time.Duration(n) * s.cfg.OAuth.ExpiryUnit
	}
	keyID := c.Additional.KeyID
	if kind == securityOAuthJWT && !s.cfg.OAuth.WithoutAssertion {
		key, err := s.assertionKey(sub.OrganizationID, keyID)
		if err != nil {
			return nil, err
		}
		g.clientID = c.Additional.clientID()
		g.assertion = &assertion{key: key, keyID: keyID, clientID: g.clientID, audience: c.Additional.Audience}
		if g.assertion.audience == "" {
			g.assertion.audience = c.URL
		}
	} else {
		client, err := s.oauthClientFor(sub.OrganizationID, c)
		if err != nil {
			return nil, err
		}
		keyID, g.clientID, g.secret = client.ID, client.ClientID, client.Secret
	}
	g.cacheKey = strings.Join([]string{sub.OrganizationID, g.url, g.clientID, keyID, g.scope}, "\n")
	return g, nil
}

// oauthClientFor chooses stored credentials: those named by keyId, in config or
// in additionalConfig, else those of the client id named, else the newest. The
// caller holds mu.
func (s *Sandbox) oauthClientFor(organizationID string, c oauthSettings) (oauthClient, error) {
	now := s.cfg.Now()
	stored := s.oauth[organizationID]
	find := func(fits func(oauthClient) bool) (oauthClient, bool) {
		for i := len(stored) - 1; i >= 0; i-- {
			if fits(stored[i]) && now.Before(stored[i].ExpiresAt) {
				return stored[i], true
			}
		}
		return oauthClient{}, false
	}
	fits := func(oauthClient) bool { return true }
	keyID := c.KeyID
	if keyID == "" {
		keyID = c.Additional.KeyID
	}
	switch clientID := c.Additional.clientID(); {
	case keyID != "":
		fits = func(o oauthClient) bool { return o.ID == keyID }
	case clientID != "":
		fits = func(o oauthClient) bool { return o.ClientID == clientID }
	}
	if client, ok := find(fits); ok {
		return client, nil
	}
	return oauthClient{}, errors.New("no OAuth client credentials are stored that fit and have not expired")
}

// tokenCache keeps tokens until shortly before they end.
type tokenCache struct {
	mu      sync.Mutex
	entries map[string]*tokenEntry
}

// tokenEntry is one token. Its mutex is held while it is fetched, so that many
// deliveries ask once.
type tokenEntry struct {
	mu      sync.Mutex
	token   string
	expires time.Time
}

func newTokenCache() *tokenCache { return &tokenCache{entries: map[string]*tokenEntry{}} }

// maxTokens bounds the cache; beyond it everything is asked for again.
const maxTokens = 10_000

func (c *tokenCache) entry(key string) *tokenEntry {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	if e == nil {
		if len(c.entries) >= maxTokens {
			clear(c.entries)
		}
		e = &tokenEntry{}
		c.entries[key] = e
	}
	return e
}

// get returns a token, and whether the receiver's token server was asked.
func (c *tokenCache) get(ctx context.Context, s *Sandbox, g *grant) (token string, fetched bool, err error) {
	e := c.entry(g.cacheKey)
	e.mu.Lock()
	defer e.mu.Unlock()
	now := s.cfg.Now()
	if e.token != "" && now.Before(e.expires) {
		return e.token, false, nil
	}
	answer, err := s.fetchToken(ctx, g)
	if err != nil {
		return "", true, err
	}
	life := g.life
	if n, err := answer.Expires.Int64(); err == nil && n > 0 {
		life = time.Duration(n) * time.Second
	}
	// A tenth of its life, at most half a minute, is left for the way.
	e.token, e.expires = answer.Token, now.Add(life-min(life/10, 30*time.Second))
	return e.token, true, nil
}

// forget drops a token that was refused, unless it was replaced already.
func (c *tokenCache) forget(g *grant, token string) {
	e := c.entry(g.cacheKey)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.token == token {
		e.token = ""
	}
}

type tokenAnswer struct {
	Token   string      `json:"access_token"`
	Type    string      `json:"token_type"`
	Expires json.Number `json:"expires_in"`
}

// fetchToken asks the token server as the guide shows it.
func (s *Sandbox) fetchToken(ctx context.Context, g *grant) (tokenAnswer, error) {
	var answer tokenAnswer
	form, err := g.form(s.cfg)
	if err != nil {
		return answer, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url, strings.NewReader(form))
	if err != nil {
		return answer, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	if g.assertion == nil && s.cfg.OAuth.Basic {
		req.SetBasicAuth(url.QueryEscape(g.clientID), url.QueryEscape(string(g.secret))) // RFC 6749, section 2.3.1
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return answer, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	err = errors.Join(err, resp.Body.Close())
	switch {
	case err != nil:
		return answer, err
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return answer, fmt.Errorf("token server answered %d", resp.StatusCode)
	case json.Unmarshal(body, &answer) != nil || answer.Token == "":
		return answer, errors.New("token server's answer has no access_token")
	case answer.Type != "" && !strings.EqualFold(answer.Type, g.tokenType):
		return answer, fmt.Errorf("token is of type %q", answer.Type)
	}
	return answer, nil
}

// form is the body, with its fields in the order of the guide's illustration.
func (g *grant) form(cfg Config) (string, error) {
	fields := []string{"grant_type", "client_credentials"}
	switch {
	case g.assertion != nil:
		token, err := g.assertion.sign(cfg.Now())
		if err != nil {
			return "", err
		}
		fields = append(fields, "client_assertion_type", assertionType, "client_assertion", token)
	case !cfg.OAuth.Basic:
		fields = append(fields, "client_id", g.clientID, "client_secret", string(g.secret))
	}
	if g.scope != "" {
		fields = append(fields, "scope", g.scope)
	}
	var b strings.Builder
	for i := 0; i < len(fields); i += 2 {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(fields[i] + "=" + url.QueryEscape(fields[i+1]))
	}
	return b.String(), nil
}
