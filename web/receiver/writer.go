package receiver

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/switchboardhq/switchboard/store"
)

var (
	errQueueFull = errors.New("the queue is full")
	errClosed    = errors.New("the receiver is stopping")
)

// item is a delivery that waits for its commit, with the request that waits for the outcome.
type item struct {
	delivery *store.Delivery
	done     chan outcome
}

// outcome is what became of a delivery. With an error nothing is known to be stored, and refusal says why in a word.
type outcome struct {
	stored  bool
	err     error
	refusal string
}

// writer commits deliveries in groups: each of its loops takes what waits, up to a bound, and never waits for more. It only makes way for the
// grouper when that is far behind.
type writer struct {
	store    *store.Store
	log      *slog.Logger
	now      func() time.Time
	metrics  *metrics
	grouper  *grouper
	maxBatch int
	loops    int
	timeout  time.Duration

	queue   chan *item
	mu      sync.RWMutex
	closed  bool // under mu: nothing is sent to queue any more
	running sync.WaitGroup
	failing atomic.Bool // a commit has failed, and health has not proved since that writes succeed: one that fits into a full disk proves nothing
}

func newWriter(cfg Config, m *metrics, g *grouper) *writer {
	return &writer{
		store: cfg.Store, log: cfg.Log, now: cfg.Now, metrics: m, grouper: g, maxBatch: cfg.MaxBatch, loops: cfg.Writers, timeout: cfg.CommitTimeout,
		queue: make(chan *item, cfg.QueueSize), closed: true,
	}
}

func (w *writer) start() {
	w.mu.Lock()
	w.closed = false
	w.mu.Unlock()
	first := newWriterNumber()
	for i := range w.loops {
		w.running.Go(func() { w.loop(first + int32(i)) }) //nolint:gosec // a handful of writers
	}
}

// newWriterNumber tells writers of all processes apart, by chance; there is room for the few that count on from it.
func newWriterNumber() int32 {
	var random [4]byte
	_, _ = rand.Read(random[:]) // crypto/rand.Read never fails since Go 1.24
	return int32(binary.BigEndian.Uint32(random[:]) & (math.MaxInt32 >> 1))
}

// stop takes nothing more, and waits until what waits is committed.
func (w *writer) stop(ctx context.Context) error {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.mu.Unlock()
	done := make(chan struct{})
	go func() {
		w.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("commit what waits: %w", ctx.Err())
	}
}

// write waits for the commit, whatever becomes of the client: a delivery that was read is stored. How long it can take is bounded by
// the commit's time-out, and how many wait by the queue.
func (w *writer) write(d *store.Delivery) outcome {
	it := &item{delivery: d, done: make(chan outcome, 1)}
	if err := w.enqueue(it); err != nil {
		if errors.Is(err, errClosed) {
			return outcome{err: err, refusal: "stopping"}
		}
		return outcome{err: err, refusal: "queue_full"}
	}
	return <-it.done
}

func (w *writer) enqueue(it *item) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return errClosed
	}
	select {
	case w.queue <- it:
		return nil
	default:
		return errQueueFull
	}
}

func (w *writer) loop(number int32) {
	batch := make([]*item, 0, w.maxBatch)
	for it := range w.queue {
		if pause := w.grouper.pause(); pause > 0 {
			<-time.After(pause) // at most longestPause, also while stopping
		}
		batch = w.collect(append(batch[:0], it))
		w.commit(number, batch)
		clear(batch) // bodies must not live on in it
	}
}

// collect adds what waits now.
func (w *writer) collect(batch []*item) []*item {
	for len(batch) < w.maxBatch {
		select {
		case it, open := <-w.queue:
			if !open {
				return batch
			}
			batch = append(batch, it)
		default:
			return batch
		}
	}
	return batch
}

func (w *writer) commit(number int32, batch []*item) {
	defer w.answerAfterPanic(batch)
	start := w.now()
	deliveries := deliveriesOf(batch)
	for _, d := range deliveries {
		d.AnswerTime = start.Sub(d.ReceivedAt)
	}
	results, err := w.insert(number, deliveries)
	w.metrics.committed(len(batch), w.now().Sub(start))
	switch {
	case err == nil:
		answerStored(batch, results)
		w.grouper.wake()
	case isAway(err):
		w.away(batch, err)
	case len(batch) == 1:
		w.alone(number, batch[0], err)
	default:
		w.log.Warn("a batch was refused; its deliveries are stored in smaller ones", "deliveries", len(batch), "err", err)
		w.split(number, batch)
		w.grouper.wake()
	}
}

