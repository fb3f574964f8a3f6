package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/deliveries"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/rejected"
	"github.com/switchboardhq/switchboard/views/ui"
)

// rejectedParams are the filters that the list of rejected deliveries shares with that of notifications.
var rejectedParams = []string{searchParam, organizationParam, subscriptionParam, productParam, eventTypeParam, reasonParam, rungParam, keyParam, fromParam, toParam, sizeParam, liveParam}

// rejectedInstead is the list of rejected deliveries under the same filters.
func rejectedInstead(query url.Values) string {
	q := url.Values{}
	for _, name := range append([]string{rangeParam}, rejectedParams...) {
		if value := query.Get(name); value != "" {
			q.Set(name, value)
		}
	}
	return paths.WithQuery(paths.Rejected, q)
}

func (s *Server) listRejected(c echo.Context) error {
	f, to, err := s.rejectedFilters(c)
	if err != nil {
		return err
	}
	if to != "" {
		return c.Redirect(http.StatusSeeOther, to)
	}
	if than, ok := since(c); ok && s.partial(c) {
		n, err := s.store.CountNewerRejected(c.Request().Context(), f.rejected(), than, maxCounted)
		if err != nil {
			return err
		}
		return s.render(c, http.StatusOK, ui.LiveNew(s.liveTail(c, f, signalRejected, paths.Rejected), ui.NewRowsCount{Count: n, Most: maxCounted, One: "delivery more was rejected", Many: "deliveries more were rejected"}))
	}
	list, err := s.rejectedList(c, f)
	if err != nil {
		return err
	}
	if !f.page.NewerThan.IsZero() && list.Pager.Newer == "" && len(f.problems) == 0 && !s.partial(c) {
		return c.Redirect(http.StatusSeeOther, f.href(paths.Rejected))
	}
	if s.partial(c) {
		return s.render(c, f.statusCode(), rejected.ListPart(list))
	}
	page := s.page(c, "Rejected", describe("Requests that reached an endpoint and could not be verified. Each was refused, kept, and given a reason."))
	offers, err := s.offers(c, f.organizations(), f.subscriptionID)
	if err != nil {
		return err
	}
	return s.render(c, f.statusCode(), rejected.ListView(rejected.ListPage{
		Page: page, Filter: f.rejectedForm(), Range: f.rangeForm(paths.Rejected, page.Zone.Label), Problems: f.problems, Ignored: f.ignored, List: list,
		Live: s.liveTail(c, f, signalRejected, paths.Rejected), Offers: offers, Actions: f.rejectedActions(c, len(list.Rows) == 0),
	}))
}

// rejectedFilters reads the list's state; filters that rejected deliveries do not have are left out.
func (s *Server) rejectedFilters(c echo.Context) (*filters, string, error) {
	f, to, err := s.listFilters(c, paths.Rejected)
	if err != nil {
		return nil, "", err
	}
	f.dropForeign()
	if f.search != "" && f.keyID == "" {
		if err := s.searchKey(c.Request().Context(), f); err != nil {
			return nil, "", err
		}
	}
	return f, to, nil
}

// searchKey takes the id of a signature key, which may have very many deliveries, for the filter that it is.
func (s *Server) searchKey(ctx context.Context, f *filters) error {
	named, err := s.store.RejectedNames(ctx, f.search)
	if err == nil && named {
		f.keyID, f.search = f.search, ""
	}
	return err
}

// dropForeign refuses the filters that rejected deliveries do not have. Left out in silence, they would list more than was asked for.
func (f *filters) dropForeign() {
	f.foreign("Rejected deliveries have no status.", statusParam)
}

func (f *filters) rejected() store.RejectedFilter {
	return store.RejectedFilter{
		Organizations: f.organizations(), SubscriptionID: f.subscriptionID, Reason: f.reason, Rung: f.rung, KeyID: f.keyID, ProductID: f.productID, EventType: f.eventType, Search: f.search, From: f.from, To: f.to, Page: f.page,
	}
}

