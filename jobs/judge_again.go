package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"github.com/switchboardhq/switchboard/store"
)

const (
	// judgeAtOnce is how many deliveries are judged while whoever asked waits.
	judgeAtOnce = 200
	// judgeInterval is how often judgements are looked for that a crash left.
	judgeInterval = time.Minute
)

// judgeAgainArgs names a judgement with work left; 0 means all of them.
type judgeAgainArgs struct {
	ID int64 `json:"id"`
	// State tells judging from releasing: the one may still be running, by River's account, when the other is asked for.
	State store.JudgementState `json:"state,omitempty"`
}

// Kind is the job's name in the queue.
func (judgeAgainArgs) Kind() string { return "judge_again" }

// InsertOpts keeps one job a judgement.
func (judgeAgainArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 5, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: pendingStates()}}
}

// JudgeAgain has a judgement, or what is to be released of it, worked through by a job. A small one is done when this returns.
func (j *Jobs) JudgeAgain(ctx context.Context, id int64) error {
	judgement, err := j.cfg.Store.GetJudgement(ctx, id)
	if err != nil {
		return err
	}
	// The job comes first: should this process end now, another one does it.
	if _, err := j.river.Insert(ctx, judgeAgainArgs{ID: id, State: judgement.State}, nil); err != nil {
		return fmt.Errorf("enqueue judgement %d: %w", id, err)
	}
	if judgement.Found > judgeAtOnce {
		return nil
	}
	return j.cfg.JudgeAgain(ctx, id)
}

type judgeAgainWorker struct {
	river.WorkerDefaults[judgeAgainArgs]
	jobs *Jobs
}

// Timeout leaves room for as many deliveries as a judgement may have.
func (*judgeAgainWorker) Timeout(*river.Job[judgeAgainArgs]) time.Duration {
	return 15 * time.Minute
}

// Work goes on where the last attempt ended.
func (w *judgeAgainWorker) Work(ctx context.Context, job *river.Job[judgeAgainArgs]) error {
	ids := []int64{job.Args.ID}
	if job.Args.ID == 0 {
		var err error
		if ids, err = w.jobs.cfg.Store.UnfinishedJudgements(ctx); err != nil {
			return err
		}
	}
	var errs []error
	for _, id := range ids {
		errs = append(errs, w.jobs.cfg.JudgeAgain(ctx, id))
	}
	return errors.Join(errs...)
}
