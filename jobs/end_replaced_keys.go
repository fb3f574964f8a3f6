package jobs

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
)

const (
	// keyEndMargin is added to the last retry: Cybersource's clock and queue are not ours.
	keyEndMargin = 24 * time.Hour
)

// ReplacedKeyEnd is when a signature key that was replaced at that time retires: once the last retry under any of the policies, which may still
// be signed with it, can no longer come.
func ReplacedKeyEnd(replaced time.Time, policies []store.RetryPolicy) time.Time {
	last := cybs.DefaultRetryPolicy().Cover()
	for _, p := range policies {
		last = max(last, cybs.RetryPolicy{
			Algorithm: cybs.Algorithm(p.Algorithm), FirstRetry: p.FirstRetry, Interval: p.Interval, NumberOfRetries: p.NumberOfRetries,
			RepeatSequenceCount: p.RepeatSequenceCount, RepeatSequenceWaitTime: p.RepeatSequenceWaitTime,
		}.Cover())
	}
	return replaced.Add(last + keyEndMargin)
}

// endReplacedKeysArgs asks for an end of replaced signature keys that have none: an earlier release gave them none.
type endReplacedKeysArgs struct{}

// Kind is the job's name in the queue.
func (endReplacedKeysArgs) Kind() string { return "end_replaced_keys" }

// InsertOpts keeps one job.
func (endReplacedKeysArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 3, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: pendingStates()}}
}

type endReplacedKeysWorker struct {
	river.WorkerDefaults[endReplacedKeysArgs]
	jobs *Jobs
}

// Timeout bounds the work.
func (*endReplacedKeysWorker) Timeout(*river.Job[endReplacedKeysArgs]) time.Duration {
	return time.Minute
}

// Work gives them an end, counted from now: nobody has been shown one yet.
func (w *endReplacedKeysWorker) Work(ctx context.Context, _ *river.Job[endReplacedKeysArgs]) error {
	st, now := w.jobs.cfg.Store, w.jobs.cfg.Now()
	organizations, err := st.ListEndlessKeys(ctx)
	if err != nil {
		return err
	}
	for _, id := range organizations {
		policies, err := st.ListRetryPolicies(ctx, id)
		if err != nil {
			return err
		}
		n, err := st.EndReplacedKeys(ctx, id, ReplacedKeyEnd(now, policies))
		if err != nil {
			return err
		}
		w.jobs.cfg.Log.Info("replaced signature keys have an end now", "organization", id, "keys", n)
	}
	return nil
}
