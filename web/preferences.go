package web

import (
	"net/http"
	"net/url"
	"time"
	_ "time/tzdata" // small machines have no zone database, and people still choose zones

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/views/layout"
)

// look is how pages are shown to this person: lit, timed and framed.
type look struct {
	theme      layout.Theme
	zoneChoice string         // utc or browser
	browser    *time.Location // nil: the browser has not said
	location   *time.Location
	narrowRail bool
}

// lookCookie remembers what belongs to a browser rather than to a person, and everything for those not signed in. It holds no
// secret and signs nobody in.
const lookCookie = "switchboard_look"

const lookAge = 365 * 24 * time.Hour

// The words of store.User and of the form.
const (
	themeSystem = "system"
	zoneUTC     = "utc"
	zoneBrowser = "browser"
)

func (s *Server) lookOf(c echo.Context) look {
	kept := keptLook(c)
	theme, zone := kept.Get(layout.ThemeField), kept.Get(layout.ZoneField)
	if u := currentUser(c); u.ID != 0 {
		theme, zone = u.Theme, u.Zone
	}
	l := look{zoneChoice: zoneUTC, location: time.UTC, narrowRail: kept.Get(layout.RailField) == "narrow"}
	if theme == string(layout.Light) || theme == string(layout.Dark) {
		l.theme = layout.Theme(theme)
	}
	l.browser = zoneNamed(kept.Get(layout.BrowserZoneField))
	if zone == zoneBrowser {
		l.zoneChoice = zoneBrowser
		if l.browser != nil {
			l.location = l.browser
		}
	}
	return l
}

// zoneNamed is a zone of the IANA database, or nil. "Local" would be the server's own.
func zoneNamed(name string) *time.Location {
	if name == "" || name == "Local" || len(name) > 64 {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	return zone
}

func (l look) zoneSwitch(now time.Time) layout.Zone {
	browser := "This browser’s zone"
	if l.browser != nil {
		browser += " (" + l.browser.String() + ")"
	}
	return layout.Zone{
		Choice: l.zoneChoice, Label: now.In(l.location).Format("MST"),
		Options: []layout.ZoneOption{{Value: zoneUTC, Label: "UTC"}, {Value: zoneBrowser, Label: browser}},
	}
}

func keptLook(c echo.Context) url.Values {
	cookie, err := c.Cookie(lookCookie)
	if err != nil {
		return url.Values{}
	}
	kept, err := url.ParseQuery(cookie.Value)
	if err != nil {
		return url.Values{} // somebody else's, or cut short: as if there were none
	}
	return kept
}

// updatePreferences takes one choice at a time, from the frame of any page, and leads back to that page.
func (s *Server) updatePreferences(c echo.Context) error {
	f, err := parseForm(c)
	if err != nil {
		return err
	}
	theme := f.choice(layout.ThemeField, "", themeSystem, string(layout.Light), string(layout.Dark))
	zone := f.choice(layout.ZoneField, "", zoneUTC, zoneBrowser)
	rail := f.choice(layout.RailField, "", "narrow", "wide")
	if !f.ok() {
		return userError(http.StatusUnprocessableEntity, "This is none of the choices.", nil)
	}
	if u := currentUser(c); u.ID != 0 && (theme != "" || zone != "") {
		if theme == "" {
			theme = u.Theme
		}
		if zone == "" {
			zone = u.Zone
		}
		if err := s.store.UpdateUserPreferences(c.Request().Context(), u.ID, theme, zone); err != nil {
			return err
		}
	}
	s.keepLook(c, map[string]string{
		layout.ThemeField: theme, layout.ZoneField: zone, layout.RailField: rail, layout.BrowserZoneField: browserZone(f),
	})
	return s.redirect(c, localPath(f.values.Get(layout.ReturnField)))
}

func browserZone(f *form) string {
	if zone := zoneNamed(f.text(layout.BrowserZoneField, 64)); zone != nil {
		return zone.String()
	}
	return ""
}

// keepLook changes what was chosen and keeps the rest.
func (s *Server) keepLook(c echo.Context, chosen map[string]string) {
	kept := keptLook(c)
	clean := url.Values{}
	for name, value := range chosen {
		if value == "" {
			value = kept.Get(name)
		}
		if value != "" && len(value) <= 64 {
			clean.Set(name, value)
		}
	}
	c.SetCookie(&http.Cookie{ //nolint:gosec // Secure iff the console has https
		Name: lookCookie, Value: clean.Encode(), Path: "/", MaxAge: int(lookAge / time.Second),
		Secure: s.sessions.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
