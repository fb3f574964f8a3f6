package e2e

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// How long to wait is decided by progress, not by the clock: a machine that is busy with other things is slow, and still gets there.
const (
	quietLimit   = 90 * time.Second // nothing at all has moved for so long
	overallLimit = 8 * time.Minute  // something moves for ever
)

// patience lets somebody wait for as long as something moves.
type patience struct{ moved atomic.Int64 }

// progress notes that something has moved.
func (p *patience) progress() { p.moved.Add(1) }

// stillness is the cause of a context that ended because nothing moved any more.
type stillness struct{ quiet time.Duration }

func (s stillness) Error() string { return fmt.Sprintf("nothing has moved for %v", s.quiet) }

// wait is a context that ends when nothing has moved for quiet, or after overallLimit.
func (p *patience) wait(parent context.Context, quiet time.Duration) (context.Context, context.CancelFunc) {
	bounded, stop := context.WithTimeout(parent, overallLimit)
	ctx, cancel := context.WithCancelCause(bounded)
	go func() {
		look := time.NewTicker(quiet / 90)
		defer look.Stop()
		seen, still := p.moved.Load(), 0
		for {
			select {
			case <-ctx.Done():
				return
			case <-look.C:
			}
			// Looks are counted, not time: one that comes late, because the machine had no time for it, counts once.
			if now := p.moved.Load(); now != seen {
				seen, still = now, 0
			} else if still++; still >= 90 {
				cancel(stillness{quiet})
				return
			}
		}
	}()
	return ctx, func() {
		cancel(context.Canceled)
		stop()
	}
}

func TestPatienceFollowsProgress(t *testing.T) {
	t.Parallel()
	var p patience
	const quiet = 900 * time.Millisecond
	moving, stop := p.wait(t.Context(), quiet)
	defer stop()
	tick := time.NewTicker(quiet / 10)
	defer tick.Stop()
	begin := time.Now()
	for time.Since(begin) < 3*quiet {
		select {
		case <-moving.Done():
			t.Fatalf("it gave up after %v although something moved", time.Since(begin))
		case <-tick.C:
			p.progress()
		}
	}
	<-moving.Done()
	if cause := context.Cause(moving); !errors.Is(cause, stillness{quiet}) {
		t.Errorf("it ended by %v", cause)
	}
}
