package ui

// Flash is a short message about what was just done, shown once.
type Flash struct {
	Tone Tone
	Text string
	// Href and LinkLabel lead to the result; both may be empty.
	Href, LinkLabel string
	// While is the status that the message is about: it goes when the page shows another one. Empty: it is about none.
	While Status
}

// EmptyKind tells the five kinds of nothing apart; each has its own picture.
type EmptyKind string

// The kinds of empty places.
const (
	// NeverHad is for lists that have never held anything: say what to do first.
	NeverHad EmptyKind = "never"
	// NothingMatches is for filters that find nothing: show the way back.
	NothingMatches EmptyKind = "no-match"
	// NotAllowed is for people without the role: say who can grant it.
	NotAllowed EmptyKind = "not-allowed"
	// CouldNotLoad is for failures: offer to try again, show the error id.
	CouldNotLoad EmptyKind = "failed"
	// Purged is for what retention has removed: say when, and what is left.
	Purged EmptyKind = "purged"
)

// EmptyPlace is what stands where a list or a body would.
type EmptyPlace struct {
	Kind        EmptyKind
	Title, Text string
	// Actions are links to what to do next.
	Actions []Action
	// Chips are the filters in force, for NothingMatches.
	Chips []Chip
}

func (k EmptyKind) icon() Icon {
	switch k {
	case NothingMatches:
		return IconSearch
	case NotAllowed:
		return IconLock
	case CouldNotLoad:
		return IconOffline
	case Purged:
		return IconArchive
	default:
		return IconNotifications
	}
}

// SetupStep is one step of a list that leads through the first minutes.
type SetupStep struct {
	Title, Text string
	Done        bool
	// Current marks the step to do now; only its Action is shown.
	Current bool
	Action  Action
}

func (t Tone) icon() Icon {
	switch t {
	case Good:
		return IconSuccess
	case Waiting:
		return IconWarning
	case Bad:
		return IconError
	default:
		return IconInfo
	}
}

// alertRole interrupts only for what went wrong.
func alertRole(t Tone) string {
	if t == Bad {
		return "alert"
	}
	return "note"
}

// while is the word of the status as a badge shows it.
func (f Flash) while() string {
	if f.While == "" {
		return ""
	}
	return f.While.word()
}
