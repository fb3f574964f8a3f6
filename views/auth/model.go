package auth

import (
	"strings"

	"github.com/a-h/templ"

	"github.com/switchboardhq/switchboard/views/layout"
	"github.com/switchboardhq/switchboard/views/ui"
)

// SignIn is the sign-in page.
type SignIn struct {
	Frame layout.Page
	// Next is the local path to go on to.
	Next  string
	Email string
	// Problem says why the last try failed; empty before the first.
	Problem string
	// SignedOut says that somebody has just signed out here.
	SignedOut bool
	// ElsewhereURL is the sign-in page at the console's own address, when this one was opened at another where signing in may not work; else empty.
	ElsewhereURL string
	// NobodyYet says that there is no account at all: the set-up link comes first.
	NobodyYet bool
}

// SetUp is the page on which the first administrator chooses a password.
type SetUp struct {
	Frame layout.Page
	// Action is the one-time address, which takes the form too.
	Action string
	Name   ui.Field
	Email  ui.Field
	// Password and Again never have a value.
	Password, Again ui.Field
	Errors          []ui.FieldError
}

// Password is the page on which somebody changes their own password.
type Password struct {
	Frame                    layout.Page
	Action                   string
	Email                    string
	Current, Password, Again ui.Field
	Errors                   []ui.FieldError
}

// Kept is the page that gives back what was typed into a form before its session ended.
type Kept struct {
	Frame layout.Page
	// Action takes the answers.
	Action string
	// Fields are sent; Answers are the same for people to read.
	Fields  []KeptField
	Answers []ui.Pair
	// Left names what was not kept: passwords and keys.
	Left []string
	// Resume says that the form is opened again first; without it, the answers are sent and done at once.
	Resume bool
	Cancel string
}

// KeptField is one name and value of a form.
type KeptField struct{ Name, Value string }

func (k Kept) leftSentence() string {
	return "Not kept, because it is secret: " + strings.Join(k.Left, ", ") + ". You will be asked for it again."
}

func (k Kept) submit() ui.Action {
	a := ui.Action{Label: "Send it now", Kind: ui.Primary, Attrs: templ.Attributes{"data-testid": "kept-submit"}}
	if k.Resume {
		a.Label = "Open the form again"
	}
	return a
}
