package web_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web"
	"github.com/switchboardhq/switchboard/web/webtest"
)

// logLine is the access record of the last request to a route.
func logLine(t *testing.T, srv *webtest.Server, route string) map[string]any {
	t.Helper()
	var found map[string]any
	for line := range strings.Lines(srv.Logged()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		if record["route"] == route {
			found = record
		}
	}
	return found
}

func TestPanicIsA500WithTheRequestIDInPageAndLog(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t, webtest.WithConsole(func(c *web.Config) {
		c.Client = func(context.Context, store.Organization) (*cybs.Client, error) { panic("plug pulled: secret-detail") }
	}))
	editor := srv.As(store.RoleEditor)
	page := editor.Post(paths.CheckOrganizationOf(srv.Organization.ID), nil).Wants(http.StatusInternalServerError)
	id := page.Header.Get("X-Request-Id")
	page.Says("Something went wrong", id)
	if strings.Contains(page.Body, "secret-detail") || strings.Contains(page.Body, "request-id-goes-here") {
		t.Errorf("the page says too much: %s", page.Body)
	}
	record := logLine(t, srv, paths.CheckOrganization)
	if record["level"] != "ERROR" || record["status"] != float64(500) || record["request_id"] != id {
		t.Errorf("logged as %v", record)
	}
	if cause, _ := record["err"].(string); !strings.Contains(cause, "plug pulled") || !strings.Contains(cause, "goroutine") {
		t.Errorf("the log lacks panic or stack: %q", cause)
	}
	editor.Get(paths.Team).Wants(http.StatusOK)
}

func TestDatabaseAwayIsA503ThatSaysSo(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	browser := srv.As(store.RoleViewer)
	browser.Get(paths.Team).Wants(http.StatusOK)
	// The database goes away under the pool: its connections end, and new ones are refused.
	admin := srv.Store.Pool().Config().ConnConfig.Copy()
	name := admin.Database
	admin.Database = "postgres"
	renameDatabase(t, admin, name, name+"_away")
	t.Cleanup(func() { // before the receiver is stopped, which needs a database
		renameDatabase(t, admin, name+"_away", name)
		srv.Store.Pool().Reset() // of connections that have ended
	})
	page := browser.Get(paths.Team).Wants(http.StatusServiceUnavailable).Says("The database is away")
	if page.Header.Get("Retry-After") == "" || !page.Has("problem") {
		t.Errorf("Retry-After %q: %s", page.Header.Get("Retry-After"), page.Text())
	}
}

func TestAccessLogHasOneRecordARequest(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	u := srv.Person(store.RoleViewer)
	page := srv.AsUser(u).Get(paths.ShowOrganization(srv.Organization.ID) + "?a=b").Wants(http.StatusOK)
	record := logLine(t, srv, paths.Organization)
	want := map[string]any{
		"msg": "request", "level": "INFO", "method": "GET", "status": float64(200), "bytes": float64(len(page.Body)),
		"user": u.Email, "request_id": page.Header.Get("X-Request-Id"),
	}
	for key, value := range want {
		if record[key] != value {
			t.Errorf("%s = %v, want %v", key, record[key], value)
		}
	}
	if got := strings.Count(srv.Logged(), page.Header.Get("X-Request-Id")); got != 1 {
		t.Errorf("%d records, want one", got)
	}
}

func TestConfigurationMistakesAreReportedTogether(t *testing.T) {
	t.Parallel()
	_, err := web.New(web.Config{Environment: "moon", ConsoleURL: "ftp://x"})
	if err == nil {
		t.Fatal("an empty configuration was taken")
	}
	for _, want := range []string{"no store", "client", "endpoint URLs", `"moon"`, "ftp://x"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not mention %s", err, want)
		}
	}
}

func TestCookiesAreSecureOnHTTPS(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t, webtest.WithConsole(func(c *web.Config) { c.ConsoleURL = "https://switchboard.example" }))
	page := srv.Stranger().Get(paths.SignIn).Wants(http.StatusOK)
	cookie := page.Header.Get("Set-Cookie")
	if !strings.HasPrefix(cookie, "__Host-switchboard_session=") || !strings.Contains(cookie, "Secure") {
		t.Errorf("cookie attributes: %s", redactCookie(cookie))
	}
	if page.Header.Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS on https")
	}
}
