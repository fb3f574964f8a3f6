package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"github.com/switchboardhq/switchboard/store"
)

// syncSubscriptionsArgs asks for a look at every living subscription.
type syncSubscriptionsArgs struct{}

// Kind is the job's name in the queue.
func (syncSubscriptionsArgs) Kind() string { return "sync_subscriptions" }

// InsertOpts keeps one job.
func (syncSubscriptionsArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 2, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: pendingStates()}}
}

type syncSubscriptionsWorker struct {
	river.WorkerDefaults[syncSubscriptionsArgs]
	jobs *Jobs
}

// Timeout bounds the enqueuing.
func (*syncSubscriptionsWorker) Timeout(*river.Job[syncSubscriptionsArgs]) time.Duration {
	return time.Minute
}

// Work enqueues; a subscription that is looked at anyway is left alone.
func (w *syncSubscriptionsWorker) Work(ctx context.Context, _ *river.Job[syncSubscriptionsArgs]) error {
	const most = 1000
	list, err := w.jobs.cfg.Store.ListSubscriptions(ctx, store.SubscriptionFilter{Limit: most})
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return nil
	}
	params := make([]river.InsertManyParams, len(list))
	for i, sub := range list {
		params[i] = river.InsertManyParams{Args: syncSubscriptionArgs{ID: sub.ID}}
	}
	if _, err := w.jobs.river.InsertMany(ctx, params); err != nil {
		return fmt.Errorf("enqueue looks at %d subscriptions: %w", len(params), err)
	}
	return nil
}
