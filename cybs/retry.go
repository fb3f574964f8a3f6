package cybs

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Algorithm says how the waits between retries grow.
type Algorithm string

// The two algorithms; there is no exponential one besides GEOMETRIC.
const (
	Arithmetic Algorithm = "ARITHMETIC"
	Geometric  Algorithm = "GEOMETRIC"
)

// Bounds of a schedule. Cybersource publishes none; these keep a hostile or mistaken policy (GEOMETRIC grows beyond any
// clock within a few steps) from filling memory, and lie far above what makes sense.
const (
	// MaxScheduleRetries is the number of retries after which Schedule stops.
	MaxScheduleRetries = 1000
	// MaxScheduleCover is the time after the first attempt at which Schedule stops.
	MaxScheduleCover = 366 * 24 * time.Hour
)

// RetryPolicy says when Cybersource tries again after a delivery was not answered by 200. All times are minutes.
type RetryPolicy struct {
	Algorithm Algorithm
	// FirstRetry is the wait after the failed first attempt.
	FirstRetry int
	// Interval is the step (ARITHMETIC) or the ratio (GEOMETRIC).
	Interval int
	// NumberOfRetries counts the retries of one sequence.
	NumberOfRetries int
	// RepeatSequenceCount says how often the whole sequence is repeated in addition.
	RepeatSequenceCount int
	// RepeatSequenceWaitTime is the pause before each repetition.
	RepeatSequenceWaitTime int
	// DeactivateFlag suspends the subscription when all retries have failed and holds new notifications until the
	// health URL answers. When false, each notification fails on its own.
	DeactivateFlag bool
}

// DefaultRetryPolicy is what Cybersource does when nothing else is asked for: three retries, a minute apart.
func DefaultRetryPolicy() RetryPolicy {
	return RetryPolicy{Algorithm: Arithmetic, FirstRetry: 1, Interval: 1, NumberOfRetries: 3}
}

// Schedule returns when each retry is due, counted from the failed first attempt.
//
// The formulas are Cybersource's, for n = 1..NumberOfRetries: FirstRetry + Interval·(n−1) or FirstRetry·Interval^(n−1),
// read as minutes after the first attempt and not as gaps (10/30/3 is listed as 10, 40, 70). How a repeated sequence
// goes on is not published; here its clock starts RepeatSequenceWaitTime after the last retry of the one before.
//
// The schedule stops at MaxScheduleRetries and MaxScheduleCover. A policy with negative numbers has no schedule.
func (p RetryPolicy) Schedule() []time.Duration {
	if p.NumberOfRetries <= 0 || p.FirstRetry < 0 || p.Interval < 0 || p.RepeatSequenceCount < 0 || p.RepeatSequenceWaitTime < 0 {
		return nil
	}
	const maxMinutes = int64(MaxScheduleCover / time.Minute)
	var (
		offsets []time.Duration
		start   int64 // minutes at which the clock of this sequence started
	)
	for sequence := 0; sequence <= p.RepeatSequenceCount; sequence++ {
		wait := int64(p.FirstRetry)
		for n := 1; n <= p.NumberOfRetries; n++ {
			if wait > maxMinutes-start || len(offsets) == MaxScheduleRetries {
				return offsets
			}
			offsets = append(offsets, time.Duration(start+wait)*time.Minute)
			if n < p.NumberOfRetries {
				wait = p.next(wait, maxMinutes)
			}
		}
		if int64(p.RepeatSequenceWaitTime) > maxMinutes-start-wait {
			return offsets
		}
		start += wait + int64(p.RepeatSequenceWaitTime)
	}
	return offsets
}

// next returns the offset after wait, held just above limit so that it cannot overflow.
func (p RetryPolicy) next(wait, limit int64) int64 {
	interval := min(int64(p.Interval), limit+1)
	if p.Algorithm == Geometric {
		if interval > 0 && wait > limit/interval {
			return limit + 1
		}
		return wait * interval
	}
	return min(wait+interval, limit+1)
}

// Cover is the time from the first attempt to the last retry: a receiver that is away for longer loses notifications.
func (p RetryPolicy) Cover() time.Duration {
	offsets := p.Schedule()
	if len(offsets) == 0 {
		return 0
	}
	return offsets[len(offsets)-1]
}

