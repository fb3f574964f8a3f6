package auth

import (
	"github.com/a-h/templ"

	"github.com/switchboardhq/switchboard/views/ui"
)

// The browser fills both fields in by their autocomplete words; the one still to be typed has the focus.
func emailField(m SignIn) ui.Field {
	f := ui.Field{Name: "email", Label: "E-mail address", Type: "email", Value: m.Email, Autocomplete: "username", Required: true}
	if m.Email == "" {
		f.Attrs = templ.Attributes{"autofocus": true}
	}
	return f
}

func passwordField(m SignIn) ui.Field {
	f := ui.Field{Name: "password", Label: "Password", Type: "password", Autocomplete: "current-password", Required: true}
	if m.Email != "" {
		f.Attrs = templ.Attributes{"autofocus": true, "aria-describedby": "problem"}
	}
	return f
}
