package cybs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// pauses stands for the waiting between attempts.
type pauses struct{ waited []time.Duration }

func (p *pauses) pause(ctx context.Context, d time.Duration) error {
	p.waited = append(p.waited, d)
	return ctx.Err()
}

// apiCall is one method of the client with arguments that are right.
type apiCall struct {
	name       string
	call       func(ctx context.Context, c *Client) error
	idempotent bool
	anyBody    bool // a success may have any body
}

func apiCalls(t *testing.T) []apiCall {
	t.Helper()
	certificate := vectorMLEKey(t, "egress").Certificate
	return []apiCall{
		{name: "CreateSignatureKey", call: func(ctx context.Context, c *Client) error {
			_, err := c.CreateSignatureKey(ctx, "my_org", SignatureKeyOptions{})
			return err
		}},
		{name: "StoreOAuthCredentials", call: func(ctx context.Context, c *Client) error {
			_, err := c.StoreOAuthCredentials(ctx, "my_org", OAuthCredentials{ClientID: "c", ClientSecret: Secret("s")}, KeyOptions{})
			return err
		}},
		{name: "StoreMLECertificate", call: func(ctx context.Context, c *Client) error {
			_, err := c.StoreMLECertificate(ctx, "my_org", certificate, KeyOptions{})
			return err
		}},
		{name: "Replay", anyBody: true, call: func(ctx context.Context, c *Client) error {
			return c.Replay(ctx, "w1", Replay{TraceIDs: []string{"t1"}})
		}},
		{name: "ProbeReplays", anyBody: true, call: func(ctx context.Context, c *Client) error {
			_, err := c.ProbeReplays(ctx, "w1")
			return err
		}},
		{name: "ListProducts", idempotent: true, call: func(ctx context.Context, c *Client) error {
			_, err := c.ListProducts(ctx, "my_org")
			return err
		}},
		{name: "CreateSubscription", call: func(ctx context.Context, c *Client) error {
			_, err := c.CreateSubscription(ctx, SubscriptionInput{OrganizationID: "my_org"})
			return err
		}},
		{name: "GetSubscription", idempotent: true, call: func(ctx context.Context, c *Client) error {
			_, err := c.GetSubscription(ctx, "w1")
			return err
		}},
		{name: "ListSubscriptions", idempotent: true, call: func(ctx context.Context, c *Client) error {
			_, err := c.ListSubscriptions(ctx, ListSubscriptionsOptions{OrganizationID: "my_org"})
			return err
		}},
		{name: "UpdateSubscription", call: func(ctx context.Context, c *Client) error {
			_, err := c.UpdateSubscription(ctx, "w1", SubscriptionPatch{})
			return err
		}},
		{name: "SetSubscriptionStatus", idempotent: true, anyBody: true, call: func(ctx context.Context, c *Client) error {
			return c.SetSubscriptionStatus(ctx, "w1", StatusActive)
		}},
		{name: "DeleteSubscription", idempotent: true, anyBody: true, call: func(ctx context.Context, c *Client) error {
			return c.DeleteSubscription(ctx, "w1")
		}},
		{name: "TestSubscription", call: func(ctx context.Context, c *Client) error {
			_, err := c.TestSubscription(ctx, "w1")
			return err
		}},
	}
}

// TestEveryCallMeetsTrouble puts each method through what can go wrong on any network.
func TestEveryCallMeetsTrouble(t *testing.T) {
	t.Parallel()
	for _, op := range apiCalls(t) {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			for name, test := range map[string]func(*testing.T){
				"nobody listens":                     op.nobodyListens,
				"a cancelled context wins":           op.cancelled,
				"an error status is an APIError":     op.errorStatus,
				"broken JSON is a malformed answer":  op.brokenJSON,
				"an oversized answer is refused":     op.oversized,
				"a redirect is not followed":         op.redirect,
				"only idempotent calls are repeated": op.repeated,
			} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(t)
				})
			}
		})
	}
}

