package web

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/views/ui"
)

const (
	lastNotifications = 8
	lastProbes        = 90
	lastEntries       = 100
	trafficStep       = 30 * time.Minute
	trafficSpan       = 24 * time.Hour
)

// activityOf is what arrived for a subscription lately.
func (s *Server) activityOf(ctx context.Context, clock ui.Clock, v store.Subscription) (subscriptions.Activity, error) {
	id := strconv.FormatInt(v.ID, 10)
	a := subscriptions.Activity{
		Href: paths.With(paths.ShowSubscription(v.ID), "part", partActivity), LastReceived: v.LastDeliveryAt,
		NotificationsHref: paths.With(paths.Notifications, "subscription", id), RejectedHref: paths.With(paths.Rejected, "subscription", id),
	}
	from := s.now().Add(-trafficSpan).Truncate(trafficStep).Add(trafficStep)
	buckets, err := s.store.Traffic(ctx, store.TrafficFilter{SubscriptionID: v.ID, From: from, Step: trafficStep})
	if err != nil {
		return a, err
	}
	for _, b := range buckets {
		a.Verified, a.Rejected = a.Verified+b.Verified, a.Rejected+b.Rejected
	}
	a.Traffic = trafficChart(clock, from, buckets)
	if v.EndpointID != 0 {
		pings, err := s.store.ListHealthPings(ctx, v.EndpointID, lastProbes)
		if err != nil {
			return a, err
		}
		a.Probes, a.LastProbe = probes(clock, pings)
	}
	a.ProbeNote = "Each mark is one minute in which Cybersource asked; a tall one was refused."
	if len(a.Probes) == 0 {
		a.ProbeNote = "Cybersource has not called the health check URL yet."
	}
	page, err := s.store.ListNotifications(ctx, store.NotificationFilter{SubscriptionID: v.ID, Page: store.Page{Limit: lastNotifications}})
	if err != nil {
		return a, err
	}
	for _, n := range page.Items {
		a.Notifications = append(a.Notifications, subscriptions.NotificationLine{
			Href: paths.ShowNotification(n.ID.String()), EventType: n.EventType, Summary: firstOf(n.Summary, n.ObjectID), Test: n.Test,
			State: ui.StatusFrom(string(n.State)), ReceivedAt: n.ReceivedAt,
		})
	}
	return a, nil
}

// trafficChart has a bar for every step, also for those in which nothing arrived.
func trafficChart(clock ui.Clock, from time.Time, buckets []store.TrafficBucket) ui.ChartData {
	zone := clock.Zone
	if zone == nil {
		zone = time.UTC
	}
	d := ui.ChartData{
		Title: "Deliveries", Unit: "per " + ui.DurationText(trafficStep),
		Series: []ui.ChartSeries{{Name: "verified", Tone: ui.Good}, {Name: "rejected", Tone: ui.Bad}},
	}
	for t := from; !t.After(clock.Now); t = t.Add(trafficStep) {
		p := ui.ChartPoint{Label: t.In(zone).Format("15:04"), Values: []float64{0, 0}}
		for _, b := range buckets {
			if !b.Start.Before(t) && b.Start.Before(t.Add(trafficStep)) {
				p.Values[0] += float64(b.Verified)
				p.Values[1] += float64(b.Rejected)
			}
		}
		d.Points = append(d.Points, p)
	}
	return d
}

// probes are health pings, oldest first as the strip wants them.
func probes(clock ui.Clock, pings []store.HealthPing) (list []ui.Probe, last time.Time) {
	for _, p := range pings {
		if p.At.After(last) {
			last = p.At
		}
		probe := ui.Probe{Tone: ui.Good, Text: fmt.Sprintf("%s: %s answered %d", clock.Absolute(p.At), p.Method, p.Answered)}
		if p.Answered != 200 {
			probe.Tone = ui.Bad
		}
		list = append(list, probe)
	}
	slices.Reverse(list)
	return list, last
}

// configurationOf is the subscription as the team wants it.
func (s *Server) configurationOf(ctx context.Context, v store.Subscription, o store.Organization) (*subscriptions.Configuration, error) {
	keys, err := s.store.ListSignatureKeys(ctx, o.ID)
	if err != nil {
		return nil, err
	}
	conf := &subscriptions.Configuration{
		Facts: []ui.Pair{
			{Name: "Organization", Value: o.Name, Href: paths.ShowOrganization(o.ID)},
			{Name: "Cybersource id", Value: o.OrganizationID, Mono: true, Copy: true},
			{Name: "Webhook id", Value: v.WebhookID, Mono: true, Copy: true},
			{Name: "Security", Value: securityName(v.SecurityType) + " (" + v.SecurityType + ")", Href: paths.ShowSubscriptionTab(v.ID, tabSecurity)},
			{Name: "Scope", Value: scopeName(v.Scope)},
		},
		Policy: retryPairs(v.RetryPolicy), Schedule: retrySchedule(retryPolicyOf(v.RetryPolicy)),
		URLNote: "The addresses are made for this subscription alone and cannot be guessed.",
	}
	if v.EndpointToken != "" {
		conf.WebhookURL, conf.HealthURL = s.endpointURL(v.EndpointToken)
	} else {
		conf.URLNote = "The endpoint is closed: its addresses answer 404."
	}
	for _, p := range v.Products {
		conf.Products = append(conf.Products, subscriptions.ProductEvents{Name: productName(p.ProductID), ID: p.ProductID, Events: p.EventTypes})
	}
	conf.Keys, conf.KeyNote = keyLines(keys, s.now())
	return conf, nil
}

