package web

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/ui"
)

// anyStory makes up what may be stored about a notification.
func anyStory(r *rand.Rand) (*shown, retryStory) {
	start := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	moment := func() time.Time { return start.Add(time.Duration(r.IntN(7200)-600) * time.Second) }
	answers := []int{http.StatusOK, http.StatusUnauthorized, http.StatusServiceUnavailable}
	n := &shown{Notification: store.Notification{Retries: 3, State: []store.State{store.StateDelivered, store.StateRetrying, store.StateOverdue, store.StateHeld, store.StateExhausted}[r.IntN(5)]}}
	st := retryStory{policy: store.RetryPolicy{Algorithm: "ARITHMETIC", FirstRetry: 1, Interval: 1, NumberOfRetries: 3}, first: start, releases: map[store.ID]store.Release{}}
	st.schedule = retryPolicyOf(st.policy).Schedule()
	for range 1 + r.IntN(5) {
		at := moment()
		d := store.Delivery{ID: store.NewID(at), ReceivedAt: at, SignedAt: at.Add(time.Duration(r.IntN(20)-10) * time.Second), RetryNumber: r.IntN(6), Verdict: store.Verified, Answered: answers[r.IntN(3)], AnswerTime: time.Duration(r.IntN(9000)) * time.Millisecond}
		if r.IntN(3) == 0 {
			d.Duplicates, d.LastDuplicateAt, d.DuplicateAnswered = 1+r.IntN(3), moment(), answers[r.IntN(3)]
		}
		if r.IntN(4) == 0 {
			d.Verdict, d.Reason, d.Answered = store.Rejected, "key_unknown", http.StatusUnauthorized
		}
		st.attempts = append(st.attempts, d)
	}
	slices.SortFunc(st.attempts, func(a, b store.Delivery) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
	for _, d := range st.attempts {
		if d.Verdict == store.Verified {
			n.deliveries = append(n.deliveries, d)
			n.LastRetryNumber = max(n.LastRetryNumber, d.RetryNumber)
			n.LastDeliveryAt = d.ReceivedAt
		}
	}
	n.ReceivedAt = st.attempts[0].ReceivedAt
	if r.IntN(4) > 0 {
		n.EventDate = moment().Format("2006-01-02T15:04:05")
	}
	if r.IntN(2) == 0 {
		n.Next = store.NextAttempt{At: moment()}
		n.Next.OverdueAt, n.Next.GivesUpAt = n.Next.At.Add(time.Minute), n.Next.At.Add(time.Hour)
	}
	for range r.IntN(3) {
		from := moment()
		st.outages = append(st.outages, store.Outage{Kind: []store.OutageKind{store.OutageAbsent, store.OutageRefused}[r.IntN(2)], Cause: "database", From: from, To: from.Add(time.Duration(r.IntN(600)) * time.Second), Deliveries: int64(r.IntN(3))})
	}
	statuses := []store.SubscriptionStatus{store.StatusActive, store.StatusSuspended, store.StatusInactive, store.StatusPendingReview, store.StatusCreating}
	for at := start.Add(-time.Minute); r.IntN(4) > 0; at = at.Add(time.Duration(1+r.IntN(600)) * time.Second) {
		st.periods = append(st.periods, store.StatusPeriod{Status: statuses[r.IntN(len(statuses))], From: at})
	}
	return n, st
}

func TestATimelineIsInOrderAndSaysTheStoredAnswers(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3000) {
		n, st := anyStory(rand.New(rand.NewPCG(seed, 7)))
		clock := ui.Clock{Now: time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC), Zone: time.UTC}
		steps := n.lifeLine(st, clock)
		var last time.Time
		again, active := false, false
		for _, step := range steps {
			if !step.At.IsZero() && step.At.Before(last) {
				t.Fatalf("seed %d: %q at %s comes after %s", seed, step.Title, step.At, last)
			}
			if !step.At.IsZero() {
				last = step.At
			}
			again = again || step.Title == "Subscription active again"
		}
		for _, p := range st.periods {
			active = active || p.Status == store.StatusActive || p.Status == store.StatusSuspended
		}
		if again && !active {
			t.Fatalf("seed %d: active again, and it never was", seed)
		}
		for _, d := range st.attempts {
			if d.Duplicates > 0 && d.Verdict == store.Verified && !slices.ContainsFunc(steps, func(s ui.LifeStep) bool {
				return (s.At.Equal(d.LastDuplicateAt) || s.At.IsZero()) && strings.HasPrefix(s.Title, "Same request again") && strings.Contains(s.Detail, "answered "+answerText(d.DuplicateAnswered))
			}) {
				t.Fatalf("seed %d: no step says that the duplicate was answered %d", seed, d.DuplicateAnswered)
			}
			if !slices.ContainsFunc(steps, func(s ui.LifeStep) bool {
				return strings.Contains(strings.ToLower(s.Title+" "+s.Detail), "answered "+strings.ToLower(answerText(d.Answered)))
			}) {
				t.Fatalf("seed %d: no step says that an attempt was answered %d", seed, d.Answered)
			}
		}
	}
}

func TestAnAttemptThatWasAnswered503IsNotCalledOneThatNeverArrived(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		outage store.Outage
		answer string
		why    string
	}{
		{store.Outage{Kind: store.OutageRefused, Cause: "database", From: start.Add(-time.Minute), To: start.Add(30 * time.Second), Deliveries: 2}, "Not stored; 503 was answered about then", "Switchboard answered 503"},
		{store.Outage{Kind: store.OutageAbsent, From: start.Add(-time.Minute), To: start.Add(30 * time.Second)}, "Never arrived: Switchboard was not running", "was not running"},
		{store.Outage{Kind: store.OutageAbsent, From: start.Add(time.Hour), To: start.Add(2 * time.Hour)}, "Never arrived", ""},
	} {
		policy := store.RetryPolicy{Algorithm: string(cybs.Arithmetic), FirstRetry: 1, Interval: 1, NumberOfRetries: 3}
		st := retryStory{policy: policy, schedule: retryPolicyOf(policy).Schedule(), first: start, outages: []store.Outage{tc.outage}}
		if got := st.missingAnswer(0); got != tc.answer {
			t.Errorf("%+v: %q, want %q", tc.outage, got, tc.answer)
		}
		if got := st.whyLost(0, 1); !strings.Contains(got, tc.why) || tc.why == "" && got != "" {
			t.Errorf("%+v: %q, want %q", tc.outage, got, tc.why)
		}
	}
	if got := fmt.Sprint(retryStory{}.whyLost(0, 1)); got != "" {
		t.Errorf("nothing known: %q", got)
	}
}
