package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/notifications"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/ui"
)

// notificationStatuses are what the list can be narrowed to, in the order of the menu.
var notificationStatuses = []store.NotificationStatus{
	store.OnlyDelivered, store.OnlyOpen, store.OnlyRetrying, store.OnlyOverdue, store.OnlyHeld, store.OnlyExhausted,
	store.OnlyRetried, store.OnlyLostAttempts, store.OnlyUnreadable, store.OnlyTest,
}

// statusRejected is no status of notifications: what is rejected never becomes one, and has a list of its own.
const statusRejected = "rejected"

func statusLabel(status store.NotificationStatus) string {
	switch status {
	case store.OnlyDelivered:
		return "Delivered"
	case store.OnlyRetried:
		return "Retried"
	case store.OnlyLostAttempts:
		return "Lost attempts"
	case store.OnlyUnreadable:
		return "Unreadable"
	case store.OnlyTest:
		return "Test"
	case store.OnlyOpen:
		return "Not delivered"
	case store.OnlyRetrying:
		return "Retrying"
	case store.OnlyOverdue:
		return "Overdue"
	case store.OnlyHeld:
		return "Held"
	case store.OnlyExhausted:
		return "Exhausted"
	}
	return string(status)
}

func (s *Server) listNotifications(c echo.Context) error {
	if c.QueryParam(statusParam) == statusRejected {
		return c.Redirect(http.StatusSeeOther, rejectedInstead(c.QueryParams()))
	}
	f, to, err := s.notificationFilters(c)
	if err != nil {
		return err
	}
	if to != "" {
		return c.Redirect(http.StatusSeeOther, to)
	}
	if than, ok := since(c); ok && s.partial(c) {
		n, err := s.store.CountNewer(c.Request().Context(), f.notifications(), than, maxCounted)
		if err != nil {
			return err
		}
		return s.render(c, http.StatusOK, ui.LiveNew(s.liveTail(c, f, signalNotifications, paths.Notifications), ui.NewRowsCount{Count: n, Most: maxCounted, One: "new notification", Many: "new notifications"}))
	}
	list, err := s.notificationList(c, f)
	if err != nil {
		return err
	}
	if !f.page.NewerThan.IsZero() && list.Pager.Newer == "" && len(f.problems) == 0 && !s.partial(c) {
		// The beginning is reached: show it in full, under the address where new rows appear.
		return c.Redirect(http.StatusSeeOther, f.href(paths.Notifications))
	}
	if s.partial(c) {
		return s.render(c, f.statusCode(), notifications.ListPart(list))
	}
	page := s.page(c, "Notifications", describe("What Cybersource told us and we could verify, newest first."))
	return s.render(c, f.statusCode(), notifications.ListView(notifications.ListPage{
		Page: page, Filter: f.notificationForm(), Range: f.rangeForm(paths.Notifications, page.Zone.Label), Problems: f.problems, Ignored: f.ignored, List: list,
		Live: s.liveTail(c, f, signalNotifications, paths.Notifications),
	}))
}

// notificationFilters reads the list's state; unknown words for a status are refused.
func (s *Server) notificationFilters(c echo.Context) (*filters, string, error) {
	f, to, err := s.listFilters(c, paths.Notifications)
	if err != nil {
		return nil, "", err
	}
	if f.status != "" && statusLabel(store.NotificationStatus(f.status)) == f.status {
		f.refuse(statusParam, f.status, "It is delivered, open, retrying, overdue, held, exhausted, retried, lost-attempts, unreadable, test or rejected.")
		to = ""
	}
	if f.foreign("Only rejected deliveries have it.", reasonParam, rungParam, keyParam) {
		to = ""
	}
	return f, to, nil
}

func (f *filters) notifications() store.NotificationFilter {
	return store.NotificationFilter{
		Organizations: f.organizations(), SubscriptionID: f.subscriptionID, ProductID: f.productID, EventType: f.eventType,
		Status: store.NotificationStatus(f.status), Search: f.search, From: f.from, To: f.to, Page: f.page,
	}
}

