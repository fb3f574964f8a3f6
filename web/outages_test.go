package web_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web/webtest"
)

func TestOverviewSaysWhatTheReceiverCouldNotTake(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	viewer := srv.As(store.RoleViewer)
	if viewer.Get(paths.Overview).Wants(http.StatusOK).Has("outages") {
		t.Error("outages are shown, and there was none")
	}
	ago := func(minutes int) time.Time { return time.Now().Add(-time.Duration(minutes) * time.Minute) }
	for _, r := range []struct {
		from, to time.Time
		lost     bool
	}{{ago(300), ago(240), false}, {ago(200), ago(120), true}} { // the next run is the server's own, from now on
		id, err := srv.Store.BeginRun(t.Context(), r.from)
		if err == nil {
			err = srv.Store.EndRun(t.Context(), id, r.to, r.lost)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	refusals := []store.Refusals{
		{ID: store.NewID(ago(20)), Cause: "database", First: ago(20), Last: ago(18), Deliveries: 1234, HealthChecks: 1},
		{ID: store.NewID(ago(10)), Cause: "queue_full", First: ago(10), Last: ago(10), Deliveries: 1},
		{ID: store.NewID(ago(5)), Cause: "too_large", Status: http.StatusRequestEntityTooLarge, First: ago(5), Last: ago(4), Deliveries: 2},
		{ID: store.NewID(ago(3)), Cause: "incomplete", Status: http.StatusBadRequest, First: ago(3), Last: ago(3), Deliveries: 1},
		{ID: store.NewID(ago(19)), Cause: "database", Status: http.StatusServiceUnavailable, First: ago(19), Last: ago(18), Deliveries: 5, SubscriptionID: 1},
		{ID: store.NewID(ago(25 * 60)), Cause: "memory", First: ago(25 * 60), Last: ago(25 * 60), Deliveries: 1},
	}
	if err := srv.Store.RecordRefusals(t.Context(), refusals); err != nil {
		t.Fatal(err)
	}
	lines := viewer.Get(paths.Overview).Wants(http.StatusOK).Says(
		"The database took no writes: 1,239 deliveries and 1 health check were answered 503.",
		"The body was longer than 1 MiB, which is the most that is taken: 2 deliveries were answered 413.",
		"The connection ended before the whole body had come: 1 delivery was broken off.", "Broken off",
		"More came than the database could store at once: 1 delivery was answered 503.",
		"Switchboard ended unexpectedly and received nothing until it was started again.", "2 h",
		"Switchboard was stopped and received nothing until it was started again.", "40 min",
	).AllByTestID("outage")
	if len(lines) != 6 {
		t.Errorf("%d outages are shown, want the six of the last day", len(lines))
	}
}
