package store_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
)

// describe takes the event type for what stays the same, and the event date for what may not.
func describe(d store.Delivery) store.Description {
	strict, loose := sha256.Sum256([]byte(d.EventType+d.EventDate)), sha256.Sum256([]byte(d.EventType))
	return store.Description{
		Fingerprint: strict[:], Loose: loose[:], ObjectID: "object-" + d.EventType, Summary: "summary", Readable: true, EventOrganization: "child",
		Payload: json.RawMessage(`{"body": "` + fmt.Sprint(len(d.Body)) + `"}`), Horizon: time.Hour,
	}
}

func group(t *testing.T, s *store.Store, describe func(store.Delivery) store.Description) int {
	t.Helper()
	n, err := s.GroupNext(t.Context(), 100, describe)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func event(name string, retry int) func(*store.Delivery) {
	return func(d *store.Delivery) { d.EventType, d.RetryNumber, d.EventDate = name, retry, "date" }
}

func TestDeliveriesOfOneFingerprintAreOneNotification(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	first, other := a.at(monday, event("a", 0)), a.at(monday, event("b", 0))
	insert(t, s, first, other, a.at(monday, rejected("key_unknown")))
	if n := group(t, s, describe); n != 2 {
		t.Errorf("took %d, want 2: rejected ones belong to no notification", n)
	}
	retry := a.at(monday.Add(time.Minute), event("a", 1))
	insert(t, s, retry)
	group(t, s, describe)
	if n := group(t, s, describe); n != 0 {
		t.Errorf("took %d when nothing waits", n)
	}
	got, err := s.GetNotification(t.Context(), first.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.DeliveryCount != 2 || got.FirstRetryNumber != 0 || got.LastRetryNumber != 1 || !got.LastDeliveryAt.Equal(retry.ReceivedAt) || !got.ReceivedAt.Equal(monday) ||
		got.ObjectID != "object-a" || got.State != store.StateDelivered || string(got.Payload) != `{"body": "7"}` {
		t.Errorf("notification %+v", got)
	}
	list, err := s.ListNotificationDeliveries(t.Context(), first.ID)
	if err != nil || len(list) != 2 || list[0].ID != first.ID || list[1].ID != retry.ID || list[1].NotificationID != first.ID {
		t.Errorf("deliveries %+v, %v; want the first and its retry", list, err)
	}
	if _, err := s.GetNotification(t.Context(), retry.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the retry is a notification of its own: %v", err)
	}
}

func TestRetryWithAnotherDateJoinsWithinTheHorizonOnly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		after time.Duration
		retry int
		want  int
	}{
		"soon":                  {time.Minute, 1, 1},
		"at the last moment":    {time.Hour, 1, 1},
		"too late":              {time.Hour + time.Second, 1, 2},
		"soon, but not a retry": {time.Minute, 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storetest.New(t)
			a := newArrivals(t, s)
			insert(t, s, a.at(monday, event("a", 0)))
			group(t, s, describe)
			insert(t, s, a.at(monday.Add(c.after), event("a", c.retry), func(d *store.Delivery) { d.EventDate = "later" }))
			group(t, s, describe)
			if n := count(t, s, "SELECT count(*) FROM notifications"); n != c.want {
				t.Errorf("%d notifications, want %d", n, c.want)
			}
		})
	}
}

func TestRetryInAnotherWeekJoinsAcrossPartitions(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	if _, err := s.EnsurePartitions(t.Context(), monday, monday.AddDate(0, 0, 14)); err != nil {
		t.Fatal(err)
	}
	a := newArrivals(t, s)
	sunday := time.Date(2026, 11, 29, 23, 59, 30, 0, time.UTC)
	insert(t, s, a.at(sunday, event("a", 0)), a.at(sunday.Add(time.Minute), event("a", 1)))
	group(t, s, describe)
	if n := count(t, s, "SELECT count(*) FROM notifications"); n != 1 {
		t.Errorf("%d notifications, want 1", n)
	}
	if n := count(t, s, "SELECT count(DISTINCT tableoid) FROM deliveries"); n != 2 {
		t.Errorf("the deliveries lie in %d partitions, want 2", n)
	}
}

