package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
)

// retries is what describeRetries goes by: a retry a minute, three in all.
const retries = 3

// describeRetries is describe with event dates that are times, and with what is expected of deliveries that were not answered 200.
func describeRetries(d store.Delivery) store.Description {
	described := describe(d)
	described.EventAt, _ = time.Parse("2006-01-02T15:04:05", d.EventDate) // others have none
	described.Retries = retries
	if d.Answered != 200 && d.RetryNumber < retries {
		next := d.ReceivedAt.Add(time.Minute)
		last := d.ReceivedAt.Add(time.Duration(retries-d.RetryNumber) * time.Minute)
		described.Next = store.NextAttempt{At: next, OverdueAt: next.Add(time.Minute), GivesUpAt: last.Add(10 * time.Minute)}
	}
	return described
}

func refused(d *store.Delivery) { d.Answered = 401 }

func advance(t *testing.T, s *store.Store, now time.Time) int {
	t.Helper()
	n, err := s.AdvanceRetryStatus(t.Context(), now, 100)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func setStatus(t *testing.T, s *store.Store, id int64, status store.SubscriptionStatus) {
	t.Helper()
	if _, err := s.RecordActual(t.Context(), id, store.ActualSubscription{WebhookID: "w-1", Status: status}); err != nil {
		t.Fatal(err)
	}
}

// clock is the store's clock, set by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

func newClockedStore(t *testing.T) (*store.Store, *clock) {
	t.Helper()
	c := &clock{at: monday}
	return storetest.New(t, func(cfg *store.Config) { cfg.Now = c.now }), c
}

func TestUndeliveredNotificationGoesTheWayOfTheDiagram(t *testing.T) {
	t.Parallel()
	type step struct {
		at     time.Duration
		status store.SubscriptionStatus // set before the clock runs; "": as it was
		want   store.State
	}
	for name, steps := range map[string][]step{
		"its retry does not come":            {{0, "", "retrying"}, {time.Minute, "", "retrying"}, {2 * time.Minute, "", "overdue"}, {12 * time.Minute, "", "overdue"}, {13 * time.Minute, "", "exhausted"}, {24 * time.Hour, "", "exhausted"}},
		"the clock looks late":               {{time.Hour, "", "exhausted"}},
		"the subscription is suspended":      {{time.Minute, "SUSPENDED", "retrying"}, {2 * time.Minute, "", "held"}, {24 * time.Hour, "", "held"}},
		"suspended after it was overdue":     {{3 * time.Minute, "", "overdue"}, {4 * time.Minute, "SUSPENDED", "held"}},
		"suspended after it was exhausted":   {{time.Hour, "", "exhausted"}, {2 * time.Hour, "SUSPENDED", "exhausted"}},
		"suspended and resumed":              {{3 * time.Minute, "SUSPENDED", "held"}, {5 * time.Hour, "ACTIVE", "retrying"}, {5*time.Hour + time.Minute, "", "overdue"}, {6 * time.Hour, "", "exhausted"}},
		"suspended and set inactive":         {{3 * time.Minute, "SUSPENDED", "held"}, {5 * time.Hour, "INACTIVE", "held"}},
		"suspended and draining":             {{3 * time.Minute, "SUSPENDED", "held"}, {5 * time.Hour, "RESEND", "retrying"}},
		"the subscription is deleted":        {{3 * time.Minute, "", "overdue"}, {4 * time.Minute, "DELETED", "overdue"}, {13 * time.Minute, "", "exhausted"}},
		"held, and the subscription deleted": {{3 * time.Minute, "SUSPENDED", "held"}, {4 * time.Minute, "DELETED", "exhausted"}},
		"the clock jumps ahead and back":     {{time.Hour, "", "exhausted"}, {time.Minute, "", "retrying"}, {3 * time.Minute, "", "overdue"}, {0, "", "retrying"}, {13 * time.Minute, "", "exhausted"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c := newClockedStore(t)
			a := newArrivals(t, s)
			setStatus(t, s, a.sub.ID, store.StatusActive)
			first := a.at(monday, event("a", 0), refused)
			insert(t, s, first)
			group(t, s, describeRetries)
			for _, st := range steps {
				c.set(monday.Add(st.at))
				switch st.status {
				case "":
				case store.StatusDeleted:
					if err := s.DeleteSubscription(t.Context(), a.sub.ID); err != nil {
						t.Fatal(err)
					}
				default:
					setStatus(t, s, a.sub.ID, st.status)
				}
				advance(t, s, c.now())
				n, err := s.GetNotification(t.Context(), first.ID)
				if err != nil || n.State != st.want {
					t.Fatalf("after %s with %q: %s, %v; want %s", st.at, st.status, n.State, err, st.want)
				}
				if again := advance(t, s, c.now()); again != 0 {
					t.Errorf("after %s: a second run moved %d, want none", st.at, again)
				}
			}
		})
	}
}

func TestRetryThatArrivesBringsANotificationBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before   time.Duration // when the clock looked
		retry    int
		answered int
		want     store.State
		next     time.Duration // 0: none expected
	}{
		"overdue, answered 200":                  {3 * time.Minute, 1, 200, store.StateDelivered, 0},
		"overdue, refused again":                 {3 * time.Minute, 1, 401, store.StateRetrying, 3*time.Minute + 30*time.Second + time.Minute},
		"exhausted, answered 200":                {time.Hour, 2, 200, store.StateDelivered, 0},
		"exhausted, refused again":               {time.Hour, 2, 401, store.StateRetrying, time.Hour + 30*time.Second + time.Minute},
		"the last retry is refused":              {time.Minute, 3, 401, store.StateExhausted, 0},
		"a retry beyond the policy is refused":   {time.Minute, 5, 401, store.StateExhausted, 0},
		"an attempt like the last is refused":    {3 * time.Minute, 0, 401, store.StateRetrying, 3*time.Minute + 30*time.Second + time.Minute},
		"an attempt like the last, answered 200": {3 * time.Minute, 0, 200, store.StateDelivered, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, clock := newClockedStore(t)
			a := newArrivals(t, s)
			first := a.at(monday, event("a", 0), refused)
			insert(t, s, first)
			group(t, s, describeRetries)
			advance(t, s, monday.Add(c.before))
			at := monday.Add(c.before + 30*time.Second)
			clock.set(at)
			insert(t, s, a.at(at, event("a", c.retry), func(d *store.Delivery) { d.Answered = c.answered }))
			group(t, s, describeRetries)
			n, err := s.GetNotification(t.Context(), first.ID)
			if err != nil || n.State != c.want || n.DeliveryCount != 2 || n.Retries != retries {
				t.Fatalf("%s with %d deliveries and %d retries, %v; want %s with 2 and %d", n.State, n.DeliveryCount, n.Retries, err, c.want, retries)
			}
			if want := monday.Add(c.next); c.next == 0 != n.Next.At.IsZero() || c.next > 0 && !n.Next.At.Equal(want) {
				t.Errorf("next expected at %s, want %s (none: %t)", n.Next.At, want, c.next == 0)
			}
		})
	}
}

