package receiver_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
	"github.com/switchboardhq/switchboard/web/outbound"
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

const (
	organization = "acme"
	webhookID    = "11111111-2222-3333-4444-555555555555"
	eventType    = "tms.networktoken.updated"
	patience     = 2 * time.Minute
)

// door is a started receiver with one subscription behind a real HTTP server.
type door struct {
	*receiver.Receiver
	store    *store.Store
	database string // URL
	sub      store.Subscription
	key      cybs.Key
	url      string // of the endpoint
	health   string
	base     string
	client   *http.Client
	log      *lockedBuffer
	metrics  *prometheus.Registry
	changes  chan struct{}
}

// option changes the receiver's configuration.
type option func(*receiver.Config)

func newDoor(t *testing.T, options ...option) *door {
	t.Helper()
	d := newHouse(t)
	d.open(t, options...)
	return d
}

// newHouse makes the database and the subscription, and opens no door yet.
func newHouse(t *testing.T) *door {
	t.Helper()
	d := &door{log: &lockedBuffer{}, metrics: prometheus.NewRegistry(), changes: make(chan struct{}, 1)}
	d.store = storetest.New(t, func(c *store.Config) { d.database = c.URL })
	o, err := d.store.InsertOrganization(t.Context(), store.Organization{OrganizationID: organization, Environment: "sandbox", Name: "Acme", MerchantID: "acme"}, nil, audit())
	if err != nil {
		t.Fatal(err)
	}
	d.key = d.newKey(t, o.ID, "key-1")
	d.sub = d.subscribe(t, o.ID, webhookID)
	if _, err := d.store.EnsurePartitions(t.Context(), time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	d.follow(t)
	return d
}

func audit() store.AuditEntry { return store.AuditEntry{Actor: "test", Action: "test"} }

func (d *door) newKey(t *testing.T, organizationID int64, id string) cybs.Key {
	t.Helper()
	key := cybs.Key{ID: id, Secret: cybs.Secret("secret of " + id)}
	if _, err := d.store.InsertSignatureKey(t.Context(), store.SignatureKey{OrganizationID: organizationID, KeyID: id, Key: store.Secret(key.Secret)}); err != nil {
		t.Fatal(err)
	}
	return key
}

func (d *door) subscribe(t *testing.T, organizationID int64, webhookID string) store.Subscription {
	t.Helper()
	sub, _, err := d.store.InsertSubscription(t.Context(), store.Subscription{
		OrganizationID: organizationID, Name: "tokens", Scope: "DESCENDANTS", SecurityType: "KEY",
		Products:    []store.SubscribedProduct{{ProductID: "tokenManagement", EventTypes: []string{eventType, "tms.networktoken.provisioned"}}},
		RetryPolicy: store.RetryPolicy{Algorithm: "ARITHMETIC", FirstRetry: 1, Interval: 1, NumberOfRetries: 3},
	}, store.NewEndpointToken(), audit())
	if err != nil {
		t.Fatal(err)
	}
	if webhookID != "" {
		if _, err := d.store.RecordActual(t.Context(), sub.ID, store.ActualSubscription{WebhookID: webhookID, Status: store.StatusActive}); err != nil {
			t.Fatal(err)
		}
	}
	return sub
}

// follow wakes await at every change in the database.
func (d *door) follow(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ready := make(chan struct{})
	var listening sync.WaitGroup
	listening.Go(func() {
		// It ends with the test, or with the database where a test takes that away.
		_ = d.store.Listen(ctx, func() { close(ready) }, func(store.Change) { d.changed() })
	})
	t.Cleanup(listening.Wait)
	t.Cleanup(cancel)
	select {
	case <-ready:
	case <-time.After(patience):
		t.Fatal("the store does not listen")
	}
}

func (d *door) changed() {
	select {
	case d.changes <- struct{}{}:
	default:
	}
}

// await returns when cond is true. It looks after every change, and now and then for what makes none.
func (d *door) await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-d.changes:
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s did not happen; log:\n%s", what, d.log)
		}
	}
}

func (d *door) open(t *testing.T, options ...option) {
	t.Helper()
	cfg := receiver.Config{Store: d.store, Log: slog.New(slog.NewTextHandler(d.log, nil)), Metrics: d.metrics, CommitTimeout: patience, IssuerTransport: insideTransport()}
	for _, o := range options {
		o(&cfg)
	}
	r, err := receiver.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.Receiver = r
	t.Cleanup(func() { d.stop(t) })
	server := httptest.NewUnstartedServer(r.Handler())
	server.Config = receiver.NewHTTPServer(r.Handler(), slog.New(slog.DiscardHandler))
	server.Start()
	t.Cleanup(server.Close)
	d.base = server.URL
	d.url, d.health = receiver.EndpointURLs(server.URL, d.sub.EndpointToken)
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	d.client = &http.Client{Transport: transport, Timeout: patience}
}

func (d *door) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	if err := d.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// notice is a notification to send.
type notice struct {
	eventType, webhookID, organization, date, trace string
	retry                                           int
	data                                            string // the payload's data
}

