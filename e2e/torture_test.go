package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/migrations"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/embedded"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// longTorture is the variable by which `make torture` asks for more and longer than `make test` has time for.
const longTorture = "TORTURE"

const (
	tortureSenders = 12
	failurePause   = 5 * time.Millisecond
	// traceMark begins every trace id that the senders make: what else is stored is foreign.
	traceMark = "trace-"
)

// size is one of two, by how long the torture may take.
func size[T any](short, long T) T {
	if os.Getenv(longTorture) != "" {
		return long
	}
	return short
}

// tortured is a server with one subscription, and what is sent to it. Each notification is sent, byte for byte the same, until it was answered 200, as a
// sender does who cannot know what became of it.
type tortured struct {
	dir           string
	encryptionKey string
	sealer        *store.Sealer
	key           cybs.Key
	token         string
	webhookID     string
	receiver      atomic.Pointer[string] // address
	acknowledged  atomic.Int64
	failed        atomic.Int64
	slowest       atomic.Int64  // duration of the attempt that took longest
	progress      chan struct{} // after each answer of 200
}

// sendTo tells the senders where the server is now. They keep a copy: the next start writes the program's own.
func (h *tortured) sendTo(address string) { h.receiver.Store(&address) }

func newTortured(t *testing.T) *tortured {
	t.Helper()
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails since Go 1.24
	h := &tortured{
		dir: t.TempDir(), encryptionKey: base64.StdEncoding.EncodeToString(raw), token: store.NewEndpointToken(), webhookID: "11111111-2222-3333-4444-555555555555",
		key: cybs.Key{ID: "torture-key", Secret: cybs.Secret(raw)}, progress: make(chan struct{}, 1),
	}
	master, err := store.ParseSealingKey(h.encryptionKey)
	if err != nil {
		t.Fatal(err)
	}
	if h.sealer, err = store.NewSealer(master); err != nil {
		t.Fatal(err)
	}
	return h
}

// env is the environment of the server.
func (h *tortured) env(more ...string) []string {
	return append([]string{"ENCRYPTION_KEY=" + h.encryptionKey, "LOG_LEVEL=warn"}, more...)
}

// startPrivate starts a server with a private database in the folder, which has the subscription.
func (h *tortured) startPrivate(t *testing.T) *program {
	t.Helper()
	h.withPrivate(t, h.seed)
	p := newProgram(t, h.dir, h.env()...)
	p.start(t)
	h.killAtTheEnd(t, p)
	return p
}

// killAtTheEnd lets no server outlive a test that failed.
func (h *tortured) killAtTheEnd(t *testing.T, p *program) {
	t.Helper()
	t.Cleanup(func() {
		select {
		case <-p.exited:
		default:
			p.kill(t)
		}
	})
}

// withStore runs fn on a store of the database at an address.
func (h *tortured) withStore(t *testing.T, url string, fn func(*testing.T, *store.Store)) {
	t.Helper()
	if _, err := migrations.Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Config{URL: url, Sealer: h.sealer})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fn(t, s)
}

// withPrivate runs fn on the server's private database while the server does not run.
func (h *tortured) withPrivate(t *testing.T, fn func(*testing.T, *store.Store)) {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Config{Dir: filepath.Join(h.dir, "postgres"), AllowInstall: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Errorf("stop the database: %v", err)
		}
	}()
	h.withStore(t, server.URL(), fn)
}

func (h *tortured) seed(t *testing.T, s *store.Store) {
	t.Helper()
	audit := store.AuditEntry{Actor: "test", Action: "seed"}
	o, err := s.InsertOrganization(t.Context(), store.Organization{OrganizationID: "tortured", Environment: "sandbox", Name: "Tortured", MerchantID: "tortured"}, nil, audit)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.InsertSignatureKey(t.Context(), store.SignatureKey{OrganizationID: o.ID, KeyID: h.key.ID, Key: store.Secret(h.key.Secret)}); err != nil {
		t.Fatal(err)
	}
	sub, _, err := s.InsertSubscription(t.Context(), store.Subscription{
		OrganizationID: o.ID, Name: "tortured", Scope: "SELF", SecurityType: "KEY", Products: []store.SubscribedProduct{{ProductID: "tokenManagement", EventTypes: []string{"tms.networktoken.updated"}}},
		RetryPolicy: store.RetryPolicy{Algorithm: "ARITHMETIC", FirstRetry: 1, Interval: 1, NumberOfRetries: 3},
	}, h.token, audit)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.RecordActual(t.Context(), sub.ID, store.ActualSubscription{WebhookID: h.webhookID, Status: store.StatusActive}); err != nil {
		t.Fatal(err)
	}
}

// sendWithoutPause starts the senders. stop ends them and returns the trace ids that were answered 200.
func (h *tortured) sendWithoutPause(t *testing.T, p *program) (stop func() []string) {
	t.Helper()
	h.sendTo(p.Receiver)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var sending sync.WaitGroup
	acknowledged := make([][]string, tortureSenders)
	transport := &http.Transport{MaxIdleConnsPerHost: tortureSenders}
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	for i := range tortureSenders {
		sending.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				trace := fmt.Sprintf("%s%d-%d", traceMark, i, n)
				if h.sendUntilAcknowledged(ctx, client, trace) {
					acknowledged[i] = append(acknowledged[i], trace)
				}
			}
		})
	}
	end := sync.OnceFunc(func() {
		cancel()
		sending.Wait()
		transport.CloseIdleConnections()
	})
	t.Cleanup(end)
	return func() []string {
		end()
		var all []string
		for _, list := range acknowledged {
			all = append(all, list...)
		}
		return all
	}
}

