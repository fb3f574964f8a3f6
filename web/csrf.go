package web

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/views/auth"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/ui"
)

var (
	errCrossOrigin = errors.New("request comes from another origin")
	errBadToken    = errors.New("csrf token is missing or not this session's")
)

// sameOrigin refuses changes that a browser says another site has sent.
func (s *Server) sameOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := s.sameOrigins.Check(c.Request()); err != nil {
			return userError(http.StatusForbidden, "This request came from another site. Open the page here and try again.",
				fmt.Errorf("%w: %w", errCrossOrigin, err))
		}
		return next(c)
	}
}

// csrf refuses changes whose form does not carry the token of the session, for browsers that do not say where a request comes from.
func (s *Server) csrf(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			return next(c)
		}
		if err := r.ParseForm(); err != nil {
			return badForm(err)
		}
		got, readable := readFormToken(r.PostForm.Get(ui.CSRFField))
		if !readable || subtle.ConstantTimeCompare(csrfSecret(mustVisit(c).session.ID), got.secret) != 1 {
			if c.Path() == paths.SignIn && s.sessions.secure && cookieID(r, s.sessions.name) == "" {
				// The browser kept no cookie of ours: over plain HTTP it never will, however often the page is loaded.
				next := r.PostForm.Get("next")
				return s.renderSignIn(c, http.StatusForbidden, auth.SignIn{Next: next, ElsewhereURL: s.ownAddress(next)})
			}
			return s.refuseOldForm(c)
		}
		return next(c)
	}
}

// formToken is what a form carries: the secret of its session, and sealed for whom the form was made. The second outlives the
// session: it lets the answers be kept for that person alone.
type formToken struct {
	secret []byte
	user   []byte // empty in a form for somebody not signed in
}

// text is the token as a form has it. The secret is masked with random bytes, differently each time: compression would otherwise
// give it away, a byte at a time, to somebody who can choose a part of the page (BREACH).
func (t formToken) text() string {
	pad := make([]byte, csrfBytes, 2*csrfBytes+len(t.user))
	_, _ = rand.Read(pad) // crypto/rand.Read never fails since Go 1.24
	masked := make([]byte, csrfBytes)
	subtle.XORBytes(masked, pad, t.secret)
	return base64.RawURLEncoding.EncodeToString(append(append(pad, masked...), t.user...))
}

// readFormToken undoes text.
func readFormToken(text string) (formToken, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < 2*csrfBytes {
		return formToken{}, false
	}
	t := formToken{secret: make([]byte, csrfBytes), user: raw[2*csrfBytes:]}
	subtle.XORBytes(t.secret, raw[:csrfBytes], raw[csrfBytes:2*csrfBytes])
	return t, true
}
