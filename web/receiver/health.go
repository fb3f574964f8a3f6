package receiver

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/switchboardhq/switchboard/store"
)

const (
	// checkInterval is how long an answer of the database about its own state is good for.
	checkInterval = time.Second
	// checkTimeout is how long the database may take to answer; a slower one takes no writes either.
	checkTimeout = 2 * time.Second
	// maxPings bounds the pings that wait to be recorded while the database is away.
	maxPings = 1024
)

// ping answers a health check. What it says is what Cybersource goes by when it holds notifications back or sends them.
func (r *Receiver) ping(w http.ResponseWriter, req *http.Request, e *endpoint) {
	p := store.HealthPing{EndpointID: e.ID, At: r.now(), Method: req.Method, Answered: http.StatusOK, Source: r.from(req).Addr}
	err := r.health.check(req.Context(), p)
	if r.closing.Load() {
		err = errClosed
	}
	if err != nil {
		p.Answered = http.StatusServiceUnavailable
	}
	r.health.note(p)
	r.metrics.pings.WithLabelValues(strconv.Itoa(p.Answered)).Inc()
	if err != nil {
		cause := "database"
		if errors.Is(err, errClosed) {
			cause = "stopping"
		}
		r.outages.note(keyOf(e, cause, http.StatusServiceUnavailable), 0, 1)
		r.unavailable(w)
		return
	}
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(p.Answered)
}

// pingKey is what at most one ping a minute is recorded of.
type pingKey struct {
	endpointID int64
	answered   int
}

// health knows whether the database takes writes, and records what was answered.
type health struct {
	store  *store.Store
	log    *slog.Logger
	now    func() time.Time
	writer *writer

	checking sync.Mutex
	checked  time.Time // under checking
	state    error     // under checking: what the last check found

	mu       sync.Mutex
	recorded map[pingKey]time.Time // under mu: the minute of the last ping taken
	pending  []store.HealthPing    // under mu
	wakeup   chan struct{}
}

func newHealth(st *store.Store, log *slog.Logger, now func() time.Time, w *writer) *health {
	return &health{store: st, log: log, now: now, writer: w, recorded: make(map[pingKey]time.Time), wakeup: make(chan struct{}, 1)}
}

// check returns nil when the database takes writes. After a failed commit only writes can tell, since a full disk still reads: recording the ping, and
// something that needs room, since a full disk still takes what fits into the pages it has.
func (h *health) check(ctx context.Context, p store.HealthPing) error {
	h.checking.Lock()
	defer h.checking.Unlock()
	since := h.now().Sub(h.checked)
	outdated := h.state == nil && h.writer.failing.Load() // a commit has failed since
	if since >= 0 && since < checkInterval && !outdated {
		return h.state
	}
	// The answer is for everybody who asks within the interval, so one caller's end must not decide it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	if h.writer.failing.Load() {
		if h.state = h.store.RecordHealthPing(ctx, p); h.state == nil {
			h.state = h.store.CheckRoom(ctx)
		}
		if h.state == nil {
			h.writer.failing.Store(false)
		}
	} else {
		h.state = h.store.CheckWritable(ctx)
	}
	h.checked = h.now()
	return h.state
}

// note keeps a ping for recording, once a minute for each endpoint and answer.
func (h *health) note(p store.HealthPing) {
	key, minute := pingKey{p.EndpointID, p.Answered}, p.At.Truncate(time.Minute)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.recorded[key].Equal(minute) || len(h.pending) >= maxPings {
		return
	}
	h.recorded[key] = minute
	h.pending = append(h.pending, p)
	select {
	case h.wakeup <- struct{}{}:
	default:
	}
}

// run records pings; those of a time without database are recorded when it is back.
func (h *health) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.wakeup:
		}
		for h.record(ctx) != nil && ctx.Err() == nil {
			pause(ctx, checkInterval)
		}
	}
}

// record writes what is pending and keeps what could not be written.
func (h *health) record(ctx context.Context) error {
	h.mu.Lock()
	pings := h.pending
	h.pending = nil
	h.mu.Unlock()
	for i, p := range pings {
		writeCtx, cancel := context.WithTimeout(ctx, checkTimeout)
		err := h.store.RecordHealthPing(writeCtx, p)
		cancel()
		if errors.Is(err, store.ErrNotFound) {
			continue // the endpoint is gone
		}
		if err != nil {
			h.mu.Lock()
			h.pending = append(pings[i:], h.pending...)
			h.mu.Unlock()
			return err
		}
	}
	return nil
}
