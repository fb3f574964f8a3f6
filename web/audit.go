package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/audit"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/ui"
)

// auditRows is how many entries a page shows.
const auditRows = 50

// auditQuery is what the address asks for. What it cannot mean is left out, as if it were not there.
type auditQuery struct {
	action, kind, object, outcome, span string
	person, organization                int64
	older, newer                        int64
}

func auditQueryOf(q url.Values) auditQuery {
	number := func(name string) int64 {
		n, err := strconv.ParseInt(q.Get(name), 10, 64)
		if err != nil || n < 0 {
			return 0
		}
		return n
	}
	word := func(name string) string { return cleanWord(q.Get(name)) }
	a := auditQuery{
		action: word("action"), kind: word("kind"), object: word("object"), outcome: word("outcome"), span: word("from"),
		person: number("person"), organization: number("org"), older: number("older"), newer: number("newer"),
	}
	if _, ok := auditSpan(a.span); !ok {
		a.span = ""
	}
	if a.older != 0 {
		a.newer = 0
	}
	if a.kind == "" {
		a.object = "" // an id means something only together with its kind
	}
	return a
}

// cleanWord is a word of an address, bounded and such as Postgres takes.
func cleanWord(text string) string {
	f := emptyForm()
	return f.clean("", text, 200, false)
}

// values is the query without where in the list it stands.
func (a auditQuery) values() url.Values {
	v := url.Values{}
	for _, pair := range []struct{ name, value string }{
		{"action", a.action},
		{"kind", a.kind},
		{"object", a.object},
		{"outcome", a.outcome},
		{"from", a.span},
		{"person", idText(a.person)},
		{"org", idText(a.organization)},
	} {
		if pair.value != "" {
			v.Set(pair.name, pair.value)
		}
	}
	return v
}

func (a auditQuery) without(name string) string {
	v := a.values()
	v.Del(name)
	if name == "kind" {
		v.Del("object")
	}
	return paths.WithQuery(paths.AuditLog, v)
}

func (a auditQuery) with(name string, id int64) string {
	v := a.values()
	v.Set(name, idText(id))
	return paths.WithQuery(paths.AuditLog, v)
}

func idText(id int64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}

// auditSpan is how far back a range goes.
func auditSpan(text string) (time.Duration, bool) {
	for _, s := range auditSpans() {
		if s.value == text {
			return s.length, true
		}
	}
	return 0, false
}

type span struct {
	value, label string
	length       time.Duration
}

func auditSpans() []span {
	const day = 24 * time.Hour
	return []span{{"-1h", "Last hour", time.Hour}, {"-24h", "Last 24 hours", day}, {"-7d", "Last 7 days", 7 * day}, {"-30d", "Last 30 days", 30 * day}}
}

func (s *Server) listAudit(c echo.Context) error {
	if query, changed := tidy(c.QueryParams()); changed && !s.partial(c) {
		return c.Redirect(http.StatusSeeOther, paths.WithQuery(paths.AuditLog, query))
	}
	ctx, q := c.Request().Context(), auditQueryOf(c.QueryParams())
	filter := store.AuditFilter{
		Action: q.action, ObjectKind: q.kind, ObjectID: q.object, Outcome: q.outcome, UserID: q.person, OrganizationID: q.organization,
		BeforeID: q.older, AfterID: q.newer, Limit: auditRows + 1,
	}
	if length, ok := auditSpan(q.span); ok {
		filter.From = s.now().Add(-length)
	}
	entries, err := s.store.ListAudit(ctx, filter)
	if err != nil {
		return err
	}
	m := audit.List{Frame: s.page(c, "Audit log", describe("Who did what, to which thing, and how it went."))}
	if m.Filter, err = s.auditFilter(c, q); err != nil {
		return err
	}
	m.Pager = auditPager(q, &entries)
	m.Empty = emptyAudit(q, m.Filter)
	for _, e := range entries {
		m.Entries = append(m.Entries, auditEntry(c, e))
	}
	return s.renderPart(c, http.StatusOK, audit.ListPage(m), audit.ListPart(m))
}

// auditPager takes the one entry too many off, which says that there is more in the direction asked.
func auditPager(q auditQuery, entries *[]store.AuditEntry) ui.PageLinks {
	list := *entries
	more := len(list) > auditRows
	newer, older := q.older != 0, more
	if q.newer != 0 {
		newer, older = more, true
	}
	switch {
	case more && q.newer != 0:
		list = list[1:]
	case more:
		list = list[:auditRows]
	}
	*entries = list
	links := ui.PageLinks{Target: "#audit"}
	if len(list) == 0 {
		return links
	}
	links.Summary = fmt.Sprintf("%d entries", len(list))
	if len(list) == 1 {
		links.Summary = "One entry"
	}
	if newer {
		links.Newer = q.with("newer", list[0].ID)
	}
	if older {
		links.Older = q.with("older", list[len(list)-1].ID)
	}
	return links
}

func emptyAudit(q auditQuery, f ui.FilterForm) ui.EmptyPlace {
	if len(f.Chips) == 0 && q.older == 0 && q.newer == 0 {
		return ui.EmptyPlace{Kind: ui.NeverHad, Title: "Nothing was done yet", Text: "Each sign-in and each change will stand here."}
	}
	return ui.EmptyPlace{
		Kind: ui.NothingMatches, Title: "Nothing matches", Text: "No entry fits these filters.", Chips: f.Chips,
		Actions: []ui.Action{{Label: "Clear all filters", Href: f.ClearHref}},
	}
}

