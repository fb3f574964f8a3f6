package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/forwarded"
)

const (
	maxFormBytes   = 256 << 10
	requestTimeout = 30 * time.Second // a call to Cybersource with its retries fits
	readTimeout    = 6 * time.Second  // of a page that only reads: nobody waits longer for a database that stands still
)

// policy allows what the pages use, and nothing inline. font-src is for the two font files below /static.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// clientAddress tells who asks: the peer, or what trusted proxies say of it. It is empty where the connection has no address.
func clientAddress(trusted []netip.Prefix) echo.IPExtractor {
	return func(req *http.Request) string {
		if from := forwarded.Of(req, trusted); from.Addr.IsValid() {
			return from.Addr.String()
		}
		return ""
	}
}

type requestIDKey struct{}

// requestID gives each request an id, by which a page with a problem and its log line find one another.
func (s *Server) requestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		var b [12]byte
		_, _ = rand.Read(b[:]) // crypto/rand.Read never fails since Go 1.24
		id := hex.EncodeToString(b[:])
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), requestIDKey{}, id)))
		return next(c)
	}
}

func requestIDOf(c echo.Context) string {
	id, _ := c.Request().Context().Value(requestIDKey{}).(string)
	return id
}

// accessLog writes one record a request, after its error has become an answer.
func (s *Server) accessLog(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		begin := time.Now() // a duration, not a date: the wall clock of tests does not move
		err := next(c)
		if err != nil {
			c.Error(err)
		}
		r, status := c.Request(), c.Response().Status
		attrs := []slog.Attr{
			slog.String("request_id", requestIDOf(c)), slog.String("method", r.Method), slog.String("route", c.Path()),
			slog.Int("status", status), slog.Int64("bytes", c.Response().Size), slog.Duration("duration", time.Since(begin)),
			slog.String("source", c.RealIP()),
		}
		if v, ok := visitOf(c); ok && v.signedIn() {
			attrs = append(attrs, slog.String("user", v.user.Email))
		}
		if err != nil {
			attrs = append(attrs, slog.String("err", causeOf(err)))
		}
		level := slog.LevelInfo
		if status >= http.StatusInternalServerError {
			level = slog.LevelError
		}
		s.log.LogAttrs(r.Context(), level, "request", attrs...)
		return nil
	}
}

// recover turns a panic into an error with its stack. http.ErrAbortHandler is net/http's own way to end a request.
func (s *Server) recover(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if e, ok := p.(error); ok && errors.Is(e, http.ErrAbortHandler) {
				panic(p)
			}
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}()
		return next(c)
	}
}

func (s *Server) secureHeaders(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
		if s.sessions.secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		return next(c)
	}
}

// limit bounds what a form may send. Reading beyond it is an *http.MaxBytesError.
func (s *Server) limit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		r.Body = http.MaxBytesReader(c.Response(), r.Body, maxFormBytes)
		return next(c)
	}
}

// timeout ends the context of a request. handleError knows what a deadline means.
func (s *Server) timeout(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		most := requestTimeout
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			most = readTimeout
		}
		ctx, cancel := context.WithTimeout(r.Context(), most)
		defer cancel()
		c.SetRequest(r.WithContext(ctx))
		// The page of an error is made after this has returned, and cannot be made with a context that has ended.
		defer c.SetRequest(r)
		return next(c)
	}
}

// noStore keeps pages out of caches, and out of the next person's Back button.
func (s *Server) noStore(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
		return next(c)
	}
}

// require lets only people of that role, or of a more powerful one, pass. It stands behind requireUser.
func (s *Server) require(needed store.Role) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if u := currentUser(c); !u.Role.Allows(needed) {
				return &roleError{has: u.Role, needed: needed}
			}
			return next(c)
		}
	}
}
