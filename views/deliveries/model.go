package deliveries

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/switchboardhq/switchboard/views/ui"
)

// Body is what was delivered, masked, or why it cannot be shown.
type Body struct {
	View ui.PayloadView
	// As choose between what was opened and what was received; empty where it did not come encrypted, or was not opened.
	As []ui.Tab
	// Encryption says how it was encrypted, and NotOpened that it is shown as it came; both empty where it came in clear text.
	Encryption string
	NotOpened  bool
	// Missing stands in place of the body when its Title is set.
	Missing ui.EmptyPlace
	// Copies are the forms in which the body can be taken along.
	Copies []Copy
	// CopyNote says why a form is not offered; may be empty.
	CopyNote string
}

// Copy is one form of a body: its name and its text.
type Copy struct{ Label, Text string }

// Verification is how a delivery was judged, step by step.
type Verification struct {
	Clock   ui.Clock
	Verdict ui.Status
	// Summary says the verdict in one sentence.
	Summary string
	// Remark warns of what a verified delivery may hide; empty when there is nothing.
	Remark string
	// Variant names the bytes that the signature covers; empty when none matched.
	Variant string
	// Steps are the checks in their order; a failed one is Bad, one that was not reached is
	// Planned.
	Steps []ui.LifeStep
	// Ladder is the way on which the explanation was found; empty when none was walked.
	Ladder []ui.LifeStep
	Facts  []ui.Pair
}

// Advice is what to know about a rejected delivery.
type Advice struct {
	// Reason in words, and the code that filters use.
	Reason, Code string
	// Rung is the step of the ladder that explains it; empty until it is known.
	Rung string
	// Happened is what was found in this very delivery; Meaning and Next are what that
	// means in general and what to do.
	Happened, Meaning string
	Next              []string
}

// Attempts are the deliveries of one notification.
type Attempts struct {
	Clock ui.Clock
	Rows  []Attempt
	// Lost says in words which attempts never arrived; empty when none are known of.
	Lost string
}

// Attempt is one delivery as a row.
type Attempt struct {
	ID, Href        string
	ReceivedAt      time.Time
	Name            string // "First attempt", "Retry 2"
	Verdict         ui.Status
	VerdictDetail   string // a remark behind it; may be empty
	Answered        string
	AnswerTime      time.Duration
	Source, TLS     string
	TraceID         string
	Duplicates      int
	LastDuplicateAt time.Time
	// Current marks the one whose body, headers and verification the other tabs show.
	Current bool
	// Missing attempts never arrived, or have not yet: only Name, Verdict and DueAt are known of them. A zero DueAt is not known either.
	Missing bool
	DueAt   time.Time
}

// columns leave out that of duplicates where there are none.
func (a Attempts) columns() []ui.Column {
	columns := []ui.Column{
		{Label: "Attempt"}, {Label: "Arrived"}, {Label: "Verdict"}, {Label: "Answered", Numeric: true}, {Label: "Trace id"}, {Label: "Source", Wide: true},
	}
	if a.duplicates() {
		columns = append(columns, ui.Column{Label: "Duplicates", Numeric: true})
	}
	return columns
}

func (a Attempts) duplicates() bool {
	return slices.ContainsFunc(a.Rows, func(d Attempt) bool { return d.Duplicates > 0 })
}

// tlsVersion is the version alone; the cipher suite is its tip.
func (d Attempt) tlsVersion() string {
	version, rest, _ := strings.Cut(d.TLS, " ")
	number, _, _ := strings.Cut(rest, " ")
	if version != "TLS" {
		return d.TLS
	}
	return version + " " + number
}

// found is the explanation on the ladder with what follows it, without what was ruled out before.
func (v Verification) found() []ui.LifeStep {
	return slices.DeleteFunc(slices.Clone(v.Ladder), isRuledOut)
}

// ruledOut is what was tried on the ladder and is not the explanation.
func (v Verification) ruledOut() []ui.LifeStep {
	return slices.DeleteFunc(slices.Clone(v.Ladder), func(s ui.LifeStep) bool { return !isRuledOut(s) })
}

func isRuledOut(s ui.LifeStep) bool { return s.Tone == ui.Neutral && !s.Planned }

func ruledOutCount(n int) string {
	if n == 1 {
		return "1 cause was ruled out"
	}
	return strconv.Itoa(n) + " causes were ruled out"
}
