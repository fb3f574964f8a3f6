package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
)

// monday is in the middle of nowhere in particular; tests count from it.
var monday = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// arrivals makes deliveries for one subscription.
type arrivals struct {
	sub  store.Subscription
	made int
}

func newArrivals(t *testing.T, s *store.Store) *arrivals {
	t.Helper()
	return &arrivals{sub: newSubscription(t, s, newOrganization(t, s, "acme").ID, "tokens")}
}

// at makes a verified delivery with a body of its own; change alters it.
func (a *arrivals) at(received time.Time, change ...func(*store.Delivery)) *store.Delivery {
	a.made++
	d := &store.Delivery{
		ID: store.NewID(received), ReceivedAt: received, EndpointID: a.sub.EndpointID, SubscriptionID: a.sub.ID, OrganizationID: a.sub.OrganizationID,
		ProductID: "tokenManagement", EventType: "tms.networktoken.updated", WebhookID: "w-1", TraceID: fmt.Sprintf("trace-%d", a.made), RequestType: "NEW",
		EventDate: received.Format("2006-01-02T15:04:05"), Verdict: store.Verified, KeyID: "k", Variant: "body", EnvelopeSigned: true, SignedAt: received,
		Answered: 200, AnswerTime: 1500 * time.Microsecond, Source: netip.MustParseAddr("203.0.113.9"), TLS: "TLS 1.3", Headers: []store.Header{{"Host", "x"}, {"X-A", "1"}, {"X-A", "2"}},
		Body: fmt.Appendf(nil, `{"n":%d}`, a.made),
	}
	for _, c := range change {
		c(d)
	}
	return d
}

func rejected(reason string) func(*store.Delivery) {
	return func(d *store.Delivery) {
		d.Verdict, d.Reason, d.Answered, d.ReasonDetail = store.Rejected, reason, 401, "why"
	}
}

func insert(t *testing.T, s *store.Store, batch ...*store.Delivery) []store.InsertResult {
	t.Helper()
	results, err := s.InsertDeliveries(t.Context(), 1, batch)
	if err != nil {
		t.Fatal(err)
	}
	countDuplicates(t, s, batch, results)
	return results
}

func countDuplicates(t *testing.T, s *store.Store, batch []*store.Delivery, results []store.InsertResult) {
	t.Helper()
	var again []store.Duplicate
	for i, r := range results {
		if !r.Stored {
			again = append(again, store.NewDuplicate(batch[i]))
		}
	}
	if err := s.CountDuplicates(t.Context(), again); err != nil {
		t.Error(err)
	}
}

