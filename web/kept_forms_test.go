package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/web/webtest"
)

func endSessions(t *testing.T, srv *webtest.Server) {
	t.Helper()
	if _, err := srv.Store.Pool().Exec(t.Context(), "UPDATE sessions SET expires_at = now() - interval '1 second'"); err != nil {
		t.Fatal(err)
	}
}

// keptAfter sends a form whose session has ended and signs in again.
func keptAfter(form *webtest.Form, browser *webtest.Client, email string) *webtest.Page {
	refused := form.SubmitAs(browser).Wants(http.StatusSeeOther)
	return signIn(browser, refused.Header.Get("Location"), email, webtest.Password).Wants(http.StatusSeeOther).Follow()
}

func TestAnswersOutliveTheSession(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	u := srv.Person(store.RoleAdministrator)
	browser := srv.As(store.RoleAdministrator)
	create := browser.Get(paths.NewSubscription).Form("subscription-form").Set(subscriptions.FieldName, "Typed for ten minutes").Set(subscriptions.FieldDescription, "two\nlines & <b>")
	organization := browser.Get(paths.NewOrganization).FormTo(paths.Organizations).Set("name", "Second").Set("organization_id", "second_org").Set("merchant_id", "second_org").
		Set("key_id", "0d1f2a3b-0000-4000-8000-000000000000").Set("secret", "dmVyeSBzZWNyZXQgaW5kZWVkIDEyMzQ1Njc4OTAxMjM0NQ==")
	endSessions(t, srv)

	page := keptAfter(create, browser, u.Email).Wants(http.StatusOK).Says("Your answers are kept", "Typed for ten minutes")
	again := page.Form("kept-form").Submit().Wants(http.StatusUnprocessableEntity).Says("nothing was saved")
	form := again.Form("subscription-form")
	if got := form.Values.Get(subscriptions.FieldName); got != "Typed for ten minutes" {
		t.Errorf("the name is %q", got)
	}
	if got := form.Values.Get(subscriptions.FieldDescription); strings.ReplaceAll(got, "\r\n", "\n") != "two\nlines & <b>" {
		t.Errorf("the description is %q", got)
	}

	endSessions(t, srv)
	page = keptAfter(organization, browser, u.Email).Wants(http.StatusOK).Says("second_org", "Not kept, because it is secret: Secret.")
	if strings.Contains(page.Body, "dmVyeS") {
		t.Error("the secret was kept")
	}
	again = page.Form("kept-form").Submit().Wants(http.StatusUnprocessableEntity).Says("This was not kept when your session ended. Type it again.")
	if got := again.FormTo(paths.Organizations).Values.Get("key_id"); got != "0d1f2a3b-0000-4000-8000-000000000000" {
		t.Errorf("the key id is %q", got)
	}
	var plain int
	if err := srv.Store.Pool().QueryRow(t.Context(), "SELECT count(*) FROM kept_forms WHERE position('second_org' IN encode(content, 'escape')) > 0").Scan(&plain); err != nil || plain != 0 {
		t.Errorf("%d forms are kept unsealed, %v", plain, err)
	}
}

// The browser's cookie may be gone, or name a newer session: signed out in another tab, or signed in again there.
func TestAnswersOutliveTheCookie(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	u := srv.Person(store.RoleAdministrator)
	form := srv.As(store.RoleAdministrator).Get(paths.NewMember).Form("person-form").Set("email", "new@example.com")

	keptAfter(form, srv.Stranger(), u.Email).Wants(http.StatusOK).Says("new@example.com")

	refused := form.SubmitAs(srv.As(store.RoleAdministrator)).Wants(http.StatusForbidden).Says("What you typed is kept")
	kept := ""
	for _, link := range refused.Links() {
		if strings.HasPrefix(link, "/kept/") {
			kept = link
		}
	}
	srv.As(store.RoleAdministrator).Get(kept).Wants(http.StatusOK).Says("new@example.com")
	if _, err := srv.Store.GetUserByEmail(t.Context(), "new@example.com"); err == nil {
		t.Error("the form was taken without a click")
	}
}

func TestAnswersAreForTheirPersonAlone(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	form := srv.As(store.RoleEditor).Get(paths.NewSubscription).Form("subscription-form").Set(subscriptions.FieldName, "Private plan")
	endSessions(t, srv)
	other := srv.Person(store.RoleAdministrator)
	page := keptAfter(form, srv.Stranger(), other.Email).Wants(http.StatusNotFound)
	if strings.Contains(page.Body, "Private plan") {
		t.Error("somebody else sees what was typed")
	}
	// A form of one person sent with another's session is not kept for either.
	refused := form.SubmitAs(srv.As(store.RoleAdministrator)).Wants(http.StatusForbidden)
	for _, link := range refused.Links() {
		if strings.HasPrefix(link, "/kept/") {
			srv.As(store.RoleAdministrator).Get(link).Wants(http.StatusNotFound)
		}
	}
}

func TestWhatIsNotKept(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	u := srv.Person(store.RoleAdministrator)
	browser := srv.As(store.RoleAdministrator)
	token := browser.CSRFToken()
	endSessions(t, srv)
	for path, values := range map[string]url.Values{
		paths.Password:               {"current": {"old password"}, "password": {"new password"}, "again": {"new password"}},
		paths.MemberPasswordOf(u.ID): {"password": {"new password"}},
		paths.Preferences:            {"theme": {"dark"}},
		paths.Team:                   {"email": {strings.Repeat("x", store.MaxKeptFormBytes)}},
	} {
		values.Set("_csrf", token)
		browser.Do(http.MethodPost, path, values)
	}
	// A token of our own making opens nothing.
	browser.Do(http.MethodPost, paths.Team, url.Values{"_csrf": {strings.Repeat("A", 150)}, "email": {"planted@example.com"}})
	var kept int
	if err := srv.Store.Pool().QueryRow(t.Context(), "SELECT count(*) FROM kept_forms").Scan(&kept); err != nil || kept != 0 {
		t.Errorf("%d forms were kept, %v", kept, err)
	}
}
