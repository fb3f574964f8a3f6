package ui

import (
	"time"

	"github.com/a-h/templ"
)

// LifeStep is one thing that happened to a notification, or that is expected.
type LifeStep struct {
	Title string
	Tone  Tone
	// Planned steps have not happened yet; they are drawn hollow.
	Planned bool
	At      time.Time
	// Detail is one line of plain text below the title.
	Detail string
	// More is folded below the step; it is open by default when Tone is Bad. May be nil.
	More templ.Component
}

// gapBefore is the time between step i and the one before it, when both are known.
func gapBefore(steps []LifeStep, i int) string {
	if i == 0 || steps[i].At.IsZero() || steps[i-1].At.IsZero() {
		return ""
	}
	d := steps[i].At.Sub(steps[i-1].At)
	if d < 0 {
		return DurationText(d)
	}
	return "+" + DurationText(d)
}

// dateBefore is the date of step i where it is another one than that of the dated step before it: the times alone would mislead.
func dateBefore(c Clock, steps []LifeStep, i int) string {
	if steps[i].At.IsZero() {
		return ""
	}
	const date = "2 Jan 2006"
	for j := i - 1; j >= 0; j-- {
		if !steps[j].At.IsZero() {
			if this := c.in(steps[i].At).Format(date); this != c.in(steps[j].At).Format(date) {
				return this
			}
			return ""
		}
	}
	return ""
}

// Probe is one health check in a ProbeStrip.
type Probe struct {
	Tone Tone
	// Text says when and how it went; it is read aloud and shown as a tip.
	Text string
}

// stripText says a LifeStrip in words.
func stripText(steps []LifeStep) string {
	s := ""
	for i, step := range steps {
		if i > 0 {
			s += ", then "
		}
		s += step.Title
		if step.Planned {
			s += " (expected)"
		}
	}
	return s
}

// probeText says a ProbeStrip in words.
func probeText(label string, probes []Probe) string {
	bad := 0
	for _, p := range probes {
		if p.Tone == Bad {
			bad++
		}
	}
	return label + ": " + CountText(int64(len(probes)), 0) + " checks, " + CountText(int64(bad), 0) + " failed"
}

// probeTop and probeHeight make a failed check stand out by shape, not by colour
// alone: good ones are short, failed ones fill the strip.
func probeTop(t Tone) string {
	switch t {
	case Bad:
		return "0"
	case Good:
		return "8"
	default:
		return "4"
	}
}

func probeHeight(t Tone) string {
	switch t {
	case Bad:
		return "24"
	case Good:
		return "16"
	default:
		return "20"
	}
}
