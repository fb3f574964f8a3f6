package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// setApart makes a delivery one that could not be grouped.
func (a *archive) setApart(d *store.Delivery, code string) {
	a.tb.Helper()
	if _, err := a.Store.InsertDeliveries(a.tb.Context(), 1, []*store.Delivery{d}); err != nil {
		a.tb.Fatal(err)
	}
	_, err := a.Store.Pool().Exec(a.tb.Context(), `WITH taken AS (DELETE FROM grouping_queue WHERE delivery_id = $1)
		INSERT INTO grouping_failures (delivery_id, failed_at, code) VALUES ($1, now(), $2)`, d.ID, code)
	if err != nil {
		a.tb.Fatal(err)
	}
}

func TestDeliveriesThatCannotBeGroupedAreShownWithTheReason(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	viewer := a.As(store.RoleViewer)
	if viewer.Get(paths.Overview).Wants(http.StatusOK).Has("ungrouped") {
		t.Error("the overview tells of deliveries that are not there")
	}
	viewer.Get(paths.Ungrouped).Wants(http.StatusOK).Says("Every delivery has its notification")
	odd := a.delivery(time.Now(), `{"n":1}`)
	a.setApart(odd, "22P05")
	a.setApart(a.delivery(time.Now(), `{"n":2}`), "54000")
	a.setApart(a.delivery(time.Now(), `{"n":3}`), "")
	page := viewer.Get(paths.Overview).Wants(http.StatusOK)
	page.Says("3 deliveries could not be made into a notification", "See which, and why")
	page = viewer.Get(paths.Ungrouped).Wants(http.StatusOK)
	page.Says("a character that the database's encoding does not have", "PostgreSQL code 22P05", "larger or nested deeper than the database can work with", "cannot read what is stored of it", "tried again every hour")
	if n := len(page.AllByTestID("ungrouped-row")); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
	moved := viewer.Get(paths.ShowDelivery(odd.ID.String())).Wants(http.StatusSeeOther)
	if got := moved.Header.Get("Location"); !strings.HasPrefix(got, paths.Ungrouped) {
		t.Errorf("the delivery's page leads to %s, want the list", got)
	}
}

func TestOverviewSaysThatRejectedDeliveriesWereOnlyCounted(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	viewer := a.As(store.RoleViewer)
	if viewer.Get(paths.Overview).Wants(http.StatusOK).Has("counted") {
		t.Error("the overview tells of counted deliveries that are not there")
	}
	err := a.Store.CountUnstored(t.Context(), 1, []store.Unstored{{
		Minute: time.Now().Truncate(time.Minute), SubscriptionID: a.Subscription.ID, OrganizationID: a.Organization.ID, Reason: receiver.ReasonKeyUnknown, Deliveries: 1030,
	}})
	if err != nil {
		t.Fatal(err)
	}
	line := viewer.Get(paths.Overview).Wants(http.StatusOK).ByTestID("counted")
	if got := line.Text(); !strings.Contains(got, "1,030 of them were only counted") {
		t.Errorf("the overview says %q", got)
	}
}
