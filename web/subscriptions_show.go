package web

import (
	"context"
	"fmt"
	"net/http"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/views/ui"
)

// Tabs of a subscription's page, and the parts of it that live signals fetch.
const (
	tabActivity      = "activity"
	tabConfiguration = "configuration"
	tabSecurity      = "security"
	tabHistory       = "history"
	tabAnswer        = "answer"

	partState    = "state"
	partActivity = "activity"
)

// showSubscription shows one subscription, deleted or not.
func (s *Server) showSubscription(c echo.Context) error {
	v, o, err := s.loadSubscription(c)
	if err != nil {
		return err
	}
	if s.partial(c) {
		return s.showSubscriptionPart(c, v)
	}
	return s.renderSubscription(c, http.StatusOK, v, o)
}

// showSubscriptionPart answers a live signal.
func (s *Server) showSubscriptionPart(c echo.Context, v store.Subscription) error {
	p := s.page(c, v.Name)
	if c.QueryParam("part") == partActivity {
		activity, err := s.activityOf(c.Request().Context(), p.Clock, v)
		if err != nil {
			return err
		}
		return s.render(c, http.StatusOK, subscriptions.ActivityPart(p, activity))
	}
	state, err := s.stateOf(c, v)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, subscriptions.StatePart(p, state))
}

// showProblem is the page of a subscription with why something was not done.
func (s *Server) showProblem(c echo.Context, status int, v store.Subscription, o store.Organization, n subscriptions.Notice) error {
	return s.renderSubscription(c, status, v, o, n)
}

func (s *Server) renderSubscription(c echo.Context, status int, v store.Subscription, o store.Organization, notices ...subscriptions.Notice) error {
	ctx := c.Request().Context()
	opts := []pageOption{crumb("Subscriptions", paths.Subscriptions)}
	if v.Description != "" {
		opts = append(opts, describe(v.Description))
	}
	p := s.page(c, v.Name, opts...)
	state, err := s.stateOf(c, v)
	if err != nil {
		return err
	}
	tab := c.QueryParam("tab")
	offered, err := s.healedNotices(c, v)
	if err != nil {
		return err
	}
	lost, err := s.lossNotices(c, v)
	if err != nil {
		return err
	}
	show := subscriptions.Show{State: state, Notices: append(append(notices, lost...), offered...), Stream: s.liveURL(c)}
	switch tab {
	case tabConfiguration:
		show.Configuration, err = s.configurationOf(ctx, v, o)
	case tabSecurity:
		show.Security, err = s.securityTab(c, p.Clock, v)
	case tabHistory:
		show.History, err = s.historyOf(ctx, v)
	case tabAnswer:
		answer := answerOf(v, c.QueryParam("view"))
		show.Answer = &answer
	default:
		tab = tabActivity
		var activity subscriptions.Activity
		activity, err = s.activityOf(ctx, p.Clock, v)
		show.Activity = &activity
	}
	if err != nil {
		return err
	}
	show.Tabs = subscriptionTabs(v.ID, tab)
	return s.render(c, status, subscriptions.ShowPage(p, show, subscriptionActions(c, v)))
}

func subscriptionTabs(id int64, current string) []ui.Tab {
	tabs := []ui.Tab{{Label: "Activity", Href: paths.ShowSubscription(id), Current: current == tabActivity}}
	for _, t := range []struct{ tab, label string }{{tabConfiguration, "Configuration"}, {tabSecurity, "Security"}, {tabHistory, "History"}, {tabAnswer, "Cybersource’s answer"}} {
		tabs = append(tabs, ui.Tab{Label: t.label, Href: paths.ShowSubscriptionTab(id, t.tab), Current: current == t.tab})
	}
	return tabs
}

// subscriptionActions stand beside the name.
func subscriptionActions(c echo.Context, v store.Subscription) []ui.Action {
	edit := ui.Action{
		Label: "Edit", Href: paths.EditSubscriptionOf(v.ID), Icon: ui.IconEdit, Reason: firstOf(whyNotEdit(c), whyNotChange(v)),
		Attrs: templ.Attributes{"data-testid": "edit-subscription"},
	}
	remove := ui.Action{
		Label: "Delete", Href: paths.DeleteSubscriptionOf(v.ID), Icon: ui.IconDelete, Reason: whyNotEdit(c),
		Attrs: templ.Attributes{"data-testid": "delete-subscription-link"},
	}
	if !v.DeletedAt.IsZero() {
		remove.Reason = firstOf(remove.Reason, "It is deleted.")
	}
	return []ui.Action{edit, remove}
}

