package receiver_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

func TestNotificationSaysWhatItsDeliverySays(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	n := notice{data: `{"id":"7435188899356405003091","status":"AUTHORIZED","clientReferenceInformation":{"code":"ORDER-1"},"orderInformation":{"amountDetails":{"authorizedAmount":"100.00","currency":"USD"}},"card":{"number":"4111111111111111"}}`}
	wantStatus(t, d.signed(t, n.body()), http.StatusOK)
	list := d.notifications(t, 1)
	got, err := d.store.GetNotification(t.Context(), list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	want := store.Notification{
		ID: d.only(t).ID, SubscriptionID: d.sub.ID, OrganizationID: d.sub.OrganizationID, ProductID: "tokenManagement", EventType: eventType, WebhookID: webhookID,
		EventDate: "2026-11-22T10:00:00", EventOrganization: "child", ObjectID: "7435188899356405003091", Summary: "AUTHORIZED 100.00 USD · ORDER-1",
		State: store.StateDelivered, Readable: true, DeliveryCount: 1, BodyBytes: len(n.body()), Retries: 3,
		Payload: []byte(`{"data": {"id": "7435188899356405003091", "card": {"number": "411111******1111"}, "status": "AUTHORIZED", "orderInformation": {"amountDetails": {"currency": "USD", "authorizedAmount": "100.00"}}, "clientReferenceInformation": {"code": "ORDER-1"}}, "organizationId": "child"}`),
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(store.Notification{}, "ReceivedAt", "LastDeliveryAt", "Fingerprint")); diff != "" {
		t.Errorf("notification (-want +got):\n%s", diff)
	}
	sub, err := d.store.GetSubscription(t.Context(), d.sub.ID)
	if err != nil || sub.LastDeliveryAt.IsZero() {
		t.Errorf("the subscription's last delivery is %s, %v; want it set", sub.LastDeliveryAt, err)
	}
}

func TestRetriesJoinTheirNotification(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sent []notice
		want []int // deliveries of each notification, oldest first
	}{
		"a new trace id each":           {[]notice{{trace: "a"}, {trace: "b", retry: 1}, {trace: "c", retry: 2}}, []int{3}},
		"a new date as well":            {[]notice{{trace: "a"}, {trace: "b", retry: 1, date: "2026-11-22T10:01:00"}}, []int{2}},
		"across midnight":               {[]notice{{date: "2026-11-22T23:59:59"}, {retry: 1, date: "2026-11-23T00:00:59"}}, []int{2}},
		"another date and no retry":     {[]notice{{trace: "a"}, {trace: "b", date: "2026-11-22T10:01:00"}}, []int{1, 1}},
		"another payload":               {[]notice{{}, {retry: 1, data: `{"id":"other"}`}}, []int{1, 1}},
		"another event type":            {[]notice{{}, {retry: 1, eventType: "tms.networktoken.provisioned"}}, []int{1, 1}},
		"the first attempt was lost":    {[]notice{{retry: 2}}, []int{1}},
		"the first attempt comes later": {[]notice{{trace: "b", retry: 1}, {trace: "a"}}, []int{2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t)
			for i, n := range c.sent {
				wantStatus(t, d.signed(t, n.body()), http.StatusOK)
				// Grouped one after the other, as they would be minutes apart.
				d.await(t, "grouping", func() bool {
					return d.count(t, "SELECT count(*) FROM grouping_queue") == 0 && d.count(t, "SELECT coalesce(sum(delivery_count), 0) FROM notifications") == i+1
				})
			}
			list := d.notifications(t, len(c.want))
			var got []int
			for i := range list {
				got = append(got, list[len(list)-1-i].DeliveryCount)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("deliveries of each notification (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLostFirstAttemptShows(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	wantStatus(t, d.signed(t, notice{retry: 2}.body()), http.StatusOK)
	if n := d.notifications(t, 1)[0]; n.FirstRetryNumber != 2 || n.LastRetryNumber != 2 {
		t.Errorf("first and last retry are %d and %d, want 2 and 2", n.FirstRetryNumber, n.LastRetryNumber)
	}
}

func TestDeliveriesOfANotificationAreListedInOrder(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	for i := range 3 {
		wantStatus(t, d.signed(t, notice{trace: fmt.Sprint(i), retry: i}.body()), http.StatusOK)
	}
	list := d.notifications(t, 1)
	deliveries, err := d.store.ListNotificationDeliveries(t.Context(), list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	var traces []string
	for _, v := range deliveries {
		traces = append(traces, v.TraceID)
	}
	if diff := cmp.Diff([]string{"0", "1", "2"}, traces); diff != "" {
		t.Errorf("traces (-want +got):\n%s", diff)
	}
}

// testBody is what Cybersource sends when a test is asked for: payloads is an object, and nothing but date and trace id changes.
func testBody(trace string, retry int) []byte {
	return fmt.Appendf(nil, `{"eventDate":"2026-11-22T16:15:23","eventType":%q,"organizationId":%q,"payloads":{"testPayload":{"message":"Yay! Your webhook integration worked!"}},"productId":"tokenManagement","requestType":"NEW","retryNumber":"%d","transactionTraceId":%q,"webhookId":%q}`,
		eventType, organization, retry, trace, webhookID)
}

func TestEachTestIsANotificationOfItsOwn(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	for _, trace := range []string{"a", "b"} {
		wantStatus(t, d.signed(t, testBody(trace, 0)), http.StatusOK)
	}
	for _, n := range d.notifications(t, 2) {
		if !n.Test || n.Summary != "Test notification" || !n.Readable {
			t.Errorf("test %t, summary %q, readable %t; want a readable test", n.Test, n.Summary, n.Readable)
		}
	}
	wantStatus(t, d.signed(t, testBody("c", 1)), http.StatusOK)
	d.await(t, "the retry of a test", func() bool { return d.count(t, "SELECT max(delivery_count) FROM notifications") == 2 })
	d.notifications(t, 2)
}

func TestNextStartGroupsWhatACrashLeft(t *testing.T) {
	t.Parallel()
	d := newHouse(t)
	var batch []*store.Delivery
	for i := range 150 {
		body := notice{date: fmt.Sprintf("2026-11-22T10:%02d:%02d", i/60, i%60)}.body()
		now := time.Now()
		batch = append(batch, &store.Delivery{
			ID: store.NewID(now), ReceivedAt: now, EndpointID: d.sub.EndpointID, SubscriptionID: d.sub.ID, OrganizationID: d.sub.OrganizationID,
			Verdict: store.Verified, EventType: eventType, WebhookID: webhookID, Answered: http.StatusOK, Body: body,
		})
	}
	if _, err := d.store.InsertDeliveries(t.Context(), 1, batch); err != nil {
		t.Fatal(err)
	}
	d.open(t)
	d.await(t, "grouping at start", func() bool { return d.count(t, "SELECT count(*) FROM notifications") == len(batch) })
	if n := d.count(t, "SELECT count(*) FROM grouping_queue"); n != 0 {
		t.Errorf("%d still wait, want none", n)
	}
}

func TestTwoReplicasGroupWithoutDoubles(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	second, err := receiver.New(receiver.Config{Store: d.store, Log: slog.New(slog.NewTextHandler(d.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := second.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	const notices, attempts = 20, 4
	concurrently(notices*attempts, func(i int) {
		n := notice{date: fmt.Sprintf("2026-11-22T10:00:%02d", i%notices), retry: i / notices, trace: fmt.Sprint(i)}
		wantStatus(t, d.signed(t, n.body()), http.StatusOK)
	})
	d.await(t, "grouping", func() bool {
		return d.count(t, "SELECT coalesce(sum(delivery_count), 0) FROM notifications") == notices*attempts
	})
	if n := d.count(t, "SELECT count(*) FROM notification_keys"); n != notices {
		t.Errorf("%d fingerprints, want %d", n, notices)
	}
}

func TestReceiverRefusesAConfigurationThatCannotWork(t *testing.T) {
	t.Parallel()
	d := newHouse(t)
	for name, cfg := range map[string]receiver.Config{
		"no store":              {},
		"negative bound":        {Store: d.store, QueueSize: -1},
		"body beyond the bound": {Store: d.store, MaxBodyBytes: 10, MaxMemory: 9},
	} {
		if _, err := receiver.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestTokensAreLongAndNeverAlike(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for range 1000 {
		token := store.NewEndpointToken()
		if len(token) < 32 || seen[token] {
			t.Fatalf("token %q is short or repeated", token)
		}
		seen[token] = true
		for _, c := range token {
			if (c < 'a' || c > 'z') && (c < '2' || c > '7') {
				t.Fatalf("token %q has %q, which may not survive a URL", token, c)
			}
		}
	}
	webhook, health := receiver.EndpointURLs("https://hooks.example.com/base/", "abc")
	if webhook != "https://hooks.example.com/base/in/abc" || health != webhook+"/health" {
		t.Errorf("URLs are %s and %s", webhook, health)
	}
}
