package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/auth"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/ui"
)

// setupLinkLife is how long somebody has time to open the link that the server prints.
const setupLinkLife = 24 * time.Hour

// NewSetupLink makes the one-time address at which the first administrator is created, and ends earlier ones. It returns ""
// when somebody can sign in already. Whoever has the address can use it: print it where only the operator looks.
func (s *Server) NewSetupLink(ctx context.Context) (string, error) {
	has, err := s.store.HasUsers(ctx)
	if err != nil || has {
		return "", err
	}
	token := newSessionID()
	if err := s.store.InsertSetupLink(ctx, hashID(token), s.now().Add(setupLinkLife)); err != nil {
		return "", err
	}
	return strings.TrimSuffix(s.consoleURL.String(), "/") + paths.SetUpWith(token), nil
}

// EnsureAdministrator makes this person the administrator when nobody exists yet, and reports whether it did. Afterwards the console and the command
// `server admin reset` say who may sign in, not the environment. Its error names what is wrong with the address or the password, never the password.
func (s *Server) EnsureAdministrator(ctx context.Context, email, password string) (made bool, err error) {
	if has, err := s.store.HasPeople(ctx); err != nil || has {
		return false, err
	}
	if err := credentialsProblem(email, password); err != nil {
		return false, err
	}
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return false, err
	}
	return s.store.InsertFirstAdministrator(ctx, email, hash)
}

// ResetAdministrator gives a person that password and makes them an enabled administrator, for an operator whom the console lets in no more. Its error
// is as EnsureAdministrator's; ErrNotFound of store when there is no such person.
func ResetAdministrator(ctx context.Context, st *store.Store, email, password string) (store.User, error) {
	if err := credentialsProblem(email, password); err != nil {
		return store.User{}, err
	}
	hash, err := newPasswords().hash(ctx, password)
	if err != nil {
		return store.User{}, err
	}
	return st.ResetAdministrator(ctx, email, hash, emailSubject(email))
}

func credentialsProblem(email, password string) error {
	if problem := emailProblem(email); problem != "" {
		return fmt.Errorf("administrator's e-mail address %q: %s", email, problem)
	}
	if problem := passwordProblem(password, email); problem != "" {
		return fmt.Errorf("administrator's password: %s", problem)
	}
	return nil
}

// emailProblem says what is wrong with an e-mail address, or "".
func emailProblem(email string) string {
	a, err := mail.ParseAddress(email)
	if err != nil || a.Name != "" || a.Address != email || len(email) > 254 {
		return "Use an address such as ada@example.com."
	}
	return ""
}

func (s *Server) showSetUp(c echo.Context) error {
	err := s.store.CheckSetupLink(c.Request().Context(), hashID(c.Param("token")))
	if errors.Is(err, store.ErrNotFound) {
		return s.renderSetUpClosed(c)
	}
	if err != nil {
		return err
	}
	return s.renderSetUp(c, http.StatusOK, emptyForm())
}

func (s *Server) setUp(c echo.Context) error {
	f, err := parseForm(c)
	if err != nil {
		return err
	}
	u := newPersonFrom(f)
	password := newPasswordFrom(f, u.Email)
	if err := s.store.CheckSetupLink(c.Request().Context(), hashID(c.Param("token"))); errors.Is(err, store.ErrNotFound) {
		return s.renderSetUpClosed(c)
	} else if err != nil {
		return err
	}
	if !f.ok() {
		return s.renderSetUp(c, http.StatusUnprocessableEntity, f)
	}
	if u.PasswordHash, err = s.passwords.hash(c.Request().Context(), password); err != nil {
		return err
	}
	made, err := s.store.UseSetupLink(c.Request().Context(), hashID(c.Param("token")), u, s.audit(c, "user.set_up"))
	if errors.Is(err, store.ErrNotFound) {
		return s.renderSetUpClosed(c)
	}
	if errors.Is(err, store.ErrConflict) {
		f.fail("email", "Somebody with this address was disabled. Use another one.")
		return s.renderSetUp(c, http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	if err := s.begin(c, made); err != nil {
		return err
	}
	s.flash(c, ui.Good, "You are the administrator.", "Add colleagues", paths.Team)
	return s.redirect(c, paths.Overview)
}

// newPersonFrom reads name and e-mail address of somebody new.
func newPersonFrom(f *form) store.User {
	u := store.User{Name: f.text("name", 100), Email: strings.ToLower(f.required("email", 254, "Type an e-mail address."))}
	if problem := emailProblem(u.Email); u.Email != "" && problem != "" {
		f.fail("email", problem)
	}
	return u
}

// newPasswordFrom reads a new password and its repetition.
func newPasswordFrom(f *form, email string) string {
	password := f.secret("password", maxPasswordBytes)
	if problem := passwordProblem(password, email); problem != "" {
		f.fail("password", problem)
	} else if f.secret("again", maxPasswordBytes) != password {
		f.fail("again", "The two passwords differ. Type the same one again.")
	}
	return password
}

func (s *Server) renderSetUp(c echo.Context, status int, f *form) error {
	frame := s.page(c, "Set up Switchboard", describe("Create the first administrator. You can add colleagues afterwards."))
	password, again := newPasswordFields(f, "Password")
	return s.render(c, status, auth.SetUpPage(auth.SetUp{
		Frame: frame, Action: paths.SetUpWith(c.Param("token")), Errors: f.summary(),
		Name:     ui.Field{Name: "name", Label: "Name", Autocomplete: "name", Value: f.typed("name"), Error: f.problem("name")},
		Email:    ui.Field{Name: "email", Label: "E-mail address", Type: "email", Autocomplete: "username", Required: true, Value: f.typed("email"), Error: f.problem("email")},
		Password: password, Again: again,
	}))
}

// newPasswordFields ask twice for a new password. They never hold one.
func newPasswordFields(f *form, label string) (password, again ui.Field) {
	password = ui.Field{
		Name: "password", Label: label, Type: "password", Autocomplete: "new-password", Required: true, Error: f.problem("password"),
		Hint: fmt.Sprintf("At least %d characters. A few words in a row are easy to remember.", minPasswordRunes),
	}
	again = ui.Field{Name: "again", Label: label + ", again", Type: "password", Autocomplete: "new-password", Required: true, Error: f.problem("again")}
	return password, again
}

func (s *Server) renderSetUpClosed(c echo.Context) error {
	return s.render(c, http.StatusNotFound, auth.SetUpClosed(s.page(c, "This link no longer works")))
}
