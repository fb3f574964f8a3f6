package jobs

import (
	"context"
	"time"

	"github.com/switchboardhq/switchboard/store"
)

// followChanges looks at a subscription right after one of its health pings was answered: that is when Cybersource changes its status. And it
// runs the retry-status clock when a subscription has changed: what Cybersource holds follows from its status.
func (j *Jobs) followChanges(ctx context.Context) {
	for ctx.Err() == nil {
		err := j.cfg.Store.Listen(ctx, func() {}, func(c store.Change) {
			switch c.Topic { //nolint:exhaustive // no other topic is of interest here
			case store.TopicHealth:
				j.pinged(ctx, c.ID)
			case store.TopicSubscriptions:
				if err := j.advanceRetryStatus(ctx); err != nil && ctx.Err() == nil {
					j.cfg.Log.Warn("a subscription's change led to no look at its notifications", "subscription", c.ID, "err", err)
				}
			}
		})
		if ctx.Err() != nil {
			return
		}
		j.cfg.Log.Warn("listening for changes ended", "err", err)
		t := time.NewTimer(listenPause)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}

func (j *Jobs) pinged(ctx context.Context, endpointID int64) {
	id, err := j.cfg.Store.EndpointSubscription(ctx, endpointID)
	if err == nil {
		err = j.SyncSubscription(ctx, id)
	}
	if err != nil && ctx.Err() == nil {
		j.cfg.Log.Warn("a health ping led to no look at its subscription", "endpoint", endpointID, "err", err)
	}
}
