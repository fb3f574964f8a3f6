package notifications

import (
	"time"

	"github.com/switchboardhq/switchboard/views/ui"
)

// Retry says where a notification stands at Cybersource, and what is expected next.
type Retry struct {
	Badge Badge
	// Sentence says it in words.
	Sentence string
	// Count is which attempt of how many, "Retry 1 of 3"; CountLabel says whether that is the last one or the next.
	CountLabel, Count string
	// NextLabel stands before Next, which is zero when nothing is expected: "Expected about".
	NextLabel string
	Next      time.Time
	// Lost names the attempts that did not arrive; empty when none are known of.
	Lost string
	// Rejected leads to attempts that are in quarantine.
	Rejected []Link
	// Policy is the retry policy at the time, in words.
	Policy string
	// From says what this is worked out from, and Unknown what nobody can tell.
	From, Unknown string
}

// Link leads to the page of another thing.
type Link struct{ Label, Href string }

// Schedule is when the attempts were to come by the policy at the time, and when they came.
type Schedule struct {
	Clock ui.Clock
	Times ui.RetrySchedule
	// More says how many attempts are not drawn; empty when all are.
	More string
	Note string
}
