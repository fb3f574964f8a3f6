package web

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

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
		want, got := csrfToken(mustVisit(c).session.ID), r.PostForm.Get(ui.CSRFField)
		if subtle.ConstantTimeCompare([]byte(want), []byte(got)) != 1 {
			return userError(http.StatusForbidden, "This form is no longer valid. Reload the page and try again.", errBadToken)
		}
		return next(c)
	}
}
