package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web/webtest"
)

func TestAddressOfAFormLeadsBackToItsPage(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	in := srv.As(store.RoleAdministrator)
	for address, page := range map[string]string{
		paths.RefreshSubscriptionOf(7):                 paths.ShowSubscription(7),
		paths.ActivateSubscriptionOf(7):                paths.ShowSubscription(7),
		paths.TestSubscriptionOf(7):                    paths.ShowSubscription(7),
		paths.CheckOrganizationOf(srv.Organization.ID): paths.ShowOrganization(srv.Organization.ID),
		paths.DisableMemberOf(3):                       paths.ShowMember(3),
		paths.Trickle:                                  paths.Playground,
	} {
		if got := in.Get(address).Wants(http.StatusSeeOther).Header.Get("Location"); got != page {
			t.Errorf("GET %s leads to %q, want %q", address, got, page)
		}
	}
}

func TestEveryProblemHasAWayOn(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	in := srv.As(store.RoleViewer)
	for _, c := range []struct{ method, path string }{
		{http.MethodGet, "/nothing/here"},
		{http.MethodGet, paths.SignOut},
		{http.MethodDelete, paths.Team},
		{http.MethodPut, paths.ShowOrganization(srv.Organization.ID)},
		{http.MethodPost, paths.Team},
		{http.MethodGet, paths.NewMember},
	} {
		page := in.Do(c.method, c.path, nil)
		if page.Status < 400 || len(page.ByTestID("problem").All(func(e *webtest.Element) bool { return e.Tag() == "a" && strings.HasPrefix(e.Attr("href"), "/") })) == 0 {
			t.Errorf("%s %s = %d has no way on: %s", c.method, c.path, page.Status, page.Text())
		}
	}
}

func TestUnknownIDIsCalledWhatItIs(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	in := srv.As(store.RoleAdministrator)
	for path, name := range map[string]string{
		"/notifications/01JZZZZZZZZZZZZZZZZZZZZZZZ": "No notification with this id", "/notifications/abc": "No notification with this id",
		"/rejected/abc": "No rejected delivery with this id", "/deliveries/abc": "No delivery with this id", "/deliveries/abc/body": "No delivery with this id",
		"/subscriptions/999": "No subscription with this id", "/subscriptions/x/edit": "No subscription with this id", "/organizations/999": "No organization with this id",
		"/team/999": "No person with this id", "/audit/99999999999999999999": "No entry of the audit log with this id", "/rejected/judgements/999": "No judgement with this id",
	} {
		page := in.Get(path).Wants(http.StatusNotFound)
		if !strings.Contains(page.Text(), name) {
			t.Errorf("%s says: %s", path, page.ByTestID("problem").Text())
		}
		if strings.Contains(page.Text(), "There is no such page") {
			t.Errorf("%s is called a page", path)
		}
	}
}
