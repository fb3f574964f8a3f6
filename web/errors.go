package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/layout"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/problem"
	"github.com/switchboardhq/switchboard/views/ui"
)

// userError is an error with what a person reads and what is logged, which are two things.
func userError(status int, text string, cause error) error {
	e := echo.NewHTTPError(status, text)
	if cause != nil {
		return e.SetInternal(cause)
	}
	return e
}

// roleError means that somebody may look, but not do this.
type roleError struct{ has, needed store.Role }

func (e *roleError) Error() string { return fmt.Sprintf("needs role %s, has %s", e.needed, e.has) }

// causeOf is what is logged of an error.
func causeOf(err error) string {
	var e *echo.HTTPError
	if errors.As(err, &e) && e.Internal != nil {
		return e.Internal.Error()
	}
	return err.Error()
}

// statusClientGone is what the access log says of a client that did not wait: nothing was sent.
const statusClientGone = 499

// handleError turns an error into a page. It is the only place that does.
func (s *Server) handleError(err error, c echo.Context) {
	if c.Response().Committed {
		return // too late to say anything; the access log has it
	}
	if errors.Is(err, context.Canceled) && c.Request().Context().Err() != nil {
		c.Response().Status = statusClientGone
		return
	}
	status, p := explain(err)
	if page, ok := s.backToPage(c, status); ok {
		_ = c.Redirect(http.StatusSeeOther, page) // it only writes a header
		return
	}
	if status == http.StatusNotFound {
		p = nameUnknown(c, p)
	}
	p = s.wayOn(c, status, p)
	p.RequestID = ""
	if status >= http.StatusInternalServerError {
		p.RequestID = requestIDOf(c)
	}
	if status == http.StatusServiceUnavailable {
		c.Response().Header().Set("Retry-After", "5")
	}
	if allow, ok := c.Get(echo.ContextKeyHeaderAllow).(string); ok && status == http.StatusMethodNotAllowed {
		c.Response().Header().Set(echo.HeaderAllow, allow)
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	if err := s.renderProblem(c, status, p); err != nil {
		s.sendBroken(c)
	}
}

func (s *Server) renderProblem(c echo.Context, status int, p problem.Problem) error {
	if status == http.StatusInternalServerError {
		s.sendBroken(c) // whatever broke may break the frame as well
		return nil
	}
	if s.partial(c) {
		return s.render(c, status, problem.Body(p))
	}
	v, loaded := visitOf(c)
	if !loaded && status < http.StatusInternalServerError {
		// An unknown address passes no middleware but the outermost; somebody signed in still keeps the frame.
		if read, err := s.readVisit(c); err == nil {
			v, loaded = read, true
			c.Set(visitKey, v)
		}
	}
	if loaded && v.signedIn() {
		return s.render(c, status, problem.Page(s.page(c, headingOf(status)), p))
	}
	return s.render(c, status, problem.BarePage(s.barePage(c, headingOf(status)), p))
}

// headingOf is the short word above what is said of a problem.
func headingOf(status int) string {
	switch {
	case status == http.StatusNotFound:
		return "Not found"
	case status == http.StatusGone:
		return "Purged"
	case status == http.StatusForbidden:
		return "Not allowed"
	case status >= http.StatusInternalServerError:
		return "Something went wrong"
	}
	return "Not done"
}

// explain maps an error to a status and to words.
func explain(err error) (int, problem.Problem) {
	var (
		httpErr  *echo.HTTPError
		apiErr   *cybs.APIError
		tooLarge *http.MaxBytesError
		role     *roleError
		oldForm  *oldFormError
		purged   *store.PurgedError
	)
	switch {
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge, problem.Problem{Title: "That is too much", Text: "A form may send 256 KiB. Shorten what you typed and send it again."}
	case errors.As(err, &role):
		return http.StatusForbidden, problem.Problem{
			Kind: ui.NotAllowed, Title: "This needs another role",
			Text:    fmt.Sprintf("You are %s; this is for an %s. An administrator can change your role on the Team page.", withArticle(role.has), role.needed),
			Actions: []ui.Action{{Label: "See who is on the team", Href: paths.Team}},
		}
	case errors.As(err, &oldForm):
		return http.StatusForbidden, oldFormProblem(oldForm)
	case errors.As(err, &httpErr):
		return httpErr.Code, problemOf(httpErr)
	case errors.As(err, &purged):
		return purgedProblem(purged)
	case errors.Is(err, store.ErrNotFound):
		return http.StatusNotFound, problemOf(echo.ErrNotFound)
	case errors.Is(err, store.ErrConflict):
		return http.StatusConflict, problem.Problem{Title: "Somebody was faster", Text: "What you changed was changed meanwhile. Reload the page, look, and try again."}
	case errors.Is(err, store.ErrInvalid):
		return http.StatusUnprocessableEntity, problem.Problem{Title: "This value cannot be stored", Text: "Go back, look at what you typed, and send it again."}
	case errors.Is(err, store.ErrUnavailable):
		return http.StatusServiceUnavailable, problem.Problem{Title: "The database is away", Text: "Nothing was changed. Cybersource holds what it cannot deliver meanwhile. Try again in a few seconds."}
	case errors.As(err, &apiErr), isUnreachable(err) && !errors.Is(err, context.DeadlineExceeded):
		return http.StatusBadGateway, problem.Problem{Title: "Cybersource did not do this", Text: cybersourceText(err)}
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable, problem.Problem{Title: "This took too long", Text: "It was given up after 30 seconds. Look whether it was done before you try again."}
	}
	return http.StatusInternalServerError, brokenProblem()
}

func oldFormProblem(e *oldFormError) problem.Problem {
	p := problem.Problem{Kind: ui.NotAllowed, Title: "Nothing was changed", Text: "This form is no longer valid. Reload the page and try again."}
	if e.kept != "" {
		p.Text = "You have signed in again since this form was opened, so it is no longer valid. Reload the page and try again. What you typed is kept: you can also go on with it."
		p.Actions = []ui.Action{{Label: "Go on with what you typed", Href: e.kept, Kind: ui.Primary}}
	}
	return p
}

func withArticle(r store.Role) string {
	if r == store.RoleViewer {
		return "a " + string(r)
	}
	return "an " + string(r)
}

func brokenProblem() problem.Problem {
	return problem.Problem{Title: "This could not be done", Text: "It is our fault and has been written to the log. Try again; if it stays, give the request id to whoever runs Switchboard."}
}

// What is said of an address that shows nothing, where nothing more exact is known.
const (
	noSuchPageText   = "The address may be mistyped, or what it showed was deleted."
	nothingUnderText = "There is nothing under this address."
)

// problemOf words what a handler or the router refused.
func problemOf(e *echo.HTTPError) problem.Problem {
	p := problem.Problem{Kind: ui.CouldNotLoad, Title: http.StatusText(e.Code)}
	if text, ok := e.Message.(string); ok && text != http.StatusText(e.Code) {
		p.Text = text
	}
	switch e.Code {
	case http.StatusNotFound:
		p.Kind, p.Title = ui.NothingMatches, "Nothing to show here"
		if p.Text == "" {
			p.Title, p.Text = "There is no such page", noSuchPageText
		}
		p.Actions = []ui.Action{{Label: "Go to the overview", Href: paths.Overview}}
	case http.StatusForbidden:
		p.Kind, p.Title = ui.NotAllowed, "Nothing was changed"
	case http.StatusMethodNotAllowed:
		p.Title, p.Text = "This cannot be done here", "The page exists, but does not take this kind of request."
	case http.StatusTooManyRequests:
		p.Title = "Too many at once"
	case http.StatusConflict:
		p.Title = "Not possible now"
	}
	if e.Code >= http.StatusInternalServerError && p.Text == "" {
		return brokenProblem()
	}
	return p
}

// isUnreachable reports whether a call to Cybersource got no answer, or none that makes sense.
func isUnreachable(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) || errors.Is(err, cybs.ErrMalformedResponse) || errors.Is(err, cybs.ErrResponseTooLarge)
}

