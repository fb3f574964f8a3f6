package organizations

import (
	"time"

	"github.com/switchboardhq/switchboard/views/layout"
	"github.com/switchboardhq/switchboard/views/ui"
)

// List is all organizations of the console's environment.
type List struct {
	Frame layout.Page
	Items []Item
	// CanChange says that whoever looks is an administrator.
	CanChange bool
}

// Item is one organization.
type Item struct {
	Name, OrganizationID, MerchantID, KeyID string
	Href                                    string
	Current                                 bool
	CreatedAt, UpdatedAt                    time.Time
	// Keys are its digital signature keys, newest first.
	Keys []Key
}

// Key is a digital signature key, without its secret.
type Key struct {
	ID string
	// Tone and State say in a few words whether it verifies now; Detail says more, and may be empty.
	Tone          ui.Tone
	State, Detail string
	CreatedAt     time.Time
	EndsAt        time.Time // zero: no end is known
	// Retire leads to the question; it has a Reason where that cannot be done, and no label where nothing is left to do.
	Retire ui.Action
}

// Show is the page of one organization.
type Show struct {
	Frame     layout.Page
	Item      Item
	CanChange bool
	// EditHref leads to the form; CheckAction and SwitchAction take posts.
	EditHref, CheckAction, SwitchAction string
	// AddKey leads to the form for a key that was made elsewhere.
	AddKey ui.Action
	// Subscriptions leads to the organization's subscriptions.
	Subscriptions string
	// Trail leads to what the audit log says of the organization.
	Trail string
	// Remove leads to the question whether to remove the organization; it has a Reason where that cannot be done.
	Remove ui.Action
	Check  Check
	// SecretUnreadable says that the REST secret was sealed with an encryption key that this server does not have.
	SecretUnreadable bool
}

// Check is what trying the credentials said. The zero value: not tried.
type Check struct {
	Tone        ui.Tone
	Title, Text string
	Products    []Product
	At          time.Time
}

// Product is one that the organization is enabled for.
type Product struct {
	ID, Name   string
	EventTypes int
}

// Remove asks before an organization is removed.
type Remove struct {
	Frame   layout.Page
	Action  string
	Happens []string
	Errors  []ui.FieldError
	// Confirm asks for the organization's id; without a name nothing is asked.
	Confirm ui.Field
	Back    ui.Action
}

// KeyForm asks for a digital signature key that was made elsewhere.
type KeyForm struct {
	Frame                      layout.Page
	Action, Cancel             string
	Errors                     []ui.FieldError
	KeyID, Secret, State, Ends ui.Field
}

// RetireKey asks before a digital signature key is retired, and names what happens.
type RetireKey struct {
	Frame     layout.Page
	Action    string
	Happens   []string
	What      []ui.Pair
	Errors    []ui.FieldError
	When, At  ui.Field
	Why       ui.Field
	Confirm   ui.Field // nothing is asked when it has no name
	Button    ui.Action
	Back      ui.Action
	Important bool // it is the key that Cybersource signs with now
}

func (m RetireKey) tone() ui.Tone {
	if m.Important {
		return ui.Bad
	}
	return ui.Waiting
}

// Form is the page for a new organization, or for one that changes.
type Form struct {
	Frame                                           layout.Page
	Action, Submit, Cancel                          string
	Name, OrganizationID, MerchantID, KeyID, Secret ui.Field
	Errors                                          []ui.FieldError
	// New says that the organization's id is asked for: it never changes afterwards.
	New bool
	// Version says which state of the organization the form was made from.
	Version string
}

// FieldVersion names the hidden field that holds Form.Version.
const FieldVersion = "version"
