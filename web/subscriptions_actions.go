package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/views/ui"
)

// startAudit writes the row that must stand before something is done about a subscription at Cybersource.
func (s *Server) startAudit(ctx context.Context, audit store.AuditEntry, v store.Subscription) (int64, error) {
	audit.Outcome = store.OutcomeStarted
	audit.ObjectKind, audit.ObjectID, audit.ObjectName, audit.OrganizationID = "subscription", fmt.Sprint(v.ID), v.Name, v.OrganizationID
	return s.store.InsertAudit(ctx, audit)
}

// whyNotActivate, whyNotDeactivate and whyNotTest are the reasons why Cybersource would not do it in this state, or "".
func whyNotActivate(v store.Subscription) string {
	if reason := whyNotChange(v); reason != "" {
		return reason
	}
	switch v.Status {
	case store.StatusActive:
		return "It is active."
	case store.StatusPendingReview:
		return "Cybersource reviews the addresses first."
	case store.StatusBlocked:
		return "Cybersource has rejected an address."
	case store.StatusResend:
		return "Cybersource is sending again what it held."
	}
	return ""
}

func whyNotDeactivate(v store.Subscription) string {
	if v.Status == store.StatusInactive {
		return "It is inactive."
	}
	if v.Status == store.StatusActive {
		return ""
	}
	return whyNotActivate(v)
}

func whyNotTest(v store.Subscription) string {
	switch v.Status {
	case store.StatusPendingReview, store.StatusBlocked:
		return whyNotActivate(v)
	}
	return whyNotChange(v)
}

// activateSubscription asks Cybersource to start sending.
func (s *Server) activateSubscription(c echo.Context) error {
	return s.setStatus(c, "subscription.activate", cybs.StatusActive, whyNotActivate)
}

// confirmDeactivateSubscription asks before Cybersource is asked to stop: what happens meanwhile is lost.
func (s *Server) confirmDeactivateSubscription(c echo.Context) error {
	v, _, err := s.loadSubscription(c)
	if err != nil {
		return err
	}
	if reason := whyNotDeactivate(v); reason != "" {
		return userError(http.StatusConflict, reason, nil)
	}
	p := s.page(c, "Deactivate “"+v.Name+"”", crumb("Subscriptions", paths.Subscriptions), crumb(v.Name, paths.ShowSubscription(v.ID)), narrow())
	return s.render(c, http.StatusOK, subscriptions.SecurityDeedPage(p, subscriptions.SecurityDeed{
		Action: paths.DeactivateSubscriptionOf(v.ID), BackHref: paths.ShowSubscription(v.ID), Keep: "Keep it active",
		Happens: []string{
			"Cybersource stops sending at once.",
			"Events that happen while it is inactive are lost: Cybersource does not send them later.",
			"The subscription stays. Nothing else is changed, and you can activate it again at any time.",
		},
		Button: ui.Action{Label: "Deactivate subscription", Kind: ui.Danger, Icon: ui.IconPause, Attrs: templ.Attributes{"data-testid": "confirm-deactivate"}},
	}))
}

// deactivateSubscription asks Cybersource to stop sending.
func (s *Server) deactivateSubscription(c echo.Context) error {
	return s.setStatus(c, "subscription.deactivate", cybs.StatusInactive, whyNotDeactivate)
}

func (s *Server) setStatus(c echo.Context, action string, status cybs.Status, whyNot func(store.Subscription) string) error {
	return s.act(c, action, whyNot, func(ctx context.Context, client *cybs.Client, v store.Subscription) (told ui.Flash, kept string, err error) {
		if err := client.SetSubscriptionStatus(ctx, v.WebhookID, status); err != nil {
			return told, "", err
		}
		now, err := s.refresh(ctx, client, v)
		if err != nil {
			// It was done; the job that is queued now will see what became of it.
			s.logCybersource(ctx, "read subscription after setting its status", err)
			return ui.Flash{Tone: ui.Waiting, Text: "Done. Cybersource could not be asked how it stands now; this page will say soon."}, "", nil
		}
		told = statusFlash("Done. Cybersource says: ", now)
		if string(now) == string(status) {
			told.Tone = ui.Good // as was asked for
		}
		return told, "Cybersource says " + string(now), nil
	})
}

// testSubscription has Cybersource send one test notification.
func (s *Server) testSubscription(c echo.Context) error {
	return s.act(c, "subscription.test", whyNotTest, func(ctx context.Context, client *cybs.Client, v store.Subscription) (told ui.Flash, kept string, err error) {
		sent, err := client.TestSubscription(ctx, v.WebhookID)
		if err != nil {
			return told, "", err
		}
		if sent.EventType == "" {
			return ui.Flash{Tone: ui.Good, Text: "Cybersource has sent a test notification. It shows up below within seconds."}, "", nil
		}
		return ui.Flash{Tone: ui.Good, Text: "Cybersource has sent a test notification of type " + readable(sent.EventType) + ". It shows up below within seconds."},
			readable(sent.EventType + ", trace id " + sent.TransactionTraceID), nil
	})
}

