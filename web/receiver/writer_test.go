package receiver_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// concurrently runs fn n times at once.
func concurrently(n int, fn func(i int)) {
	var running sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		running.Go(func() {
			<-start
			fn(i)
		})
	}
	close(start)
	running.Wait()
}

// duplicates waits until so many are counted: that is after their answers.
func (d *door) duplicates(t *testing.T, want int) {
	t.Helper()
	d.await(t, fmt.Sprintf("the counting of %d duplicates", want), func() bool { return d.count(t, "SELECT coalesce(sum(duplicates), 0) FROM deliveries") >= want })
}

func TestDeliveryPosted100TimesAtOnceIsStoredOnce(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	body := notice{}.body()
	signature := cybs.Sign(d.key, time.Now(), body)
	concurrently(100, func(int) { wantStatus(t, d.send(t, body, "v-c-signature", signature), http.StatusOK) })
	d.duplicates(t, 99)
	if got := d.only(t); got.Duplicates != 99 || got.LastDuplicateAt.IsZero() {
		t.Errorf("%d duplicates counted, last at %s; want 99", got.Duplicates, got.LastDuplicateAt)
	}
	list := d.notifications(t, 1)
	if list[0].DeliveryCount != 1 {
		t.Errorf("the notification counts %d deliveries, want 1", list[0].DeliveryCount)
	}
	if n := d.count(t, "SELECT sum(deliveries) FROM traffic_minutes"); n != 1 {
		t.Errorf("traffic counts %d, want 1", n)
	}
	if n := d.metric(t, "switchboard_delivery_duplicates_total"); n != 99 {
		t.Errorf("metric counts %v duplicates, want 99", n)
	}
}

func TestRejectedCopyDoesNotHideAVerifiedOne(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	body := notice{}.body()
	for range 3 {
		wantStatus(t, d.send(t, body, "v-c-signature", "t=1;keyId=x;sig=y"), http.StatusUnauthorized)
	}
	wantStatus(t, d.signed(t, body), http.StatusOK)
	if n := d.count(t, "SELECT count(*) FROM deliveries WHERE verdict = 'verified'"); n != 1 {
		t.Errorf("%d verified, want 1", n)
	}
	d.duplicates(t, 2)
	if n := d.count(t, "SELECT duplicates FROM deliveries WHERE verdict = 'rejected'"); n != 2 {
		t.Errorf("the rejected one was repeated %d times, want 2", n)
	}
}

func TestConcurrentDeliveriesAreAllStored(t *testing.T) {
	t.Parallel()
	for name, ungrouped := range map[string]bool{"in groups": false, "one by one": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, func(c *receiver.Config) { c.Ungrouped = ungrouped })
			const senders, each = 16, 10
			concurrently(senders, func(i int) {
				for j := range each {
					wantStatus(t, d.signed(t, notice{trace: fmt.Sprint(i, "-", j), date: fmt.Sprintf("2026-11-22T%02d:%02d:00", i, j)}.body()), http.StatusOK)
				}
			})
			if n := d.deliveries(t); n != senders*each {
				t.Errorf("%d stored, want %d", n, senders*each)
			}
			d.await(t, "grouping", func() bool { return d.count(t, "SELECT count(*) FROM notifications") == senders*each })
			if n := d.count(t, "SELECT sum(deliveries) FROM traffic_minutes WHERE verdict = 'verified' AND reason = ''"); n != senders*each {
				t.Errorf("traffic counts %d, want %d", n, senders*each)
			}
		})
	}
}

// refuse makes the database refuse deliveries of which a condition is not true, as a value it cannot hold would.
func (d *door) refuse(t *testing.T, unless string) {
	t.Helper()
	if _, err := d.store.Pool().Exec(t.Context(), "ALTER TABLE deliveries ADD CONSTRAINT test_refusal CHECK ("+unless+")"); err != nil {
		t.Fatal(err)
	}
}