func TestWhatWasDeliveredStaysDelivered(t *testing.T) {
	t.Parallel()
	s, _ := newClockedStore(t)
	a := newArrivals(t, s)
	first := a.at(monday, event("a", 0))
	insert(t, s, first)
	group(t, s, describeRetries)
	insert(t, s, a.at(monday.Add(time.Minute), event("a", 1), refused))
	group(t, s, describeRetries)
	if moved := advance(t, s, monday.Add(24*time.Hour)); moved != 0 {
		t.Errorf("the clock moved %d, want none", moved)
	}
	if n, err := s.GetNotification(t.Context(), first.ID); err != nil || n.State != store.StateDelivered || n.DeliveryCount != 2 {
		t.Errorf("%s with %d deliveries, %v; want delivered with 2", n.State, n.DeliveryCount, err)
	}
}

// A delivery that was kept back is grouped long after it came, and after its own retry.
func TestDeliveryReleasedLateStandsWhereItsTimeHasGone(t *testing.T) {
	t.Parallel()
	s, c := newClockedStore(t)
	a := newArrivals(t, s)
	c.set(monday.Add(time.Hour))
	alone, first := a.at(monday, event("alone", 0), refused), a.at(monday, event("a", 0), refused)
	overdue := a.at(monday.Add(58*time.Minute), event("overdue", 0), refused)
	retry := a.at(monday.Add(time.Minute), event("a", 1))
	insert(t, s, retry)
	group(t, s, describeRetries)
	insert(t, s, alone, overdue, first)
	group(t, s, describeRetries)
	for id, want := range map[store.ID]store.State{alone.ID: store.StateExhausted, overdue.ID: store.StateOverdue, retry.ID: store.StateDelivered} {
		if n, err := s.GetNotification(t.Context(), id); err != nil || n.State != want {
			t.Errorf("%s, %v; want %s", n.State, err, want)
		}
	}
	n, err := s.GetNotification(t.Context(), retry.ID)
	if err != nil || n.FirstRetryNumber != 0 || n.LastRetryNumber != 1 || n.DeliveryCount != 2 {
		t.Errorf("%+v, %v; want the released first attempt in it", n, err)
	}
	list, err := s.ListNotificationDeliveries(t.Context(), retry.ID)
	if err != nil || len(list) != 2 || list[0].ID != first.ID {
		t.Errorf("deliveries %+v, %v; want the first attempt first", list, err)
	}
}

