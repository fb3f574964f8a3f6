package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web/receiver"
	"github.com/switchboardhq/switchboard/web/webtest"
)

func TestEachFilterOfNotificationsListsWhatItSays(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	now := time.Now()
	other := a.subscribe(a.Organization, "Other events")
	at := func(minutes int) time.Time { return now.Add(-time.Duration(minutes) * time.Minute) }

	plain := a.delivery(at(1), `{"n":1}`)
	provisioned := a.delivery(at(2), `{"n":2}`, func(d *store.Delivery) { d.EventType = "tms.networktoken.provisioned" })
	invoice := a.delivery(at(3), `{"n":3}`, func(d *store.Delivery) {
		d.ProductID, d.EventType = "customerInvoicing", "invoicing.customer.invoice.paid"
	})
	lost := a.delivery(at(4), `{"n":4}`, func(d *store.Delivery) { d.RetryNumber = 2 })
	retried := a.delivery(at(5), `{"n":5}`)
	retry := a.retry(retried, at(4), 1)
	unreadable := a.delivery(at(6), `not json`)
	a.describe(unreadable, func(d *store.Description) { d.Readable = false })
	test := a.delivery(at(7), `{"n":7}`)
	a.describe(test, func(d *store.Description) { d.Test = true })
	elsewhere := a.delivery(at(8), `{"n":8}`, func(d *store.Delivery) { d.SubscriptionID, d.EndpointID = other.ID, other.EndpointID })
	old := a.delivery(at(60*26), `{"n":9}`)
	a.describe(old, func(d *store.Description) { d.ObjectID = "7435188899356405003091" })
	a.keep(plain, provisioned, invoice, lost, retried, retry, unreadable, test, elsewhere, old)
	all := []*store.Delivery{plain, provisioned, invoice, lost, retried, unreadable, test, elsewhere, old}
	without := func(left ...*store.Delivery) []*store.Delivery {
		return slices.DeleteFunc(slices.Clone(all), func(d *store.Delivery) bool { return slices.Contains(left, d) })
	}

	viewer := a.As(store.RoleViewer)
	for query, want := range map[string][]*store.Delivery{
		"":                                    all,
		"organization=sandbox_org":            all,
		"product=customerInvoicing":           {invoice},
		"type=tms.networktoken.updated":       without(provisioned, invoice),
		"status=delivered":                    all,
		"status=retried":                      {lost, retried},
		"status=lost-attempts":                {lost},
		"status=unreadable":                   {unreadable},
		"status=test":                         {test},
		"status=open":                         {},
		"from=-24h":                           without(old),
		"from=-30d&to=-24h":                   {old},
		"from=-5m&status=retried":             {lost},
		"q=" + plain.ID.String():              {plain},
		"q=" + retry.TraceID:                  {retried},
		"q=7435188899356405003091":            {old},
		"q=" + other.WebhookID:                {elsewhere},
		"q=nothing":                           {},
		fmt.Sprint("subscription=", other.ID): {elsewhere},
	} {
		ids := []string{}
		for _, d := range want {
			ids = append(ids, d.ID.String())
		}
		page := viewer.Get(paths.Notifications + "?" + query).Wants(http.StatusOK)
		if diff := cmp.Diff(ids, rows(page, "notification-row")); diff != "" {
			t.Errorf("list of %q (-want +got):\n%s", query, diff)
		}
		if chips := page.All(func(e *webtest.Element) bool { return e.Attr("aria-label") == "Filters in force" }); (len(chips) > 0) != (query != "") {
			t.Errorf("list of %q shows chips: %t, want %t", query, len(chips) > 0, query != "")
		}
	}
}