func TestRetriesGroupedByReplicasAtOnceEndInOneNotificationEach(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	const notifications, attempts = 25, 4
	for attempt := range attempts {
		var batch []*store.Delivery
		for i := range notifications {
			batch = append(batch, a.at(monday.Add(time.Duration(attempt)*time.Minute), event(fmt.Sprint(i), attempt)))
		}
		insert(t, s, batch...)
	}
	var replicas sync.WaitGroup
	for range 4 {
		replicas.Go(func() {
			for {
				n, err := s.GroupNext(t.Context(), 7, describe)
				if err != nil {
					t.Error(err)
					return
				}
				if n == 0 {
					return
				}
			}
		})
	}
	replicas.Wait()
	if n := count(t, s, "SELECT count(*) FROM grouping_queue"); n != 0 {
		t.Errorf("%d wait, want none", n)
	}
	if n := count(t, s, "SELECT count(*) FROM notifications WHERE delivery_count = $1", attempts); n != notifications {
		t.Errorf("%d notifications of %d deliveries, want %d", n, attempts, notifications)
	}
	if n := count(t, s, "SELECT count(*) FROM deliveries d JOIN notifications n ON n.id = d.notification_id"); n != notifications*attempts {
		t.Errorf("%d deliveries belong to a notification, want %d", n, notifications*attempts)
	}
}

func TestRetryWithAnotherDateInTheSameBatchJoins(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	date := func(text string) func(*store.Delivery) { return func(d *store.Delivery) { d.EventDate = text } }
	first := a.at(monday, event("a", 0))
	other := a.at(monday.Add(time.Second), event("b", 0))
	retry := a.at(monday.Add(time.Minute), event("a", 1), date("later"))
	again := a.at(monday.Add(2*time.Minute), event("a", 2), date("later still"))
	next := a.at(monday.Add(3*time.Minute), event("a", 0), date("another event"))
	late := a.at(monday.Add(3*time.Hour), event("a", 1), date("beyond the horizon"))
	insert(t, s, late, again, other, next, retry, first)
	if n := group(t, s, describe); n != 6 {
		t.Errorf("took %d, want 6", n)
	}
	for want, d := range map[string]*store.Delivery{"3 0 2": first, "1 0 0": other, "1 0 0 ": next, "1 1 1": late} {
		n, err := s.GetNotification(t.Context(), d.ID)
		if got := fmt.Sprint(n.DeliveryCount, n.FirstRetryNumber, n.LastRetryNumber); err != nil || got != strings.TrimSpace(want) {
			t.Errorf("%s %s has count, first and last retry %s, %v; want %s", d.EventType, d.EventDate, got, err, want)
		}
	}
	if n := count(t, s, "SELECT count(*) FROM deliveries WHERE notification_id = $1", first.ID); n != 3 {
		t.Errorf("%d deliveries belong to the first attempt's notification, want 3", n)
	}
	if n := count(t, s, "SELECT count(*) FROM notifications WHERE last_delivery_at = $1", again.ReceivedAt); n != 1 {
		t.Errorf("%d notifications were last delivered by the second retry, want 1", n)
	}
}

func TestRetriesOutOfOrderEndInOneNotification(t *testing.T) {
	t.Parallel()
	for name, together := range map[string]bool{"in one batch": true, "one by one": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storetest.New(t)
			a := newArrivals(t, s)
			for i, retry := range []int{2, 0, 3, 1} {
				insert(t, s, a.at(monday.Add(time.Duration(i)*time.Minute), event("a", retry), func(d *store.Delivery) {
					if retry > 0 && retry != 2 {
						d.EventDate = fmt.Sprint("date of ", retry)
					}
				}))
				if !together {
					group(t, s, describe)
				}
			}
			group(t, s, describe)
			if n := count(t, s, "SELECT count(*) FROM notifications WHERE delivery_count = 4 AND first_retry_number = 0 AND last_retry_number = 3"); n != 1 {
				t.Errorf("%d notifications of the four deliveries, want 1", n)
			}
			if n := count(t, s, "SELECT count(*) FROM notifications"); n != 1 {
				t.Errorf("%d notifications, want 1", n)
			}
		})
	}
}

// Whichever replica takes what, a retry that came later than its first attempt finds it.
func TestRetriesWithOtherDatesGroupedByReplicasAtOnceJoin(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	const notifications, attempts = 30, 4
	stored := make(chan struct{}, attempts)
	var replicas sync.WaitGroup
	for range 4 {
		replicas.Go(func() {
			for range stored {
				for n := 1; n > 0; {
					var err error
					if n, err = s.GroupNext(t.Context(), 7, describe); err != nil {
						t.Error(err)
						break
					}
				}
			}
		})
	}
	for attempt := range attempts {
		var batch []*store.Delivery
		for i := range notifications {
			batch = append(batch, a.at(monday.Add(time.Duration(attempt)*time.Minute), event(fmt.Sprint(i), attempt), func(d *store.Delivery) { d.EventDate = fmt.Sprint(attempt) }))
		}
		insert(t, s, batch...)
		for range 4 {
			select {
			case stored <- struct{}{}:
			default:
			}
		}
	}
	close(stored)
	replicas.Wait()
	group(t, s, describe)
	if n := count(t, s, "SELECT count(*) FROM notifications WHERE delivery_count = $1 AND last_retry_number = $1 - 1", attempts); n != notifications {
		t.Errorf("%d notifications of %d deliveries, want %d", n, attempts, notifications)
	}
	if n := count(t, s, "SELECT count(*) FROM notifications"); n != notifications {
		t.Errorf("%d notifications, want %d", n, notifications)
	}
}

