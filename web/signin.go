package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/auth"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/ui"
)

const signInAction = "user.sign_in"

var errWrongPassword = errors.New("no such person, or wrong password")

// lockedError says that too many tries have failed.
type lockedError struct{ wait time.Duration }

func (e *lockedError) Error() string { return fmt.Sprintf("locked for %s", e.wait) }

func (s *Server) showSignIn(c echo.Context) error {
	next := c.QueryParam("next")
	if currentUser(c).ID != 0 {
		return s.redirect(c, localPath(next))
	}
	m := auth.SignIn{Next: next, SignedOut: c.QueryParam("signed-out") != ""}
	has, err := s.store.HasUsers(c.Request().Context())
	if err != nil {
		return err
	}
	m.NobodyYet = !has
	return s.renderSignIn(c, http.StatusOK, m)
}

func (s *Server) renderSignIn(c echo.Context, status int, m auth.SignIn) error {
	if m.ElsewhereURL == "" && s.openedElsewhere(c) {
		m.ElsewhereURL = s.ownAddress(m.Next)
	}
	m.Frame = s.page(c, "Sign in", describe("The operations console for Cybersource webhooks."))
	m.Frame.Path = paths.SignIn
	if m.Next != "" {
		m.Next = localPath(m.Next)
	}
	return s.render(c, status, auth.SignInPage(m))
}

// openedElsewhere tells whether the browser seems to be at another address than the console's https one, where it keeps no session. A proxy may
// rewrite the host, so a browser that has shown a session cookie is believed.
func (s *Server) openedElsewhere(c echo.Context) bool {
	r := c.Request()
	if !s.sessions.secure || cookieID(r, s.sessions.name) != "" {
		return false
	}
	if origin, err := url.Parse(r.Header.Get(echo.HeaderOrigin)); err == nil && origin.Scheme == "http" {
		return true
	}
	return r.Header.Get(echo.HeaderXForwardedProto) == "http" || !sameHost(r.Host, s.consoleURL.Host)
}

// sameHost compares hosts, with the port that https has when none is named.
func sameHost(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, ":443"), strings.TrimSuffix(b, ":443"))
}

// ownAddress is the sign-in page at the console's own address.
func (s *Server) ownAddress(next string) string {
	own := *s.consoleURL
	own.Path, own.RawQuery = "", ""
	to := paths.SignIn
	if next != "" {
		to = paths.SignInThen(localPath(next))
	}
	return own.String() + to
}

func (s *Server) signIn(c echo.Context) error {
	f, err := parseForm(c)
	if err != nil {
		return err
	}
	email, password := f.text("email", 254), f.secret("password", maxPasswordBytes)
	m := auth.SignIn{Next: f.typed("next"), Email: email}
	user, err := s.authenticate(c.Request().Context(), email, password, s.audit(c, signInAction))
	var locked *lockedError
	switch {
	case errors.As(err, &locked):
		c.Response().Header().Set("Retry-After", fmt.Sprint(int(locked.wait.Seconds())+1))
		m.Problem = "Too many tries have failed. Wait " + ui.DurationText(locked.wait.Round(time.Second)) + ", then try again."
		return s.renderSignIn(c, http.StatusTooManyRequests, m)
	case errors.Is(err, errWrongPassword):
		m.Problem = "E-mail address and password do not fit together."
		return s.renderSignIn(c, http.StatusUnprocessableEntity, m)
	case err != nil:
		return err
	}
	if err := s.begin(c, user); err != nil {
		return err
	}
	return s.redirect(c, localPath(m.Next))
}

// begin signs somebody in, with an audit row before it.
func (s *Server) begin(c echo.Context, user store.User) error {
	ctx, e := c.Request().Context(), s.audit(c, signInAction)
	e.UserID, e.Actor = user.ID, user.Email
	e.ObjectKind, e.ObjectID, e.ObjectName = "user", fmt.Sprint(user.ID), user.Email
	if _, err := s.store.InsertAudit(ctx, e); err != nil {
		return err
	}
	if err := s.store.RecordSignIn(ctx, user.ID, emailSubject(user.Email)); err != nil {
		return err
	}
	v := mustVisit(c)
	if err := s.sessions.signIn(c.Request(), c.Response(), v.session, user.ID); err != nil {
		return err
	}
	v.user, v.data = user, sessionData{}
	return nil
}

