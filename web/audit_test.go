package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web/webtest"
)

// insertAudit writes n entries.
func insertAudit(t *testing.T, srv *webtest.Server, n int, e store.AuditEntry) {
	t.Helper()
	for i := range n {
		e.ObjectName = fmt.Sprintf("thing %d", i)
		if _, err := srv.Store.InsertAudit(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

func things(p *webtest.Page) []string {
	var list []string
	for _, row := range p.All(func(e *webtest.Element) bool { return e.Tag() == "td" && e.Attr("data-label") == "To" }) {
		list = append(list, row.Text())
	}
	return list
}

// pager is the address behind a pager's link, or "".
func pager(p *webtest.Page, rel string) string {
	for _, e := range p.All(func(e *webtest.Element) bool { return e.Tag() == "a" && e.Attr("rel") == rel }) {
		return e.Attr("href")
	}
	return ""
}

func TestAuditLogIsPagedByKey(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	insertAudit(t, srv, 120, store.AuditEntry{Actor: "ada@example.com", Action: "test.page"})
	browser := srv.As(store.RoleViewer)
	first := browser.Get(paths.AuditLog + "?action=test.page")
	if got := things(first); len(got) != 50 || got[0] != "thing 119" || got[49] != "thing 70" {
		t.Fatalf("first page = %q", got)
	}
	if pager(first, "prev") != "" {
		t.Error("the first page leads to newer ones")
	}
	second := browser.Get(pager(first, "next"))
	third := browser.Get(pager(second, "next"))
	if got := things(third); len(got) != 20 || got[19] != "thing 0" || pager(third, "next") != "" {
		t.Fatalf("last page = %q, next %q", got, pager(third, "next"))
	}
	insertAudit(t, srv, 3, store.AuditEntry{Actor: "ada@example.com", Action: "test.page"})
	back := browser.Get(pager(third, "prev"))
	if got := things(back); len(got) != 50 || got[0] != things(second)[0] {
		t.Errorf("back to the second page = %q", got)
	}
	top := browser.Get(pager(back, "prev"))
	if got := things(top); len(got) != 50 || got[0] != "thing 119" || pager(top, "prev") == "" {
		t.Errorf("back to the first page = %q, newer %q", got, pager(top, "prev"))
	}
}

func TestAuditLogIsFiltered(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	u := srv.Person(store.RoleEditor)
	insertAudit(t, srv, 1, store.AuditEntry{Actor: u.Email, UserID: u.ID, Action: "subscription.create", ObjectKind: "subscription", ObjectID: "7", Outcome: store.OutcomeFailed})
	insertAudit(t, srv, 2, store.AuditEntry{Actor: "other", Action: "subscription.delete", ObjectKind: "subscription", ObjectID: "8", OrganizationID: srv.Organization.ID})
	browser := srv.As(store.RoleViewer)
	cases := []struct {
		query string
		want  int
	}{
		{"action=subscription.create", 1},
		{"action=subscription.delete", 2},
		{"outcome=failed", 1},
		{fmt.Sprintf("person=%d", u.ID), 1},
		{"kind=subscription", 3},
		{"kind=subscription&object=8", 2},
		{"object=8", 4}, // an id of what kind
		{fmt.Sprintf("org=%d&kind=subscription", srv.Organization.ID), 2},
		{"from=-1h&kind=subscription", 3},
		{"action=nothing.such", 0},
		{"action=%00%ff", 4}, // no word at all filters nothing
		{"older=abc&newer=-5&person=x", 4},
	}
	for _, c := range cases {
		plain := browser.Get(paths.AuditLog + "?" + c.query).Wants(http.StatusOK)
		part := browser.Partial().Get(paths.AuditLog + "?" + c.query).Wants(http.StatusOK)
		if got := len(things(plain)); got != c.want {
			t.Errorf("%s: %d entries, want %d", c.query, got, c.want)
		}
		if got := len(things(part)); got != c.want || part.Heading() != "" {
			t.Errorf("%s: the part has %d entries, want %d, heading %q", c.query, got, c.want, part.Heading())
		}
	}
	for _, query := range []string{"?action=nothing.such", "?older=1"} {
		if empty := browser.Get(paths.AuditLog + query); !empty.Has("empty-no-match") {
			t.Errorf("the empty result of %s does not offer a way back", query)
		}
	}
}

// The chips of what is in force stand outside the list: a filter that replaced the list alone would leave them behind.
func TestFiltersInForceAreShownWithTheirList(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	browser := srv.As(store.RoleEditor)
	filledForm(browser).Submit().Wants(http.StatusSeeOther)
	for path, query := range map[string]string{paths.AuditLog: "outcome=failed", paths.Subscriptions: "status=BLOCKED"} {
		for _, form := range browser.Get(path).All(func(e *webtest.Element) bool { return e.Tag() == "form" && e.Attr("role") == "search" }) {
			if form.HasAttr("hx-get") {
				t.Errorf("%s: the filter replaces %s alone", path, form.Attr("hx-target"))
			}
		}
		page := browser.Get(path + "?q=&person=&" + query).Wants(http.StatusSeeOther)
		if got, want := page.Header.Get("Location"), path+"?"+query; got != want {
			t.Errorf("a form with empty fields leads to %s, want %s", got, want)
		}
		page.Follow().Says("Clear all")
	}
}

func TestAuditEntryShowsWhatChanged(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	id, err := srv.Store.InsertAudit(t.Context(), store.AuditEntry{
		Actor: "ada@example.com", Action: "subscription.update", ObjectKind: "subscription", ObjectID: "7", ObjectName: "Tokens", Detail: "Cybersource took it.",
		Before: json.RawMessage(`{"name":"Old","retry":{"interval":10,"count":3},"events":["a","b"],"gone":true}`),
		After:  json.RawMessage(`{"name":"<script>alert(1)</script>","retry":{"interval":12345678901234567890,"count":3},"events":["a"],"new":null}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	page := srv.As(store.RoleViewer).Get(paths.ShowAuditEntry(id)).Wants(http.StatusOK).Says("ada@example.com", "Cybersource took it.", "12345678901234567890")
	var changed []string
	for _, row := range page.ByTestID("difference").All(func(e *webtest.Element) bool { return e.Tag() == "tr" && e.Attr("class") == "row" }) {
		changed = append(changed, row.Text())
	}
	want := []string{"events[1] b not there", "gone true not there", "name Old <script>alert(1)</script>", "new not there null", "retry.interval 10 12345678901234567890"}
	if fmt.Sprint(changed) != fmt.Sprint(want) {
		t.Errorf("changes =\n%q, want\n%q", changed, want)
	}
	if same := page.ByTestID("unchanged").Text(); same != "What changed Member Before After events[0] a a retry.count 3 3" {
		t.Errorf("unchanged = %q", same)
	}
}
