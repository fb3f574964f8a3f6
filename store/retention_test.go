package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
)

func partitionNames(t *testing.T, s *store.Store, before time.Time) []string {
	t.Helper()
	list, err := s.OldPartitions(t.Context(), before)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range list {
		names = append(names, p.Name)
	}
	return names
}

func TestPartitionIsOldOnceAllOfItIs(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	if _, err := s.EnsurePartitions(t.Context(), monday.AddDate(0, 0, -14), monday.AddDate(0, 0, 7)); err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for before, want := range map[time.Time][]string{
		start.AddDate(0, 0, -7).Add(-time.Millisecond): nil,
		start.AddDate(0, 0, -7):                        {"deliveries_20261109", "notifications_20261109"},
		start.Add(-time.Millisecond):                   {"deliveries_20261109", "notifications_20261109"},
		start:                                          {"deliveries_20261109", "notifications_20261109", "deliveries_20261116", "notifications_20261116"},
	} {
		if diff := cmp.Diff(want, partitionNames(t, s, before)); diff != "" {
			t.Errorf("old before %s (-want +got):\n%s", before, diff)
		}
	}
}

func dropOld(t *testing.T, s *store.Store, before time.Time) {
	t.Helper()
	if _, err := s.SweepReferences(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	list, err := s.OldPartitions(t.Context(), before)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		if err := s.DropPartition(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
}

// begin the purge of what is older: announced a day earlier.
func beginPurge(t *testing.T, s *store.Store, before, now time.Time) {
	t.Helper()
	for _, at := range []time.Time{now.AddDate(0, 0, -1), now} {
		if _, err := s.AnnouncePurge(t.Context(), before, at, 24*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDroppedWeekIsGoneAndTheOthersStay(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	next := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	if _, err := s.EnsurePartitions(t.Context(), monday, next); err != nil {
		t.Fatal(err)
	}
	a := newArrivals(t, s)
	last, first := a.at(next.Add(-time.Millisecond), event("a", 0)), a.at(next, event("b", 0))
	insert(t, s, last, first)
	group(t, s, describe)
	dropOld(t, s, next)
	if _, err := s.GetDelivery(t.Context(), last.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the last delivery of the dropped week: %v, want ErrNotFound", err)
	}
	if _, err := s.GetNotification(t.Context(), first.ID); err != nil {
		t.Errorf("the first notification of the week that stays: %v", err)
	}
	if n := count(t, s, "SELECT count(*) FROM delivery_digests") + count(t, s, "SELECT count(*) FROM notification_keys"); n != 2 {
		t.Errorf("%d references are left, want the two of what stays", n)
	}
	dropOld(t, s, next) // again, as another replica might
	if got := partitionNames(t, s, next); len(got) != 0 {
		t.Errorf("still old: %v", got)
	}
}

// What a late sender repeats after its first copy was purged is new: stored, grouped and answered like anything else.
func TestRequestAfterThePurgeOfItsFirstCopyIsNew(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	next := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	if _, err := s.EnsurePartitions(t.Context(), monday, next); err != nil {
		t.Fatal(err)
	}
	a := newArrivals(t, s)
	same := func(d *store.Delivery) { d.Body = []byte("byte for byte the same") }
	insert(t, s, a.at(monday, event("a", 0), same))
	group(t, s, describe)
	dropOld(t, s, next)
	again, retry := a.at(next.Add(time.Hour), event("a", 0), same), a.at(next.Add(2*time.Hour), event("a", 1))
	for _, r := range insert(t, s, again, retry) {
		if !r.Stored {
			t.Error("a request like a purged one was taken for its duplicate")
		}
	}
	group(t, s, describe)
	n, err := s.GetNotification(t.Context(), again.ID)
	if err != nil || n.DeliveryCount != 2 {
		t.Errorf("notification of what came again: %d deliveries, %v; want 2", n.DeliveryCount, err)
	}
}

// A key may be added for a late retry just before its notification goes.
func TestRetryOfANotificationThatIsGoneMakesANewOne(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	next := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	if _, err := s.EnsurePartitions(t.Context(), monday, next); err != nil {
		t.Fatal(err)
	}
	a := newArrivals(t, s)
	insert(t, s, a.at(monday, event("a", 0)))
	group(t, s, describe)
	for _, table := range []string{"deliveries", "notifications"} { // and not the keys
		if err := s.DropPartition(t.Context(), store.Partition{Table: table, Name: table + "_20261123"}); err != nil {
			t.Fatal(err)
		}
	}
	late := next.AddDate(0, 0, 1)
	retry, later := a.at(late, event("a", 1)), a.at(late.Add(time.Hour), event("a", 2))
	insert(t, s, retry, a.at(late, event("b", 0)))
	group(t, s, describe)
	insert(t, s, later)
	group(t, s, describe)
	n, err := s.GetNotification(t.Context(), retry.ID)
	if err != nil || n.DeliveryCount != 2 || n.FirstRetryNumber != 1 {
		t.Errorf("notification of the retries: %d deliveries from retry %d on, %v; want 2 from 1 on", n.DeliveryCount, n.FirstRetryNumber, err)
	}
	if n := count(t, s, "SELECT count(*) FROM notifications"); n != 2 {
		t.Errorf("%d notifications, want 2", n)
	}
}

func TestWeekThatWasOnlyDetachedIsDroppedLater(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	if _, err := s.EnsurePartitions(t.Context(), monday, monday); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Pool().Exec(t.Context(), "ALTER TABLE deliveries DETACH PARTITION deliveries_20261123"); err != nil {
		t.Fatal(err) // as a process leaves it that is killed half-way
	}
	end := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	if got := partitionNames(t, s, end.Add(-time.Second)); len(got) != 0 {
		t.Errorf("old a second before its end: %v, want none", got)
	}
	if got := partitionNames(t, s, end); !slices.Contains(got, "deliveries_20261123") {
		t.Errorf("old: %v, want the detached one among them", got)
	}
	dropOld(t, s, end)
	if n := count(t, s, "SELECT count(*) FROM pg_class WHERE relname LIKE '%_20261123'"); n != 0 {
		t.Errorf("%d tables of the week are left", n)
	}
}

// Somebody reads for a long time: dropping must neither hold up who writes nor fail for good.
func TestDroppingNeverHoldsUpDeliveries(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	next := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	if _, err := s.EnsurePartitions(t.Context(), monday, next); err != nil {
		t.Fatal(err)
	}
	reading, read := make(chan struct{}), make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		err := s.InTx(t.Context(), func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), "SELECT count(*) FROM deliveries")
			close(reading)
			<-read
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-reading
	dropped := make(chan error, 1)
	running.Go(func() {
		err := store.ErrBusy
		for errors.Is(err, store.ErrBusy) { // given up, and tried again as the next run would
			err = s.DropPartition(t.Context(), store.Partition{Table: "deliveries", Name: "deliveries_20261123"})
		}
		dropped <- err
	})
	a := newArrivals(t, s)
	var slowest time.Duration
	for i := range 30 { // while the drop waits for its lock and gives up, again and again
		begun := time.Now()
		insert(t, s, a.at(next.Add(time.Duration(i)*time.Second), event(fmt.Sprint(i), 0)))
		slowest = max(slowest, time.Since(begun))
		if i == 0 {
			waitForLock(t, s)
		}
	}
	if slowest > 3*time.Second { // many times the longest wait, on a busy machine
		t.Errorf("the slowest delivery took %v", slowest)
	}
	select {
	case err := <-dropped:
		t.Errorf("dropped while it was read: %v", err)
	default:
	}
	close(read)
	if err := <-dropped; err != nil {
		t.Errorf("drop after the reader: %v", err)
	}
	running.Wait()
}

// waitForLock returns once somebody has asked for the lock on deliveries.
func waitForLock(t *testing.T, s *store.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		var waits bool
		if err := s.Pool().QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'deliveries'::regclass)").Scan(&waits); err != nil {
			t.Fatal(err)
		}
		if waits {
			return
		}
	}
}

func TestRowsOutsideAllWeeksArePurgedToo(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	old, kept := a.at(monday.AddDate(0, 0, -30), event("old", 0)), a.at(monday, event("kept", 0))
	insert(t, s, old, kept)
	group(t, s, describe)
	before := monday.AddDate(0, 0, -7)
	strays, err := s.OldStrays(t.Context(), before)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]store.ID{"deliveries": {old.ID}, "notifications": {old.ID}}
	if diff := cmp.Diff(want, strays); diff != "" {
		t.Fatalf("strays (-want +got):\n%s", diff)
	}
	if err := s.DeleteStrays(t.Context(), strays); err != nil {
		t.Fatal(err)
	}
	if n := count(t, s, "SELECT count(*) FROM deliveries"); n != 1 {
		t.Errorf("%d deliveries are left, want 1", n)
	}
}

