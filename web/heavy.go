package web

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/sync/semaphore"
)

const (
	// largeAnswer is from what size on an answer counts as large, and maxLargeBytes how many bytes of large ones are on their way to browsers at once.
	largeAnswer   = 256 << 10
	maxLargeBytes = 48 << 20
	// heavyPatience is how long a request waits for its turn.
	heavyPatience = 10 * time.Second
)

// heavyWork bounds what pages that show stored bodies take of the memory that they share with the receiver: so many are made at once, and so many bytes
// of large answers wait for slow browsers. Others wait, for a while.
type heavyWork struct {
	making  *semaphore.Weighted
	sending *semaphore.Weighted
}

func newHeavyWork() heavyWork {
	return heavyWork{making: semaphore.NewWeighted(int64(max(2, runtime.GOMAXPROCS(0)))), sending: semaphore.NewWeighted(maxLargeBytes)}
}

// madeKey is where heavy keeps what ends the turn of a request.
const madeKey = "page made"

// heavy has pages that show what others sent made in turns.
func (s *Server) heavy(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := inTime(c.Request().Context(), s.work.making, 1); err != nil {
			return err
		}
		made := false
		end := func() {
			if !made {
				made = true
				s.work.making.Release(1)
			}
		}
		defer end()
		c.Set(madeKey, end)
		return next(c)
	}
}

// send answers with what was made. A large answer waits until there is room for it; then the turn ends, since a browser may take it slowly.
func (s *Server) send(c echo.Context, status int, contentType string, content []byte) error {
	if size := int64(len(content)); size >= largeAnswer {
		if err := inTime(c.Request().Context(), s.work.sending, size); err != nil {
			return err
		}
		defer s.work.sending.Release(size)
	}
	if made, ok := c.Get(madeKey).(func()); ok {
		made()
	}
	if err := c.Blob(status, contentType, content); err != nil {
		return fmt.Errorf("send %s: %w", c.Path(), err)
	}
	return nil
}

// inTime takes n of a semaphore, or gives up.
func inTime(ctx context.Context, of *semaphore.Weighted, n int64) error {
	waiting, cancel := context.WithTimeout(ctx, heavyPatience)
	defer cancel()
	if err := of.Acquire(waiting, n); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return userError(http.StatusServiceUnavailable, "Too many large pages are being made at the moment. Try again in a few seconds.", err)
	}
	return nil
}
