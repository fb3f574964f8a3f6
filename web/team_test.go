package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web/webtest"
)

const goodPassword = "some quiet long words"

func TestPersonIsAddedAndSignsIn(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	admin := srv.As(store.RoleAdministrator)
	form := admin.Get(paths.Team).Wants(http.StatusOK)
	if !form.Has("add-person") {
		t.Fatal("an administrator is offered no way to add people")
	}
	done := admin.Get(paths.NewMember).Form("person-form").
		Set("name", "Grace").Set("email", "Grace@Example.com").Set("role", "editor").Set("password", goodPassword).Set("again", goodPassword).
		Submit().Wants(http.StatusSeeOther)
	done.Follow().Wants(http.StatusOK).Says("grace@example.com", "editor", "can sign in now")
	signIn(srv.Stranger(), paths.SignIn, "grace@example.com", goodPassword).Wants(http.StatusSeeOther)
	list, err := srv.Store.ListAudit(t.Context(), store.AuditFilter{Action: "user.create"})
	if err != nil || len(list) != 1 {
		t.Fatalf("audit = %+v, %v", list, err)
	}
	if strings.Contains(string(list[0].After), goodPassword) || strings.Contains(string(list[0].After), "argon2id") {
		t.Errorf("the audit log holds the password: %s", list[0].After)
	}
}

func TestPersonFormSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	srv.AddPerson("taken@example.com", store.RoleViewer)
	admin := srv.As(store.RoleAdministrator)
	form := func() *webtest.Form {
		return admin.Get(paths.NewMember).Form("person-form").Set("email", "new@example.com").Set("password", goodPassword).Set("again", goodPassword)
	}
	cases := []struct{ name, field, value, says string }{
		{"address taken", "email", "TAKEN@example.com", "has this address already"},
		{"no address", "email", "", "Type an e-mail address"},
		{"address with a name", "email", "Ada <ada@example.com>", "such as ada@example.com"},
		{"short password", "password", "eleven char", "at least 12 characters"},
		{"common password", "password", "password123456", "tried first"},
		{"password with the address", "password", "grace new@example.com", ""},
		{"different passwords", "again", goodPassword + "!", "differ"},
		{"unknown role", "role", "emperor", "Choose one of the answers"},
		{"NUL in the name", "name", "a\x00b", "cannot be stored"},
		{"broken UTF-8 in the name", "name", "a\xffb", "not text"},
		{"long name", "name", strings.Repeat("ä", 101), "at most 100 characters"},
	}
	for _, c := range cases {
		if c.says == "" {
			continue
		}
		page := form().Set(c.field, c.value).Submit()
		if page.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d, want 422", c.name, page.Status)
			continue
		}
		page.Says(c.says)
		if page.Form("person-form").Values.Get("password") != "" {
			t.Errorf("%s: the password came back", c.name)
		}
		if c.field == "email" && page.Form("person-form").Values.Get("email") != c.value {
			t.Errorf("%s: what was typed is lost", c.name)
		}
		if summary := page.ByTestID("error-summary"); len(summary.All(func(e *webtest.Element) bool { return e.Attr("href") == "#"+c.field })) != 1 {
			t.Errorf("%s: the summary does not lead to the field", c.name)
		}
	}
}

func TestTheLastAdministratorStays(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	admin := srv.Person(store.RoleAdministrator)
	browser := srv.AsUser(admin)
	browser.Get(paths.ShowMember(admin.ID)).Form("member-form").Set("role", "viewer").Submit().
		Wants(http.StatusUnprocessableEntity).Says("Nobody else is an administrator.")
	browser.Post(paths.DisableMemberOf(admin.ID), nil).Wants(http.StatusConflict).Says("You cannot disable yourself.")
	second := srv.AddPerson("second@example.com", store.RoleAdministrator)
	browser.Get(paths.ShowMember(admin.ID)).Form("member-form").Set("role", "viewer").Submit().Wants(http.StatusSeeOther).Follow().Wants(http.StatusOK)
	browser.Get(paths.NewMember).Wants(http.StatusForbidden)
	err := srv.Store.DisableUser(t.Context(), second, store.AuditEntry{Actor: "test", Action: "user.disable"})
	if err == nil || !strings.Contains(err.Error(), "last administrator") {
		t.Errorf("DisableUser of the last administrator = %v", err)
	}
}

func TestPersonIsDisabledAndComesBack(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	u := srv.AddPerson("leaver@example.com", store.RoleEditor)
	admin := srv.As(store.RoleAdministrator)
	page := admin.Get(paths.ShowMember(u.ID)).Form("disable-person").Submit().Follow().Wants(http.StatusOK)
	signIn(srv.Stranger(), paths.SignIn, u.Email, webtest.Password).Wants(http.StatusUnprocessableEntity)
	page.Form("enable-person").Submit().Wants(http.StatusSeeOther)
	signIn(srv.Stranger(), paths.SignIn, u.Email, webtest.Password).Wants(http.StatusSeeOther)
}

func TestPasswordResetSignsThePersonOut(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	u := srv.AddPerson("forgetful@example.com", store.RoleEditor)
	browser := srv.AsUser(u)
	srv.As(store.RoleAdministrator).Get(paths.ShowMember(u.ID)).Form("member-password").Set("password", goodPassword).Set("again", goodPassword).Submit().Wants(http.StatusSeeOther)
	browser.Get(paths.Team).Wants(http.StatusSeeOther)
	signIn(srv.Stranger(), paths.SignIn, u.Email, goodPassword).Wants(http.StatusSeeOther)
}

func TestOwnPasswordNeedsThePresentOne(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	u := srv.Person(store.RoleViewer)
	browser, other := srv.AsUser(u), srv.AsUser(u)
	fill := func(current string) *webtest.Page {
		return browser.Get(paths.Password).Form("password").Set("current", current).Set("password", goodPassword).Set("again", goodPassword).Submit()
	}
	fill("wrong").Wants(http.StatusUnprocessableEntity).Says("not your present password")
	before := browser.Cookie(webtest.SessionCookie)
	fill(webtest.Password).Wants(http.StatusSeeOther).Follow().Wants(http.StatusOK).Says("Your password is new.")
	if browser.Cookie(webtest.SessionCookie) == before {
		t.Error("the session kept its id")
	}
	other.Get(paths.Team).Wants(http.StatusSeeOther)
	signIn(srv.Stranger(), paths.SignIn, u.Email, goodPassword).Wants(http.StatusSeeOther)
}

func TestGuessingThePresentPasswordIsBounded(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	browser := srv.As(store.RoleViewer)
	var last *webtest.Page
	for range 6 {
		last = browser.Post(paths.Password, url.Values{"current": {"guess"}, "password": {goodPassword}, "again": {goodPassword}})
	}
	last.Wants(http.StatusUnprocessableEntity).Says("Too many tries have failed.")
}
