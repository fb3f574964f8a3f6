package receiver_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// trouble is what happens between Cybersource and the receiver, to so many deliveries.
type trouble struct {
	away atomic.Int32 // nobody answers
	lost atomic.Int32 // the answer does not arrive
}

// troubled puts the trouble in front of the receiver: subscriptions made from then on go through it.
func (c *counterpart) troubled(t *testing.T) *trouble {
	t.Helper()
	tr := &trouble{}
	handler := c.Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.ContentLength <= 0 { // a health ping
			handler.ServeHTTP(w, req)
			return
		}
		if tr.away.Add(-1) >= 0 {
			panic(http.ErrAbortHandler)
		}
		if tr.lost.Add(-1) >= 0 {
			handler.ServeHTTP(httptest.NewRecorder(), req)
			panic(http.ErrAbortHandler)
		}
		handler.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	c.base = server.URL
	return tr
}

const tokenEvent = "tms.networktoken.updated"

func (c *counterpart) happen(t *testing.T, req sandbox.EventRequest) {
	t.Helper()
	req.EventType = tokenEvent
	if result, err := c.sandbox.Emit(t.Context(), req); err != nil || len(result.TraceIDs) != 1 {
		t.Fatalf("emit: %+v, %v; want one notification", result, err)
	}
}

func TestAttemptsThatNeverArrivedAreProvenByTheRetry(t *testing.T) {
	t.Parallel()
	for lost := range int32(4) {
		t.Run(fmt.Sprintf("first seen as retry %d", lost), func(t *testing.T) {
			t.Parallel()
			c := newCounterpart(t)
			tr := c.troubled(t)
			c.subscribeTo(t, "tokenManagement", tokenEvent)
			tr.away.Store(lost)
			c.happen(t, sandbox.EventRequest{})
			n := c.notifications(t, 1)[0]
			if n.State != store.StateDelivered || n.FirstRetryNumber != int(lost) || n.DeliveryCount != 1 || n.Retries != 3 {
				t.Errorf("%s, first retry %d, %d deliveries, of %d retries; want delivered, %d, 1 and 3", n.State, n.FirstRetryNumber, n.DeliveryCount, n.Retries, lost)
			}
		})
	}
}

func TestLostAnswerEndsInOneNotificationOfTwoDeliveries(t *testing.T) {
	t.Parallel()
	c := newCounterpart(t)
	tr := c.troubled(t)
	c.subscribeTo(t, "tokenManagement", tokenEvent)
	tr.lost.Store(1)
	c.happen(t, sandbox.EventRequest{})
	c.await(t, "the retry", func() bool { return c.count(t, "SELECT coalesce(sum(delivery_count), 0) FROM notifications") == 2 })
	n := c.notifications(t, 1)[0]
	if n.State != store.StateDelivered || n.FirstRetryNumber != 0 || n.LastRetryNumber != 1 {
		t.Errorf("%s, retries %d to %d; want delivered, 0 to 1", n.State, n.FirstRetryNumber, n.LastRetryNumber)
	}
}

func TestDeliveryAnswered503ComesAgain(t *testing.T) {
	t.Parallel()
	c := newCounterpart(t, func(cfg *sandbox.Config) { cfg.TimeScale = 60 }) // a minute is a second
	c.subscribeTo(t, "tokenManagement", tokenEvent)
	bringBack := c.takeAway(t)
	if _, status := c.emit(t, sandbox.EventRequest{EventType: tokenEvent}); status != http.StatusServiceUnavailable {
		t.Errorf("answered %d without a database, want 503", status)
	}
	bringBack()
	c.await(t, "the retry", func() bool {
		n, err := c.store.ListNotifications(t.Context(), store.NotificationFilter{})
		return err == nil && len(n.Items) == 1
	})
	if n := c.notifications(t, 1)[0]; n.State != store.StateDelivered || n.FirstRetryNumber == 0 || n.DeliveryCount != 1 {
		t.Errorf("%s, first retry %d, %d deliveries; want delivered as a retry, and 1", n.State, n.FirstRetryNumber, n.DeliveryCount)
	}
}

// release judges everything rejected again and releases what passes.
func (d *door) release(t *testing.T, organizationID int64, want int) {
	t.Helper()
	j, err := d.store.InsertJudgement(t.Context(), store.Judgement{Actor: "test", Why: "a key was added", Filter: store.RejectedFilter{Organizations: []int64{organizationID}, To: time.Now().Add(time.Hour)}}, audit())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.JudgeAgain(t.Context(), j.ID); err != nil {
		t.Fatal(err)
	}
	if err := d.store.AskRelease(t.Context(), j.ID, 0, "test", "they pass", audit()); err != nil {
		t.Fatal(err)
	}
	if err := d.JudgeAgain(t.Context(), j.ID); err != nil {
		t.Fatal(err)
	}
	if j, err = d.store.GetJudgement(t.Context(), j.ID); err != nil || j.Released != want {
		t.Fatalf("%d released, %v; want %d", j.Released, err, want)
	}
}

