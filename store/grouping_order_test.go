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
)

// attempt is one of several at one event, whose date moves on with every attempt.
func attempt(a *arrivals, name string, first time.Time, number int, moves bool) *store.Delivery {
	at := first.Add(time.Duration(number) * time.Minute)
	return a.at(at, event(name, number), func(d *store.Delivery) {
		d.EventDate = first.Format("2006-01-02T15:04:05")
		if moves {
			d.EventDate = at.Format("2006-01-02T15:04:05")
		}
	})
}

// Whatever the order in which attempts are stored and grouped, and by whom: one event is one notification, and another is another.
func TestAttemptsInAnyOrderEndInOneNotificationEach(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	for round := range 12 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, uint64(round)))
			s, _ := newClockedStore(t)
			if _, err := s.EnsurePartitions(t.Context(), monday, monday.AddDate(0, 0, 7)); err != nil {
				t.Fatal(err)
			}
			a := newArrivals(t, s)
			midnight := time.Date(2026, 11, 29, 23, 58, 30, 0, time.UTC) // of a Sunday: another date, another partition
			const names, most = 5, 6
			var all []*store.Delivery
			want := make(map[string]int)
			for i := range names {
				for number := range 2 + random.IntN(most-1) {
					if number == 0 && random.IntN(4) == 0 {
						continue // the first attempt never comes
					}
					all = append(all, attempt(a, fmt.Sprint(i), midnight.Add(time.Duration(i)*time.Second), number, round%2 == 0))
					want[fmt.Sprint(i)]++
				}
			}
			random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			storeInPieces(t, s, random, all)
			for name, deliveries := range want {
				var n, made int
				err := s.Pool().QueryRow(t.Context(), "SELECT count(*), coalesce(sum(delivery_count), 0) FROM notifications WHERE event_type = $1", name).Scan(&made, &n)
				if err != nil || made != 1 || n != deliveries {
					t.Errorf("seed %d, round %d: event %s is %d notifications of %d deliveries, %v; want 1 of %d", seed, round, name, made, n, err, deliveries)
				}
			}
		})
	}
}

// storeInPieces stores deliveries in the order given, some at a time, while two replicas group what is there.
func storeInPieces(t *testing.T, s *store.Store, random *rand.Rand, all []*store.Delivery) {
	t.Helper()
	for len(all) > 0 {
		piece := all[:min(1+random.IntN(4), len(all))]
		all = all[len(piece):]
		insert(t, s, piece...)
		var replicas sync.WaitGroup
		for range 2 {
			replicas.Go(func() {
				if _, err := s.GroupNext(t.Context(), 1+len(piece)/2, describeRetries); err != nil {
					t.Error(err)
				}
			})
		}
		replicas.Wait()
	}
	for group(t, s, describeRetries) > 0 {
	}
}

// The same payload again, later: a token whose status changes back and forth. Dates tell the two events apart wherever they can.
func TestLaterEventWithTheSamePayloadIsAnother(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		arrive []func(*arrivals) *store.Delivery
		want   []int // deliveries of each notification, by its first one
	}{
		"its first attempt comes after a retry of the other": {
			[]func(*arrivals) *store.Delivery{
				func(a *arrivals) *store.Delivery { return attempt(a, "a", monday, 1, false) },
				func(a *arrivals) *store.Delivery { return attempt(a, "a", monday.Add(3*time.Minute), 0, false) },
			}, []int{1, 1},
		},
		"a retry of the other comes after its first attempt": {
			[]func(*arrivals) *store.Delivery{
				func(a *arrivals) *store.Delivery { return attempt(a, "a", monday.Add(30*time.Second), 0, false) },
				func(a *arrivals) *store.Delivery { return attempt(a, "a", monday, 1, false) },
			}, []int{1, 1},
		},
		"both have a retry of the same number": {
			[]func(*arrivals) *store.Delivery{
				func(a *arrivals) *store.Delivery { return attempt(a, "a", monday, 1, false) },
				func(a *arrivals) *store.Delivery { return attempt(a, "a", monday.Add(10*time.Minute), 1, false) },
			}, []int{1, 1},
		},
		"the other's first attempt comes late": {
			[]func(*arrivals) *store.Delivery{
				func(a *arrivals) *store.Delivery { return attempt(a, "a", monday, 1, true) },
				func(a *arrivals) *store.Delivery { return attempt(a, "a", monday.Add(3*time.Minute), 0, true) },
				func(a *arrivals) *store.Delivery { return attempt(a, "a", monday, 0, true) },
			}, []int{2, 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := newClockedStore(t)
			a := newArrivals(t, s)
			for _, arrive := range c.arrive {
				insert(t, s, arrive(a))
				group(t, s, describeRetries)
			}
			page, err := s.ListNotifications(t.Context(), store.NotificationFilter{})
			if err != nil {
				t.Fatal(err)
			}
			var got []int
			for _, n := range page.Items {
				got = append(got, n.DeliveryCount)
			}
			slices.SortFunc(got, func(x, y int) int { return y - x })
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("deliveries of each notification (-want +got):\n%s", diff)
			}
		})
	}
}
