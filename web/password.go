package web

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/views/auth"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/ui"
)

const changePasswordAction = "user.change_password"

func (s *Server) showPassword(c echo.Context) error {
	return s.renderPassword(c, http.StatusOK, emptyForm())
}

// updatePassword changes one's own password. Other browsers are signed out, this one gets a new session.
func (s *Server) updatePassword(c echo.Context) error {
	f, err := parseForm(c)
	if err != nil {
		return err
	}
	ctx, user := c.Request().Context(), currentUser(c)
	// Guessing the present one through a stolen session is bounded like guessing at the door.
	_, err = s.authenticate(ctx, user.Email, f.secret("current", maxPasswordBytes), s.audit(c, changePasswordAction))
	var locked *lockedError
	switch {
	case errors.As(err, &locked):
		f.fail("current", "Too many tries have failed. Wait "+ui.DurationText(locked.wait)+", then try again.")
	case errors.Is(err, errWrongPassword):
		f.fail("current", "This is not your present password.")
	case err != nil:
		return err
	}
	password := newPasswordFrom(f, user.Email)
	if !f.ok() {
		return s.renderPassword(c, http.StatusUnprocessableEntity, f)
	}
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return err
	}
	if err := s.store.ReplaceUserPassword(ctx, user, hash, nil, s.audit(c, changePasswordAction)); err != nil {
		return err
	}
	v := mustVisit(c)
	data := v.data
	if err := s.sessions.signIn(c.Request(), c.Response(), v.session, user.ID); err != nil {
		return err
	}
	v.data = data
	s.flash(c, ui.Good, "Your password is new. Other browsers are signed out.")
	return s.redirect(c, paths.Password)
}

func (s *Server) renderPassword(c echo.Context, status int, f *form) error {
	password, again := newPasswordFields(f, "New password")
	return s.render(c, status, auth.PasswordPage(auth.Password{
		Frame:   s.page(c, "Change password", narrow(), describe("You stay signed in here and are signed out everywhere else.")),
		Action:  paths.Password,
		Email:   currentUser(c).Email,
		Current: ui.Field{Name: "current", Label: "Present password", Type: "password", Autocomplete: "current-password", Required: true, Error: f.problem("current")},
		Errors:  f.summary(), Password: password, Again: again,
	}))
}
