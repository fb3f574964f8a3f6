package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/notifications"
	"github.com/switchboardhq/switchboard/views/overview"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/ui"
)

// chartRange is what the chart of the overview can cover, and how wide a bar is then.
type chartRange struct {
	word, label, unit string
	length, step      time.Duration
	format            string
}

var chartRanges = []chartRange{
	{"-1h", "1 h", "deliveries per minute", time.Hour, time.Minute, "15:04"},
	{"-24h", "24 h", "deliveries per 15 minutes", 24 * time.Hour, 15 * time.Minute, "15:04"},
	{"-7d", "7 days", "deliveries per hour", 7 * 24 * time.Hour, time.Hour, "2 Jan 15:04"},
}

const (
	shownSubscriptions = 20
	shownNotifications = 8
	dayRange           = "-24h"
	// keyWarning is how long before its end a signature key is shown.
	keyWarning = 60 * 24 * time.Hour
)

// house is what the overview is made from.
type house struct {
	scope         scope
	subscriptions []store.Subscription // living ones
	sums          map[int64]store.SubscriptionTraffic
	reasons       []store.ReasonCount
	answers       store.AnswerTimes
	buckets       []store.TrafficBucket
	recent        []store.Notification
	keys          []store.SignatureKey
	outages       []store.Outage
	losses        [][]string // what each of the shown outages costs
	ungrouped     []store.Ungrouped
	refused       map[int64]string // by subscription, what it says of refused retries
	counted       int64            // rejected deliveries of a day that were only counted
	schema        int64
	now           time.Time
}

func (s *Server) showOverview(c echo.Context) error {
	r, ok := chartRangeOf(c.QueryParam(fromParam))
	if !ok {
		return c.Redirect(http.StatusSeeOther, paths.Overview)
	}
	h, err := s.readHouse(c, r)
	if err != nil {
		return err
	}
	clock := s.clock(c)
	now := s.overviewNow(h, r, clock)
	if s.partial(c) {
		return s.render(c, http.StatusOK, overview.NowPart(now))
	}
	p := overview.Page{Page: s.page(c, "Overview", describe(houseText(h))), Now: now, Steps: h.steps(whyNotCreate(c))}
	if len(h.subscriptions) > 0 {
		p.Live = ui.LiveTail{
			Stream: s.liveURL(c), Event: string(signalNotifications) + " " + string(signalRejected) + " " + string(signalSubscriptions),
			Refresh: paths.With(paths.Overview, fromParam, c.QueryParam(fromParam)), Target: "#now", On: true,
		}
	}
	return s.render(c, http.StatusOK, overview.View(p))
}

func chartRangeOf(word string) (chartRange, bool) {
	if word == "" {
		word = dayRange
	}
	i := slices.IndexFunc(chartRanges, func(r chartRange) bool { return r.word == word })
	if i < 0 {
		return chartRange{}, false
	}
	return chartRanges[i], true
}

// readHouse asks for everything in bounded reads; counts come from the roll-ups by minute.
func (s *Server) readHouse(c echo.Context, r chartRange) (house, error) {
	ctx, h := c.Request().Context(), house{now: s.now(), sums: map[int64]store.SubscriptionTraffic{}}
	var err error
	if h.scope, err = s.readScope(ctx, c); err != nil {
		return h, err
	}
	for _, v := range h.scope.subscriptions {
		if v.DeletedAt.IsZero() {
			h.subscriptions = append(h.subscriptions, v)
		}
	}
	ids := h.scope.organizationIDs()
	day := store.TrafficFilter{Organizations: ids, From: h.now.Add(-24 * time.Hour)}
	sums, err := s.store.TrafficBySubscription(ctx, day)
	if err != nil {
		return h, err
	}
	for _, t := range sums {
		h.sums[t.SubscriptionID] = t
	}
	if h.reasons, err = s.store.RejectedByReason(ctx, day); err != nil {
		return h, err
	}
	if h.answers, err = s.store.AnswerTimes(ctx, day); err != nil {
		return h, err
	}
	if h.buckets, err = s.store.Traffic(ctx, store.TrafficFilter{Organizations: ids, From: h.now.Add(-r.length).Truncate(r.step), Step: r.step}); err != nil {
		return h, err
	}
	return s.readHouseRest(ctx, h, ids, s.clock(c))
}

