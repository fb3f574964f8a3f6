package audit

import (
	"time"

	"github.com/switchboardhq/switchboard/views/layout"
	"github.com/switchboardhq/switchboard/views/ui"
)

// List is a part of the log, newest first.
type List struct {
	Frame   layout.Page
	Filter  ui.FilterForm
	Entries []Entry
	Pager   ui.PageLinks
	Empty   ui.EmptyPlace
}

// Entry is one thing that was done, or tried.
type Entry struct {
	At    time.Time
	Href  string
	Actor string
	// Action is the word of the log: "subscription.create".
	Action string
	// Object is what it was done to; ObjectHref leads to it where it still exists.
	Object, ObjectKind, ObjectHref string
	Organization                   string
	Outcome                        Outcome
	Detail                         string
}

// Outcome is how it went: started, succeeded or failed.
type Outcome string

// Show is one entry with all that is known.
type Show struct {
	Frame             layout.Page
	Entry             Entry
	RequestID, Source string
	Changes           []Change
	// Created and Removed say that there was no before, or no after.
	Created, Removed bool
}

// Change is one member of the object before and after.
type Change struct {
	Path, Before, After string
	// HasBefore and HasAfter tell an absent member from an empty one.
	HasBefore, HasAfter bool
	Same                bool
}

// Title says in words what an action is; one that this release does not know is shown as it is.
func Title(action string) string {
	words := map[string]string{
		"user.sign_in": "Sign-in", "user.sign_out": "Sign-out", "user.set_up": "First administrator created", "user.create": "Person added",
		"user.update": "Person changed", "user.disable": "Person disabled", "user.enable": "Person enabled", "user.reset_password": "Password reset",
		"user.reset": "Administrator reset on the server", "user.change_password": "Own password changed", "organization.create": "Organization added", "organization.update": "Organization changed", "organization.remove": "Organization removed",
		"subscription.create": "Subscription created", "subscription.update": "Subscription changed", "subscription.activate": "Subscription activated",
		"subscription.deactivate": "Subscription deactivated", "subscription.delete": "Subscription deleted", "subscription.test": "Test notification asked for",
		"rejected.judge": "Rejected deliveries judged again", "rejected.release": "Rejected deliveries released", "rejected.discard": "Rejected deliveries discarded",
		"subscription.rotate_client": "OAuth client rotated", "oauth_client.create": "OAuth client made", "oauth_client.store": "OAuth client stored",
		"oauth_client.retire": "OAuth client retired", "mle_key.create": "Encryption certificate made", "mle_key.retire": "Encryption certificate retired",
		"assertion_certificate.add": "Assertion certificate added", "assertion_certificate.retire": "Assertion certificate retired",
		"signature_key.create": "Digital signature key made", "signature_key.add": "Digital signature key added", "signature_key.retire": "Digital signature key retired", "playground.send": "Sandbox event sent", "playground.trickle": "Sandbox trickle changed",
	}
	if title, ok := words[action]; ok {
		return title
	}
	return action
}

func (o Outcome) tone() ui.Tone {
	switch o {
	case "succeeded":
		return ui.Good
	case "failed":
		return ui.Bad
	case "started":
		return ui.Waiting
	}
	return ui.Neutral
}

func (o Outcome) word() string {
	switch o {
	case "succeeded":
		return "Done"
	case "failed":
		return "Failed"
	case "started":
		return "Not finished"
	}
	return string(o)
}

// changed are the members that differ, and same those that do not.
func (m Show) changed() []Change { return m.pick(false) }

func (m Show) same() []Change { return m.pick(true) }

func (m Show) pick(same bool) []Change {
	var list []Change
	for _, c := range m.Changes {
		if c.Same == same {
			list = append(list, c)
		}
	}
	return list
}
