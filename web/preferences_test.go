package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web/webtest"
)

func themeOf(p *webtest.Page) string {
	for _, e := range p.All(func(e *webtest.Element) bool { return e.Tag() == "html" }) {
		return e.Attr("data-theme")
	}
	return ""
}

func TestThemeStaysWithThePersonAndWithTheBrowser(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	u := srv.Person(store.RoleViewer)
	browser := srv.AsUser(u)
	page := browser.Post(paths.Preferences, url.Values{"theme": {"dark"}, "return": {paths.AuditLog + "?outcome=failed"}}).Wants(http.StatusSeeOther)
	if got := page.Header.Get("Location"); got != paths.AuditLog+"?outcome=failed" {
		t.Errorf("leads to %q", got)
	}
	if got := themeOf(srv.AsUser(u).Get(paths.Team)); got != "dark" {
		t.Errorf("another browser of the person shows %q", got)
	}
	browser.Get(paths.Team).Form("sign-out").Submit()
	if got := themeOf(browser.Get(paths.SignIn)); got != "dark" {
		t.Errorf("the sign-in page shows %q", got)
	}
	if got := themeOf(srv.Stranger().Get(paths.SignIn)); got != "" {
		t.Errorf("a stranger sees %q", got)
	}
	stranger := srv.Stranger()
	stranger.Post(paths.Preferences, url.Values{"theme": {"light"}}).Wants(http.StatusSeeOther)
	if got := themeOf(stranger.Get(paths.SignIn)); got != "light" {
		t.Errorf("a stranger who chose light sees %q", got)
	}
}

func TestTimesAreInTheZoneChosen(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	browser := srv.As(store.RoleAdministrator)
	member := paths.ShowMember(srv.Person(store.RoleViewer).ID)
	browser.Post(paths.Preferences, url.Values{"zone": {"utc"}}).Wants(http.StatusSeeOther)
	browser.Get(member).Says("UTC")
	browser.Post(paths.Preferences, url.Values{"zone": {"browser"}, "browser_zone": {"Asia/Kathmandu"}}).Wants(http.StatusSeeOther)
	browser.Get(member).Says("+0545", "Asia/Kathmandu")
	// One choice keeps the others.
	browser.Post(paths.Preferences, url.Values{"rail": {"narrow"}}).Wants(http.StatusSeeOther)
	browser.Get(member).Says("+0545")
	browser.Post(paths.Preferences, url.Values{"zone": {"browser"}, "browser_zone": {"Nowhere/At all"}}).Wants(http.StatusSeeOther)
	browser.Get(member).Says("+0545")
}

func TestUnknownPreferenceIsRefused(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	browser := srv.As(store.RoleViewer)
	for _, values := range []url.Values{{"theme": {"neon"}}, {"zone": {"mars"}}, {"rail": {"<script>"}}} {
		browser.Post(paths.Preferences, values).Wants(http.StatusUnprocessableEntity)
	}
	if got := browser.Post(paths.Preferences, url.Values{"theme": {"dark"}, "return": {"//evil.example"}}).Header.Get("Location"); got != paths.Overview {
		t.Errorf("leads to %q", got)
	}
}
