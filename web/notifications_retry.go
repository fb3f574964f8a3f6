package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/deliveries"
	"github.com/switchboardhq/switchboard/views/notifications"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/ui"
)

// notKnown is what no page can say about retries.
const notKnown = "What is not known: attempts that never reached this server, unless a later one proves them, and how exactly Cybersource keeps its times."

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
		if d, ok := n.refusedLater(st); ok {
			return refusedSentence(d)
		}
		return fmt.Sprintf("No attempt was answered 200 yet, so Cybersource is expected to send it again as %s. Its content is here already.", next)
	case store.StateOverdue:
		if d, ok := n.refusedLater(st); ok {
			return refusedSentence(d)
		}
		return fmt.Sprintf("%s should have come and did not. It may still come. Its content is here already.", attemptNumber(n.LastRetryNumber+1))
	case store.StateHeld:
		since := ""
		if p := st.suspended(); !p.From.IsZero() {
			since = " since " + clock.Absolute(p.From)
		}
		return fmt.Sprintf("The subscription is suspended%s: Cybersource holds what it has to send, and sends it when the health check answers 200 again. Its content is here already.", since)
	case store.StateExhausted:
		if n.Test {
			return "It is a test, which Cybersource sends once. It was not answered 200; its content is here all the same."
		}
		if n.Next.At.IsZero() {
			return "Its last retry was not answered 200, so Cybersource has given it up. Its content is here all the same; nothing more will come by itself."
		}
		return "No attempt was answered 200, and the time for all retries is over: Cybersource has given it up. Its content is here all the same; nothing more will come by itself."
	}
	return ""
}

func refusedSentence(d store.Delivery) string {
	return fmt.Sprintf("%s came and was rejected, as it seems: it waits in quarantine. Its content is here already.", attemptName(d))
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
			all = append(all, deliveries.Attempt{Missing: true, Name: attemptNumber(number), Answered: st.missingAnswer(number), DueAt: st.due(number)})
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