func (f *filters) rejectedForm() ui.FilterForm {
	form := ui.FilterForm{
		Action: paths.Rejected,
		Chips:  f.chips(paths.Rejected), ClearHref: paths.Rejected, Hidden: append(f.hidden(), f.pairs([]string{reasonParam, keyParam})...),
	}
	if len(f.scope.organizations) > 1 {
		form.Selects = append(form.Selects, f.organizationSelect())
	}
	form.Selects = append(form.Selects, f.subscriptionSelect(), f.productSelect(), f.eventTypeSelect(), f.rungSelect())
	return form
}

func (s *Server) rejectedList(c echo.Context, f *filters) (rejected.List, error) {
	list := rejected.List{Clock: s.clock(c), Sizes: f.sizes(paths.Rejected)}
	if len(f.problems) > 0 {
		list.Empty = ui.EmptyPlace{Kind: ui.NothingMatches, Title: "Nothing is listed", Text: "Correct the filter first.", Chips: f.chips(paths.Rejected)}
		return list, nil
	}
	var err error
	if list.Unstored, err = s.unstoredText(c, f); err != nil {
		return list, err
	}
	page, err := s.store.ListRejected(c.Request().Context(), f.rejected())
	if err != nil {
		return list, err
	}
	if len(page.Items) == 0 {
		s.fillEmptyRejected(&list, f)
		return list, s.tellPurged(c, f, &list.Empty, nil)
	}
	list.Selected = selectedActions(c)
	for _, d := range page.Items {
		list.Rows = append(list.Rows, f.rejectedRow(d))
	}
	first, last := page.Items[0].ID, page.Items[len(page.Items)-1].ID
	list.Newest = first.String()
	list.Pager = f.pager(paths.Rejected, first, last, page.HasNewer, page.HasOlder, len(page.Items), "rejected")
	return list, s.tellPurged(c, f, nil, &list.Pager)
}

// unstoredText says on a list's first page what it cannot list. What was only counted has no explanation: it is left out where one is asked for.
func (s *Server) unstoredText(c echo.Context, f *filters) (string, error) {
	if f.rung != "" || f.keyID != "" || f.search != "" || !f.first() {
		return "", nil
	}
	n, err := s.store.RejectedUnstored(c.Request().Context(), f.rejected())
	switch {
	case err != nil || n == 0:
		return "", err
	case n == 1:
		return "1 delivery more was rejected and only counted", nil
	}
	return ui.CountText(n, 0) + " deliveries more were rejected and only counted", nil
}

func (f *filters) rejectedRow(d store.Delivery) rejected.Row {
	row := rejected.Row{
		ID: d.ID.String(), Href: f.detail(paths.ShowRejected(d.ID.String())), ReceivedAt: d.ReceivedAt,
		Reason: whyText(d), Code: d.Reason, Rung: d.Explanation.Rung, EventType: d.EventType, KeyID: d.KeyID, Source: sourceText(d), Bytes: int64(d.BodyBytes),
		Organization: f.scope.organizationName(d.OrganizationID), Subscription: f.scope.subscriptionName(d.SubscriptionID), Duplicates: d.Duplicates,
	}
	if _, ok := f.scope.subscription(d.SubscriptionID); ok {
		row.SubscriptionHref = paths.ShowSubscription(d.SubscriptionID)
	}
	return row
}

func (s *Server) fillEmptyRejected(list *rejected.List, f *filters) {
	if f.search != "" {
		list.Empty = ui.EmptyPlace{
			Kind: ui.NothingMatches, Title: "No rejected delivery has this id", Chips: f.chips(paths.Rejected),
			Text:    "Ids are searched whole: of a delivery, an attempt (trace id), a signature key, a subscription, or of what the delivery says it is about.",
			Actions: []ui.Action{{Label: "Search notifications", Href: f.href(paths.Notifications, reasonParam, "", rungParam, "", keyParam, "")}},
		}
		return
	}
	if f.any() {
		list.Empty = ui.EmptyPlace{Kind: ui.NothingMatches, Title: "No rejected delivery matches", Text: "Take a filter off, or look further back.", Chips: f.chips(paths.Rejected)}
		if wider := f.wider(s.now()); wider != "" {
			list.Empty.Actions = []ui.Action{{Label: "Widen to 7 days", Href: f.href(paths.Rejected, fromParam, wider, toParam, "")}}
		}
		return
	}
	list.Empty = ui.EmptyPlace{Kind: ui.NeverHad, Title: "Nothing was refused", Text: "Everything that arrived could be verified. What cannot be is kept here, with the reason and what to do."}
	if s.sandbox != nil {
		list.Empty.Text += " To see one, send an event with a fault from the playground."
		list.Empty.Actions = []ui.Action{{Label: "Open the playground", Href: paths.Playground, Icon: ui.IconPlayground}}
	}
}