func scopeName(scope string) string {
	switch scope {
	case "DESCENDANTS":
		return "This organization and all below it (DESCENDANTS)"
	case "SELF":
		return "This organization only (SELF)"
	default:
		return scope
	}
}

func retryPairs(p store.RetryPolicy) []ui.Pair {
	interval, unit := strconv.Itoa(p.Interval), " min"
	if p.Algorithm == "GEOMETRIC" {
		unit = " times"
	}
	waits := "Even (" + p.Algorithm + ")"
	if p.Algorithm == "GEOMETRIC" {
		waits = "Growing (" + p.Algorithm + ")"
	}
	repeats := "None"
	if p.RepeatSequenceCount > 0 {
		repeats = fmt.Sprintf("%d, %d min before each", p.RepeatSequenceCount, p.RepeatSequenceWaitTime)
	}
	held := "No: each notification is given up by itself"
	if p.DeactivateFlag {
		held = "Yes: new notifications are held until the health check answers"
	}
	return []ui.Pair{
		{Name: "Waits", Value: waits},
		{Name: "First retry after", Value: strconv.Itoa(p.FirstRetry) + " min"},
		{Name: "Step", Value: interval + unit},
		{Name: "Retries", Value: strconv.Itoa(p.NumberOfRetries)},
		{Name: "Repeats of the sequence", Value: repeats},
		{Name: "Suspends when all have failed", Value: held},
	}
}

func keyLines(keys []store.SignatureKey, now time.Time) (lines []subscriptions.KeyLine, note string) {
	current, ok := currentKey(keys, now)
	for _, k := range keys {
		line := subscriptions.KeyLine{ID: k.KeyID, CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt}
		switch {
		case ok && k.ID == current.ID:
			line.Tone, line.Word = ui.Good, "In use"
		case !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(now):
			line.Tone, line.Word = ui.Bad, "Ended"
		default:
			line.Tone, line.Word = ui.Neutral, "Replaced"
		}
		if len(lines) < 3 {
			lines = append(lines, line)
		}
	}
	switch {
	case len(keys) == 0:
		note = "The organization has no key here, so no delivery can be verified."
	case len(keys) > len(lines):
		note = fmt.Sprintf("The newest %d of %d. Retries may still carry an older one. Keys are stored sealed and never shown.", len(lines), len(keys))
	default:
		note = "One key signs all subscriptions of the organization. It is stored sealed and never shown."
	}
	return lines, note
}

// historyOf is what people did with a subscription, newest first.
func (s *Server) historyOf(ctx context.Context, v store.Subscription) (*subscriptions.History, error) {
	entries, err := s.store.ListAudit(ctx, store.AuditFilter{ObjectKind: "subscription", ObjectID: fmt.Sprint(v.ID), Limit: lastEntries})
	if err != nil {
		return nil, err
	}
	h := &subscriptions.History{}
	for _, e := range entries {
		line := subscriptions.Entry{
			At: e.At, Actor: e.Actor, Action: actionWord(e.Action), Detail: e.Detail, Changes: changesOf(e.Before, e.After),
			Tone: ui.Good, Outcome: "Succeeded",
		}
		switch e.Outcome {
		case store.OutcomeFailed:
			line.Tone, line.Outcome = ui.Bad, "Failed"
		case store.OutcomeStarted:
			line.Tone, line.Outcome = ui.Waiting, "Outcome not recorded"
		}
		h.Entries = append(h.Entries, line)
	}
	return h, nil
}

// actionWord is an action of the audit log as people read it.
func actionWord(action string) string {
	switch action {
	case "subscription.create":
		return "Created"
	case "subscription.update":
		return "Changed"
	case "subscription.activate":
		return "Activated"
	case "subscription.deactivate":
		return "Deactivated"
	case "subscription.test":
		return "Test notification asked for"
	case "subscription.delete":
		return "Deleted"
	case "subscription.rotate_client":
		return "OAuth client rotated"
	}
	return action
}

// answerOf is what Cybersource last said of a subscription, with every member that it sent.
func answerOf(v store.Subscription, view string) subscriptions.Answer {
	if len(v.Actual) == 0 {
		return subscriptions.Answer{None: "Refresh the subscription to ask."}
	}
	href := paths.ShowSubscriptionTab(v.ID, tabAnswer)
	return subscriptions.Answer{At: v.CheckedAt, View: ui.PayloadView{
		Mode: view, TreeHref: href, RawHref: paths.With(href, "view", "raw"), Raw: v.Actual, Tree: ui.ParseJSON(v.Actual, ui.JSONOptions{}),
	}}
}