func (h *tortured) sendUntilAcknowledged(ctx context.Context, client *http.Client, trace string) bool {
	payload := `{"data":{"id":"` + trace + `","status":"ACTIVE"},"organizationId":"tortured"}`
	body := fmt.Appendf(nil, `{"eventType":"tms.networktoken.updated","webhookId":%q,"productId":"tokenManagement","organizationId":"tortured","eventDate":"2026-11-22T10:00:00","transactionTraceId":%q,"retryNumber":0,"payload":%s}`,
		h.webhookID, trace, payload)
	again := time.NewTicker(failurePause)
	defer again.Stop()
	for first := true; ctx.Err() == nil; first = false {
		if !first { // the machine is needed for starting the server
			<-again.C
		}
		url, _ := receiver.EndpointURLs("http://"+*h.receiver.Load(), h.token)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return false
		}
		req.Header.Set("v-c-signature", cybs.Sign(h.key, time.Now(), []byte(payload)))
		begun := time.Now()
		res, err := client.Do(req)
		h.took(time.Since(begun))
		if err != nil {
			h.failed.Add(1) // the server is being killed or started
			continue
		}
		_ = res.Body.Close() // the status is what counts
		if res.StatusCode == http.StatusOK {
			h.acknowledged.Add(1)
			select {
			case h.progress <- struct{}{}:
			default:
			}
			return true
		}
		h.failed.Add(1)
	}
	return false
}

// took notes how long an attempt took.
func (h *tortured) took(d time.Duration) {
	for {
		slowest := h.slowest.Load()
		if int64(d) <= slowest || h.slowest.CompareAndSwap(slowest, int64(d)) {
			return
		}
	}
}

// awaitMore waits for so many more answers of 200.
func (h *tortured) awaitMore(t *testing.T, n int64) {
	t.Helper()
	want := h.acknowledged.Load() + n
	deadline := time.NewTimer(2 * time.Minute)
	defer deadline.Stop()
	for h.acknowledged.Load() < want {
		select {
		case <-h.progress:
		case <-deadline.C:
			t.Fatalf("%d answered 200 within two minutes, want %d; %d attempts failed", h.acknowledged.Load(), want, h.failed.Load())
		}
	}
}

// check looks for everything that was acknowledged, in the database and grouped into notifications, and for what was never sent.
func (h *tortured) check(t *testing.T, s *store.Store, acknowledged []string) {
	t.Helper()
	h.checkVerified(t, s, acknowledged)
	var rejected int
	if err := s.Pool().QueryRow(t.Context(), "SELECT count(*) FROM deliveries WHERE verdict = 'rejected'").Scan(&rejected); err != nil {
		t.Fatal(err)
	}
	if rejected != 0 {
		t.Errorf("%d deliveries were rejected, want none", rejected)
	}
}

func (h *tortured) checkVerified(t *testing.T, s *store.Store, acknowledged []string) {
	t.Helper()
	h.awaitGrouped(t, s)
	rows, err := s.Pool().Query(t.Context(), `SELECT d.trace_id, count(*), count(n.id) FROM deliveries d LEFT JOIN notifications n ON n.id = d.notification_id
		WHERE d.verdict = 'verified' GROUP BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	stored, grouped := make(map[string]int), make(map[string]int)
	for rows.Next() {
		var trace string
		var n, m int
		if err := rows.Scan(&trace, &n, &m); err != nil {
			t.Fatal(err)
		}
		stored[trace], grouped[trace] = n, m
		if n != 1 || !strings.HasPrefix(trace, traceMark) {
			t.Errorf("%s is stored %d times; want what was sent, once", trace, n)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, trace := range acknowledged {
		if stored[trace] != 1 || grouped[trace] != 1 {
			t.Errorf("%s was answered 200 and is stored %d times, in %d notifications; want 1 and 1", trace, stored[trace], grouped[trace])
		}
	}
	t.Logf("%d notifications answered 200, %d attempts failed", len(acknowledged), h.failed.Load())
}

// awaitGrouped waits for the work after the commits.
func (h *tortured) awaitGrouped(t *testing.T, s *store.Store) {
	t.Helper()
	eventually(t, time.Minute, "everything to be grouped", func() error {
		var waiting int
		if err := s.Pool().QueryRow(t.Context(), "SELECT count(*) FROM grouping_queue").Scan(&waiting); err != nil {
			return err
		}
		if waiting > 0 {
			return fmt.Errorf("%d deliveries wait", waiting)
		}
		return nil
	})
}

// outages returns those of a kind that the console tells.
func (h *tortured) outages(t *testing.T, s *store.Store, kind store.OutageKind) []store.Outage {
	t.Helper()
	list, err := s.ListOutages(t.Context(), time.Now().AddDate(0, 0, -1), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(list, func(o store.Outage) bool { return o.Kind != kind })
}
