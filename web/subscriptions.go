package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/views/ui"
)

// subscriptionQuery is what the list of subscriptions is narrowed to; it stands in the URL.
type subscriptionQuery struct {
	organization int64
	status       string
	product      string
	text         string
}

const maxSubscriptionsShown = 200

func readSubscriptionQuery(c echo.Context) subscriptionQuery {
	organization, err := strconv.ParseInt(c.QueryParam("organization"), 10, 64)
	if err != nil || organization < 0 {
		organization = 0 // a filter that names nothing filters nothing
	}
	return subscriptionQuery{
		organization: organization,
		status:       queryText(c, "status"), product: queryText(c, "product"), text: queryText(c, "q"),
	}
}

// queryText is a parameter of the URL, bounded and free of what the database cannot compare with.
func queryText(c echo.Context, name string) string {
	f := form{values: url.Values{name: {c.QueryParam(name)}}, errors: map[string]string{}}
	return f.text(name, 200)
}

// href is the list narrowed like this.
func (q subscriptionQuery) href() string {
	organization := ""
	if q.organization != 0 {
		organization = strconv.FormatInt(q.organization, 10)
	}
	return paths.With(paths.Subscriptions, "organization", organization, "status", q.status, "product", q.product, "q", q.text)
}

func (q subscriptionQuery) empty() bool { return q == subscriptionQuery{} }

// listSubscriptions shows the subscriptions of the console's organizations.
func (s *Server) listSubscriptions(c echo.Context) error {
	if query, changed := tidy(c.QueryParams()); changed && !s.partial(c) {
		return c.Redirect(http.StatusSeeOther, paths.WithQuery(paths.Subscriptions, query))
	}
	q, ctx := readSubscriptionQuery(c), c.Request().Context()
	all, err := s.store.ListSubscriptions(ctx, store.SubscriptionFilter{Limit: 1000})
	if err != nil {
		return err
	}
	all = ofOrganizations(all, organizations(c))
	sums, err := s.store.TrafficBySubscription(ctx, store.TrafficFilter{From: s.now().Add(-24 * time.Hour)})
	if err != nil {
		return err
	}
	list := s.subscriptionList(c, all, sums, q)
	if len(list.Items) == 0 && list.Filter == nil {
		list.Steps = firstSteps(len(organizations(c)) > 0, whyNotCreate(c))
	}
	p := s.page(c, "Subscriptions")
	create := ui.Action{
		Label: "Create subscription", Href: paths.NewSubscription, Kind: ui.Primary, Icon: ui.IconPlus, Reason: whyNotCreate(c),
		Attrs: templ.Attributes{"data-testid": "create-subscription"},
	}
	return s.renderPart(c, http.StatusOK, subscriptions.ListPage(p, list, create), subscriptions.ListPart(p, list))
}

// whyNotCreate is the reason why this person cannot make a subscription now, or "".
func whyNotCreate(c echo.Context) string {
	if reason := whyNotEdit(c); reason != "" {
		return reason
	}
	if len(organizations(c)) == 0 {
		return "There is no organization yet. An administrator can add one."
	}
	return ""
}

// whyNotEdit is the reason why this person may not change subscriptions, or "".
func whyNotEdit(c echo.Context) string {
	if u := currentUser(c); !u.Role.Allows(store.RoleEditor) {
		return fmt.Sprintf("You are %s. An administrator can make you an editor on the Team page.", withArticle(u.Role))
	}
	return ""
}

// ofOrganizations leaves out what belongs to another environment.
func ofOrganizations(list []store.Subscription, known []store.Organization) []store.Subscription {
	ids := make(map[int64]bool, len(known))
	for _, o := range known {
		ids[o.ID] = true
	}
	kept := make([]store.Subscription, 0, len(list))
	for _, v := range list {
		if ids[v.OrganizationID] {
			kept = append(kept, v)
		}
	}
	return kept
}

// loadSubscription is the subscription that the path names, with its organization.
func (s *Server) loadSubscription(c echo.Context) (store.Subscription, store.Organization, error) {
	id, err := idParam(c)
	if err != nil {
		return store.Subscription{}, store.Organization{}, err
	}
	v, err := s.store.GetSubscription(c.Request().Context(), id)
	if err != nil {
		return store.Subscription{}, store.Organization{}, err
	}
	for _, o := range organizations(c) {
		if o.ID == v.OrganizationID {
			return v, o, nil
		}
	}
	return store.Subscription{}, store.Organization{}, fmt.Errorf("get subscription %d: it belongs to another environment: %w", id, store.ErrNotFound)
}

// storedRetryPolicy and retryPolicyOf map between the two types that hold a retry policy.
func storedRetryPolicy(p cybs.RetryPolicy) store.RetryPolicy {
	return store.RetryPolicy{
		Algorithm: string(p.Algorithm), FirstRetry: p.FirstRetry, Interval: p.Interval, NumberOfRetries: p.NumberOfRetries,
		RepeatSequenceCount: p.RepeatSequenceCount, RepeatSequenceWaitTime: p.RepeatSequenceWaitTime, DeactivateFlag: p.DeactivateFlag,
	}
}

func retryPolicyOf(p store.RetryPolicy) cybs.RetryPolicy {
	return cybs.RetryPolicy{
		Algorithm: cybs.Algorithm(p.Algorithm), FirstRetry: p.FirstRetry, Interval: p.Interval, NumberOfRetries: p.NumberOfRetries,
		RepeatSequenceCount: p.RepeatSequenceCount, RepeatSequenceWaitTime: p.RepeatSequenceWaitTime, DeactivateFlag: p.DeactivateFlag,
	}
}

func subscribedProducts(list []store.SubscribedProduct) []cybs.SubscribedProduct {
	out := make([]cybs.SubscribedProduct, len(list))
	for i, p := range list {
		out[i] = cybs.SubscribedProduct{ProductID: p.ProductID, EventTypes: p.EventTypes}
	}
	return out
}
