package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"

	"github.com/switchboardhq/switchboard/store"
)

// retentionArgs asks for the removal of what is older than it is to be kept.
type retentionArgs struct{}

// Kind is the job's name in the queue.
func (retentionArgs) Kind() string { return "retention" }

// InsertOpts keeps one job. What was not done is done the next time, which is better than trying at once again.
func (retentionArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: pendingStates()}}
}

type retentionWorker struct {
	river.WorkerDefaults[retentionArgs]
	jobs *Jobs
}

// Timeout leaves room for sweeping tables of many gigabytes.
func (*retentionWorker) Timeout(*river.Job[retentionArgs]) time.Duration { return 3 * time.Hour }

// Work removes it.
func (w *retentionWorker) Work(ctx context.Context, _ *river.Job[retentionArgs]) error {
	return w.jobs.purge(ctx)
}

const (
	retentionInterval = 6 * time.Hour
	// purgeNotice is how long before a purge it is announced: a clock that is wrong for less removes nothing.
	purgeNotice = 24 * time.Hour
	// keepSums is how long sums by the hour are kept, unless deliveries are kept longer: two years can be compared.
	keepSums = 25 * 31 * 24 * time.Hour
)

// purge removes what retention no longer keeps. Zero keeps everything.
func (j *Jobs) purge(ctx context.Context) error {
	if j.cfg.Retention <= 0 {
		return nil
	}
	now := j.cfg.Now()
	before := store.PurgeLimit(now, j.cfg.Retention)
	old, err := j.findOld(ctx, before)
	if err != nil {
		return err
	}
	due, err := j.announce(ctx, old, before, now)
	if err != nil {
		return err
	}
	if due {
		if err := j.removeOld(ctx, old, before); err != nil {
			return err
		}
	}
	return j.clean(ctx)
}

// oldThings are the weeks that are to go, and what lies outside all weeks.
type oldThings struct {
	partitions []store.Partition
	strays     map[string][]store.ID
}

func (o oldThings) none() bool { return len(o.partitions) == 0 && len(o.strays) == 0 }

func (j *Jobs) findOld(ctx context.Context, before time.Time) (o oldThings, err error) {
	if o.partitions, err = j.cfg.Store.OldPartitions(ctx, before); err != nil {
		return o, err
	}
	o.strays, err = j.cfg.Store.OldStrays(ctx, before)
	return o, err
}

func (j *Jobs) announce(ctx context.Context, old oldThings, before, now time.Time) (due bool, err error) {
	if old.none() {
		return false, nil
	}
	due, err = j.cfg.Store.AnnouncePurge(ctx, before, now, purgeNotice)
	if err == nil && !due {
		j.cfg.Log.Info("retention will remove old weeks", "before", before, "partitions", len(old.partitions), "notice", purgeNotice)
	}
	return due, err
}

// removeOld removes what leads to old rows before the rows. A partition whose locks are not to be had stays until the next time, and does not keep the others.
func (j *Jobs) removeOld(ctx context.Context, old oldThings, before time.Time) error {
	deleted, err := j.cfg.Store.SweepReferences(ctx, before)
	j.metrics.deleted(deleted)
	if err != nil {
		return err
	}
	var failed []error
	dropped := 0
	for _, p := range old.partitions {
		if err := j.cfg.Store.DropPartition(ctx, p); err != nil {
			failed = append(failed, err)
			continue
		}
		dropped++
		j.metrics.dropped.Inc()
	}
	if err := j.cfg.Store.DeleteStrays(ctx, old.strays); err != nil {
		failed = append(failed, err)
	}
	if len(failed) == 0 {
		j.metrics.purgedBefore.Set(float64(before.Unix()))
	}
	j.cfg.Log.Info("retention removed old weeks", "before", before, "partitions", dropped, "references", sum(deleted), "failed", len(failed))
	return errors.Join(failed...)
}

// clean deletes what lies in no partition, as far as purges have come: their notice protects it too.
func (j *Jobs) clean(ctx context.Context) error {
	last, err := j.cfg.Store.LastPurge(ctx)
	if err != nil || last.Before.IsZero() {
		return err
	}
	deleted, err := j.cfg.Store.DeleteOldRows(ctx, last.Before)
	j.metrics.deleted(deleted)
	if err != nil {
		return err
	}
	deleted, err = j.cfg.Store.DeleteOldSums(ctx, last.Before.Add(min(j.cfg.Retention-keepSums, 0)))
	j.metrics.deleted(deleted)
	return err
}

func sum(counts map[string]int64) int64 {
	var n int64
	for _, c := range counts {
		n += c
	}
	return n
}
