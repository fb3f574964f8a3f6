package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"github.com/switchboardhq/switchboard/store"
)

// clientPatience is how long an OAuth client may be on its way between its making and its use: longer than any change of a subscription takes.
const clientPatience = 10 * time.Minute

// retireClientsArgs asks to end OAuth clients that nothing names: their subscription was deleted or got another one, or a crash came between.
type retireClientsArgs struct{}

// Kind is the job's name in the queue.
func (retireClientsArgs) Kind() string { return "retire_oauth_clients" }

// InsertOpts keeps one job.
func (retireClientsArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 3, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: pendingStates()}}
}

type retireClientsWorker struct {
	river.WorkerDefaults[retireClientsArgs]
	jobs *Jobs
}

// Timeout bounds the ending.
func (*retireClientsWorker) Timeout(*river.Job[retireClientsArgs]) time.Duration {
	return time.Minute
}

// Work ends them.
func (w *retireClientsWorker) Work(ctx context.Context, _ *river.Job[retireClientsArgs]) error {
	before := w.jobs.cfg.Now().Add(-clientPatience)
	n, err := w.jobs.cfg.Store.RetireStrayOAuthClients(ctx, 0, before, store.AuditEntry{
		Actor: "switchboard", Action: "oauth_client.retire", Detail: "no subscription uses it",
	})
	if n > 0 {
		w.jobs.cfg.Log.Info("oauth clients retired", slog.Int("clients", n))
	}
	return err
}
