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

// signedInPages are all pages of this file's rooms, with the role each needs.
func signedInPages(srv *webtest.Server) map[string]store.Role {
	someone := srv.Person(store.RoleViewer)
	return map[string]store.Role{
		paths.AuditLog:      store.RoleViewer,
		paths.Organizations: store.RoleViewer,
		paths.ShowOrganization(srv.Organization.ID):   store.RoleViewer,
		paths.NewOrganization:                         store.RoleAdministrator,
		paths.EditOrganizationOf(srv.Organization.ID): store.RoleAdministrator,
		paths.Ungrouped:                               store.RoleViewer,
		paths.Team:                                    store.RoleViewer,
		paths.NewMember:                               store.RoleAdministrator,
		paths.ShowMember(someone.ID):                  store.RoleAdministrator,
		paths.Password:                                store.RoleViewer,
	}
}

// signedInForms are all addresses of this file's rooms that take a POST, with the role each needs.
func signedInForms(srv *webtest.Server) map[string]store.Role {
	someone := srv.AddPerson("form.target@example.com", store.RoleViewer)
	return map[string]store.Role{
		paths.Organizations:                             store.RoleAdministrator,
		paths.ShowOrganization(srv.Organization.ID):     store.RoleAdministrator,
		paths.CheckOrganizationOf(srv.Organization.ID):  store.RoleEditor,
		paths.SwitchToOrganization(srv.Organization.ID): store.RoleViewer,
		paths.Team:                         store.RoleAdministrator,
		paths.ShowMember(someone.ID):       store.RoleAdministrator,
		paths.MemberPasswordOf(someone.ID): store.RoleAdministrator,
		paths.DisableMemberOf(someone.ID):  store.RoleAdministrator,
		paths.EnableMemberOf(someone.ID):   store.RoleAdministrator,
		paths.Password:                     store.RoleViewer,
	}
}

func roles() []store.Role {
	return []store.Role{store.RoleViewer, store.RoleEditor, store.RoleAdministrator}
}

func TestPagesAreShownByRole(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	for path, needed := range signedInPages(srv) {
		for _, role := range roles() {
			want := http.StatusForbidden
			if role.Allows(needed) {
				want = http.StatusOK
			}
			for name, client := range map[string]*webtest.Client{"plain": srv.As(role), "htmx": srv.As(role).HTMX(), "partial": srv.As(role).Partial()} {
				page := client.Get(path)
				if page.Status != want {
					t.Errorf("%s as %s (%s) = %d, want %d", path, role, name, page.Status, want)
				}
				if got := page.Header.Get("Cache-Control"); got != "no-store" {
					t.Errorf("%s as %s (%s) may be cached: %q", path, role, name, got)
				}
				if got := page.Header.Get("Vary"); !strings.Contains(got, "HX-Request-Type") {
					t.Errorf("%s as %s (%s) varies by %q", path, role, name, got)
				}
				if want == http.StatusForbidden && !page.Has("problem") {
					t.Errorf("%s as %s (%s) does not say why not: %s", path, role, name, page.Text())
				}
			}
		}
	}
}

func TestFormsAreTakenByRole(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	for path, needed := range signedInForms(srv) {
		for _, role := range roles() {
			page := srv.As(role).Post(path, nil)
			if role.Allows(needed) == (page.Status == http.StatusForbidden) {
				t.Errorf("POST %s as %s = %d, which needs %s", path, role, page.Status, needed)
			}
		}
	}
}

func TestStrangersAreLedToSignIn(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	for path := range signedInPages(srv) {
		page := srv.Stranger().Get(path + "?a=b").Wants(http.StatusSeeOther)
		if got, want := page.Header.Get("Location"), paths.SignInThen(path+"?a=b"); got != want {
			t.Errorf("GET %s leads to %s, want %s", path, got, want)
		}
		partial := srv.Stranger().Partial().Get(path).Wants(http.StatusUnauthorized)
		if got := partial.Header.Get("HX-Redirect"); got != paths.SignIn {
			t.Errorf("GET %s tells htmx to go to %q", path, got)
		}
		if partial.Header.Get("Location") != "" {
			t.Errorf("GET %s redirects fetch as well", path)
		}
	}
	for path := range signedInForms(srv) {
		page := srv.Stranger().Post(path, nil).Wants(http.StatusSeeOther)
		if got := page.Header.Get("Location"); got != paths.SignIn {
			t.Errorf("POST %s leads to %s", path, got)
		}
	}
}

