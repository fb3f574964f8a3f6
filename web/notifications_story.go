package web

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/switchboardhq/switchboard/store"
)

// retryStory is what is known of a notification's attempts beyond its deliveries.
type retryStory struct {
	policy   store.RetryPolicy // at the time of the first attempt
	schedule []time.Duration
	first    time.Time // when the first attempt was made or, when it did not arrive, must have been; zero: cannot be said
	pings    []store.HealthPing
	periods  []store.StatusPeriod
	outages  []store.Outage
	releases map[store.ID]store.Release
	// attempts are the deliveries with those in quarantine that look like attempts of the same notification, in order of arrival.
	attempts []store.Delivery
}

// uneventful says that it was answered 200 at its first attempt: there is no story.
func (n *shown) uneventful() bool {
	return n.State == store.StateDelivered && n.DeliveryCount == 1 && n.FirstRetryNumber == 0
}

// readStory reads what else happened from the first attempt to the last, or to now while another may come.
func (s *Server) readStory(ctx context.Context, n *shown) (st retryStory, err error) {
	if st.attempts = n.deliveries; n.uneventful() {
		return st, nil
	}
	first := n.deliveries[0]
	if st.policy, err = s.store.RetryPolicyAt(ctx, n.SubscriptionID, first.ReceivedAt); err != nil {
		return st, err
	}
	st.schedule = retryPolicyOf(st.policy).Schedule()
	switch {
	case first.RetryNumber == 0:
		st.first = first.ReceivedAt
	case first.RetryNumber <= len(st.schedule):
		st.first = first.ReceivedAt.Add(-st.schedule[first.RetryNumber-1])
	}
	from, to := st.first, s.now()
	if from.IsZero() {
		from = first.ReceivedAt
	}
	switch {
	case n.State == store.StateDelivered, n.State == store.StateExhausted && n.Next.At.IsZero():
		to = n.LastDeliveryAt
	case n.State == store.StateExhausted:
		to = n.Next.GivesUpAt
	}
	if st.periods, err = s.store.ListStatusPeriods(ctx, n.SubscriptionID, from, to); err != nil {
		return st, err
	}
	if st.pings, err = s.store.ListFailedPings(ctx, n.SubscriptionID, from, to); err != nil {
		return st, err
	}
	if st.outages, err = s.store.ListOutages(ctx, from, to, n.SubscriptionID); err != nil {
		return st, err
	}
	ids := make([]store.ID, len(n.deliveries))
	for i, d := range n.deliveries {
		ids[i] = d.ID
	}
	if st.releases, err = s.store.ListReleases(ctx, ids); err != nil {
		return st, err
	}
	refused, err := s.refusedAttempts(ctx, n, from.Add(-time.Hour), to)
	st.attempts = slices.SortedStableFunc(slices.Values(append(slices.Clone(n.deliveries), refused...)), func(a, b store.Delivery) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
	return st, err
}

const (
	// maxRefusedRead and maxRefusedOpened bound the rejected deliveries that are looked at for attempts of a notification, and those whose bodies are opened.
	maxRefusedRead   = 100
	maxRefusedOpened = 10
)

// refusedAttempts finds deliveries in quarantine that look like attempts of the notification: they arrived, though nothing proves what they say. Those
// that are not explained yet, or were before this was read of them, are found by their bodies.
func (s *Server) refusedAttempts(ctx context.Context, n *shown, from, to time.Time) ([]store.Delivery, error) {
	list, err := s.store.ListRefusedAttempts(ctx, n.ID)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(d store.Delivery) bool {
		return slices.ContainsFunc(n.deliveries, func(other store.Delivery) bool { return other.RetryNumber == d.RetryNumber })
	})
	page, err := s.store.ListRejected(ctx, store.RejectedFilter{SubscriptionID: n.SubscriptionID, From: from, To: to.Add(time.Millisecond), Page: store.Page{Limit: maxRefusedRead}})
	if err != nil {
		return nil, err
	}
	opened := 0
	for _, d := range page.Items {
		known := slices.ContainsFunc(n.deliveries, func(other store.Delivery) bool { return other.RetryNumber == d.RetryNumber })
		known = known || slices.ContainsFunc(list, func(other store.Delivery) bool { return other.ID == d.ID })
		if known || d.EventType != n.EventType || opened == maxRefusedOpened {
			continue
		}
		opened++
		switch same, err := s.sameNotification(ctx, d); {
		case err == nil && same == n.ID:
			list = append(list, d)
		case err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrSealBroken):
			return nil, err
		}
	}
	return list, nil
}

