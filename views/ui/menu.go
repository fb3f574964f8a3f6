package ui

// Tab is one view of a page; tabs are links, so that each has its address.
type Tab struct {
	Label, Href string
	Current     bool
	// Count stands behind the label; empty leaves it out.
	Count string
	// Target is the CSS selector of the part that htmx replaces whole; empty loads the page.
	Target string
}
