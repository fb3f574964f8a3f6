package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web/webtest"
)

const hostile = `"><script>alert(1)</script>'<img src=x onerror=alert(1)>`

// Every page that a client fetches is checked for scripts and handlers of its own (webtest), so showing what was typed is enough here.
func TestMarkupInAnyFieldIsText(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	admin := srv.As(store.RoleAdministrator)
	target := srv.AddPerson("target@example.com", store.RoleViewer)
	forms := map[string]string{
		paths.NewMember:                               "person-form",
		paths.ShowMember(target.ID):                   "member-form",
		paths.NewOrganization:                         "organization-form",
		paths.EditOrganizationOf(srv.Organization.ID): "organization-form",
		paths.Password:                                "password",
	}
	for path, id := range forms {
		form := admin.Get(path).Form(id)
		for _, field := range form.Fields() {
			if field != "version" { // which is not typed, and decides alone when it is wrong
				form.Set(field, hostile)
			}
		}
		if page := form.Submit(); page.Status != http.StatusUnprocessableEntity && page.Status != http.StatusSeeOther {
			t.Errorf("%s: %d", path, page.Status)
		}
	}
	admin.Get(paths.ShowMember(target.ID)).Form("member-form").Set("name", hostile).Submit().Wants(http.StatusSeeOther).Follow().Wants(http.StatusOK).Says("<script>alert(1)</script>")
	admin.Get(paths.EditOrganizationOf(srv.Organization.ID)).Form("organization-form").Set("name", hostile).Submit().Wants(http.StatusSeeOther).Follow().Wants(http.StatusOK)
	stranger := srv.Stranger()
	stranger.Get(paths.SignIn).Form("sign-in").Set("email", hostile).Set("password", hostile).Submit().Wants(http.StatusUnprocessableEntity)
	for _, path := range []string{paths.Team, paths.Organizations, paths.AuditLog, paths.With(paths.AuditLog, "action", hostile, "kind", hostile, "object", hostile), paths.With(paths.SignIn, "next", hostile)} {
		page := admin.Get(path)
		if strings.Contains(page.Body, "<script>alert") {
			t.Errorf("%s runs what somebody typed", path)
		}
	}
	stranger.Get(paths.With(paths.SignIn, "next", "/"+hostile)).Wants(http.StatusOK)
	stranger.Get("/" + hostile).Wants(http.StatusNotFound)
}
