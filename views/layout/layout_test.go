package layout_test

import (
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
	"golang.org/x/net/html"

	"github.com/switchboardhq/switchboard/static"
	"github.com/switchboardhq/switchboard/views/layout"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/ui"
)

func page() layout.Page {
	return layout.Page{
		Title: "Notifications", Environment: layout.Test, Organization: "Harbour", CSRFToken: "token-1", Path: "/notifications?q=a",
		Nav: []layout.NavGroup{{Title: "Watch", Items: []layout.NavItem{
			{Label: "Overview", Href: paths.Overview, Icon: ui.IconOverview, Key: "o"},
			{Label: "Notifications", Href: paths.Notifications, Icon: ui.IconNotifications, Current: true, Count: "3"},
		}}},
		User:  &layout.User{Name: "Ada Okafor", Email: "ada@example.com", Role: "Administrator"},
		Zone:  layout.Zone{Choice: "utc", Label: "UTC", Options: []layout.ZoneOption{{Value: "utc", Label: "UTC"}, {Value: "browser", Label: "Browser"}}},
		Clock: ui.Clock{Now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)},
		Organizations: []layout.OrganizationChoice{
			{Name: "Harbour", Href: paths.SwitchToOrganization(1), Current: true}, {Name: "Quay", Href: paths.SwitchToOrganization(2)},
		},
		Crumbs: []layout.Crumb{{Label: "Notifications", Href: paths.Notifications}},
		Flash:  []ui.Flash{{Tone: ui.Good, Text: "Done."}},
	}
}

