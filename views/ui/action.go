package ui

import "github.com/a-h/templ"

// Kind is how loudly a button or link asks to be pressed.
type Kind string

// The kinds of buttons. The zero value is Secondary. A page has one Primary at most.
const (
	Secondary Kind = ""
	Primary   Kind = "primary"
	Danger    Kind = "danger"
	Quiet     Kind = "quiet"
)

// Action is one thing a person can do: a button or a link that looks like one.
type Action struct {
	// Label says what it does: "Delete subscription", not "OK".
	Label string
	// Href is where a LinkButton leads, or the address a PostButton posts to.
	Href string
	Kind Kind
	Icon Icon
	// IconOnly hides the label from sight; it is still read aloud and shown as a tip.
	IconOnly bool
	Small    bool
	// Reason says why it cannot be done now. When set, the action is shown disabled
	// with the reason beside it, and cannot be pressed.
	Reason string
	// Name and Value are sent with the form when this button submits it.
	Name, Value string
	// Attrs holds further attributes, such as data-testid or hx-post.
	Attrs templ.Attributes
}

func (a Action) class() string {
	class := "btn"
	if a.Kind != Secondary {
		class += " btn-" + string(a.Kind)
	}
	if a.Small {
		class += " btn-small"
	}
	if a.IconOnly {
		class += " btn-icon"
	}
	return class
}
