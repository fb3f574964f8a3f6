package ui

// TableHead is what stands above the rows of a table.
type TableHead struct {
	// Caption names the table for those who cannot see it.
	Caption string
	Columns []Column
	// Compact makes rows 28 px high instead of 36 px.
	Compact bool
	// Kind is one of the tables in static/css/42_tables.css: it fits every screen, since each of its columns has a width and the lesser
	// ones go when there is no room. Empty: the columns are as wide as what they hold, and the table scrolls sideways.
	Kind   string
	TestID string
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

// class is that of the table's frame.
func (h TableHead) class() string {
	class := "table-frame"
	if h.Compact {
		class += " table-compact"
	}
	if h.Kind != "" {
		class += " table-fixed table-" + h.Kind
	}
	return class
}
