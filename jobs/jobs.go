package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
)

// Config says how to run jobs.
type Config struct {
	// Store is the database; River's tables must be migrated in it. Required.
	Store *store.Store
	// Client makes a Cybersource client with an organization's credentials. Required.
	Client func(context.Context, store.Organization) (*cybs.Client, error)
	// JudgeAgain works through a judgement of rejected deliveries; the receiver has it. Nil: nothing is judged again.
	JudgeAgain func(ctx context.Context, id int64) error
	// Now is the clock of what jobs decide; River goes by its own. Nil means time.Now.
	Now func() time.Time
	// Log hears of failed jobs. Nil discards it.
	Log *slog.Logger
	// SyncInterval is how often every subscription is looked up at Cybersource. Zero means five minutes.
	SyncInterval time.Duration
	// RetryStatusInterval is how often notifications whose retry is late are moved on. Zero means 15 seconds.
	RetryStatusInterval time.Duration
	// Workers is how many jobs run at a time. Zero means 8.
	Workers int
	// Retention is how long deliveries and notifications are kept; they go by whole weeks. Zero keeps them for ever.
	Retention time.Duration
	// Metrics takes the counters. Nil keeps them to the Jobs.
	Metrics prometheus.Registerer
}

// Jobs runs the jobs of this process. Other processes share the queue.
type Jobs struct {
	cfg     Config
	river   *river.Client[pgx.Tx]
	metrics *metrics
	cancel  context.CancelFunc
	loops   sync.WaitGroup
}

const (
	defaultSyncInterval        = 5 * time.Minute
	defaultWorkers             = 8
	defaultRetryStatusInterval = 15 * time.Second
	partitionInterval          = 6 * time.Hour
	sessionInterval            = time.Hour
	clientInterval             = 5 * time.Minute
	pollInterval               = 500 * time.Millisecond
	listenPause                = time.Second
)

// New registers all jobs. It starts nothing.
func New(cfg Config) (*Jobs, error) {
	if cfg.Store == nil || cfg.Client == nil {
		return nil, errors.New("make jobs: store and client are needed")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.SyncInterval <= 0 {
		cfg.SyncInterval = defaultSyncInterval
	}
	if cfg.RetryStatusInterval <= 0 {
		cfg.RetryStatusInterval = defaultRetryStatusInterval
	}
	if cfg.Workers <= 0 {
		cfg.Workers = defaultWorkers
	}
	if cfg.JudgeAgain == nil {
		cfg.JudgeAgain = func(context.Context, int64) error { return nil }
	}
	if cfg.Retention < 0 {
		return nil, errors.New("make jobs: retention is negative")
	}
	metrics, err := newMetrics(cfg.Metrics)
	if err != nil {
		return nil, err
	}
	j := &Jobs{cfg: cfg, metrics: metrics}
	workers := river.NewWorkers()
	for _, err := range []error{
		river.AddWorkerSafely(workers, &syncSubscriptionWorker{jobs: j}),
		river.AddWorkerSafely(workers, &syncSubscriptionsWorker{jobs: j}),
		river.AddWorkerSafely(workers, &keepPartitionsWorker{jobs: j}),
		river.AddWorkerSafely(workers, &retentionWorker{jobs: j}),
		river.AddWorkerSafely(workers, &expireSessionsWorker{jobs: j}),
		river.AddWorkerSafely(workers, &retireClientsWorker{jobs: j}),
		river.AddWorkerSafely(workers, &endReplacedKeysWorker{jobs: j}),
		river.AddWorkerSafely(workers, &retryStatusWorker{jobs: j}),
		river.AddWorkerSafely(workers, &judgeAgainWorker{jobs: j}),
	} {
		if err != nil {
			return nil, fmt.Errorf("make jobs: %w", err)
		}
	}
	client, err := river.NewClient(riverpgxv5.New(cfg.Store.Pool()), &river.Config{
		Logger:            slog.New(atLeast{cfg.Log.Handler(), slog.LevelWarn}),
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: cfg.Workers}},
		Workers:           workers,
		FetchPollInterval: pollInterval,
		PollOnly:          !cfg.Store.Sessions(), // River listens on a connection of the pool
		PeriodicJobs: []*river.PeriodicJob{
			periodic(cfg.SyncInterval, syncSubscriptionsArgs{}),
			periodic(partitionInterval, keepPartitionsArgs{}),
			periodic(retentionInterval, retentionArgs{}),
			periodic(sessionInterval, expireSessionsArgs{}),
			periodic(clientInterval, retireClientsArgs{}),
			periodic(clientInterval, endReplacedKeysArgs{}),
			periodic(cfg.RetryStatusInterval, retryStatusArgs{}),
			periodic(judgeInterval, judgeAgainArgs{}),
		},
	})
	if err != nil {
		return nil, fmt.Errorf("make jobs: %w", err)
	}
	j.river = client
	return j, nil
}

func periodic(every time.Duration, args river.JobArgs) *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(every), func() (river.JobArgs, *river.InsertOpts) { return args, nil },
		&river.PeriodicJobOpts{ID: args.Kind(), RunOnStart: true})
}

// Start makes this week's partitions, so that no delivery arrives before them, and starts working. ctx bounds the making only.
func (j *Jobs) Start(ctx context.Context) error {
	switch err := j.keepPartitions(ctx); {
	case errors.Is(err, store.ErrBusy):
		j.cfg.Log.Warn("partitions could not be made now; what has none waits in the default one", "err", err)
	case err != nil:
		return fmt.Errorf("start jobs: %w", err)
	}
	loops, cancel := context.WithCancel(context.WithoutCancel(ctx))
	// River's own context is not cancelled: Stop lets running jobs end.
	if err := j.river.Start(context.WithoutCancel(ctx)); err != nil {
		cancel()
		return fmt.Errorf("start jobs: %w", err)
	}
	j.cancel = cancel
	j.loops.Go(func() { j.followChanges(loops) })
	return nil
}

// Stop takes no new jobs and waits for the running ones; when ctx ends first it cancels them. They run again later.
func (j *Jobs) Stop(ctx context.Context) error {
	if j.cancel == nil {
		return nil
	}
	j.cancel()
	j.loops.Wait()
	err := j.river.Stop(ctx)
	if err == nil {
		return nil
	}
	const hardStop = 5 * time.Second
	hardCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hardStop)
	defer cancel()
	if hardErr := j.river.StopAndCancel(hardCtx); hardErr != nil {
		return fmt.Errorf("stop jobs: %w", hardErr)
	}
	return nil
}

// pendingStates are those of a job that is still to be done: uniqueness among them only, or a finished job would stand in the way.
func pendingStates() []rivertype.JobState {
	return []rivertype.JobState{rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled}
}

// atLeast drops records below a level: River tells of every start and stop.
type atLeast struct {
	slog.Handler
	level slog.Level
}

// Enabled reports whether the level is high enough for both.
func (h atLeast) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.level && h.Handler.Enabled(ctx, level)
}

// WithAttrs keeps the level.
func (h atLeast) WithAttrs(attrs []slog.Attr) slog.Handler {
	return atLeast{h.Handler.WithAttrs(attrs), h.level}
}

// WithGroup keeps the level.
func (h atLeast) WithGroup(name string) slog.Handler {
	return atLeast{h.Handler.WithGroup(name), h.level}
}