func TestPayloadThatPostgresRefusesCostsThePayloadAlone(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	var bad store.ID
	for i := range 5 {
		d := a.at(monday.Add(time.Duration(i)*time.Second), event(fmt.Sprint(i), 0))
		if i == 2 {
			bad = d.ID
		}
		insert(t, s, d)
	}
	taken := group(t, s, func(d store.Delivery) store.Description {
		described := describe(d)
		if d.ID == bad {
			described.Payload = json.RawMessage(`{"x": "\u0000"}`)
		}
		return described
	})
	if taken != 5 {
		t.Errorf("took %d, want 5", taken)
	}
	if n := count(t, s, "SELECT count(*) FROM notifications WHERE payload IS NULL"); n != 1 {
		t.Errorf("%d notifications without payload, want 1", n)
	}
	if n, err := s.GetNotification(t.Context(), bad); err != nil || n.Payload != nil || n.Summary != "summary" {
		t.Errorf("%+v, %v; want it all but the payload", n, err)
	}
}

func TestDeliveryWhoseBodyCannotBeOpenedIsGrouped(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	insert(t, s, a.at(monday))
	if _, err := s.Pool().Exec(t.Context(), "UPDATE deliveries SET body = '\\x00'"); err != nil {
		t.Fatal(err)
	}
	saw := false
	group(t, s, func(d store.Delivery) store.Description {
		saw = d.Body == nil && d.BodyBytes == 7
		return describe(d)
	})
	if !saw || count(t, s, "SELECT count(*) FROM notifications") != 1 {
		t.Errorf("described without body %t; want it, and one notification", saw)
	}
}

// A queue that was short when Postgres last looked makes it plan for a row or two.
func TestNoMoreIsGroupedAtOnceThanAskedFor(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	insert(t, s, a.at(monday))
	if _, err := s.Pool().Exec(t.Context(), "ANALYZE grouping_queue"); err != nil {
		t.Fatal(err)
	}
	var list []*store.Delivery
	for i := range 300 {
		list = append(list, a.at(monday.Add(time.Duration(i)*time.Second), event(fmt.Sprint("event", i), 0)))
	}
	insert(t, s, list...)
	for _, limit := range []int{7, 50} {
		if n, err := s.GroupNext(t.Context(), limit, describe); err != nil || n != limit {
			t.Errorf("took %d, %v; asked for %d", n, err, limit)
		}
	}
}

func TestGroupingThatFailsLeavesItsDeliveriesWaiting(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	insert(t, s, a.at(monday))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = s.GroupNext(t.Context(), 10, func(store.Delivery) store.Description { runtime.Goexit(); return store.Description{} }) // what a crash in between is
	}()
	<-ended
	if n := group(t, s, describe); n != 1 {
		t.Errorf("took %d after a crash, want 1", n)
	}
}

