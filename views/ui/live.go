package ui

// LiveTail keeps a list up to date. The server sends small signals, named events
// without content; each makes the page fetch the list's part again.
type LiveTail struct {
	// Stream is the address of the server-sent events.
	Stream string
	// Event is the name of the events that say the list has changed.
	Event string
	// Refresh is the list's address with its present query.
	Refresh string
	// Target is the CSS selector of the part that is replaced whole.
	Target string
}