func TestNotificationsPageBothWaysOverEqualTimes(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	moment := time.Now().Add(-time.Minute)
	var list []*store.Delivery
	for i := range 60 {
		list = append(list, a.delivery(moment, fmt.Sprintf(`{"n":%d}`, i), func(d *store.Delivery) { d.ID = store.NewID(moment) }))
	}
	a.keep(list...)
	viewer := a.As(store.RoleViewer)

	var seen []string
	first := viewer.Get(paths.Notifications + "?size=25").Wants(http.StatusOK)
	page := first
	for page != nil {
		seen = append(seen, rows(page, "notification-row")...)
		next := linkTo(page, "Older")
		if next == "" {
			break
		}
		page = viewer.Get(next).Wants(http.StatusOK)
	}
	unique := slices.Compact(slices.Sorted(slices.Values(seen)))
	if len(seen) != 60 || len(unique) != 60 {
		t.Fatalf("paging to the end shows %d rows, %d different ones; want 60", len(seen), len(unique))
	}
	// Back from the third page, over the second, to the first.
	second := viewer.Get(linkTo(page, "Newer")).Wants(http.StatusOK)
	if diff := cmp.Diff(seen[25:50], rows(second, "notification-row")); diff != "" {
		t.Errorf("the page before the last (-want +got):\n%s", diff)
	}
	back := viewer.Get(linkTo(second, "Newer"))
	if back.Status == http.StatusSeeOther {
		back = back.Follow()
	}
	if diff := cmp.Diff(seen[:25], rows(back.Wants(http.StatusOK), "notification-row")); diff != "" {
		t.Errorf("the first page, come back to (-want +got):\n%s", diff)
	}
}

func TestTheBeginningOfAListIsShownInFull(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	ids := a.fill(30)
	page := a.As(store.RoleViewer).Get(paths.Notifications + "?size=25&newer=" + ids[3])
	if got, want := page.Wants(http.StatusSeeOther).Header.Get("Location"), paths.Notifications+"?size=25"; got != want {
		t.Errorf("a page of three newer rows leads to %q, want %q", got, want)
	}
}

func TestRelativeTimesStayRelativeAndTypedOnesBecomeFixed(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.fill(2)
	viewer := a.As(store.RoleViewer)

	page := viewer.Get(paths.Notifications + "?from=-24h").Wants(http.StatusOK)
	for _, link := range page.Links() {
		if strings.HasPrefix(link, paths.Notifications+"/") && !strings.Contains(link, "from=-24h") {
			t.Errorf("a row leads to %q, which lost the relative range", link)
		}
	}
	for sent, want := range map[string]string{
		"?range=-7d&q=&type=":                             "?from=-7d",
		"?range=&from=-1h&status=test":                    "?status=test",
		"?range=custom&from=2026-01-31T14:00":             "?from=2026-01-31T14%3A00%3A00Z",
		"?from=2026-01-31&to=2026-02-01T00:30:00%2B01:00": "?from=2026-01-31T00%3A00%3A00Z&to=2026-01-31T23%3A30%3A00Z",
	} {
		got := viewer.Get(paths.Notifications + sent).Wants(http.StatusSeeOther).Header.Get("Location")
		if got != paths.Notifications+want {
			t.Errorf("%s leads to %q, want %q", sent, got, paths.Notifications+want)
		}
	}
}

func TestTheFilterFormKeepsWhatItDoesNotShow(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.fill(1)
	page := a.As(store.RoleViewer).Get(paths.Notifications + "?from=2026-01-31T14:00:00Z&to=2036-01-31T14:00:00Z&size=25&live=1").Wants(http.StatusOK)
	forms := page.All(func(e *webtest.Element) bool { return e.Tag() == "form" && e.Attr("class") == "filter-form" })
	if len(forms) != 1 {
		t.Fatalf("%d filter forms, want one", len(forms))
	}
	sent := url.Values{}
	for _, e := range forms[0].All(func(e *webtest.Element) bool { return e.Tag() == "input" && e.Attr("type") == "hidden" }) {
		sent.Set(e.Attr("name"), e.Attr("value"))
	}
	want := url.Values{"from": {"2026-01-31T14:00:00Z"}, "to": {"2036-01-31T14:00:00Z"}, "size": {"25"}, "live": {"1"}}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("hidden fields (-want +got):\n%s", diff)
	}
}

func TestAnAddressThatCannotBeReadListsNothing(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.fill(1)
	viewer := a.As(store.RoleViewer)
	for _, query := range []string{
		"from=yesterday", "from=-9999999999h", "from=-0h", "to=soon", "from=-1h&to=-2h", "organization=nobody", "subscription=x", "subscription=-1", "status=nice",
		"size=51", "size=x", "older=1", "newer=x", "q=%00", "q=%ff", "q=" + strings.Repeat("x", 301), "type=%07", "product=%fe",
		"older=" + store.NewID(time.Now()).String() + "&newer=" + store.NewID(time.Now()).String(),
	} {
		page := viewer.Get(paths.Notifications + "?" + query)
		if page.Status != http.StatusBadRequest || page.Has("notification-row") || !strings.Contains(page.Text(), "cannot be read") {
			t.Errorf("%s answers %d with %d rows, want 400 without any and an explanation", query, page.Status, len(rows(page, "notification-row")))
		}
	}
	page := viewer.Get(paths.Notifications + "?unknown=1&utm_source=x").Wants(http.StatusOK)
	if !page.Has("notification-row") {
		t.Error("a parameter of nobody's hides the rows")
	}
}