// cybersourceText says in words what an error of a call to Cybersource means and what to do, with the id their support asks for.
func cybersourceText(err error) string {
	var apiErr *cybs.APIError
	if !errors.As(err, &apiErr) {
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return "Cybersource did not answer in time. Whether it was done is not known: refresh before you try again."
		case errors.Is(err, cybs.ErrMalformedResponse), errors.Is(err, cybs.ErrResponseTooLarge):
			return "Cybersource answered with something that cannot be read. Whether it was done is not known: refresh before you try again."
		case isUnreachable(err):
			return "Cybersource cannot be reached. Check the network and status.cybersource.com, then try again."
		}
		return "Cybersource could not be asked."
	}
	text := apiSentence(apiErr)
	for _, d := range apiErr.Details {
		text += fmt.Sprintf(" %s: %s.", d.Field, d.Reason)
	}
	if apiErr.CorrelationID != "" {
		text += " Correlation id " + apiErr.CorrelationID + "."
	}
	return text
}

func apiSentence(e *cybs.APIError) string {
	switch {
	case errors.Is(e, cybs.ErrUnauthorized):
		return "Cybersource does not accept the credentials. Compare key id, merchant id and secret with the Business Center, and the clock of this machine."
	case e.StatusCode == http.StatusForbidden:
		return "The credentials are right, but may not do this. Ask Cybersource to enable webhooks for the organization."
	case errors.Is(e, cybs.ErrAlreadyExists):
		return "The organization has a subscription for that product already, and Cybersource allows one. Change that one instead."
	case errors.Is(e, cybs.ErrNotFound):
		return "Cybersource does not know it. It may have been deleted there, or the organization is not enabled for it."
	case e.StatusCode == http.StatusTooManyRequests:
		return "Cybersource asks us to slow down. Try again in a minute."
	case e.StatusCode >= http.StatusInternalServerError:
		return fmt.Sprintf("Cybersource has trouble (it answered %d). Try again in a few minutes.", e.StatusCode)
	}
	return fmt.Sprintf("Cybersource refused: %s (%d).", e.Message, e.StatusCode)
}

// requestIDMark stands in the prepared page where the request id goes.
const requestIDMark = "request-id-goes-here"

// renderBrokenPage prepares the page for when anything may be broken.
func (s *Server) renderBrokenPage() ([]byte, error) {
	p := brokenProblem()
	p.RequestID = requestIDMark
	frame := layout.Page{Title: headingOf(http.StatusInternalServerError), Environment: environmentOf(s.environment), Theme: layout.SystemTheme, Path: paths.Overview}
	var page bytes.Buffer
	if err := problem.BarePage(frame, p).Render(context.Background(), &page); err != nil {
		return nil, fmt.Errorf("render the page of a 500: %w", err)
	}
	return page.Bytes(), nil
}

func (s *Server) sendBroken(c echo.Context) {
	page := bytes.ReplaceAll(s.brokenPage, []byte(requestIDMark), []byte(requestIDOf(c)))
	// Nobody is left to tell when this fails: the client is gone.
	_ = c.HTMLBlob(http.StatusInternalServerError, page)
}
