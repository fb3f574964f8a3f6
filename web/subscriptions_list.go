package web

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/views/ui"
)

// narrowSubscriptions keeps what the query asks for. There are few subscriptions, and the menus need them all anyway.
func narrowSubscriptions(all []store.Subscription, q subscriptionQuery) []store.Subscription {
	text := strings.ToLower(q.text)
	var kept []store.Subscription
	for _, v := range all {
		switch {
		case q.organization != 0 && v.OrganizationID != q.organization,
			q.status != "" && string(v.Status) != q.status,
			q.product != "" && !hasProduct(v, q.product),
			text != "" && !mentions(v, text):
		default:
			kept = append(kept, v)
		}
	}
	return kept
}

func hasProduct(v store.Subscription, productID string) bool {
	return slices.ContainsFunc(v.Products, func(p store.SubscribedProduct) bool { return p.ProductID == productID })
}

// mentions reports whether a subscription has text, in lower case, in what a person may remember of it.
func mentions(v store.Subscription, text string) bool {
	remembered := []string{v.Name, v.Description, v.WebhookID}
	for _, p := range v.Products {
		remembered = append(append(remembered, p.ProductID), p.EventTypes...)
	}
	return slices.ContainsFunc(remembered, func(s string) bool { return strings.Contains(strings.ToLower(s), text) })
}

func (s *Server) subscriptionList(c echo.Context, all []store.Subscription, sums []store.SubscriptionTraffic, q subscriptionQuery) subscriptions.List {
	known := organizations(c)
	l := subscriptions.List{Href: q.href(), Stream: s.liveURL(c), ShowOrganization: len(known) > 1}
	if len(all) == 0 && q.empty() {
		return l
	}
	shown := narrowSubscriptions(all, q)
	filter := subscriptionFilter(known, all, q)
	l.Filter = &filter
	l.Empty = ui.EmptyPlace{
		Kind: ui.NothingMatches, Title: "No subscription matches", Text: "Take a filter off to see more.",
		Chips: filter.Chips, Actions: []ui.Action{{Label: "Show all", Href: paths.Subscriptions}},
	}
	l.Summary = countedSubscriptions(len(shown))
	if len(shown) > maxSubscriptionsShown {
		shown = shown[:maxSubscriptionsShown]
		l.Summary = fmt.Sprintf("The newest %d of %s. Narrow the list to see others.", maxSubscriptionsShown, l.Summary)
	}
	for _, v := range shown {
		l.Items = append(l.Items, s.subscriptionItem(v, known, sums))
	}
	return l
}

func countedSubscriptions(n int) string {
	if n == 1 {
		return "1 subscription"
	}
	return ui.CountText(int64(n), 0) + " subscriptions"
}

func (s *Server) subscriptionItem(v store.Subscription, known []store.Organization, sums []store.SubscriptionTraffic) subscriptions.Item {
	item := subscriptions.Item{
		Name: v.Name, Href: paths.ShowSubscription(v.ID), Host: s.endpointHost(v), Status: ui.StatusFrom(string(v.Status)),
		Since: v.StatusSince, Drift: driftText(s.driftsOf(v)), Security: securityName(v.SecurityType), Cover: retryPolicyOf(v.RetryPolicy).Cover(),
		LastReceived: v.LastDeliveryAt, RejectedHref: paths.With(paths.Rejected, "subscription", strconv.FormatInt(v.ID, 10)),
	}
	for _, p := range v.Products {
		item.Products = append(item.Products, subscriptions.ProductCount{Name: productName(p.ProductID), Events: len(p.EventTypes)})
	}
	for _, o := range known {
		if o.ID == v.OrganizationID {
			item.Organization = o.Name
		}
	}
	for _, t := range sums {
		if t.SubscriptionID == v.ID {
			item.Verified, item.Rejected = t.Verified, t.Rejected
		}
	}
	return item
}

// endpointHost is the host that Cybersource sends to.
func (s *Server) endpointHost(v store.Subscription) string {
	if v.EndpointToken == "" {
		return ""
	}
	webhookURL, _ := s.endpointURL(v.EndpointToken)
	u, err := url.Parse(webhookURL)
	if err != nil {
		return webhookURL
	}
	return u.Host
}

func securityName(securityType string) string {
	switch securityType {
	case store.SecurityKey:
		return "Mutual trust"
	case store.SecurityOAuth:
		return "OAuth"
	case store.SecurityOAuthJWT:
		return "OAuth with JWT"
	}
	return securityType
}

// productName turns Cybersource's id into words where the catalogue is not at hand: "tokenManagement" is "Token management".
func productName(id string) string {
	var words strings.Builder
	for i, r := range id {
		switch {
		case i == 0:
			words.WriteString(strings.ToUpper(string(r)))
		case r >= 'A' && r <= 'Z':
			words.WriteString(" " + strings.ToLower(string(r)))
		default:
			words.WriteRune(r)
		}
	}
	return words.String()
}

