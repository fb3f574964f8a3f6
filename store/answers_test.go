package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
)

func TestAnswerTimesAreAddedUpByMinuteAndHour(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	quick, slow := store.AnswerBound(3*time.Millisecond), store.AnswerBound(3*time.Second)
	for _, c := range []store.AnswerCount{
		{Minute: monday, SubscriptionID: 1, OrganizationID: 1, Within: quick, Answers: 90},
		{Minute: monday, SubscriptionID: 1, OrganizationID: 1, Within: quick, Answers: 9},
		{Minute: monday.Add(9 * time.Hour), SubscriptionID: 1, OrganizationID: 1, Within: slow, Answers: 1},
		{Minute: monday.Add(9 * time.Hour), SubscriptionID: 2, OrganizationID: 2, Within: slow, Answers: 50},
	} {
		for writer := range int32(2) {
			if err := s.CountAnswers(t.Context(), writer, []store.AnswerCount{c}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		filter store.TrafficFilter
		want   store.AnswerTimes
	}{
		"by minutes":          {store.TrafficFilter{From: monday, To: monday.Add(time.Hour)}, store.AnswerTimes{quick: 198}},
		"by hours":            {store.TrafficFilter{From: monday.Add(-time.Hour), To: monday.Add(20 * time.Hour)}, store.AnswerTimes{quick: 198, slow: 102}},
		"of one subscription": {store.TrafficFilter{From: monday, To: monday.Add(20 * time.Hour), SubscriptionID: 1}, store.AnswerTimes{quick: 198, slow: 2}},
		"of organizations":    {store.TrafficFilter{From: monday, To: monday.Add(20 * time.Hour), Organizations: []int64{2}}, store.AnswerTimes{slow: 100}},
		"of no time":          {store.TrafficFilter{From: monday.Add(time.Hour), To: monday.Add(2 * time.Hour)}, store.AnswerTimes{}},
	} {
		got, err := s.AnswerTimes(t.Context(), c.filter)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got)\n%s", name, err, diff)
		}
	}
}

func TestAnswerTimesTellWhatMostTook(t *testing.T) {
	t.Parallel()
	times := store.AnswerTimes{5 * time.Millisecond: 98, 20 * time.Millisecond: 1, time.Second: 1}
	for share, want := range map[float64]time.Duration{0: 5 * time.Millisecond, 0.5: 5 * time.Millisecond, 0.98: 5 * time.Millisecond, 0.99: 20 * time.Millisecond, 1: time.Second} {
		if got := times.Within(share); got != want {
			t.Errorf("%v of 100 within %s, want %s", share, got, want)
		}
	}
	if got := (store.AnswerTimes{}).Within(0.99); got != 0 {
		t.Errorf("of none within %s, want 0", got)
	}
	if got := store.AnswerBound(time.Hour); got != time.Minute {
		t.Errorf("an hour is counted within %s; the last bound takes everything", got)
	}
	if got := store.AnswerBound(5 * time.Millisecond); got != 5*time.Millisecond {
		t.Errorf("a bound is counted within %s", got)
	}
}

func TestDuplicatesAreCountedInTheSums(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	d := a.at(monday)
	insert(t, s, d)
	for i := range 3 {
		again := *d
		again.ReceivedAt = monday.Add(time.Duration(i) * time.Minute)
		again.ID = store.NewID(again.ReceivedAt)
		if _, err := s.InsertDeliveries(t.Context(), 7, []*store.Delivery{&again}); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []store.TrafficFilter{{From: monday, To: monday.Add(time.Hour)}, {From: monday, To: monday.Add(24 * time.Hour)}} {
		sums, err := s.TrafficBySubscription(t.Context(), f)
		if err != nil || len(sums) != 1 || sums[0].Verified != 1 || sums[0].Duplicates != 3 {
			t.Errorf("%+v, %v; want one verified and its three duplicates", sums, err)
		}
	}
}
