package web

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/overview"
	"github.com/switchboardhq/switchboard/views/ui"
)

// shownOutages is how many outages the overview tells.
const shownOutages = 8

// outageText says in words what became of deliveries in an outage: a short word, and a sentence.
func outageText(o store.Outage) (word, sentence string) {
	switch {
	case o.Kind == store.OutageAbsent && o.Unexpected:
		return "Not running", "Switchboard ended unexpectedly and received nothing until it was started again."
	case o.Kind == store.OutageAbsent:
		return "Stopped", "Switchboard was stopped and received nothing until it was started again."
	}
	word = "Refused"
	switch {
	case o.Cause == "incomplete":
		word = "Broken off"
	case o.Deliveries == 0 && o.HealthChecks == 0:
		word = "Not ready"
	}
	return word, refusalCause(o.Cause) + ": " + refusedText(o) + "."
}

func refusalCause(cause string) string {
	switch cause {
	case "database":
		return "The database took no writes"
	case "queue_full":
		return "More came than the database could store at once"
	case "memory":
		return "More came at once than fits into memory, or into one sender’s share of it"
	case "busy":
		return "More encrypted deliveries came at once than could be decrypted"
	case "too_large":
		return "The body was longer than 1 MiB, which is the most that is taken"
	case "too_slow":
		return "The body came too slowly"
	case "incomplete":
		return "The connection ended before the whole body had come"
	case "keys", "token_keys":
		return "Keys could not be read"
	case "stopping":
		return "Switchboard was stopping"
	case "row":
		return "The database refused a delivery"
	}
	return "Something went wrong; the log says more"
}

// refusedText counts what was answered, and how.
func refusedText(o store.Outage) string {
	was, status := "were", fmt.Sprint(cmp.Or(o.Status, http.StatusServiceUnavailable))
	if o.Deliveries == 1 {
		was = "was"
	}
	switch {
	case o.Cause == "incomplete":
		return deliveriesText(o.Deliveries) + " " + was + " broken off"
	case o.Deliveries > 0 && o.HealthChecks > 0:
		return deliveriesText(o.Deliveries) + " and " + healthChecksText(o.HealthChecks) + " were answered " + status
	case o.Deliveries > 0:
		return deliveriesText(o.Deliveries) + " " + was + " answered " + status
	case o.HealthChecks == 1:
		return "1 health check was answered 503"
	case o.HealthChecks > 0:
		return healthChecksText(o.HealthChecks) + " were answered 503"
	}
	return "nothing arrived meanwhile"
}

func deliveriesText(n int64) string {
	if n == 1 {
		return "1 delivery"
	}
	return ui.CountText(n, 0) + " deliveries"
}

func healthChecksText(n int64) string {
	if n == 1 {
		return "1 health check"
	}
	return ui.CountText(n, 0) + " health checks"
}

// outages are the newest ones of a day, as the overview tells them.
func (h house) outageLines() []overview.Outage {
	var lines []overview.Outage
	for i, o := range h.outages[:min(len(h.outages), shownOutages)] {
		line := overview.Outage{From: o.From, To: o.To, Tone: ui.Waiting}
		if o.Unexpected || o.Deliveries > 0 {
			line.Tone = ui.Bad
		}
		line.Word, line.Text = outageText(o)
		if _, ok := h.scope.subscription(o.SubscriptionID); ok {
			line.Text += " Subscription: " + h.scope.subscriptionName(o.SubscriptionID) + "."
		}
		line.Took = lengthText(o.To.Sub(o.From))
		line.Lost = h.losses[i]
		lines = append(lines, line)
	}
	return lines
}

// lengthText is how long something took, in its two largest units; empty for less than a second.
func lengthText(d time.Duration) string {
	d = d.Round(time.Second)
	hours, minutes, seconds := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case d < time.Second:
		return ""
	case hours > 0 && minutes > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	case hours > 0:
		return fmt.Sprintf("%d h", hours)
	case minutes > 0 && seconds > 0:
		return fmt.Sprintf("%d min %d s", minutes, seconds)
	case minutes > 0:
		return fmt.Sprintf("%d min", minutes)
	}
	return fmt.Sprintf("%d s", seconds)
}
