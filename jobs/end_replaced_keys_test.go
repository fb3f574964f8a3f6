package jobs_test

import (
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/jobs"
	"github.com/switchboardhq/switchboard/store"
)

func TestReplacedKeyEndsADayAfterTheLastRetryOfTheLongestPolicy(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	hours := store.RetryPolicy{Algorithm: "ARITHMETIC", FirstRetry: 60, Interval: 60, NumberOfRetries: 5}
	days := store.RetryPolicy{Algorithm: "ARITHMETIC", FirstRetry: 1440, Interval: 1440, NumberOfRetries: 3}
	for name, c := range map[string]struct {
		policies []store.RetryPolicy
		want     time.Duration
	}{
		"none":      {nil, 24*time.Hour + 3*time.Minute},
		"no retry":  {[]store.RetryPolicy{{Algorithm: "ARITHMETIC"}}, 24*time.Hour + 3*time.Minute},
		"one":       {[]store.RetryPolicy{hours}, 29 * time.Hour},
		"several":   {[]store.RetryPolicy{hours, days, hours}, 96 * time.Hour},
		"geometric": {[]store.RetryPolicy{{Algorithm: "GEOMETRIC", FirstRetry: 60, Interval: 2, NumberOfRetries: 4}}, 32 * time.Hour},
		"repeated":  {[]store.RetryPolicy{{Algorithm: "ARITHMETIC", FirstRetry: 60, Interval: 60, NumberOfRetries: 2, RepeatSequenceCount: 1, RepeatSequenceWaitTime: 60}}, 29 * time.Hour},
		"nonsense":  {[]store.RetryPolicy{{Algorithm: "?", FirstRetry: -1}}, 24*time.Hour + 3*time.Minute},
	} {
		if got := jobs.ReplacedKeyEnd(at, c.policies).Sub(at); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