func (f *filters) notificationForm() ui.FilterForm {
	status := []ui.Option{{Label: "All"}}
	for _, word := range notificationStatuses {
		status = append(status, ui.Option{Value: string(word), Label: statusLabel(word)})
	}
	status = append(status, ui.Option{Value: statusRejected, Label: "Rejected"})
	form := ui.FilterForm{
		Action: paths.Notifications,
		Chips:  f.chips(paths.Notifications), ClearHref: paths.Notifications, Hidden: f.hidden(),
	}
	if len(f.scope.organizations) > 1 {
		form.Selects = append(form.Selects, f.organizationSelect())
	}
	form.Selects = append(form.Selects, f.subscriptionSelect(), f.productSelect(), f.eventTypeSelect(), f.selectOf(statusParam, status))
	return form
}

// notificationList reads the rows that the filters ask for, and says what stands there when there are none.
func (s *Server) notificationList(c echo.Context, f *filters) (notifications.List, error) {
	list := notifications.List{Clock: s.clock(c), Organizations: len(f.scope.organizations) > 1, Sizes: f.sizes(paths.Notifications)}
	if len(f.problems) > 0 {
		list.Empty = ui.EmptyPlace{Kind: ui.NothingMatches, Title: "Nothing is listed", Text: "Correct the filter first.", Chips: f.chips(paths.Notifications)}
		return list, nil
	}
	page, err := s.store.ListNotifications(c.Request().Context(), f.notifications())
	if err != nil {
		return list, err
	}
	if len(page.Items) == 0 {
		s.fillEmptyNotifications(&list, f)
		if err := s.foundRejected(c.Request().Context(), &list, f); err != nil {
			return list, err
		}
		return list, s.tellPurged(c, f, &list.Empty, nil)
	}
	ids := make([]store.ID, len(page.Items))
	for i, n := range page.Items {
		ids[i] = n.ID
	}
	replaced, err := s.store.VerifiedByReplacedKey(c.Request().Context(), ids)
	if err != nil {
		return list, err
	}
	for _, n := range page.Items {
		row := f.notificationRow(n)
		if replaced[n.ID] {
			row.Badges = append(row.Badges, replacedKeyBadge())
		}
		list.Rows = append(list.Rows, row)
	}
	first, last := page.Items[0].ID, page.Items[len(page.Items)-1].ID
	list.Newest = first.String()
	list.Pager = f.pager(paths.Notifications, first, last, page.HasNewer, page.HasOlder, len(page.Items), "notifications")
	if err := s.foundRejected(c.Request().Context(), &list, f); err != nil {
		return list, err
	}
	return list, s.tellPurged(c, f, nil, &list.Pager)
}

func (f *filters) notificationRow(n store.Notification) notifications.Row {
	row := notifications.Row{
		ID: n.ID.String(), Href: f.detail(paths.ShowNotification(n.ID.String())), ReceivedAt: n.ReceivedAt,
		EventType: eventTypeText(n.EventType), Product: productName(n.ProductID), Summary: n.Summary, ObjectID: n.ObjectID,
		Organization: f.scope.organizationName(n.OrganizationID), Subscription: f.scope.subscriptionName(n.SubscriptionID),
		Deliveries: n.DeliveryCount, Badges: tellingBadges(notificationBadges(n)), Expected: rowExpected(n),
	}
	if _, ok := f.scope.subscription(n.SubscriptionID); ok {
		row.SubscriptionHref = paths.ShowSubscription(n.SubscriptionID)
	}
	return row
}

// eventTypeText names a row even when the body did not.
func eventTypeText(eventType string) string {
	if eventType == "" {
		return "No event type"
	}
	return eventType
}

// notificationBadges are the words about a notification, the most telling first.
func notificationBadges(n store.Notification) []notifications.Badge {
	var badges []notifications.Badge
	if !n.Readable {
		badges = append(badges, notifications.Badge{Tone: ui.Bad, Label: "Unreadable", Meaning: "Verified, but not in a form we know; kept and shown raw."})
	}
	badges = append(badges, stateBadge(n))
	if n.LostAttempts > 0 {
		badges = append(badges, notifications.Badge{
			Tone: ui.Waiting, Label: plural(n.LostAttempts, "attempt", "attempts") + " lost",
			Meaning: "The numbers of other attempts tell that they were made. They are not stored here: they did not arrive, or were answered 503.",
		})
	}
	if n.Test {
		badges = append(badges, notifications.Badge{Status: ui.StatusTest})
	}
	return badges
}

// replacedKeyBadge marks what a replaced signature key verified.
func replacedKeyBadge() notifications.Badge {
	return notifications.Badge{Tone: ui.Waiting, Label: "Replaced key", Meaning: replacedKeyMeaning}
}

