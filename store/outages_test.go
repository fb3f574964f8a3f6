package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
)

// run records a receiver that ran between two times.
func run(t *testing.T, s *store.Store, from, to time.Time, lost bool) {
	t.Helper()
	id := begin(t, s, from)
	if err := s.EndRun(t.Context(), id, to, lost); err != nil {
		t.Fatal(err)
	}
}

func begin(t *testing.T, s *store.Store, at time.Time) int64 {
	t.Helper()
	id, err := s.BeginRun(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func outages(t *testing.T, s *store.Store, from, to time.Time) []store.Outage {
	t.Helper()
	list, err := s.ListOutages(t.Context(), from, to)
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		list[i].From, list[i].To = list[i].From.UTC(), list[i].To.UTC()
	}
	return list
}

func TestTimesThatNoRunCoversAreOutages(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	at := func(minutes int) time.Time { return monday.Add(time.Duration(minutes) * time.Minute) }
	run(t, s, at(0), at(30), false)
	run(t, s, at(10), at(20), true) // another replica covers its end
	run(t, s, at(40), at(50), true)
	begin(t, s, at(51))
	want := []store.Outage{
		{Kind: store.OutageAbsent, From: at(50), To: at(51), Unexpected: true},
		{Kind: store.OutageAbsent, From: at(30), To: at(40)},
	}
	if diff := cmp.Diff(want, outages(t, s, at(0), at(60))); diff != "" {
		t.Errorf("outages (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[:1], outages(t, s, at(45), at(60))); diff != "" {
		t.Errorf("outages of the last quarter of an hour (-want +got):\n%s", diff)
	}
}

func TestRunThatIsNotSeenAnyMoreIsLost(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	begin(t, s, monday)
	second := begin(t, s, monday.Add(time.Hour))
	if got := outages(t, s, monday, monday.AddDate(0, 0, 1)); len(got) != 0 {
		t.Errorf("outages while both may run: %v, want none", got)
	}
	if err := s.SeeRun(t.Context(), second, monday.Add(time.Hour+time.Second), monday.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	want := []store.Outage{{Kind: store.OutageAbsent, From: monday, To: monday.Add(time.Hour), Unexpected: true}}
	if diff := cmp.Diff(want, outages(t, s, monday, monday.AddDate(0, 0, 1))); diff != "" {
		t.Errorf("outages (-want +got):\n%s", diff)
	}
}

// A receiver that could not tell for a while, because the database was away, was not absent.
func TestRunThatIsSeenAgainWasNotLost(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	slow, other := begin(t, s, monday), begin(t, s, monday.Add(time.Hour))
	if err := s.SeeRun(t.Context(), other, monday.Add(time.Hour), monday.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := s.SeeRun(t.Context(), slow, monday.Add(2*time.Hour), monday); err != nil {
		t.Fatal(err)
	}
	if got := outages(t, s, monday, monday.AddDate(0, 0, 1)); len(got) != 0 {
		t.Errorf("outages: %v, want none", got)
	}
}

func TestRefusalsAreBroughtUpToDate(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	r := store.Refusals{ID: store.NewID(monday), Cause: "database", First: monday, Last: monday.Add(time.Second), Deliveries: 2}
	for range 2 { // written twice, counted once
		if err := s.RecordRefusals(t.Context(), []store.Refusals{r}); err != nil {
			t.Fatal(err)
		}
	}
	r.Last, r.Deliveries, r.HealthChecks = monday.Add(time.Minute), 5, 1
	other := store.Refusals{ID: store.NewID(monday.Add(time.Hour)), Cause: "queue_full", First: monday.Add(time.Hour), Last: monday.Add(time.Hour), Deliveries: 1}
	if err := s.RecordRefusals(t.Context(), []store.Refusals{r, other}); err != nil {
		t.Fatal(err)
	}
	want := []store.Outage{
		{Kind: store.OutageRefused, Cause: "queue_full", Status: 503, From: other.First, To: other.Last, Deliveries: 1},
		{Kind: store.OutageRefused, Cause: "database", Status: 503, From: monday, To: monday.Add(time.Minute), Deliveries: 5, HealthChecks: 1},
	}
	if diff := cmp.Diff(want, outages(t, s, monday, monday.AddDate(0, 0, 1))); diff != "" {
		t.Errorf("outages (-want +got):\n%s", diff)
	}
	if got := outages(t, s, monday.Add(2*time.Hour), time.Time{}); len(got) != 0 {
		t.Errorf("outages of later: %v, want none", got)
	}
}

func TestRefusalsOfSeveralEndpointsForOneCauseAreOneOutage(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	at := func(minutes float64) time.Time { return monday.Add(time.Duration(minutes * float64(time.Minute))) }
	refusals := func(cause string, status int, subscription int64, from, to float64, n int64) store.Refusals {
		return store.Refusals{ID: store.NewID(at(from)), Cause: cause, Status: status, SubscriptionID: subscription, First: at(from), Last: at(to), Deliveries: n}
	}
	err := s.RecordRefusals(t.Context(), []store.Refusals{
		refusals("database", 503, 1, 0, 2, 10), refusals("database", 503, 2, 1, 3, 20), refusals("database", 503, 2, 9, 9, 1),
		refusals("too_large", 413, 2, 1, 1, 3), refusals("database", 503, 0, 2, 2, 5),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []store.Outage{
		{Kind: store.OutageRefused, Cause: "database", Status: 503, From: at(9), To: at(9), Deliveries: 1, SubscriptionID: 2},
		{Kind: store.OutageRefused, Cause: "too_large", Status: 413, From: at(1), To: at(1), Deliveries: 3, SubscriptionID: 2},
		{Kind: store.OutageRefused, Cause: "database", Status: 503, From: at(0), To: at(3), Deliveries: 35},
	}
	if diff := cmp.Diff(want, outages(t, s, at(0), at(60))); diff != "" {
		t.Errorf("outages (-want +got):\n%s", diff)
	}
	list, err := s.ListOutages(t.Context(), at(0), at(60), 1)
	if err != nil {
		t.Fatal(err)
	}
	want = []store.Outage{{Kind: store.OutageRefused, Cause: "database", Status: 503, From: at(0), To: at(2), Deliveries: 15}}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("outages of subscription 1 (-want +got):\n%s", diff)
	}
}
