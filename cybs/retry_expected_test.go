package cybs

import (
	"testing"
	"time"
)

func TestNextRetryFollowsFromTheLastOne(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 23, 58, 0, 0, time.UTC)
	repeated := RetryPolicy{Algorithm: Arithmetic, FirstRetry: 5, Interval: 5, NumberOfRetries: 4, RepeatSequenceCount: 4, RepeatSequenceWaitTime: 5}
	geometric := RetryPolicy{Algorithm: Geometric, FirstRetry: 10, Interval: 30, NumberOfRetries: 3}
	for name, c := range map[string]struct {
		policy RetryPolicy
		retry  int
		wait   int // minutes; 0: no further retry
		rest   int // minutes to the last one
	}{
		"default, first":               {DefaultRetryPolicy(), 0, 1, 3},
		"default, across midnight":     {DefaultRetryPolicy(), 2, 1, 1},
		"default, used up":             {DefaultRetryPolicy(), 3, 0, 0},
		"beyond the policy":            {DefaultRetryPolicy(), 7, 0, 0},
		"a number that cannot be":      {DefaultRetryPolicy(), -1, 0, 0},
		"within a sequence":            {repeated, 3, 5, 105},
		"into the repeated sequence":   {repeated, 4, 10, 100},
		"last of the repetitions":      {repeated, 19, 5, 5},
		"repetitions used up":          {repeated, 20, 0, 0},
		"geometric, first":             {geometric, 0, 10, 9000},
		"geometric, second":            {geometric, 1, 290, 8990},
		"geometric, third":             {geometric, 2, 8700, 8700},
		"a policy without retries":     {RetryPolicy{Algorithm: Arithmetic, FirstRetry: 1, Interval: 1}, 0, 0, 0},
		"a policy that has no sense":   {RetryPolicy{FirstRetry: -1, NumberOfRetries: 3}, 0, 0, 0},
		"constant ratio comes at once": {RetryPolicy{Algorithm: Geometric, FirstRetry: 3, Interval: 1, NumberOfRetries: 3}, 0, 3, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := c.policy.After(c.retry, at)
			if c.wait == 0 {
				if ok || got != (Expected{}) {
					t.Fatalf("got %+v, %t; want nothing to follow", got, ok)
				}
				return
			}
			if want := at.Add(time.Duration(c.wait) * time.Minute); !ok || got.Number != c.retry+1 || !got.At.Equal(want) {
				t.Errorf("got retry %d at %s, %t; want retry %d at %s", got.Number, got.At, ok, c.retry+1, want)
			}
			if last := at.Add(time.Duration(c.rest) * time.Minute); !got.LateAt.After(got.At) || !got.GivesUpAt.After(last) || got.GivesUpAt.Before(got.LateAt) {
				t.Errorf("late at %s, given up at %s; want the one after %s, and the other after it and after the last at %s", got.LateAt, got.GivesUpAt, got.At, last)
			}
		})
	}
}
