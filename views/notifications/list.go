package notifications

import (
	"time"

	"github.com/switchboardhq/switchboard/views/layout"
	"github.com/switchboardhq/switchboard/views/ui"
)

// ListPage is the list with its filters.
type ListPage struct {
	Page   layout.Page
	Filter ui.FilterForm
	Range  ui.RangeForm
	// Problems say which parts of the address cannot be read; nothing is listed then.
	Problems []string
	// Ignored are parameters of the address that this list does not understand.
	Ignored []string
	List    List
	// Live follows new notifications; the zero value leaves the switch out.
	Live ui.LiveTail
}

// List is the part of the page that new notifications replace.
type List struct {
	Clock ui.Clock
	Rows  []Row
	// Empty stands there when Rows is empty.
	Empty ui.EmptyPlace
	// EndpointURL is shown with an Empty that waits for the first notification.
	EndpointURL string
	Pager       ui.PageLinks
	// Newest is the id of the first row; what is counted as new is newer than it.
	Newest string
	// Sizes choose how many rows a page has.
	Sizes []ui.Tab
	// Found says that rejected deliveries have the searched id too; its zero value leaves that out.
	Found Found
	// Organizations shows whose each row is, where there are several.
	Organizations bool
	// Compact is for a list among other things: low rows, the main columns alone.
	Compact bool
}

// Found is what a search found on another list.
type Found struct{ Text, Href string }

// Row is one notification.
type Row struct {
	ID, Href   string
	ReceivedAt time.Time
	EventType  string
	Product    string
	// Summary and ObjectID say what it is about; both may be empty.
	Summary, ObjectID string
	Organization      string
	Subscription      string
	SubscriptionHref  string
	Deliveries        int
	Badges            []Badge
	Expected          Expected
}

// Expected is what a row waits for: a few words, and a time that may be zero.
type Expected struct {
	Text string
	At   time.Time
}

// Badge is one word about a notification. When Status is set it is a word of the
// vocabulary, and Label is a remark behind it.
type Badge struct {
	Status ui.Status
	Tone   ui.Tone
	Label  string
	// Meaning is one line that says what the word means, for those without Status.
	Meaning string
}

func (l List) columns() []ui.Column {
	columns := []ui.Column{{Label: "Received"}, {Label: "Event"}, {Label: "Status"}, {Label: "About", Wide: true}}
	if l.Organizations {
		columns = append(columns, ui.Column{Label: "Organization"})
	}
	if !l.Compact {
		columns = append(columns, ui.Column{Label: "Subscription"}, ui.Column{Label: "Deliveries", Numeric: true})
	}
	return columns
}