func count(t *testing.T, s *store.Store, sql string, args ...any) int {
	t.Helper()
	var n int
	if err := s.Pool().QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestDeliveryComesBackAsItWasStored(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	for name, d := range map[string]*store.Delivery{
		"full":     a.at(monday),
		"rejected": a.at(monday.Add(time.Second), rejected("key_unknown"), func(d *store.Delivery) { d.SignedAt = time.Time{} }),
		"with next to nothing": a.at(monday.Add(2*time.Second), func(d *store.Delivery) {
			*d = store.Delivery{ID: d.ID, ReceivedAt: d.ReceivedAt, EndpointID: d.EndpointID, SubscriptionID: d.SubscriptionID, OrganizationID: d.OrganizationID, Verdict: store.Verified, Answered: 200, Body: []byte{0}}
		}),
		"with a huge body": a.at(monday.Add(3*time.Second), func(d *store.Delivery) { d.Body = bytes.Repeat([]byte{0, 0xff}, 1<<19) }),
		"with extremes": a.at(monday.Add(4*time.Second), func(d *store.Delivery) {
			d.RetryNumber, d.SignedAt, d.Source = math.MaxInt32, time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), netip.MustParseAddr("2001:db8::1")
		}),
	} {
		if results := insert(t, s, d); !results[0].Stored {
			t.Errorf("%s: not stored", name)
		}
		got, err := s.GetDelivery(t.Context(), d.ID)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := *d
		if want.Verdict == store.Verified {
			want.NotificationID = want.ID
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(store.Delivery{}, "Body"), cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if body, err := s.DeliveryBody(t.Context(), d.ID); err != nil || !bytes.Equal(body, d.Body) {
			t.Errorf("%s: body of %d bytes, %v; want the %d bytes given", name, len(body), err, len(d.Body))
		}
	}
	if _, err := s.GetDelivery(t.Context(), store.NewID(monday)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown id: %v, want ErrNotFound", err)
	}
}

func TestBodyIsSealedInItsPlace(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	one, two := a.at(monday, func(d *store.Delivery) { d.Body = bytes.Repeat([]byte("secret "), 20) }), a.at(monday.Add(time.Second))
	insert(t, s, one, two)
	if n := count(t, s, "SELECT count(*) FROM deliveries WHERE position('secret'::bytea IN body) > 0"); n != 0 {
		t.Error("the body can be read in the table")
	}
	if _, err := s.Pool().Exec(t.Context(), "UPDATE deliveries SET body = (SELECT body FROM deliveries WHERE id = $1) WHERE id = $2", one.ID, two.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DeliveryBody(t.Context(), two.ID); !errors.Is(err, store.ErrSealBroken) {
		t.Errorf("a body moved to another row: %v, want ErrSealBroken", err)
	}
}

func TestEqualRequestIsStoredOnceAndCounted(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	same := func(d *store.Delivery) { d.Body = []byte("same") }
	first := a.at(monday, same)
	got := insert(t, s, first, a.at(monday, same), a.at(monday, same))
	stored := 0
	for _, r := range got {
		if r.Stored {
			stored++
		}
	}
	if stored != 1 {
		t.Errorf("%d of three equal ones in a batch stored, want 1", stored)
	}
	if r := insert(t, s, a.at(monday.AddDate(0, 0, 30), same)); r[0].Stored {
		t.Error("the same a month later, in another partition, was stored again")
	}
	if n := count(t, s, "SELECT duplicates FROM deliveries"); n != 3 {
		t.Errorf("%d duplicates counted, want 3", n)
	}
	if n := count(t, s, "SELECT count(*) FROM grouping_queue"); n != 1 {
		t.Errorf("%d queued for grouping, want 1", n)
	}
	if n := count(t, s, "SELECT sum(deliveries)::int FROM traffic_minutes"); n != 1 {
		t.Errorf("%d counted as traffic, want 1", n)
	}
}

func TestBatchSentAgainAfterALostAnswerCountsNoDuplicates(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	batch := []*store.Delivery{a.at(monday), a.at(monday)}
	insert(t, s, batch...)
	insert(t, s, batch...)
	for _, table := range []string{"deliveries", "traffic_minutes", "traffic_hours"} {
		if n := count(t, s, "SELECT sum(duplicates)::int FROM "+table); n != 0 {
			t.Errorf("%d duplicates counted in %s, want none: each found itself", n, table)
		}
	}
	if n := count(t, s, "SELECT count(*) FROM deliveries"); n != 2 {
		t.Errorf("%d stored, want 2", n)
	}
}

func TestRejectedRequestStandsInNobodysWay(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	same := func(d *store.Delivery) { d.Body = []byte("same") }
	signature := func(v string) func(*store.Delivery) {
		return func(d *store.Delivery) { d.Headers = []store.Header{{"V-C-Signature", v}} }
	}
	for i, d := range []*store.Delivery{
		a.at(monday, same, rejected("signature_missing")), a.at(monday, same, rejected("signature_mismatch"), signature("x")),
		a.at(monday, same, rejected("signature_mismatch"), signature("y")), a.at(monday, same),
		a.at(monday, same, func(d *store.Delivery) { d.EndpointID++ }),
	} {
		if r := insert(t, s, d); !r[0].Stored {
			t.Errorf("delivery %d of the same body was not stored", i)
		}
	}
	if r := insert(t, s, a.at(monday, same, rejected("signature_mismatch"), signature("y"))); r[0].Stored {
		t.Error("an equal rejected request was stored twice")
	}
}

func TestEqualRequestsFromAllSidesAreStoredOnce(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	const writers, rounds, different = 6, 15, 8
	var all [][]*store.Delivery
	for range writers * rounds {
		var batch []*store.Delivery
		for i := range different {
			batch = append(batch, a.at(monday, func(d *store.Delivery) { d.Body = fmt.Append(nil, "body ", i) }))
		}
		// Each in an order of its own: only the store's order keeps them from deadlock.
		slices.SortFunc(batch, func(x, y *store.Delivery) int { return bytes.Compare(x.ID[8:], y.ID[8:]) })
		all = append(all, batch)
	}
	var running sync.WaitGroup
	for w := range writers {
		running.Go(func() {
			for r := range rounds {
				batch := all[w*rounds+r]
				results, err := s.InsertDeliveries(t.Context(), int32(w), batch)
				if err != nil {
					t.Error(err)
				}
				countDuplicates(t, s, batch, results)
			}
		})
	}
	running.Wait()
	if n := count(t, s, "SELECT count(*) FROM deliveries"); n != different {
		t.Errorf("%d stored, want %d", n, different)
	}
	for _, table := range []string{"deliveries", "traffic_minutes", "traffic_hours"} {
		if n := count(t, s, "SELECT sum(duplicates)::int FROM "+table); n != (writers*rounds-1)*different {
			t.Errorf("%d duplicates counted in %s, want %d", n, table, (writers*rounds-1)*different)
		}
	}
}

func TestFailedBatchStoresNothing(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	for name, change := range map[string]func(*store.Delivery){
		"NUL in a text":            func(d *store.Delivery) { d.EventType = "a\x00" },
		"invalid UTF-8":            func(d *store.Delivery) { d.TraceID = "\xff" },
		"reason without verdict":   func(d *store.Delivery) { d.Reason = "x" },
		"verdict nobody knows":     func(d *store.Delivery) { d.Verdict = "maybe" },
		"rejection with no reason": func(d *store.Delivery) { d.Verdict = store.Rejected },
	} {
		results, err := s.InsertDeliveries(t.Context(), 1, []*store.Delivery{a.at(monday), a.at(monday, change)})
		if !errors.Is(err, store.ErrInvalid) || results != nil {
			t.Errorf("%s: %v, %v; want no results and ErrInvalid", name, results, err)
		}
	}
	for _, table := range []string{"deliveries", "delivery_digests", "grouping_queue", "traffic_minutes"} {
		if n := count(t, s, "SELECT count(*) FROM "+table); n != 0 {
			t.Errorf("%s has %d rows, want none", table, n)
		}
	}
}

func TestInsertOfNothingIsNoError(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	if results := insert(t, s); len(results) != 0 {
		t.Errorf("%v, want none", results)
	}
}

func TestInsertOnAClosedConnectionSaysUnavailable(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.InsertDeliveries(ctx, 1, []*store.Delivery{a.at(monday)}); !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("with a cancelled context: %v, want context.Canceled alone", err)
	}
	tx, err := s.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE delivery_digests"); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := s.InsertDeliveries(context.WithoutCancel(t.Context()), 1, []*store.Delivery{a.at(monday)})
		failed <- err
	}()
	for ended := 0; ended == 0; {
		// The insert that waits for the lock loses its connection.
		ended = count(t, s, "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock') x")
	}
	if err := <-failed; !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("with a broken connection: %v, want ErrUnavailable", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestRejectedDeliveriesAreNarrowedAndPaged(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	var want []store.ID
	for i := range 7 {
		d := a.at(monday.Add(time.Duration(i)*time.Hour), rejected("key_unknown"))
		insert(t, s, d, a.at(d.ReceivedAt), a.at(d.ReceivedAt, rejected("signature_missing"), func(d *store.Delivery) { d.OrganizationID++ }))
		want = append([]store.ID{d.ID}, want...)
	}
	filter := store.RejectedFilter{Reason: "key_unknown", Page: store.Page{Limit: 3}}
	var got []store.ID
	for {
		page, err := s.ListRejected(t.Context(), filter)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page.Items {
			got = append(got, d.ID)
		}
		if !page.HasOlder {
			break
		}
		filter.Page.OlderThan = page.Items[len(page.Items)-1].ID
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rejected (-want +got):\n%s", diff)
	}
	for name, c := range map[string]struct {
		filter store.RejectedFilter
		want   int
	}{
		"nothing":              {store.RejectedFilter{}, 14},
		"subscription":         {store.RejectedFilter{SubscriptionID: a.sub.ID}, 14},
		"another subscription": {store.RejectedFilter{SubscriptionID: a.sub.ID + 1}, 0},
		"time":                 {store.RejectedFilter{Reason: "key_unknown", From: monday.Add(time.Hour), To: monday.Add(3 * time.Hour)}, 2},
	} {
		if page, err := s.ListRejected(t.Context(), c.filter); err != nil || len(page.Items) != c.want {
			t.Errorf("by %s: %d, %v; want %d", name, len(page.Items), err, c.want)
		}
	}
}

func TestTrafficIsSummedByMinute(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	for writer, batch := range [][]*store.Delivery{
		{a.at(monday), a.at(monday.Add(59 * time.Second)), a.at(monday, rejected("key_unknown"))},
		{a.at(monday.Add(30 * time.Second)), a.at(monday.Add(time.Minute), rejected("signature_missing"))},
		{a.at(monday.Add(time.Minute), rejected("signature_missing"))},
	} {
		if _, err := s.InsertDeliveries(t.Context(), int32(writer), batch); err != nil {
			t.Fatal(err)
		}
	}
	filter := store.TrafficFilter{From: monday, To: monday.Add(time.Hour)}
	buckets, err := s.Traffic(t.Context(), filter)
	want := []store.TrafficBucket{{Start: monday, Verified: 3, Rejected: 1}, {Start: monday.Add(time.Minute), Rejected: 2}}
	if err != nil || cmp.Diff(want, buckets) != "" {
		t.Errorf("traffic, %v (-want +got):\n%s", err, cmp.Diff(want, buckets))
	}
	sums, err := s.TrafficBySubscription(t.Context(), filter)
	if err != nil || len(sums) != 1 || sums[0] != (store.SubscriptionTraffic{SubscriptionID: a.sub.ID, Verified: 3, Rejected: 3}) {
		t.Errorf("by subscription: %+v, %v", sums, err)
	}
	reasons, err := s.RejectedByReason(t.Context(), filter)
	if err != nil || cmp.Diff([]store.ReasonCount{{Reason: "signature_missing", Deliveries: 2}, {Reason: "key_unknown", Deliveries: 1}}, reasons) != "" {
		t.Errorf("by reason: %+v, %v", reasons, err)
	}
}
