package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/layout"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/problem"
	"github.com/switchboardhq/switchboard/views/ui"
)

// pageOption sets a part of the frame.
type pageOption func(*layout.Page)

// describe puts one sentence below the heading.
func describe(text string) pageOption { return func(p *layout.Page) { p.Description = text } }

// crumb is one step of the way back up; give them from the top.
func crumb(label, href string) pageOption {
	return func(p *layout.Page) { p.Crumbs = append(p.Crumbs, layout.Crumb{Label: label, Href: href}) }
}

// narrow limits the page to the width of a form.
func narrow() pageOption { return func(p *layout.Page) { p.Narrow = true } }

// page is the frame for this request: environment, rooms, person, CSRF token, theme, zone and what was just done.
func (s *Server) page(c echo.Context, title string, opts ...pageOption) layout.Page {
	p := s.barePage(c, title)
	v := mustVisit(c)
	if u := v.user; u.ID != 0 {
		p.User = &layout.User{Name: u.Name, Email: u.Email, Role: string(u.Role)}
		p.Nav = s.nav(c)
		s.fillOrganizations(c, &p)
		p.Search = searchOf(c)
	}
	if !s.partial(c) && len(v.data.Flashes) > 0 {
		p.Flash, v.data.Flashes, v.changed = v.data.Flashes, nil, true
	}
	for _, o := range opts {
		o(&p)
	}
	return p
}

// barePage is the frame without what only a signed-in person sees. It works without a session, as an error page must.
func (s *Server) barePage(c echo.Context, title string) layout.Page {
	look := s.lookOf(c)
	p := layout.Page{
		Title: title, Environment: environmentOf(s.environment), Theme: look.theme, Zone: look.zoneSwitch(s.now()),
		Clock: ui.Clock{Now: s.now(), Zone: look.location}, NarrowRail: look.narrowRail, Path: c.Request().URL.RequestURI(),
	}
	if c.Request().Method != http.MethodGet {
		p.Path = paths.Overview // nothing leads back to a form's address
	}
	if v, ok := visitOf(c); ok {
		p.CSRFToken = s.formToken(c, v)
	}
	return p
}

// formToken is the CSRF token of the session for this answer; a browser that has no cookie of ours yet gets one with the page.
func (s *Server) formToken(c echo.Context, v *visit) string {
	if v.session.IsNew && cookieID(c.Request(), s.sessions.name) == "" && !c.Response().Committed && !strings.Contains(c.Response().Header().Get("Set-Cookie"), s.sessions.name+"=") {
		// Nothing is stored for somebody not signed in: this only sends the cookie, and cannot fail.
		_ = v.session.Save(c.Request(), c.Response())
	}
	t := formToken{secret: csrfSecret(v.session.ID)}
	if v.signedIn() {
		t.user = s.store.SealFormUser(v.user.ID, t.secret)
	}
	return t.text()
}

func (s *Server) fillOrganizations(c echo.Context, p *layout.Page) {
	current, ok := currentOrganization(c)
	if !ok {
		return
	}
	p.Organization = current.Name
	for _, o := range organizations(c) {
		p.Organizations = append(p.Organizations, layout.OrganizationChoice{
			Name: o.Name, Href: paths.SwitchToOrganization(o.ID), Environment: environmentOf(o.Environment), Current: o.ID == current.ID,
		})
	}
}

// searchOf is what the search box in the frame holds: the only one that finds by id, on the list that it leads to and on that of rejected deliveries.
func searchOf(c echo.Context) string {
	if c.Path() == paths.Notifications || c.Path() == paths.Rejected {
		return c.QueryParam("q")
	}
	return ""
}

func environmentOf(name string) layout.Environment {
	if name == "production-india" {
		return layout.Production
	}
	return layout.Environment(name)
}

// nav lists the rooms that exist for this person.
func (s *Server) nav(c echo.Context) []layout.NavGroup {
	item := func(label, href string, icon ui.Icon, key string) layout.NavItem {
		path := c.Request().URL.Path
		current := path == href || href != paths.Overview && strings.HasPrefix(path, href+"/")
		return layout.NavItem{Label: label, Href: href, Icon: icon, Key: key, Current: current}
	}
	groups := []layout.NavGroup{
		{Title: "Watch", Items: []layout.NavItem{
			item("Overview", paths.Overview, ui.IconOverview, "o"),
			item("Notifications", paths.Notifications, ui.IconNotifications, "n"),
			item("Rejected", paths.Rejected, ui.IconRejected, "r"),
		}},
		{Title: "Operate", Items: []layout.NavItem{item("Subscriptions", paths.Subscriptions, ui.IconSubscriptions, "s")}},
		{Title: "Administer", Items: []layout.NavItem{
			item("Organizations", paths.Organizations, ui.IconOrganizations, ""),
			item("Team", paths.Team, ui.IconTeam, ""),
			item("Audit log", paths.AuditLog, ui.IconAudit, "l"),
		}},
	}
	if s.sandbox != nil {
		groups = append(groups, layout.NavGroup{Title: "Sandbox", Items: []layout.NavItem{item("Playground", paths.Playground, ui.IconPlayground, "")}})
	}
	return groups
}

