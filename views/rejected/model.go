package rejected

import (
	"time"

	"github.com/a-h/templ"

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
	// Live follows new rejections; the zero value leaves the switch out.
	Live ui.LiveTail
	// Actions are what can be done with what is listed; Offers what may be worth doing.
	Actions []ui.Action
	Offers  []Offer
}

// List is the part of the page that new rejections replace.
type List struct {
	Clock ui.Clock
	Rows  []Row
	// Empty stands there when Rows is empty.
	Empty ui.EmptyPlace
	Pager ui.PageLinks
	// Sizes choose how many rows a page has.
	Sizes []ui.Tab
	// Unstored says how many more were refused and only counted; empty when none were.
	Unstored string
	// Selected are buttons for the rows that are selected; without any, no row can be.
	Selected []ui.Action
	// Newest is the id of the first row; what is counted as new is newer than it.
	Newest string
}

// Row is one rejected delivery. Event type and key id are what the request claimed.
type Row struct {
	ID, Href         string
	ReceivedAt       time.Time
	Reason, Code     string
	Rung             string // the step of the ladder that explains it; empty until it is known
	EventType, KeyID string
	Source           string
	Bytes            int64
	Organization     string
	Subscription     string
	SubscriptionHref string
	// Duplicates counts how often the same request came again.
	Duplicates int
}

// ShowPage is the page of one rejected delivery.
type ShowPage struct {
	Page  layout.Page
	Facts Facts
	// Newer and Older are the neighbours in the list; empty is shown as not possible.
	Newer, Older string
	// Advice says why it was rejected and what to do.
	Advice templ.Component
	Tabs   []ui.Tab
	// Content is what the chosen tab shows.
	Content templ.Component
	// Status is rejected, or what it has become since.
	Status  ui.Status
	History History
}

// Facts say what came and from where. What the request claimed is not proven.
type Facts struct {
	ID               string
	ReceivedAt       time.Time
	EventType        string
	Product          string
	TraceID          string
	KeyID            string
	Source, TLS      string
	SourceNote       string // whose the source is; may be empty
	Answered         string
	AnswerTime       time.Duration
	Bytes            int64
	Organization     string
	Subscription     string
	SubscriptionHref string
	Duplicates       int
	LastDuplicateAt  time.Time
}

// SelectionForm is the id of the form that sends the selected rows.
const SelectionForm = "selected-rows"

func (l List) columns() []ui.Column {
	if len(l.Selected) == 0 {
		return columns
	}
	return append([]ui.Column{{Label: "Select", Hidden: true}}, columns...)
}

var columns = []ui.Column{
	{Label: "Received"},
	{Label: "Reason"},
	{Label: "Claims to be", Wide: true},
	{Label: "Key id"},
	{Label: "Source"},
	{Label: "Size", Numeric: true},
	{Label: "Subscription"},
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func timesText(n int) string {
	if n == 1 {
		return "1 time"
	}
	return ui.CountText(int64(n), 0) + " times"
}
