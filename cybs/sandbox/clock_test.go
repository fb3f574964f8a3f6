package sandbox_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
)

// timeless is a sandbox and a receiver without a network, for tests in a bubble
// of testing/synctest, where waiting takes no time and is exact.
type timeless struct {
	*sandbox.Sandbox
	client *cybs.Client

	mu     sync.Mutex
	status int // of the receiver, health and hook alike
	hooks  []time.Time
	pings  []time.Time
}

// RoundTrip leads to the sandbox or to the receiver, by host.
func (h *timeless) RoundTrip(req *http.Request) (*http.Response, error) {
	body := []byte{}
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	w := httptest.NewRecorder()
	if req.URL.Host == "sandbox.example" {
		in := httptest.NewRequestWithContext(req.Context(), req.Method, req.URL.String(), bytes.NewReader(body))
		in.Header, in.RequestURI = req.Header, req.URL.RequestURI()
		h.Handler().ServeHTTP(w, in)
		return w.Result(), nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if req.URL.Path == "/health" {
		h.pings = append(h.pings, time.Now())
	} else {
		h.hooks = append(h.hooks, time.Now())
	}
	w.WriteHeader(h.status)
	return w.Result(), nil
}

func (h *timeless) answer(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

// since returns the times relative to the first, from the nth on.
func since(times []time.Time, first time.Time) []time.Duration {
	var list []time.Duration
	for _, t := range times {
		list = append(list, t.Sub(first))
	}
	return list
}

// inBubble runs a test with a sandbox on a clock that stands still until it must go on.
func inBubble(t *testing.T, change func(*sandbox.Config), run func(t *testing.T, h *timeless)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		thirtyTwo := cybs.Secret(bytes.Repeat([]byte("s"), 32)) // HS256 wants as many
		h := &timeless{status: http.StatusOK}
		cfg := sandbox.Config{
			Organizations: []sandbox.Organization{{OrganizationID: "org", Keys: []sandbox.APIKey{{KeyID: "key", Secret: thirtyTwo}}}},
			HTTPClient:    &http.Client{Transport: h}, InstantApproval: true, Seed: 1,
		}
		change(&cfg)
		var err error
		if h.Sandbox, err = sandbox.New(cfg); err != nil {
			t.Fatal(err)
		}
		h.client, err = cybs.New(cybs.Config{
			BaseURL: "http://sandbox.example", HTTPClient: &http.Client{Transport: h},
			Credentials: cybs.Credentials{OrganizationID: "org", KeyID: "key", Secret: thirtyTwo},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		run(t, h)
		if err := h.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
}

// subscribe creates a subscription and makes it ACTIVE.
func (h *timeless) subscribe(t *testing.T, policy cybs.RetryPolicy, healthCheckURL string) string {
	t.Helper()
	if _, err := h.client.CreateSignatureKey(t.Context(), "org", cybs.SignatureKeyOptions{}); err != nil {
		t.Fatal(err)
	}
	sub, err := h.client.CreateSubscription(t.Context(), cybs.SubscriptionInput{
		Name: "n", OrganizationID: "org", Products: []cybs.SubscribedProduct{{ProductID: tokens, EventTypes: []string{updated}}},
		WebhookURL: "https://receiver.example/hook", HealthCheckURL: healthCheckURL, RetryPolicy: &policy,
		SecurityPolicy: cybs.SecurityPolicy{Type: cybs.SecurityKey},
	})
	if err != nil {
		t.Fatal(err)
	}
	if healthCheckURL == "" {
		if err := h.client.SetSubscriptionStatus(t.Context(), sub.WebhookID, cybs.StatusActive); err != nil {
			t.Fatal(err)
		}
	}
	return sub.WebhookID
}

// pass lets time go by and everything come to rest.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestRetriesComeExactlyWhenTheReferenceSays(t *testing.T) {
	t.Parallel()
	minutes := func(list ...int) []time.Duration {
		offsets := []time.Duration{0}
		for _, m := range list {
			offsets = append(offsets, time.Duration(m)*time.Minute)
		}
		return offsets
	}
	a, g := cybs.Arithmetic, cybs.Geometric
	tms := cybs.RetryPolicy{Algorithm: a, FirstRetry: 5, Interval: 5, NumberOfRetries: 4, RepeatSequenceCount: 4, RepeatSequenceWaitTime: 5}
	tmsTimes := minutes(5, 10, 15, 20, 30, 35, 40, 45, 55, 60, 65, 70, 80, 85, 90, 95, 105, 110, 115, 120)
	for name, c := range map[string]struct {
		policy   cybs.RetryPolicy
		schedule func(cybs.RetryPolicy) []time.Duration
		want     []time.Duration
	}{
		"default":            {cybs.DefaultRetryPolicy(), nil, minutes(1, 2, 3)},
		"arithmetic":         {cybs.RetryPolicy{Algorithm: a, FirstRetry: 10, Interval: 30, NumberOfRetries: 3}, nil, minutes(10, 40, 70)},
		"geometric":          {cybs.RetryPolicy{Algorithm: g, FirstRetry: 10, Interval: 30, NumberOfRetries: 3}, nil, minutes(10, 300, 9000)},
		"geometric, doubled": {cybs.RetryPolicy{Algorithm: g, FirstRetry: 1, Interval: 2, NumberOfRetries: 5}, nil, minutes(1, 2, 4, 8, 16)},
		"repeated":           {tms, nil, tmsTimes},
		"read as gaps":       {cybs.RetryPolicy{Algorithm: a, FirstRetry: 10, Interval: 30, NumberOfRetries: 3}, sandbox.GapSchedule, minutes(10, 50, 120)},
		"repeated at once": {tms, sandbox.ImmediateRepeatSchedule, minutes(
			5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95, 100)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(cfg *sandbox.Config) { cfg.Delivery.Schedule = c.schedule }, func(t *testing.T, h *timeless) {
				h.subscribe(t, c.policy, "")
				h.answer(http.StatusServiceUnavailable)
				if _, err := h.Emit(t.Context(), sandbox.EventRequest{ProductID: tokens, EventType: updated}); err != nil {
					t.Fatal(err)
				}
				pass(7 * 24 * time.Hour)
				if got := since(h.hooks, h.hooks[0]); !slices.Equal(got, c.want) {
					t.Errorf("attempts at %v, want %v", got, c.want)
				}
			})
		})
	}
}

func TestADayPassesInASecond(t *testing.T) {
	t.Parallel()
	inBubble(t, func(cfg *sandbox.Config) { cfg.TimeScale = 24 * 60 * 60 }, func(t *testing.T, h *timeless) {
		h.subscribe(t, cybs.RetryPolicy{Algorithm: cybs.Arithmetic, FirstRetry: 24 * 60, Interval: 12 * 60, NumberOfRetries: 3}, "")
		h.answer(http.StatusServiceUnavailable)
		if _, err := h.Emit(t.Context(), sandbox.EventRequest{ProductID: tokens, EventType: updated}); err != nil {
			t.Fatal(err)
		}
		pass(3 * time.Second)
		want := []time.Duration{0, time.Second, 1500 * time.Millisecond, 2 * time.Second}
		if got := since(h.hooks, h.hooks[0]); !slices.Equal(got, want) {
			t.Errorf("attempts at %v, want %v", got, want)
		}
	})
}

func TestPingsKeepTheirCadence(t *testing.T) {
	t.Parallel()
	inBubble(t, func(*sandbox.Config) {}, func(t *testing.T, h *timeless) {
		made := time.Now()
		policy := cybs.DefaultRetryPolicy()
		policy.DeactivateFlag = true
		id := h.subscribe(t, policy, "https://receiver.example/health")
		status := func() cybs.Status {
			for _, s := range h.Subscriptions() {
				if s.WebhookID == id {
					return s.Status
				}
			}
			return ""
		}
		pass(5*time.Minute - time.Second)
		if len(h.pings) != 0 || status() != cybs.StatusInactive {
			t.Errorf("before five minutes: %d pings, %s", len(h.pings), status())
		}
		pass(6 * time.Minute)
		if status() != cybs.StatusActive {
			t.Errorf("after the ping: %s", status())
		}
		h.answer(http.StatusServiceUnavailable) // the ping after 15 minutes finds it so
		pass(7 * time.Minute)
		if status() != cybs.StatusSuspended {
			t.Errorf("after a failed ping: %s", status())
		}
		h.answer(http.StatusOK)
		pass(8 * time.Minute)
		if status() != cybs.StatusActive {
			t.Errorf("after recovery: %s", status())
		}
		var minutes []int
		for _, d := range since(h.pings, made) {
			minutes = append(minutes, int(d/time.Minute))
		}
		if want := []int{5, 10, 15, 16, 17, 18, 23}; !slices.Equal(minutes, want) {
			t.Errorf("pings after %v minutes, want %v", minutes, want)
		}
	})
}

func TestReviewTakesItsTime(t *testing.T) {
	t.Parallel()
	inBubble(t, func(cfg *sandbox.Config) { cfg.InstantApproval, cfg.ReviewDelay = false, 36*time.Hour }, func(t *testing.T, h *timeless) {
		h.subscribe(t, cybs.DefaultRetryPolicy(), "https://receiver.example/health")
		status := func() cybs.Status { return h.Subscriptions()[0].Status }
		pass(36*time.Hour - time.Second)
		if status() != cybs.StatusPendingReview {
			t.Errorf("before the review: %s", status())
		}
		pass(2 * time.Second)
		if status() != cybs.StatusInactive {
			t.Errorf("after the review: %s", status())
		}
		pass(5 * time.Minute)
		if status() != cybs.StatusActive {
			t.Errorf("after the ping: %s", status())
		}
	})
}

func TestReceiverThatDoesNotAnswerIsGivenUpAfterTheTimeout(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{}, 10)
	h := newHouse(t, func(c *sandbox.Config) { c.DeliveryTimeout = 30 * time.Millisecond })
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-release
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) }) // before the server, which waits for its handlers
	sub := h.subscribe(t, onceRetried, func(in *cybs.SubscriptionInput) { in.WebhookURL = server.URL })
	h.emit(t, sandbox.EventRequest{})
	<-entered
	h.Await(t, "the failure", func() bool {
		return slices.Equal(h.outcomes(sub.WebhookID), []sandbox.Outcome{sandbox.OutcomeRetrying, sandbox.OutcomeFailed})
	})
}