// authenticate finds the person of these words. When the password is wrong, attempt is written to the audit log, if the person
// exists. Errors to test for: errWrongPassword and *lockedError.
func (s *Server) authenticate(ctx context.Context, email, password string, attempt store.AuditEntry) (store.User, error) {
	subjects := signInSubjects(email, attempt.Source)
	if err := s.checkLock(ctx, subjects); err != nil {
		return store.User{}, err
	}
	user, weak, err := s.comparePassword(ctx, email, password, subjects, attempt)
	if err == nil && weak {
		err = s.rehash(ctx, user, password)
	}
	return user, err
}

// checkLock is a *lockedError while one of the subjects has to wait.
func (s *Server) checkLock(ctx context.Context, subjects []string) error {
	until, err := s.store.SignInLockedUntil(ctx, subjects...)
	if err != nil {
		return err
	}
	if wait := until.Sub(s.now()); !until.IsZero() && wait > 0 {
		return &lockedError{wait: wait}
	}
	return nil
}

// comparePassword lets a few in at a time, from the look at the lock to the count of the failure: of many tries sent at once, all
// would otherwise find the door open.
func (s *Server) comparePassword(ctx context.Context, email, password string, subjects []string, attempt store.AuditEntry) (user store.User, weak bool, err error) {
	if err := s.passwords.enter(ctx); err != nil {
		return store.User{}, false, err
	}
	defer s.passwords.leave()
	if err := s.checkLock(ctx, subjects); err != nil {
		return store.User{}, false, err
	}
	user, err = s.store.GetUserByEmail(ctx, email)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return store.User{}, false, err
	}
	hash := nobodysHash
	known := err == nil && user.DisabledAt.IsZero()
	if known {
		hash = user.PasswordHash
	}
	match, weak, err := s.passwords.compare(password, hash)
	if err != nil {
		return store.User{}, false, err
	}
	if known && match {
		return user, weak, nil
	}
	if err := s.store.RecordSignInFailure(ctx, failedAttempt(attempt, user), subjects...); err != nil {
		return store.User{}, false, err
	}
	return store.User{}, false, errWrongPassword
}

// failedAttempt is the audit row of a wrong password; nil for nobody we know, or strangers could fill the log.
func failedAttempt(attempt store.AuditEntry, user store.User) *store.AuditEntry {
	if user.ID == 0 {
		return nil
	}
	attempt.Outcome, attempt.Actor = store.OutcomeFailed, user.Email
	attempt.ObjectKind, attempt.ObjectID, attempt.ObjectName = "user", fmt.Sprint(user.ID), user.Email
	return &attempt
}

// rehash stores a stronger hash of the same password. It ends no session: nothing has changed for the person.
func (s *Server) rehash(ctx context.Context, user store.User, password string) error {
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return err
	}
	return s.store.RehashUserPassword(ctx, user.ID, user.PasswordHash, hash)
}

// signInSubjects are what failures are counted for: the address typed, and the source if that is one machine. Behind a private
// or loopback address may stand a whole office or a proxy, which one forgetful person must not lock out.
func signInSubjects(email string, source netip.Addr) []string {
	subjects := []string{emailSubject(email)}
	if source.IsValid() && source.IsGlobalUnicast() && !source.IsPrivate() {
		if source.Is6() { // one subscriber has at least a /64
			source = netip.PrefixFrom(source, 64).Masked().Addr()
		}
		subjects = append(subjects, "source:"+source.String())
	}
	return subjects
}

// emailSubject hides what was typed: some type their password into the wrong field.
func emailSubject(email string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(strings.TrimSpace(email))))
	return "email:" + hex.EncodeToString(sum[:16])
}

func (s *Server) signOut(c echo.Context) error {
	v := mustVisit(c)
	if v.user.ID != 0 {
		e := s.audit(c, "user.sign_out")
		e.ObjectKind, e.ObjectID, e.ObjectName = "user", fmt.Sprint(v.user.ID), v.user.Email
		if _, err := s.store.InsertAudit(c.Request().Context(), e); err != nil {
			return err
		}
	}
	if err := s.sessions.signOut(c.Request(), c.Response(), v.session); err != nil {
		return err
	}
	v.changed = false
	return s.redirect(c, paths.With(paths.SignIn, "signed-out", "1"))
}