func TestPolicyAtTheTimeOfTheAttemptCounts(t *testing.T) {
	t.Parallel()
	s, c := newClockedStore(t)
	a := newArrivals(t, s)
	change := func(at time.Time, numberOfRetries int) {
		t.Helper()
		c.set(at)
		a.sub.RetryPolicy.NumberOfRetries = numberOfRetries
		if err := s.UpdateSubscription(t.Context(), a.sub); err != nil {
			t.Fatal(err)
		}
	}
	change(monday.Add(time.Hour), 5)
	change(monday.Add(90*time.Minute), 5) // nothing new
	change(monday.Add(2*time.Hour), 7)
	got := make(map[string]int)
	for name, at := range map[string]time.Duration{"before": -time.Hour, "at first": 0, "changed": time.Hour, "between": 119 * time.Minute, "changed again": 3 * time.Hour} {
		insert(t, s, a.at(monday.Add(at), event(name, 0), refused))
	}
	insert(t, s, a.at(monday, event("answered", 0)))
	group(t, s, func(d store.Delivery) store.Description {
		if d.RetryPolicy != nil {
			got[d.EventType] = d.RetryPolicy.NumberOfRetries
		}
		return describeRetries(d)
	})
	if diff := cmp.Diff(map[string]int{"before": 3, "at first": 3, "changed": 5, "between": 5, "changed again": 7}, got); diff != "" {
		t.Errorf("retries of the policy then (-want +got):\n%s", diff)
	}
	if n := count(t, s, "SELECT count(*) FROM retry_policies"); n != 3 {
		t.Errorf("%d policies kept, want 3", n)
	}
	if _, err := s.RetryPolicyAt(t.Context(), a.sub.ID+1, monday); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of a subscription that is not: %v, want ErrNotFound", err)
	}
}

func TestStatusesOfASubscriptionAreKept(t *testing.T) {
	t.Parallel()
	s, c := newClockedStore(t)
	a := newArrivals(t, s)
	for i, status := range []store.SubscriptionStatus{store.StatusActive, store.StatusActive, store.StatusSuspended, store.StatusActive} {
		c.set(monday.Add(time.Duration(i+1) * time.Hour))
		setStatus(t, s, a.sub.ID, status)
	}
	at := func(hours int) time.Time { return monday.Add(time.Duration(hours) * time.Hour) }
	for name, r := range map[string]struct {
		from, to time.Time
		want     []store.StatusPeriod
	}{
		"all":    {at(-1), at(9), []store.StatusPeriod{{Status: "CREATING", From: at(0), To: at(1)}, {Status: "ACTIVE", From: at(1), To: at(3)}, {Status: "SUSPENDED", From: at(3), To: at(4)}, {Status: "ACTIVE", From: at(4)}}},
		"within": {at(3).Add(time.Minute), at(3).Add(2 * time.Minute), []store.StatusPeriod{{Status: "SUSPENDED", From: at(3), To: at(4)}}},
		"before": {at(-2), at(-1), nil},
	} {
		got, err := s.ListStatusPeriods(t.Context(), a.sub.ID, r.from, r.to)
		same := slices.EqualFunc(got, r.want, func(x, y store.StatusPeriod) bool {
			return x.Status == y.Status && x.From.Equal(y.From) && x.To.Equal(y.To)
		})
		if err != nil || !same {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, r.want)
		}
	}
}

func TestReplicasMoveEachNotificationOnce(t *testing.T) {
	t.Parallel()
	s, _ := newClockedStore(t)
	if _, err := s.EnsurePartitions(t.Context(), monday, monday.AddDate(0, 0, 7)); err != nil {
		t.Fatal(err)
	}
	a := newArrivals(t, s)
	const total = 120
	var batch []*store.Delivery
	for i := range total {
		// Across midnight of a Sunday, where the partitions meet.
		batch = append(batch, a.at(time.Date(2026, 11, 29, 23, 59, 0, 0, time.UTC).Add(time.Duration(i)*time.Second), event(fmt.Sprint(i), 0), refused))
	}
	insert(t, s, batch...)
	for group(t, s, describeRetries) > 0 {
	}
	var moved sync.Map
	var replicas sync.WaitGroup
	for i := range 4 {
		replicas.Go(func() {
			n, err := s.AdvanceRetryStatus(t.Context(), monday.AddDate(0, 0, 8), 7)
			if err != nil {
				t.Error(err)
			}
			moved.Store(i, n)
		})
	}
	replicas.Wait()
	sum := 0
	moved.Range(func(_, n any) bool { sum += n.(int); return true }) //nolint:forcetypeassert // stored above
	if sum != total || count(t, s, "SELECT count(*) FROM notifications WHERE state = 'exhausted' AND due_at IS NULL") != total {
		t.Errorf("%d were moved, want each of %d once", sum, total)
	}
}

