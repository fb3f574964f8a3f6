package team

import (
	"time"

	"github.com/switchboardhq/switchboard/views/layout"
	"github.com/switchboardhq/switchboard/views/ui"
)

// List is everybody who may sign in, or once could.
type List struct {
	Frame  layout.Page
	People []Person
	// CanChange says that whoever looks is an administrator.
	CanChange bool
}

// Person is one row, or one page.
type Person struct {
	Name, Email, Role string
	// Href leads to the person's page; empty for those who may not change people.
	Href         string
	You          bool
	Disabled     bool
	DisabledAt   time.Time
	CreatedAt    time.Time
	LastSignInAt time.Time
}

// Form is the page for somebody new.
type Form struct {
	Frame                              layout.Page
	Name, Email, Role, Password, Again ui.Field
	Errors                             []ui.FieldError
}

// Member is the page of one person, for an administrator.
type Member struct {
	Frame  layout.Page
	Person Person
	// UpdateAction, PasswordAction, DisableAction and EnableAction take the forms of the page.
	UpdateAction, PasswordAction, DisableAction, EnableAction string
	Name, Role, Password, Again                               ui.Field
	Errors                                                    []ui.FieldError
	// Trail leads to what the audit log says of the person.
	Trail string
}

func (p Person) shownName() string {
	if p.Name != "" {
		return p.Name
	}
	return p.Email
}
