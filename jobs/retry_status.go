package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"
)

// retryStatusArgs asks for the notifications whose retry is late to be moved on.
type retryStatusArgs struct{}

// Kind is the job's name in the queue.
func (retryStatusArgs) Kind() string { return "retry_status" }

// InsertOpts keeps one job.
func (retryStatusArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 3, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: pendingStates()}}
}

// retryStatusBatch is how many notifications one transaction moves at most.
const retryStatusBatch = 500

// retryStatusWorker is the retry-status clock: it tells retrying notifications from overdue, held and exhausted ones.
type retryStatusWorker struct {
	river.WorkerDefaults[retryStatusArgs]
	jobs *Jobs
}

// Timeout bounds a run; what is left is moved by the next.
func (*retryStatusWorker) Timeout(*river.Job[retryStatusArgs]) time.Duration { return time.Minute }

// Work moves on what is due.
func (w *retryStatusWorker) Work(ctx context.Context, _ *river.Job[retryStatusArgs]) error {
	n, err := w.jobs.cfg.Store.AdvanceRetryStatus(ctx, w.jobs.cfg.Now(), retryStatusBatch)
	if n > 0 {
		w.jobs.cfg.Log.Info("notifications moved on by the retry clock", "notifications", n)
	}
	return err
}

// advanceRetryStatus has the clock run now, because the status of a subscription has changed. One that runs already may have looked before that: the
// next regular run then sees it.
func (j *Jobs) advanceRetryStatus(ctx context.Context) error {
	if _, err := j.river.Insert(ctx, retryStatusArgs{}, nil); err != nil {
		return fmt.Errorf("enqueue retry-status clock: %w", err)
	}
	return nil
}
