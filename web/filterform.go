package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/ui"
)

const (
	// rangeParam is what the form's menu sends; the address has from and to in its place.
	rangeParam  = "range"
	customRange = "custom"
	// datetimeLocal is how an input of that type writes a time.
	datetimeLocal = "2006-01-02T15:04"
	// maxSubscriptionOptions bounds a menu; the rest are reached from their own pages.
	maxSubscriptionOptions = 200
)

// readScope loads what filters and rows name things by.
func (s *Server) readScope(ctx context.Context, c echo.Context) (scope, error) {
	sc := scope{organizations: organizations(c)}
	list, err := s.store.ListSubscriptions(ctx, store.SubscriptionFilter{WithDeleted: true, Limit: 1000})
	if err != nil {
		return scope{}, err
	}
	for _, v := range list {
		if _, ok := sc.organization(v.OrganizationID); ok {
			sc.subscriptions = append(sc.subscriptions, v)
		}
	}
	return sc, nil
}

// listFilters reads the state of a list. to is set when the address should be another one that says the same: a form
// without script sends empty fields, and times in the zone of whoever typed them.
func (s *Server) listFilters(c echo.Context, path string) (f *filters, to string, err error) {
	sc, err := s.readScope(c.Request().Context(), c)
	if err != nil {
		return nil, "", err
	}
	query, changed := tidy(c.QueryParams())
	f = readFilters(query, sc, s.now(), s.lookOf(c).location)
	f.nameUnknown(query)
	if (changed || f.absolute) && len(f.problems) == 0 && !s.partial(c) {
		return f, f.fixed(path), nil
	}
	return f, "", nil
}

// tidy puts a chosen range in the place of from and to, and drops empty fields.
func tidy(query url.Values) (url.Values, bool) {
	clean, changed := url.Values{}, false
	for name, values := range query {
		if len(values) == 0 || values[0] == "" || name == rangeParam {
			changed = true
			continue
		}
		clean[name] = values[:1]
	}
	if !query.Has(rangeParam) || query.Get(rangeParam) == customRange {
		return clean, changed
	}
	clean.Del(fromParam)
	clean.Del(toParam)
	if chosen := query.Get(rangeParam); chosen != "" {
		clean.Set(fromParam, chosen)
	}
	return clean, true
}

func (f *filters) organizationSelect() ui.Field {
	options := []ui.Option{{Label: "All"}}
	for _, o := range f.scope.organizations {
		options = append(options, ui.Option{Value: o.OrganizationID, Label: o.Name})
	}
	return f.selectOf(organizationParam, options)
}

func (f *filters) subscriptionSelect() ui.Field {
	options := []ui.Option{{Label: "All"}}
	for _, v := range f.scope.subscriptions {
		living := v.DeletedAt.IsZero() && (f.organizationID == 0 || v.OrganizationID == f.organizationID)
		if (living && len(options) < maxSubscriptionOptions) || v.ID == f.subscriptionID {
			options = append(options, ui.Option{Value: fmt.Sprint(v.ID), Label: v.Name})
		}
	}
	if _, known := f.scope.subscription(f.subscriptionID); f.subscriptionID != 0 && !known {
		options = append(options, ui.Option{Value: fmt.Sprint(f.subscriptionID), Label: f.scope.subscriptionName(f.subscriptionID)})
	}
	return f.selectOf(subscriptionParam, options)
}

func (f *filters) productSelect() ui.Field {
	words := f.scope.subscribed(func(p store.SubscribedProduct) []string { return []string{p.ProductID} })
	return f.selectOf(productParam, wordOptions(words, f.productID))
}

func (f *filters) eventTypeSelect() ui.Field {
	words := f.scope.subscribed(func(p store.SubscribedProduct) []string {
		if f.productID != "" && p.ProductID != f.productID {
			return nil
		}
		return p.EventTypes
	})
	return f.selectOf(eventTypeParam, wordOptions(words, f.eventType))
}

