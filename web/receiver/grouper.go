package receiver

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
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
)

// grouper turns verified deliveries into notifications, after their commit.
type grouper struct {
	store     *store.Store
	log       *slog.Logger
	endpoints *endpoints
	plans     plans
	wakeup    chan struct{}
	working   sync.Mutex
}

func newGrouper(st *store.Store, log *slog.Logger, e *endpoints) *grouper {
	return &grouper{store: st, log: log, endpoints: e, wakeup: make(chan struct{}, 1)}
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
		}
	}
}

// drain groups until nothing waits.
func (g *grouper) drain(ctx context.Context) error {
	g.working.Lock()
	defer g.working.Unlock()
	for {
		n, err := g.store.GroupNext(ctx, groupBatch, g.describe)
		if err != nil {
			return fmt.Errorf("group deliveries: %w", err)
		}
		if n < groupBatch {
			return nil
		}
	}
}