// lost is how many attempts never arrived.
func (st retryStory) lost() int {
	made := make(map[int]bool)
	last := -1
	for _, d := range st.attempts {
		made[d.RetryNumber] = true
		last = max(last, d.RetryNumber)
	}
	return last + 1 - len(made)
}

// missing names the attempts that never arrived, as the numbers of others prove: "First attempt and retry 1, retry 3".
func (st retryStory) missing() string {
	var names []string
	next := 0
	numbers := make([]int, len(st.attempts))
	for i, d := range st.attempts {
		numbers[i] = d.RetryNumber
	}
	slices.Sort(numbers)
	for _, number := range numbers {
		if name := lostAttempts(next, number); name != "" {
			if len(names) > 0 {
				name = lowerFirst(name)
			}
			names = append(names, name)
		}
		next = max(next, number+1)
	}
	return strings.Join(names, ", ")
}

// refusedLater is the last attempt that came after all that are verified, and was rejected.
func (n *shown) refusedLater(st retryStory) (store.Delivery, bool) {
	for _, d := range slices.Backward(st.attempts) {
		if d.Verdict == store.Rejected && d.RetryNumber > n.LastRetryNumber {
			return d, true
		}
	}
	return store.Delivery{}, false
}

// due is when an attempt was to come by the policy; zero when the policy does not say.
func (st retryStory) due(number int) time.Time {
	switch {
	case st.first.IsZero() || number > len(st.schedule):
		return time.Time{}
	case number == 0:
		return st.first
	}
	return st.first.Add(st.schedule[number-1])
}

// outageAt finds the outage in which an attempt was due; a retry comes a little late.
func (st retryStory) outageAt(number int) (store.Outage, bool) {
	due := st.due(number)
	if due.IsZero() {
		return store.Outage{}, false
	}
	i := slices.IndexFunc(st.outages, func(o store.Outage) bool {
		return (o.Kind == store.OutageAbsent || o.Deliveries > 0) && !due.Before(o.From.Add(-time.Minute)) && !due.After(o.To.Add(time.Minute))
	})
	if i < 0 {
		return store.Outage{}, false
	}
	return st.outages[i], true
}

// whyLost says of attempts that are missing, from one number to before another, what was wrong here when they were due.
func (st retryStory) whyLost(from, before int) string {
	for number := from; number < before && number-from < maxScheduleDrawn; number++ {
		o, ok := st.outageAt(number)
		switch {
		case ok && o.Kind == store.OutageRefused:
			return " Switchboard answered 503 about that time, and keeps nothing of what it answers 503."
		case ok:
			return " Switchboard was not running at that time."
		}
	}
	return ""
}

// missingAnswer is what is known of the answer to an attempt that is missing.
func (st retryStory) missingAnswer(number int) string {
	o, ok := st.outageAt(number)
	switch {
	case ok && o.Kind == store.OutageRefused:
		return "Not stored; 503 was answered about then"
	case ok:
		return "Never arrived: Switchboard was not running"
	}
	return "Never arrived"
}

// suspended is the suspension that lasts; its From is zero when there is none.
func (st retryStory) suspended() store.StatusPeriod {
	if len(st.periods) > 0 {
		if last := st.periods[len(st.periods)-1]; last.To.IsZero() && last.Status == store.StatusSuspended {
			return last
		}
	}
	return store.StatusPeriod{}
}
