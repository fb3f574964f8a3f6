package notifications

import (
	"time"

	"github.com/a-h/templ"

	"github.com/switchboardhq/switchboard/views/layout"
	"github.com/switchboardhq/switchboard/views/ui"
)

// ShowPage is the page of one notification.
type ShowPage struct {
	Page   layout.Page
	Badges []Badge
	Facts  Facts
	// Around leads through the list that the person came from.
	Around Around
	// Link is the whole address of this page, for copying.
	Link     string
	LifeLine []ui.LifeStep
	// Retry is nil for what was answered 200 at its first attempt: there is nothing to tell.
	Retry *Retry
	Tabs  []ui.Tab
	// Attempts choose the delivery that the tabs show; empty when there is only one.
	Attempts []ui.Tab
	// Content is what the chosen tab shows.
	Content templ.Component
}

// Facts say what the notification is and about what.
type Facts struct {
	ID                string
	EventType         string
	Product           string
	Summary           string
	ObjectID          string
	ReceivedAt        time.Time
	EventDate         string // as sent; without a zone in today's form
	Organization      string
	EventOrganization string // where it happened, when that is another one
	Subscription      string
	SubscriptionHref  string
	Bytes             int64
}

// Around leads to the neighbours in a filtered list and back to it; an empty address
// is shown as not possible.
type Around struct{ Back, Newer, Older string }
