package ui

// FilterForm is a plain GET form: what it does stands in the URL.
type FilterForm struct {
	// Action is the list's path, without query.
	Action string
	// Search is the free-text box; a zero Name leaves it out.
	Search Field
	// Selects are the menus beside it; each has Name, Label and Options.
	Selects []Field
	// Range is the time range: Name and Options such as "-1h", "-24h"; a zero Name leaves it out.
	Range Field
	// Chips are the filters in force; each leads to the list without it.
	Chips []Chip
	// ClearHref leads to the list without any filter.
	ClearHref string
	// Hidden are further parameters that the form must keep, in turns of name and value.
	Hidden []Pair
	// Target is the CSS selector of the part that htmx replaces whole; empty loads the page.
	Target string
}

// Chip is one filter in force, and the way out of it.
type Chip struct{ Label, Value, RemoveHref string }

// Pair is a name with a value.
type Pair struct {
	Name, Value string
	// Hint explains the name: what a header means.
	Hint string
	// Mono shows the value in the fixed-width face.
	Mono bool
	// Copy puts a copy button beside the value.
	Copy bool
	// Href makes the value a link.
	Href string
}