// unknownKey makes a notification with a signature of a key that is not stored here.
func (d *door) unknownKey(t *testing.T, n notice) (id store.ID, key cybs.Key) {
	t.Helper()
	key = cybs.Key{ID: "key-2", Secret: cybs.Secret("secret of key-2")}
	wantStatus(t, d.send(t, n.body(), "v-c-signature", cybs.Sign(key, time.Now(), n.body())), http.StatusUnauthorized)
	return d.newest(t).ID, key
}

func TestReleasedDeliveryWasRefusedSoItIsExpectedAgain(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	id, key := d.unknownKey(t, notice{})
	d.newKey(t, d.sub.OrganizationID, key.ID)
	d.release(t, d.sub.OrganizationID, 1)
	n := d.notifications(t, 1)[0]
	refused := d.delivery(t, id)
	if n.ID != id || n.State != store.StateRetrying || n.Retries != 3 || !n.Next.At.Equal(refused.ReceivedAt.Add(time.Minute)) {
		t.Errorf("%s %s, next of %d at %s; want %s retrying, the next of 3 a minute after %s", n.ID, n.State, n.Retries, n.Next.At, id, refused.ReceivedAt)
	}
	wantStatus(t, d.signed(t, notice{retry: 1, trace: "again", date: "2026-11-22T10:01:00"}.body()), http.StatusOK)
	d.await(t, "the retry", func() bool { return d.count(t, "SELECT count(*) FROM notifications WHERE state = 'delivered'") == 1 })
	if n := d.notifications(t, 1)[0]; n.DeliveryCount != 2 || !n.Next.At.IsZero() {
		t.Errorf("%d deliveries, next at %s; want 2 and none expected", n.DeliveryCount, n.Next.At)
	}
}

func TestReleasedFirstAttemptJoinsItsRetryAcrossMidnight(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	first, key := d.unknownKey(t, notice{date: "2026-11-22T23:59:30"})
	wantStatus(t, d.signed(t, notice{retry: 1, trace: "again", date: "2026-11-23T00:00:30"}.body()), http.StatusOK)
	d.notifications(t, 1)
	d.newKey(t, d.sub.OrganizationID, key.ID)
	d.release(t, d.sub.OrganizationID, 1)
	d.await(t, "the released one", func() bool { return d.count(t, "SELECT coalesce(sum(delivery_count), 0) FROM notifications") == 2 })
	n := d.notifications(t, 1)[0]
	if n.State != store.StateDelivered || n.FirstRetryNumber != 0 || n.LastRetryNumber != 1 {
		t.Errorf("%s, retries %d to %d; want delivered, 0 to 1", n.State, n.FirstRetryNumber, n.LastRetryNumber)
	}
	list, err := d.store.ListNotificationDeliveries(t.Context(), n.ID)
	if err != nil || len(list) != 2 || list[0].ID != first {
		t.Errorf("deliveries %+v, %v; want the first attempt first", list, err)
	}
}

// newReplicas makes two receivers on one store, each with its clock.
func newReplicas(t *testing.T, clocks ...func() time.Time) (*door, []string) {
	t.Helper()
	d := newDoor(t, func(cfg *receiver.Config) { cfg.Now = clocks[0] })
	second, err := receiver.New(receiver.Config{Store: d.store, Log: slog.New(slog.NewTextHandler(d.log, nil)), Now: clocks[1]})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(second.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := second.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	other, _ := receiver.EndpointURLs(server.URL, d.sub.EndpointToken)
	return d, []string{d.url, other}
}

func TestAttemptsInAnyOrderOnTwoReplicasEndInOneNotificationEach(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	for round := range 4 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, uint64(round)))
			// The one replica's clock is a minute behind, on the Sunday at whose end the partitions meet.
			monday := time.Date(2026, 11, 30, 0, 0, 30, 0, time.UTC)
			d, urls := newReplicas(t, func() time.Time { return monday }, func() time.Time { return monday.Add(-time.Minute) })
			if _, err := d.store.EnsurePartitions(t.Context(), monday.AddDate(0, 0, -7), monday); err != nil {
				t.Fatal(err)
			}
			const events, attempts = 6, 5
			var all []notice
			for event := range events {
				first := monday.Add(-2*time.Minute + time.Duration(event)*time.Second)
				for number := range attempts {
					n := notice{retry: number, trace: fmt.Sprintf("%d-%d", event, number), data: fmt.Sprintf(`{"id":"%d"}`, event), date: first.Format("2006-01-02T15:04:05")}
					if round%2 == 0 {
						n.date = first.Add(time.Duration(number) * time.Minute).Format("2006-01-02T15:04:05")
					}
					all = append(all, n)
				}
			}
			random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			var senders sync.WaitGroup
			for i, url := range urls {
				senders.Go(func() {
					for j := i; j < len(all); j += len(urls) {
						body := all[j].body()
						wantStatus(t, d.request(t, http.MethodPost, url, body, "v-c-signature", cybs.Sign(d.key, monday, body)), http.StatusOK)
					}
				})
			}
			senders.Wait()
			for _, n := range d.notifications(t, events) {
				if n.DeliveryCount != attempts || n.FirstRetryNumber != 0 || n.LastRetryNumber != attempts-1 || n.State != store.StateDelivered {
					t.Errorf("seed %d, round %d: %s of %d deliveries, retries %d to %d; want delivered of %d", seed, round, n.State, n.DeliveryCount, n.FirstRetryNumber, n.LastRetryNumber, attempts)
				}
			}
			if n := d.count(t, "SELECT count(DISTINCT tableoid) FROM deliveries"); n != 2 {
				t.Errorf("the deliveries lie in %d partitions, want 2", n)
			}
		})
	}
}