// fromHTMX reports whether htmx sent the request.
func fromHTMX(c echo.Context) bool { return c.Request().Header.Get("HX-Request") == "true" }

// partial reports whether htmx asks for a part of a page. Everything else, typed in, restored from history or without script,
// gets whole pages.
func (s *Server) partial(c echo.Context) bool {
	return fromHTMX(c) && c.Request().Header.Get("HX-Request-Type") == "partial"
}

// render answers with a component. It is rendered whole before the first byte goes out, so that a template that fails is a clean 500, within the bounds
// that hold for every page, and no longer than somebody waits for it.
func (s *Server) render(c echo.Context, status int, component templ.Component) error {
	page, err := ui.Draw(c.Request().Context(), component)
	if errors.Is(err, ui.ErrTooLarge) {
		status, page, err = s.drawTooLarge(c, status)
	}
	if err != nil {
		return fmt.Errorf("render %s: %w", c.Path(), err)
	}
	if err := s.saveVisit(c); err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set(echo.HeaderVary, strings.Join(append(h.Values(echo.HeaderVary), "HX-Request, HX-Request-Type"), ", ")) // one line, for caches that read one
	return s.send(c, status, echo.MIMETextHTMLCharsetUTF8, page.Bytes())
}

// drawTooLarge is the page that stands for one that does not fit; parts that others decide the size of are bounded by themselves, so this is rare.
func (s *Server) drawTooLarge(c echo.Context, status int) (int, *ui.PageBuffer, error) {
	s.log.WarnContext(c.Request().Context(), "page is too large to show", "request_id", requestIDOf(c), "route", c.Path())
	component := ui.TooLarge("")
	if v, ok := visitOf(c); !s.partial(c) && ok && v.signedIn() {
		component = problem.Page(s.page(c, "Too large to show"), problem.Problem{Kind: ui.CouldNotLoad, Title: "Too large to show", Text: "This page would be too large for a browser."})
	}
	page, err := ui.Draw(c.Request().Context(), component)
	return status, page, err
}

// renderPart answers htmx with the part alone, and everybody else with the page around it.
func (s *Server) renderPart(c echo.Context, status int, page, part templ.Component) error {
	if s.partial(c) {
		return s.render(c, status, part)
	}
	return s.render(c, status, page)
}

// redirect leads on after a change, to a path from views/paths. htmx is told by a header: fetch would follow a 303 before htmx saw it.
func (s *Server) redirect(c echo.Context, to string) error {
	if err := s.saveVisit(c); err != nil {
		return err
	}
	if fromHTMX(c) {
		c.Response().Header().Set("HX-Redirect", to)
		return c.NoContent(http.StatusNoContent)
	}
	return c.Redirect(http.StatusSeeOther, to)
}

// maxFlashes bounds what waits for a browser that never comes for it.
const maxFlashes = 5

// flash says what was just done on the page that is shown next. link may be a label and an address.
func (s *Server) flash(c echo.Context, kind ui.Tone, text string, link ...string) {
	f := ui.Flash{Tone: kind, Text: text}
	if len(link) == 2 {
		f.LinkLabel, f.Href = link[0], link[1]
	}
	s.show(c, f)
}

// show is flash for a message that is made elsewhere.
func (s *Server) show(c echo.Context, f ui.Flash) {
	v := mustVisit(c)
	v.data.Flashes = append(v.data.Flashes, f)
	v.data.Flashes = v.data.Flashes[max(0, len(v.data.Flashes)-maxFlashes):]
	v.changed = true
}

// statusFlash says what Cybersource says of a subscription, in the tone of that. It goes when the page shows another status.
func statusFlash(before string, status store.SubscriptionStatus) ui.Flash {
	shown := ui.StatusFrom(string(status))
	return ui.Flash{Tone: shown.Tone(), Text: before + statusWord(status) + ".", While: shown}
}
