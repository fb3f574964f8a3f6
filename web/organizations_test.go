package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox/sandboxtest"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web"
	"github.com/switchboardhq/switchboard/web/webtest"
)

const otherSecret = "c29tZSBvdGhlciBzZWNyZXQgb2YgMzIgYnl0ZXMgeHg="

func TestOrganizationIsAddedAndItsSecretNeverShown(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	admin := srv.As(store.RoleAdministrator)
	page := admin.Get(paths.NewOrganization).Form("organization-form").
		Set("name", "Acme").Set("organization_id", "acme_org").Set("merchant_id", "acme_mid").Set("key_id", "key-7").Set("secret", otherSecret).
		Submit().Wants(http.StatusSeeOther).Follow().Wants(http.StatusOK).Says("Acme", "acme_org", "key-7")
	made, err := srv.Store.GetOrganizationByName(t.Context(), "acme_org", "sandbox")
	if err != nil {
		t.Fatal(err)
	}
	secret, err := srv.Store.OrganizationSecret(t.Context(), made.ID)
	if err != nil || cybs.Secret(secret).Base64() != otherSecret {
		t.Errorf("stored secret differs from the one typed (%v)", err)
	}
	edit := admin.Get(paths.EditOrganizationOf(made.ID)).Wants(http.StatusOK)
	audit := admin.Get(paths.AuditLog + "?action=organization.create").Wants(http.StatusOK)
	entry := admin.Get(audit.All(func(e *webtest.Element) bool { return e.Attr("class") == "row-link" })[0].Attr("href")).Wants(http.StatusOK).Says("acme_mid")
	for _, p := range []*webtest.Page{page, edit, audit, entry} {
		if strings.Contains(p.Body, otherSecret) {
			t.Errorf("%s shows the secret", p.Path)
		}
	}
	if strings.Contains(srv.Logged(), otherSecret) {
		t.Error("the log holds the secret")
	}
}

func TestOrganizationFormSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	admin := srv.As(store.RoleAdministrator)
	cases := []struct{ name, field, value, says string }{
		{"here already", "organization_id", sandboxtest.OrganizationID, "here already"},
		{"no id", "organization_id", "", "Type the organization"},
		{"odd id", "organization_id", "a b/c", "letters, digits"},
		{"no merchant", "merchant_id", "", "Type the merchant id"},
		{"no name", "name", "", "Type a name"},
		{"no key id", "key_id", "", "Type the id of the REST"},
		{"no secret", "secret", "", "Type the secret"},
		{"secret cut short", "secret", otherSecret[:len(otherSecret)-3], "not a whole secret"},
		{"secret is no base64", "secret", "not base64 at all", "not a whole secret"},
		{"NUL", "name", "a\x00b", "cannot be stored"},
	}
	for _, c := range cases {
		page := admin.Get(paths.NewOrganization).Form("organization-form").
			Set("name", "New").Set("organization_id", "new_org").Set("merchant_id", "new_mid").Set("key_id", "k").Set("secret", otherSecret).
			Set(c.field, c.value).Submit()
		if page.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d, want 422", c.name, page.Status)
			continue
		}
		page.Says(c.says)
		if page.Form("organization-form").Values.Get("secret") != "" || strings.Contains(page.Body, otherSecret) {
			t.Errorf("%s: the secret came back", c.name)
		}
	}
	if list, err := srv.Store.ListOrganizations(t.Context(), ""); err != nil || len(list) != 1 {
		t.Errorf("organizations = %+v, %v", list, err)
	}
}

