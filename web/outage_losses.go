package web

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/views/ui"
)

// outageLoss is what an outage costs one subscription: whatever was first sent in it before a moment had its last retry in it too.
type outageLoss struct {
	before time.Time     // zero: nothing is lost
	cover  time.Duration // how long after the first attempt the last retry comes
}

// lossBy works out by a retry policy what an outage costs. The last retry of what was first sent at that moment came as the outage ended.
func lossBy(policy cybs.RetryPolicy, o store.Outage) outageLoss {
	l := outageLoss{cover: policy.Cover()}
	if before := o.To.Add(-l.cover); before.After(o.From) {
		l.before = before
	}
	return l
}

// allRefused reports whether nothing at all was taken during an outage; otherwise only part of what came was refused.
func allRefused(o store.Outage) bool {
	return o.Kind == store.OutageAbsent || o.Cause == "database" || o.Cause == "keys"
}

// text says what is lost. rate is how many notifications came in the hour before; 0: not known.
func (l outageLoss) text(o store.Outage, clock ui.Clock, rate int64) string {
	if l.before.IsZero() {
		return fmt.Sprintf("nothing is lost: its retries go on for %s, longer than the outage.", lengthText(l.cover))
	}
	lost := "is lost"
	if !allRefused(o) {
		lost = "may be lost: only part of what came was refused"
	}
	text := fmt.Sprintf("what Cybersource first sent before %s %s", until(clock, o.From, l.before), lost)
	if l.cover == 0 {
		text += ", because it has no retries"
	} else {
		text += fmt.Sprintf(", because its last retry, %s later, came within the outage too", lengthText(l.cover))
	}
	if n := expectedIn(rate, l.before.Sub(o.From)); n > 0 {
		text += fmt.Sprintf("; at the rate of the hour before, about %s", counted(n, "notification", "notifications"))
	}
	return text + "."
}

// expectedIn is how many notifications come in a time, by how many came in an hour.
func expectedIn(rate int64, d time.Duration) int {
	return int(float64(rate)*d.Hours() + 0.5)
}

const (
	// maxLossLines bounds the subscriptions that are named with an outage.
	maxLossLines = 5
	// leastLossOutage is how long an outage is for its losses to be worked out; retry policies count in minutes.
	leastLossOutage = time.Second
)

// lossLines say what an outage costs, subscription by subscription. Those that lose something come first.
func (s *Server) lossLines(ctx context.Context, o store.Outage, list []store.Subscription, clock ui.Clock) ([]string, error) {
	if o.To.Sub(o.From) < leastLossOutage || o.Kind == store.OutageRefused && o.Deliveries == 0 {
		return nil, nil
	}
	rates, err := s.ratesBefore(ctx, o)
	if err != nil {
		return nil, err
	}
	var lost, kept []string
	for _, v := range list[:min(len(list), shownSubscriptions)] {
		if v.CreatedAt.After(o.To) {
			continue
		}
		policy, err := s.store.RetryPolicyAt(ctx, v.ID, o.From)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		l := lossBy(retryPolicyOf(policy), o)
		line := v.Name + ": " + l.text(o, clock, rates[v.ID])
		if l.before.IsZero() {
			kept = append(kept, line)
		} else {
			lost = append(lost, line)
		}
	}
	lines := append(lost, kept...)
	if more := len(lines) - maxLossLines; more > 0 {
		lines = append(lines[:maxLossLines], "And "+plural(more, "subscription", "subscriptions")+" more.")
	}
	return lines, nil
}

// ratesBefore is how many deliveries of each subscription were verified in the hour before an outage.
func (s *Server) ratesBefore(ctx context.Context, o store.Outage) (map[int64]int64, error) {
	sums, err := s.store.TrafficBySubscription(ctx, store.TrafficFilter{From: o.From.Add(-time.Hour), To: o.From})
	rates := make(map[int64]int64, len(sums))
	for _, t := range sums {
		rates[t.SubscriptionID] = t.Verified
	}
	return rates, err
}

// lossNotices say on a subscription's page what the outages of the last day cost it.
func (s *Server) lossNotices(c echo.Context, v store.Subscription) ([]subscriptions.Notice, error) {
	ctx := c.Request().Context()
	outages, err := s.store.ListOutages(ctx, s.now().Add(-24*time.Hour), time.Time{})
	if err != nil {
		return nil, err
	}
	clock := s.clock(c)
	var lines []string
	for _, o := range outages[:min(len(outages), shownOutages)] {
		if v.CreatedAt.After(o.To) || o.Kind == store.OutageRefused && (o.Deliveries == 0 || !allRefused(o)) {
			continue
		}
		policy, err := s.store.RetryPolicyAt(ctx, v.ID, o.From)
		if err != nil {
			return nil, err
		}
		l := lossBy(retryPolicyOf(policy), o)
		if l.before.IsZero() {
			continue
		}
		rates, err := s.ratesBefore(ctx, o)
		if err != nil {
			return nil, err
		}
		text := l.text(o, clock, rates[v.ID])
		lines = append(lines, fmt.Sprintf("From %s to %s nothing was received: %s", clock.Absolute(o.From), until(clock, o.From, o.To), text))
	}
	if len(lines) == 0 {
		return nil, nil
	}
	return []subscriptions.Notice{{
		Tone: ui.Bad, Title: "Notifications were lost", Text: strings.Join(lines, " "),
		Action: ui.Action{Label: "Show outages", Href: paths.Overview},
	}}, nil
}