func TestStatusRejectedLeadsToTheListOfRejected(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	page := a.As(store.RoleViewer).Get(paths.Notifications + "?status=rejected&organization=sandbox_org&from=-24h&reason=key_unknown&type=x")
	want := paths.Rejected + "?from=-24h&organization=sandbox_org&reason=key_unknown&type=x"
	if got := page.Wants(http.StatusSeeOther).Header.Get("Location"); got != want {
		t.Errorf("it leads to %q, want %q", got, want)
	}
}

func TestTheKindsOfNothingDiffer(t *testing.T) {
	t.Parallel()
	bare := webtest.New(t)
	page := bare.As(store.RoleViewer).Get(paths.Notifications).Wants(http.StatusOK).Says("No subscription, so nothing arrives")
	if !page.Has("empty-never") {
		t.Error("an empty house does not show the picture for what never was")
	}

	a := newArchive(t)
	viewer := a.As(store.RoleViewer)
	viewer.Get(paths.Notifications).Wants(http.StatusOK).Says("Nothing has arrived yet", a.Subscription.EndpointToken)
	a.fill(1)
	narrow := viewer.Get(paths.Notifications+"?type=x&from=-1h").Wants(http.StatusOK).Says("No notification matches", "Widen to 7 days")
	if !narrow.Has("empty-no-match") {
		t.Error("filters that find nothing do not show the picture for that")
	}
	if link := linkTo(narrow, "Widen to 7 days"); link != paths.Notifications+"?from=-7d&type=x" {
		t.Errorf("widening leads to %q", link)
	}
	found := viewer.Get(paths.Notifications + "?q=nothing").Wants(http.StatusOK).Says("No notification has this id")
	if got := linkTo(found, "Search rejected deliveries"); got != paths.Rejected+"?q=nothing" {
		t.Errorf("a search for an id leads on to %q, want the same search among rejected deliveries", got)
	}
	if future := viewer.Get(paths.Notifications + "?from=2999-01-01T00:00:00Z"); linkTo(future, "Widen") != "" {
		t.Error("a time range in the future is offered to be widened into the past")
	}
}

func TestLiveListsStandStillUntilAsked(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	ids := a.fill(3)
	viewer := a.As(store.RoleViewer)

	still := viewer.Get(paths.Notifications).Wants(http.StatusOK).ByTestID("live")
	if got := still.Attr("data-live"); got != "off" {
		t.Errorf("without live=1 the list is %q, want off", got)
	}
	page := viewer.Get(paths.Notifications + "?live=1&status=delivered").Wants(http.StatusOK)
	if got := page.ByTestID("live").Attr("data-live"); got != "on" {
		t.Errorf("with live=1 the list is %q, want on", got)
	}
	if stream := page.ByTestID("live").Attr("hx-sse:connect"); !strings.HasPrefix(stream, paths.LiveNotifications) {
		t.Errorf("it streams from %q", stream)
	}
	bar := page.ByTestID("new-rows")
	if !bar.HasAttr("hidden") {
		t.Error("the bar of new rows shows before anything came")
	}
	count := bar.Attr("data-count")
	if part := viewer.Partial().Get(count + ids[2]).Wants(http.StatusOK); part.ByTestID("new-rows").HasAttr("hidden") || !strings.Contains(part.Text(), "2 new notifications — show") {
		t.Errorf("counting after the third row answers %q, want two new", part.Text())
	}
	if part := viewer.Partial().Get(count + ids[0]).Wants(http.StatusOK); !part.ByTestID("new-rows").HasAttr("hidden") {
		t.Error("nothing is new, and the bar shows")
	}
	if part := viewer.Partial().Get(count + "none").Wants(http.StatusOK); !strings.Contains(part.Text(), "3 new") {
		t.Errorf("a list that was empty counts %q, want all three", part.Text())
	}
	for _, query := range []string{"?older=" + ids[0], "?from=2026-01-01T00:00:00Z&to=2036-01-01T00:00:00Z"} {
		if viewer.Get(paths.Notifications + query).Wants(http.StatusOK).Has("live") {
			t.Errorf("%s offers to go live, where nothing new can appear", query)
		}
	}
}