func (s *Server) readHouseRest(ctx context.Context, h house, ids []int64, clock ui.Clock) (house, error) {
	page, err := s.store.ListNotifications(ctx, store.NotificationFilter{Organizations: ids, Page: store.Page{Limit: shownNotifications}})
	if err != nil {
		return h, err
	}
	h.recent = page.Items
	if h.keys, err = s.store.ListSignatureKeys(ctx, 0); err != nil {
		return h, err
	}
	if h.outages, err = s.store.ListOutages(ctx, h.now.Add(-24*time.Hour), time.Time{}); err != nil {
		return h, err
	}
	if h.ungrouped, err = s.store.ListUngrouped(ctx, ids); err != nil {
		return h, err
	}
	if h.counted, err = s.store.RejectedUnstored(ctx, store.RejectedFilter{Organizations: ids, From: h.now.Add(-24 * time.Hour)}); err != nil {
		return h, err
	}
	if h.refused, err = s.refusedLines(ctx, h.subscriptions[:min(len(h.subscriptions), shownSubscriptions)]); err != nil {
		return h, err
	}
	for _, o := range h.outages[:min(len(h.outages), shownOutages)] {
		lines, err := s.lossLines(ctx, o, h.subscriptions, clock)
		if err != nil {
			return h, err
		}
		h.losses = append(h.losses, lines)
	}
	h.schema, err = s.store.SchemaVersion(ctx)
	return h, err
}

// houseText names what is watched here.
func houseText(h house) string {
	switch n := len(h.scope.organizations); n {
	case 0:
		return "No organization yet."
	case 1:
		if len(h.subscriptions) == 0 {
			return h.scope.organizations[0].Name + " has no subscription yet."
		}
		return h.scope.organizations[0].Name + " and its " + plural(len(h.subscriptions), "subscription", "subscriptions") + "."
	default:
		return plural(n, "organization", "organizations") + " with " + plural(len(h.subscriptions), "subscription", "subscriptions") + "."
	}
}

// steps lead from an empty house to the first notification; nil once that has arrived. What is done is told by the data.
func (h house) steps(cannotCreate string) []ui.SetupStep {
	hasCredentials := slices.ContainsFunc(h.scope.organizations, func(o store.Organization) bool { return o.KeyID != "" })
	active := slices.ContainsFunc(h.scope.subscriptions, func(v store.Subscription) bool { return v.Status == store.StatusActive || !v.LastDeliveryAt.IsZero() })
	if len(h.recent) > 0 {
		return nil
	}
	steps := []ui.SetupStep{
		{
			Title: "Enter an organization with its credentials", Text: "Switchboard signs its requests to Cybersource with them.", Done: hasCredentials,
			Action: ui.Action{Label: "Add organization", Href: paths.NewOrganization, Kind: ui.Primary},
		},
		{
			Title: "Create the first subscription", Text: "Choose products and event types. URLs and the digital signature key are made for you.", Done: len(h.subscriptions) > 0,
			Action: ui.Action{Label: "Create subscription", Href: paths.NewSubscription, Kind: ui.Primary, Reason: cannotCreate},
		},
		{Title: "It turns active", Text: "Cybersource reviews new URLs, calls the health check and then begins to send.", Done: active},
		{Title: "See the first notification", Text: "Send a test from the subscription's page. It arrives within seconds and is verified."},
	}
	if len(h.subscriptions) > 0 {
		show := paths.ShowSubscription(h.subscriptions[0].ID)
		steps[2].Action = ui.Action{Label: "Watch its status", Href: show, Kind: ui.Primary}
		steps[3].Action = ui.Action{Label: "Send a test", Href: show, Kind: ui.Primary}
	}
	for i := range steps {
		if !steps[i].Done {
			steps[i].Current = true
			break
		}
	}
	return steps
}

