package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web"
	"github.com/switchboardhq/switchboard/web/receiver"
	"github.com/switchboardhq/switchboard/web/webtest"
)

// firstSteps are the four steps with whether each is done, and the link of the one to do now.
func firstStepsOf(p *webtest.Page) (done []bool, link string) {
	steps := p.ByTestID("first-steps")
	for _, e := range steps.All(func(e *webtest.Element) bool {
		return strings.HasPrefix(e.Attr("class"), "step ") || e.Attr("class") == "step"
	}) {
		done = append(done, strings.Contains(e.Attr("class"), "step-done"))
	}
	for _, a := range steps.All(func(e *webtest.Element) bool { return e.Tag() == "a" }) {
		link = a.Attr("href")
	}
	return done, link
}

func TestTheFourStepsFollowTheData(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleEditor)
	done, link := firstStepsOf(editor.Get(paths.Overview).Wants(http.StatusOK))
	if diff := cmp.Diff([]bool{true, false, false, false}, done); diff != "" || link != paths.NewSubscription {
		t.Errorf("an empty house (-want +got):\n%s leads to %q", diff, link)
	}
	a := &archive{Server: srv, tb: t, described: map[store.ID]store.Description{}}
	a.Subscription = a.subscribe(srv.Organization, "Token events")
	done, link = firstStepsOf(editor.Get(paths.Overview).Wants(http.StatusOK))
	if diff := cmp.Diff([]bool{true, true, true, false}, done); diff != "" || link != paths.ShowSubscription(a.Subscription.ID) {
		t.Errorf("with an active subscription (-want +got):\n%s leads to %q", diff, link)
	}
	a.fill(1)
	if editor.Get(paths.Overview).Wants(http.StatusOK).Has("first-steps") {
		t.Error("the steps are still there after the first notification")
	}
}

func TestAHouseWithoutOrganizationBeginsWithOne(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t, webtest.WithConsole(func(cfg *web.Config) { cfg.Environment, cfg.Sandbox = "test", nil }))
	done, link := firstStepsOf(srv.As(store.RoleAdministrator).Get(paths.Overview).Wants(http.StatusOK))
	if diff := cmp.Diff([]bool{false, false, false, false}, done); diff != "" || link != paths.NewOrganization {
		t.Errorf("steps (-want +got):\n%s lead to %q", diff, link)
	}
}

func TestTheOverviewCountsWhatArrived(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	now := time.Now()
	for i := range 3 {
		a.keep(a.delivery(now.Add(-time.Duration(i)*time.Minute), fmt.Sprintf(`{"n":%d}`, i)))
	}
	a.keep(a.delivery(now, `{"x":1}`, rejectedFor(receiver.ReasonKeyUnknown)), a.delivery(now, `{"x":2}`, rejectedFor(receiver.ReasonKeyUnknown)),
		a.delivery(now, `{"x":3}`, rejectedFor(receiver.ReasonSignatureMissing)), a.delivery(now.Add(-30*time.Hour), `{"x":4}`))
	viewer := a.As(store.RoleViewer)
	page := viewer.Get(paths.Overview).Wants(http.StatusOK)
	page.Says("Verified, 24 h 3 deliveries", "Rejected, 24 h 3 mostly: unknown key", "Receives; some was rejected.", "Sandbox organization and its 1 subscription.")
	byReason := page.ByTestID("rejected-by-reason")
	if got := byReason.Text(); !strings.Contains(got, "Unknown key 2 No signature 1") {
		t.Errorf("by reason: %q", got)
	}
	if n := len(page.AllByTestID("notification-row")); n != 4 {
		t.Errorf("%d last notifications, want 4", n)
	}
	page.ByTestID("build").All(func(*webtest.Element) bool { return true })
	page.Says("migration", "complete")

	// Every number leads to a list that shows what it counts.
	followed := 0
	for _, link := range page.Links() {
		if !strings.Contains(link, "from=") || strings.HasPrefix(link, paths.Overview+"?") {
			continue
		}
		if viewer.Get(link).Wants(http.StatusOK); strings.Contains(link, paths.Notifications+"/") {
			continue
		}
		list := viewer.Get(link)
		if !list.Has("notification-row") && !list.Has("rejected-row") {
			t.Errorf("%s lists nothing", link)
		}
		followed++
	}
	if followed < 5 {
		t.Errorf("%d links lead to lists, want the tiles', the subscription's and the reasons'", followed)
	}
}

func TestTheChartCoversItsRange(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.fill(3)
	viewer := a.As(store.RoleViewer)
	for query, want := range map[string]struct {
		bars int
		unit string
	}{"?from=-1h": {61, "deliveries per minute"}, "": {97, "deliveries per 15 minutes"}, "?from=-7d": {169, "deliveries per hour"}} {
		page := viewer.Get(paths.Overview + query).Wants(http.StatusOK)
		chart := page.ByTestID("traffic")
		if n := len(chart.All(func(e *webtest.Element) bool { return e.Tag() == "tr" })) - 1; n != want.bars {
			t.Errorf("%q has %d bars, want %d", query, n, want.bars)
		}
		if !strings.Contains(chart.Text(), want.unit) {
			t.Errorf("%q does not say %q", query, want.unit)
		}
	}
	viewer.Get(paths.Overview + "?from=-2y").Wants(http.StatusSeeOther)
	part := viewer.Partial().Get(paths.Overview).Wants(http.StatusOK)
	if strings.Contains(part.Body, "<html") || part.ByID("now").Tag() != "div" {
		t.Error("htmx does not get the changing part alone")
	}
}

func TestKeysThatEndSoonAreShown(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	viewer := a.As(store.RoleViewer)
	viewer.Get(paths.Overview).Wants(http.StatusOK).Says("No key: nothing can be verified")
	for _, c := range []struct {
		ends  time.Duration
		shows string
	}{{10 * 24 * time.Hour, "Ends soon"}, {-time.Hour, "Ended"}} {
		key := store.SignatureKey{OrganizationID: a.Organization.ID, KeyID: "key-" + c.shows, Key: []byte("0123456789abcdef"), ExpiresAt: time.Now().Add(c.ends)}
		if _, err := a.Store.InsertSignatureKey(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if got := viewer.Get(paths.Overview).Wants(http.StatusOK).ByTestID("keys").Text(); !strings.Contains(got, c.shows) {
			t.Errorf("a key that ends in %s shows %q", c.ends, got)
		}
	}
	long := store.SignatureKey{OrganizationID: a.Organization.ID, KeyID: "key-long", Key: []byte("0123456789abcdef"), ExpiresAt: time.Now().Add(400 * 24 * time.Hour)}
	if _, err := a.Store.InsertSignatureKey(t.Context(), long); err != nil {
		t.Fatal(err)
	}
	if viewer.Get(paths.Overview).Has("keys") {
		t.Error("a key that ends in a year is shown")
	}
}
