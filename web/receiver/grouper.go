package receiver

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/switchboardhq/switchboard/store"
)

const (
	groupBatch = 256
	// groupPause is how long more is collected after a batch that was not full: nobody sees a notification come so much later, and
	// under load one transaction does the work of many small ones. A delivery that comes alone is grouped at once.
	groupPause = 25 * time.Millisecond
	// groupInterval is how often the grouper looks without being woken: for what another replica, or a crash, left.
	groupInterval = 3 * time.Second
	// regroupInterval is how often what could not be grouped is tried again.
	regroupInterval = time.Hour
	// groupingStalls is how long grouping may make no progress until the program says so.
	groupingStalls = time.Minute
)

// grouper turns verified deliveries into notifications, after their commit.
type grouper struct {
	store     *store.Store
	log       *slog.Logger
	endpoints *endpoints
	plans     plans
	now       func() time.Time
	wakeup    chan struct{}
	working   sync.Mutex
	lag       atomic.Int64 // a time.Duration: how long the oldest of what still waits had waited
	since     atomic.Int64 // Unix time in nanoseconds: when the work began that has not succeeded yet; 0 while nothing waits
}

func newGrouper(cfg Config, e *endpoints) *grouper {
	return &grouper{store: cfg.Store, log: cfg.Log, endpoints: e, now: cfg.Now, wakeup: make(chan struct{}, 1)}
}

// behind is how far grouping is behind, 0 when it keeps up or does not work at all.
func (g *grouper) behind() time.Duration { return time.Duration(g.lag.Load()) }

// stalled is for how long grouping has made no progress although it tries, 0 when it makes some.
func (g *grouper) stalled() time.Duration {
	since := g.since.Load()
	if since == 0 {
		return 0
	}
	return max(g.now().Sub(time.Unix(0, since)), 0)
}

const (
	// mostBehind is how far grouping may be behind before commits make way for it.
	mostBehind = 1500 * time.Millisecond
	// longestPause bounds how long a commit makes way: what is answered late is better than what is not answered.
	longestPause = 20 * time.Millisecond
)

// pause is how long the next commit makes way: receiving alone would take all the time that grouping needs, and people would see
// notifications later and later for as long as the load lasts.
func (g *grouper) pause() time.Duration {
	return min(max(g.behind()-mostBehind, 0)/50, longestPause)
}

// wake tells that deliveries wait. It never blocks.
func (g *grouper) wake() {
	select {
	case g.wakeup <- struct{}{}:
	default:
	}
}

// run groups until ctx ends. The first round finishes what the last process left.
func (g *grouper) run(ctx context.Context) {
	tick := time.NewTicker(groupInterval)
	defer tick.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	regroup := time.NewTicker(regroupInterval)
	defer regroup.Stop()
	g.again(ctx, g.now()) // this may be a release that can group what the one before it could not
	for {
		if err := g.drain(ctx); err != nil && ctx.Err() == nil {
			g.log.Error("deliveries could not be grouped; they wait", "err", err)
		}
		pause.Reset(groupPause)
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		select {
		case <-ctx.Done():
			return
		case <-g.wakeup:
		case <-tick.C:
		case <-regroup.C:
			g.again(ctx, g.now().Add(-regroupInterval))
		}
	}
}

// again puts back what could not be grouped, and failed last before a time.
func (g *grouper) again(ctx context.Context, before time.Time) {
	n, err := g.store.RegroupFailed(ctx, before)
	switch {
	case err != nil && ctx.Err() == nil:
		g.log.Warn("deliveries that could not be grouped are not tried again", "err", err)
	case n > 0:
		g.log.Info("deliveries that could not be grouped are tried again", "deliveries", n)
	}
}

// drain groups until nothing waits.
func (g *grouper) drain(ctx context.Context) error {
	g.working.Lock()
	defer g.working.Unlock()
	defer g.lag.Store(0)
	for {
		g.since.CompareAndSwap(0, g.now().UnixNano())
		var oldest time.Time
		n, err := g.store.GroupNext(ctx, groupBatch, func(d store.Delivery) store.Description {
			if oldest.IsZero() {
				oldest = d.ReceivedAt
			}
			return g.describe(d)
		})
		if err != nil {
			return fmt.Errorf("group deliveries: %w", err)
		}
		g.since.Store(0)
		if n < groupBatch {
			return nil
		}
		g.lag.Store(int64(g.now().Sub(oldest)))
	}
}