func (n notice) body() []byte {
	def := func(v, otherwise string) string {
		if v == "" {
			return otherwise
		}
		return v
	}
	return fmt.Appendf(nil, `{"eventType":%q,"webhookId":%q,"productId":"tokenManagement","organizationId":%q,"eventDate":%q,"transactionTraceId":%q,"retryNumber":%d,"payload":%s,"requestType":"NEW"}`,
		def(n.eventType, eventType), def(n.webhookID, webhookID), def(n.organization, organization), def(n.date, "2026-11-22T10:00:00"), def(n.trace, "trace-0"), n.retry, n.payload())
}

func (n notice) payload() []byte {
	data := n.data
	if data == "" {
		data = `{"id":"BBBB0002","reason":"TOKEN_STATUS_UPDATED","_links":{"tokenized-cards":[{"id":"AAAA0001","state":"ACTIVE"}]}}`
	}
	return []byte(`{"data":` + data + `,"organizationId":"child"}`)
}

// send posts a body with headers and returns the status.
func (d *door) send(t *testing.T, body []byte, headers ...string) *http.Response {
	t.Helper()
	return d.request(t, http.MethodPost, d.url, body, headers...)
}

func (d *door) request(t *testing.T, method, address string, body []byte, headers ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for pair := range slices.Chunk(headers, 2) {
		req.Header.Add(pair[0], pair[1])
	}
	response, err := d.client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, address, err)
	}
	defer func() { _ = response.Body.Close() }() // read to its end below
	if text, err := io.ReadAll(response.Body); err != nil || len(text) > 0 {
		t.Errorf("%s answered %q, %v; want no body", method, text, err)
	}
	return response
}

// signed posts a body signed over the whole of it.
func (d *door) signed(t *testing.T, body []byte, headers ...string) *http.Response {
	t.Helper()
	return d.send(t, body, append(headers, "v-c-signature", cybs.Sign(d.key, time.Now(), body))...)
}

func wantStatus(t *testing.T, response *http.Response, want int) {
	t.Helper()
	if response.StatusCode != want {
		t.Errorf("answered %d, want %d", response.StatusCode, want)
	}
}

func (d *door) count(t *testing.T, sql string) int {
	t.Helper()
	var n int
	if err := d.store.Pool().QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func (d *door) deliveries(t *testing.T) int {
	t.Helper()
	return d.count(t, "SELECT count(*) FROM deliveries")
}

// only returns the one delivery there is.
func (d *door) only(t *testing.T) store.Delivery {
	t.Helper()
	var id store.ID
	if err := d.store.Pool().QueryRow(t.Context(), "SELECT id FROM deliveries").Scan(&id); err != nil {
		t.Fatal(err)
	}
	if n := d.deliveries(t); n != 1 {
		t.Fatalf("%d deliveries, want 1", n)
	}
	return d.delivery(t, id)
}

// newest returns the delivery stored last.
func (d *door) newest(t *testing.T) store.Delivery {
	t.Helper()
	var id store.ID
	if err := d.store.Pool().QueryRow(t.Context(), "SELECT id FROM deliveries ORDER BY id DESC LIMIT 1").Scan(&id); err != nil {
		t.Fatal(err)
	}
	return d.delivery(t, id)
}

func (d *door) delivery(t *testing.T, id store.ID) store.Delivery {
	t.Helper()
	delivery, err := d.store.GetDelivery(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	delivery.Body, err = d.store.DeliveryBody(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return delivery
}

// notifications waits until n are there and everything is grouped.
func (d *door) notifications(t *testing.T, n int) []store.Notification {
	t.Helper()
	var page store.PageOf[store.Notification]
	d.await(t, fmt.Sprintf("grouping into %d notifications", n), func() bool {
		if d.count(t, "SELECT count(*) FROM grouping_queue") > 0 {
			return false
		}
		var err error
		page, err = d.store.ListNotifications(t.Context(), store.NotificationFilter{})
		if err != nil {
			t.Fatal(err)
		}
		return len(page.Items) >= n
	})
	if len(page.Items) != n {
		t.Fatalf("%d notifications, want %d", len(page.Items), n)
	}
	return page.Items
}

// metric sums a counter's series.
func (d *door) metric(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	families, err := d.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			matches := true
			for _, label := range m.GetLabel() {
				for pair := range slices.Chunk(labels, 2) {
					matches = matches && (label.GetName() != pair[0] || label.GetValue() == pair[1])
				}
			}
			if matches {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// takeAway makes the database unreachable, as a crash of it does, and returns what brings it back.
func (d *door) takeAway(t *testing.T) (bringBack func()) {
	t.Helper()
	u, err := url.Parse(d.database)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(u.Path, "/")
	u.Path = "/postgres"
	admin := func(statements ...string) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), u.String())
		if err != nil {
			t.Fatal(err)
		}
		for _, sql := range statements {
			if _, err := conn.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	quoted := pgx.Identifier{name}.Sanitize()
	admin("ALTER DATABASE "+quoted+" ALLOW_CONNECTIONS false", "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '"+name+"'")
	return func() { t.Helper(); admin("ALTER DATABASE " + quoted + " ALLOW_CONNECTIONS true") }
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

// insideTransport reaches the issuers of tests.
func insideTransport() http.RoundTripper {
	return outbound.NewTransport(outbound.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
}
