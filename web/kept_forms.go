package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/auth"
	"github.com/switchboardhq/switchboard/views/layout"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/views/ui"
)

// keptForm is a form that arrived after its session had ended, as it is stored.
type keptForm struct {
	Action string     `json:"action"` // address with its query
	Route  string     `json:"route"`  // pattern of the address
	Values url.Values `json:"values"`
	// Left are the names of the fields that are not kept: passwords and keys.
	Left []string `json:"left,omitempty"`
}

const (
	// resumeField says that a form is only opened again: see form.resumed.
	resumeField = "resume"
	// keptOutField names, once for each, the fields that were not kept.
	keptOutField = "left_out"
)

// unkept are routes whose answers never wait: those that sign in, set a password or keep a preference.
//
//nolint:gochecknoglobals // never changed
var unkept = []string{paths.SignIn, paths.SignOut, paths.SetUp, paths.Preferences, paths.Password, paths.MemberPassword, paths.SwitchOrganization}

// resumable are routes that show their form again, filled in, when an answer is wrong. The others repeat what they ask.
//
//nolint:gochecknoglobals // never changed
var resumable = []string{
	paths.Organizations, paths.Organization, paths.SignatureKeys, paths.Team, paths.Member, paths.Playground, paths.Subscriptions, paths.EditSubscription,
	paths.DiscardRejected, paths.Judgements, paths.ReleaseJudgement,
}

// keepForm keeps what was typed into the posted form, if the form was made for a person, and returns the address that gives it back to
// that person after they have signed in. It is "" when there is nothing to keep; that the answers cannot be kept is no reason to fail.
func (s *Server) keepForm(c echo.Context) string {
	r := c.Request()
	t, readable := readFormToken(r.PostForm.Get(ui.CSRFField))
	if !readable || slices.Contains(unkept, c.Path()) {
		return ""
	}
	// The seal says that we made this form for that person: nobody else can leave one for them to find.
	userID, err := s.store.OpenFormUser(t.user, t.secret)
	if err != nil {
		return ""
	}
	kept := keptForm{Action: r.URL.RequestURI(), Route: c.Path(), Values: url.Values{}}
	typed := false
	for name, values := range r.PostForm {
		switch {
		case name == ui.CSRFField, name == resumeField, name == keptOutField:
		case isSecretField(name, values):
			kept.Left, typed = append(kept.Left, name), true
		default:
			kept.Values[name] = values
			typed = typed || isTyped(name, values)
		}
	}
	content, err := json.Marshal(kept)
	if !typed || err != nil || len(content) > store.MaxKeptFormBytes {
		return ""
	}
	id, err := s.store.KeepForm(r.Context(), userID, content)
	if err != nil {
		s.log.WarnContext(r.Context(), "form of an ended session was not kept", "request_id", requestIDOf(c), "err", err)
		return ""
	}
	return paths.ShowKeptForm(id)
}

// isSecretField reports whether a field holds what is never kept, not even sealed.
func isSecretField(name string, values []string) bool {
	if strings.Contains(name, "password") || strings.Contains(name, "secret") {
		return strings.Join(values, "") != ""
	}
	return slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, "PRIVATE KEY") })
}

// isTyped reports whether a person has typed or chosen that: a button alone is pressed again as fast.
func isTyped(name string, values []string) bool {
	return !slices.Contains([]string{"version", "organization", "intent", layout.ReturnField}, name) && strings.Join(values, "") != ""
}

// refuseOldForm answers a form that is not of this session. One of the same person's former session gives its answers back.
func (s *Server) refuseOldForm(c echo.Context) error {
	kept := s.keepForm(c)
	if kept != "" && !mustVisit(c).signedIn() && !s.partial(c) {
		return s.redirect(c, paths.SignInThen(kept))
	}
	return &oldFormError{kept: kept}
}

// oldFormError is a form that is not of this session.
type oldFormError struct {
	kept string // address of the answers; may be empty
}

func (e *oldFormError) Error() string { return errBadToken.Error() }

func (e *oldFormError) Unwrap() error { return errBadToken }

// showKeptForm gives back to a person what they typed before their session ended.
func (s *Server) showKeptForm(c echo.Context) error {
	content, err := s.store.GetKeptForm(c.Request().Context(), c.Param("id"), currentUser(c).ID)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrSealBroken) {
		return userError(http.StatusNotFound, "These answers are not here any more. They are kept for an hour, for the person who typed them.", err)
	}
	if err != nil {
		return err
	}
	var kept keptForm
	if err := json.Unmarshal(content, &kept); err != nil {
		return fmt.Errorf("read kept form: %w", err)
	}
	m := auth.Kept{
		Frame:  s.page(c, "Your answers are kept", narrow(), describe("Your session had ended before the form was sent. Nothing was changed.")),
		Action: localPath(kept.Action), Cancel: paths.Overview,
	}
	fillKept(&m, kept)
	return s.render(c, http.StatusOK, auth.KeptPage(m))
}

// fillKept puts the answers into the form that sends them, and into the list that a person reads.
func fillKept(m *auth.Kept, kept keptForm) {
	names := make([]string, 0, len(kept.Values))
	for name := range kept.Values {
		names = append(names, name)
	}
	slices.Sort(names)
	m.Resume = slices.Contains(resumable, kept.Route)
	for _, name := range names {
		for _, value := range kept.Values[name] {
			if m.Resume && name == subscriptions.FieldIntent {
				continue
			}
			m.Fields = append(m.Fields, auth.KeptField{Name: name, Value: value})
		}
		if isTyped(name, kept.Values[name]) {
			m.Answers = append(m.Answers, ui.Pair{Name: fieldLabel(name), Value: shortAnswer(strings.Join(kept.Values[name], ", "))})
		}
	}
	slices.Sort(kept.Left)
	for _, name := range kept.Left {
		m.Fields = append(m.Fields, auth.KeptField{Name: keptOutField, Value: name})
		m.Left = append(m.Left, fieldLabel(name))
	}
	if m.Resume {
		m.Fields = append(m.Fields, auth.KeptField{Name: resumeField, Value: "1"})
	}
}

// fieldLabel is a field's name as words: "merchant_id" is "Merchant id".
func fieldLabel(name string) string {
	words := strings.ReplaceAll(name, "_", " ")
	return strings.ToUpper(words[:min(1, len(words))]) + words[min(1, len(words)):]
}

// shortAnswer is an answer as the list shows it; the form holds it whole.
func shortAnswer(value string) string {
	f := form{values: url.Values{"answer": {value}}}
	if r := []rune(f.typed("answer")); len(r) > 300 {
		return string(r[:300]) + "…"
	}
	return f.typed("answer")
}
