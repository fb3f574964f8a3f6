package problem

import "github.com/switchboardhq/switchboard/views/ui"

// Problem is what happened, what it means and what to do.
type Problem struct {
	// Kind picks the picture; ui.CouldNotLoad when empty.
	Kind ui.EmptyKind
	// Title says what happened: "There is no such page".
	Title, Text string
	// RequestID lets someone find the log line; may be empty.
	RequestID string
	Actions   []ui.Action
}

func (p Problem) place() ui.EmptyPlace {
	kind := p.Kind
	if kind == "" {
		kind = ui.CouldNotLoad
	}
	return ui.EmptyPlace{Kind: kind, Title: p.Title, Text: p.Text, Actions: p.Actions}
}