func (s *Server) overviewNow(h house, r chartRange, clock ui.Clock) overview.Now {
	n := overview.Now{
		Clock: clock, Tiles: h.tiles(clock), Chart: h.chart(r, clock), SubscriptionsHref: paths.Subscriptions,
		RejectedHref: paths.With(paths.Rejected, fromParam, dayRange), RecentHref: paths.Notifications, Keys: h.endingKeys(), Outages: h.outageLines(),
		Ungrouped: h.ungroupedLine(), Counted: countedText(h.counted),
		Build: []ui.Pair{
			{Name: "Version", Value: orWord(s.version, "development")},
			{Name: "Environment", Value: s.environment},
			{Name: "Keeps notifications", Value: keptText(s.retention)},
			{Name: "Schema", Value: fmt.Sprintf("migration %d, complete", h.schema)},
		},
	}
	for _, o := range chartRanges {
		n.Ranges = append(n.Ranges, ui.Tab{Label: o.label, Href: paths.With(paths.Overview, fromParam, o.word), Current: o.word == r.word})
	}
	for _, v := range h.subscriptions[:min(len(h.subscriptions), shownSubscriptions)] {
		light := h.light(v)
		light.Telling = firstOf(h.refused[v.ID], driftText(s.driftsOf(v)), light.Telling)
		n.Subscriptions = append(n.Subscriptions, light)
	}
	for _, c := range h.reasons {
		n.Rejected = append(n.Rejected, overview.Reason{
			Text: reasonOf(c.Reason).text, Count: c.Deliveries, Href: paths.With(paths.Rejected, reasonParam, c.Reason, fromParam, dayRange),
		})
	}
	if len(h.recent) > 0 {
		f := &filters{scope: h.scope}
		list := notifications.List{Clock: clock, Compact: true}
		for _, item := range h.recent {
			list.Rows = append(list.Rows, f.notificationRow(item))
		}
		n.Recent = notifications.Rows(list)
	}
	return n
}

func (h house) tiles(clock ui.Clock) []ui.StatTile {
	var verified, refused, duplicates int64
	for _, t := range h.sums {
		verified, refused, duplicates = verified+t.Verified, refused+t.Rejected, duplicates+t.Duplicates
	}
	active, last := 0, time.Time{}
	for _, v := range h.subscriptions {
		if v.Status == store.StatusActive {
			active++
		}
		if v.LastDeliveryAt.After(last) {
			last = v.LastDeliveryAt
		}
	}
	subscriptions := ui.StatTile{Label: "Active subscriptions", Value: fmt.Sprint(active), Unit: "of " + fmt.Sprint(len(h.subscriptions)), Href: paths.Subscriptions}
	if active < len(h.subscriptions) {
		subscriptions.Tone, subscriptions.Note = ui.Waiting, plural(len(h.subscriptions)-active, "does", "do")+" not receive now"
	}
	rejected := ui.StatTile{Label: "Rejected, 24 h", Value: ui.CountText(refused, 0), Href: paths.With(paths.Rejected, fromParam, dayRange)}
	if refused > 0 {
		rejected.Tone = ui.Bad
	}
	// The reasons come from a query of their own: the first rejection may fall between the two.
	if refused > 0 && len(h.reasons) > 0 {
		rejected.Note = "mostly: " + lowerFirst(reasonOf(h.reasons[0].Reason).text)
	}
	newest := ui.StatTile{Label: "Last received", Value: "–", Href: paths.Notifications}
	if !last.IsZero() {
		newest.Value = clock.Relative(last)
	}
	arrived := ui.StatTile{Label: "Verified, 24 h", Value: ui.CountText(verified, 0), Unit: "deliveries", Href: paths.With(paths.Notifications, fromParam, dayRange)}
	if duplicates > 0 {
		arrived.Note = plural(int(duplicates), "duplicate", "duplicates") + " answered, not stored again"
	}
	tiles := []ui.StatTile{arrived, rejected, subscriptions, newest}
	if h.answers.Answers() > 0 {
		tiles = append(tiles, ui.StatTile{
			Label: "Answered within, 24 h", Value: briefly(h.answers.Within(0.99)), Note: "99 of 100 deliveries; half within " + briefly(h.answers.Within(0.5)),
		})
	}
	return tiles
}

// countedText says that rejected deliveries were not kept, so that nobody looks for them in the list.
func countedText(n int64) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 of them was only counted: too many came to keep them all"
	}
	return ui.CountText(n, 0) + " of them were only counted: too many came to keep them all"
}

// briefly writes a bound of the histogram of answer times.
func briefly(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%d s", int(d.Seconds()))
}

// lowerFirst makes a sentence the end of another.
func lowerFirst(text string) string {
	_, size := utf8.DecodeRuneInString(text)
	return strings.ToLower(text[:size]) + text[size:]
}