// hold keeps every insert waiting until the returned function is called.
func (d *door) hold(t *testing.T) (release func()) {
	t.Helper()
	tx, err := d.store.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE delivery_digests IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	release = func() {
		once.Do(func() {
			if err := tx.Rollback(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(release)
	return release
}

// occupy keeps the only writer busy with one delivery until the returned function is called: what comes then waits in the queue.
func (d *door) occupy(t *testing.T) (release func()) {
	t.Helper()
	unlock := d.hold(t)
	answered := make(chan int, 1)
	go func() { answered <- d.signed(t, notice{trace: "occupies"}.body()).StatusCode }()
	d.awaitLockedInsert(t)
	return func() {
		t.Helper()
		unlock()
		if status := <-answered; status != http.StatusOK {
			t.Errorf("the first delivery was answered %d, want 200", status)
		}
	}
}

func (d *door) awaitLockedInsert(t *testing.T) {
	t.Helper()
	d.await(t, "a waiting insert", func() bool {
		return d.count(t, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") > 0
	})
}

func TestRefusedRowFailsAlone(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(c *receiver.Config) { c.Writers = 1; c.CommitTimeout = patience })
	d.refuse(t, "trace_id <> 'poison' AND body_bytes <> 4000")
	release := d.occupy(t)
	fatal := notice{trace: "poison"}.body() // of 4,000 bytes, so that nothing of it can be stored
	fatal = append(fatal, make([]byte, 4000-len(fatal))...)
	for i := len(fatal) - 1; fatal[i] == 0; i-- {
		fatal[i] = ' '
	}
	const good = 20
	var answered [good + 2]int
	var sending sync.WaitGroup
	sending.Go(func() {
		concurrently(good+2, func(i int) {
			switch i {
			case good:
				answered[i] = d.signed(t, notice{trace: "poison"}.body()).StatusCode
			case good + 1:
				answered[i] = d.signed(t, fatal).StatusCode
			default:
				answered[i] = d.signed(t, notice{trace: fmt.Sprint(i)}.body()).StatusCode
			}
		})
	})
	d.await(t, "a queue", func() bool { return d.gauge(t, "switchboard_queue_length") == good+2 })
	release()
	sending.Wait()
	for i, status := range answered {
		want := http.StatusOK
		if i == good+1 {
			want = http.StatusServiceUnavailable
		}
		if status != want {
			t.Errorf("delivery %d was answered %d, want %d", i, status, want)
		}
	}
	if n := d.count(t, "SELECT count(*) FROM deliveries WHERE trace_id NOT IN ('', 'occupies')"); n != good {
		t.Errorf("%d good ones stored, want %d", n, good)
	}
	if n := d.count(t, "SELECT count(*) FROM deliveries WHERE trace_id = '' AND reason_detail LIKE 'The database refused%' AND body_bytes <> 4000"); n != 1 {
		t.Errorf("%d stored without what it says, want 1", n)
	}
	if n := d.metric(t, "switchboard_requests_refused_total", "cause", "row"); n != 1 {
		t.Errorf("counted %v refused rows, want 1", n)
	}
}

func (d *door) gauge(t *testing.T, name string) float64 {
	t.Helper()
	families, err := d.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func TestFullQueueAnswers503AtOnce(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(c *receiver.Config) {
		c.QueueSize, c.Writers, c.MaxBatch, c.RetryAfter, c.CommitTimeout = 2, 1, 1, 7*time.Second, patience
	})
	release := d.occupy(t)
	var ok, refused atomic.Int32
	var sending sync.WaitGroup
	sending.Go(func() {
		concurrently(20, func(i int) {
			switch response := d.signed(t, notice{trace: fmt.Sprint(i)}.body()); response.StatusCode {
			case http.StatusOK:
				ok.Add(1)
			case http.StatusServiceUnavailable:
				refused.Add(1)
				if after := response.Header.Get("Retry-After"); after != "7" {
					t.Errorf("Retry-After is %q, want 7", after)
				}
			}
		})
	})
	d.await(t, "refusals while the database stands still", func() bool { return refused.Load() == 18 })
	release()
	sending.Wait()
	if ok.Load() != 2 || d.deliveries(t) != 3 {
		t.Errorf("%d answered 200 and %d stored, want the two in the queue, and three with the one before them", ok.Load(), d.deliveries(t))
	}
}

func TestSlowDatabaseAnswers503InBoundedTime(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(c *receiver.Config) { c.CommitTimeout = 200 * time.Millisecond; c.Writers = 1 })
	release := d.hold(t)
	concurrently(10, func(i int) {
		wantStatus(t, d.signed(t, notice{trace: fmt.Sprint(i)}.body()), http.StatusServiceUnavailable)
	})
	release()
	d.await(t, "recovery", func() bool { return d.signed(t, notice{trace: "after"}.body()).StatusCode == http.StatusOK })
	if n := d.count(t, "SELECT count(*) FROM deliveries WHERE trace_id = 'after'"); n != 1 {
		t.Errorf("%d stored after recovery, want 1", n)
	}
}

func TestDatabaseAwayAnswers503AndRecovers(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	wantStatus(t, d.signed(t, notice{trace: "before"}.body()), http.StatusOK)
	bringBack := d.takeAway(t)
	concurrently(10, func(i int) {
		response := d.signed(t, notice{trace: fmt.Sprint(i)}.body())
		wantStatus(t, response, http.StatusServiceUnavailable)
		if response.Header.Get("Retry-After") == "" {
			t.Error("503 without Retry-After")
		}
	})
	unknown, _ := receiver.EndpointURLs(d.base, store.NewEndpointToken())
	d.await(t, "503 for what cannot be looked up", func() bool {
		return d.request(t, http.MethodPost, unknown, []byte("x")).StatusCode == http.StatusServiceUnavailable
	})
	bringBack()
	wantStatus(t, d.signed(t, notice{trace: "after"}.body()), http.StatusOK)
	if n := d.deliveries(t); n != 2 {
		t.Errorf("%d stored, want 2: what was answered 503 is not", n)
	}
	d.await(t, "grouping after recovery", func() bool {
		return d.count(t, "SELECT count(*) FROM grouping_queue") == 0 && d.count(t, "SELECT count(*) FROM notifications") == 1
	})
	if n := d.count(t, "SELECT delivery_count FROM notifications"); n != 2 {
		t.Errorf("the notification counts %d deliveries, want 2", n)
	}
	// Changes are heard of again: an endpoint in memory goes by nothing else.
	if err := d.store.DeleteSubscription(t.Context(), d.sub.ID); err != nil {
		t.Fatal(err)
	}
	d.await(t, "news of the deletion", func() bool { return d.request(t, http.MethodGet, d.health, nil).StatusCode == http.StatusNotFound })
}

func TestStopCommitsAndGroupsWhatWaits(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(c *receiver.Config) { c.Writers = 1; c.MaxBatch = 4; c.CommitTimeout = patience })
	release := d.occupy(t)
	const waiting = 15
	var answered [waiting]int
	var sending sync.WaitGroup
	sending.Go(func() {
		concurrently(waiting, func(i int) { answered[i] = d.signed(t, notice{trace: fmt.Sprint(i), retry: i}.body()).StatusCode })
	})
	d.await(t, "a queue", func() bool { return d.gauge(t, "switchboard_queue_length") == waiting })
	stopped := make(chan struct{})
	go func() {
		d.stop(t)
		close(stopped)
	}()
	d.await(t, "refusal of what comes late", func() bool {
		return d.signed(t, notice{trace: "late"}.body()).StatusCode == http.StatusServiceUnavailable
	})
	wantStatus(t, d.request(t, http.MethodGet, d.health, nil), http.StatusServiceUnavailable)
	release()
	sending.Wait()
	<-stopped
	for i, status := range answered {
		if status != http.StatusOK {
			t.Errorf("delivery %d was answered %d, want 200", i, status)
		}
	}
	if n := d.count(t, "SELECT count(*) FROM deliveries WHERE trace_id NOT IN ('late', 'occupies')"); n != waiting {
		t.Errorf("%d stored, want %d", n, waiting)
	}
	if n := d.count(t, "SELECT count(*) FROM grouping_queue"); n != 0 {
		t.Errorf("%d wait for grouping after Stop, want none", n)
	}
}

func TestClientThatHangsUpDoesNotStopItsCommit(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(c *receiver.Config) { c.CommitTimeout = patience })
	release := d.hold(t)
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		body := notice{}.body()
		d.abandon(ctx, t, body, cybs.Sign(d.key, time.Now(), body))
	}()
	d.awaitLockedInsert(t)
	cancel()
	<-sent
	release()
	d.await(t, "the commit", func() bool { return d.deliveries(t) == 1 })
}

func TestAnswerTimesOfEveryAnswerAreCounted(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(c *receiver.Config) { c.QuarantineSource.Deliveries = 1 })
	for range 2 { // stored, and its duplicate
		wantStatus(t, d.signed(t, notice{trace: "one"}.body()), http.StatusOK)
	}
	for i := range 2 { // kept, and only counted
		d.from(t, "192.0.2.7:1", []byte(fmt.Sprintf(`{"n":%d}`, i)), http.StatusUnauthorized)
	}
	d.await(t, "the counting of four answers", func() bool {
		times, err := d.store.AnswerTimes(t.Context(), store.TrafficFilter{SubscriptionID: d.sub.ID, From: time.Now().Add(-time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		return times.Answers() == 4
	})
}
