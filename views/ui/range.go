package ui

// RangeForm asks for a time range other than the ones a Filter offers; it is a plain GET
// form. A zero Action leaves it out.
type RangeForm struct {
	Action   string
	From, To string // as an input of type datetime-local wants them
	// Zone says in which zone From and To are.
	Zone string
	// Hidden are the other filters, which the form keeps.
	Hidden []Pair
}
