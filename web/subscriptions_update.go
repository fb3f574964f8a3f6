package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/views/ui"
)

// whyNotChange is the reason why a subscription cannot be changed in its present state, or "".
func whyNotChange(v store.Subscription) string {
	switch {
	case !v.DeletedAt.IsZero():
		return "It is deleted."
	case v.WebhookID == "":
		return "Cybersource has not confirmed it yet. Refresh first."
	case v.Status == store.StatusUnknown:
		return "Cybersource does not have it, so there is nothing to change."
	}
	return ""
}

// editSubscription shows the form that changes a subscription.
func (s *Server) editSubscription(c echo.Context) error {
	v, o, err := s.loadSubscription(c)
	if err != nil {
		return err
	}
	if reason := whyNotChange(v); reason != "" {
		return userError(http.StatusConflict, reason, nil)
	}
	k, err := s.loadCatalogue(c.Request().Context(), o, v)
	if err != nil {
		return err
	}
	return s.showSubscriptionForm(c, http.StatusOK, formState{draft: draftOf(v), catalogue: k, organization: o, editing: v})
}

// updateSubscription changes a subscription at Cybersource and here.
func (s *Server) updateSubscription(c echo.Context) error {
	f, err := parseForm(c)
	if err != nil {
		return err
	}
	if intentOf(f) == subscriptions.IntentPreview && s.partial(c) {
		return s.previewSchedule(c, f)
	}
	v, o, err := s.loadSubscription(c)
	if err != nil {
		return err
	}
	if reason := whyNotChange(v); reason != "" {
		return userError(http.StatusConflict, reason, nil)
	}
	ctx := c.Request().Context()
	k, err := s.loadCatalogue(ctx, o, v)
	if err != nil {
		return err
	}
	st := formState{draft: typedDraft(f), catalogue: k, organization: o, editing: v}
	if intentOf(f) != "" {
		return s.showSubscriptionForm(c, http.StatusOK, st)
	}
	st.fields = f
	wanted := readSubscription(f, k)
	if !f.ok() {
		return s.showSubscriptionForm(c, http.StatusUnprocessableEntity, st)
	}
	wanted.ID, wanted.SecurityType = v.ID, v.SecurityType
	changed, err := s.changeSubscription(ctx, o, wanted, st.draft.version, s.audit(c, "subscription.update"))
	if err != nil {
		return s.refuseChange(c, st, err)
	}
	if changed {
		s.flash(c, ui.Good, "Saved, here and at Cybersource.")
	} else {
		s.flash(c, ui.Neutral, "Nothing was different, so nothing was sent.")
	}
	return s.redirect(c, paths.ShowSubscription(v.ID))
}

// staleError means that the subscription has changed since the form was made.
type staleError struct{ now store.Subscription }

func (e *staleError) Error() string {
	return fmt.Sprintf("subscription %d was changed at %s", e.now.ID, versionOf(e.now))
}

// refuseChange gives the form back with the reason why nothing was changed.
func (s *Server) refuseChange(c echo.Context, st formState, err error) error {
	status := http.StatusUnprocessableEntity
	var (
		taken *takenError
		stale *staleError
	)
	switch {
	case errors.As(err, &stale):
		status = http.StatusConflict
		st.notices = []subscriptions.Notice{s.staleNotice(c, st.editing, stale.now)}
		st.draft.version = versionOf(stale.now)
	case errors.As(err, &taken):
		st.fields.fail(subscriptions.FieldEvent, taken.text())
	case isCallError(err):
		s.logCybersource(c.Request().Context(), "update subscription", err)
		title := "Nothing was changed"
		if isUncertain(err) {
			title = "It is not known whether this was changed"
		}
		st.notices = []subscriptions.Notice{{Tone: ui.Bad, Title: title, Text: callText(err)}}
	case errors.Is(err, store.ErrConflict):
		status = http.StatusConflict
		st.notices = []subscriptions.Notice{{Tone: ui.Waiting, Title: "Nothing was changed", Text: busyText}}
	default:
		return err
	}
	return s.showSubscriptionForm(c, status, st)
}

// staleNotice says who changed the subscription meanwhile, as far as the audit log knows.
func (s *Server) staleNotice(c echo.Context, v, now store.Subscription) subscriptions.Notice {
	who := "Somebody"
	entries, err := s.store.ListAudit(c.Request().Context(), store.AuditFilter{ObjectKind: "subscription", ObjectID: fmt.Sprint(v.ID), Action: "subscription.update", Limit: 1})
	if err == nil && len(entries) == 1 { // without a name the notice is still true
		who = entries[0].Actor
	}
	return subscriptions.Notice{
		Tone: ui.Waiting, Title: who + " saved other changes while you were editing",
		Text: fmt.Sprintf("Nothing of yours was saved. Your answers are kept below; what is stored now is called “%s” and has %d products. Save again to replace it, or cancel to look at it first.", now.Name, len(now.Products)),
	}
}

// changeSubscription sends what differs to Cybersource and, when that is done, stores it. It reports whether anything differed. The
// errors are *staleError, *takenError, a callError, and ErrConflict while another change is under way.
func (s *Server) changeSubscription(ctx context.Context, o store.Organization, wanted store.Subscription, version string, audit store.AuditEntry) (bool, error) {
	out, cancel := outward(ctx)
	defer cancel()
	unlock, err := s.store.LockOrganization(out, o.ID)
	if err != nil {
		return false, err
	}
	defer unlock()
	before, err := s.store.GetSubscription(out, wanted.ID)
	if err != nil {
		return false, err
	}
	if versionOf(before) != version {
		return false, &staleError{before}
	}
	wanted.OrganizationID = o.ID
	patch, differs := patchOf(before, wanted)
	if !differs {
		return false, nil
	}
	if err := s.checkTaken(out, wanted); err != nil {
		return false, err
	}
	client, err := s.client(out, o)
	if err != nil {
		return false, &callError{err}
	}
	audit.Before, audit.After = auditJSON(before), auditJSON(wanted)
	auditID, err := s.startAudit(out, audit, before)
	if err != nil {
		return false, err
	}
	answer, err := client.UpdateSubscription(out, before.WebhookID, patch)
	after, cancel := aftermath(ctx)
	defer cancel()
	s.syncSoon(after, before.ID)
	if err != nil {
		s.finishAudit(after, auditID, err, callText(err))
		return false, &callError{err}
	}
	err = errors.Join(s.store.UpdateSubscription(after, wanted), s.recordAnswer(after, before, answer))
	s.finishAudit(after, auditID, err, "")
	return true, err
}

// patchOf names what wanted has different from before.
func patchOf(before, wanted store.Subscription) (patch cybs.SubscriptionPatch, differs bool) {
	if wanted.Name != before.Name {
		patch.Name, differs = &wanted.Name, true
	}
	if wanted.Description != before.Description {
		patch.Description, differs = &wanted.Description, true
	}
	if !reflect.DeepEqual(wanted.Products, before.Products) {
		patch.Products, differs = subscribedProducts(wanted.Products), true
	}
	if wanted.Scope != before.Scope {
		patch.Scope, differs = &cybs.Scope{Kind: cybs.ScopeKind(wanted.Scope)}, true
	}
	if wanted.RetryPolicy != before.RetryPolicy {
		policy := retryPolicyOf(wanted.RetryPolicy)
		patch.RetryPolicy, differs = &policy, true
	}
	return patch, differs
}
