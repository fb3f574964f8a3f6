package web

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"
)

// Pages that show what others sent are made in turns: whoever waits leaves when the request does, and a turn ends before its page is sent.
func TestHeavyPagesTakeTurns(t *testing.T) {
	t.Parallel()
	s := &Server{work: newHeavyWork()}
	e := echo.New()
	request := func(ctx context.Context) (echo.Context, *httptest.ResponseRecorder) {
		w := httptest.NewRecorder()
		return e.NewContext(httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil), w), w
	}
	turns := 0
	for s.work.making.TryAcquire(1) {
		turns++
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	c, _ := request(gone)
	page := s.heavy(func(c echo.Context) error { return s.send(c, http.StatusOK, "text/plain", []byte("made")) })
	if err := page(c); !errors.Is(err, context.Canceled) {
		t.Errorf("without a turn: %v, want the request's end", err)
	}
	s.work.making.Release(int64(turns))
	c, w := request(t.Context())
	sent := s.heavy(func(c echo.Context) error {
		err := s.send(c, http.StatusOK, "text/plain", make([]byte, largeAnswer))
		if !s.work.making.TryAcquire(int64(turns)) {
			t.Error("the turn lasts although the page was made")
		}
		s.work.making.Release(int64(turns))
		return err
	})
	if err := sent(c); err != nil || w.Body.Len() != largeAnswer {
		t.Errorf("%v, %d bytes", err, w.Body.Len())
	}
	if !s.work.making.TryAcquire(int64(turns)) || !s.work.sending.TryAcquire(maxLargeBytes) {
		t.Error("something is still taken after all is sent")
	}
}
