package web

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/ui"
)

// lifePart is some steps of a life-line that belong together, and when they are to be told.
type lifePart struct {
	at    time.Time
	steps []ui.LifeStep
}

// lifeLine tells what happened to a notification, from its event to its last delivery and what is expected next, by what is stored and nothing else.
func (n *shown) lifeLine(st retryStory, clock ui.Clock) []ui.LifeStep {
	parts := []lifePart{{steps: occurred(n.EventDate, n.ReceivedAt)}}
	parts = append(parts, n.lifeOfAttempts(st)...)
	parts = append(parts, aroundLife(st, clock)...)
	return inOrder(append(parts, n.lifeToCome(st)...))
}

// inOrder puts steps in the order of their times. One without a time follows the one before it in its part.
func inOrder(parts []lifePart) []ui.LifeStep {
	var single []lifePart
	for _, p := range parts {
		at := p.at
		for _, step := range p.steps {
			if !step.At.IsZero() {
				at = step.At
			}
			single = append(single, lifePart{at, []ui.LifeStep{step}})
		}
	}
	slices.SortStableFunc(single, func(a, b lifePart) int { return a.at.Compare(b.at) })
	steps := make([]ui.LifeStep, len(single))
	for i, p := range single {
		steps[i] = p.steps[0]
	}
	return steps
}

func occurred(eventDate string, arrived time.Time) []ui.LifeStep {
	if eventDate == "" {
		return nil
	}
	at := eventTime(eventDate)
	switch {
	case at.IsZero():
		return []ui.LifeStep{{Title: "Occurred", Detail: readable(eventDate) + ", which is not a time we can read."}}
	case cybs.PossibleEventTime(at, arrived).IsZero():
		return []ui.LifeStep{{Title: "Occurred", Detail: "The event date is " + readable(eventDate) + ", which cannot be right."}}
	}
	return []ui.LifeStep{{Title: "Occurred", At: at, Detail: "By Cybersource's clock" + zoneRemark(eventDate) + "."}}
}

// lifeOfAttempts are those that arrived, and between them those that did not.
func (n *shown) lifeOfAttempts(st retryStory) []lifePart {
	var parts []lifePart
	next := 0
	for _, d := range st.attempts {
		if missing := lostAttempts(next, d.RetryNumber); missing != "" {
			// Told where it was due, but before the attempt that proves it.
			at := st.due(next)
			if event := eventTime(n.EventDate); at.Before(event) {
				at = event // nothing is sent before it happened
			}
			if at.IsZero() || !at.Before(d.ReceivedAt) {
				at = d.ReceivedAt.Add(-time.Nanosecond)
			}
			parts = append(parts, lifePart{at, []ui.LifeStep{{Title: missing + " lost", Tone: ui.Waiting, Detail: fmt.Sprintf("%s says so by its number.%s", attemptName(d), st.whyLost(next, d.RetryNumber))}}})
		}
		next = max(next, d.RetryNumber+1)
		parts = append(parts, lifePart{d.ReceivedAt, n.lifeOfAttempt(d)})
		if r, ok := st.releases[d.ID]; ok {
			parts = append(parts, lifePart{r.At, []ui.LifeStep{released(d, r)}})
		}
	}
	return parts
}

func (n *shown) lifeOfAttempt(d store.Delivery) []ui.LifeStep {
	if d.Verdict == store.Rejected {
		return []ui.LifeStep{{
			Title: attemptName(d) + " rejected", At: d.ReceivedAt, Tone: ui.Bad,
			Detail: fmt.Sprintf("Answered %s: %s. It waits in quarantine, and looks like an attempt of this notification; nothing proves it.", answerText(d.Answered), lowerFirst(whyText(d))),
		}}
	}
	i := slices.IndexFunc(n.deliveries, func(other store.Delivery) bool { return other.ID == d.ID })
	steps := laterDelivery
	if i == 0 {
		steps = n.firstDelivery
	}
	return slices.Concat(steps(d), duplicates(d), lostAnswer(d, n.deliveries[i+1:]))
}

// lostAnswer says of an attempt that was answered 200 that Cybersource cannot have seen it, when a retry of a higher number came.
func lostAnswer(d store.Delivery, later []store.Delivery) []ui.LifeStep {
	if d.Answered != http.StatusOK {
		return nil
	}
	i := slices.IndexFunc(later, func(other store.Delivery) bool { return other.RetryNumber > d.RetryNumber })
	if i < 0 {
		return nil
	}
	return []ui.LifeStep{{
		Title: "The answer did not reach Cybersource", Tone: ui.Waiting,
		Detail: fmt.Sprintf("%s came although %s was answered 200: the answer was lost on its way, or came too late.", attemptName(later[i]), lowerName(d)),
	}}
}

func released(d store.Delivery, r store.Release) ui.LifeStep {
	return ui.LifeStep{
		Title: attemptName(d) + " released", At: r.At, Tone: ui.Good,
		Detail: fmt.Sprintf("By %s, after it was judged again. It had been rejected: %s.", r.Actor, lowerFirst(reasonOf(r.FirstReason).text)),
	}
}