// wordOptions offers words, and the one chosen even when it is none of them.
func wordOptions(words []string, chosen string) []ui.Option {
	options := []ui.Option{{Label: "All"}}
	if chosen != "" && !slices.Contains(words, chosen) {
		words = append([]string{chosen}, words...)
	}
	for _, w := range words {
		options = append(options, ui.Option{Value: w, Label: w})
	}
	return options
}

// sizes choose how many rows a page has.
func (f *filters) sizes(path string) []ui.Tab {
	var tabs []ui.Tab
	for _, n := range pageSizes {
		value := strconv.Itoa(n)
		if n == defaultSize {
			value = ""
		}
		tabs = append(tabs, ui.Tab{Label: strconv.Itoa(n), Href: f.href(path, sizeParam, value), Current: n == f.size()})
	}
	return tabs
}

func (f *filters) size() int {
	if f.page.Limit == 0 {
		return defaultSize
	}
	return f.page.Limit
}

func (f *filters) selectOf(name string, options []ui.Option) ui.Field {
	field := ui.Field{Name: name, Label: paramLabels[name], Value: f.values.Get(name), Options: options}
	for i := range field.Options {
		field.Options[i].Selected = field.Options[i].Value == field.Value
	}
	return field
}

// rangeLabel says which time is listed.
func (f *filters) rangeLabel() string {
	chosen := f.values.Get(fromParam)
	if chosen == "" && !f.values.Has(toParam) {
		return "Any time"
	}
	if i := slices.IndexFunc(ranges, func(o ui.Option) bool { return o.Value == chosen }); i >= 0 && !f.values.Has(toParam) {
		return ranges[i].Label
	}
	return "Custom"
}

// hidden are the parameters that the filter form must keep though no field of it shows them.
func (f *filters) hidden() []ui.Pair {
	return f.pairs([]string{searchParam, fromParam, toParam, liveParam, sizeParam})
}

func (f *filters) pairs(names []string) []ui.Pair {
	var pairs []ui.Pair
	for _, name := range names {
		if value := f.values.Get(name); value != "" {
			pairs = append(pairs, ui.Pair{Name: name, Value: value})
		}
	}
	return pairs
}

// rangeForm offers the usual time ranges, asks for one of one's own, and keeps everything else.
func (f *filters) rangeForm(path, zone string) ui.RangeForm {
	keep := slices.DeleteFunc(slices.Clone(filterParams), func(name string) bool { return name == fromParam || name == toParam })
	form := ui.RangeForm{Action: path, Label: f.rangeLabel(), Zone: zone, Hidden: f.pairs(append(keep, sizeParam))}
	for _, o := range append([]ui.Option{{Label: "Any time"}}, ranges...) {
		form.Presets = append(form.Presets, ui.Tab{Label: o.Label, Href: f.href(path, fromParam, o.Value, toParam, ""), Current: o.Label == form.Label})
	}
	if !f.from.IsZero() {
		form.From = f.local(f.from).Format(datetimeLocal)
	}
	if !f.to.IsZero() {
		form.To = f.local(f.to).Format(datetimeLocal)
	}
	return form
}

// status is what a list answers: an address that cannot be read is a mistake, but its page helps to correct it.
func (f *filters) statusCode() int {
	if len(f.problems) > 0 {
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// pager leads on from a page of a list, whose first and last ids are given.
func (f *filters) pager(path string, first, last store.ID, hasNewer, hasOlder bool, rows int, noun string) ui.PageLinks {
	p := ui.PageLinks{Summary: fmt.Sprintf("%d %s", rows, noun)}
	if rows == 1 {
		p.Summary = "1 " + strings.TrimSuffix(noun, "s")
	}
	if hasNewer || hasOlder {
		p.Summary += " on this page"
	}
	if hasNewer {
		p.Newer = f.href(path, newerParam, first.String(), liveParam, "")
	}
	if hasOlder {
		p.Older = f.href(path, olderParam, last.String(), liveParam, "")
	}
	return p
}

// first reports whether the page is the beginning of the list, where new rows appear.
func (f *filters) first() bool { return f.page.OlderThan.IsZero() && f.page.NewerThan.IsZero() }