func TestWeeksOfRowsOutsideAllPartitionsAreFound(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	for _, days := range []int{-21, -20, 0, 70} {
		insert(t, s, a.at(monday.AddDate(0, 0, days), event(fmt.Sprint(days), 0)))
	}
	if all, err := s.StrayWeeks(t.Context(), time.UnixMilli(1), 50); err != nil || len(all) == 0 {
		t.Errorf("of all times: %v, %v; want the weeks that hold rows", all, err)
	}
	weeks, err := s.StrayWeeks(t.Context(), monday.AddDate(0, 0, -25), 5)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	if diff := cmp.Diff([]time.Time{start.AddDate(0, 0, -21), start, start.AddDate(0, 0, 70)}, weeks); diff != "" {
		t.Errorf("weeks (-want +got):\n%s", diff)
	}
	if weeks, err := s.StrayWeeks(t.Context(), monday.AddDate(0, 0, -25), 1); err != nil || len(weeks) != 1 {
		t.Errorf("one week was asked for: %v, %v", weeks, err)
	}
}

func TestPurgeBeginsADayAfterItWasAnnounced(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	before := monday.AddDate(0, 0, -90)
	announce := func(at time.Time) bool {
		t.Helper()
		due, err := s.AnnouncePurge(t.Context(), before, at, 24*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return due
	}
	if announce(monday) || announce(monday.Add(23*time.Hour)) {
		t.Error("a purge begins within a day of its announcement")
	}
	if p, err := s.LastPurge(t.Context()); err != nil || !p.Before.IsZero() {
		t.Errorf("last purge: %+v, %v; want none", p, err)
	}
	due := monday.Add(24 * time.Hour)
	if !announce(due) || !announce(due.Add(time.Hour)) {
		t.Error("a purge does not begin after a day, or not again when it was broken off")
	}
	p, err := s.LastPurge(t.Context())
	if err != nil || !p.Before.Equal(before) || !p.At.Equal(due) {
		t.Errorf("last purge: %+v, %v; want before %s at %s", p, err, before, due)
	}
}

// A clock that was a year ahead for a moment must not cost a year's notifications.
func TestPurgeOfAWrongClockIsForgotten(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	wrong := monday.AddDate(1, 0, 0)
	for _, at := range []time.Time{wrong, monday, wrong.Add(25 * time.Hour)} {
		due, err := s.AnnouncePurge(t.Context(), store.PurgeLimit(at, 90*24*time.Hour), at, 24*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if due {
			t.Errorf("a purge begins at %s", at)
		}
	}
}

func TestWhatWasPurgedSaysSo(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	at := monday.AddDate(0, 0, 100)
	beginPurge(t, s, monday, at)
	beginPurge(t, s, monday.AddDate(0, 0, 7), at.AddDate(0, 0, 7))
	for id, want := range map[store.ID]time.Time{
		store.NewID(monday.Add(-time.Second)):        at,
		store.NewID(monday):                          at.AddDate(0, 0, 7),
		store.NewID(monday.AddDate(0, 0, 7)):         {},
		store.NewID(monday.AddDate(0, 0, 7).Add(-1)): at.AddDate(0, 0, 7),
	} {
		for what, get := range map[string]func() error{
			"notification": func() error { _, err := s.GetNotification(t.Context(), id); return err },
			"delivery":     func() error { _, err := s.GetDelivery(t.Context(), id); return err },
			"body":         func() error { _, err := s.DeliveryBody(t.Context(), id); return err },
		} {
			err := get()
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s of %s: %v, want ErrNotFound", what, id.Time(), err)
			}
			var purged *store.PurgedError
			if errors.As(err, &purged) != !want.IsZero() || purged != nil && !purged.At.Equal(want) {
				t.Errorf("%s of %s: %v, want purged at %s", what, id.Time(), err, want)
			}
		}
	}
}

func TestOldRowsOfOtherTablesAreDeleted(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	old, recent := monday.AddDate(0, 0, -100), monday
	for _, at := range []time.Time{old, recent} {
		d := a.at(at, event(at.String(), 0))
		insert(t, s, d)
		run(t, s, at, at.Add(time.Hour), false)
		for _, err := range []error{
			s.RecordHealthPing(t.Context(), store.HealthPing{EndpointID: d.EndpointID, At: at, Method: "GET", Answered: 200}),
			s.CountUnstored(t.Context(), 1, []store.Unstored{{Minute: at, SubscriptionID: d.SubscriptionID, OrganizationID: d.OrganizationID, Reason: "signature_missing", Deliveries: 1}}),
			s.RecordRefusals(t.Context(), []store.Refusals{{ID: store.NewID(at), Cause: "database", First: at, Last: at, Deliveries: 1}}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, sql := range []string{
		"INSERT INTO judgements (created_at, actor, why, organizations, to_at, found, beyond, progress_at) VALUES ($1, 'ann', 'test', '{}', $1, 1, false, $1)",
		`INSERT INTO judged_deliveries (judgement_id, delivery_id, outcome, first_reason, first_rung, reason, rung, detail, key_id)
			SELECT j.id, d.id, 'passes', '', '', '', '', '', '' FROM judgements j, deliveries d WHERE $1::timestamptz IS NOT NULL`,
		`INSERT INTO released_deliveries (delivery_id, judgement_id, released_at, first_reason, first_detail, first_key_id)
			SELECT d.id, j.id, $1, '', '', '' FROM judgements j, deliveries d`,
		`INSERT INTO answer_minutes (minute, subscription_id, organization_id, within_micros, writer, answers) SELECT minute, subscription_id, organization_id, 1000, 1, 1 FROM traffic_minutes
			WHERE verdict = 'verified' AND $1::timestamptz IS NOT NULL`,
		"INSERT INTO setup_links (token_hash, created_at, expires_at) SELECT sha256(received_at::text::bytea), received_at, received_at FROM deliveries WHERE $1::timestamptz IS NOT NULL",
	} {
		if _, err := s.Pool().Exec(t.Context(), sql, recent); err != nil {
			t.Fatal(err)
		}
	}
	deleted, err := s.DeleteOldRows(t.Context(), monday.AddDate(0, 0, -90))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{
		"grouping_queue": 1, "traffic_minutes": 2, "rejected_unstored": 1, "receiver_refusals": 1, "receiver_runs": 1, "health_pings": 1,
		"answer_minutes": 1, "judged_deliveries": 1, "released_deliveries": 1, "setup_links": 1,
	}
	if diff := cmp.Diff(want, deleted); diff != "" {
		t.Errorf("deleted (-want +got):\n%s", diff)
	}
	for table := range want {
		if left := count(t, s, "SELECT count(*) FROM "+table); left < int(want[table]) {
			t.Errorf("%d rows of %s are left, want those that are not old", left, table)
		}
	}
	if n := count(t, s, "SELECT count(DISTINCT hour) FROM traffic_hours"); n != 2 {
		t.Errorf("sums of %d hours, want both: they outlive what they count", n)
	}
	if deleted, err := s.DeleteOldSums(t.Context(), monday.AddDate(0, 0, -90)); err != nil || deleted["traffic_hours"] == 0 || count(t, s, "SELECT count(DISTINCT hour) FROM traffic_hours") != 1 {
		t.Errorf("deleted old sums: %v, %v; want those of one hour", deleted, err)
	}
}