// lifeToCome is what is expected of Cybersource, or was in vain.
func (n *shown) lifeToCome(st retryStory) []lifePart {
	if _, ok := n.refusedLater(st); ok && n.State == store.StateOverdue {
		return nil // it came, as it seems
	}
	if n.State == store.StateDelivered || n.Next.At.IsZero() {
		if n.State == store.StateExhausted {
			return []lifePart{{n.LastDeliveryAt.Add(time.Nanosecond), []ui.LifeStep{{Title: "Retries used up", Tone: ui.Bad, Detail: "It was the last one of the policy."}}}}
		}
		return nil
	}
	name, number := attemptNumber(n.LastRetryNumber+1), attemptOf(n.LastRetryNumber+1, n.Retries)
	step := ui.LifeStep{Title: number + " expected", At: n.Next.At, Tone: ui.Waiting, Planned: true, Detail: "By the retry policy at the time of the last attempt."}
	switch n.State {
	case store.StateOverdue:
		step = ui.LifeStep{Title: number + " did not come", At: n.Next.At, Tone: ui.Waiting, Detail: "It was due then by the retry policy at the time of the last attempt."}
	case store.StateHeld:
		step = ui.LifeStep{Title: number + " held", At: n.Next.At, Tone: ui.Waiting, Detail: "It was due then. Cybersource sends it when the subscription is active again."}
	case store.StateExhausted:
		return []lifePart{
			{n.Next.At, []ui.LifeStep{{Title: name + " did not come", At: n.Next.At, Tone: ui.Bad, Detail: "Nor did a later one."}}},
			{n.Next.GivesUpAt, []ui.LifeStep{{Title: "Given up", At: n.Next.GivesUpAt, Tone: ui.Bad, Detail: "The time for all retries of the policy was over."}}},
		}
	case store.StateDelivered, store.StateRetrying:
	}
	return []lifePart{{n.Next.At, []ui.LifeStep{step}}}
}

// firstDelivery goes step by step; later ones are told in one.
func (n *shown) firstDelivery(d store.Delivery) []ui.LifeStep {
	var steps []ui.LifeStep
	if !d.SignedAt.IsZero() {
		steps = append(steps, ui.LifeStep{Title: "Signed and sent", At: d.SignedAt, Detail: "With key " + orWord(readable(d.KeyID), "unknown") + "."})
	}
	arrived := ui.LifeStep{Title: "Arrived", At: d.ReceivedAt, Tone: ui.Good, Detail: attemptName(d)}
	if source := sourceText(d); source != "" {
		arrived.Detail += " from " + source
	}
	answer := ui.LifeStep{Title: "answered " + answerText(d.Answered), Tone: answerTone(d), At: d.ReceivedAt.Add(d.AnswerTime), Detail: "After " + ui.DurationText(d.AnswerTime) + "."}
	if d.Answered != http.StatusOK {
		answer.Title = "Rejected, stored and " + answer.Title
		return append(steps, arrived, answer)
	}
	envelope := "the envelope is signed too"
	if !d.EnvelopeSigned {
		envelope = "the envelope is not signed"
	}
	answer.Title = "Stored and " + answer.Title
	steps = append(steps, arrived)
	if opened := n.first.step(); opened.Title != "" {
		steps = append(steps, opened)
	}
	return append(steps,
		ui.LifeStep{Title: "Verified", Tone: ui.Good, Detail: orWord(d.Variant, "a variant not recorded") + "; " + envelope + "."},
		answer,
		ui.LifeStep{Title: "Grouped", Tone: ui.Good, Detail: "Filed as one notification by subscription, event type, event date and payload."})
}

func laterDelivery(d store.Delivery) []ui.LifeStep {
	step := ui.LifeStep{
		Title: attemptName(d) + " arrived", Tone: answerTone(d), At: d.ReceivedAt,
		Detail: fmt.Sprintf("Verified, stored, and answered %s after %s.", answerText(d.Answered), ui.DurationText(d.AnswerTime)),
	}
	if d.Answered != http.StatusOK {
		step.Detail = fmt.Sprintf("Rejected, stored, and answered %s after %s.", answerText(d.Answered), ui.DurationText(d.AnswerTime))
	}
	return []ui.LifeStep{step}
}

// answerTone is bad for what makes Cybersource try again.
func answerTone(d store.Delivery) ui.Tone {
	if d.Answered != http.StatusOK {
		return ui.Bad
	}
	return ui.Good
}

func duplicates(d store.Delivery) []ui.LifeStep {
	if d.Duplicates == 0 {
		return nil
	}
	detail := "Byte for byte; counted, stored once."
	switch {
	case d.DuplicateAnswered != 0 && d.Duplicates > 1:
		detail = "Byte for byte; the last was answered " + answerText(d.DuplicateAnswered) + ". Counted, stored once."
	case d.DuplicateAnswered != 0:
		detail = "Byte for byte; answered " + answerText(d.DuplicateAnswered) + " and counted, stored once."
	}
	at := d.LastDuplicateAt
	if at.Before(d.ReceivedAt.Add(d.AnswerTime)) {
		at = time.Time{} // it came while the first was being answered
	}
	return []ui.LifeStep{{Title: "Same request again, " + plural(d.Duplicates, "time", "times"), At: at, Detail: detail}}
}

func lowerName(d store.Delivery) string {
	if d.RetryNumber == 0 {
		return "the first attempt"
	}
	return fmt.Sprintf("retry %d", d.RetryNumber)
}

// eventTime reads an event date; one without a zone, as today's form has it, is taken for UTC.
func eventTime(text string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05Z0700"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	return time.Time{}
}

func zoneRemark(text string) string {
	if _, err := time.Parse("2006-01-02T15:04:05.999999999", text); err == nil {
		return "; it names no zone, so UTC is assumed"
	}
	return ""
}