// tellingBadges leaves out the plain "Delivered" where another word says more: all but those that still wait were.
func tellingBadges(badges []notifications.Badge) []notifications.Badge {
	if len(badges) == 1 {
		return badges
	}
	return slices.DeleteFunc(badges, func(b notifications.Badge) bool { return b.Status == ui.StatusDelivered && b.Label == "" })
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// fillEmptyNotifications tells the kinds of nothing apart.
func (s *Server) fillEmptyNotifications(list *notifications.List, f *filters) {
	switch {
	case f.search != "":
		list.Empty = ui.EmptyPlace{
			Kind: ui.NothingMatches, Title: "No notification has this id", Chips: f.chips(paths.Notifications),
			Text:    "Ids are searched whole: of a notification, a delivery, an attempt (trace id), a subscription, or of what it is about. Rejected deliveries do not have it either.",
			Actions: []ui.Action{{Label: "Search rejected deliveries", Href: rejectedInstead(f.values)}},
		}
	case f.any():
		list.Empty = ui.EmptyPlace{Kind: ui.NothingMatches, Title: "No notification matches", Text: "Take a filter off, or look further back.", Chips: f.chips(paths.Notifications)}
		if wider := f.wider(s.now()); wider != "" {
			list.Empty.Actions = []ui.Action{{Label: "Widen to 7 days", Href: f.href(paths.Notifications, fromParam, wider, toParam, "")}}
		}
	default:
		s.fillNeverHad(list, f)
	}
}

// wider is the range to offer when a shorter one held nothing.
func (f *filters) wider(now time.Time) string {
	const week = 7 * 24 * time.Hour
	if f.from.IsZero() || !f.from.After(now.Add(-week)) || f.from.After(now) {
		return "" // it is wider already, or lies in the future, where looking back finds what was not asked for
	}
	return "-7d"
}

func (s *Server) fillNeverHad(list *notifications.List, f *filters) {
	for _, v := range f.scope.subscriptions {
		if v.EndpointToken == "" || !v.DeletedAt.IsZero() {
			continue
		}
		list.EndpointURL, _ = s.endpointURL(v.EndpointToken)
		list.Empty = ui.EmptyPlace{
			Kind: ui.NeverHad, Title: "Nothing has arrived yet",
			Text:    fmt.Sprintf("The first notification shows here as soon as it is stored. %s waits for it; send a test from its page.", v.Name),
			Actions: []ui.Action{{Label: "Open " + v.Name, Href: paths.ShowSubscription(v.ID)}},
		}
		return
	}
	list.Empty = ui.EmptyPlace{
		Kind: ui.NeverHad, Title: "No subscription, so nothing arrives", Text: "Cybersource sends notifications to subscriptions. Create the first one, and what it receives shows here.",
		Actions: []ui.Action{{Label: "Create subscription", Href: paths.NewSubscription, Kind: ui.Primary, Icon: ui.IconPlus}},
	}
}

// clock is the clock and zone that this person's pages print times by.
func (s *Server) clock(c echo.Context) ui.Clock {
	return ui.Clock{Now: s.now(), Zone: s.lookOf(c).location}
}

// liveTail keeps the beginning of a list up to date; further pages and past time ranges do not change.
func (s *Server) liveTail(c echo.Context, f *filters, sig signal, path string) ui.LiveTail {
	if !f.first() || len(f.problems) > 0 || f.values.Has(toParam) && !strings.HasPrefix(f.values.Get(toParam), "-") {
		return ui.LiveTail{}
	}
	return ui.LiveTail{
		Stream: s.liveURL(c), Event: string(sig), Refresh: f.href(path), Target: "#list", On: f.live,
		Count: countAddress(f.href(path, liveParam, "")),
	}
}

// countAddress is a list's address to which the id is added after which rows are new.
func countAddress(list string) string {
	joint := "?"
	if strings.Contains(list, "?") {
		joint = "&"
	}
	return list + joint + sinceParam + "="
}

// maxCounted is where counting new rows stops.
const maxCounted = 1000

// since reads after which row others are new; a list that was empty names none, and then all are.
func since(c echo.Context) (store.ID, bool) {
	value := c.QueryParam(sinceParam)
	if value == "" {
		return store.ID{}, false
	}
	id, err := store.ParseID(value)
	if err != nil {
		id = store.ID{15: 1}
	}
	return id, true
}
