package store_test

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
)

func TestPartitionsAreMadeForWeeks(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	sunday := time.Date(2026, 11, 22, 23, 59, 59, 0, time.UTC)
	made, err := s.EnsurePartitions(t.Context(), sunday, sunday.Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(made)
	want := []string{"deliveries_20261116", "deliveries_20261123", "notifications_20261116", "notifications_20261123"}
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("made (-want +got):\n%s", diff)
	}
	if made, err := s.EnsurePartitions(t.Context(), sunday, sunday.Add(time.Second)); err != nil || len(made) != 0 {
		t.Errorf("a second time made %v, %v; want nothing", made, err)
	}
}

func TestRowsGoToTheirWeekAndElseToTheDefaultPartition(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	if _, err := s.EnsurePartitions(t.Context(), monday, monday); err != nil {
		t.Fatal(err)
	}
	a := newArrivals(t, s)
	start := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for at, partition := range map[time.Time]string{
		start:                                    "deliveries_20261123",
		start.Add(-time.Millisecond):             "deliveries_default",
		start.AddDate(0, 0, 7).Add(-time.Second): "deliveries_20261123",
		start.AddDate(0, 0, 7):                   "deliveries_default",
		time.Unix(0, 0):                          "deliveries_default",
	} {
		d := a.at(at)
		insert(t, s, d)
		var got string
		if err := s.Pool().QueryRow(t.Context(), "SELECT tableoid::regclass::text FROM deliveries WHERE id = $1", d.ID).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != partition {
			t.Errorf("a row of %s lies in %s, want %s", at, got, partition)
		}
	}
	if n, err := s.DefaultPartitionRows(t.Context()); err != nil || n != 3 {
		t.Errorf("%d rows without a week, %v; want 3", n, err)
	}
}

func TestLateKeeperMovesRowsOutOfTheDefaultPartition(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	insert(t, s, a.at(monday, event("a", 0)), a.at(monday.Add(time.Hour), event("a", 1)), a.at(monday.AddDate(0, 0, 7), event("b", 0)))
	group(t, s, describe)
	if n, err := s.DefaultPartitionRows(t.Context()); err != nil || n != 5 {
		t.Fatalf("%d rows without a week, %v; want three deliveries and two notifications", n, err)
	}
	if _, err := s.EnsurePartitions(t.Context(), monday, monday); err != nil {
		t.Fatal(err)
	}
	if n, err := s.DefaultPartitionRows(t.Context()); err != nil || n != 2 {
		t.Errorf("%d rows without a week, %v; want 2, those of the next one", n, err)
	}
	if n := count(t, s, "SELECT count(*) FROM deliveries_20261123"); n != 2 {
		t.Errorf("%d rows moved, want 2", n)
	}
	if n := count(t, s, "SELECT count(*) FROM deliveries"); n != 3 {
		t.Errorf("%d deliveries in all, want 3", n)
	}
	// What moved is still found, extended and told from new ones.
	insert(t, s, a.at(monday.Add(2*time.Hour), event("a", 2)))
	group(t, s, describe)
	if n := count(t, s, "SELECT max(delivery_count) FROM notifications"); n != 3 {
		t.Errorf("the moved notification has %d deliveries, want 3", n)
	}
}

// The keeper may be late in the middle of traffic: nothing is lost and nothing stops.
func TestPartitionIsMadeUnderLoad(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	const writers, each = 3, 40
	var batches [writers][each]*store.Delivery
	for w := range writers {
		for i := range each {
			batches[w][i] = a.at(monday.Add(time.Duration(i)*time.Second), event(fmt.Sprint(w, i), 0))
		}
	}
	var running sync.WaitGroup
	started := make(chan struct{}, writers)
	for w := range writers {
		running.Go(func() {
			for i, d := range batches[w] {
				if i == 5 {
					started <- struct{}{}
				}
				// A row that was on its way into the default partition is refused once; the receiver's writer tries single rows again.
				for try := 1; ; try++ {
					_, err := s.InsertDeliveries(t.Context(), int32(w), []*store.Delivery{d})
					if err == nil {
						break
					}
					if try == 3 {
						t.Errorf("insert: %v", err)
						return
					}
				}
			}
		})
	}
	<-started
	replicas := 2
	for range replicas {
		running.Go(func() {
			if _, err := s.EnsurePartitions(t.Context(), monday, monday.AddDate(0, 0, 21)); err != nil {
				t.Errorf("make partitions: %v", err)
			}
		})
	}
	running.Wait()
	if n := count(t, s, "SELECT count(*) FROM deliveries_20261123"); n != writers*each {
		t.Errorf("%d rows in their week, want %d", n, writers*each)
	}
	if n, err := s.DefaultPartitionRows(t.Context()); err != nil || n != 0 {
		t.Errorf("%d rows without a week, %v; want none", n, err)
	}
}

// A value out of line costs a row of its own with an index, when it is written and when it is read.
func TestOnlyTheLongestValueOfARowLiesOutOfLine(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	if _, err := s.EnsurePartitions(t.Context(), monday, monday); err != nil {
		t.Fatal(err)
	}
	a := newArrivals(t, s)
	random := make([]byte, 5000)
	_, _ = rand.Read(random)
	d := a.at(monday, func(d *store.Delivery) {
		d.Body, d.TraceID = random, strings.Repeat("trace", 10)
		for i := range 12 {
			d.Headers = append(d.Headers, store.Header{fmt.Sprint("X-Header-", i), strings.Repeat("value", 8)})
		}
	})
	insert(t, s, d)
	group(t, s, func(d store.Delivery) store.Description {
		described := describe(d)
		described.Summary, described.ObjectID = strings.Repeat("summary ", 20), strings.Repeat("object", 10)
		described.Payload = []byte(`{"random":"` + hex.EncodeToString(random) + `"}`)
		return described
	})
	for _, table := range []string{"deliveries", "notifications"} {
		var toast string
		if err := s.Pool().QueryRow(t.Context(), "SELECT reltoastrelid::regclass::text FROM pg_class WHERE oid = (SELECT tableoid FROM "+table+")").Scan(&toast); err != nil {
			t.Fatal(err)
		}
		if n := count(t, s, "SELECT count(DISTINCT chunk_id) FROM "+toast); n != 1 {
			t.Errorf("%s: %d values out of line, want the longest alone", table, n)
		}
	}
}
