package sandbox

import (
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

// The documents leave two questions about retry times open. The default,
// cybs.RetryPolicy.Schedule, reads t(n) as minutes after the first failure and
// starts a repeated sequence's clock after its wait. These are the other readings,
// for Config.Delivery.Schedule.

// GapSchedule reads t(n) as the gap before retry n: 10/30/3 arithmetic gives 10,
// 50 and 120 minutes.
func GapSchedule(p cybs.RetryPolicy) []time.Duration {
	return repeated(p, func(sequence []time.Duration) []time.Duration {
		var sum time.Duration
		for i, gap := range sequence {
			sum += gap
			sequence[i] = sum
		}
		return sequence
	}, false)
}

// ImmediateRepeatSchedule sends the first retry of a repeated sequence directly
// at the end of the wait.
func ImmediateRepeatSchedule(p cybs.RetryPolicy) []time.Duration {
	return repeated(p, func(sequence []time.Duration) []time.Duration { return sequence }, true)
}

// repeated strings the repetitions of one sequence together.
func repeated(p cybs.RetryPolicy, read func([]time.Duration) []time.Duration, immediate bool) []time.Duration {
	once := p
	once.RepeatSequenceCount = 0
	sequence := read(once.Schedule())
	if len(sequence) == 0 {
		return nil
	}
	var offsets []time.Duration
	var start time.Duration
	for i := range p.RepeatSequenceCount + 1 {
		first := time.Duration(0)
		if immediate && i > 0 {
			first = sequence[0]
		}
		for _, d := range sequence {
			at := start + d - first
			if len(offsets) == cybs.MaxScheduleRetries || at > cybs.MaxScheduleCover {
				return offsets
			}
			offsets = append(offsets, at)
		}
		start = offsets[len(offsets)-1] + time.Duration(p.RepeatSequenceWaitTime)*time.Minute
	}
	return offsets
}