// firstOf is the first text that says something.
func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// stateOf says how a subscription stands and what can be done about it by this person.
func (s *Server) stateOf(c echo.Context, v store.Subscription) (subscriptions.State, error) {
	state := subscriptions.State{
		Href: paths.With(paths.ShowSubscription(v.ID), "part", partState), Status: ui.StatusFrom(string(v.Status)), Since: v.StatusSince,
		Detail: v.StatusDetail, CheckedAt: v.CheckedAt,
	}
	switchedOff, err := s.switchedOffBy(c.Request().Context(), v)
	if err != nil {
		return state, err
	}
	state.Meaning, state.Next = statusWords(v, switchedOff)
	refused, err := s.refusedOf(c.Request().Context(), v)
	if err != nil {
		return state, err
	}
	state = withRefused(state, v, refused)
	if drifts := s.driftsOf(v); len(drifts) > 0 {
		state.Drift, state.Drifts, state.Repair = driftText(drifts), driftPairs(drifts), repairAction(v, firstOf(whyNotEdit(c), whyNotChange(v)))
		if v.Status == store.StatusActive && driftsIn(drifts, memberURL) {
			state.Meaning = "Cybersource sends notifications to another address, not to the endpoint."
		}
	}
	if !v.DeletedAt.IsZero() {
		return state, nil
	}
	mayNot := whyNotEdit(c)
	offer := func(testID, label, href string, icon ui.Icon, kind ui.Kind, reason, text string) subscriptions.Deed {
		return subscriptions.Deed{
			Action: ui.Action{Label: label, Href: href, Icon: icon, Kind: kind, Reason: firstOf(mayNot, reason), Attrs: templ.Attributes{"data-testid": testID}},
			Text:   text,
		}
	}
	activate := offer("activate-subscription", "Activate", paths.ActivateSubscriptionOf(v.ID), ui.IconPlay, ui.Primary, whyNotActivate(v),
		"Asks Cybersource to start sending now, without waiting for the health check.")
	deactivate := offer("deactivate-subscription", "Deactivate", paths.DeactivateSubscriptionOf(v.ID), ui.IconPause, ui.Secondary, whyNotDeactivate(v),
		"Asks Cybersource to stop sending. Events that happen meanwhile are not sent later.")
	deactivate.Asks = true
	state.Deeds = append(state.Deeds, offer("test-subscription", "Send test notification", paths.TestSubscriptionOf(v.ID), ui.IconSend, ui.Secondary, whyNotTest(v),
		"Asks Cybersource for one signed test notification to our endpoint. No business event stands behind it."))
	if v.Status == store.StatusActive || v.Status == store.StatusSuspended {
		state.Deeds = append(state.Deeds, deactivate)
	} else {
		state.Deeds = append(state.Deeds, activate)
	}
	state.Deeds = append(state.Deeds, offer("refresh-subscription", "Refresh", paths.RefreshSubscriptionOf(v.ID), ui.IconRefresh, ui.Secondary, "",
		"Asks Cybersource how the subscription stands. Nothing is changed there."))
	return state, nil
}

// switchedOffBy is who deactivated a subscription that is inactive for that reason, else "".
func (s *Server) switchedOffBy(ctx context.Context, v store.Subscription) (string, error) {
	if v.Status != store.StatusInactive {
		return "", nil
	}
	entries, err := s.store.ListAudit(ctx, store.AuditFilter{ObjectKind: "subscription", ObjectID: fmt.Sprint(v.ID), Limit: 50})
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if e.Outcome != store.OutcomeSucceeded {
			continue
		}
		switch e.Action {
		case "subscription.deactivate":
			return e.Actor, nil
		case "subscription.activate", "subscription.create":
			return "", nil
		}
	}
	return "", nil
}

// statusWords say what a status means for this subscription, and what comes next or what to do.
func statusWords(v store.Subscription, switchedOffBy string) (meaning, next string) {
	switch v.Status {
	case store.StatusCreating:
		return "Cybersource was asked to make it and has not confirmed it.",
			"Switchboard looks for it by its address and takes it over when it is there. Refresh to look now. Do not create it a second time before."
	case store.StatusPendingReview:
		return "Cybersource reviews the addresses before it sends anything there.",
			"That takes 1 to 2 business days and happens for every new host. It is no failure: there is nothing to do but wait. After approval it becomes inactive, then active with the first health check."
	case store.StatusBlocked:
		return "Cybersource has rejected an address and sends nothing.",
			"Ask your Cybersource contact for the reason. A subscription with another receiver address has to be created anew."
	case store.StatusInactive:
		if switchedOffBy != "" {
			return "Switched off by " + switchedOffBy + ". Cybersource sends nothing.", "Activate it to go on. Events that happened meanwhile are not sent later."
		}
		return "Waiting for the first health check. Cybersource sends nothing yet.",
			"Cybersource calls the health check URL within 5 to 10 minutes and makes the subscription active when it answers. You can also activate it now."
	case store.StatusActive:
		return "Cybersource sends notifications to the endpoint.", ""
	case store.StatusSuspended:
		return "Cybersource could not reach the endpoint and holds notifications.",
			"It asks the health check URL again and again, and sends what it holds as soon as that answers. Look at the health checks below, and at the network between Cybersource and the receiver."
	case store.StatusResend:
		return "Cybersource is sending again what it held.", "It becomes active by itself."
	case store.StatusDeleted:
		return "Deleted. Its addresses answer 404; what it received stays here.", ""
	default:
		return "Cybersource does not have it any more, or says something Switchboard does not know.", "Refresh to ask again. If it is gone there, delete it here and create it anew."
	}
}