func (s *Server) showRejected(c echo.Context) error {
	id, err := storeID(c)
	if err != nil {
		return err
	}
	d, err := s.visibleDelivery(c, id)
	if err != nil {
		return err
	}
	verdicts, err := s.verdictsOf(c.Request().Context(), d)
	if err != nil {
		return err
	}
	if d.Verdict != store.Rejected && !verdicts.released() {
		return c.Redirect(http.StatusSeeOther, paths.ShowDelivery(id.String()))
	}
	sc, err := s.readScope(c.Request().Context(), c)
	if err != nil {
		return err
	}
	r := rejectedShown{Delivery: d, filters: readFilters(c.QueryParams(), sc, s.now(), s.lookOf(c).location), tab: rejectedTabOf(c), view: c.QueryParam(viewParam)}
	content, err := s.rejectedTab(c, r)
	if err != nil {
		return err
	}
	newer, older, err := s.rejectedNeighbours(c, r)
	if err != nil {
		return err
	}
	history, err := s.history(c, r, verdicts)
	if err != nil {
		return err
	}
	page := s.page(c, whyText(verdicts.first), crumb("Rejected", r.filters.href(paths.Rejected)))
	facts := r.facts()
	if s.sandbox == nil {
		facts.SourceNote = sourceNote(d)
	}
	v := rejected.ShowPage{
		Page: page, Facts: facts, Newer: newer, Older: older, Advice: deliveries.AdvicePart(adviceOf(d)), Tabs: r.tabs(), Content: ui.Bounded(content, paths.DownloadDeliveryRecord(r.ID.String())),
		Status: ui.StatusRejected, History: history,
	}
	if verdicts.released() {
		v.Status, v.Advice = ui.StatusReleased, rejected.ReleasedPart(paths.ShowDelivery(id.String()))
	}
	return s.render(c, http.StatusOK, rejected.ShowView(v))
}

// rejectedShown is one rejected delivery with the state of its page.
type rejectedShown struct {
	store.Delivery
	filters   *filters
	tab, view string
}

// rejectedTabOf: how it was judged comes first here, because that is what is wrong.
func rejectedTabOf(c echo.Context) string {
	switch tab := c.QueryParam(tabParam); tab {
	case payloadTab, headersTab, recordTab:
		return tab
	}
	return verificationTab
}

func (r rejectedShown) href(changes ...string) string {
	state := []string{tabParam, r.tab, viewParam, r.view, liveParam, "", sizeParam, ""}
	return r.filters.href(paths.ShowRejected(r.ID.String()), append(state, changes...)...)
}

func (r rejectedShown) tabs() []ui.Tab {
	return tabLinks(r.tab, r.href,
		ui.Tab{Label: "Verification", Href: verificationTab}, ui.Tab{Label: "Body", Href: payloadTab},
		ui.Tab{Label: "Headers", Href: headersTab}, ui.Tab{Label: "Raw record", Href: recordTab})
}

func (s *Server) rejectedTab(c echo.Context, r rejectedShown) (templ.Component, error) {
	switch r.tab {
	case payloadTab:
		o, err := s.open(c.Request().Context(), r.Delivery, nil)
		return deliveries.BodyPart(s.payloadPart(c, r.Delivery, o, r.href)), err
	case headersTab:
		return deliveries.HeadersPart(headerPairs(r.Delivery)), nil
	case recordTab:
		return deliveries.RecordPart(recordText(nil, []store.Delivery{r.Delivery})), nil
	}
	o, err := s.open(c.Request().Context(), r.Delivery, nil)
	if err != nil {
		return nil, err
	}
	v, err := s.verification(c.Request().Context(), r.Delivery, o, s.clock(c))
	return deliveries.VerificationPart(v), err
}