func render(t *testing.T, c templ.Component) *html.Node {
	t.Helper()
	var b strings.Builder
	if err := c.Render(templ.WithChildren(t.Context(), templ.NopComponent), &b); err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func find(n *html.Node, tag string) []*html.Node {
	var found []*html.Node
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && d.Data == tag {
			found = append(found, d)
		}
	}
	return found
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func words(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func TestTheTabSaysTheEnvironment(t *testing.T) {
	t.Parallel()
	for env, want := range map[layout.Environment]string{
		layout.Sandbox:       "[Sandbox] Notifications · Switchboard",
		layout.Test:          "[Test] Notifications · Switchboard",
		layout.Production:    "Notifications · Switchboard · Production",
		layout.NoEnvironment: "Notifications · Switchboard",
	} {
		p := page()
		p.Environment = env
		doc := render(t, layout.Shell(p, nil))
		if got := words(find(doc, "title")[0]); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := attr(find(doc, "html")[0], "data-env"); got != string(env) {
			t.Errorf("got data-env %q, want %q", got, env)
		}
		if got := strings.Contains(words(find(doc, "body")[0]), env.Word()); !got {
			t.Errorf("the page does not say %q", env.Word())
		}
	}
}

func TestEveryFormThatChangesSomethingCarriesTheToken(t *testing.T) {
	t.Parallel()
	posts := 0
	for _, form := range find(render(t, layout.Shell(page(), nil)), "form") {
		if attr(form, "method") != "post" {
			continue
		}
		posts++
		tokens := 0
		for _, input := range find(form, "input") {
			if attr(input, "name") == ui.CSRFField && attr(input, "value") == "token-1" {
				tokens++
			}
		}
		if tokens != 1 {
			t.Errorf("the form to %s carries %d tokens", attr(form, "action"), tokens)
		}
	}
	if posts != 6 {
		t.Errorf("got %d forms, want rail, zone, theme, sign-out and two organizations", posts)
	}
}

func TestPreferencesLeadBack(t *testing.T) {
	t.Parallel()
	back := 0
	for _, input := range find(render(t, layout.Shell(page(), nil)), "input") {
		if attr(input, "name") == layout.ReturnField {
			back++
			if got := attr(input, "value"); got != "/notifications?q=a" {
				t.Errorf("got %q", got)
			}
		}
	}
	if back != 5 {
		t.Errorf("got %d ways back, want 5", back)
	}
}

func TestThePageHasItsParts(t *testing.T) {
	t.Parallel()
	doc := render(t, layout.ShellWith(page(), ui.StatusBadge(ui.StatusActive), ui.Tag("main action")))
	if got := words(find(doc, "h1")[0]); got != "Notifications" || len(find(doc, "h1")) != 1 {
		t.Errorf("got h1 %q", got)
	}
	body := find(doc, "body")[0]
	if skip := find(body, "a")[0]; attr(skip, "href") != "#main" || words(skip) != "Skip to content" {
		t.Errorf("the first link is %q to %q", words(skip), attr(skip, "href"))
	}
	main := find(doc, "main")[0]
	if attr(main, "id") != "main" || !strings.Contains(words(main), "Active") || !strings.Contains(words(main), "main action") {
		t.Errorf("got main %q", words(main))
	}
	current := 0
	for _, a := range find(doc, "a") {
		if attr(a, "aria-current") == "page" {
			current++
			if attr(a, "href") != paths.Notifications || words(a) != "Notifications 3" {
				t.Errorf("got %q to %q", words(a), attr(a, "href"))
			}
		}
	}
	if current != 1 {
		t.Errorf("%d rooms are the present one", current)
	}
	if attr(body, "data-now") != "2026-11-22T12:00:00Z" {
		t.Errorf("got data-now %q", attr(body, "data-now"))
	}
}

func TestTheThemeIsSetByTheServer(t *testing.T) {
	t.Parallel()
	for theme, scheme := range map[layout.Theme]string{layout.SystemTheme: "light dark", layout.Light: "light", layout.Dark: "dark"} {
		p := page()
		p.Theme = theme
		doc := render(t, layout.Bare(p))
		if got := attr(find(doc, "html")[0], "data-theme"); got != string(theme) {
			t.Errorf("got data-theme %q, want %q", got, theme)
		}
		for _, meta := range find(doc, "meta") {
			if attr(meta, "name") == "color-scheme" && attr(meta, "content") != scheme {
				t.Errorf("got %q, want %q", attr(meta, "content"), scheme)
			}
		}
	}
}

func TestScriptsAndStylesAreFilesOfOurs(t *testing.T) {
	t.Parallel()
	doc := render(t, layout.Shell(page(), nil))
	for _, script := range find(doc, "script") {
		if !strings.HasPrefix(attr(script, "src"), static.Prefix) || script.FirstChild != nil {
			t.Errorf("got script %v", script.Attr)
		}
	}
	for _, link := range find(doc, "link") {
		if !strings.HasPrefix(attr(link, "href"), static.Prefix) || strings.Contains(attr(link, "href"), "/unknown/") {
			t.Errorf("got link %v", link.Attr)
		}
	}
	if len(find(doc, "script")) != 3 || len(find(doc, "style")) != 0 {
		t.Error("want three scripts and no inline style")
	}
	if static.Prefix+"*" != paths.Static {
		t.Errorf("static is mounted at %s and routed at %s", static.Prefix, paths.Static)
	}
}

func TestIDsAreUnique(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for d := range render(t, layout.Shell(page(), nil)).Descendants() {
		if id := attr(d, "id"); id != "" {
			if seen[id] {
				t.Errorf("id %q comes twice", id)
			}
			seen[id] = true
		}
	}
}

func TestTheFrameEscapesWhatItIsGiven(t *testing.T) {
	t.Parallel()
	const evil = `"><script>alert(1)</script>`
	p := page()
	p.Title, p.Description, p.Organization, p.Search, p.Path, p.CSRFToken = evil, evil, evil, evil, evil, evil
	p.User = &layout.User{Name: evil, Email: evil, Role: evil}
	p.Zone.Label = evil
	p.Nav[0].Title, p.Nav[0].Items[0].Label, p.Nav[0].Items[0].Key = evil, evil, evil
	p.Crumbs[0].Label, p.Flash[0].Text, p.Organizations[0].Name = evil, evil, evil
	for _, c := range []templ.Component{layout.Shell(p, nil), layout.Bare(p)} {
		if got := len(find(render(t, c), "script")); got != 3 {
			t.Errorf("got %d scripts, want the three of ours", got)
		}
	}
}

func TestAPersonWithoutANameIsShownByEmail(t *testing.T) {
	t.Parallel()
	p := page()
	for _, c := range []struct {
		user layout.User
		want string
	}{
		{layout.User{Name: "Ada Okafor"}, "AO, signed in as Ada Okafor"},
		{layout.User{Email: "grace.b.hopper@example.com"}, "gh, signed in as grace.b.hopper@example.com"},
		{layout.User{Email: "x@example.com"}, "x, signed in as x@example.com"},
	} {
		p.User = &c.user
		found := false
		for _, s := range find(render(t, layout.Shell(p, nil)), "summary") {
			found = found || attr(s, "aria-label") == c.want
		}
		if !found {
			t.Errorf("no menu is called %q", c.want)
		}
	}
}

func TestNobodySignedInHasNoMenu(t *testing.T) {
	t.Parallel()
	p := page()
	p.User = nil
	for _, form := range find(render(t, layout.Shell(p, nil)), "form") {
		if attr(form, "action") == paths.SignOut {
			t.Error("there is a way to sign out")
		}
	}
}
