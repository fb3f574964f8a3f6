package subscriptions

import (
	"strconv"
	"time"

	"github.com/switchboardhq/switchboard/views/ui"
)

// List is the page of all subscriptions.
type List struct {
	// Filter is left out when there has never been a subscription.
	Filter *ui.FilterForm
	Items  []Item
	// Summary says how many are shown: "3 subscriptions".
	Summary string
	// Empty stands where the rows would.
	Empty ui.EmptyPlace
	// Steps lead from nothing to the first notification; none once there is a subscription.
	Steps []ui.SetupStep
	// ShowOrganization adds the column, where there is more than one.
	ShowOrganization bool
	// Href is this very list: what the signals of Stream fetch again.
	Href, Stream string
}

// Item is one row.
type Item struct {
	Name, Href   string
	Products     []ProductCount
	Organization string
	Host         string
	Status       ui.Status
	Since        time.Time
	// Drift says what Cybersource has otherwise than wanted; empty: nothing.
	Drift string
	// Security is the policy in a word or two: "Mutual trust".
	Security string
	// Cover is how long an outage may last before something is lost.
	Cover        time.Duration
	LastReceived time.Time
	// Verified and Rejected count the deliveries of the last 24 hours.
	Verified, Rejected int64
	// RejectedHref leads to those; used when there are any.
	RejectedHref string
}

// ProductCount is a product with the number of its event types subscribed to.
type ProductCount struct {
	Name   string
	Events int
}

func (l List) columns() []ui.Column {
	columns := []ui.Column{{Label: "Name", Wide: true}, {Label: "Status"}, {Label: "Events"}}
	if l.ShowOrganization {
		columns = append(columns, ui.Column{Label: "Organization"})
	}
	return append(columns, ui.Column{Label: "Sent to"}, ui.Column{Label: "Security"},
		ui.Column{Label: "Retry cover", Numeric: true}, ui.Column{Label: "Last received", Numeric: true},
		ui.Column{Label: "Last 24 h", Numeric: true})
}

// productNames lists the products, the first in full.
func (i Item) productNames() string {
	switch len(i.Products) {
	case 0:
		return "no products"
	case 1:
		return i.Products[0].Name
	default:
		return i.Products[0].Name + " + " + strconv.Itoa(len(i.Products)-1)
	}
}

// allProducts lists every product with its count, for the tip.
func (i Item) allProducts() string {
	s := ""
	for n, p := range i.Products {
		if n > 0 {
			s += ", "
		}
		s += p.Name + " (" + strconv.Itoa(p.Events) + ")"
	}
	return s
}

// events counts the event types of all products.
func (i Item) events() string {
	n := 0
	for _, p := range i.Products {
		n += p.Events
	}
	return strconv.Itoa(n)
}

func coverText(d time.Duration) string {
	if d == 0 {
		return "none"
	}
	return ui.DurationText(d)
}
