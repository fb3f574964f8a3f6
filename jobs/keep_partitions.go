package jobs

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"github.com/switchboardhq/switchboard/store"
)

// keepPartitionsArgs asks for the partitions of the weeks around now.
type keepPartitionsArgs struct{}

// Kind is the job's name in the queue.
func (keepPartitionsArgs) Kind() string { return "keep_partitions" }

// InsertOpts keeps one job.
func (keepPartitionsArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 5, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: pendingStates()}}
}

type keepPartitionsWorker struct {
	river.WorkerDefaults[keepPartitionsArgs]
	jobs *Jobs
}

// Timeout leaves room for moving rows out of the default partition.
func (*keepPartitionsWorker) Timeout(*river.Job[keepPartitionsArgs]) time.Duration {
	return 10 * time.Minute
}

// Work makes what is missing.
func (w *keepPartitionsWorker) Work(ctx context.Context, _ *river.Job[keepPartitionsArgs]) error {
	return w.jobs.keepPartitions(ctx)
}

// Weeks to keep ready: last week's for clocks that are behind, and so many ahead that a keeper who stands still for weeks does no harm.
const (
	weekBehind = 7 * 24 * time.Hour
	weeksAhead = 8 * 7 * 24 * time.Hour
)

func (j *Jobs) keepPartitions(ctx context.Context) error {
	now := j.cfg.Now()
	made, err := j.cfg.Store.EnsurePartitions(ctx, now.Add(-weekBehind), now.Add(weeksAhead))
	if err != nil {
		return err
	}
	if len(made) > 0 {
		j.cfg.Log.Info("partitions made", "partitions", len(made))
	}
	if err := j.keepStrays(ctx, now); err != nil {
		return err
	}
	stray, err := j.cfg.Store.DefaultPartitionRows(ctx)
	if err != nil {
		return err
	}
	j.metrics.strays.Set(float64(stray))
	if stray > 0 {
		j.cfg.Log.Warn("rows lie outside all weekly partitions", "rows", stray)
	}
	return nil
}

// maxStrayWeeks is how many weeks of rows outside all partitions get one in a run.
const maxStrayWeeks = 8

// keepStrays makes partitions for the weeks of rows that a wrong clock put outside all of them, and moves those there. What retention is about to remove stays.
func (j *Jobs) keepStrays(ctx context.Context, now time.Time) error {
	from := time.UnixMilli(1) // everything: the zero time is no id
	if j.cfg.Retention > 0 {
		from = store.PurgeLimit(now, j.cfg.Retention)
	}
	weeks, err := j.cfg.Store.StrayWeeks(ctx, from, maxStrayWeeks)
	if err != nil {
		return err
	}
	for _, week := range weeks {
		made, err := j.cfg.Store.EnsurePartitions(ctx, week, week)
		if err != nil {
			return err
		}
		j.cfg.Log.Warn("rows lay outside all weekly partitions and were given one", "week", week, "partitions", len(made))
	}
	return nil
}
