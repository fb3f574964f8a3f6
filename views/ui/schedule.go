package ui

import (
	"math"
	"strconv"
	"time"
)

// RetrySchedule is when the attempts of one notification come, counted from the
// first. Where Start is known, real times are shown too.
type RetrySchedule struct {
	Attempts []RetryAttempt
	// Start is when the first attempt was; the zero time leaves clock times out.
	Start time.Time
	// Elapsed is how far now is from the first attempt; a negative value draws no line.
	Elapsed time.Duration
	// Warning is a sentence such as "An outage longer than 3 min loses events."
	Warning string
}

// RetryAttempt is one attempt, planned or made.
type RetryAttempt struct {
	Offset time.Duration
	Tone   Tone
	// Planned attempts have not happened yet.
	Planned bool
}

// cover is the time of the last attempt: what an outage may last.
func (s RetrySchedule) cover() time.Duration {
	if len(s.Attempts) == 0 {
		return 0
	}
	return s.Attempts[len(s.Attempts)-1].Offset
}

// scheduleEdge is the room left and right of the axis, in per cent.
const scheduleEdge = 1.0

// leastGap is the part of the axis below which two attempts can no longer be told apart.
const leastGap = 0.03

// crowded tells that attempts would touch on an even axis. The axis is a root then, so
// that early attempts stay apart.
func (s RetrySchedule) crowded() bool {
	for i := 1; i < len(s.Attempts); i++ {
		if float64(s.Attempts[i].Offset)-float64(s.Attempts[i-1].Offset) < leastGap*float64(s.cover()) {
			return true
		}
	}
	return false
}

// x places d on the axis.
func (s RetrySchedule) x(d time.Duration) string {
	all := s.cover()
	if all <= 0 {
		return percent(scheduleEdge)
	}
	part := min(1, float64(max(d, 0))/float64(all))
	if s.crowded() {
		part = math.Sqrt(part)
	}
	return percent(scheduleEdge + part*(100-2*scheduleEdge))
}

func (s RetrySchedule) text() string {
	return strconv.Itoa(len(s.Attempts)) + " attempts within " + DurationText(s.cover())
}

func attemptName(i int) string {
	if i == 0 {
		return "First attempt"
	}
	return "Retry " + strconv.Itoa(i)
}

func offsetText(d time.Duration) string {
	if d == 0 {
		return "at once"
	}
	return "+" + DurationText(d)
}
