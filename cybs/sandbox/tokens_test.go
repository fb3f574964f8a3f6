package sandbox_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/cybs/sandbox/sandboxtest"
)

// idp is a merchant's token server. It numbers its tokens.
type idp struct {
	URL string

	mu     sync.Mutex
	asked  []tokenCall
	answer func(n int) (int, string)
}

type tokenCall struct {
	body          string
	form          url.Values
	contentType   string
	user, secret  string
	authenticated bool
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	p := &idp{answer: func(n int) (int, string) {
		return 200, fmt.Sprintf(`{"access_token":"token-%d","token_type":"bearer","expires_in":300}`, n)
	}}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.URL = server.URL + "/oauth/token"
	return p
}

func (p *idp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	c := tokenCall{body: string(body), contentType: r.Header.Get("Content-Type")}
	c.form, _ = url.ParseQuery(c.body) // what does not parse shows in body
	c.user, c.secret, c.authenticated = r.BasicAuth()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, c)
	status, answer := p.answer(len(p.asked))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer)
}

func (p *idp) calls() []tokenCall {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]tokenCall(nil), p.asked...)
}

func (p *idp) set(answer func(n int) (int, string)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

// storeClient stores client credentials and returns their id.
func (h *house) storeClient(t *testing.T, id, secret string) string {
	t.Helper()
	stored, err := h.client.StoreOAuthCredentials(t.Context(), sandboxtest.OrganizationID,
		cybs.OAuthCredentials{ClientID: id, ClientSecret: cybs.Secret(secret)}, cybs.KeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return stored.KeyID
}

func oauth(p *idp, change ...func(*cybs.OAuthConfig)) func(*cybs.SubscriptionInput) {
	return func(in *cybs.SubscriptionInput) {
		config := cybs.OAuthConfig{URL: p.URL, TokenType: "Bearer", TokenExpiry: "365"}
		for _, c := range change {
			c(&config)
		}
		in.SecurityPolicy = cybs.SecurityPolicy{Type: cybs.SecurityOAuth, OAuth: config}
	}
}

func TestTokenIsFetchedWithTheStoredCredentialsAndCached(t *testing.T) {
	t.Parallel()
	h, p := newHouse(t), newIDP(t)
	h.storeClient(t, "old", "old secret")
	h.storeClient(t, "client&1", "s3cr=t")
	h.subscribe(t, oauth(p))
	for range 3 {
		h.emit(t, sandbox.EventRequest{})
		got := h.receiver.next(t)
		if a := got.Header.Get("Authorization"); a != "Bearer token-1" {
			t.Errorf("Authorization is %q", a)
		}
		if _, err := h.verify(got); err != nil {
			t.Error(err) // signed all the same
		}
	}
	calls := p.calls()
	const want = "grant_type=client_credentials&client_id=client%261&client_secret=s3cr%3Dt"
	if len(calls) != 1 || calls[0].body != want || calls[0].contentType != "application/x-www-form-urlencoded" || calls[0].authenticated {
		t.Errorf("token server was asked %+v, want %s once", calls, want)
	}
	if ping := <-h.receiver.pings; ping.Header.Get("Authorization") != "" {
		t.Error("the ping carries a token")
	}
}

func TestTokenSwitches(t *testing.T) {
	t.Parallel()
	h, p := newHouse(t, func(c *sandbox.Config) { c.OAuth.Basic, c.OAuth.Pings = true, true }), newIDP(t)
	h.storeClient(t, "client", "secret")
	h.subscribe(t, oauth(p, func(c *cybs.OAuthConfig) { c.Scope = "a b" }))
	if ping := <-h.receiver.pings; ping.Header.Get("Authorization") != "Bearer token-1" {
		t.Errorf("ping's Authorization is %q", ping.Header.Get("Authorization"))
	}
	if c := p.calls()[0]; c.user != "client" || c.secret != "secret" || c.body != "grant_type=client_credentials&scope=a+b" {
		t.Errorf("token server was asked %+v", c)
	}
}

func TestRefusedTokenIsRefreshedOnce(t *testing.T) {
	t.Parallel()
	h, p := newHouse(t), newIDP(t)
	h.storeClient(t, "client", "secret")
	sub := h.subscribe(t, oauth(p))
	h.receiver.answer(func(n int) int {
		if n == 1 {
			return http.StatusUnauthorized
		}
		return http.StatusOK
	})
	h.emit(t, sandbox.EventRequest{})
	first, second := h.receiver.next(t), h.receiver.next(t)
	if a, b := first.Header.Get("Authorization"), second.Header.Get("Authorization"); a != "Bearer token-1" || b != "Bearer token-2" {
		t.Errorf("tokens were %q and %q", a, b)
	}
	if first.Header.Get(cybs.HeaderTransactionTraceID) != second.Header.Get(cybs.HeaderTransactionTraceID) {
		t.Error("the repeated request is another attempt")
	}
	h.Await(t, "one delivered attempt", func() bool {
		list := h.Deliveries(sandbox.DeliveryQuery{WebhookID: sub.WebhookID, Kind: sandbox.KindNotification})
		return len(list) == 1 && list[0].Outcome == sandbox.OutcomeDelivered && list[0].TokenRequests == 2
	})
	// A receiver that refuses every token gets two requests an attempt, not more.
	h.receiver.answer(always(http.StatusUnauthorized))
	h.emit(t, sandbox.EventRequest{})
	h.Await(t, "the failed message", func() bool { return len(h.outcomes(sub.WebhookID)) == 5 })
	if n := len(h.receiver.came); n != 8 {
		t.Errorf("four attempts made %d requests, want 8", n)
	}
}

func TestWithoutRefreshA401IsAFailure(t *testing.T) {
	t.Parallel()
	h, p := newHouse(t, func(c *sandbox.Config) { c.OAuth.WithoutRefresh = true }), newIDP(t)
	h.storeClient(t, "client", "secret")
	sub := h.subscribe(t, oauth(p), onceRetried)
	h.receiver.answer(always(http.StatusUnauthorized))
	h.emit(t, sandbox.EventRequest{})
	h.Await(t, "the failed message", func() bool { return len(h.outcomes(sub.WebhookID)) == 2 })
	if n, asked := len(h.receiver.came), len(p.calls()); n != 2 || asked != 1 {
		t.Errorf("%d requests with %d tokens, want 2 with 1", n, asked)
	}
}

func TestTokensEndAndTheirLifeIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer string
		unit   time.Duration
		after  time.Duration
		want   string
	}{
		"before its end":               {`"expires_in":300`, 0, 4 * time.Minute, "token-1"},
		"after its end":                {`"expires_in":300`, 0, 5 * time.Minute, "token-2"},
		"shortly before its end":       {`"expires_in":"300"`, 0, 295 * time.Second, "token-2"},
		"by the subscription, before":  {`"x":1`, time.Second, 5 * time.Minute, "token-1"}, // oAuthTokenExpiry 365
		"by the subscription, after":   {`"x":1`, time.Second, 7 * time.Minute, "token-2"},
		"by the subscription, in days": {`"x":1`, 24 * time.Hour, 364 * 24 * time.Hour, "token-1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			h, p := newHouse(t, func(cfg *sandbox.Config) { cfg.Now, cfg.OAuth.ExpiryUnit = clock.now, c.unit }), newIDP(t)
			p.set(func(n int) (int, string) {
				return 200, fmt.Sprintf(`{"access_token":"token-%d",%s}`, n, c.answer)
			})
			h.storeClient(t, "client", "secret")
			h.subscribe(t, oauth(p))
			h.emit(t, sandbox.EventRequest{})
			h.receiver.next(t)
			clock.advance(c.after)
			h.emit(t, sandbox.EventRequest{})
			if got := h.receiver.next(t).Header.Get("Authorization"); got != "Bearer "+c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// clock is a sandbox's clock that a test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Now()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func TestBrokenTokenServerIsAFailedAttempt(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"refusal":    "", // status 400
		"no JSON":    "<html>",
		"no token":   `{"token_type":"Bearer"}`,
		"other type": `{"access_token":"x","token_type":"mac"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, p := newHouse(t), newIDP(t)
			p.set(func(int) (int, string) {
				if answer == "" {
					return http.StatusBadRequest, `{"error":"invalid_client"}`
				}
				return http.StatusOK, answer
			})
			h.storeClient(t, "client", "very secret")
			sub := h.subscribe(t, oauth(p), onceRetried)
			h.emit(t, sandbox.EventRequest{})
			h.Await(t, "the failed message", func() bool { return len(h.outcomes(sub.WebhookID)) == 2 })
			if len(h.receiver.came) != 0 {
				t.Error("something was sent without a token")
			}
			for _, a := range h.Deliveries(sandbox.DeliveryQuery{Kind: sandbox.KindNotification}) {
				if !strings.HasPrefix(a.Error, "token: ") || strings.Contains(a.Error, "very secret") {
					t.Errorf("error is %q", a.Error)
				}
			}
		})
	}
}

func TestSeveralProvidersAreChosenByKeyID(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first, second := newIDP(t), newIDP(t)
	one := h.storeClient(t, "one", "secret")
	h.storeClient(t, "two", "secret")
	h.subscribe(t, oauth(first, func(c *cybs.OAuthConfig) { c.KeyID = one }))
	h.subscribe(t, oauth(second), func(in *cybs.SubscriptionInput) {
		in.Products = []cybs.SubscribedProduct{{ProductID: "eCheck", EventTypes: []string{"payments.voids.failed"}}}
	})
	unknown := h.subscribe(t, oauth(second, func(c *cybs.OAuthConfig) { c.KeyID = "nobody" }), func(in *cybs.SubscriptionInput) {
		in.Products = []cybs.SubscribedProduct{{ProductID: "payByLink", EventTypes: []string{"payByLink.customer.payment"}}}
	})
	h.emit(t, sandbox.EventRequest{})
	h.receiver.next(t)
	h.emit(t, sandbox.EventRequest{ProductID: "eCheck", EventType: "payments.voids.failed"})
	h.receiver.next(t)
	if a, b := first.calls()[0].form.Get("client_id"), second.calls()[0].form.Get("client_id"); a != "one" || b != "two" {
		t.Errorf("clients were %s and %s, want the one named and the newest", a, b)
	}
	h.emit(t, sandbox.EventRequest{ProductID: "payByLink", EventType: "payByLink.customer.payment"})
	h.Await(t, "the dropped event", func() bool {
		list := h.outcomes(unknown.WebhookID)
		return len(list) == 1 && list[0] == sandbox.OutcomeDropped
	})
}
