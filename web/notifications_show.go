package web

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/deliveries"
	"github.com/switchboardhq/switchboard/views/notifications"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/ui"
)

// shown is one notification with what its page is made from.
type shown struct {
	store.Notification
	filters    *filters
	deliveries []store.Delivery
	first      opening        // of the first delivery
	chosen     store.Delivery // whose body, headers and verification the tabs show
	tab        string
	view       string
	named      bool // the address names the delivery
}

func (s *Server) showNotification(c echo.Context) error {
	n, err := s.readShown(c)
	if err != nil {
		return err
	}
	story, err := s.readStory(c.Request().Context(), n)
	if err != nil {
		return err
	}
	n.LostAttempts = min(n.LostAttempts, story.lost()) // what is in quarantine and not explained yet has arrived all the same
	if n.first, err = s.open(c.Request().Context(), n.deliveries[0], n.Payload); err != nil {
		return err
	}
	content, err := s.notificationTab(c, n, story)
	if err != nil {
		return err
	}
	around, err := s.around(c, n)
	if err != nil {
		return err
	}
	badges := notificationBadges(n.Notification)
	replaced, err := s.store.VerifiedByReplacedKey(c.Request().Context(), []store.ID{n.ID})
	if err != nil {
		return err
	}
	if replaced[n.ID] {
		badges = append(badges, replacedKeyBadge())
	}
	path := paths.ShowNotification(n.ID.String())
	page := s.page(c, eventTypeText(n.EventType), crumb("Notifications", n.filters.href(paths.Notifications)))
	return s.render(c, http.StatusOK, notifications.ShowView(notifications.ShowPage{
		Page: page, Badges: badges, Facts: n.facts(), Around: around, Link: s.consoleURL.Scheme + "://" + s.consoleURL.Host + path,
		LifeLine: n.lifeLine(story, s.clock(c)), Retry: n.retryPanel(story, s.clock(c)), Tabs: n.tabs(), Attempts: n.attempts(), Content: ui.Bounded(content, paths.DownloadDeliveryRecord(n.chosen.ID.String())),
	}))
}

// readShown loads a notification with its deliveries; one of another environment does not exist here.
func (s *Server) readShown(c echo.Context) (*shown, error) {
	id, err := storeID(c)
	if err != nil {
		return nil, err
	}
	ctx := c.Request().Context()
	sc, err := s.readScope(ctx, c)
	if err != nil {
		return nil, err
	}
	n := &shown{filters: readFilters(c.QueryParams(), sc, s.now(), s.lookOf(c).location), tab: tabOf(c), view: c.QueryParam(viewParam)}
	if n.Notification, err = s.store.GetNotification(ctx, id); err != nil {
		return nil, s.orNotYet(c, id, err)
	}
	if _, ok := sc.organization(n.OrganizationID); !ok {
		return nil, fmt.Errorf("get notification %s: of another environment: %w", id, store.ErrNotFound)
	}
	if n.deliveries, err = s.store.ListNotificationDeliveries(ctx, id); err != nil {
		return nil, err
	}
	if len(n.deliveries) == 0 {
		if _, err := s.store.GetDelivery(ctx, id); err != nil {
			return nil, err // retention takes deliveries first
		}
		return nil, fmt.Errorf("get notification %s: it has no delivery: %w", id, store.ErrNotFound)
	}
	n.chosen = n.deliveries[0]
	for _, d := range n.deliveries {
		if d.ID.String() == c.QueryParam(deliveryParam) {
			n.chosen, n.named = d, true
		}
	}
	return n, nil
}

// orNotYet tells a notification that is being made from one that does not exist: deliveries are answered before they are
// grouped.
func (s *Server) orNotYet(c echo.Context, id store.ID, err error) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	d, deliveryErr := s.visibleDelivery(c, id)
	switch {
	case deliveryErr != nil:
		return err
	case d.Verdict == store.Rejected:
		return userError(http.StatusNotFound, "This delivery was rejected, so it is no notification. Look for it among rejected deliveries.", err)
	}
	return userError(http.StatusNotFound, "It has arrived and is being filed. Reload the page in a moment.", err)
}

func tabOf(c echo.Context) string {
	switch tab := c.QueryParam(tabParam); tab {
	case headersTab, verificationTab, deliveriesTab, recordTab:
		return tab
	}
	return payloadTab
}

