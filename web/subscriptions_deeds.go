package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/views/ui"
)

// What can be done about a subscription's credentials, as the path names it.
const (
	deedRotateClient      = "rotate-client"
	deedRetireClient      = "retire-client"
	deedRotateCertificate = "rotate-certificate"
	deedRetireCertificate = "retire-certificate"
	deedRetireAssertion   = "retire-assertion"
	deedRotateKey         = "rotate-key"
)

// fieldItem names the credential that is meant, where there are several.
const fieldItem = "item"

// securityDeed is one thing to do about a credential: what the question says, and the doing.
type securityDeed struct {
	// item names the credential; empty where there is one alone.
	item    string
	title   string
	happens []string
	button  ui.Action
	keep    string
	// reason says why it cannot be done now.
	reason string
	done   string
	// do may return a callError, and ErrConflict while another change is under way.
	do func(ctx context.Context, audit store.AuditEntry) error
	// action is its name in the audit log.
	action string
}

// confirmSecurityDeed asks before something is done about a credential.
func (s *Server) confirmSecurityDeed(c echo.Context) error {
	v, o, err := s.loadSubscription(c)
	if err != nil {
		return err
	}
	deed, err := s.findDeed(c, o, v, c.QueryParam(fieldItem))
	if err != nil {
		return err
	}
	if deed.reason != "" {
		return userError(http.StatusConflict, deed.reason, nil)
	}
	return s.askDeed(c, http.StatusOK, v, deed, nil)
}

// doSecurityDeed does it.
func (s *Server) doSecurityDeed(c echo.Context) error {
	f, err := parseForm(c)
	if err != nil {
		return err
	}
	v, o, err := s.loadSubscription(c)
	if err != nil {
		return err
	}
	item := f.text(fieldItem, 20)
	deed, err := s.findDeed(c, o, v, item)
	if err != nil {
		return err
	}
	if deed.reason != "" {
		return userError(http.StatusConflict, deed.reason, nil)
	}
	if s.needsTypedName() && f.text(subscriptions.FieldConfirm, maxSubscriptionName) != v.Name {
		f.fail(subscriptions.FieldConfirm, "This is not the name of the subscription, so nothing was done.")
		return s.askDeed(c, http.StatusUnprocessableEntity, v, deed, f)
	}
	err = deed.do(c.Request().Context(), s.audit(c, deed.action))
	var stale *staleError
	switch {
	case isCallError(err):
		s.logCybersource(c.Request().Context(), deed.action, err)
		n := subscriptions.Notice{Tone: ui.Bad, Title: "Cybersource did not do this", Text: callText(err)}
		if !isUnequipped(err) && isUncertain(err) {
			n.Title = "It is not known whether Cybersource did this"
		}
		return s.askDeed(c, http.StatusBadGateway, v, deed, nil, n)
	case errors.As(err, &stale):
		return s.askDeed(c, http.StatusConflict, v, deed, nil, subscriptions.Notice{Tone: ui.Waiting, Title: "Nothing was done", Text: "Somebody changed the subscription at this very moment. Look at it again first."})
	case errors.Is(err, store.ErrConflict):
		return s.askDeed(c, http.StatusConflict, v, deed, nil, subscriptions.Notice{Tone: ui.Waiting, Title: "Nothing was done", Text: busyText})
	case err != nil:
		return err
	}
	s.flash(c, ui.Good, deed.done)
	return s.redirect(c, paths.ShowSubscriptionTab(v.ID, tabSecurity))
}

// askDeed shows the question. f holds a wrong answer, and may be nil.
func (s *Server) askDeed(c echo.Context, status int, v store.Subscription, deed securityDeed, f *form, notices ...subscriptions.Notice) error {
	d := subscriptions.SecurityDeed{
		Action: c.Request().URL.Path, BackHref: paths.ShowSubscriptionTab(v.ID, tabSecurity), Happens: deed.happens, Notices: notices, Button: deed.button, Keep: deed.keep,
		Hidden: []ui.Pair{{Name: fieldItem, Value: deed.item}},
	}
	d.Button.Attrs = templ.Attributes{"data-testid": "confirm-deed"}
	if s.needsTypedName() {
		d.Confirm = ui.Field{Name: subscriptions.FieldConfirm, Label: "Type the name of the subscription", Hint: "It is called " + v.Name, Required: true, Autocomplete: "off"}
	}
	if f != nil {
		d.Errors, d.Confirm.Error, d.Confirm.Value = f.summary(), f.problem(subscriptions.FieldConfirm), f.typed(subscriptions.FieldConfirm)
	}
	p := s.page(c, deed.title, crumb("Subscriptions", paths.Subscriptions), crumb(v.Name, paths.ShowSubscriptionTab(v.ID, tabSecurity)), narrow())
	return s.render(c, status, subscriptions.SecurityDeedPage(p, d))
}

// findDeed is the deed that the path names, for the credential that item names.
func (s *Server) findDeed(c echo.Context, o store.Organization, v store.Subscription, item string) (securityDeed, error) {
	have, err := s.loadCredentials(c.Request().Context(), o.ID)
	if err != nil {
		return securityDeed{}, err
	}
	id, err := strconv.ParseInt(item, 10, 64)
	if err != nil {
		id = 0
	}
	deed, found := s.deedOf(c.Param("deed"), id, o, v, have)
	if !found {
		return securityDeed{}, userError(http.StatusNotFound, "There is nothing under this address.", fmt.Errorf("no deed %q for credential %q", c.Param("deed"), item))
	}
	deed.item = item
	return deed, nil
}

// deedOf is the deed of that name for the credential of that id, if there is one.
func (s *Server) deedOf(name string, id int64, o store.Organization, v store.Subscription, have credentials) (deed securityDeed, found bool) {
	switch name {
	case deedRotateClient:
		return s.rotateClientDeed(o, v), true
	case deedRetireClient:
		for _, k := range have.clients {
			if k.ID == id && (k.SubscriptionID == v.ID || k.SubscriptionID == 0) {
				return s.retireClientDeed(v, k), true
			}
		}
	case deedRotateCertificate:
		return s.rotateCertificateDeed(o, v, have), true
	case deedRetireCertificate:
		for _, k := range have.mle {
			if k.ID == id {
				return s.retireCertificateDeed(k, have), true
			}
		}
	case deedRetireAssertion:
		for _, a := range have.assertions {
			if a.ID == id {
				return s.retireAssertionDeed(a), true
			}
		}
	case deedRotateKey:
		return s.rotateKeyDeed(o, v), true
	}
	return securityDeed{}, false
}

// withClient locks an organization and does something with its client.
func (s *Server) withClient(ctx context.Context, o store.Organization, audit store.AuditEntry, do func(ctx context.Context, w clientWork) error) error {
	out, cancel := outward(ctx)
	defer cancel()
	unlock, err := s.store.LockOrganization(out, o.ID)
	if err != nil {
		return err
	}
	defer unlock()
	client, err := s.client(out, o)
	if err != nil {
		return &callError{err}
	}
	return do(out, clientWork{client, o, audit})
}
