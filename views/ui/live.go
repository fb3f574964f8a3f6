package ui

// LiveTail keeps a list up to date. The server sends small signals, named events
// without content; each makes the page fetch the list's part again.
type LiveTail struct {
	// Stream is the address of the server-sent events; empty connects to nothing.
	Stream string
	// Event names the events that say the list has changed, with spaces between several.
	Event string
	// Refresh is the list's address with its present query.
	Refresh string
	// Target is the CSS selector of the part that is replaced whole; its data-newest names
	// the first row that it shows.
	Target string
	// On lets the list change by itself; otherwise it stands still and counts what came.
	On bool
	// Count is an address to which the script adds the first row's id; it answers with the
	// LiveNew of what is newer. Empty: nothing is counted.
	Count string
}

// NewRowsCount is how many rows are newer than those shown.
type NewRowsCount struct {
	Count int
	// Most is where counting stops.
	Most int
	// One and Many are what is counted: "new notification", "new notifications".
	One, Many string
}

// text is the bar in words: "3 new notifications — show".
func (n NewRowsCount) text() string {
	if n.Count == 1 {
		return "1 " + n.One + " — show"
	}
	return CountText(int64(n.Count), int64(n.Most)) + " " + n.Many + " — show"
}

func (l LiveTail) mode() string {
	if l.On {
		return "on"
	}
	return "off"
}
