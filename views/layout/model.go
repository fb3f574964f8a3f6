package layout

import (
	"time"

	"github.com/switchboardhq/switchboard/views/ui"
)

// Environment says against what the console works. Nobody may ever wonder.
type Environment string

// The environments. The zero value shows none, as before sign-in.
const (
	NoEnvironment Environment = ""
	Sandbox       Environment = "sandbox"
	Test          Environment = "test"
	Production    Environment = "production"
)

// Theme is how the pages are lit.
type Theme string

// The themes. The zero value follows the system.
const (
	SystemTheme Theme = ""
	Light       Theme = "light"
	Dark        Theme = "dark"
)

// Names of the form fields that a post to paths.Preferences may carry, one at a time,
// beside ReturnField.
const (
	ThemeField  = "theme"  // "system", "light", "dark"
	ZoneField   = "zone"   // "utc", "browser", or a name of the IANA database
	RailField   = "rail"   // "narrow", "wide"
	ReturnField = "return" // local path to go back to
	// BrowserZoneField carries the browser's own zone when ZoneField is "browser".
	BrowserZoneField = "browser_zone"
)

// Page is what the frame shows.
type Page struct {
	// Title is the h1 and the start of the tab title.
	Title string
	// Description is one sentence below the heading; may be empty.
	Description string
	Environment Environment
	// Organization is the chosen one's name; empty when there is none yet.
	Organization string
	// Organizations are those to switch between.
	Organizations []OrganizationChoice
	// Nav has only the rooms that exist for this person.
	Nav []NavGroup
	// Crumbs lead back up; only pages below the second level have them.
	Crumbs    []Crumb
	User      *User
	CSRFToken string
	Theme     Theme
	Zone      Zone
	Clock     ui.Clock
	// NarrowRail shows the rail as icons.
	NarrowRail bool
	// Search is what the search box holds.
	Search string
	Flash  []ui.Flash
	// Path is the address of this page with its query: where preferences lead back to.
	Path string
	// Narrow limits the page to the width of a form.
	Narrow bool
}

// OrganizationChoice is one organization in the switch; its Href takes a POST.
type OrganizationChoice struct {
	Name, Href  string
	Environment Environment
	Current     bool
}

// NavGroup is a titled set of rooms: Watch, Operate, Administer, Sandbox.
type NavGroup struct {
	Title string
	Items []NavItem
}

// NavItem is one room.
type NavItem struct {
	Label, Href string
	Icon        ui.Icon
	Current     bool
	// Count is a number that wants a look, such as rejected deliveries; empty shows none.
	Count string
	// Key is pressed after g to go there; empty for none.
	Key string
}

// Crumb is one step of the way back up.
type Crumb struct{ Label, Href string }

// User is the person signed in.
type User struct{ Name, Email, Role string }

// Zone is the time zone that times are printed in.
type Zone struct {
	// Choice is "utc", "browser" or a zone's name; it is what ZoneField holds.
	Choice string
	// Label is the short name shown: "UTC", "CET".
	Label string
	// Options are the choices offered.
	Options []ZoneOption
}

// ZoneOption is one choice of the zone switch.
type ZoneOption struct{ Value, Label string }

// Word is the environment as people read it.
func (e Environment) Word() string {
	switch e {
	case Sandbox:
		return "Sandbox"
	case Test:
		return "Test"
	case Production:
		return "Production"
	default:
		return ""
	}
}

// sentence says what the environment means for what one does.
func (e Environment) sentence() string {
	switch e {
	case Sandbox:
		return "Nothing here reaches Cybersource."
	case Test:
		return "Cybersource’s test environment. No real money moves."
	default:
		return ""
	}
}

// tabTitle begins with the environment's word, but in production, where the word is
// last: a tab that shows few letters then shows what is unusual.
func (p Page) tabTitle() string {
	switch p.Environment {
	case Sandbox, Test:
		return "[" + p.Environment.Word() + "] " + p.Title + " · Switchboard"
	case Production:
		return p.Title + " · Switchboard · Production"
	default:
		return p.Title + " · Switchboard"
	}
}

// initials are what the person's menu shows.
func (u User) initials() string {
	from := u.Name
	if from == "" {
		from = u.Email
	}
	first, last, start := "", "", true
	for _, r := range from {
		if r == '@' {
			break
		}
		if r == ' ' || r == '.' || r == '-' {
			start = true
			continue
		}
		if start {
			if first == "" {
				first = string(r)
			} else {
				last = string(r)
			}
		}
		start = false
	}
	return first + last
}

func (u User) shownName() string {
	if u.Name != "" {
		return u.Name
	}
	return u.Email
}

// now is the server's time, by which the script corrects the browser's.
func now(c ui.Clock) string {
	if c.Now.IsZero() {
		return ""
	}
	return c.Now.UTC().Format(time.RFC3339Nano)
}

func colorScheme(t Theme) string {
	if t == SystemTheme {
		return "light dark"
	}
	return string(t)
}