// rejectedNeighbours are next to the delivery in the list that the person came from.
func (s *Server) rejectedNeighbours(c echo.Context, r rejectedShown) (newer, older string, err error) {
	f := r.filters.rejected()
	find := func(p store.Page) (string, error) {
		f.Page = p
		page, err := s.store.ListRejected(c.Request().Context(), f)
		if err != nil || len(page.Items) == 0 {
			return "", err
		}
		return r.filters.href(paths.ShowRejected(page.Items[0].ID.String()), tabParam, r.tab, liveParam, "", sizeParam, ""), nil
	}
	newer, newerErr := find(store.Page{NewerThan: r.ID, Limit: 1})
	older, olderErr := find(store.Page{OlderThan: r.ID, Limit: 1})
	return newer, older, errors.Join(newerErr, olderErr)
}

func adviceOf(d store.Delivery) deliveries.Advice {
	r := reasonOf(d.Reason)
	if d.Explanation.Rung == "" {
		return deliveries.Advice{Reason: r.text, Code: d.Reason, Happened: readable(d.ReasonDetail), Meaning: r.meaning, Next: r.next}
	}
	if isPolicyMatter(d) {
		// The receiver itself found it: its reason says more than the step that it belongs to.
		return deliveries.Advice{Reason: r.text, Code: d.Reason, Rung: d.Explanation.Rung, Happened: readable(d.ReasonDetail), Meaning: r.meaning, Next: nextOf(d, r)}
	}
	why := rungOf(d.Explanation.Rung)
	a := deliveries.Advice{Reason: why.text, Code: d.Reason, Rung: why.code, Happened: readable(d.ReasonDetail), Meaning: why.meaning, Next: why.next}
	if detail := readable(d.Explanation.Detail); detail != "" && detail != a.Happened {
		a.Meaning += " " + detail
	}
	if d.Reason == reasonMismatch && explains(d.Explanation.Rung) {
		a.Happened = "" // what was guessed before the cause was found
	}
	return a
}

// reasonMismatch is the receiver's reason that only says what did not fit.
const reasonMismatch = "signature_mismatch"

// explains reports whether an explanation names a cause.
func explains(code string) bool {
	return code != "not-walked" && code != string(cybs.RungNoExplanation) && code != string(cybs.RungStoppedAtItsLimit)
}

// nextOf is the advice for a reason, with what is known of the event type.
func nextOf(d store.Delivery, r reason) []string {
	if r.code != "mle_missing" || d.ProductID == "" || isEncrypted(cybs.Product{ID: d.ProductID}, cybs.EventType{}) {
		return r.next
	}
	return []string{
		"Edit the subscription and set encryption to “As the event types need”: Cybersource does not encrypt event types of " + productName(d.ProductID) +
			", unless its list for the organization says so. What is encrypted is opened all the same.",
		"Then judge this delivery again: it passes, and can be released.",
		"If Cybersource says that it encrypts " + orWord(d.EventType, "this event type") + " for you, look whether the encryption certificate on the subscription’s page is registered there.",
	}
}

// sourceNote says whether a delivery came from an address that Cybersource has published.
func sourceNote(d store.Delivery) string {
	switch {
	case !d.Source.IsValid():
		return ""
	case slices.Contains(cybs.DeliverySources(), d.Source.String()):
		return "One of Cybersource’s addresses."
	}
	return "Not one of Cybersource’s published addresses."
}

func (r rejectedShown) facts() rejected.Facts {
	sc := r.filters.scope
	return rejected.Facts{
		ID: r.ID.String(), ReceivedAt: r.ReceivedAt, EventType: r.EventType, Product: productName(r.ProductID), TraceID: r.TraceID, KeyID: r.KeyID,
		Source: sourceText(r.Delivery), TLS: tlsText(r.Delivery), Answered: answerText(r.Answered), AnswerTime: r.AnswerTime, Bytes: int64(r.BodyBytes),
		Organization: sc.organizationName(r.OrganizationID), Subscription: sc.subscriptionName(r.SubscriptionID),
		SubscriptionHref: paths.ShowSubscription(r.SubscriptionID), Duplicates: r.Duplicates, LastDuplicateAt: r.LastDuplicateAt,
	}
}

// subscriptionWord is a subscription as parameters name it.
func subscriptionWord(id int64) string { return strconv.FormatInt(id, 10) }
