package web_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/mask"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/web"
	"github.com/switchboardhq/switchboard/web/receiver"
	"github.com/switchboardhq/switchboard/web/webtest"
)

// archive is a console whose database is filled by the test itself, row by row.
type archive struct {
	*webtest.Server
	Subscription store.Subscription
	tb           testing.TB
	described    map[store.ID]store.Description
}

// newArchive is a console with one subscription that has received nothing.
func newArchive(tb testing.TB, options ...webtest.Option) *archive {
	tb.Helper()
	a := &archive{Server: webtest.New(tb, append(options, webtest.WithoutReceiver())...), tb: tb, described: map[store.ID]store.Description{}}
	a.Subscription = a.subscribe(a.Organization, "Token events")
	return a
}

// subscribe adds an active subscription to token events.
func (a *archive) subscribe(o store.Organization, name string) store.Subscription {
	a.tb.Helper()
	v, _, err := a.Store.InsertSubscription(a.tb.Context(), store.Subscription{
		OrganizationID: o.ID, Name: name, Scope: "DESCENDANTS", SecurityType: "KEY", RetryPolicy: store.RetryPolicy{Algorithm: "ARITHMETIC", FirstRetry: 1, Interval: 1, NumberOfRetries: 3},
		Products: []store.SubscribedProduct{{ProductID: "tokenManagement", EventTypes: []string{"tms.networktoken.provisioned", "tms.networktoken.updated"}}},
	}, store.NewEndpointToken(), store.AuditEntry{Actor: "switchboard", Action: "subscription.create"})
	if err != nil {
		a.tb.Fatal(err)
	}
	_, err = a.Store.RecordActual(a.tb.Context(), v.ID, store.ActualSubscription{WebhookID: fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", v.ID), Status: store.StatusActive})
	if err != nil {
		a.tb.Fatal(err)
	}
	v, err = a.Store.GetSubscription(a.tb.Context(), v.ID)
	if err != nil {
		a.tb.Fatal(err)
	}
	return v
}

// delivery is a verified one that arrived at that time; change makes it another.
func (a *archive) delivery(at time.Time, body string, change ...func(*store.Delivery)) *store.Delivery {
	d := &store.Delivery{
		ID: store.NewID(at), ReceivedAt: at, EndpointID: a.Subscription.EndpointID, SubscriptionID: a.Subscription.ID, OrganizationID: a.Subscription.OrganizationID,
		ProductID: "tokenManagement", EventType: "tms.networktoken.updated", WebhookID: a.Subscription.WebhookID,
		TraceID: "trace-" + store.NewID(at).String(), RequestType: "NEW", EventDate: at.Add(-2 * time.Second).UTC().Format("2006-01-02T15:04:05"),
		Verdict: store.Verified, KeyID: "key-1", Variant: string(cybs.VariantPayloadRaw), SignedAt: at.Add(-time.Second), Answered: http.StatusOK,
		AnswerTime: 3 * time.Millisecond, Source: netip.MustParseAddr("198.51.100.7"), Body: []byte(body),
		Headers: []store.Header{{"Content-Type", "application/json"}, {"V-C-Event-Type", "tms.networktoken.updated"}},
	}
	for _, c := range change {
		c(d)
	}
	return d
}

// retry is another attempt at what a delivery says, with a trace id and so a body of its own.
func (a *archive) retry(of *store.Delivery, at time.Time, number int) *store.Delivery {
	d := a.delivery(at, fmt.Sprintf(`{"retryNumber":%d}`, number)+string(of.Body), func(d *store.Delivery) { d.RetryNumber, d.RequestType, d.EventDate = number, "RETRY", of.EventDate })
	a.described[d.ID] = describeBody(*of)
	return d
}

func rejectedFor(reason string) func(*store.Delivery) {
	return func(d *store.Delivery) {
		d.Verdict, d.Reason, d.ReasonDetail, d.Answered, d.Variant = store.Rejected, reason, "What was found in this very delivery.", http.StatusUnauthorized, ""
	}
}

// describe says what grouping reads out of a delivery's body.
func (a *archive) describe(d *store.Delivery, change func(*store.Description)) {
	described := describeBody(*d)
	change(&described)
	a.described[d.ID] = described
}

func describeBody(d store.Delivery) store.Description {
	sum := sha256.Sum256(append([]byte(d.EventDate), d.Body...))
	loose := sha256.Sum256(d.Body)
	return store.Description{Fingerprint: sum[:], Loose: loose[:], EventOrganization: "child_org", Readable: true, Horizon: time.Hour}
}

// keep stores deliveries and groups them.
func (a *archive) keep(list ...*store.Delivery) {
	a.tb.Helper()
	results, err := a.Store.InsertDeliveries(a.tb.Context(), 1, list)
	if err != nil {
		a.tb.Fatal(err)
	}
	for i, r := range results {
		if !r.Stored {
			if err := a.Store.CountDuplicates(a.tb.Context(), []store.Duplicate{store.NewDuplicate(list[i])}); err != nil {
				a.tb.Fatal(err)
			}
		}
	}
	for {
		n, err := a.Store.GroupNext(a.tb.Context(), 100, func(d store.Delivery) store.Description {
			if described, ok := a.described[d.ID]; ok {
				return described
			}
			return describeBody(d)
		})
		if err != nil {
			a.tb.Fatal(err)
		}
		if n < 100 {
			return
		}
	}
}

// fill keeps n notifications, one a minute, the newest a minute ago; it returns their ids, newest first.
func (a *archive) fill(n int) []string {
	a.tb.Helper()
	now := time.Now()
	list, ids := make([]*store.Delivery, 0, n), make([]string, 0, n)
	for i := range n {
		d := a.delivery(now.Add(-time.Duration(i+1)*time.Minute), fmt.Sprintf(`{"payload":{"n":%d}}`, i))
		list, ids = append(list, d), append(ids, d.ID.String())
	}
	a.keep(list...)
	return ids
}

// rows are the ids of a list's rows, in their order.
func rows(p *webtest.Page, testID string) []string {
	ids := []string{}
	for _, r := range p.AllByTestID(testID) {
		ids = append(ids, r.Attr("data-id"))
	}
	return ids
}

func linkTo(p *webtest.Page, text string) string {
	for _, a := range p.All(func(e *webtest.Element) bool { return e.Tag() == "a" && strings.Contains(e.Text(), text) }) {
		return a.Attr("href")
	}
	return ""
}

// house is a console with the sandbox and the receiver's real door: what the sandbox sends is verified and stored.
type house struct {
	*webtest.Server
	Subscription store.Subscription
	tb           testing.TB
}

// newHouse has one active subscription, made through the form, to the events given.
func newHouse(t *testing.T, events []string, options ...webtest.Option) *house {
	t.Helper()
	var door atomic.Value
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		door.Load().(http.Handler).ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	h := &house{tb: t}
	h.Server = webtest.New(t, append(options, webtest.WithoutReceiver(), webtest.WithConsole(func(cfg *web.Config) {
		cfg.EndpointURL = func(token string) (string, string) { return receiver.EndpointURLs(front.URL, token) }
	}))...)
	r, err := receiver.New(receiver.Config{Store: h.Store})
	if err != nil {
		t.Fatal(err)
	}
	door.Store(r.Handler())
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := r.Stop(ctx); err != nil {
			t.Errorf("stop receiver: %v", err)
		}
	})
	form := h.As(store.RoleEditor).Get(paths.NewSubscription).Wants(http.StatusOK).Form("subscription-form")
	form.Set(subscriptions.FieldName, "Token events").Set(subscriptions.FieldEvent, events...).Submit().Wants(http.StatusSeeOther)
	list, err := h.Store.ListSubscriptions(t.Context(), store.SubscriptionFilter{})
	if err != nil || len(list) != 1 {
		t.Fatalf("subscriptions stored: %v, %v; want one", list, err)
	}
	h.Subscription = list[0]
	h.Sandbox.AwaitStatus(t, h.Subscription.WebhookID, cybs.StatusActive)
	return h
}

// emit makes an event happen and waits until the sandbox has made its attempts.
func (h *house) emit(fault sandbox.Fault) {
	h.tb.Helper()
	_, err := h.Sandbox.Emit(h.tb.Context(), sandbox.EventRequest{
		OrganizationID: h.Organization.OrganizationID, ProductID: "tokenManagement", EventType: "tms.networktoken.updated", Fault: fault,
	})
	if err != nil {
		h.tb.Fatal(err)
	}
}

// await asks cond again whenever the database tells of a change, until it holds.
func (h *house) await(what string, cond func() bool) {
	h.tb.Helper()
	ctx, cancel := context.WithTimeout(h.tb.Context(), 2*time.Minute)
	defer cancel()
	held := false
	check := func() {
		if !held && cond() {
			held = true
			cancel()
		}
	}
	_ = h.Store.Listen(ctx, check, func(store.Change) { check() }) // it ends when ctx does, and with its error
	if !held {
		h.tb.Fatalf("%s did not come about", what)
	}
}

// masked is a body as pages show it.
func masked(body string) string { return string(mask.JSON([]byte(body)).Text) }
