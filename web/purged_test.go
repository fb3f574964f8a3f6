package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web"
	"github.com/switchboardhq/switchboard/web/webtest"
)

func TestWhatRetentionRemovedSaysSo(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	now := time.Now()
	before := store.PurgeLimit(now, 90*24*time.Hour)
	kept := a.delivery(now.Add(-time.Hour), `{"n":1}`)
	a.keep(kept, a.delivery(now.Add(-time.Hour), `{"n":2}`, rejectedFor("signature_missing")))
	viewer := a.As(store.RoleViewer)
	gone := store.NewID(before.Add(-time.Hour)).String()
	pages := []string{paths.ShowNotification(gone), paths.ShowRejected(gone), paths.ShowDelivery(gone)}
	for _, path := range pages {
		viewer.Get(path).Wants(http.StatusNotFound)
	}
	if text := viewer.Get(paths.Notifications).Text(); strings.Contains(text, "purged") {
		t.Errorf("before any purge: %s", text)
	}

	if due, err := a.Store.AnnouncePurge(t.Context(), before, now, 0); err != nil || !due {
		t.Fatalf("due %t, %v", due, err)
	}
	day := now.UTC().Format("2 January 2006")
	for _, path := range pages {
		viewer.Get(path).Wants(http.StatusGone).Says("Purged by retention on "+day, before.Add(-time.Hour).Format("2 January 2006"))
		viewer.Partial().Get(path).Wants(http.StatusGone).Says("Purged by retention on " + day)
	}
	viewer.Get(paths.ShowNotification(store.NewID(before).String())).Wants(http.StatusNotFound)
	old := "to=" + before.Format(time.RFC3339)
	for _, query := range []string{old, "from=-365d&" + old, "q=" + gone} {
		page := viewer.Get(paths.Notifications + "?" + query).Wants(http.StatusOK).Says("Purged by retention on " + day)
		if len(page.All(func(e *webtest.Element) bool { return e.Attr("aria-label") == "Filters in force" })) == 0 {
			t.Errorf("list of %q shows no filters to take off", query)
		}
	}
	viewer.Get(paths.Rejected + "?" + old).Wants(http.StatusOK).Says("Purged by retention on " + day)
	for _, list := range []string{paths.Notifications, paths.Rejected} {
		viewer.Get(list).Wants(http.StatusOK).Says("those of before " + before.Format("2 January 2006") + " (UTC) were purged by retention")
		if text := viewer.Get(list + "?from=-24h").Wants(http.StatusOK).Text(); strings.Contains(text, "purged") {
			t.Errorf("%s of a day speaks of what was purged: %s", list, text)
		}
	}
	if text := viewer.Get(paths.Notifications + "?from=-5m").Text(); strings.Contains(text, "urged") {
		t.Errorf("an empty list of five minutes speaks of what was purged: %s", text)
	}
}

func TestOverviewSaysHowLongNotificationsAreKept(t *testing.T) {
	t.Parallel()
	for retention, want := range map[time.Duration]string{0: "for ever", 90 * 24 * time.Hour: "90 days, then whole weeks go"} {
		srv := webtest.New(t, webtest.WithConsole(func(c *web.Config) { c.Retention = retention }))
		if text := srv.As(store.RoleViewer).Get(paths.Overview).Wants(http.StatusOK).ByTestID("build").Text(); !strings.Contains(text, want) {
			t.Errorf("with %v the overview says %q, want %q", retention, text, want)
		}
	}
}

// Retention takes the deliveries of a week before its notifications.
func TestNotificationWhoseDeliveriesAreGoneIsPurged(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	now := time.Now()
	before := store.PurgeLimit(now, 90*24*time.Hour)
	old := a.delivery(before.Add(-time.Hour), `{"n":1}`)
	a.keep(old)
	if _, err := a.Store.AnnouncePurge(t.Context(), before, now, 0); err != nil {
		t.Fatal(err)
	}
	viewer := a.As(store.RoleViewer)
	viewer.Get(paths.ShowNotification(old.ID.String())).Wants(http.StatusOK)
	if err := a.Store.DeleteStrays(t.Context(), map[string][]store.ID{"deliveries": {old.ID}}); err != nil {
		t.Fatal(err)
	}
	viewer.Get(paths.ShowNotification(old.ID.String())).Wants(http.StatusGone).Says("Purged by retention")
}
