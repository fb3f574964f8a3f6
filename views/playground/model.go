package playground

import (
	"time"

	"github.com/switchboardhq/switchboard/views/layout"
	"github.com/switchboardhq/switchboard/views/ui"
)

// Names of the form fields.
const (
	OrganizationField = "organization"
	EventField        = "event"
	FaultField        = "fault"
	CountField        = "count"
	IntervalField     = "interval"
)

// Page is the playground.
type Page struct {
	Page layout.Page
	// Send asks for an event; Errors are what was wrong with the answers.
	Send   SendForm
	Errors []ui.FieldError
	// Trickle makes events happen by themselves.
	Trickle Trickle
	// Attempts are the last requests the sandbox made, newest first; Shown chooses which.
	Attempts []Attempt
	Shown    []ui.Tab
}

// SendForm asks which event is to happen. Blocked says why it cannot now; empty when it can.
type SendForm struct {
	Action                            string
	Organization, Event, Fault, Count ui.Field
	Blocked                           string
}

// Trickle is the switch of events that happen by themselves.
type Trickle struct {
	Action   string
	On       bool
	Telling  string
	Interval ui.Field
	Blocked  string
}

// Attempt is one request the sandbox made, or did not make.
type Attempt struct {
	At       time.Time
	What     string
	Href     string // the list with what it led to; may be empty
	Fault    string
	Outcome  string
	Tone     ui.Tone
	Answered string
	Duration time.Duration
	// NextRetry is when it is sent again; zero when it is not.
	NextRetry time.Time
	TraceID   string
}

var attemptColumns = []ui.Column{
	{Label: "When"}, {Label: "What", Wide: true}, {Label: "Fault"}, {Label: "Outcome"}, {Label: "Answer", Numeric: true}, {Label: "Trace id"},
}

func trickleLabel(on bool) string {
	if on {
		return "Change the pace"
	}
	return "Switch on"
}
