package subscriptions

import (
	"time"

	"github.com/switchboardhq/switchboard/views/ui"
)

// Show is the page of one subscription. Of the tabs' contents only the current one is set.
type Show struct {
	// Notices stand on top: why something was not done.
	Notices []Notice
	Tabs    []ui.Tab
	// Stream brings the signals upon which parts are fetched again.
	Stream        string
	State         State
	Activity      *Activity
	Configuration *Configuration
	Security      *SecurityTab
	History       *History
	Answer        *Answer
}

// State says how the subscription stands at Cybersource, what that means, what comes
// next, and what can be done about it.
type State struct {
	// Href is this part alone: what live signals fetch again.
	Href    string
	Status  ui.Status
	Since   time.Time
	Meaning string
	// Next says what comes next, or what to do; may be empty.
	Next string
	// Detail is why, where that is known.
	Detail    string
	CheckedAt time.Time
	// Refused says what Switchboard itself refused to the end, Refusals why, each leading to the deliveries. Empty: nothing.
	Refused  string
	Refusals []ui.Pair
	// Drift says what Cybersource has otherwise than wanted, Drifts in full; Repair leads to where it can be repaired. Empty: nothing.
	Drift  string
	Drifts []ui.Pair
	Repair ui.Action
	Deeds  []Deed
}

// Deed is an action with a sentence about what leaves the building.
type Deed struct {
	Action ui.Action
	Text   string
	// Asks leads to a page that asks first, in place of doing it.
	Asks bool
}

// Activity is what arrived lately.
type Activity struct {
	Href               string
	Verified, Rejected int64
	LastReceived       time.Time
	RejectedHref       string
	Traffic            ui.ChartData
	Probes             []ui.Probe
	LastProbe          time.Time
	// ProbeNote says what the strip shows, or why it is empty.
	ProbeNote         string
	Notifications     []NotificationLine
	NotificationsHref string
}

// NotificationLine is one of the last notifications.
type NotificationLine struct {
	Href, EventType, Summary string
	State                    ui.Status
	Test                     bool
	ReceivedAt               time.Time
}

// Configuration is the subscription as the team wants it.
type Configuration struct {
	Facts      []ui.Pair
	WebhookURL string
	HealthURL  string
	URLNote    string
	Products   []ProductEvents
	Policy     []ui.Pair
	Schedule   Schedule
	Keys       []KeyLine
	KeyNote    string
}

// ProductEvents is a product with its event types subscribed to.
type ProductEvents struct {
	Name, ID string
	Events   []string
}

// KeyLine is a digital signature key of the organization.
type KeyLine struct {
	ID        string
	CreatedAt time.Time
	ExpiresAt time.Time
	Tone      ui.Tone
	Word      string
}

// History is what people did with the subscription.
type History struct{ Entries []Entry }

// Entry is one row of it.
type Entry struct {
	At            time.Time
	Actor, Action string
	Tone          ui.Tone
	Outcome       string
	Detail        string
	// Changes say field by field what was and what is.
	Changes []ui.Pair
}

// Answer is what Cybersource last said of the subscription, as it came.
type Answer struct {
	At   time.Time
	View ui.PayloadView
	// None says why there is nothing.
	None string
}

// Delete is the page that asks before a subscription is deleted.
type Delete struct {
	Name, Action, BackHref string
	// Happens lists what will happen, one sentence each.
	Happens []string
	// Confirm asks for the name; a zero Name leaves it out.
	Confirm ui.Field
	Errors  []ui.FieldError
	Notices []Notice
	Button  ui.Action
}