func (s *Server) auditFilter(c echo.Context, q auditQuery) (ui.FilterForm, error) {
	ctx := c.Request().Context()
	actions, err := s.store.ListAuditActions(ctx)
	if err != nil {
		return ui.FilterForm{}, err
	}
	people, err := s.store.ListUsers(ctx)
	if err != nil {
		return ui.FilterForm{}, err
	}
	f := ui.FilterForm{Action: paths.AuditLog, ClearHref: paths.AuditLog}
	action := selectFilter("action", "Action", q.action)
	for _, a := range actions {
		action.add(a, audit.Title(a))
	}
	person := selectFilter("person", "Person", idText(q.person))
	for _, u := range people {
		person.add(idText(u.ID), u.Email)
	}
	outcome := selectFilter("outcome", "Outcome", q.outcome)
	outcome.add(store.OutcomeSucceeded, "Done")
	outcome.add(store.OutcomeFailed, "Failed")
	outcome.add(store.OutcomeStarted, "Not finished")
	span := selectFilter("from", "Time", q.span)
	for _, a := range auditSpans() {
		span.add(a.value, a.label)
	}
	f.Selects, f.Range = []ui.Field{action.field, person.field, outcome.field}, span.field
	for _, chosen := range []menuFilter{action, person, outcome, span} {
		if chosen.field.Value != "" {
			f.Chips = append(f.Chips, ui.Chip{Label: chosen.field.Label, Value: chosen.label(), RemoveHref: q.without(chosen.field.Name)})
		}
	}
	if q.kind != "" {
		about := q.kind
		if q.object != "" {
			about += " " + q.object
		}
		f.Chips = append(f.Chips, ui.Chip{Label: "About", Value: about, RemoveHref: q.without("kind")})
		f.Hidden = append(f.Hidden, ui.Pair{Name: "kind", Value: q.kind}, ui.Pair{Name: "object", Value: q.object})
	}
	if q.organization != 0 {
		f.Chips = append(f.Chips, ui.Chip{Label: "Organization", Value: organizationName(c, q.organization), RemoveHref: q.without("org")})
		f.Hidden = append(f.Hidden, ui.Pair{Name: "org", Value: idText(q.organization)})
	}
	return f, nil
}

// menuFilter is one menu of a filter bar. Its first option filters nothing.
type menuFilter struct{ field ui.Field }

func selectFilter(name, label, value string) menuFilter {
	return menuFilter{field: ui.Field{Name: name, Label: label, Value: value, Options: []ui.Option{{Value: "", Label: "Any", Selected: value == ""}}}}
}

func (m *menuFilter) add(value, label string) {
	m.field.Options = append(m.field.Options, ui.Option{Value: value, Label: label, Selected: value == m.field.Value})
}

func (m *menuFilter) label() string {
	for _, o := range m.field.Options {
		if o.Selected {
			return o.Label
		}
	}
	return m.field.Value
}

func organizationName(c echo.Context, id int64) string {
	for _, o := range organizations(c) {
		if o.ID == id {
			return o.Name
		}
	}
	return idText(id)
}

func auditEntry(c echo.Context, e store.AuditEntry) audit.Entry {
	view := audit.Entry{
		At: e.At, Href: paths.ShowAuditEntry(e.ID), Actor: e.Actor, Action: e.Action, Object: e.ObjectName, ObjectKind: e.ObjectKind,
		ObjectHref: auditObject(c, e), Outcome: audit.Outcome(e.Outcome), Detail: e.Detail,
	}
	if view.Object == "" && e.ObjectKind != "" {
		view.Object = e.ObjectKind + " " + e.ObjectID
	}
	if e.OrganizationID != 0 {
		view.Organization = organizationName(c, e.OrganizationID)
	}
	return view
}

// auditObject leads to what an entry is about, if that has a page for whoever looks.
func auditObject(c echo.Context, e store.AuditEntry) string {
	id, err := strconv.ParseInt(e.ObjectID, 10, 64)
	if err != nil {
		return ""
	}
	switch e.ObjectKind {
	case "subscription":
		return paths.ShowSubscription(id)
	case "organization":
		return paths.ShowOrganization(id)
	case "user":
		if currentUser(c).Role.Allows(store.RoleAdministrator) {
			return paths.ShowMember(id)
		}
	}
	return ""
}

func (s *Server) showAudit(c echo.Context) error {
	id, err := idParam(c)
	if err != nil {
		return err
	}
	e, err := s.store.GetAudit(c.Request().Context(), id)
	if err != nil {
		return err
	}
	m := audit.Show{
		Frame: s.page(c, audit.Title(e.Action), crumb("Audit log", paths.AuditLog)), Entry: auditEntry(c, e), RequestID: e.RequestID,
		Created: len(e.Before) == 0, Removed: len(e.After) == 0, Changes: difference(e.Before, e.After),
	}
	if e.Source.IsValid() {
		m.Source = e.Source.String()
	}
	return s.render(c, http.StatusOK, audit.ShowPage(m))
}
