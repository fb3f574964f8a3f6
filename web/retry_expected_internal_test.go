package web

import (
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
)

func TestWhatIsExpectedAfterARefusedDelivery(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 23, 59, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		policy   cybs.RetryPolicy
		retry    int
		answered int
		now      time.Time
		want     string
		next     time.Time
	}{
		"the first retry, to come":   {cybs.DefaultRetryPolicy(), 0, 401, at, "Retry 1 of 3 is expected", at.Add(time.Minute)},
		"the first retry, gone by":   {cybs.DefaultRetryPolicy(), 0, 401, at.Add(time.Hour), "Retry 1 of 3 was expected", at.Add(time.Minute)},
		"the last retry was refused": {cybs.DefaultRetryPolicy(), 3, 401, at, "None: it says it is retry 3 of 3. That was the last one, so Cybersource has given up.", time.Time{}},
		"a policy without retries":   {cybs.RetryPolicy{Algorithm: cybs.Arithmetic}, 0, 401, at, "None: the retry policy has no retries.", time.Time{}},
		"held, but answered 200":     {cybs.DefaultRetryPolicy(), 0, 200, at, "None: it was answered 200", time.Time{}},
	} {
		got := expectedBy(c.policy, store.Delivery{RetryNumber: c.retry, Answered: c.answered, ReceivedAt: at}, c.now)
		if !strings.HasPrefix(got.Text, c.want) || !got.At.Equal(c.next) || c.answered != 200 && got.From == "" {
			t.Errorf("%s: %+v, want %q at %s, with what it is worked out from", name, got, c.want, c.next)
		}
	}
}

func TestLostAttemptsAreNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, before int
		want         string
	}{
		{0, 0, ""},
		{0, 1, "First attempt"},
		{0, 2, "First attempt and retry 1"},
		{0, 4, "First attempt and retries 1 to 3"},
		{1, 1, ""},
		{2, 3, "Retry 2"},
		{2, 5, "Retries 2 to 4"},
		{5, 3, ""},
	} {
		if got := lostAttempts(c.from, c.before); got != c.want {
			t.Errorf("from %d to before %d: %q, want %q", c.from, c.before, got, c.want)
		}
	}
}

func TestRetryPolicyIsOneSentence(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]store.RetryPolicy{
		"no retries":                     {},
		"1 retry, the first after 5 min": {NumberOfRetries: 1, FirstRetry: 5, Interval: 5},
		"3 retries, the first after 1 min, then every 1 min":                                        {NumberOfRetries: 3, FirstRetry: 1, Interval: 1},
		"4 retries, the first after 5 min, then every 5 min; the sequence 4 times more after 5 min": {NumberOfRetries: 4, FirstRetry: 5, Interval: 5, RepeatSequenceCount: 4, RepeatSequenceWaitTime: 5},
		"3 retries, the first after 10 min, each 30 times as far from the first attempt as the one before; the sequence once more after 0 min": {
			Algorithm: "GEOMETRIC", NumberOfRetries: 3, FirstRetry: 10, Interval: 30, RepeatSequenceCount: 1,
		},
	} {
		if got := policySentence(p); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