// split stores a batch that was refused in smaller and smaller parts, until what the database refuses is alone, and the rest in larger ones again.
func (w *writer) split(number int32, batch []*item) {
	size := len(batch) / 2
	for len(batch) > 0 {
		part := batch[:min(size, len(batch))]
		results, err := w.insert(number, deliveriesOf(part))
		switch {
		case err == nil:
			answerStored(part, results)
			size *= 2
		case isAway(err):
			w.away(batch, err)
			return
		case len(part) == 1:
			w.alone(number, part[0], err)
		default:
			size = len(part) / 2
			continue
		}
		batch = batch[len(part):]
	}
}

func deliveriesOf(batch []*item) []*store.Delivery {
	deliveries := make([]*store.Delivery, len(batch))
	for i, it := range batch {
		deliveries[i] = it.delivery
	}
	return deliveries
}

func answerStored(batch []*item, results []store.InsertResult) {
	for i, it := range batch {
		it.done <- outcome{stored: results[i].Stored}
	}
}

// insert stores a batch. A broken connection is tried again on another one, which is safe: a delivery stored by the first try
// is recognized as the same.
func (w *writer) insert(number int32, deliveries []*store.Delivery) ([]store.InsertResult, error) {
	ctx, cancel := context.WithTimeout(context.Background(), w.timeout)
	defer cancel()
	const tries = 3
	for try := 1; ; try++ {
		results, err := w.store.InsertDeliveries(ctx, number, deliveries)
		if err == nil {
			return results, nil
		}
		if try == tries || ctx.Err() != nil || !errors.Is(err, store.ErrUnavailable) {
			return nil, err
		}
	}
}

// alone stores a delivery that the database refuses without what it says of itself: its bytes, verdict and time are what must not be lost.
func (w *writer) alone(number int32, it *item, refused error) {
	d := it.delivery
	bare := &store.Delivery{
		ID: d.ID, ReceivedAt: d.ReceivedAt, EndpointID: d.EndpointID, SubscriptionID: d.SubscriptionID, OrganizationID: d.OrganizationID,
		Verdict: d.Verdict, Reason: d.Reason, ReasonDetail: "The database refused what this delivery says of itself; only its body is kept.",
		Answered: d.Answered, AnswerTime: d.AnswerTime, Body: d.Body, BodySHA256: d.BodySHA256, BodyBytes: d.BodyBytes, Blanked: d.Blanked,
	}
	results, err := w.insert(number, []*store.Delivery{bare})
	if isAway(err) {
		w.away([]*item{it}, err)
		return
	}
	if err != nil {
		w.log.Error("a delivery cannot be stored", "delivery", d.ID.String(), "endpoint", d.EndpointID, "err", err, "first_err", refused)
		it.done <- outcome{err: err, refusal: "row"}
		return
	}
	w.log.Error("a delivery was stored without its columns", "delivery", d.ID.String(), "endpoint", d.EndpointID, "err", refused)
	it.done <- outcome{stored: results[0].Stored}
	w.grouper.wake()
}

// away answers a batch and everything that waits: the database would keep them waiting in vain.
func (w *writer) away(batch []*item, err error) {
	w.failing.Store(true)
	w.log.Error("the database takes no deliveries", "refused", len(batch)+len(w.queue), "err", err)
	for _, it := range batch {
		it.done <- outcome{err: err, refusal: "database"}
	}
	for range len(w.queue) {
		select {
		case it, open := <-w.queue:
			if !open {
				return
			}
			it.done <- outcome{err: err, refusal: "database"}
		default:
			return
		}
	}
}

// answerAfterPanic lets no request wait for ever, and the loop go on.
func (w *writer) answerAfterPanic(batch []*item) {
	p := recover()
	if p == nil {
		return
	}
	w.log.Error("a commit panicked", "panic", fmt.Sprintf("%T", p), "stack", stack())
	for _, it := range batch {
		select {
		case it.done <- outcome{err: errors.New("commit panicked"), refusal: "panic"}:
		default: // answered before
		}
	}
}

// isAway tells a database that takes no writes from one that refuses a row.
func isAway(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
}
