package web_test

import (
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

func TestAdministratorOfTheEnvironmentCanSignIn(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	const email, password = "root@example.com", "five words from the environment"
	for range 2 { // at every start
		if err := srv.Console.EnsureAdministrator(t.Context(), email, password); err != nil {
			t.Fatal(err)
		}
	}
	signIn(srv.Stranger(), paths.SignIn, email, password).Wants(http.StatusSeeOther)
	if err := srv.Console.EnsureAdministrator(t.Context(), email, "five other words from it"); err != nil {
		t.Fatal(err)
	}
	signIn(srv.Stranger(), paths.SignIn, email, password).Wants(http.StatusUnprocessableEntity)
	signIn(srv.Stranger(), paths.SignIn, email, "five other words from it").Wants(http.StatusSeeOther)
	for _, bad := range []struct{ email, password string }{{"root", password}, {email, "short"}} {
		err := srv.Console.EnsureAdministrator(t.Context(), bad.email, bad.password)
		if err == nil || strings.Contains(err.Error(), bad.password) {
			t.Errorf("EnsureAdministrator(%q, …) = %v", bad.email, err)
		}
	}
}
