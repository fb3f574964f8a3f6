package web

import (
	"fmt"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/ui"
)

// lifeLine tells what happened to a notification, from its event to its last delivery, by what is stored and nothing else.
func lifeLine(n store.Notification, list []store.Delivery) []ui.LifeStep {
	var steps []ui.LifeStep
	first := list[0]
	if at := eventTime(n.EventDate); !at.IsZero() {
		steps = append(steps, ui.LifeStep{Title: "Occurred", At: at, Detail: "By Cybersource's clock" + zoneRemark(n.EventDate) + "."})
	} else if n.EventDate != "" {
		steps = append(steps, ui.LifeStep{Title: "Occurred", Detail: readable(n.EventDate) + ", which is not a time we can read."})
	}
	if n.FirstRetryNumber > 0 {
		steps = append(steps, ui.LifeStep{
			Title: plural(n.FirstRetryNumber, "attempt", "attempts") + " lost", Tone: ui.Waiting,
			Detail: fmt.Sprintf("The first that arrived says it is retry %d.", n.FirstRetryNumber),
		})
	}
	steps = append(steps, firstDelivery(first)...)
	for i, d := range list[1:] {
		if missing := d.RetryNumber - list[i].RetryNumber - 1; missing > 0 {
			steps = append(steps, ui.LifeStep{Title: plural(missing, "attempt", "attempts") + " lost", Tone: ui.Waiting, Detail: fmt.Sprintf("Between %s and %s.", lowerName(list[i]), lowerName(d))})
		}
		steps = append(steps, laterDelivery(d)...)
	}
	return steps
}

// firstDelivery goes step by step; later ones are told in one.
func firstDelivery(d store.Delivery) []ui.LifeStep {
	var steps []ui.LifeStep
	if !d.SignedAt.IsZero() {
		steps = append(steps, ui.LifeStep{Title: "Signed and sent", At: d.SignedAt, Detail: "With key " + orWord(readable(d.KeyID), "unknown") + "."})
	}
	arrived := ui.LifeStep{Title: "Arrived", At: d.ReceivedAt, Tone: ui.Good, Detail: attemptName(d)}
	if source := sourceText(d); source != "" {
		arrived.Detail += " from " + source
	}
	envelope := "the envelope is signed too"
	if !d.EnvelopeSigned {
		envelope = "the envelope is not signed"
	}
	steps = append(steps, arrived,
		ui.LifeStep{Title: "Verified", Tone: ui.Good, Detail: orWord(d.Variant, "a variant not recorded") + "; " + envelope + "."},
		ui.LifeStep{Title: "Stored and answered " + answerText(d.Answered), Tone: ui.Good, At: d.ReceivedAt.Add(d.AnswerTime), Detail: "After " + ui.DurationText(d.AnswerTime) + "."},
		ui.LifeStep{Title: "Grouped", Tone: ui.Good, Detail: "Filed as one notification by subscription, event type, event date and payload."})
	return append(steps, duplicates(d)...)
}

func laterDelivery(d store.Delivery) []ui.LifeStep {
	step := ui.LifeStep{
		Title: attemptName(d) + " arrived", Tone: ui.Good, At: d.ReceivedAt,
		Detail: fmt.Sprintf("Verified, stored, and answered %s after %s.", answerText(d.Answered), ui.DurationText(d.AnswerTime)),
	}
	return append([]ui.LifeStep{step}, duplicates(d)...)
}

func duplicates(d store.Delivery) []ui.LifeStep {
	if d.Duplicates == 0 {
		return nil
	}
	return []ui.LifeStep{{
		Title: "Same request again, " + plural(d.Duplicates, "time", "times"), At: d.LastDuplicateAt,
		Detail: "Byte for byte; answered 200 and counted, stored once.",
	}}
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
