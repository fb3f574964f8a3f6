package ui

import (
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
	if future {
		d = -d
	}
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

// DurationText is d in its two largest units: "240 ms", "3.2 s", "4 min 10 s", "2 h 5 min".
func DurationText(d time.Duration) string {
	if d < 0 {
		return "−" + DurationText(-d)
	}
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
