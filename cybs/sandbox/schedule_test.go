package sandbox

import (
	"slices"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

func TestOtherReadingsOfTheSchedule(t *testing.T) {
	t.Parallel()
	ten := cybs.RetryPolicy{Algorithm: cybs.Arithmetic, FirstRetry: 10, Interval: 30, NumberOfRetries: 3}
	tms := cybs.RetryPolicy{Algorithm: cybs.Arithmetic, FirstRetry: 5, Interval: 5, NumberOfRetries: 4, RepeatSequenceCount: 1, RepeatSequenceWaitTime: 5}
	for name, c := range map[string]struct {
		got  []time.Duration
		want []int
	}{
		"gaps":                    {GapSchedule(ten), []int{10, 50, 120}},
		"immediate, not repeated": {ImmediateRepeatSchedule(ten), []int{10, 40, 70}},
		"immediate, repeated":     {ImmediateRepeatSchedule(tms), []int{5, 10, 15, 20, 25, 30, 35, 40}},
		"documented, repeated":    {tms.Schedule(), []int{5, 10, 15, 20, 30, 35, 40, 45}},
		"no retries":              {GapSchedule(cybs.RetryPolicy{Algorithm: cybs.Arithmetic}), nil},
	} {
		var want []time.Duration
		for _, m := range c.want {
			want = append(want, time.Duration(m)*time.Minute)
		}
		if !slices.Equal(c.got, want) {
			t.Errorf("%s: got %v, want %v", name, c.got, want)
		}
	}
	endless := cybs.RetryPolicy{Algorithm: cybs.Arithmetic, NumberOfRetries: 1, RepeatSequenceCount: 1_000_000}
	if got := len(ImmediateRepeatSchedule(endless)); got != cybs.MaxScheduleRetries {
		t.Errorf("a policy without end gives %d retries, want %d", got, cybs.MaxScheduleRetries)
	}
}
