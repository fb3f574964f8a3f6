package overview

import (
	"time"

	"github.com/a-h/templ"

	"github.com/switchboardhq/switchboard/views/layout"
	"github.com/switchboardhq/switchboard/views/ui"
)

// Page is the overview.
type Page struct {
	Page layout.Page
	// Steps lead through the first minutes; empty once all are done.
	Steps []ui.SetupStep
	// Live refreshes everything below the steps.
	Live ui.LiveTail
	Now  Now
}

// Now is the part that changes: what is running and what arrived.
type Now struct {
	Clock ui.Clock
	Tiles []ui.StatTile
	// Ranges choose what the chart covers.
	Ranges        []ui.Tab
	Chart         ui.ChartData
	Subscriptions []Subscription
	// SubscriptionsHref leads to the list of all.
	SubscriptionsHref string
	Rejected          []Reason
	RejectedHref      string
	// Recent is the table of the last notifications; nil when there is none.
	Recent     templ.Component
	RecentHref string
	Keys       []Key
	// Outages are when the receiver took nothing, or refused something; newest first, mostly none.
	Outages []Outage
	// Ungrouped counts deliveries that could not be made into notifications; mostly zero.
	Ungrouped Ungrouped
	// Counted says how many rejected deliveries were only counted; may be empty.
	Counted string
	Build   []ui.Pair
}

// Subscription is one subscription with its light.
type Subscription struct {
	Name, Href   string
	Organization string
	Status       ui.Status
	// Telling says in words what the light means now: "Nothing received yet".
	Telling      string
	Tone         ui.Tone
	LastDelivery time.Time
	// Verified and Rejected count the last 24 hours; their addresses list them.
	Verified, Rejected         int64
	VerifiedHref, RejectedHref string
}

// Reason is one reason of rejection with its count.
type Reason struct {
	Text, Href string
	Count      int64
}

// Outage is a time in which the receiver took nothing, or refused something.
type Outage struct {
	Word, Text string
	Tone       ui.Tone
	From, To   time.Time
	// Took is its length; empty for less than a second.
	Took string
	// Lost says what is lost of each subscription, and of which nothing is.
	Lost []string
}

// Ungrouped says that deliveries could not be made into notifications, and leads to them.
type Ungrouped struct{ Text, Href string }

// Key is a digital signature key that wants a look.
type Key struct {
	Organization, KeyID string
	Tone                ui.Tone
	Telling             string
	EndsAt              time.Time
}

var subscriptionColumns = []ui.Column{
	{Label: "Subscription"},
	{Label: "Status"},
	{Label: "Now", Wide: true},
	{Label: "Last received"},
	{Label: "Verified, 24 h", Numeric: true},
	{Label: "Rejected, 24 h", Numeric: true},
}
