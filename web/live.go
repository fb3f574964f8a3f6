package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
)

const (
	heartbeatEvery = 15 * time.Second
	signalPause    = 250 * time.Millisecond // at most four signals a second and stream
	streamWrite    = 10 * time.Second       // a client that takes nothing for so long is gone
)

// liveURL is the address a live page streams from. It carries the position from before the page was read, so that what
// changes between that and the stream is told.
//
// hx-sse dispatches named events on the element that has hx-sse:connect; a part refetches itself with
// hx-trigger="notifications from:closest [hx-sse\:connect]" or an ancestor's. The names are those of signal.
func (s *Server) liveURL(c echo.Context) string {
	return paths.With(paths.LiveNotifications, "since", mustVisit(c).position)
}

// streamChanges tells a page what kind of thing has changed, as server-sent events without content: the page asks again for
// what it shows, and is answered by what its person may see then.
func (s *Server) streamChanges(c echo.Context) error {
	since := c.Request().Header.Get("Last-Event-ID")
	if since == "" {
		since = c.QueryParam("since")
	}
	w := c.Response()
	h := w.Header()
	h.Set(echo.HeaderContentType, "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // proxies that buffer would hold signals back
	if c.Request().Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	stream, err := s.live.subscribe(currentUser(c).ID, since)
	if err != nil {
		// Still an event stream: hx-sse then comes again, later and later, instead of showing a page in place of the stream.
		h.Set("Retry-After", "30")
		w.WriteHeader(http.StatusTooManyRequests)
		return nil
	}
	defer stream.close()
	return s.pump(c, stream)
}

// pump writes signals and heartbeats until the client goes, the server stops, or the session has ended.
func (s *Server) pump(c echo.Context, stream *stream) error {
	ctx, out := c.Request().Context(), eventWriter{response: c.Response(), control: http.NewResponseController(c.Response())}
	if err := out.write(""); err != nil {
		return nil // the client is gone: nobody is left to tell, and it is no fault
	}
	heartbeat := time.NewTicker(heartbeatEvery)
	defer heartbeat.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		text := ": still here\n\n"
		select {
		case <-ctx.Done():
			return nil
		case <-stream.ended:
			return nil
		case <-stream.wake:
			select { // what changes meanwhile goes into the same signal
			case <-pause.C:
			case <-ctx.Done():
				return nil
			case <-stream.ended:
				return nil
			}
			text = stream.take()
			pause.Reset(signalPause)
		case <-heartbeat.C:
			if err := s.stillSignedIn(c); err != nil {
				return nil // the browser comes back, and is told by requireUser
			}
		}
		if err := out.write(text); err != nil {
			return nil // as above
		}
	}
}

// stillSignedIn looks whether the session was ended elsewhere while the stream was open.
func (s *Server) stillSignedIn(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), 5*time.Second)
	defer cancel()
	_, err := s.store.GetSession(ctx, hashID(mustVisit(c).session.ID))
	if errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil // a database that is away for a moment ends no streams
}

type eventWriter struct {
	response *echo.Response
	control  *http.ResponseController
}

// write sends text at once. The server's write time-out is for pages; each write of a stream has one of its own.
func (w eventWriter) write(text string) error {
	if err := w.control.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("set write deadline: %w", err)
	}
	if _, err := w.response.Write([]byte(text)); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	if err := w.control.Flush(); err != nil {
		return fmt.Errorf("flush event: %w", err)
	}
	return nil
}
