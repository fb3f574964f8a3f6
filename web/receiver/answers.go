package receiver

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/switchboardhq/switchboard/store"
)

const (
	// answersInterval is how often answer times are written. They are known after the commit only, and a statement each would cost as much
	// as the delivery.
	answersInterval = time.Second
	// maxAnswerKeys bounds what is remembered while the database is away.
	maxAnswerKeys = 10_000
)

// answers counts how long deliveries waited for their answers.
type answers struct {
	store  *store.Store
	log    *slog.Logger
	writer int32

	mu     sync.Mutex
	counts map[answerKey]int64
}

type answerKey struct {
	minute                         int64 // Unix time
	subscriptionID, organizationID int64
	within                         time.Duration
}

func newAnswers(cfg Config) *answers {
	var random [4]byte
	_, _ = rand.Read(random[:]) // crypto/rand.Read never fails since Go 1.24
	return &answers{store: cfg.Store, log: cfg.Log, writer: int32(binary.BigEndian.Uint32(random[:]) & math.MaxInt32), counts: make(map[answerKey]int64)}
}

// count remembers one answer.
func (a *answers) count(e *endpoint, received time.Time, took time.Duration) {
	const minute = 60
	at := received.Unix()
	a.add(answerKey{at - at%minute, e.SubscriptionID, e.OrganizationID, store.AnswerBound(took)}, 1)
}

func (a *answers) add(key answerKey, n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.counts[key]; !ok && len(a.counts) >= maxAnswerKeys {
		return
	}
	a.counts[key] += n
}

// run writes the counts until ctx ends, and once more then.
func (a *answers) run(ctx context.Context) {
	tick := time.NewTicker(answersInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastCount)
			defer cancel()
			a.flush(last)
			return
		case <-tick.C:
			a.flush(ctx)
		}
	}
}

// flush writes the counts; those that could not be written wait for the next time.
func (a *answers) flush(ctx context.Context) {
	a.mu.Lock()
	counts := a.counts
	a.counts = make(map[answerKey]int64)
	a.mu.Unlock()
	if len(counts) == 0 {
		return
	}
	list := make([]store.AnswerCount, 0, len(counts))
	for key, n := range counts {
		list = append(list, store.AnswerCount{
			Minute: time.Unix(key.minute, 0), SubscriptionID: key.subscriptionID, OrganizationID: key.organizationID, Within: key.within, Answers: n,
		})
	}
	ctx, cancel := context.WithTimeout(ctx, lastCount)
	defer cancel()
	err := a.store.CountAnswers(ctx, a.writer, list)
	if err == nil {
		return
	}
	a.log.Error("answer times could not be counted; their counts wait", "err", err)
	for key, n := range counts {
		a.add(key, n)
	}
}
