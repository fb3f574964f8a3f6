package web

import (
	"net/http"
	"path"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/problem"
	"github.com/switchboardhq/switchboard/views/ui"
)

// thing is what an address is about: its name, and the list it is in.
type thing struct{ route, name, list, listName string }

// things by the route of one of them; what is below such a route is about the same thing. The longer route stands first.
//
//nolint:gochecknoglobals // never changed
var things = []thing{
	{paths.Judgement, "judgement", paths.Judgements, "All judgements"},
	{paths.RejectedDelivery, "rejected delivery", paths.Rejected, "All rejected deliveries"},
	{paths.Delivery, "delivery", paths.Notifications, "All notifications"},
	{paths.Notification, "notification", paths.Notifications, "All notifications"},
	{paths.Subscription, "subscription", paths.Subscriptions, "All subscriptions"},
	{paths.Organization, "organization", paths.Organizations, "All organizations"},
	{paths.Member, "person", paths.Team, "The team"},
	{paths.AuditEntry, "entry of the audit log", paths.AuditLog, "The audit log"},
}

// thingOf is what a route is about; ok is false for one that is about no single thing.
func thingOf(route string) (thing, bool) {
	for _, t := range things {
		if route == t.route || strings.HasPrefix(route, t.route+"/") {
			return t, true
		}
	}
	return thing{}, false
}

// nameUnknown says of a thing that is not there what it would have been, where nothing more exact is said.
func nameUnknown(c echo.Context, p problem.Problem) problem.Problem {
	t, ok := thingOf(c.Path())
	if !ok || p.Text != noSuchPageText && p.Text != nothingUnderText {
		return p
	}
	article := "a "
	if strings.ContainsRune("aeo", rune(t.name[0])) {
		article = "an "
	}
	p.Title = "No " + t.name + " with this id"
	p.Text = "The id in the address may be mistyped, or it is that of " + article + t.name + " that was removed or belongs to another environment."
	p.Actions = []ui.Action{{Label: t.listName, Href: t.list}, {Label: "Go to the overview", Href: paths.Overview}}
	return p
}

// wayOn adds where to go from a problem that says nothing about it.
func (s *Server) wayOn(c echo.Context, status int, p problem.Problem) problem.Problem {
	if len(p.Actions) > 0 {
		return p
	}
	r := c.Request()
	asks := r.Method == http.MethodGet || r.Method == http.MethodHead
	if asks && status >= http.StatusInternalServerError {
		p.Actions = append(p.Actions, ui.Action{Label: "Try again", Href: r.URL.RequestURI(), Icon: ui.IconRetry})
	}
	if page := s.pageOf(r.URL.Path); page != paths.Overview && (!asks || page != r.URL.Path) {
		p.Actions = append(p.Actions, ui.Action{Label: "Go back to the page", Href: page})
	}
	p.Actions = append(p.Actions, ui.Action{Label: "Go to the overview", Href: paths.Overview})
	return p
}

// pageOf is the address that people can open nearest to one that takes a form: itself, or what it is below.
func (s *Server) pageOf(address string) string {
	for at := path.Clean("/" + address); at != "/"; at = path.Dir(at) {
		if s.opens(at) {
			return at
		}
	}
	return paths.Overview
}

// opens reports whether a route answers a GET of that address.
func (s *Server) opens(address string) bool {
	c := s.echo.AcquireContext()
	defer s.echo.ReleaseContext(c)
	s.echo.Router().Find(http.MethodGet, address, c)
	for _, route := range s.echo.Routes() {
		if route.Method == http.MethodGet && route.Path == c.Path() {
			return true
		}
	}
	return false
}

// backToPage answers somebody who reloads the address of a form by its address: it leads to the page of the form. What is below no page
// stays a 405.
func (s *Server) backToPage(c echo.Context, status int) (string, bool) {
	r := c.Request()
	if status != http.StatusMethodNotAllowed || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return "", false
	}
	page := s.pageOf(r.URL.Path)
	return page, page != paths.Overview
}