func TestNotificationListIsNarrowed(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	plain, retried, lost := a.at(monday, event("plain", 0)), a.at(monday.Add(time.Hour), event("retried", 0)), a.at(monday.Add(2*time.Hour), event("lost", 2))
	test, unreadable := a.at(monday.Add(3*time.Hour), event("test", 0)), a.at(monday.Add(4*time.Hour), event("unreadable", 0), func(d *store.Delivery) { d.ProductID = "payByLink" })
	again := a.at(monday.Add(time.Hour+time.Minute), event("retried", 1))
	insert(t, s, plain, retried, lost, test, unreadable, again)
	group(t, s, func(d store.Delivery) store.Description {
		described := describe(d)
		described.Test, described.Readable = d.EventType == "test", d.EventType != "unreadable"
		return described
	})
	for name, c := range map[string]struct {
		filter store.NotificationFilter
		want   []*store.Delivery
	}{
		"nothing":              {store.NotificationFilter{}, []*store.Delivery{unreadable, test, lost, retried, plain}},
		"subscription":         {store.NotificationFilter{SubscriptionID: a.sub.ID}, []*store.Delivery{unreadable, test, lost, retried, plain}},
		"another subscription": {store.NotificationFilter{SubscriptionID: a.sub.ID + 1}, nil},
		"product":              {store.NotificationFilter{ProductID: "payByLink"}, []*store.Delivery{unreadable}},
		"event type":           {store.NotificationFilter{EventType: "lost"}, []*store.Delivery{lost}},
		"delivered":            {store.NotificationFilter{Status: store.OnlyDelivered, EventType: "plain"}, []*store.Delivery{plain}},
		"retried":              {store.NotificationFilter{Status: store.OnlyRetried}, []*store.Delivery{lost, retried}},
		"lost attempts":        {store.NotificationFilter{Status: store.OnlyLostAttempts}, []*store.Delivery{lost}},
		"unreadable":           {store.NotificationFilter{Status: store.OnlyUnreadable}, []*store.Delivery{unreadable}},
		"test":                 {store.NotificationFilter{Status: store.OnlyTest}, []*store.Delivery{test}},
		"open":                 {store.NotificationFilter{Status: store.OnlyOpen}, nil},
		"time":                 {store.NotificationFilter{From: monday.Add(time.Hour), To: monday.Add(3 * time.Hour)}, []*store.Delivery{lost, retried}},
		"its own id":           {store.NotificationFilter{Search: plain.ID.String()}, []*store.Delivery{plain}},
		"a later trace id":     {store.NotificationFilter{Search: again.TraceID}, []*store.Delivery{retried}},
		"object":               {store.NotificationFilter{Search: "object-lost"}, []*store.Delivery{lost}},
		"part of an object":    {store.NotificationFilter{Search: "object"}, nil},
	} {
		page, err := s.ListNotifications(t.Context(), c.filter)
		if err != nil {
			t.Fatalf("by %s: %v", name, err)
		}
		same := slices.EqualFunc(page.Items, c.want, func(n store.Notification, d *store.Delivery) bool { return n.ID == d.ID })
		if !same {
			t.Errorf("by %s: %d notifications %+v, want %d", name, len(page.Items), page.Items, len(c.want))
		}
	}
	newer, older, err := s.Neighbours(t.Context(), store.NotificationFilter{}, lost.ID)
	if err != nil || newer != test.ID || older != retried.ID {
		t.Errorf("neighbours %s and %s, %v; want %s and %s", newer, older, err, test.ID, retried.ID)
	}
	newer, older, err = s.Neighbours(t.Context(), store.NotificationFilter{}, plain.ID)
	if err != nil || newer != retried.ID || !older.IsZero() {
		t.Errorf("neighbours of the oldest %s and %s, %v", newer, older, err)
	}
	for most, want := range map[int]int{10: 4, 2: 2} {
		if n, err := s.CountNewer(t.Context(), store.NotificationFilter{}, plain.ID, most); err != nil || n != want {
			t.Errorf("%d newer, %v; want %d when at most %d count", n, err, want, most)
		}
	}
}

func TestNotificationPagesMeetWithoutGapOrOverlap(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	const total = 23
	var all []store.ID
	for i := range total {
		// Many within one millisecond, some in other weeks.
		d := a.at(monday.Add(time.Duration(i/10)*7*24*time.Hour), event(fmt.Sprint(i), 0))
		insert(t, s, d)
		all = append(all, d.ID)
	}
	group(t, s, describe)
	slices.SortFunc(all, func(x, y store.ID) int { return -bytes.Compare(x[:], y[:]) })
	read := func(p store.Page) store.PageOf[store.Notification] {
		t.Helper()
		page, err := s.ListNotifications(t.Context(), store.NotificationFilter{Page: p})
		if err != nil {
			t.Fatal(err)
		}
		return page
	}
	var down []store.ID
	page := read(store.Page{Limit: 5})
	if page.HasNewer {
		t.Error("the first page has a newer one")
	}
	for {
		for _, n := range page.Items {
			down = append(down, n.ID)
		}
		if !page.HasOlder {
			break
		}
		page = read(store.Page{Limit: 5, OlderThan: down[len(down)-1]})
		if !page.HasNewer {
			t.Error("a later page has no newer one")
		}
	}
	if !slices.Equal(down, all) {
		t.Errorf("going down met %d of %d, or in another order", len(down), total)
	}
	up := []store.ID{all[total-1]}
	for {
		page = read(store.Page{Limit: 5, NewerThan: up[0]})
		var ids []store.ID
		for _, n := range page.Items {
			ids = append(ids, n.ID)
		}
		up = append(ids, up...)
		if !page.HasNewer {
			break
		}
	}
	if !slices.Equal(up, all) {
		t.Errorf("going up met %d of %d, or in another order", len(up), total)
	}
	if page := read(store.Page{Limit: 100_000}); len(page.Items) != total {
		t.Errorf("a page of all has %d, want %d", len(page.Items), total)
	}
}
