package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/views/ui"
)

// confirmDeleteSubscription asks before a subscription is deleted, and says what will happen.
func (s *Server) confirmDeleteSubscription(c echo.Context) error {
	v, _, err := s.loadSubscription(c)
	if err != nil {
		return err
	}
	if !v.DeletedAt.IsZero() {
		return userError(http.StatusConflict, "This subscription is deleted already.", nil)
	}
	return s.askDelete(c, http.StatusOK, v, nil)
}

// needsTypedName reports whether a deletion must be confirmed by typing the name.
func (s *Server) needsTypedName() bool { return strings.HasPrefix(s.environment, "production") }

// askDelete shows the question. f holds a wrong answer, and may be nil.
func (s *Server) askDelete(c echo.Context, status int, v store.Subscription, f *form, notices ...subscriptions.Notice) error {
	happens, err := s.whatDeletingDoes(c.Request().Context(), v)
	if err != nil {
		return err
	}
	d := subscriptions.Delete{
		Name: v.Name, Action: paths.DeleteSubscriptionOf(v.ID), BackHref: paths.ShowSubscription(v.ID), Happens: happens, Notices: notices,
		Button: ui.Action{Label: "Delete subscription", Kind: ui.Danger, Icon: ui.IconDelete, Attrs: templ.Attributes{"data-testid": "confirm-delete"}},
	}
	if s.needsTypedName() {
		d.Confirm = ui.Field{
			Name: subscriptions.FieldConfirm, Label: "Type the name of the subscription", Hint: "It is called " + v.Name, Required: true, Autocomplete: "off",
		}
	}
	if f != nil {
		d.Errors, d.Confirm.Error, d.Confirm.Value = f.summary(), f.problem(subscriptions.FieldConfirm), f.typed(subscriptions.FieldConfirm)
	}
	p := s.page(c, "Delete “"+v.Name+"”", crumb("Subscriptions", paths.Subscriptions), crumb(v.Name, paths.ShowSubscription(v.ID)), narrow())
	return s.render(c, status, subscriptions.DeletePage(p, d))
}

// whatDeletingDoes names what will happen here and at Cybersource.
func (s *Server) whatDeletingDoes(ctx context.Context, v store.Subscription) ([]string, error) {
	sums, err := s.store.TrafficBySubscription(ctx, store.TrafficFilter{OrganizationID: v.OrganizationID, From: s.now().Add(-24 * time.Hour)})
	if err != nil {
		return nil, err
	}
	var last int64
	for _, t := range sums {
		if t.SubscriptionID == v.ID {
			last = t.Verified + t.Rejected
		}
	}
	events := 0
	for _, p := range v.Products {
		events += len(p.EventTypes)
	}
	lines := []string{
		fmt.Sprintf("Cybersource deletes the subscription and stops sending its %d event types. In the last 24 hours it sent %s deliveries.", events, ui.CountText(last, 0)),
		"Notifications that Cybersource still wants to send again do not arrive any more: the endpoint’s addresses answer 404 from then on.",
		"What was received stays here, with the history of the subscription.",
		"It cannot be undone. A new subscription for the same products gets other addresses, and those may have to pass Cybersource’s review.",
	}
	if v.SecurityType != store.SecurityKey && !v.Policy.Tokens.External() {
		lines[2] += " Its OAuth client ends at once."
	}
	if v.WebhookID == "" {
		lines[0] = "Cybersource is asked once more whether it has the subscription; if it does, it deletes it."
	}
	if v.Status == store.StatusUnknown {
		lines[0] = "Cybersource does not have the subscription any more, so nothing changes there."
	}
	return lines, nil
}

// deleteSubscription deletes a subscription at Cybersource and then here.
func (s *Server) deleteSubscription(c echo.Context) error {
	f, err := parseForm(c)
	if err != nil {
		return err
	}
	v, o, err := s.loadSubscription(c)
	if err != nil {
		return err
	}
	if !v.DeletedAt.IsZero() {
		return userError(http.StatusConflict, "This subscription is deleted already.", nil)
	}
	if s.needsTypedName() && f.text(subscriptions.FieldConfirm, maxSubscriptionName) != v.Name {
		f.fail(subscriptions.FieldConfirm, "This is not the name of the subscription, so nothing was deleted.")
		return s.askDelete(c, http.StatusUnprocessableEntity, v, f)
	}
	err = s.removeSubscription(c.Request().Context(), o, v, s.audit(c, "subscription.delete"))
	switch {
	case isCallError(err):
		s.logCybersource(c.Request().Context(), "delete subscription", err)
		title := "Nothing was deleted"
		if isUncertain(err) {
			s.syncSoon(context.WithoutCancel(c.Request().Context()), v.ID)
			title = "It is not known whether this was deleted at Cybersource"
		}
		return s.askDelete(c, http.StatusBadGateway, v, nil, subscriptions.Notice{Tone: ui.Bad, Title: title, Text: callText(err)})
	case err != nil:
		return err
	}
	s.flash(c, ui.Good, "Deleted “"+v.Name+"”. What it received stays.", "Show it", paths.ShowSubscription(v.ID))
	return s.redirect(c, paths.Subscriptions)
}

// removeSubscription deletes a subscription at Cybersource, and here once it is gone there. That Cybersource does not have it is fine.
// The errors are a callError, ErrConflict while another change is under way, and ErrNotFound when somebody was faster.
func (s *Server) removeSubscription(ctx context.Context, o store.Organization, v store.Subscription, audit store.AuditEntry) error {
	out, cancel := outward(ctx)
	defer cancel()
	unlock, err := s.store.LockOrganization(out, o.ID)
	if err != nil {
		return err
	}
	defer unlock()
	audit.Before = auditJSON(v)
	auditID, err := s.startAudit(out, audit, v)
	if err != nil {
		return err
	}
	detail, err := s.removeAtCybersource(out, o, v)
	after, cancel := aftermath(ctx)
	defer cancel()
	if err != nil {
		s.finishAudit(after, auditID, err, callText(err))
		return &callError{err}
	}
	if err = s.store.DeleteSubscription(after, v.ID); err == nil {
		err = s.retireStrays(after, v.ID)
	}
	s.finishAudit(after, auditID, err, detail)
	return err
}

func (s *Server) removeAtCybersource(ctx context.Context, o store.Organization, v store.Subscription) (detail string, err error) {
	client, err := s.client(ctx, o)
	if err != nil {
		return "", err
	}
	webhookID := v.WebhookID
	if webhookID == "" {
		found, err := s.findAtCybersource(ctx, client, o, v)
		if err != nil {
			return "", err
		}
		if found == nil {
			return "Cybersource did not have it", nil
		}
		webhookID = found.WebhookID
	}
	err = client.DeleteSubscription(ctx, webhookID)
	if errors.Is(err, cybs.ErrNotFound) {
		return "Cybersource did not have it", nil
	}
	return "", err
}
