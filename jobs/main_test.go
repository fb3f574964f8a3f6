package jobs_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox/sandboxtest"
	"github.com/switchboardhq/switchboard/jobs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
	"github.com/switchboardhq/switchboard/web/receiver"
)

func TestMain(m *testing.M) {
	code := storetest.Run(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "leaked:", err)
			code = 1
		}
	}
	os.Exit(code)
}

const patience = 40 * time.Second

// house is a store with one organization, a sandbox that has it too, a receiver, and jobs.
type house struct {
	store   *store.Store
	sandbox *sandboxtest.Server
	client  *cybs.Client
	org     store.Organization
	door    *receiver.Receiver
	base    string // of the receiver
	log     *lockedBuffer
	ahead   atomic.Int64 // what the jobs' clock is ahead of ours
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{log: &lockedBuffer{}}
	h.store = storetest.New(t, func(c *store.Config) { c.MaxConns = 12 })
	var err error
	h.org, err = h.store.InsertOrganization(t.Context(), store.Organization{OrganizationID: sandboxtest.OrganizationID, Environment: "sandbox", Name: "Sandbox", MerchantID: sandboxtest.MerchantID}, nil, audit())
	if err != nil {
		t.Fatal(err)
	}
	r, err := receiver.New(receiver.Config{Store: h.store})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := r.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	h.door, h.base = r, server.URL
	h.sandbox = sandboxtest.New(t)
	h.client = h.sandbox.Client(t)
	// Without a key of its own an organization gets nothing signed.
	key, err := h.client.CreateSignatureKey(t.Context(), sandboxtest.OrganizationID, cybs.SignatureKeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.store.InsertSignatureKey(t.Context(), store.SignatureKey{OrganizationID: h.org.ID, KeyID: key.KeyID, Key: store.Secret(key.Key)}); err != nil {
		t.Fatal(err)
	}
	return h
}

func audit() store.AuditEntry { return store.AuditEntry{Actor: "test", Action: "test"} }

// start runs jobs until the test ends.
func (h *house) start(t *testing.T, options ...func(*jobs.Config)) *jobs.Jobs {
	t.Helper()
	cfg := jobs.Config{
		Store: h.store, Log: slog.New(slog.NewTextHandler(h.log, nil)),
		Client: func(context.Context, store.Organization) (*cybs.Client, error) { return h.client, nil },
		Now:    func() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) },
	}
	for _, o := range options {
		o(&cfg)
	}
	j, err := jobs.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		if err := j.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return j
}

var products = []store.SubscribedProduct{{ProductID: "tokenManagement", EventTypes: []string{"tms.networktoken.updated"}}}

// insert keeps a subscription here, and nowhere else yet.
func (h *house) insert(t *testing.T) store.Subscription {
	t.Helper()
	sub, _, err := h.store.InsertSubscription(t.Context(), store.Subscription{
		OrganizationID: h.org.ID, Name: "tokens", Scope: "DESCENDANTS", SecurityType: "KEY", Products: products,
		RetryPolicy: store.RetryPolicy{Algorithm: "ARITHMETIC", FirstRetry: 1, Interval: 1, NumberOfRetries: 3},
	}, store.NewEndpointToken(), audit())
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

// create makes a subscription at Cybersource, and does not tell the store.
func (h *house) create(t *testing.T, sub store.Subscription) *cybs.Subscription {
	t.Helper()
	webhook, health := receiver.EndpointURLs(h.base, sub.EndpointToken)
	made, err := h.client.CreateSubscription(t.Context(), cybs.SubscriptionInput{
		Name: sub.Name, Description: "made by a test", OrganizationID: sandboxtest.OrganizationID, WebhookURL: webhook, HealthCheckURL: health,
		Products: []cybs.SubscribedProduct{{ProductID: products[0].ProductID, EventTypes: products[0].EventTypes}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// subscribe makes a subscription as the console does.
func (h *house) subscribe(t *testing.T) store.Subscription {
	t.Helper()
	sub := h.insert(t)
	made := h.create(t, sub)
	if _, err := h.store.RecordActual(t.Context(), sub.ID, store.ActualSubscription{WebhookID: made.WebhookID, Status: store.SubscriptionStatus(made.Status), Raw: made.Raw}); err != nil {
		t.Fatal(err)
	}
	return h.get(t, sub.ID)
}

func (h *house) get(t *testing.T, id int64) store.Subscription {
	t.Helper()
	sub, err := h.store.GetSubscription(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

func (h *house) await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s did not happen; log:\n%s", what, h.log)
		}
	}
}

func (h *house) awaitStatus(t *testing.T, id int64, want store.SubscriptionStatus) store.Subscription {
	t.Helper()
	h.await(t, "status "+string(want), func() bool { return h.get(t, id).Status == want })
	return h.get(t, id)
}

func (h *house) count(t *testing.T, sql string) int {
	t.Helper()
	var n int
	if err := h.store.Pool().QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
