package web

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/views/ui"
)

// proposedRetryPolicy is what the form offers in place of a policy that soon gives up: retries after 1, 3, 9, 27, 81, 243 and 729 minutes.
// It outlasts a night, its first three retries come within nine minutes all the same, and eight requests flood nobody (decision 37).
func proposedRetryPolicy() cybs.RetryPolicy {
	return cybs.RetryPolicy{Algorithm: cybs.Geometric, FirstRetry: 1, Interval: 3, NumberOfRetries: 7}
}

// shortCover is how long an outage a policy must outlast for the form to offer no other.
const shortCover = time.Hour

// withProposedRetries is the draft with the policy that the form offers. Whether the subscription is suspended at its end stays as chosen.
func (d subscriptionDraft) withProposedRetries() subscriptionDraft {
	p := proposedRetryPolicy()
	d.algorithm, d.firstRetry, d.interval, d.retries = string(p.Algorithm), strconv.Itoa(p.FirstRetry), strconv.Itoa(p.Interval), strconv.Itoa(p.NumberOfRetries)
	d.repeats, d.repeatWait = strconv.Itoa(p.RepeatSequenceCount), strconv.Itoa(p.RepeatSequenceWaitTime)
	return d
}

// Bounds of what the form takes for a retry policy. Cybersource publishes none; cybs.RetryPolicy.Validate bounds the whole.
const (
	maxRetryMinutes = 10080 // a week
	maxRetries      = 100
)

// maxAttemptsDrawn keeps a picture readable.
const maxAttemptsDrawn = 41

// readRetryPolicy reads the retry policy of a form and marks what is wrong with it.
func readRetryPolicy(f *form) cybs.RetryPolicy {
	p := cybs.RetryPolicy{
		Algorithm:              cybs.Algorithm(f.choice(subscriptions.FieldAlgorithm, string(cybs.Arithmetic), string(cybs.Geometric))),
		FirstRetry:             f.number(subscriptions.FieldFirstRetry, 0, maxRetryMinutes),
		Interval:               f.number(subscriptions.FieldInterval, 0, maxRetryMinutes),
		NumberOfRetries:        f.number(subscriptions.FieldRetries, 0, maxRetries),
		RepeatSequenceCount:    f.number(subscriptions.FieldRepeats, 0, maxRetries),
		RepeatSequenceWaitTime: f.number(subscriptions.FieldRepeatWait, 0, maxRetryMinutes),
		DeactivateFlag:         f.checked(subscriptions.FieldDeactivate),
	}
	if !f.ok() {
		return p
	}
	var wrong *cybs.ValidationError
	if errors.As(p.Validate(), &wrong) {
		for _, field := range wrong.Fields {
			f.fail(retryFieldName(field.Field), "This "+field.Reason+".")
		}
	}
	return p
}

// retryFieldName is the form's name for a field of the API.
func retryFieldName(field string) string {
	switch field {
	case "algorithm":
		return subscriptions.FieldAlgorithm
	case "firstRetry":
		return subscriptions.FieldFirstRetry
	case "interval":
		return subscriptions.FieldInterval
	case "repeatSequenceCount":
		return subscriptions.FieldRepeats
	case "repeatSequenceWaitTime":
		return subscriptions.FieldRepeatWait
	default:
		return subscriptions.FieldRetries
	}
}

// retrySchedule says what a policy means: each attempt, how long an outage may last, and what a longer one costs.
func retrySchedule(p cybs.RetryPolicy) subscriptions.Schedule {
	offsets := p.Schedule()
	s := subscriptions.Schedule{Total: 1 + len(offsets), Cover: p.Cover(), Suspends: p.DeactivateFlag}
	s.Attempts = []ui.RetryAttempt{{Tone: ui.Progress}}
	for _, d := range offsets {
		if len(s.Attempts) == maxAttemptsDrawn {
			break
		}
		s.Attempts = append(s.Attempts, ui.RetryAttempt{Offset: d, Tone: ui.Waiting, Planned: true})
	}
	s.Warning, s.Sentence = outageWords(s.Cover, p.DeactivateFlag)
	return s
}

func outageWords(cover time.Duration, suspends bool) (warning, sentence string) {
	length := ui.DurationText(cover)
	switch {
	case cover == 0 && suspends:
		return "One failure suspends", "Nothing is tried again: one failed delivery suspends the subscription. Cybersource then holds new notifications until the health check answers."
	case cover == 0:
		return "Any outage loses events", "Nothing is tried again: a notification that does not arrive at once is lost."
	case suspends:
		return "Suspends after " + length, fmt.Sprintf("With this policy an outage longer than %s suspends the subscription. Cybersource then holds new notifications and sends them when the health check answers again. "+
			"Whether it also sends those again that had used up their retries is not documented.", length)
	}
	return "Outage over " + length + " loses events", fmt.Sprintf("With this policy an outage longer than %s loses events: a notification that fails its last attempt is given up.", length)
}

// brokenSchedule stands for a policy that cannot be read.
func brokenSchedule(f *form) subscriptions.Schedule {
	for _, e := range f.summary() {
		return subscriptions.Schedule{Problem: "The retry policy cannot be drawn yet. " + e.Text}
	}
	return subscriptions.Schedule{Problem: "The retry policy cannot be drawn yet."}
}
