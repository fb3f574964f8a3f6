package store_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
)

// scatter stores deliveries at random moments of two days, by several writers at once, and returns them.
func scatter(t *testing.T, s *store.Store, a *arrivals) []*store.Delivery {
	t.Helper()
	const writers, batches, each = 3, 8, 12
	var all []*store.Delivery
	work := make([][][]*store.Delivery, writers)
	reasons := []string{"key_unknown", "mismatch"}
	for w := range writers {
		for range batches {
			var batch []*store.Delivery
			for range each {
				d := a.at(monday.Add(time.Duration(rand.Int64N(int64(48 * time.Hour))).Truncate(time.Microsecond)))
				if rand.IntN(3) == 0 {
					rejected(reasons[rand.IntN(len(reasons))])(d)
				}
				batch = append(batch, d)
			}
			all = append(all, batch...)
			work[w] = append(work[w], batch)
		}
	}
	var running sync.WaitGroup
	for w := range writers {
		running.Go(func() {
			for _, batch := range work[w] {
				// What is sent again must not be counted again.
				for range 2 {
					if _, err := s.InsertDeliveries(t.Context(), int32(w), batch); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	running.Wait()
	return all
}

func TestSumsByHourByMinuteAndOfRowsAreEqual(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	all := scatter(t, s, a)
	for _, column := range []string{"deliveries", "body_bytes", "answer_micros"} {
		differences := count(t, s, fmt.Sprintf(`WITH m AS (SELECT date_trunc('hour', minute) AS hour, subscription_id, organization_id, verdict, reason, sum(%[1]s) AS n FROM traffic_minutes GROUP BY 1, 2, 3, 4, 5),
			h AS (SELECT hour, subscription_id, organization_id, verdict, reason, sum(%[1]s) AS n FROM traffic_hours GROUP BY 1, 2, 3, 4, 5)
			SELECT count(*) FROM ((TABLE m EXCEPT TABLE h) UNION ALL (TABLE h EXCEPT TABLE m)) d`, column))
		if differences != 0 {
			t.Errorf("%d sums of %s differ between hours and minutes", differences, column)
		}
	}
	// Ranges that begin and end within an hour, at one, and that are too short for hours.
	for _, r := range [][2]time.Duration{{0, 48 * time.Hour}, {17 * time.Minute, 41*time.Hour + 3*time.Minute}, {59 * time.Minute, 7 * time.Hour}, {-time.Hour, 5*time.Hour + 59*time.Minute}, {5 * time.Hour, 11*time.Hour + time.Minute}} {
		from, to := monday.Add(r[0]), monday.Add(r[1])
		within := func(d *store.Delivery) bool { return !d.ReceivedAt.Before(from) && d.ReceivedAt.Before(to) }
		want := expected(all, within)
		filter := store.TrafficFilter{From: from, To: to, SubscriptionID: a.sub.ID, Organizations: []int64{a.sub.OrganizationID}, Step: time.Hour}
		buckets, err := s.Traffic(t.Context(), filter)
		if diff := cmp.Diff(want.buckets, buckets); diff != "" || err != nil {
			t.Errorf("by the hour from %s to %s, %v (-want +got):\n%s", r[0], r[1], err, diff)
		}
		filter.Step = 15 * time.Minute
		quarters, err := s.Traffic(t.Context(), filter)
		if sum := sumOf(quarters); sum != want.sum || err != nil {
			t.Errorf("by 15 minutes from %s to %s: %+v, %v; want %+v", r[0], r[1], sum, err, want.sum)
		}
		sums, err := s.TrafficBySubscription(t.Context(), filter)
		if got := (store.SubscriptionTraffic{SubscriptionID: a.sub.ID, Verified: want.sum.Verified, Rejected: want.sum.Rejected}); err != nil || !slices.Equal(sums, []store.SubscriptionTraffic{got}) {
			t.Errorf("by subscription from %s to %s: %+v, %v; want %+v", r[0], r[1], sums, err, got)
		}
		reasons, err := s.RejectedByReason(t.Context(), filter)
		got := make(map[string]int64)
		for _, reason := range reasons {
			got[reason.Reason] = reason.Deliveries
		}
		if diff := cmp.Diff(want.reasons, got); diff != "" || err != nil {
			t.Errorf("by reason from %s to %s, %v (-want +got):\n%s", r[0], r[1], err, diff)
		}
	}
}

type traffic struct {
	buckets []store.TrafficBucket
	sum     store.TrafficBucket
	reasons map[string]int64
}

// expected counts the deliveries themselves.
func expected(all []*store.Delivery, within func(*store.Delivery) bool) traffic {
	e := traffic{reasons: make(map[string]int64)}
	hours := make(map[time.Time]store.TrafficBucket)
	for _, d := range all {
		if !within(d) {
			continue
		}
		b := hours[d.ReceivedAt.Truncate(time.Hour)]
		b.Start = d.ReceivedAt.Truncate(time.Hour)
		if d.Verdict == store.Verified {
			b.Verified++
		} else {
			b.Rejected++
			e.reasons[d.Reason]++
		}
		hours[b.Start] = b
	}
	for _, b := range hours {
		e.buckets = append(e.buckets, b)
	}
	slices.SortFunc(e.buckets, func(a, b store.TrafficBucket) int { return a.Start.Compare(b.Start) })
	e.sum = sumOf(e.buckets)
	return e
}

func sumOf(buckets []store.TrafficBucket) (sum store.TrafficBucket) {
	for _, b := range buckets {
		sum.Verified, sum.Rejected = sum.Verified+b.Verified, sum.Rejected+b.Rejected
	}
	return sum
}

// What a range reads must be what was asked for: sums by the hour are read from hours alone, but for the ends.
func TestLongRangesReadHours(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	insert(t, s, a.at(monday.Add(90*time.Minute)), a.at(monday.Add(20*time.Hour)), a.at(monday.Add(40*time.Hour+30*time.Minute)))
	if _, err := s.Pool().Exec(t.Context(), "DELETE FROM traffic_minutes WHERE minute = $1", monday.Add(20*time.Hour)); err != nil {
		t.Fatal(err)
	}
	filter := store.TrafficFilter{From: monday.Add(80 * time.Minute), To: monday.Add(40*time.Hour + 31*time.Minute), Step: time.Hour}
	buckets, err := s.Traffic(t.Context(), filter)
	if err != nil || sumOf(buckets).Verified != 3 {
		t.Errorf("by the hour %+v, %v; want three deliveries", buckets, err)
	}
	filter.Step = time.Minute
	if buckets, err = s.Traffic(t.Context(), filter); err != nil || sumOf(buckets).Verified != 2 {
		t.Errorf("by the minute %+v, %v; want the two that minutes know of", buckets, err)
	}
}
