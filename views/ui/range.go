package ui

// RangeForm chooses a list's time range: the usual ones are links, another one is a plain GET
// form. A zero Action leaves it out.
type RangeForm struct {
	Action string
	// Label names the range in force, which is the menu's button; Presets are the usual ones.
	Label    string
	Presets  []Tab
	From, To string // as an input of type datetime-local wants them
	// Zone says in which zone From and To are.
	Zone string
	// Hidden are the other filters, which the form keeps.
	Hidden []Pair
}