func TestChangeKeepsTheSecretUnlessAnotherIsTyped(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	admin := srv.As(store.RoleAdministrator)
	id := srv.Organization.ID
	stored := func() string {
		t.Helper()
		secret, err := srv.Store.OrganizationSecret(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return cybs.Secret(secret).Base64()
	}
	form := func() *webtest.Form { return admin.Get(paths.EditOrganizationOf(id)).Form("organization-form") }
	before := stored()
	form().Set("name", "Other name").Submit().Wants(http.StatusSeeOther)
	if stored() != before {
		t.Error("an empty secret field changed the secret")
	}
	form().Set("key_id", "another-key").Submit().Wants(http.StatusUnprocessableEntity).Says("belongs to the new key id")
	form().Set("key_id", "another-key").Set("secret", otherSecret).Submit().Wants(http.StatusSeeOther)
	if stored() != otherSecret {
		t.Error("the new secret is not stored")
	}
}

func TestSecondOfTwoEditorsIsToldOfTheFirst(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	admin, edit := srv.As(store.RoleAdministrator), paths.EditOrganizationOf(srv.Organization.ID)
	late := admin.Get(edit).Form("organization-form").Set("name", "Late name")
	admin.Get(edit).Form("organization-form").Set("name", "First name").Set("key_id", "first-key").Set("secret", otherSecret).Submit().Wants(http.StatusSeeOther)
	page := late.Submit().Wants(http.StatusConflict).Says("First name", "first-key")
	if o, err := srv.Store.GetOrganization(t.Context(), srv.Organization.ID); err != nil || o.Name != "First name" || o.KeyID != "first-key" {
		t.Errorf("the first save did not stay: %+v, %v", o, err)
	}
	again := page.Form("organization-form")
	if got := again.Values.Get("name"); got != "Late name" {
		t.Errorf("what was typed is lost: name is %q", got)
	}
	again.Set("key_id", "first-key").Submit().Wants(http.StatusSeeOther)
}

func TestCheckSaysInWordsHowTheCredentialsDo(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	page := func(c *webtest.Client) *webtest.Page { return c.Get(paths.ShowOrganization(srv.Organization.ID)) }
	editor, admin := srv.As(store.RoleEditor), srv.As(store.RoleAdministrator)
	good := page(editor).Form("check-form").Submit().Wants(http.StatusOK)
	if got := good.ByTestID("check-result").Text(); !strings.Contains(got, "Cybersource accepts the credentials") || !strings.Contains(got, "enabled for") {
		t.Errorf("right credentials: %q", got)
	}
	part := page(editor).Form("check-form").SubmitAs(editor.Partial()).Wants(http.StatusOK)
	if strings.Contains(part.Body, "<html") || !part.Has("check-result") {
		t.Errorf("htmx got %s", part.Body)
	}
	admin.Get(paths.EditOrganizationOf(srv.Organization.ID)).Form("organization-form").Set("secret", otherSecret).Submit().Wants(http.StatusSeeOther)
	bad := page(editor).Form("check-form").Submit().Wants(http.StatusOK)
	if got := bad.ByTestID("check-result").Text(); !strings.Contains(got, "does not accept the credentials") {
		t.Errorf("wrong secret: %q", got)
	}
}

func TestCheckSaysThatCybersourceIsAway(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t, webtest.WithConsole(func(c *web.Config) {
		c.Client = func(context.Context, store.Organization) (*cybs.Client, error) {
			return cybs.New(cybs.Config{
				BaseURL: "http://127.0.0.1:1", MaxAttempts: 1,
				Credentials: cybs.Credentials{OrganizationID: "o", MerchantID: "m", KeyID: "k", Secret: cybs.Secret("0123456789abcdef0123456789abcdef")},
			})
		}
	}))
	page := srv.As(store.RoleEditor).Post(paths.CheckOrganizationOf(srv.Organization.ID), nil).Wants(http.StatusOK)
	if got := page.ByTestID("check-result").Text(); !strings.Contains(got, "cannot be reached") {
		t.Errorf("says %q", got)
	}
}

func TestOrganizationOfAnotherEnvironmentIsNotHere(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	other, err := srv.Store.InsertOrganization(t.Context(), store.Organization{OrganizationID: "live_org", Environment: "production", Name: "Live", MerchantID: "m"}, nil, store.AuditEntry{Actor: "test", Action: "organization.create"})
	if err != nil {
		t.Fatal(err)
	}
	admin := srv.As(store.RoleAdministrator)
	admin.Get(paths.ShowOrganization(other.ID)).Wants(http.StatusNotFound)
	admin.Post(paths.ShowOrganization(other.ID), nil).Wants(http.StatusNotFound)
	admin.Post(paths.SwitchToOrganization(other.ID), nil).Wants(http.StatusNotFound)
	if page := admin.Get(paths.Organizations); len(page.AllByTestID("organization")) != 1 {
		t.Errorf("the list shows %s", page.Text())
	}
}

func TestChosenOrganizationStaysForTheSession(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	other, err := srv.Store.InsertOrganization(t.Context(), store.Organization{OrganizationID: "zeta", Environment: "sandbox", Name: "Zeta", MerchantID: "m"}, nil, store.AuditEntry{Actor: "test", Action: "organization.create"})
	if err != nil {
		t.Fatal(err)
	}
	browser := srv.As(store.RoleViewer)
	page := browser.Get(paths.Team).FormTo(paths.SwitchToOrganization(other.ID)).Submit().Wants(http.StatusSeeOther)
	if got := page.Header.Get("Location"); got != paths.Team {
		t.Errorf("leads to %q", got)
	}
	rows := browser.Get(paths.Organizations).All(func(e *webtest.Element) bool { return e.Tag() == "tr" && strings.Contains(e.Text(), "(chosen)") })
	if len(rows) != 1 || !strings.Contains(rows[0].Text(), "Zeta") {
		t.Errorf("the chosen organization is not marked")
	}
}