// subscriptionStatuses are those that a living subscription can have, in the order of its life.
func subscriptionStatuses() []store.SubscriptionStatus {
	return []store.SubscriptionStatus{
		store.StatusCreating, store.StatusPendingReview, store.StatusBlocked, store.StatusInactive, store.StatusActive,
		store.StatusSuspended, store.StatusResend, store.StatusUnknown,
	}
}

// statusWord is a status as people read it.
func statusWord(status store.SubscriptionStatus) string {
	word := []rune(ui.StatusFrom(string(status))) // it may stand in an address, and be anything
	if len(word) == 0 {
		return "Unknown"
	}
	return strings.ToUpper(string(word[:1])) + string(word[1:])
}

func subscriptionFilter(known []store.Organization, all []store.Subscription, q subscriptionQuery) ui.FilterForm {
	f := ui.FilterForm{
		Action: paths.Subscriptions, ClearHref: paths.Subscriptions,
		Search: ui.Field{Name: "q", Label: "Search subscriptions", Value: q.text, Placeholder: "Name, event type, webhook id"},
	}
	if len(known) > 1 {
		options := []ui.Option{{Value: "", Label: "All"}}
		for _, o := range known {
			options = append(options, ui.Option{Value: strconv.FormatInt(o.ID, 10), Label: o.Name, Selected: o.ID == q.organization})
		}
		f.Selects = append(f.Selects, filterMenu("organization", "Organization", options))
	}
	statuses := []ui.Option{{Value: "", Label: "Any"}}
	for _, status := range subscriptionStatuses() {
		statuses = append(statuses, ui.Option{Value: string(status), Label: statusWord(status), Selected: string(status) == q.status})
	}
	products := []ui.Option{{Value: "", Label: "Any"}}
	for _, id := range productIDs(all, q.product) {
		products = append(products, ui.Option{Value: id, Label: productName(id), Selected: id == q.product})
	}
	f.Selects = append(f.Selects, filterMenu("status", "Status", statuses), filterMenu("product", "Product", products))
	f.Chips = subscriptionChips(known, q)
	return f
}

// filterMenu is a menu of a filter bar; its value is that of the option chosen.
func filterMenu(name, label string, options []ui.Option) ui.Field {
	f := ui.Field{Name: name, Label: label, Options: options}
	for _, o := range options {
		if o.Selected {
			f.Value = o.Value
		}
	}
	return f
}

// productIDs are the products subscribed to, and the one asked for.
func productIDs(all []store.Subscription, asked string) []string {
	var ids []string
	for _, v := range all {
		for _, p := range v.Products {
			ids = append(ids, p.ProductID)
		}
	}
	if asked != "" {
		ids = append(ids, asked)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func subscriptionChips(known []store.Organization, q subscriptionQuery) []ui.Chip {
	var chips []ui.Chip
	add := func(label, value string, without subscriptionQuery) {
		chips = append(chips, ui.Chip{Label: label, Value: value, RemoveHref: without.href()})
	}
	if q.organization != 0 {
		name, without := strconv.FormatInt(q.organization, 10), q
		for _, o := range known {
			if o.ID == q.organization {
				name = o.Name
			}
		}
		without.organization = 0
		add("Organization", name, without)
	}
	if q.status != "" {
		without := q
		without.status = ""
		add("Status", statusWord(store.SubscriptionStatus(q.status)), without)
	}
	if q.product != "" {
		without := q
		without.product = ""
		add("Product", productName(q.product), without)
	}
	if q.text != "" {
		without := q
		without.text = ""
		add("Text", q.text, without)
	}
	return chips
}

// firstSteps lead from nothing to the first notification.
func firstSteps(haveOrganization bool, whyNotCreate string) []ui.SetupStep {
	return []ui.SetupStep{
		{
			Title: "Add an organization", Text: "With the REST key that Switchboard signs its requests with.", Done: haveOrganization, Current: !haveOrganization,
			Action: ui.Action{Label: "Add organization", Href: paths.NewOrganization, Kind: ui.Primary},
		},
		{
			Title: "Create a subscription", Text: "Choose products and event types. URLs and the digital signature key are made for you.", Current: haveOrganization,
			Action: ui.Action{Label: "Create subscription", Href: paths.NewSubscription, Kind: ui.Primary, Reason: whyNotCreate},
		},
		{Title: "Let it become active", Text: "Cybersource calls the health check URL within 5 to 10 minutes and then starts to send. New URLs may be reviewed first, for 1 to 2 business days."},
		{Title: "Send a test notification", Text: "It arrives within seconds and shows that the signature verifies."},
	}
}
