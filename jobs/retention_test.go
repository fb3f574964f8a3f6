package jobs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/switchboardhq/switchboard/jobs"
	"github.com/switchboardhq/switchboard/store"
)

const (
	day  = 24 * time.Hour
	keep = 90 * day
)

// arrive stores a verified delivery of a time and makes its notification.
func (h *house) arrive(t *testing.T, sub store.Subscription, at time.Time) store.ID {
	t.Helper()
	d := &store.Delivery{
		ID: store.NewID(at), ReceivedAt: at, EndpointID: sub.EndpointID, SubscriptionID: sub.ID, OrganizationID: sub.OrganizationID, EventType: "tms.networktoken.updated",
		Verdict: store.Verified, Answered: 200, Body: []byte(at.String()),
	}
	if _, err := h.store.InsertDeliveries(t.Context(), 1, []*store.Delivery{d}); err != nil {
		t.Fatal(err)
	}
	_, err := h.store.GroupNext(t.Context(), 10, func(d store.Delivery) store.Description {
		return store.Description{Fingerprint: []byte(d.ID.String()), Loose: []byte(d.ID.String()), Readable: true}
	})
	if err != nil {
		t.Fatal(err)
	}
	return d.ID
}

// runOnce starts jobs, on as many replicas, until the retention job has run once more, and stops them.
func (h *house) runOnce(t *testing.T, replicas int, options ...func(*jobs.Config)) {
	t.Helper()
	const done = "SELECT count(*) FROM river_job WHERE kind = 'retention' AND state = 'completed'"
	before := h.count(t, done)
	running := make([]*jobs.Jobs, replicas)
	for i := range running {
		running[i] = h.start(t, options...)
	}
	h.await(t, "a run of the retention job", func() bool { return h.count(t, done) > before })
	for _, j := range running {
		if err := j.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
}

func retention(of time.Duration) func(*jobs.Config) {
	return func(c *jobs.Config) { c.Retention = of }
}

// wednesday puts the clock to the middle of a week, so that a day later is in the same one, and returns the time before which nothing is kept.
func (h *house) wednesday() time.Time {
	now := time.Now()
	wednesday := store.PurgeLimit(now, 0).Add(2*day + day/2)
	h.ahead.Store(int64(wednesday.Sub(now)))
	return store.PurgeLimit(wednesday, keep)
}

func TestRetentionRemovesWholeWeeksADayAfterItSaidSo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sub := h.insert(t)
	limit := h.wednesday()
	if _, err := h.store.EnsurePartitions(t.Context(), limit.AddDate(0, 0, -8), limit); err != nil {
		t.Fatal(err)
	}
	gone, stays, stray := h.arrive(t, sub, limit.Add(-time.Millisecond)), h.arrive(t, sub, limit), h.arrive(t, sub, limit.AddDate(-1, 0, 0))
	h.runOnce(t, 1, retention(keep))
	if _, err := h.store.GetNotification(t.Context(), gone); err != nil {
		t.Fatalf("what was only announced: %v", err)
	}
	h.ahead.Add(int64(day))
	registry := prometheus.NewRegistry()
	h.runOnce(t, 1, retention(keep), func(c *jobs.Config) { c.Metrics = registry })
	for _, id := range []store.ID{gone, stray} {
		_, err := h.store.GetNotification(t.Context(), id)
		var purged *store.PurgedError
		if !errors.As(err, &purged) {
			t.Errorf("what is older: %v, want purged", err)
		}
	}
	if _, err := h.store.GetNotification(t.Context(), stays); err != nil {
		t.Errorf("what is of the week that stays: %v", err)
	}
	if v := metric(t, registry, "switchboard_retention_rows_deleted_total"); v < 4 {
		t.Errorf("%v rows are counted as deleted, want two digests and two keys at least", v)
	}
	if v := metric(t, registry, "switchboard_retention_partitions_dropped_total"); v < 4 {
		t.Errorf("%v partitions are counted as dropped, want two weeks of two tables at least", v)
	}
	if v := metric(t, registry, "switchboard_retention_purged_before_seconds"); v < float64(limit.Unix()) {
		t.Errorf("purged before %v, want %v", v, limit.Unix())
	}
}

func metric(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			var sum float64
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
			return sum
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

func TestRetentionTwiceAtOnceDoesNoHarm(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sub := h.insert(t)
	limit := h.wednesday()
	if _, err := h.store.EnsurePartitions(t.Context(), limit.AddDate(0, 0, -21), limit); err != nil {
		t.Fatal(err)
	}
	for week := range 3 {
		h.arrive(t, sub, limit.AddDate(0, 0, -7*week-1))
	}
	kept := h.arrive(t, sub, limit)
	h.runOnce(t, 2, retention(keep))
	h.ahead.Add(int64(day))
	h.runOnce(t, 2, retention(keep))
	h.runOnce(t, 1, retention(keep))
	if n := h.count(t, "SELECT count(*) FROM deliveries"); n != 1 {
		t.Errorf("%d deliveries are left, want 1", n)
	}
	if _, err := h.store.GetNotification(t.Context(), kept); err != nil {
		t.Errorf("what is kept: %v", err)
	}
	if n := h.count(t, "SELECT count(*) FROM delivery_digests"); n != 1 {
		t.Errorf("%d digests are left, want 1", n)
	}
}

func TestRetentionOfZeroKeepsEverything(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.arrive(t, h.insert(t), time.Now().AddDate(-20, 0, 0))
	for range 2 {
		h.runOnce(t, 1)
		h.ahead.Add(int64(2 * day))
	}
	if _, err := h.store.GetNotification(t.Context(), id); err != nil {
		t.Errorf("after twenty years: %v", err)
	}
}

// A clock that was wrong put rows outside all weeks. The keeper gives those weeks partitions, and leaves to retention what is too old.
func TestKeeperMakesRoomForRowsOfAWrongClock(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sub := h.insert(t)
	limit := h.wednesday()
	for _, at := range []time.Time{limit.AddDate(0, 0, 30), limit.AddDate(2, 0, 0), limit.AddDate(-1, 0, 0)} {
		h.arrive(t, sub, at)
	}
	registry := prometheus.NewRegistry()
	h.start(t, retention(keep), func(c *jobs.Config) { c.Metrics = registry })
	if n := h.count(t, "SELECT count(*) FROM deliveries_default"); n != 1 {
		t.Errorf("%d deliveries lie outside all weeks, want the one that is too old", n)
	}
	if v := metric(t, registry, "switchboard_partition_stray_rows"); v != 2 {
		t.Errorf("%v stray rows are told, want a delivery and its notification", v)
	}
}

// A report that reads for hours must not keep the program from starting.
func TestJobsStartWhileSomebodyReadsForLong(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	tx, err := h.store.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT count(*) FROM deliveries"); err != nil {
		t.Fatal(err)
	}
	h.start(t)
	if n := h.count(t, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'deliveries'::regclass"); n != 1 {
		t.Errorf("%d partitions while the default one is read, want that alone", n)
	}
	h.arrive(t, h.insert(t), time.Now())
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.store.EnsurePartitions(t.Context(), time.Now(), time.Now()); err != nil {
		t.Errorf("after the reader has ended: %v", err)
	}
	if n := h.count(t, "SELECT count(*) FROM deliveries_default"); n != 0 {
		t.Errorf("%d rows are still outside their week", n)
	}
}
