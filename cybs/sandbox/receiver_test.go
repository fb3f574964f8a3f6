package sandbox_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/cybs/sandbox/sandboxtest"
)

// received is one request that came to a receiver.
type received struct {
	Path   string
	Method string
	Header http.Header
	Body   []byte
}

// receiver is a merchant's server: health at /health, notifications at /hook.
// The answers can be changed while it runs.
type receiver struct {
	URL    string
	came   chan received
	pings  chan received
	mu     sync.Mutex
	health int
	hook   func(n int) int // answer to the nth notification, from 1
	count  int
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{
		came: make(chan received, 1000), pings: make(chan received, 10_000), health: http.StatusOK,
		hook: func(int) int { return http.StatusOK },
	}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.URL = server.URL
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	got := received{Path: req.URL.Path, Method: req.Method, Header: req.Header, Body: body}
	r.mu.Lock()
	defer r.mu.Unlock()
	if req.URL.Path == "/health" {
		select {
		case r.pings <- got:
		default: // nobody counts that many
		}
		w.WriteHeader(r.health)
		return
	}
	r.count++
	status := r.hook(r.count)
	if err != nil {
		got.Body = append(got.Body, " (broken off)"...)
	}
	r.came <- got
	w.WriteHeader(status)
}

func (r *receiver) setHealth(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.health = status
}

func (r *receiver) answer(hook func(n int) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hook, r.count = hook, 0
}

func always(status int) func(int) int { return func(int) int { return status } }

// next waits for a notification.
func (r *receiver) next(t *testing.T) received {
	t.Helper()
	select {
	case got := <-r.came:
		return got
	case <-time.After(sandboxtest.Patience):
		t.Fatal("no notification came")
		return received{}
	}
}

// house is a sandbox with a client, a receiver and a signature key.
type house struct {
	*sandboxtest.Server
	client   *cybs.Client
	receiver *receiver
	key      *cybs.SignatureKey
}

func newHouse(t *testing.T, opts ...sandboxtest.Option) *house {
	t.Helper()
	r := newReceiver(t)
	s := sandboxtest.New(t, opts...)
	h := &house{Server: s, client: s.Client(t), receiver: r}
	key, err := h.client.CreateSignatureKey(t.Context(), sandboxtest.OrganizationID, cybs.SignatureKeyOptions{})
	if err != nil {
		t.Fatalf("create signature key: %v", err)
	}
	h.key = key
	return h
}

const (
	tokens  = "tokenManagement"
	updated = "tms.networktoken.updated"
)

// input is a complete subscription to token updates.
func (h *house) input(change ...func(*cybs.SubscriptionInput)) cybs.SubscriptionInput {
	in := cybs.SubscriptionInput{
		Name: "Token events", Description: "of the test", OrganizationID: sandboxtest.OrganizationID,
		Products:   []cybs.SubscribedProduct{{ProductID: tokens, EventTypes: []string{updated}}},
		WebhookURL: h.receiver.URL + "/hook", HealthCheckURL: h.receiver.URL + "/health",
		SecurityPolicy: cybs.SecurityPolicy{Type: cybs.SecurityKey},
	}
	for _, c := range change {
		c(&in)
	}
	return in
}

// subscribe creates a subscription and waits until it is ACTIVE.
func (h *house) subscribe(t *testing.T, change ...func(*cybs.SubscriptionInput)) *cybs.Subscription {
	t.Helper()
	sub, err := h.client.CreateSubscription(t.Context(), h.input(change...))
	if err != nil {
		t.Fatalf("create subscription: %v", err)
	}
	h.AwaitStatus(t, sub.WebhookID, cybs.StatusActive)
	return sub
}

func (h *house) emit(t *testing.T, req sandbox.EventRequest) sandbox.EventResult {
	t.Helper()
	if req.EventType == "" {
		req.ProductID, req.EventType = tokens, updated
	}
	res, err := h.Emit(t.Context(), req)
	if err != nil {
		t.Fatalf("emit: %v", err)
	}
	return res
}

// verify checks a delivery as a receiver does.
func (h *house) verify(got received) (cybs.Verification, error) {
	return cybs.Verify(cybs.VerifyInput{
		Signature: got.Header.Get(cybs.HeaderSignature), Body: got.Body, Now: time.Now(),
		LookupKey: func(id string) (cybs.Key, bool) {
			if id != h.key.KeyID {
				return cybs.Key{}, false
			}
			return cybs.Key{ID: id, Secret: h.key.Key}, true
		},
	})
}

func withRetries(p cybs.RetryPolicy) func(*cybs.SubscriptionInput) {
	return func(in *cybs.SubscriptionInput) { in.RetryPolicy = &p }
}

// outcomes lists the outcomes of a subscription's notifications, oldest first.
func (h *house) outcomes(webhookID string) []sandbox.Outcome {
	var list []sandbox.Outcome
	for _, a := range h.Deliveries(sandbox.DeliveryQuery{WebhookID: webhookID, Kind: sandbox.KindNotification}) {
		list = append([]sandbox.Outcome{a.Outcome}, list...)
	}
	return list
}