func TestSameDeliveryAtTwoReplicasAtOnceIsStoredOnce(t *testing.T) {
	t.Parallel()
	d, urls := newReplicas(t, time.Now, time.Now)
	body := notice{}.body()
	signature := cybs.Sign(d.key, time.Now(), body)
	concurrently(100, func(i int) {
		wantStatus(t, d.request(t, http.MethodPost, urls[i%len(urls)], body, "v-c-signature", signature), http.StatusOK)
	})
	if n := d.notifications(t, 1)[0]; n.DeliveryCount != 1 || d.deliveries(t) != 1 {
		t.Errorf("%d deliveries of the notification, %d stored; want 1 and 1", n.DeliveryCount, d.deliveries(t))
	}
	d.duplicates(t, 99)
	if n := d.count(t, "SELECT sum(duplicates) FROM deliveries"); n != 99 {
		t.Errorf("%d duplicates counted, want 99", n)
	}
}

// The policy counts that was in force when the attempt came, not the one when it was released.
func TestNextRetryFollowsThePolicyAtTheTime(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	before, _ := d.unknownKey(t, notice{})
	changed := d.sub
	changed.RetryPolicy = store.RetryPolicy{Algorithm: "GEOMETRIC", FirstRetry: 10, Interval: 3, NumberOfRetries: 5}
	if err := d.store.UpdateSubscription(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	after, key := d.unknownKey(t, notice{data: `{"id":"other"}`, retry: 2, trace: "b"})
	d.newKey(t, d.sub.OrganizationID, key.ID)
	d.release(t, d.sub.OrganizationID, 2)
	want := map[store.ID]struct {
		wait    time.Duration
		retries int
	}{before: {time.Minute, 3}, after: {60 * time.Minute, 5}} // 10, 30, 90 minutes …: from the second to the third
	for _, n := range d.notifications(t, 2) {
		w := want[n.ID]
		if arrived := d.delivery(t, n.ID).ReceivedAt; n.Retries != w.retries || !n.Next.At.Equal(arrived.Add(w.wait)) {
			t.Errorf("next of %d retries %s after it came; want of %d after %s", n.Retries, n.Next.At.Sub(arrived), w.retries, w.wait)
		}
	}
}

// An event date that cannot be right says nothing about the order of attempts: it neither joins nor parts them.
func TestImpossibleEventDatesDoNotPartAttempts(t *testing.T) {
	t.Parallel()
	for first, again := range map[string]string{
		"2026-11-22T10:00:00":   "0001-01-01T00:00:00",
		"9999-12-31T23:59:59":   "2026-11-22T10:01:00",
		"2099-01-01T00:00:00Z":  "1970-01-01T00:00:00Z",
		"292277026596-12-04T15": "0000-00-00",
	} {
		d := newDoor(t)
		wantStatus(t, d.signed(t, notice{date: first}.body()), http.StatusOK)
		wantStatus(t, d.signed(t, notice{retry: 1, trace: "again", date: again}.body()), http.StatusOK)
		d.await(t, "the retry of "+first, func() bool { return d.count(t, "SELECT count(*) FROM grouping_queue") == 0 })
		if n := d.notifications(t, 1)[0]; n.DeliveryCount != 2 || n.LastRetryNumber != 1 {
			t.Errorf("%s and %s: %d deliveries up to retry %d; want 2 up to 1", first, again, n.DeliveryCount, n.LastRetryNumber)
		}
	}
}