func TestHtmxGetsTheListAloneAndEverybodyElseThePage(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.fill(2)
	viewer := a.As(store.RoleViewer)
	part := viewer.Partial().Get(paths.Notifications).Wants(http.StatusOK)
	if strings.Contains(part.Body, "<html") || len(rows(part, "notification-row")) != 2 {
		t.Errorf("the part is %q", part.Body)
	}
	if part.ByID("list").Attr("data-newest") != rows(part, "notification-row")[0] {
		t.Error("the part does not name its first row")
	}
	if vary := part.Header.Get("Vary"); !strings.Contains(vary, "HX-Request-Type") {
		t.Errorf("Vary is %q", vary)
	}
	for _, page := range []*webtest.Page{viewer.HTMX().Get(paths.Notifications), viewer.Get(paths.Notifications)} {
		if page.Wants(http.StatusOK); !strings.Contains(page.Body, "<html") {
			t.Error("a whole page was asked for, a part came")
		}
	}
}

func TestStrangersSeeNothingOfWhatWasReceived(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	verified, refused := a.delivery(time.Now(), `{"n":1}`), a.delivery(time.Now(), `{"n":2}`, rejectedFor(receiver.ReasonKeyUnknown))
	a.keep(verified, refused)
	id, refusedID := verified.ID.String(), refused.ID.String()
	for _, path := range []string{
		paths.Overview, paths.Notifications, paths.ShowNotification(id), paths.Rejected, paths.ShowRejected(refusedID), paths.ShowDelivery(id),
		paths.DownloadDeliveryBody(id), paths.Playground,
	} {
		page := a.Stranger().Get(path).Wants(http.StatusSeeOther)
		if !strings.HasPrefix(page.Header.Get("Location"), paths.SignIn) || strings.Contains(page.Body, id) {
			t.Errorf("%s leads a stranger to %q", path, page.Header.Get("Location"))
		}
		part := a.Stranger().Partial().Get(path).Wants(http.StatusUnauthorized)
		if part.Header.Get("HX-Redirect") == "" {
			t.Errorf("%s does not lead htmx to the sign-in page", path)
		}
		if viewer := a.As(store.RoleViewer).Get(path); viewer.Status >= http.StatusBadRequest || viewer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s answers a viewer %d with Cache-Control %q", path, viewer.Status, viewer.Header.Get("Cache-Control"))
		}
	}
}

func TestOtherEnvironmentsDoNotShow(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	production, err := a.Store.InsertOrganization(t.Context(), store.Organization{OrganizationID: "live_org", Environment: "production", Name: "Live"}, nil, store.AuditEntry{Actor: "switchboard", Action: "organization.create"})
	if err != nil {
		t.Fatal(err)
	}
	hidden := a.subscribe(production, "Live events")
	of := func(d *store.Delivery) {
		d.OrganizationID, d.SubscriptionID, d.EndpointID = production.ID, hidden.ID, hidden.EndpointID
	}
	verified, refused := a.delivery(time.Now(), `{"n":1}`, of), a.delivery(time.Now(), `{"n":2}`, of, rejectedFor(receiver.ReasonKeyUnknown))
	a.keep(verified, refused)
	viewer := a.As(store.RoleViewer)
	for _, path := range []string{paths.Notifications, paths.Rejected, paths.Overview, paths.With(paths.Notifications, "q", verified.ID.String())} {
		if page := viewer.Get(path).Wants(http.StatusOK); page.Has("notification-row") || page.Has("rejected-row") || strings.Contains(page.Text(), "Live events") {
			t.Errorf("%s shows what belongs to another environment", path)
		}
	}
	for _, path := range []string{
		paths.ShowNotification(verified.ID.String()), paths.ShowRejected(refused.ID.String()), paths.ShowDelivery(verified.ID.String()), paths.DownloadDeliveryBody(verified.ID.String()),
	} {
		viewer.Get(path).Wants(http.StatusNotFound)
	}
}
