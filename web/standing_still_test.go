package web_test

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web/webtest"
)

// Postgres that stands still does not refuse: it answers nothing. A lock on what every page reads does the same to the statements.
func TestAPageDoesNotWaitLongForADatabaseThatStandsStill(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"sessions", "subscriptions", "notifications", "deliveries"} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			srv := webtest.New(t, webtest.WithoutReceiver())
			viewer := srv.As(store.RoleViewer)
			before := viewer.Get(paths.Overview).Wants(http.StatusOK).Body
			tx, err := srv.Store.Pool().Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback(t.Context()) }() // once more than needed where the test passes
			if _, err := tx.Exec(t.Context(), "LOCK TABLE "+table+" IN ACCESS EXCLUSIVE MODE"); err != nil {
				t.Fatal(err)
			}
			address := map[string]string{"deliveries": paths.Rejected}[table]
			if address == "" {
				address = paths.Overview
			}
			begun := time.Now()
			viewer.Get(address).Wants(http.StatusServiceUnavailable)
			if took := time.Since(begun); took > 15*time.Second {
				t.Errorf("answered after %v, want about 6 s", took)
			}
			viewer.Get(linkedStyle(t, before)).Wants(http.StatusOK)
			if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			viewer.Get(address).Wants(http.StatusOK)
		})
	}
}

// linkedStyle is the address of the style sheet that a page links.
func linkedStyle(t *testing.T, body string) string {
	t.Helper()
	address := regexp.MustCompile(`/static/[^"]+\.css`).FindString(body)
	if address == "" {
		t.Fatal("the page links no style sheet")
	}
	return address
}
