package ui

// TableHead is what stands above the rows of a table.
type TableHead struct {
	// Caption names the table for those who cannot see it.
	Caption string
	Columns []Column
	// Compact makes rows 28 px high instead of 36 px.
	Compact bool
	TestID  string
}

// Column is one column's heading. The cells below it repeat Label, so that a narrow
// screen can show each row as a card.
type Column struct {
	Label string
	// Numeric columns are set to the right in tabular figures.
	Numeric bool
	// Hidden keeps the label from sight, for a column of buttons.
	Hidden bool
	// Wide lets the column take what room is left; one a table.
	Wide bool
}

// PageLinks leads through a list by key. An empty link is shown as not possible.
type PageLinks struct {
	Newer, Older string
	// Summary says what is shown: "50 of 10,000+".
	Summary string
	// Target is the CSS selector of the part that htmx replaces whole; empty loads the page.
	Target string
}
