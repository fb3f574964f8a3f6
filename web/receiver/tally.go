package receiver

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/switchboardhq/switchboard/store"
)

const (
	// tallyInterval is how often it is written: a statement for each delivery would cost as much as the delivery.
	tallyInterval = 250 * time.Millisecond
	// maxAnswerKeys and maxDuplicates bound what is remembered while the database is slow or away; what is beyond them is not counted.
	maxAnswerKeys = 10_000
	maxDuplicates = 10_000
)

// tally counts what is known after a commit only: how long deliveries waited for their answers, and which were equal to one that was stored.
type tally struct {
	store  *store.Store
	log    *slog.Logger
	writer int32

	mu         sync.Mutex
	answers    map[answerKey]int64
	duplicates []store.Duplicate
}

type answerKey struct {
	minute                         int64 // Unix time
	subscriptionID, organizationID int64
	within                         time.Duration
}

func newTally(cfg Config) *tally {
	return &tally{store: cfg.Store, log: cfg.Log, writer: newWriterNumber(), answers: make(map[answerKey]int64)}
}

// answer counts one answer.
func (y *tally) answer(e *endpoint, received time.Time, took time.Duration) {
	const minute = 60
	at := received.Unix()
	key := answerKey{at - at%minute, e.SubscriptionID, e.OrganizationID, store.AnswerBound(took)}
	y.mu.Lock()
	defer y.mu.Unlock()
	y.add(key, 1)
}

// add is called with mu held.
func (y *tally) add(key answerKey, n int64) {
	if _, ok := y.answers[key]; ok || len(y.answers) < maxAnswerKeys {
		y.answers[key] += n
	}
}

// duplicate counts a delivery that was not stored because an equal one was.
func (y *tally) duplicate(d *store.Delivery) {
	again := store.NewDuplicate(d)
	y.mu.Lock()
	defer y.mu.Unlock()
	y.keep(again)
}

// keep is called with mu held.
func (y *tally) keep(duplicates ...store.Duplicate) {
	y.duplicates = append(y.duplicates, duplicates[:min(len(duplicates), maxDuplicates-len(y.duplicates))]...)
}

// run writes the counts until ctx ends, and once more then.
func (y *tally) run(ctx context.Context) {
	tick := time.NewTicker(tallyInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastCount)
			defer cancel()
			y.flush(last)
			return
		case <-tick.C:
			y.flush(ctx)
		}
	}
}

// flush writes what was counted; what could not be written waits for the next time.
func (y *tally) flush(ctx context.Context) {
	y.mu.Lock()
	answers, duplicates := y.answers, y.duplicates
	y.answers, y.duplicates = make(map[answerKey]int64, len(answers)), nil
	y.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lastCount)
	defer cancel()
	if left, err := y.flushAnswers(ctx, answers); err != nil {
		y.log.Error("answer times could not be counted; their counts wait", "err", err)
		y.mu.Lock()
		for _, c := range left {
			y.add(answerKey{c.Minute.Unix(), c.SubscriptionID, c.OrganizationID, c.Within}, c.Answers)
		}
		y.mu.Unlock()
	}
	left, err := isolateCounts(duplicates, func(part []store.Duplicate) error { return y.store.CountDuplicates(ctx, part) }, func(_ store.Duplicate, err error) {
		y.log.Error("the database refused to count a duplicate", "err", err)
	})
	if err != nil {
		y.log.Error("duplicates could not be counted; their counts wait", "err", err)
		y.mu.Lock()
		y.keep(left...)
		y.mu.Unlock()
	}
}

// flushAnswers returns with an error what was not written.
func (y *tally) flushAnswers(ctx context.Context, answers map[answerKey]int64) ([]store.AnswerCount, error) {
	list := make([]store.AnswerCount, 0, len(answers))
	for key, n := range answers {
		list = append(list, store.AnswerCount{
			Minute: time.Unix(key.minute, 0), SubscriptionID: key.subscriptionID, OrganizationID: key.organizationID, Within: key.within, Answers: n,
		})
	}
	return isolateCounts(list, func(part []store.AnswerCount) error { return y.store.CountAnswers(ctx, y.writer, part) }, func(c store.AnswerCount, err error) {
		y.log.Error("the database refused a count of answers", "subscription", c.SubscriptionID, "answers", c.Answers, "err", err)
	})
}