// deed is one thing done at Cybersource: what the person is told of it, and what the audit log keeps.
type deed func(ctx context.Context, client *cybs.Client, v store.Subscription) (told ui.Flash, kept string, err error)

// act does one thing at Cybersource about the subscription of the path: audit row, call, outcome, job, and back to its page.
func (s *Server) act(c echo.Context, action string, whyNot func(store.Subscription) string, do deed) error {
	v, o, err := s.loadSubscription(c)
	if err != nil {
		return err
	}
	if reason := whyNot(v); reason != "" {
		return s.showProblem(c, http.StatusConflict, v, o, subscriptions.Notice{Tone: ui.Waiting, Title: "Nothing was done", Text: reason})
	}
	ctx, cancel := acting(c.Request().Context())
	defer cancel()
	auditID, err := s.startAudit(ctx, s.audit(c, action), v)
	if err != nil {
		return err
	}
	client, err := s.client(ctx, o)
	var (
		told ui.Flash
		kept string
	)
	if err == nil {
		told, kept, err = do(ctx, client, v)
	}
	after, cancel := aftermath(ctx)
	defer cancel()
	if err != nil {
		s.finishAudit(after, auditID, err, callText(err))
		s.syncSoon(after, v.ID)
		title := "Cybersource did not do this"
		if isUncertain(err) {
			title = "It is not known whether Cybersource did this"
		}
		return s.showCallProblem(c, v, o, action, title, err)
	}
	s.finishAudit(after, auditID, nil, kept)
	s.syncSoon(after, v.ID)
	s.show(c, told)
	return s.redirect(c, paths.ShowSubscription(v.ID))
}

// showCallProblem is the subscription's page with what Cybersource said.
func (s *Server) showCallProblem(c echo.Context, v store.Subscription, o store.Organization, doing, title string, err error) error {
	s.logCybersource(c.Request().Context(), doing, err)
	return s.showProblem(c, http.StatusBadGateway, v, o, subscriptions.Notice{Tone: ui.Bad, Title: title, Text: callText(err)})
}

// refreshSubscription asks Cybersource how a subscription stands. It changes nothing there, and of ours only what is known.
func (s *Server) refreshSubscription(c echo.Context) error {
	v, o, err := s.loadSubscription(c)
	if err != nil {
		return err
	}
	if !v.DeletedAt.IsZero() {
		return s.showProblem(c, http.StatusConflict, v, o, subscriptions.Notice{Tone: ui.Waiting, Title: "Nothing was asked", Text: "It is deleted."})
	}
	ctx, cancel := acting(c.Request().Context())
	defer cancel()
	client, err := s.client(ctx, o)
	var status store.SubscriptionStatus
	if err == nil {
		status, err = s.refreshOrFind(ctx, client, o, v)
	}
	if err != nil {
		return s.showCallProblem(c, v, o, "refresh subscription", "Cybersource did not say how it stands", err)
	}
	switch status {
	case store.StatusUnknown:
		s.flash(c, ui.Waiting, "Cybersource does not have this subscription any more.")
	case store.StatusCreating:
		s.flash(c, ui.Waiting, "Cybersource does not have this subscription yet. If it stays so for some minutes, delete it and create it again.")
	default:
		s.show(c, statusFlash("Cybersource says: ", status))
	}
	return s.redirect(c, paths.ShowSubscription(v.ID))
}

// refreshOrFind asks for the subscription by its id or, while none is known, looks for it by its URL.
func (s *Server) refreshOrFind(ctx context.Context, client *cybs.Client, o store.Organization, v store.Subscription) (store.SubscriptionStatus, error) {
	if v.WebhookID != "" {
		return s.refresh(ctx, client, v)
	}
	found, err := s.findAtCybersource(ctx, client, o, v)
	if err != nil || found == nil {
		return store.StatusCreating, err
	}
	return s.recordStatus(ctx, v, found)
}

// refresh reads a subscription from Cybersource and keeps the answer; that it is not there is an answer too.
func (s *Server) refresh(ctx context.Context, client *cybs.Client, v store.Subscription) (store.SubscriptionStatus, error) {
	answer, err := client.GetSubscription(ctx, v.WebhookID)
	if errors.Is(err, cybs.ErrNotFound) {
		_, err := s.store.RecordActual(ctx, v.ID, store.ActualSubscription{
			WebhookID: v.WebhookID, Status: store.StatusUnknown, Detail: "Cybersource does not have it any more. It may have been deleted in the Business Center.",
		})
		return store.StatusUnknown, err
	}
	if err != nil {
		return "", err
	}
	return s.recordStatus(ctx, v, answer)
}

func (s *Server) recordStatus(ctx context.Context, v store.Subscription, answer *cybs.Subscription) (store.SubscriptionStatus, error) {
	if err := s.recordAnswer(ctx, v, answer); err != nil {
		return "", err
	}
	now, err := s.store.GetSubscription(ctx, v.ID)
	return now.Status, err
}
