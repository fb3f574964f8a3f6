package subscriptions

import (
	"strconv"
	"strings"
	"time"

	"github.com/switchboardhq/switchboard/views/ui"
)

// Names of the fields of the form.
const (
	FieldOrganization = "organization"
	FieldVersion      = "version"
	FieldName         = "name"
	FieldDescription  = "description"
	FieldEvent        = "event"
	FieldScope        = "scope"
	FieldAlgorithm    = "algorithm"
	FieldFirstRetry   = "first_retry"
	FieldInterval     = "interval"
	FieldRetries      = "retries"
	FieldRepeats      = "repeats"
	FieldRepeatWait   = "repeat_wait"
	FieldDeactivate   = "deactivate"
	// FieldIntent is set by the buttons that do not save: IntentPreview, IntentReload.
	FieldIntent   = "intent"
	IntentPreview = "preview"
	IntentReload  = "reload"
	// IntentRetries fills in the retry policy that the form offers.
	IntentRetries = "retries"
	// IntentChecks asks for what is known before saving, for the answers as they stand.
	IntentChecks = "checks"
	// FieldConfirm is what is typed before something is deleted in production.
	FieldConfirm = "confirm"
)

// SchedulePartID is the id of the part that a change of the retry policy replaces.
const SchedulePartID = "retry-schedule"

// ChecksPartID is the id of the part that says what is known before saving.
const ChecksPartID = "before-you-save"

// Choose is the page that asks for whom a subscription is made.
type Choose struct {
	Action        string
	Organizations ui.Field
	CancelHref    string
}

// Form makes a subscription or changes one.
type Form struct {
	// Action takes the POST.
	Action string
	// OrganizationID is sent along; zero in the form that changes.
	OrganizationID int64
	Organization   string
	// ChangeHref leads to the choice of another organization; empty where there is none.
	ChangeHref string
	// Version says on which state the answers are built; empty in the form that makes.
	Version string
	Errors  []ui.FieldError
	// Notices stand on top: why Cybersource refused, who else was here.
	Notices []Notice

	Name, Description, Scope ui.Field
	Events                   ui.Field
	Groups                   []ui.OptionGroup
	// CatalogueProblem says why the live catalogue is not there; Kept are the values chosen before.
	CatalogueProblem string
	Kept             []string

	Endpoint []ui.Pair
	// EndpointNote explains the URLs.
	EndpointNote string
	Security     Security
	Retry        Retry
	// Review is what would be sent; nil when nobody asked.
	Review     *Review
	Checks     []Check
	Submit     ui.Action
	CancelHref string
}

// Retry is the part of the form that asks for the retry policy.
type Retry struct {
	Algorithm                    ui.Field
	FirstRetry, Interval         ui.Field
	Retries, Repeats, RepeatWait ui.Field
	Deactivate                   ui.Field
	Schedule                     Schedule
	// Proposal says why another policy would be better; empty when this one lasts.
	Proposal string
}

// Schedule is what a retry policy means.
type Schedule struct {
	Attempts []ui.RetryAttempt
	// Total counts all attempts, the first one too; more than are drawn.
	Total int
	Cover time.Duration
	// Problem says why there is no schedule.
	Problem string
	// Suspends says that the subscription is suspended after the last retry.
	Suspends bool
	// Warning is short, for the badge; Sentence explains it.
	Warning, Sentence string
}

// Notice is a message on a page.
type Notice struct {
	Tone        ui.Tone
	Title, Text string
	// Action leads to what to do about it; without a label there is none.
	Action ui.Action
}

// Check is one thing that can be known before saving.
type Check struct {
	Name, Text string
	Tone       ui.Tone
	Word       string
}

func (f Form) versioned() bool { return f.Version != "" }

func (f Form) organizationValue() string {
	if f.OrganizationID == 0 {
		return ""
	}
	return strconv.FormatInt(f.OrganizationID, 10)
}

func (s Schedule) drawn() ui.RetrySchedule {
	return ui.RetrySchedule{Attempts: s.Attempts, Elapsed: -1, Warning: s.Warning}
}

// left says how many attempts are not drawn.
func (s Schedule) left() string {
	if s.Total <= len(s.Attempts) {
		return ""
	}
	return "The first " + strconv.Itoa(len(s.Attempts)) + " of " + strconv.Itoa(s.Total) +
		" attempts are drawn; the last comes " + ui.DurationText(s.Cover) + " after the first."
}

// state says how far the form is: what is chosen and what is missing. static/app.js says the same while somebody types.
func (f Form) state() string {
	total, chosen := 0, len(f.Kept)
	for _, g := range f.Groups {
		for _, o := range g.Options {
			total++
			if o.Selected {
				chosen++
			}
		}
	}
	text := strconv.Itoa(chosen) + " of " + strconv.Itoa(max(total, chosen)) + " event types chosen."
	switch nameless := strings.TrimSpace(f.Name.Value) == ""; {
	case chosen == 0 && nameless:
		return text + " Missing: an event type and a name."
	case chosen == 0:
		return text + " Missing: an event type."
	case nameless:
		return text + " Missing: a name."
	}
	return text
}
