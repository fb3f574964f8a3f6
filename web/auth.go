package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/gorilla/sessions"
	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
)

// visit is what a request's session says of who asks. It is the one thing kept by c.Set; the accessors are below.
type visit struct {
	session       *sessions.Session
	data          sessionData
	changed       bool // data must be saved before the answer
	user          store.User
	organizations []store.Organization
	position      string // of live changes, from before anything was read
}

const visitKey = "visit"

func (v *visit) signedIn() bool { return v.user.ID != 0 }

func visitOf(c echo.Context) (*visit, bool) {
	v, ok := c.Get(visitKey).(*visit)
	return v, ok
}

// mustVisit is for what stands behind loadSession in routes.go; elsewhere it is a bug, and panics.
func mustVisit(c echo.Context) *visit {
	v, ok := visitOf(c)
	if !ok {
		panic("no session loaded for " + c.Path())
	}
	return v
}

// currentUser is the person signed in, or the zero User.
func currentUser(c echo.Context) store.User {
	if v, ok := visitOf(c); ok {
		return v.user
	}
	return store.User{}
}

// currentOrganization is the chosen one, else the oldest; ok is false when there is none yet.
func currentOrganization(c echo.Context) (store.Organization, bool) {
	v := mustVisit(c)
	for _, o := range v.organizations {
		if o.ID == v.data.OrganizationID {
			return o, true
		}
	}
	if len(v.organizations) == 0 {
		return store.Organization{}, false
	}
	return slices.MinFunc(v.organizations, func(a, b store.Organization) int { return cmp.Compare(a.ID, b.ID) }), true
}

// organizations are those of the console's environment, by name.
func organizations(c echo.Context) []store.Organization { return mustVisit(c).organizations }

// loadSession finds out who asks. It refuses nobody.
func (s *Server) loadSession(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		v, err := s.readVisit(c)
		if err != nil {
			return err
		}
		c.Set(visitKey, v)
		return next(c)
	}
}

func (s *Server) readVisit(c echo.Context) (*visit, error) {
	session, err := s.sessions.Get(c.Request(), s.sessions.name)
	if err != nil {
		return nil, err
	}
	v := &visit{session: session, position: s.live.position()}
	v.data, _ = session.Values[dataKey].(sessionData)
	id, _ := session.Values[userKey].(int64)
	if id == 0 {
		return v, nil
	}
	ctx := c.Request().Context()
	user, err := s.store.GetUser(ctx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && !user.DisabledAt.IsZero() {
		return v, nil // gone or disabled: signed out
	}
	if err != nil {
		return nil, fmt.Errorf("load session: %w", err)
	}
	if v.organizations, err = s.store.ListOrganizations(ctx, s.environment); err != nil {
		return nil, fmt.Errorf("load session: %w", err)
	}
	v.user = user
	return v, nil
}

// saveVisit stores what the answer changed in the session. That the session has ended meanwhile is no error.
func (s *Server) saveVisit(c echo.Context) error {
	v, ok := visitOf(c)
	if !ok || !v.changed {
		return nil
	}
	v.changed = false
	v.session.Values[dataKey] = v.data
	err := v.session.Save(c.Request(), c.Response())
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("save session: %w", err)
	}
	return nil
}

// requireUser leads those who are not signed in to the sign-in page, and after it back here.
func (s *Server) requireUser(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if currentUser(c).ID != 0 {
			return next(c)
		}
		then := ""
		if c.Request().Method == http.MethodGet && !s.partial(c) && c.Request().URL.Path != paths.Overview {
			then = c.Request().URL.RequestURI()
		}
		// htmx sends whole forms only to preview what they do; its other posts hold nothing that somebody typed.
		if r := c.Request(); r.Method == http.MethodPost && (!s.partial(c) || r.PostForm.Get(subscriptions.FieldIntent) == subscriptions.IntentPreview) {
			then = s.keepForm(c)
		}
		to := paths.SignInThen(then)
		if fromHTMX(c) {
			c.Response().Header().Set("HX-Redirect", to)
			return c.NoContent(http.StatusUnauthorized)
		}
		return c.Redirect(http.StatusSeeOther, to)
	}
}

// localPath is to when it is a path on this console, else the overview: nobody is led elsewhere by a link to us.
func localPath(to string) string {
	// Browsers read a backslash as a slash and drop tabs and newlines, so "/\t/host" would be another host.
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsFunc(to, func(r rune) bool { return r == '\\' || r < ' ' || r == 0x7f }) {
		return paths.Overview
	}
	return to
}

// audit begins an entry of the audit log: who, from where, in which request. The caller says what, and of which object.
func (s *Server) audit(c echo.Context, action string) store.AuditEntry {
	e := store.AuditEntry{Action: action, RequestID: requestIDOf(c), Source: sourceOf(c)}
	if u := currentUser(c); u.ID != 0 {
		e.UserID, e.Actor = u.ID, u.Email
	} else {
		e.Actor = "nobody signed in"
	}
	return e
}

func sourceOf(c echo.Context) netip.Addr {
	addr, err := netip.ParseAddr(c.RealIP())
	if err != nil {
		return netip.Addr{} // a listener without addresses, such as a Unix socket
	}
	return addr.WithZone("").Unmap()
}
