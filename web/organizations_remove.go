package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	orgviews "github.com/switchboardhq/switchboard/views/organizations"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/ui"
)

// usedText is why an organization cannot be removed.
const usedText = "It has had a subscription, and what that received belongs to it. Delete its subscriptions to end what Cybersource sends."

// errOrganizationTaken means that another organization has the id that one was to be corrected to.
var errOrganizationTaken = errors.New("another organization has that id")

// saveOrganization stores a change: of the credentials, or also of the id of one that was never used.
func (s *Server) saveOrganization(ctx context.Context, was, is store.Organization, secret []byte, entry store.AuditEntry) error {
	if was.OrganizationID == is.OrganizationID {
		return s.store.UpdateOrganizationCredentials(ctx, is, secret, entry)
	}
	if _, err := s.store.GetOrganizationByName(ctx, is.OrganizationID, is.Environment); !errors.Is(err, store.ErrNotFound) {
		return errors.Join(errOrganizationTaken, err)
	}
	return s.store.CorrectOrganization(ctx, is, secret, entry)
}

// removeAction leads to the question whether to remove an organization, or says why that cannot be done.
func (s *Server) removeAction(c echo.Context, o store.Organization) (ui.Action, error) {
	a := ui.Action{Label: "Remove organization", Href: paths.RemoveOrganizationOf(o.ID), Kind: ui.Quiet, Icon: ui.IconDelete, Small: true}
	used, err := s.store.OrganizationUsed(c.Request().Context(), o.ID)
	switch {
	case err != nil:
		return a, err
	case !currentUser(c).Role.Allows(store.RoleAdministrator):
		a.Reason = "Only an administrator can remove an organization."
	case used:
		a.Reason = usedText
	default:
		a.Attrs = map[string]any{"data-testid": "remove-organization-link"}
	}
	return a, nil
}

// confirmRemoveOrganization asks before an organization is removed.
func (s *Server) confirmRemoveOrganization(c echo.Context) error {
	o, err := s.removable(c)
	if err != nil {
		return err
	}
	return s.askRemoveOrganization(c, http.StatusOK, o, emptyForm())
}

// removable is the organization of the path, if it can be removed.
func (s *Server) removable(c echo.Context) (store.Organization, error) {
	o, err := s.organizationOf(c)
	if err != nil {
		return o, err
	}
	used, err := s.store.OrganizationUsed(c.Request().Context(), o.ID)
	if err == nil && used {
		err = userError(http.StatusConflict, usedText, nil)
	}
	return o, err
}

func (s *Server) askRemoveOrganization(c echo.Context, status int, o store.Organization, f *form) error {
	m := orgviews.Remove{
		Frame:  s.page(c, "Remove “"+o.Name+"”", crumb("Organizations", paths.Organizations), crumb(o.Name, paths.ShowOrganization(o.ID)), narrow()),
		Action: paths.RemoveOrganizationOf(o.ID), Errors: f.summary(), Back: ui.Action{Label: "Keep it", Href: paths.ShowOrganization(o.ID), Kind: ui.Quiet},
		Happens: []string{
			"Its REST credentials and the keys that are stored for it are deleted here.", "Nothing changes at Cybersource: no subscription was ever made for it here.",
			"The audit log keeps what was done with it. It can be added again.",
		},
	}
	if s.needsTypedName() {
		m.Confirm = ui.Field{
			Name: "confirm", Label: "Type the organization's id", Hint: "It is " + o.OrganizationID, Required: true, Autocomplete: "off",
			Error: f.problem("confirm"), Value: f.typed("confirm"),
		}
	}
	return s.render(c, status, orgviews.RemovePage(m))
}

// removeOrganization deletes an organization that never had a subscription.
func (s *Server) removeOrganization(c echo.Context) error {
	f, err := parseForm(c)
	if err != nil {
		return err
	}
	o, err := s.removable(c)
	if err != nil {
		return err
	}
	if s.needsTypedName() && f.text("confirm", 100) != o.OrganizationID {
		f.fail("confirm", "This is not the id of the organization, so nothing was removed.")
		return s.askRemoveOrganization(c, http.StatusUnprocessableEntity, o, f)
	}
	entry := s.audit(c, "organization.remove")
	if entry.Before, err = organizationJSON(o, "deleted"); err != nil {
		return err
	}
	if err := s.store.RemoveOrganization(c.Request().Context(), o, entry); err != nil {
		return err
	}
	s.flash(c, ui.Good, o.Name+" is removed.")
	return s.redirect(c, paths.Organizations)
}

// lastAnswer is what is known of the credentials without asking: Cybersource has answered about a subscription since they were entered.
func (s *Server) lastAnswer(ctx context.Context, o store.Organization) (orgviews.Check, error) {
	list, err := s.store.ListSubscriptions(ctx, store.SubscriptionFilter{OrganizationID: o.ID, Limit: 200})
	if err != nil || o.KeyID == "" {
		return orgviews.Check{}, err
	}
	var last store.Subscription
	for _, v := range list {
		if len(v.Actual) > 0 && v.CheckedAt.After(last.CheckedAt) && v.CheckedAt.After(o.UpdatedAt) {
			last = v
		}
	}
	if last.ID == 0 {
		return orgviews.Check{}, nil
	}
	return orgviews.Check{
		Tone: ui.Good, Title: "Cybersource has accepted these credentials", At: last.CheckedAt,
		Text: fmt.Sprintf("It answered about the subscription “%s” %s ago. The check asks which products the organization is enabled for.",
			last.Name, ui.DurationText(s.now().Sub(last.CheckedAt).Truncate(time.Second))),
	}, nil
}
