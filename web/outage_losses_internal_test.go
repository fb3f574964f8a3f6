package web

import (
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/ui"
)

func TestWhatAnOutageCostsFollowsFromThePolicy(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	arithmetic := func(first, interval, retries int) cybs.RetryPolicy {
		return cybs.RetryPolicy{Algorithm: cybs.Arithmetic, FirstRetry: first, Interval: interval, NumberOfRetries: retries}
	}
	geometric := cybs.RetryPolicy{Algorithm: cybs.Geometric, FirstRetry: 10, Interval: 3, NumberOfRetries: 3}
	repeated := cybs.RetryPolicy{Algorithm: cybs.Arithmetic, FirstRetry: 1, Interval: 1, NumberOfRetries: 3, RepeatSequenceCount: 1, RepeatSequenceWaitTime: 60}
	for name, tc := range map[string]struct {
		policy cybs.RetryPolicy
		took   time.Duration
	}{
		"no retries": {cybs.RetryPolicy{}, time.Minute}, "three minutes, short outage": {arithmetic(1, 1, 3), 2 * time.Minute}, "three minutes, as long": {arithmetic(1, 1, 3), 3 * time.Minute},
		"three minutes, long outage": {arithmetic(1, 1, 3), 52 * time.Minute}, "one retry": {arithmetic(30, 0, 1), time.Hour}, "geometric": {geometric, 5 * time.Hour},
		"geometric, short": {geometric, time.Hour}, "repeated": {repeated, 40 * time.Minute}, "repeated, long": {repeated, 3 * time.Hour}, "a day": {arithmetic(60, 120, 10), 48 * time.Hour},
	} {
		o := store.Outage{Kind: store.OutageAbsent, From: start, To: start.Add(tc.took)}
		l := lossBy(tc.policy, o)
		// The rule, minute by minute: lost is what was sent in the outage with each of its attempts in it.
		for at := start; at.Before(o.To); at = at.Add(time.Minute) {
			last := at
			for _, offset := range tc.policy.Schedule() {
				if attempt := at.Add(offset); attempt.After(last) {
					last = attempt
				}
			}
			if lost := last.Before(o.To); lost != at.Before(l.before) {
				t.Errorf("%s: first sent at %s, lost %t; before is %s", name, at.Format(time.TimeOnly), lost, l.before.Format(time.TimeOnly))
			}
		}
		text := l.text(o, ui.Clock{Now: o.To, Zone: time.UTC}, 60)
		if says := strings.Contains(text, "is lost,"); says != !l.before.IsZero() {
			t.Errorf("%s: says %q", name, text)
		}
	}
	o := store.Outage{Kind: store.OutageAbsent, From: start, To: start.Add(52 * time.Minute)}
	if got, want := lossBy(arithmetic(1, 1, 3), o).text(o, ui.Clock{Now: o.To, Zone: time.UTC}, 60),
		"what Cybersource first sent before 00:49:00 UTC is lost, because its last retry, 3 min later, came within the outage too; at the rate of the hour before, about 49 notifications."; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}
