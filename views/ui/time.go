package ui

import (
	"math"
	"strconv"
	"time"
)

// Clock is what a view knows of time: the moment the page was made and the zone to
// print in. Views have no clock of their own. A nil Zone means UTC.
type Clock struct {
	Now  time.Time
	Zone *time.Location
}

// in is t in the clock's zone.
func (c Clock) in(t time.Time) time.Time {
	if c.Zone == nil {
		return t.UTC()
	}
	return t.In(c.Zone)
}

// Absolute is t to the millisecond, with the zone.
func (c Clock) Absolute(t time.Time) string {
	return c.in(t).Format("2 Jan 2006, 15:04:05.000 MST")
}

// Relative is how far t lies from the clock's Now: "4 min ago", "in 2 h", and the
// date when that is more than a month.
func (c Clock) Relative(t time.Time) string {
	d := c.Now.Sub(t)
	future := d < 0
	d = d.Abs() // unlike -d, it has an answer for the smallest duration too, which Sub gives for times that lie too far apart
	if d < 5*time.Second {
		return "just now"
	}
	if d > 31*24*time.Hour {
		return c.in(t).Format("2 Jan 2006")
	}
	if future {
		return "in " + coarse(d)
	}
	return coarse(d) + " ago"
}

// machineTime is t as the datetime attribute takes it; false for a year that it has no form for, which browsers would not read.
func machineTime(t time.Time) (string, bool) {
	t = t.UTC()
	return t.Format(time.RFC3339Nano), t.Year() >= 1 && t.Year() <= 9999
}

// coarse is d in its largest unit.
func coarse(d time.Duration) string {
	switch {
	case d < time.Minute:
		return strconv.Itoa(int(d/time.Second)) + " s"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + " h"
	default:
		return strconv.Itoa(int(d/(24*time.Hour))) + " days"
	}
}

// tooLong is what a duration at either end of its range stands for: the difference of times that lie further apart than a duration can say.
const tooLong = "more than 292 years"

// DurationText is d in its two largest units: "240 ms", "3.2 s", "4 min 10 s", "2 h 5 min".
func DurationText(d time.Duration) string {
	text := tooLong
	if size := d.Abs(); size < math.MaxInt64 {
		text = sizeText(size)
	}
	if d < 0 {
		return "−" + text
	}
	return text
}

// sizeText is DurationText of what is not negative.
func sizeText(d time.Duration) string {
	two := func(big int64, bigUnit string, small int64, smallUnit string) string {
		s := strconv.FormatInt(big, 10) + " " + bigUnit
		if small > 0 {
			s += " " + strconv.FormatInt(small, 10) + " " + smallUnit
		}
		return s
	}
	switch {
	case d < time.Millisecond:
		return strconv.FormatInt(d.Microseconds(), 10) + " µs"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < 10*time.Second:
		return strconv.FormatFloat(float64(d/(100*time.Millisecond))/10, 'f', -1, 64) + " s"
	case d < time.Minute:
		return strconv.FormatInt(int64(d/time.Second), 10) + " s"
	case d < time.Hour:
		return two(int64(d/time.Minute), "min", int64(d%time.Minute/time.Second), "s")
	case d < 24*time.Hour:
		return two(int64(d/time.Hour), "h", int64(d%time.Hour/time.Minute), "min")
	default:
		return two(int64(d/(24*time.Hour)), "d", int64(d%(24*time.Hour)/time.Hour), "h")
	}
}
