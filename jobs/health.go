package jobs

import (
	"context"
	"time"

	"github.com/switchboardhq/switchboard/store"
)

// followHealth looks at a subscription right after one of its health pings was answered: that is when Cybersource changes its status.
func (j *Jobs) followHealth(ctx context.Context) {
	for ctx.Err() == nil {
		err := j.cfg.Store.Listen(ctx, func() {}, func(c store.Change) {
			if c.Topic == store.TopicHealth {
				j.pinged(ctx, c.ID)
			}
		})
		if ctx.Err() != nil {
			return
		}
		j.cfg.Log.Warn("listening for health pings ended", "err", err)
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