func TestListIsNarrowedByState(t *testing.T) {
	t.Parallel()
	s, _ := newClockedStore(t)
	a := newArrivals(t, s)
	// At monday plus an hour: one exhausted, one overdue, one retrying, one delivered.
	given := map[store.State]*store.Delivery{
		store.StateExhausted: a.at(monday, event("a", 0), refused), store.StateOverdue: a.at(monday.Add(57*time.Minute), event("b", 0), refused),
		store.StateRetrying: a.at(monday.Add(time.Hour), event("c", 0), refused), store.StateDelivered: a.at(monday, event("d", 0)),
	}
	for _, d := range given {
		insert(t, s, d)
	}
	group(t, s, describeRetries)
	advance(t, s, monday.Add(time.Hour))
	for state, d := range given {
		page, err := s.ListNotifications(t.Context(), store.NotificationFilter{Status: store.NotificationStatus(state)})
		if err != nil || len(page.Items) != 1 || page.Items[0].ID != d.ID || page.Items[0].State != state {
			t.Errorf("by %s: %+v, %v; want the one", state, page.Items, err)
		}
	}
	page, err := s.ListNotifications(t.Context(), store.NotificationFilter{Status: store.OnlyOpen})
	if err != nil || len(page.Items) != 3 {
		t.Errorf("%d are open, %v; want 3", len(page.Items), err)
	}
}

// The clock runs all day: it must not read what is delivered, however much that is.
func TestClockReadsOpenNotificationsAlone(t *testing.T) {
	t.Parallel()
	s, _ := newClockedStore(t)
	for week := range 3 {
		at := monday.AddDate(0, 0, 7*week)
		if _, err := s.EnsurePartitions(t.Context(), at, at); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Pool().Exec(t.Context(), `INSERT INTO notifications (id, received_at, subscription_id, organization_id, product_id, event_type, webhook_id, event_date, event_organization, object_id, summary,
				state, readable, test, first_retry_number, last_retry_number, delivery_count, last_delivery_at, fingerprint, body_bytes, gives_up_at)
			SELECT (left($1, 13) || right(gen_random_uuid()::text, 23))::uuid, now(), 1, 1, 'p', 'e', 'w', 'd', 'o', '', '',
				CASE WHEN i % 10 = 0 THEN 'exhausted' ELSE 'delivered' END, true, false, 0, 0, 1, now(), '', 0, CASE WHEN i % 20 = 0 THEN '2026-01-01'::timestamptz END
			FROM generate_series(1, 4000) i`, store.FloorID(at.Add(time.Hour)).String()); err != nil {
			t.Fatal(err)
		}
	}
	tx, err := s.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }() // nothing is changed
	for _, statement := range []string{"ANALYZE notifications", "SET LOCAL plan_cache_mode = force_generic_plan", "PREPARE due AS " + store.DueSQL, "PREPARE advance (uuid[], timestamptz) AS " + store.AdvanceSQL} {
		if _, err := tx.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	for _, statement := range []string{"EXECUTE due ('2026-11-23', 500)", "EXECUTE advance (ARRAY['" + store.FloorID(monday).String() + "']::uuid[], '2026-11-23')"} {
		rows, _ := tx.Query(t.Context(), "EXPLAIN "+statement)
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range plan {
			if strings.Contains(line, "Seq Scan on notifications") && !strings.Contains(line, "_default") {
				t.Errorf("%s reads whole partitions:\n%s", statement, strings.Join(plan, "\n"))
				break
			}
		}
	}
}

func TestClockTellsLivePages(t *testing.T) {
	t.Parallel()
	s, _ := newClockedStore(t)
	a := newArrivals(t, s)
	insert(t, s, a.at(monday, event("a", 0), refused))
	group(t, s, describeRetries)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ready, told := make(chan struct{}), make(chan store.Change, 10)
	var listening sync.WaitGroup
	listening.Go(func() {
		_ = s.Listen(ctx, func() { close(ready) }, func(c store.Change) { told <- c }) // it ends with the test
	})
	<-ready
	advance(t, s, monday.Add(3*time.Minute))
	select {
	case c := <-told:
		if c.Topic != store.TopicNotifications || c.ID != a.sub.OrganizationID {
			t.Errorf("told of %+v, want notifications of organization %d", c, a.sub.OrganizationID)
		}
	case <-time.After(20 * time.Second):
		t.Error("nobody was told")
	}
	cancel()
	listening.Wait()
}