func (op apiCall) nobodyListens(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	c, _ := newTestClient(t, answer(200, "{}"), func(cfg *Config) { cfg.BaseURL = srv.URL })
	err := op.call(t.Context(), c)
	var api *APIError
	if err == nil || errors.As(err, &api) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v, want a refused connection", err)
	}
}

func (op apiCall) cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c, _ := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	if err := op.call(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func (op apiCall) errorStatus(t *testing.T) {
	c, _ := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("v-c-correlation-id", "corr-1")
		answer(http.StatusForbidden, `{"reason":"NOT_ALLOWED","message":"Not for you."}`)(w, nil)
	})
	err := op.call(t.Context(), c)
	var api *APIError
	if !errors.As(err, &api) {
		t.Fatalf("got %v, want an *APIError", err)
	}
	if api.StatusCode != 403 || api.Reason != "NOT_ALLOWED" || api.Message != "Not for you." || api.CorrelationID != "corr-1" {
		t.Errorf("got %+v", *api)
	}
}

func (op apiCall) brokenJSON(t *testing.T) {
	c, _ := newTestClient(t, answer(http.StatusOK, `{"webhookId": "w1`))
	err := op.call(t.Context(), c)
	if op.anyBody && err != nil {
		t.Errorf("got %v, want any body to do", err)
	}
	if !op.anyBody && !errors.Is(err, ErrMalformedResponse) {
		t.Errorf("got %v, want ErrMalformedResponse", err)
	}
}

func (op apiCall) oversized(t *testing.T) {
	c, _ := newTestClient(t, answer(http.StatusOK, strings.Repeat(" ", maxResponseBytes+1)))
	if err := op.call(t.Context(), c); !errors.Is(err, ErrResponseTooLarge) {
		t.Errorf("got %v, want ErrResponseTooLarge", err)
	}
}

func (op apiCall) redirect(t *testing.T) {
	var requests atomic.Int32
	c, _ := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.Header().Set("Location", "/base/elsewhere")
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	err := op.call(t.Context(), c)
	var api *APIError
	if !errors.As(err, &api) || api.StatusCode != http.StatusTemporaryRedirect || requests.Load() != 1 {
		t.Errorf("got %v after %d requests, want the redirect as an error after one", err, requests.Load())
	}
}

func (op apiCall) repeated(t *testing.T) {
	var requests atomic.Int32
	c, waits := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	err := op.call(t.Context(), c)
	want := int32(1)
	if op.idempotent {
		want = defaultMaxAttempts
	}
	if got := requests.Load(); got != want || len(waits.waited) != int(want)-1 {
		t.Errorf("got %d requests with %d pauses, want %d requests (%v)", got, len(waits.waited), want, err)
	}
}

func TestRetryAfterIsObeyedWithinBounds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, header string
		requests     int
		wait, told   time.Duration
	}{
		{"seconds", "7", 3, 7 * time.Second, 7 * time.Second},
		{"date", vectorNow().Add(9 * time.Second).UTC().Format(http.TimeFormat), 3, 8 * time.Second, 9 * time.Second},
		{"longer than the bound is left to the caller", "31", 1, 0, 31 * time.Second},
		{"a past date is none", vectorNow().Add(-time.Hour).UTC().Format(http.TimeFormat), 3, 0, 0},
		{"nonsense is none", "soon", 3, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			c, waits := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) {
				requests.Add(1)
				w.Header().Set("Retry-After", tc.header)
				w.WriteHeader(http.StatusTooManyRequests)
			})
			_, err := c.GetSubscription(t.Context(), "w1")
			var api *APIError
			if !errors.As(err, &api) || api.RetryAfter.Round(time.Second) != tc.told {
				t.Fatalf("got %v, want an APIError with Retry-After %v", err, tc.told)
			}
			if int(requests.Load()) != tc.requests {
				t.Errorf("got %d requests, want %d", requests.Load(), tc.requests)
			}
			for _, wait := range waits.waited {
				if wait < tc.wait || wait > max(maxBackoff, tc.told) {
					t.Errorf("waited %v, want at least %v", wait, tc.wait)
				}
			}
		})
	}
}

func TestPauseEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := pause(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if err := pause(t.Context(), 0); err != nil {
		t.Errorf("got %v, want none", err)
	}
}

func TestCancelledPauseIsTheContextsError(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c, _ := newTestClient(t, answer(http.StatusBadGateway, ""))
	c.pause = func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() }
	if _, err := c.GetSubscription(ctx, "w1"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestBackoffGrowsAndIsBounded(t *testing.T) {
	t.Parallel()
	for attempt, ceiling := range map[int]time.Duration{1: 200 * time.Millisecond, 2: 400 * time.Millisecond, 60: maxBackoff} {
		for range 50 {
			wait, again := backoff(io.ErrUnexpectedEOF, attempt)
			if !again || wait < ceiling/2 || wait > ceiling {
				t.Fatalf("attempt %d: got %v, %v, want between %v and %v", attempt, wait, again, ceiling/2, ceiling)
			}
		}
	}
}

func TestDeleteWhoseAnswerWasLostIsDone(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	c, _ := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) == 1 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		answer(http.StatusNotFound, `{"reason":"NOT_FOUND"}`)(w, nil)
	})
	if err := c.DeleteSubscription(t.Context(), "w1"); err != nil {
		t.Errorf("got %v, want none", err)
	}
	if err := c.DeleteSubscription(t.Context(), "w1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound on a first attempt", err)
	}
}

func TestGivenHTTPClientIsNotChanged(t *testing.T) {
	t.Parallel()
	given := &http.Client{}
	newTestClientOf(t, Config{BaseURL: "https://example.test", Credentials: testCredentials(t), HTTPClient: given})
	if given.CheckRedirect != nil {
		t.Error("the given client was changed")
	}
	own := newTestClientOf(t, Config{BaseURL: "https://example.test", Credentials: testCredentials(t)})
	if own.http == http.DefaultClient || own.http.Timeout == 0 || own.http.Transport == http.DefaultTransport { //nolint:forbidigo // to see that it is not used
		t.Error("the own client must have a transport and a time limit of its own")
	}
}

func newTestClientOf(tb testing.TB, cfg Config) *Client {
	tb.Helper()
	c, err := New(cfg)
	if err != nil {
		tb.Fatalf("new client: %v", err)
	}
	return c
}

func TestNewRefusesBadConfiguration(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no base URL", func(c *Config) { c.BaseURL = "" }, "base URL"},
		{"relative base URL", func(c *Config) { c.BaseURL = "/api" }, "base URL"},
		{"other scheme", func(c *Config) { c.BaseURL = "ftp://host" }, "base URL"},
		{"unreadable", func(c *Config) { c.BaseURL = "https://user:hunter2@ho st" }, "base URL"},
		{"with a query", func(c *Config) { c.BaseURL = "https://host?x=1" }, "no user, query"},
		{"with a password", func(c *Config) { c.BaseURL = "https://user:hunter2@host" }, "no user, query"},
		{"unknown scheme", func(c *Config) { c.Credentials.Scheme = "basic" }, `"basic" is unknown`},
		{"all credentials missing", func(c *Config) { c.Credentials = Credentials{} }, "merchant id is missing; key id is missing; shared secret is missing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cfg := Config{BaseURL: "https://example.test", Credentials: testCredentials(t)}
			tc.change(&cfg)
			_, err := New(cfg)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want %q and no password", err, tc.want)
			}
		})
	}
}