// chart has a bar for each step of the range, also where nothing arrived.
func (h house) chart(r chartRange, clock ui.Clock) ui.ChartData {
	d := ui.ChartData{Title: "Verified and rejected", Unit: r.unit, Series: []ui.ChartSeries{{Name: "verified", Tone: ui.Good}, {Name: "rejected", Tone: ui.Bad}}}
	found := make(map[int64]store.TrafficBucket, len(h.buckets))
	for _, b := range h.buckets {
		found[b.Start.Unix()] = b
	}
	zone := clock.Zone
	if zone == nil {
		zone = time.UTC
	}
	for at := h.now.Add(-r.length).Truncate(r.step); !at.After(h.now); at = at.Add(r.step) {
		b := found[at.Unix()]
		point := ui.ChartPoint{Label: at.In(zone).Format(r.format), Values: []float64{float64(b.Verified), float64(b.Rejected)}}
		if b.Verified+b.Rejected > 0 {
			list := paths.Notifications
			if b.Verified == 0 {
				list = paths.Rejected
			}
			point.Href = paths.With(list, fromParam, at.UTC().Format(time.RFC3339), toParam, at.Add(r.step).UTC().Format(time.RFC3339))
		}
		d.Points = append(d.Points, point)
	}
	return d
}

// light says in words how a subscription is now.
func (h house) light(v store.Subscription) overview.Subscription {
	t, word := h.sums[v.ID], subscriptionWord(v.ID)
	l := overview.Subscription{
		Name: v.Name, Href: paths.ShowSubscription(v.ID), Organization: h.scope.organizationName(v.OrganizationID), Status: ui.StatusFrom(string(v.Status)),
		LastDelivery: v.LastDeliveryAt, Verified: t.Verified, Rejected: t.Rejected,
		VerifiedHref: paths.With(paths.Notifications, subscriptionParam, word, fromParam, dayRange),
		RejectedHref: paths.With(paths.Rejected, subscriptionParam, word, fromParam, dayRange),
	}
	l.Telling = telling(v, t)
	return l
}

func telling(v store.Subscription, t store.SubscriptionTraffic) string {
	switch {
	case v.StatusDetail != "":
		return v.StatusDetail
	case v.Status == store.StatusSuspended:
		return "Cybersource holds notifications until the health check passes."
	case v.Status == store.StatusPendingReview:
		return "Cybersource reviews the URLs; that takes 1 to 2 business days."
	case v.Status == store.StatusBlocked:
		return "Cybersource refused the URLs."
	case v.Status == store.StatusCreating:
		return "Cybersource has not confirmed it yet."
	case v.Status == store.StatusUnknown:
		return "Cybersource does not know it any more."
	case v.Status == store.StatusInactive:
		return "Not active: waits for the first health check, or was switched off."
	case v.LastDeliveryAt.IsZero() && t.Rejected == 0:
		return "Ready; nothing received yet."
	case t.Rejected > 0 && t.Verified == 0:
		return "Everything of the last 24 h was rejected."
	case t.Rejected > 0:
		return "Receives; some was rejected."
	}
	return "Receives."
}

// endingKeys are current signature keys that have ended or end soon, and organizations that have none.
func (h house) endingKeys() []overview.Key {
	var keys []overview.Key
	for _, o := range h.scope.organizations {
		i := slices.IndexFunc(h.keys, func(k store.SignatureKey) bool { return k.OrganizationID == o.ID && k.ReplacedAt.IsZero() })
		if i < 0 {
			if slices.ContainsFunc(h.subscriptions, func(v store.Subscription) bool { return v.OrganizationID == o.ID }) {
				keys = append(keys, overview.Key{Organization: o.Name, Tone: ui.Bad, Telling: "No key: nothing can be verified"})
			}
			continue
		}
		k := h.keys[i]
		k.ExpiresAt = keyEnd(k)
		switch {
		case k.ExpiresAt.IsZero() || k.ExpiresAt.After(h.now.Add(keyWarning)):
		case k.ExpiresAt.Before(h.now):
			keys = append(keys, overview.Key{Organization: o.Name, KeyID: k.KeyID, Tone: ui.Bad, Telling: "Ended", EndsAt: k.ExpiresAt})
		default:
			keys = append(keys, overview.Key{Organization: o.Name, KeyID: k.KeyID, Tone: ui.Waiting, Telling: "Ends soon", EndsAt: k.ExpiresAt})
		}
	}
	return keys
}
