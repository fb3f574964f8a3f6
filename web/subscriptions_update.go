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
	st := formState{draft: draftOf(v), catalogue: k, organization: o, editing: v, namesIssuers: namesIssuers(c), notices: s.driftNotice(v)}
	return s.showSubscriptionForm(c, http.StatusOK, st)
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
	st := formState{draft: typedDraft(f), catalogue: k, organization: o, editing: v, namesIssuers: namesIssuers(c)}
	if intent := intentOf(f); intent != "" && intent != subscriptions.IntentReview {
		return s.showSubscriptionForm(c, http.StatusOK, s.answering(st, intent))
	}
	st.fields = f
	wanted, given, err := s.readSubscription(ctx, f, st)
	if err != nil {
		return err
	}
	if !f.ok() {
		return s.showSubscriptionForm(c, http.StatusUnprocessableEntity, st)
	}
	wanted.ID = v.ID
	if intentOf(f) == subscriptions.IntentReview {
		return s.reviewSubscription(c, st, v, wanted, given)
	}
	done, err := s.changeSubscription(ctx, o, subscriptionChange{
		wanted: wanted, given: given, encrypts: len(k.encrypted(wanted.Products)) > 0, version: st.draft.version, audit: s.audit(c, "subscription.update"),
	})
	if err != nil {
		return s.refuseChange(c, st, err)
	}
	tone, text := done.tone(), done.text()
	if done == changedBoth {
		now, err := s.store.GetSubscription(ctx, v.ID)
		if err != nil {
			return err
		}
		tone, text = savedFlash(v, now, text)
	}
	s.flash(c, tone, text)
	return s.redirect(c, paths.ShowSubscription(v.ID))
}

// changed is how much a change has changed.
type changed int

const (
	changedNothing changed = iota
	changedHere            // nothing of it concerns Cybersource
	changedBoth
)

func (d changed) tone() ui.Tone {
	if d == changedNothing {
		return ui.Neutral
	}
	return ui.Good
}

func (d changed) text() string {
	switch d {
	case changedHere:
		return "Saved. Nothing of it concerns Cybersource, so nothing was sent."
	case changedBoth:
		return "Saved, here and at Cybersource."
	default:
		return "Nothing was different, so nothing was sent."
	}
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
		taken       *takenError
		clientTaken *clientTakenError
		stale       *staleError
	)
	switch {
	case errors.As(err, &stale):
		status = http.StatusConflict
		st.notices = []subscriptions.Notice{s.staleNotice(c, st.editing, stale.now)}
		st.draft.version = versionOf(stale.now)
	case errors.As(err, &taken):
		st.fields.fail(subscriptions.FieldEvent, taken.text())
	case errors.As(err, &clientTaken):
		st.fields.fail(subscriptions.FieldAssertionClient, clientTakenText)
	case isCallError(err):
		s.logCybersource(c.Request().Context(), "update subscription", err)
		title := "Nothing was changed"
		if !isUnequipped(err) && isUncertain(err) {
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
		Text: fmt.Sprintf("Nothing of yours was saved. Your answers are kept below; what is stored now is called “%s” and has %s. Save again to replace it, or cancel to look at it first.", now.Name, plural(len(now.Products), "product", "products")),
	}
}

// changeSubscription makes what the change needs, sends what differs to Cybersource and, when that is done, stores it. What deliveries must show
// then is accepted before Cybersource hears of it, besides what they showed so far. The errors are *staleError, *takenError, *clientTakenError, a
// callError, and ErrConflict while another change is under way.
func (s *Server) changeSubscription(ctx context.Context, o store.Organization, ch subscriptionChange) (changed, error) {
	out, cancel := outward(ctx)
	defer cancel()
	unlock, err := s.store.LockOrganization(out, o.ID)
	if err != nil {
		return changedNothing, err
	}
	defer unlock()
	before, err := s.store.GetSubscription(out, ch.wanted.ID)
	if err != nil {
		return changedNothing, err
	}
	if versionOf(before) != ch.version {
		return changedNothing, &staleError{before}
	}
	ch.wanted.OrganizationID, ch.wanted.Policy.AllowOAEP = o.ID, before.Policy.AllowOAEP
	plan, err := s.planSecurity(out, o, before, &ch)
	if err != nil {
		return changedNothing, err
	}
	if _, differs := s.patchOf(before, ch.wanted); !differs && !concernsToken(before, ch, plan) && plan.empty() && sameHere(before, ch.wanted) {
		return changedNothing, nil
	}
	if err := s.checkTaken(out, ch.wanted); err != nil {
		return changedNothing, err
	}
	return s.applyChange(ctx, out, o, before, ch, plan)
}

// patchOf names what wanted has different from before, and from what Cybersource last answered.
func (s *Server) patchOf(before, wanted store.Subscription) (patch cybs.SubscriptionPatch, differs bool) {
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
	differs = s.repair(&patch, before, wanted) || differs
	return patch, differs
}