func TestArgumentsThatNameAnotherResourceAreNotSent(t *testing.T) {
	t.Parallel()
	c, _ := newTestClient(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	for _, id := range []string{"", ".", ".."} {
		_, getErr := c.GetSubscription(t.Context(), id)
		_, updateErr := c.UpdateSubscription(t.Context(), id, SubscriptionPatch{})
		_, testErr := c.TestSubscription(t.Context(), id)
		_, productsErr := c.ListProducts(t.Context(), id)
		for _, err := range []error{
			getErr, updateErr, testErr, productsErr, c.DeleteSubscription(t.Context(), id),
			c.SetSubscriptionStatus(t.Context(), id, StatusActive),
		} {
			if !errors.Is(err, ErrInvalidArgument) {
				t.Errorf("id %q: got %v, want ErrInvalidArgument", id, err)
			}
		}
	}
	_, listErr := c.ListSubscriptions(t.Context(), ListSubscriptionsOptions{})
	_, keyErr := c.CreateSignatureKey(t.Context(), "", SignatureKeyOptions{})
	_, daysErr := c.CreateSignatureKey(t.Context(), "my_org", SignatureKeyOptions{ExpiryDays: -1})
	for _, err := range []error{listErr, keyErr, daysErr, c.SetSubscriptionStatus(t.Context(), "w1", StatusBlocked)} {
		if !errors.Is(err, ErrInvalidArgument) {
			t.Errorf("got %v, want ErrInvalidArgument", err)
		}
	}
}

func TestEnvironmentsHaveTheirHosts(t *testing.T) {
	t.Parallel()
	for env, want := range map[Environment]string{
		Test: "https://apitest.cybersource.com", Production: "https://api.cybersource.com",
		ProductionIndia: "https://api.in.cybersource.com", "sandbox": "",
	} {
		if got := env.BaseURL(); got != want {
			t.Errorf("%s: got %q, want %q", env, got, want)
		}
	}
}

// TestSecretsNeverShow prints everything that holds a secret in every way and looks for it.
func TestSecretsNeverShow(t *testing.T) {
	t.Parallel()
	secret := Secret("0123456789abcdef0123456789abcdef")
	creds := Credentials{MerchantID: "my_org", KeyID: "key-1", Secret: secret}
	cfg := Config{BaseURL: "https://example.test", Credentials: creds}
	client := newTestClientOf(t, cfg)
	var tokens authVectors
	loadVectors(t, "jwt.json", &tokens)
	certificate := vectorCertificates(t, tokens)["PEM"]
	signing := newTestClientOf(t, Config{
		BaseURL: "https://example.test", Credentials: Credentials{Scheme: JWTP12, MerchantID: "my_org", Certificate: certificate},
	})
	needles := []string{
		certificate.key.D.String(), certificate.key.Primes[0].String(), certificate.key.D.Text(16),
		string(secret), secret.Base64(), fmt.Sprintf("%x", string(secret)), fmt.Sprintf("%X", string(secret)),
		"48 49 50 51", "0x30, 0x31", "30 31 32 33",
	}
	for name, v := range map[string]any{
		"secret": secret, "credentials": creds, "pointer": &creds, "config": cfg, "client": client, "client value": *client,
		"key": Key{ID: "k", Secret: secret}, "signature key": SignatureKey{KeyID: "k", Key: secret},
		"certificate": certificate, "client with certificate": *signing,
		"OAuth credentials": OAuthCredentials{ClientID: "c", ClientSecret: secret}, "MLE key": MLEKey{Certificate: certificate},
		"MLE keys": MLEKeys{Keys: []MLEKey{{Certificate: certificate}}}, "MLE": MLE{ResponseKey: &MLEKey{Certificate: certificate}},
		"known key": KnownKey{Key: Key{ID: "k", Secret: secret}}, "explain input": ExplainInput{Keys: []KnownKey{{Key: Key{Secret: secret}}}},
		"list": []Credentials{creds}, "inner": struct{ C Credentials }{creds},
	} {
		var printed strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%b", "%o", "%c", "%U"} {
			fmt.Fprintf(&printed, verb+"\n", v)
		}
		slog.New(slog.NewJSONHandler(&printed, nil)).Info("secret", "value", v)
		slog.New(slog.NewTextHandler(&printed, nil)).Info("secret", "value", v)
		if b, err := encodeJSON(v); err == nil {
			printed.Write(b)
		}
		for _, needle := range needles {
			if strings.Contains(printed.String(), needle) {
				t.Errorf("%s: %q was printed", name, needle)
			}
		}
	}
}
