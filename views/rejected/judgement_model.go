package rejected

import (
	"time"

	"github.com/a-h/templ"

	"github.com/switchboardhq/switchboard/views/layout"
	"github.com/switchboardhq/switchboard/views/ui"
)

// Fields of the forms that judge again, release and discard.
const (
	FieldWhy     = "why"
	FieldConfirm = "confirm"
)

// Ask is a question before something is done with rejected deliveries.
type Ask struct {
	Page layout.Page
	// Action is where the form is sent, with Hidden and the answers.
	Action string
	Hidden []ui.Pair
	// Title names what happens, line by line; Tone says how much it matters.
	Title   string
	Tone    ui.Tone
	Happens []string
	// What says which deliveries are meant.
	What []ui.Pair
	Why  ui.Field
	// Confirm asks for a word to be typed; without a name it is left out.
	Confirm ui.Field
	Errors  []ui.FieldError
	Button  ui.Action
	Back    ui.Action
	TestID  string
}

// Judgements is the list of the times that deliveries were judged again.
type Judgements struct {
	Page layout.Page
	Rows []JudgementRow
	// Empty stands there when Rows is empty; Older leads on.
	Empty ui.EmptyPlace
	Older string
}

// JudgementRow is one time.
type JudgementRow struct {
	Href                    string
	At                      time.Time
	Actor, Why, What        string
	Found, Passing, Failing string
	State                   string
	Tone                    ui.Tone
}

// Judgement is the page of one time that deliveries were judged again.
type Judgement struct {
	Page layout.Page
	// Stream brings the signals by which the page follows while there is work left; empty when there is none.
	Stream string
	Part   JudgementPart
}

// JudgementPart is what live signals replace.
type JudgementPart struct {
	Clock ui.Clock
	// Refresh is the part's own address; Working says that there is work left.
	Refresh string
	Working bool
	// Done is how much is done, by what it is measured against.
	Done, Whole int
	Tone        ui.Tone
	Headline    string
	Lines       []string
	Actions     []ui.Action
	Sums        []SumRow
	Facts       []ui.Pair
	Tabs        []ui.Tab
	Rows        []JudgedRow
	Empty       ui.EmptyPlace
	Pager       ui.PageLinks
}

// SumRow is how many went from one reason to one outcome.
type SumRow struct {
	Before     string
	After      Outcome
	Deliveries string
}

// Outcome is what judging again came to: a word, and why where it failed.
type Outcome struct {
	Tone       ui.Tone
	Word, Text string
}

// JudgedRow is one delivery, before and after.
type JudgedRow struct {
	ID, Href     string
	ReceivedAt   time.Time
	EventType    string
	Before       string
	After        Outcome
	Detail       string
	KeyID        string
	Subscription string
	// Where it is by now: in quarantine, released, discarded.
	Where, WhereHref string
}

// Offer says what may be done with deliveries in quarantine by now.
type Offer struct {
	Tone        ui.Tone
	Title, Text string
	Action      ui.Action
	TestID      string
}

// History is how one delivery was judged, first and later.
type History struct {
	Clock ui.Clock
	Steps []ui.LifeStep
	// Next says when the next attempt is expected; nil when that cannot be said.
	Next templ.Component
	// Facts lead to what it became, and to what came after it.
	Facts   []ui.Pair
	Actions []ui.Action
}

var judgementColumns = []ui.Column{
	{Label: "Judged again"},
	{Label: "By"},
	{Label: "Why", Wide: true},
	{Label: "Which"},
	{Label: "Judged", Numeric: true},
	{Label: "Pass", Numeric: true},
	{Label: "Fail", Numeric: true},
	{Label: "State"},
}

var sumColumns = []ui.Column{{Label: "On arrival"}, {Label: "Now", Wide: true}, {Label: "Deliveries", Numeric: true}}

var judgedColumns = []ui.Column{
	{Label: "Received"},
	{Label: "Claims to be"},
	{Label: "On arrival"},
	{Label: "Now", Wide: true},
	{Label: "Key id"},
	{Label: "Subscription"},
	{Label: "Where it is"},
}
