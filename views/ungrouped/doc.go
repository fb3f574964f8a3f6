// Package ungrouped draws the list of deliveries that could not be made into notifications. It decides nothing and knows no store.
package ungrouped

import (
	"time"

	"github.com/switchboardhq/switchboard/views/layout"
)

// List is the page.
type List struct {
	Page layout.Page
	Rows []Row
	// More is whether there are more than the page shows.
	More bool
}

// Row is one delivery that could not be made into a notification.
type Row struct {
	ID           string
	ReceivedAt   time.Time
	EventType    string
	Subscription string
	Href         string // of the subscription
	// Why says the cause in a sentence.
	Why      string
	FailedAt time.Time
	// BodyHref is the masked body as a file.
	BodyHref string
}
