package web

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/ui"
)

// aroundLife is what happened around a notification and explains why an attempt did not arrive: the subscription's statuses, health checks that failed,
// and times in which nothing was received.
func aroundLife(st retryStory, clock ui.Clock) []lifePart {
	var parts []lifePart
	add := func(step ui.LifeStep) { parts = append(parts, lifePart{step.At, []ui.LifeStep{step}}) }
	for _, step := range statusSteps(st.periods) {
		add(step)
	}
	for _, step := range pingSteps(st.pings, clock) {
		add(step)
	}
	for _, o := range st.outages {
		_, text := outageText(o) // the title says the word for this line
		title := "Switchboard not running"
		switch {
		case o.Kind == store.OutageRefused && o.Cause == "incomplete":
			title = "Delivery broken off"
		case o.Kind == store.OutageRefused:
			title = fmt.Sprintf("Switchboard answered %d", cmp.Or(o.Status, http.StatusServiceUnavailable))
		}
		detail := fmt.Sprintf("%s Until %s.", text, until(clock, o.From, o.To))
		if l := lossBy(retryPolicyOf(st.policy), o); !l.before.IsZero() && o.To.Sub(o.From) >= leastLossOutage {
			detail += " By the retry policy " + l.text(o, clock, 0)
		}
		add(ui.LifeStep{Title: title, At: o.From, Tone: ui.Bad, Detail: detail})
	}
	return parts
}

// statusSteps tell of statuses in which Cybersource sends nothing, and of their ends.
func statusSteps(periods []store.StatusPeriod) []ui.LifeStep {
	const heard = "As Cybersource told us when we asked."
	var steps []ui.LifeStep
	sends, sent := true, false // what went before the first period is of no interest
	for _, p := range periods {
		switch {
		case p.Status == store.StatusCreating: // a word of ours
			continue
		case sendsNow(p.Status) && !sends:
			title := "Subscription active"
			if sent {
				title += " again"
			}
			steps = append(steps, ui.LifeStep{Title: title, At: p.From, Tone: ui.Good, Detail: heard})
		case p.Status == store.StatusSuspended:
			steps = append(steps, ui.LifeStep{Title: "Subscription suspended", At: p.From, Tone: ui.Waiting, Detail: "Cybersource holds what it has to send until the health check answers 200 again. " + heard})
		case !sendsNow(p.Status):
			steps = append(steps, ui.LifeStep{Title: "Subscription " + string(ui.StatusFrom(string(p.Status))), At: p.From, Tone: ui.Waiting, Detail: heard})
		}
		sends = sendsNow(p.Status)
		sent = sent || sends || p.Status == store.StatusSuspended // only what was active is suspended
	}
	return steps
}

func sendsNow(status store.SubscriptionStatus) bool {
	return status == store.StatusActive || status == store.StatusResend
}

// pingPause is how long health checks may be silent within one story of failure: a sick endpoint is checked more often than a healthy one.
const pingPause = 15 * time.Minute

// pingSteps tell of health checks that were not answered 200, those without a long pause between them in one.
func pingSteps(pings []store.HealthPing, clock ui.Clock) []ui.LifeStep {
	var steps []ui.LifeStep
	for len(pings) > 0 {
		n := 1
		for n < len(pings) && pings[n].At.Sub(pings[n-1].At) <= pingPause {
			n++
		}
		first, last := pings[0], pings[n-1]
		step := ui.LifeStep{
			Title: "Health check answered " + answerText(first.Answered), At: first.At, Tone: ui.Bad,
			Detail: "Cybersource goes by this answer: it holds back what it has to send.",
		}
		if n > 1 {
			step.Title = "Health checks answered " + answerText(first.Answered)
			step.Detail = fmt.Sprintf("In %s, the last at %s. %s", plural(n, "minute", "minutes"), until(clock, first.At, last.At), step.Detail)
		}
		steps = append(steps, step)
		pings = pings[n:]
	}
	return steps
}

// until is an end in the page's zone, with its date when that is another one than that of the beginning.
func until(clock ui.Clock, from, to time.Time) string {
	zone := clock.Zone
	if zone == nil {
		zone = time.UTC
	}
	from, to = from.In(zone), to.In(zone)
	if from.YearDay() == to.YearDay() && from.Year() == to.Year() {
		return to.Format("15:04:05 MST")
	}
	return to.Format("2 Jan, 15:04:05 MST")
}
