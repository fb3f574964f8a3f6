package ui

import (
	"slices"

	"github.com/a-h/templ"
)

// CSRFField is the name of the form field that carries the session's token.
const CSRFField = "_csrf"

// Field is one question of a form. Hint and Error are tied to the input, so that
// they are read aloud with it.
type Field struct {
	// Name is sent with the form. The input's id is ID, or Name when ID is empty.
	ID, Name string
	Label    string
	Hint     string
	// Error says what is wrong and what to do; empty when nothing is.
	Error string
	Value string
	// Type of a TextField: text (the zero value), url, email, password, search.
	Type         string
	Placeholder  string
	Autocomplete string
	// Unit stands behind a NumberField: "minutes", "attempts".
	Unit     string
	Min, Max string
	Step     string
	// Rows of a TextAreaField; zero means 4.
	Rows int
	// Options of a SelectField or of RadioCards.
	Options []Option
	// Checked is the state of a Checkbox.
	Checked            bool
	Required, ReadOnly bool
	// Mono shows the value in the fixed-width face: URLs, ids, keys.
	Mono  bool
	Attrs templ.Attributes
}

// Option is one answer of a select, a set of radio cards or a group of checkboxes.
type Option struct {
	Value, Label string
	// Hint is a second line; a select does not show it.
	Hint string
	// Tag is a short remark in a badge beside the label: "needs encryption".
	Tag      string
	Selected bool
	// Reason says why the option cannot be chosen; when set, it is disabled.
	Reason string
}

// OptionGroup is a titled set of checkboxes, such as one product's event types.
type OptionGroup struct {
	Label, Hint string
	Options     []Option
	// Open unfolds the group. A group with something selected is always unfolded.
	Open bool
}

// FieldError is one line of an ErrorSummary: which field, and what is wrong.
type FieldError struct{ FieldID, Text string }

func (f Field) id() string {
	if f.ID != "" {
		return f.ID
	}
	return f.Name
}

// describedBy lists the ids of what explains the input, for aria-describedby.
func (f Field) describedBy() string {
	s := ""
	if f.Hint != "" {
		s = f.id() + "-hint"
	}
	if f.Error != "" {
		if s != "" {
			s += " "
		}
		s += f.id() + "-error"
	}
	return s
}

func (f Field) inputType() string {
	if f.Type == "" {
		return "text"
	}
	return f.Type
}

func (g OptionGroup) unfolded() bool { return g.Open || g.selected() > 0 }

// reason is what all options of the group have against them, said once above them; "" where one can be chosen or reasons differ.
func (g OptionGroup) reason() string {
	if len(g.Options) == 0 {
		return ""
	}
	first := g.Options[0].Reason
	for _, o := range g.Options {
		if o.Reason != first {
			return ""
		}
	}
	return first
}

// off reports whether an option of the group cannot be chosen.
func (g OptionGroup) off(o Option) bool { return o.Reason != "" || g.reason() != "" }

// withoutReason are the options without the reason that is said once for all.
func (g OptionGroup) withoutReason() []Option {
	if g.reason() == "" {
		return g.Options
	}
	options := slices.Clone(g.Options)
	for i := range options {
		options[i].Reason = ""
	}
	return options
}

// selectable counts the options that can be chosen.
func (g OptionGroup) selectable() int {
	n := 0
	for _, o := range g.Options {
		if o.Reason == "" {
			n++
		}
	}
	return n
}

func optionCount(groups []OptionGroup) int {
	n := 0
	for _, g := range groups {
		n += len(g.Options)
	}
	return n
}

func (g OptionGroup) selected() int {
	n := 0
	for _, o := range g.Options {
		if o.Selected {
			n++
		}
	}
	return n
}

// attrs are those all kinds of inputs share.
func (f Field) attrs() templ.Attributes {
	a := templ.Attributes{"id": f.id(), "name": f.Name}
	if d := f.describedBy(); d != "" {
		a["aria-describedby"] = d
	}
	if f.Error != "" {
		a["aria-invalid"] = "true"
	}
	if f.Required {
		a["required"] = true
	}
	if f.ReadOnly {
		a["readonly"] = true
	}
	if f.Placeholder != "" {
		a["placeholder"] = f.Placeholder
	}
	if f.Autocomplete != "" {
		a["autocomplete"] = f.Autocomplete
	}
	for k, v := range f.Attrs {
		a[k] = v
	}
	return a
}

func checkedValue(f Field) string {
	if f.Value == "" {
		return "1"
	}
	return f.Value
}

// answered is f labelled as a question that always has an answer.
func (f Field) answered() Field {
	f.Required = true
	return f
}

// unforced is f without the browser's check that a value is not empty.
func (f Field) unforced() Field {
	f.Required = false
	return f
}