// href is this page with changes to its state.
func (n *shown) href(changes ...string) string {
	state := []string{tabParam, n.tabWord(), viewParam, n.view, liveParam, "", sizeParam, ""}
	if n.named {
		state = append(state, deliveryParam, n.chosen.ID.String())
	}
	return n.filters.href(paths.ShowNotification(n.ID.String()), append(state, changes...)...)
}

// tabWord leaves the first tab out of addresses.
func (n *shown) tabWord() string {
	if n.tab == payloadTab {
		return ""
	}
	return n.tab
}

func (n *shown) tabs() []ui.Tab {
	count := ""
	if len(n.deliveries) > 1 {
		count = strconv.Itoa(len(n.deliveries))
	}
	tabs := []ui.Tab{
		{Label: "Payload", Href: payloadTab},
		{Label: "Headers", Href: headersTab},
		{Label: "Verification", Href: verificationTab},
		{Label: "Deliveries", Href: deliveriesTab, Count: count},
		{Label: "Raw record", Href: recordTab},
	}
	return tabLinks(n.tab, func(changes ...string) string {
		if changes[1] == payloadTab {
			changes[1] = ""
		}
		return n.href(changes...)
	}, tabs...)
}

// attempts choose a delivery where there are several and the tab is about one.
func (n *shown) attempts() []ui.Tab {
	if len(n.deliveries) < 2 || n.tab == deliveriesTab || n.tab == recordTab {
		return nil
	}
	var tabs []ui.Tab
	for _, d := range n.deliveries {
		tabs = append(tabs, ui.Tab{Label: attemptName(d), Href: n.href(deliveryParam, d.ID.String()), Current: d.ID == n.chosen.ID})
	}
	return tabs
}

func (n *shown) facts() notifications.Facts {
	sc, happened := n.filters.scope, n.EventOrganization
	if o, ok := sc.organization(n.OrganizationID); ok && o.OrganizationID == happened {
		happened = "" // where it was subscribed, as mostly
	}
	return notifications.Facts{
		ID: n.ID.String(), EventType: n.EventType, Product: productName(n.ProductID), Summary: n.Summary, ObjectID: n.ObjectID, ReceivedAt: n.ReceivedAt,
		EventDate: n.EventDate, Organization: sc.organizationName(n.OrganizationID), EventOrganization: happened,
		Subscription: sc.subscriptionName(n.SubscriptionID), SubscriptionHref: paths.ShowSubscription(n.SubscriptionID), Bytes: int64(n.BodyBytes),
	}
}

// around finds the neighbours in the list that the person came from; its filters stand in the address.
func (s *Server) around(c echo.Context, n *shown) (notifications.Around, error) {
	around := notifications.Around{Back: n.filters.href(paths.Notifications)}
	newer, older, err := s.store.Neighbours(c.Request().Context(), n.filters.notifications(), n.ID)
	if err != nil {
		return around, err
	}
	at := func(id store.ID) string {
		if id.IsZero() {
			return ""
		}
		return n.filters.href(paths.ShowNotification(id.String()), tabParam, n.tabWord(), liveParam, "", sizeParam, "")
	}
	around.Newer, around.Older = at(newer), at(older)
	return around, nil
}

func (s *Server) notificationTab(c echo.Context, n *shown, story retryStory) (templ.Component, error) {
	o := n.first
	if n.chosen.ID != n.deliveries[0].ID && (n.tab == payloadTab || n.tab == verificationTab) {
		var err error
		if o, err = s.open(c.Request().Context(), n.chosen, n.Payload); err != nil {
			return nil, err
		}
	}
	switch n.tab {
	case headersTab:
		return deliveries.HeadersPart(headerPairs(n.chosen)), nil
	case verificationTab:
		v, err := s.verification(c.Request().Context(), n.chosen, o, s.clock(c))
		return deliveries.VerificationPart(v), err
	case deliveriesTab:
		clock := s.clock(c)
		return notifications.AttemptsPart(deliveries.AttemptsPart(n.attemptRows(clock, story)), n.drawn(story, clock)), nil
	case recordTab:
		return deliveries.RecordPart(recordText(&n.Notification, n.deliveries)), nil
	}
	body := s.payloadPart(c, n.chosen, o, n.href)
	if !n.Readable {
		return deliveries.UnreadablePart(body), nil
	}
	return deliveries.BodyPart(body), nil
}

