package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/deliveries"
	"github.com/switchboardhq/switchboard/views/notifications"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/ui"
)

// notKnown is what no page can say about retries.
const notKnown = "What is not known: attempts that never reached this server, unless a later one proves them, and how exactly Cybersource keeps its times."

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
	if st.outages, err = s.store.ListOutages(ctx, from, to); err != nil {
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

// refusedAttempts finds deliveries in quarantine that look like attempts of the notification: they arrived, though nothing proves what they say.
func (s *Server) refusedAttempts(ctx context.Context, n *shown, from, to time.Time) ([]store.Delivery, error) {
	page, err := s.store.ListRejected(ctx, store.RejectedFilter{SubscriptionID: n.SubscriptionID, From: from, To: to.Add(time.Millisecond), Page: store.Page{Limit: maxRefusedRead}})
	if err != nil {
		return nil, err
	}
	var list []store.Delivery
	opened := 0
	for _, d := range page.Items {
		known := slices.ContainsFunc(n.deliveries, func(other store.Delivery) bool { return other.RetryNumber == d.RetryNumber })
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

// suspended is the suspension that lasts; its From is zero when there is none.
func (st retryStory) suspended() store.StatusPeriod {
	if len(st.periods) > 0 {
		if last := st.periods[len(st.periods)-1]; last.To.IsZero() && last.Status == store.StatusSuspended {
			return last
		}
	}
	return store.StatusPeriod{}
}

// retryPanel says where the notification stands; nil when it was answered 200 at once.
func (n *shown) retryPanel(st retryStory, clock ui.Clock) *notifications.Retry {
	if n.uneventful() {
		return nil
	}
	r := &notifications.Retry{
		Badge: stateBadge(n.Notification), Sentence: n.stateSentence(st, clock), CountLabel: "Last attempt", Count: attemptOf(n.LastRetryNumber, n.Retries), Lost: st.missing(),
		Policy: policySentence(st.policy), From: "The state follows from our own answers, the retry numbers that came, and the subscription's status. " + workedOut, Unknown: notKnown,
	}
	for _, d := range st.attempts {
		if d.Verdict == store.Rejected {
			r.Rejected = append(r.Rejected, notifications.Link{Label: attemptName(d), Href: paths.ShowRejected(d.ID.String())})
		}
	}
	switch n.State {
	case store.StateRetrying:
		r.CountLabel, r.Count, r.NextLabel, r.Next = "Next attempt", attemptOf(n.LastRetryNumber+1, n.Retries), "Expected about", n.Next.At
	case store.StateOverdue, store.StateHeld:
		r.CountLabel, r.Count, r.NextLabel, r.Next = "Next attempt", attemptOf(n.LastRetryNumber+1, n.Retries), "Was expected about", n.Next.At
	case store.StateDelivered, store.StateExhausted:
	}
	return r
}

// stateSentence tells the state in words, with what it means for what is stored here.
func (n *shown) stateSentence(st retryStory, clock ui.Clock) string {
	next := strings.ToLower(attemptNumber(n.LastRetryNumber + 1))
	switch n.State {
	case store.StateDelivered:
		return fmt.Sprintf("Delivered: %s was answered 200, so Cybersource is done with it.", n.answered200())
	case store.StateRetrying:
		return fmt.Sprintf("No attempt was answered 200 yet, so Cybersource is expected to send it again as %s. Its content is here already.", next)
	case store.StateOverdue:
		if d, ok := n.refusedLater(st); ok {
			return fmt.Sprintf("%s came and was rejected, as it seems: it waits in quarantine. Its content is here already.", attemptName(d))
		}
		return fmt.Sprintf("%s should have come and did not. It may still come. Its content is here already.", attemptNumber(n.LastRetryNumber+1))
	case store.StateHeld:
		since := ""
		if p := st.suspended(); !p.From.IsZero() {
			since = " since " + clock.Absolute(p.From)
		}
		return fmt.Sprintf("The subscription is suspended%s: Cybersource holds what it has to send, and sends it when the health check answers 200 again. Its content is here already.", since)
	case store.StateExhausted:
		if n.Next.At.IsZero() {
			return "Its last retry was not answered 200, so Cybersource has given it up. Its content is here all the same; nothing more will come by itself."
		}
		return "No attempt was answered 200, and the time for all retries is over: Cybersource has given it up. Its content is here all the same; nothing more will come by itself."
	}
	return ""
}

// answered200 names the last attempt that was.
func (n *shown) answered200() string {
	for _, d := range slices.Backward(n.deliveries) {
		if d.Answered == http.StatusOK {
			return lowerName(d)
		}
	}
	return "an attempt"
}

// stateBadge is the state as a word, with which retry of how many: the next one where one is expected, otherwise the last.
func stateBadge(n store.Notification) notifications.Badge {
	b := notifications.Badge{Status: ui.Status(n.State)}
	number := n.LastRetryNumber
	if n.State != store.StateDelivered && n.State != store.StateExhausted {
		number++
	}
	if number > 0 {
		b.Label = strings.ToLower(attemptOf(number, n.Retries))
	}
	return b
}

// rowExpected is what a row of the list waits for.
func rowExpected(n store.Notification) notifications.Expected {
	switch n.State {
	case store.StateRetrying:
		return notifications.Expected{Text: "expected", At: n.Next.At}
	case store.StateOverdue:
		return notifications.Expected{Text: "was expected", At: n.Next.At}
	case store.StateHeld:
		return notifications.Expected{Text: "until the subscription is active"}
	case store.StateDelivered, store.StateExhausted:
	}
	return notifications.Expected{}
}

func attemptNumber(number int) string {
	if number == 0 {
		return "First attempt"
	}
	return fmt.Sprintf("Retry %d", number)
}

// attemptOf is "Retry 1 of 3"; a number beyond the policy, which was another one then, stands alone.
func attemptOf(number, of int) string {
	if number == 0 || number > of {
		return attemptNumber(number)
	}
	return fmt.Sprintf("Retry %d of %d", number, of)
}

// lostAttempts names the attempts from one number to before another: "First attempt and retries 1 to 3".
func lostAttempts(from, before int) string {
	var retries string
	switch first := max(from, 1); {
	case before <= from:
		return ""
	case before == first:
	case before == first+1:
		retries = fmt.Sprintf("retry %d", first)
	default:
		retries = fmt.Sprintf("retries %d to %d", first, before-1)
	}
	switch {
	case from > 0:
		return strings.ToUpper(retries[:1]) + retries[1:]
	case retries == "":
		return attemptNumber(0)
	}
	return attemptNumber(0) + " and " + retries
}

// policySentence is a retry policy in a line.
func policySentence(p store.RetryPolicy) string {
	if p.NumberOfRetries == 0 {
		return "no retries"
	}
	text := fmt.Sprintf("%s, the first after %d min", plural(p.NumberOfRetries, "retry", "retries"), p.FirstRetry)
	switch {
	case p.NumberOfRetries == 1:
	case p.Algorithm == string(cybs.Geometric):
		text += fmt.Sprintf(", each %d times as far from the first attempt as the one before", p.Interval)
	default:
		text += fmt.Sprintf(", then every %d min", p.Interval)
	}
	if p.RepeatSequenceCount > 0 {
		text += fmt.Sprintf("; the sequence %s after %d min", cmp.Or(map[int]string{1: "once more"}[p.RepeatSequenceCount], fmt.Sprintf("%d times more", p.RepeatSequenceCount)), p.RepeatSequenceWaitTime)
	}
	return text
}

// withMissing puts the attempts that are known to be missing, or to come, and those that were rejected, between those that are verified.
func (n *shown) withMissing(rows []deliveries.Attempt, st retryStory) []deliveries.Attempt {
	const most = 20 // of a gap: more say nothing more
	var all []deliveries.Attempt
	next := 0
	for _, d := range st.attempts {
		for number := next; number < d.RetryNumber && number-next < most; number++ {
			all = append(all, deliveries.Attempt{Missing: true, Name: attemptNumber(number), Answered: "Never arrived", DueAt: st.due(number)})
		}
		next = max(next, d.RetryNumber+1)
		i := slices.IndexFunc(rows, func(r deliveries.Attempt) bool { return r.ID == d.ID.String() })
		if i < 0 {
			row := deliveryAttempt(d)
			row.Href = paths.ShowRejected(d.ID.String())
			all = append(all, row)
			continue
		}
		if _, ok := st.releases[d.ID]; ok {
			rows[i].VerdictDetail = "released"
		}
		all = append(all, rows[i])
	}
	if n.State == store.StateDelivered || n.State == store.StateExhausted || n.Next.At.IsZero() {
		return all
	}
	if _, ok := n.refusedLater(st); ok {
		return all
	}
	words := map[store.State]string{store.StateRetrying: "Expected", store.StateOverdue: "Overdue", store.StateHeld: "Held"}
	return append(all, deliveries.Attempt{Missing: true, Name: attemptNumber(n.LastRetryNumber + 1), Answered: words[n.State], DueAt: n.Next.At})
}

// maxScheduleDrawn bounds the drawing; the policy in words says the rest.
const maxScheduleDrawn = 40

// drawn is the schedule of the policy at the time, with what became of each attempt.
func (n *shown) drawn(st retryStory, clock ui.Clock) notifications.Schedule {
	s := notifications.Schedule{Clock: clock, Note: workedOut}
	if st.first.IsZero() || len(st.schedule) == 0 {
		return s
	}
	s.Times = ui.RetrySchedule{Start: st.first, Elapsed: -1}
	if n.State != store.StateDelivered {
		s.Times.Elapsed = clock.Now.Sub(st.first)
	}
	for number := range min(len(st.schedule), maxScheduleDrawn) + 1 {
		s.Times.Attempts = append(s.Times.Attempts, n.drawnAttempt(number, st))
	}
	if more := len(st.schedule) - maxScheduleDrawn; more > 0 {
		s.More = plural(more, "later retry is", "later retries are") + " not drawn."
	}
	return s
}

func (n *shown) drawnAttempt(number int, st retryStory) ui.RetryAttempt {
	a := ui.RetryAttempt{Offset: st.due(number).Sub(st.first), Tone: ui.Waiting, Planned: true}
	for _, d := range st.attempts {
		if d.RetryNumber != number {
			continue
		}
		a.Planned, a.Tone = false, ui.Bad
		if d.Answered == http.StatusOK {
			a.Tone = ui.Good
		}
		return a
	}
	switch {
	case number < n.LastRetryNumber:
		a.Planned = false // it was made, and did not arrive
	case n.State == store.StateDelivered || n.State == store.StateExhausted:
		a.Tone = ui.Neutral
	}
	return a
}
