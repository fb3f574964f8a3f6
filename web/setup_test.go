package web_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web"
	"github.com/switchboardhq/switchboard/web/webtest"
)

// setupPath makes a set-up link and returns its path.
func setupPath(t *testing.T, srv *webtest.Server) string {
	t.Helper()
	link, err := srv.Console.NewSetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	path, ok := strings.CutPrefix(link, srv.URL)
	if !ok || !strings.HasPrefix(path, "/set-up/") {
		t.Fatalf("link = %q, want one below %s", link, srv.URL)
	}
	return path
}

func TestSetUpLinkMakesTheFirstAdministratorOnce(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	srv.Stranger().Get(paths.SignIn).Wants(http.StatusOK).Says("Nobody has an account yet")
	path := setupPath(t, srv)
	browser, late := srv.Stranger(), srv.Stranger()
	late.Get(path).Wants(http.StatusOK)
	form := browser.Get(path).Wants(http.StatusOK).Form("set-up").
		Set("name", "Ada").Set("email", "Ada@Example.com").Set("password", "some quiet long words").Set("again", "some quiet long words")
	form.Submit().Wants(http.StatusSeeOther)
	team := browser.Get(paths.Team).Wants(http.StatusOK).Says("ada@example.com", "administrator", "You are the administrator.")
	if !team.Has("add-person") {
		t.Error("the first administrator cannot add people")
	}
	late.Get(path).Wants(http.StatusNotFound).Says("This link no longer works")
	late.Post(path, url.Values{"email": {"eve@example.com"}, "password": {"some quiet long words"}, "again": {"some quiet long words"}}).Wants(http.StatusNotFound)
	if link, err := srv.Console.NewSetupLink(t.Context()); err != nil || link != "" {
		t.Errorf("NewSetupLink = %q, %v although somebody can sign in", link, err)
	}
	people, err := srv.Store.ListUsers(t.Context())
	if err != nil || len(people) != 1 {
		t.Errorf("people = %+v, %v", people, err)
	}
	if strings.Contains(srv.Logged(), strings.TrimPrefix(path, "/set-up/")) {
		t.Error("the link is in the log")
	}
}

func TestSetUpAsksForWhatIsMissing(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	path := setupPath(t, srv)
	page := srv.Stranger().Get(path).Form("set-up").
		Set("name", "<script>alert(1)</script>").Set("email", "no address").Set("password", "short").Set("again", "other").Submit().
		Wants(http.StatusUnprocessableEntity).Says("Use an address such as", "at least 12 characters")
	if got := page.Form("set-up").Values; got.Get("name") != "<script>alert(1)</script>" || got.Get("email") != "no address" || got.Get("password") != "" {
		t.Errorf("the form came back with %v", got)
	}
	if page.ByID("email").Attr("aria-invalid") != "true" {
		t.Error("the wrong field is not marked")
	}
}

func TestSetUpLinkEnds(t *testing.T) {
	t.Parallel()
	now := time.Now()
	clock := func() time.Time { return now }
	srv := webtest.New(t, webtest.WithStore(func(c *store.Config) { c.Now = clock }), webtest.WithConsole(func(c *web.Config) { c.Now = clock }))
	first := setupPath(t, srv)
	second := setupPath(t, srv)
	srv.Stranger().Get(first).Wants(http.StatusNotFound)
	srv.Stranger().Get(second).Wants(http.StatusOK)
	now = now.Add(25 * time.Hour)
	srv.Stranger().Get(second).Wants(http.StatusNotFound)
	srv.Stranger().Get(paths.SetUpWith("made up")).Wants(http.StatusNotFound)
}

func TestAdministratorOfTheEnvironmentIsMadeWhenNobodyExists(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	const email, password = "root@example.com", "five words from the environment"
	for _, bad := range []struct{ email, password string }{{"root", password}, {email, "short"}} {
		if _, err := srv.Console.EnsureAdministrator(t.Context(), bad.email, bad.password); err == nil || strings.Contains(err.Error(), bad.password) {
			t.Errorf("EnsureAdministrator(%q, …) = %v", bad.email, err)
		}
	}
	for start, want := range []bool{true, false} {
		if made, err := srv.Console.EnsureAdministrator(t.Context(), email, password); err != nil || made != want {
			t.Fatalf("start %d: made %t, %v", start, made, err)
		}
	}
	signIn(srv.Stranger(), paths.SignIn, email, password).Wants(http.StatusSeeOther)
	// What the console changes stays, and another person of the environment is not made beside the first.
	for _, other := range []struct{ email, password string }{{email, "five other words from it"}, {"second@example.com", password}} {
		if made, err := srv.Console.EnsureAdministrator(t.Context(), other.email, other.password); err != nil || made {
			t.Errorf("%s: made %t, %v", other.email, made, err)
		}
		signIn(srv.Stranger(), paths.SignIn, other.email, other.password).Wants(http.StatusUnprocessableEntity)
	}
	if _, err := srv.Store.Pool().Exec(t.Context(), "UPDATE users SET disabled_at = now(), role = 'viewer'"); err != nil {
		t.Fatal(err)
	}
	if made, err := srv.Console.EnsureAdministrator(t.Context(), email, password); err != nil || made {
		t.Errorf("a disabled person: made %t, %v", made, err)
	}
	signIn(srv.Stranger(), paths.SignIn, email, password).Wants(http.StatusUnprocessableEntity)
}

func TestAnAdministratorIsReset(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	const email, password = "root@example.com", "five words from the environment"
	if _, err := srv.Console.EnsureAdministrator(t.Context(), email, "the password that was lost"); err != nil {
		t.Fatal(err)
	}
	browser := srv.Stranger()
	signIn(browser, paths.SignIn, email, "the password that was lost").Wants(http.StatusSeeOther)
	if _, err := srv.Store.Pool().Exec(t.Context(), "UPDATE users SET disabled_at = now(), role = 'viewer'"); err != nil {
		t.Fatal(err)
	}
	for range 6 {
		signIn(srv.Stranger(), paths.SignIn, email, "guessed and guessed again")
	}
	if _, err := web.ResetAdministrator(t.Context(), srv.Store, "nobody@example.com", password); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
	if _, err := web.ResetAdministrator(t.Context(), srv.Store, email, "short"); err == nil {
		t.Error("a short password is taken")
	}
	u, err := web.ResetAdministrator(t.Context(), srv.Store, "Root@Example.com", password)
	if err != nil {
		t.Fatal(err)
	}
	if browser.Get(paths.Overview).Status == http.StatusOK {
		t.Error("the session goes on")
	}
	if now, err := srv.Store.GetUser(t.Context(), u.ID); err != nil || now.Role != store.RoleAdministrator || !now.DisabledAt.IsZero() {
		t.Errorf("after the reset: %+v, %v", now, err)
	}
	var lock int
	if err := srv.Store.Pool().QueryRow(t.Context(), "SELECT count(*) FROM sign_in_failures WHERE subject LIKE 'email:%'").Scan(&lock); err != nil || lock != 0 {
		t.Errorf("%d locks of the address are left, %v", lock, err)
	}
	entries, err := srv.Store.ListAudit(t.Context(), store.AuditFilter{Action: "user.reset"})
	if err != nil || len(entries) != 1 || entries[0].ObjectName != email {
		t.Errorf("audit: %+v, %v", entries, err)
	}
}
