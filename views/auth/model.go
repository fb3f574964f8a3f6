package auth

import (
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
