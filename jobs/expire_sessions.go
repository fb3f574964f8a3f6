package jobs

import (
	"context"
	"time"

	"github.com/riverqueue/river"
)

// expireSessionsArgs asks for the end of sessions whose time is over.
type expireSessionsArgs struct{}

// Kind is the job's name in the queue.
func (expireSessionsArgs) Kind() string { return "expire_sessions" }

// InsertOpts keeps one job.
func (expireSessionsArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 3, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: pendingStates()}}
}

type expireSessionsWorker struct {
	river.WorkerDefaults[expireSessionsArgs]
	jobs *Jobs
}

// Timeout bounds the deleting.
func (*expireSessionsWorker) Timeout(*river.Job[expireSessionsArgs]) time.Duration {
	return time.Minute
}

// Work deletes them.
func (w *expireSessionsWorker) Work(ctx context.Context, _ *river.Job[expireSessionsArgs]) error {
	n, err := w.jobs.cfg.Store.DeleteExpiredSessions(ctx)
	if err == nil && n > 0 {
		w.jobs.cfg.Log.Info("expired sessions deleted", "sessions", n)
	}
	return err
}