func TestUnknownAddressesAndMethods(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	in := srv.As(store.RoleViewer)
	cases := []struct {
		name, method, path string
		client             *webtest.Client
		want               int
	}{
		{"unknown, signed in", http.MethodGet, "/nothing/here", in, http.StatusNotFound},
		{"unknown, signed out", http.MethodGet, "/nothing/here", srv.Stranger(), http.StatusNotFound},
		{"unknown below a room", http.MethodGet, "/team/1/nothing", in, http.StatusNotFound},
		{"no number as id", http.MethodGet, "/organizations/abc", in, http.StatusNotFound},
		{"id nobody has", http.MethodGet, paths.ShowOrganization(1 << 40), in, http.StatusNotFound},
		{"id beyond 64 bits", http.MethodGet, "/audit/99999999999999999999", in, http.StatusNotFound},
		{"wrong method", http.MethodDelete, paths.Team, in, http.StatusMethodNotAllowed},
		{"wrong method, signed out", http.MethodPut, paths.SignIn, srv.Stranger(), http.StatusMethodNotAllowed},
		{"a GET where only POST is", http.MethodGet, paths.SignOut, in, http.StatusMethodNotAllowed},
	}
	for _, c := range cases {
		page := c.client.Do(c.method, c.path, nil)
		if page.Status != c.want {
			t.Errorf("%s: %s %s = %d, want %d", c.name, c.method, c.path, page.Status, c.want)
		}
		if !page.Has("problem") {
			t.Errorf("%s: no page says what is wrong: %s", c.name, page.Text())
		}
		if c.want == http.StatusMethodNotAllowed && page.Header.Get("Allow") == "" {
			t.Errorf("%s: does not say what is allowed", c.name)
		}
	}
	if signedIn := in.Get("/nothing/here"); !signedIn.Has("sign-out") {
		t.Error("somebody signed in loses the frame on an unknown address")
	}
}

func TestNoPageIsKeptByCaches(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	for _, path := range []string{paths.SignIn, paths.SetUpWith("made-up"), paths.Styleguide, paths.Overview, paths.LiveNotifications, "/nothing/here"} {
		if got := srv.Stranger().Get(path).Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("a stranger's GET %s may be cached: %q", path, got)
		}
	}
}

func TestHeadAnswersLikeGet(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	in := srv.As(store.RoleAdministrator)
	for path := range signedInPages(srv) {
		page := in.Do(http.MethodHead, path, nil).Wants(http.StatusOK)
		if page.Body != "" {
			t.Errorf("HEAD %s has a body", path)
		}
	}
	srv.Stranger().Do(http.MethodHead, paths.SignIn, nil).Wants(http.StatusOK)
	srv.Stranger().Do(http.MethodHead, paths.Team, nil).Wants(http.StatusSeeOther)
}

func TestFormThatIsTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	in := srv.As(store.RoleAdministrator)
	page := in.Post(paths.Team, url.Values{"name": {strings.Repeat("x", 300<<10)}})
	page.Wants(http.StatusRequestEntityTooLarge).Says("256 KiB")
}

func TestFilesAreServed(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	page := srv.Stranger().Get(paths.SignIn).Wants(http.StatusOK)
	var sheet string
	for _, e := range page.All(func(e *webtest.Element) bool { return e.Tag() == "link" && e.Attr("rel") == "stylesheet" }) {
		sheet = e.Attr("href")
	}
	got := srv.Stranger().Get(sheet).Wants(http.StatusOK)
	if !strings.Contains(got.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("%s: Cache-Control %q", sheet, got.Header.Get("Cache-Control"))
	}
	if to := srv.Stranger().Get("/favicon.ico").Follow(); to.Header.Get("Content-Type") != "image/svg+xml" {
		t.Errorf("the favicon is %q", to.Header.Get("Content-Type"))
	}
	srv.Stranger().Get("/static/x/nothing.css").Wants(http.StatusNotFound)
}

func TestStyleguideIsForDevelopmentOnly(t *testing.T) {
	t.Parallel()
	webtest.New(t).As(store.RoleViewer).Get(paths.Styleguide).Wants(http.StatusOK)
	other := webtest.New(t, webtest.WithConsole(notDevelopment))
	other.As(store.RoleViewer).Get(paths.Styleguide).Wants(http.StatusNotFound)
}