func (n *shown) attemptRows(clock ui.Clock, st retryStory) deliveries.Attempts {
	a := deliveries.Attempts{Clock: clock}
	if missing := st.missing(); missing != "" {
		where := " never arrived here."
		if slices.ContainsFunc(st.outages, func(o store.Outage) bool { return o.Kind == store.OutageRefused && o.Deliveries > 0 }) {
			where = " not stored here: lost on the way, or answered 503."
		}
		a.Lost = missing + where + " Cybersource keeps no list of attempts; the number of a later one is the evidence."
	}
	for _, d := range n.deliveries {
		row := deliveryAttempt(d)
		row.Href, row.Current = n.href(tabParam, verificationTab, deliveryParam, d.ID.String()), d.ID == n.chosen.ID
		a.Rows = append(a.Rows, row)
	}
	a.Rows = n.withMissing(a.Rows, st)
	return a
}

// deliveryAttempt is a delivery as a row, without where it leads.
func deliveryAttempt(d store.Delivery) deliveries.Attempt {
	return deliveries.Attempt{
		ID: d.ID.String(), ReceivedAt: d.ReceivedAt, Name: attemptName(d), Verdict: ui.Status(d.Verdict), Answered: answerText(d.Answered), AnswerTime: d.AnswerTime,
		Source: sourceText(d), TLS: tlsText(d), TraceID: d.TraceID, Duplicates: d.Duplicates, LastDuplicateAt: d.LastDuplicateAt,
	}
}

// record is a row as it is stored, in the names of its columns, without the sealed body.
type record struct {
	Notification map[string]any   `json:"notification,omitempty"`
	Deliveries   []map[string]any `json:"deliveries"`
}

func recordText(n *store.Notification, list []store.Delivery) string {
	r := record{Deliveries: []map[string]any{}}
	if n != nil {
		r.Notification = notificationRecord(*n)
	}
	for _, d := range list {
		r.Deliveries = append(r.Deliveries, deliveryRecord(d))
	}
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // the page escapes
	enc.SetIndent("", "  ")
	if err := enc.Encode(r); err != nil {
		return "The record cannot be written out."
	}
	return text.String()
}

func notificationRecord(n store.Notification) map[string]any {
	return map[string]any{
		"id": n.ID.String(), "received_at": stamp(n.ReceivedAt), "subscription_id": n.SubscriptionID, "organization_id": n.OrganizationID,
		"product_id": n.ProductID, "event_type": n.EventType, "webhook_id": n.WebhookID, "event_date": n.EventDate,
		"event_organization": n.EventOrganization, "object_id": n.ObjectID, "summary": n.Summary, "state": n.State, "readable": n.Readable,
		"test": n.Test, "first_retry_number": n.FirstRetryNumber, "last_retry_number": n.LastRetryNumber, "delivery_count": n.DeliveryCount,
		"retries_of": n.Retries, "next_attempt_at": stamp(n.Next.At), "overdue_at": stamp(n.Next.OverdueAt), "gives_up_at": stamp(n.Next.GivesUpAt),
		"last_delivery_at": stamp(n.LastDeliveryAt), "fingerprint": hex.EncodeToString(n.Fingerprint), "body_bytes": n.BodyBytes,
	}
}

func deliveryRecord(d store.Delivery) map[string]any {
	headers := make([][2]string, 0, len(d.Headers))
	for _, h := range d.Headers {
		headers = append(headers, h)
	}
	return map[string]any{
		"id": d.ID.String(), "received_at": stamp(d.ReceivedAt), "endpoint_id": d.EndpointID, "subscription_id": d.SubscriptionID,
		"organization_id": d.OrganizationID, "notification_id": d.NotificationID.String(), "product_id": d.ProductID, "event_type": d.EventType,
		"webhook_id": d.WebhookID, "trace_id": d.TraceID, "request_type": d.RequestType, "retry_number": d.RetryNumber, "event_date": d.EventDate,
		"verdict": d.Verdict, "reason": d.Reason, "reason_detail": d.ReasonDetail, "key_id": d.KeyID, "variant": d.Variant,
		"envelope_signed": d.EnvelopeSigned, "signed_at": stamp(d.SignedAt), "answered": d.Answered, "answer_micros": d.AnswerTime.Microseconds(),
		"source": sourceText(d), "tls": d.TLS, "headers": headers, "body_sha256": hex.EncodeToString(d.BodySHA256[:]), "body_bytes": d.BodyBytes,
		"duplicates": d.Duplicates, "last_duplicate_at": stamp(d.LastDuplicateAt),
	}
}

// stamp is a time as records have it; nil when there is none.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}