// Validate reports every field that Cybersource would refuse or that makes no schedule, as a *ValidationError whose
// fields bear the names of the API.
func (p RetryPolicy) Validate() error {
	var v ValidationError
	if p.Algorithm != Arithmetic && p.Algorithm != Geometric {
		v.add("algorithm", "must be ARITHMETIC or GEOMETRIC")
	}
	if p.Algorithm == Geometric && p.Interval < 1 {
		v.add("interval", "must be at least 1 for GEOMETRIC")
	}
	for _, f := range []struct {
		name  string
		value int
	}{
		{"firstRetry", p.FirstRetry},
		{"interval", p.Interval},
		{"numberOfRetries", p.NumberOfRetries},
		{"repeatSequenceCount", p.RepeatSequenceCount},
		{"repeatSequenceWaitTime", p.RepeatSequenceWaitTime},
	} {
		if f.value < 0 {
			v.add(f.name, "must not be negative")
		}
	}
	if len(v.Fields) > 0 {
		return &v
	}
	if got := len(p.Schedule()); got < p.attempts() {
		v.add("numberOfRetries", fmt.Sprintf("together the retries go beyond %d attempts or %d days",
			MaxScheduleRetries, MaxScheduleCover/(24*time.Hour)))
		return &v
	}
	return nil
}

// attempts is the number of retries asked for, held just above MaxScheduleRetries.
func (p RetryPolicy) attempts() int {
	if p.NumberOfRetries == 0 {
		return 0
	}
	if p.NumberOfRetries > MaxScheduleRetries || p.RepeatSequenceCount > MaxScheduleRetries {
		return MaxScheduleRetries + 1
	}
	return min(p.NumberOfRetries*(1+p.RepeatSequenceCount), MaxScheduleRetries+1)
}

// wireRetryPolicy is the JSON of a policy. Numbers are sent as numbers and deactivateFlag as a string, which is its
// type in Cybersource's model and what the official SDK sends; all are read in either type.
type wireRetryPolicy struct {
	Algorithm              string  `json:"algorithm"`
	FirstRetry             flexInt `json:"firstRetry"`
	Interval               flexInt `json:"interval"`
	NumberOfRetries        flexInt `json:"numberOfRetries"`
	DeactivateFlag         flexStr `json:"deactivateFlag"`
	RepeatSequenceCount    flexInt `json:"repeatSequenceCount"`
	RepeatSequenceWaitTime flexInt `json:"repeatSequenceWaitTime"`
}

// MarshalJSON writes the policy as the API takes it.
func (p RetryPolicy) MarshalJSON() ([]byte, error) {
	return json.Marshal(wireRetryPolicy{
		Algorithm: string(p.Algorithm), FirstRetry: flexInt(p.FirstRetry), Interval: flexInt(p.Interval),
		NumberOfRetries: flexInt(p.NumberOfRetries), DeactivateFlag: flexStr(strconv.FormatBool(p.DeactivateFlag)),
		RepeatSequenceCount: flexInt(p.RepeatSequenceCount), RepeatSequenceWaitTime: flexInt(p.RepeatSequenceWaitTime),
	})
}

// UnmarshalJSON reads numbers and flags as JSON numbers, booleans or strings, and takes Cybersource's defaults for
// what is absent.
func (p *RetryPolicy) UnmarshalJSON(b []byte) error {
	d := DefaultRetryPolicy()
	w := wireRetryPolicy{
		FirstRetry: flexInt(d.FirstRetry), Interval: flexInt(d.Interval), NumberOfRetries: flexInt(d.NumberOfRetries),
	}
	if err := json.Unmarshal(b, &w); err != nil {
		return fmt.Errorf("retry policy: %w", err)
	}
	*p = RetryPolicy{
		Algorithm: normalAlgorithm(w.Algorithm), FirstRetry: int(w.FirstRetry), Interval: int(w.Interval),
		NumberOfRetries: int(w.NumberOfRetries), RepeatSequenceCount: int(w.RepeatSequenceCount),
		RepeatSequenceWaitTime: int(w.RepeatSequenceWaitTime), DeactivateFlag: isTrue(string(w.DeactivateFlag)),
	}
	return nil
}
