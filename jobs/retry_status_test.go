package jobs_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/cybs/sandbox/sandboxtest"
	"github.com/switchboardhq/switchboard/jobs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// gate stands in front of the receiver, and lets nothing through that it is told to keep.
type gate struct {
	pings      atomic.Bool // are answered 503
	deliveries atomic.Bool // are not answered
}

// gated puts a gate in front of a receiver of its own; subscriptions made from then on go through it.
func (h *house) gated(t *testing.T) (*gate, *receiver.Receiver) {
	t.Helper()
	r, err := receiver.New(receiver.Config{Store: h.store})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	g, handler := &gate{}, r.Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch ping := req.ContentLength <= 0; {
		case ping && g.pings.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		case !ping && g.deliveries.Load():
			panic(http.ErrAbortHandler)
		default:
			handler.ServeHTTP(w, req)
		}
	}))
	t.Cleanup(func() {
		server.Close()
		if err := r.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	h.base = server.URL
	return g, r
}

// slowPolicy makes the sandbox, in which a minute is a millisecond, try again every five seconds, and suspend the subscription when it is unhealthy.
func slowPolicy() store.RetryPolicy {
	return store.RetryPolicy{Algorithm: "ARITHMETIC", FirstRetry: 5000, Interval: 5000, NumberOfRetries: 5, DeactivateFlag: true}
}

// subscribeSlowly makes a subscription with slowPolicy on both sides.
func (h *house) subscribeSlowly(t *testing.T) store.Subscription {
	t.Helper()
	sub := h.insert(t)
	sub.RetryPolicy = slowPolicy()
	if err := h.store.UpdateSubscription(t.Context(), sub); err != nil {
		t.Fatal(err)
	}
	webhook, health := receiver.EndpointURLs(h.base, sub.EndpointToken)
	made, err := h.client.CreateSubscription(t.Context(), cybs.SubscriptionInput{
		Name: sub.Name, Description: "made by a test", OrganizationID: sandboxtest.OrganizationID, WebhookURL: webhook, HealthCheckURL: health,
		Products:    []cybs.SubscribedProduct{{ProductID: products[0].ProductID, EventTypes: products[0].EventTypes}},
		RetryPolicy: &cybs.RetryPolicy{Algorithm: cybs.Arithmetic, FirstRetry: 5000, Interval: 5000, NumberOfRetries: 5, DeactivateFlag: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.store.RecordActual(t.Context(), sub.ID, store.ActualSubscription{WebhookID: made.WebhookID, Status: store.SubscriptionStatus(made.Status), Raw: made.Raw}); err != nil {
		t.Fatal(err)
	}
	return h.awaitStatus(t, sub.ID, store.StatusActive)
}

// refuse has an event delivered that is rejected, as its key is not stored here, keeps its retries out, and releases it.
func (h *house) refuse(t *testing.T, g *gate, r *receiver.Receiver) {
	t.Helper()
	key, err := h.client.CreateSignatureKey(t.Context(), sandboxtest.OrganizationID, cybs.SignatureKeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.sandbox.Emit(t.Context(), sandbox.EventRequest{EventType: products[0].EventTypes[0]}); err != nil {
		t.Fatal(err)
	}
	h.await(t, "a rejected delivery", func() bool { return h.count(t, "SELECT count(*) FROM deliveries WHERE verdict = 'rejected'") == 1 })
	g.deliveries.Store(true)
	if _, err := h.store.InsertSignatureKey(t.Context(), store.SignatureKey{OrganizationID: h.org.ID, KeyID: key.KeyID, Key: store.Secret(key.Key)}); err != nil {
		t.Fatal(err)
	}
	j, err := h.store.InsertJudgement(t.Context(), store.Judgement{Actor: "test", Why: "a key was added", Filter: store.RejectedFilter{Organizations: []int64{h.org.ID}, To: time.Now().Add(time.Hour)}}, audit())
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{
		func() error { return r.JudgeAgain(t.Context(), j.ID) },
		func() error { return h.store.AskRelease(t.Context(), j.ID, 0, "test", "it passes", audit()) },
		func() error { return r.JudgeAgain(t.Context(), j.ID) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	h.awaitState(t, store.StateRetrying)
}

func (h *house) awaitState(t *testing.T, want store.State) {
	t.Helper()
	h.await(t, "state "+string(want), func() bool {
		return h.count(t, "SELECT count(*) FROM notifications WHERE state = '"+string(want)+"'") == 1
	})
}

func often(cfg *jobs.Config) { cfg.SyncInterval, cfg.RetryStatusInterval = time.Second, time.Second }

func TestRetryThatDoesNotComeIsOverdueAndThenExhausted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	g, r := h.gated(t)
	h.start(t, often)
	h.subscribeSlowly(t)
	h.refuse(t, g, r)
	h.ahead.Store(int64(6000 * time.Minute))
	h.awaitState(t, store.StateOverdue)
	h.ahead.Store(int64(30_000 * time.Minute))
	h.awaitState(t, store.StateExhausted)
	// A clock that jumped does no harm.
	h.ahead.Store(0)
	h.awaitState(t, store.StateRetrying)
}

func TestSuspendedSubscriptionHoldsUntilItIsActiveAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	g, r := h.gated(t)
	h.start(t, often)
	sub := h.subscribeSlowly(t)
	h.refuse(t, g, r)
	g.pings.Store(true)
	h.awaitStatus(t, sub.ID, store.StatusSuspended)
	h.ahead.Store(int64(6000 * time.Minute))
	h.awaitState(t, store.StateHeld)
	g.deliveries.Store(false)
	g.pings.Store(false)
	h.awaitState(t, store.StateDelivered)
	if n := h.count(t, "SELECT delivery_count FROM notifications"); n != 2 {
		t.Errorf("%d deliveries of the notification, want the refused one and the one that was held", n)
	}
	periods, err := h.store.ListStatusPeriods(t.Context(), sub.ID, time.Now().Add(-time.Hour), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	suspended := 0
	for _, p := range periods {
		if p.Status == store.StatusSuspended && !p.To.IsZero() {
			suspended++
		}
	}
	if suspended != 1 {
		t.Errorf("%d suspensions that ended among %+v, want 1", suspended, periods)
	}
}
