package receiver

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/switchboardhq/switchboard/store"
)

const (
	// lifeInterval is how often a receiver tells the database that it runs.
	lifeInterval = 5 * time.Second
	// lifeLost is after how long without telling a receiver counts as lost. Who could not tell for want of a database says so later.
	lifeLost = 4 * lifeInterval
	// outageTick is how often refusals are written.
	outageTick = time.Second
	// refusalPause is how long without refusal ends one outage: the next refusal begins another.
	refusalPause = time.Minute
	// maxOutages bounds the outages that wait to be written while the database is away; then the last ones grow longer instead.
	maxOutages = 64
	// lastWord bounds the last writing, when the receiver stops.
	lastWord = 2 * time.Second
)

// outages keeps what the receiver could not take, for the console: when it answered 503, and when it ran at all. It is written when the database
// takes writes again.
type outages struct {
	store *store.Store
	log   *slog.Logger
	now   func() time.Time
	alone bool
	id    int64     // of this run
	seen  time.Time // when the run was last recorded, by now

	mu      sync.Mutex
	open    map[string]*store.Refusals // by cause
	pending map[store.ID]store.Refusals
}

func newOutages(cfg Config) *outages {
	return &outages{store: cfg.Store, log: cfg.Log, now: cfg.Now, alone: cfg.Alone, open: make(map[string]*store.Refusals), pending: make(map[store.ID]store.Refusals)}
}

// turnAway answers 503 and remembers it: nothing was stored, and the sender is to try again.
func (r *Receiver) turnAway(w http.ResponseWriter, req *http.Request, cause string) {
	r.metrics.refused(cause)
	if req.Method == http.MethodPost {
		r.outages.note(cause, 1, 0)
	} else {
		r.outages.note(cause, 0, 1)
	}
	r.unavailable(w)
}

// note remembers that something was answered 503 now, or with zeros that it would be.
func (o *outages) note(cause string, deliveries, healthChecks int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	r := o.open[cause]
	if r == nil || now.Sub(r.Last) > refusalPause && len(o.pending) < maxOutages {
		r = &store.Refusals{ID: store.NewID(now), Cause: cause, First: now, Last: now}
		o.open[cause] = r
	}
	if now.After(r.Last) {
		r.Last = now
	}
	r.Deliveries += deliveries
	r.HealthChecks += healthChecks
	o.pending[r.ID] = *r
}

// begin records the start of this run.
func (o *outages) begin(ctx context.Context) (err error) {
	o.seen = o.now()
	if o.id, err = o.store.BeginRun(ctx, o.seen); err != nil || !o.alone {
		return err
	}
	return o.store.SeeRun(ctx, o.id, o.seen, o.seen)
}

// run writes what happened until ctx ends, and once more then.
func (o *outages) run(ctx context.Context) {
	tick := time.NewTicker(outageTick)
	defer tick.Stop()
	var lived, told time.Time // by the ticker, which no change of the clock moves
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
			defer cancel()
			o.flush(last)
			if err := o.store.EndRun(last, o.id, o.now(), false); err != nil {
				o.log.Warn("the end of the receiver could not be recorded", "err", err)
			}
			return
		case at := <-tick.C:
			o.flush(ctx)
			if !lived.IsZero() && at.Sub(lived) > lifeLost {
				o.resume(ctx)
			}
			lived = at
			if at.Sub(told) >= lifeInterval {
				o.live(ctx)
				told = at
			}
		}
	}
}

// live tells that this run goes on. When the database does not hear it, it takes no deliveries either.
func (o *outages) live(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	now := o.now()
	if err := o.store.SeeRun(ctx, o.id, now, now.Add(-lifeLost)); err != nil {
		if !errors.Is(ctx.Err(), context.Canceled) {
			o.note("database", 0, 0)
		}
		return
	}
	o.seen = now
}

// resume begins a new run after the process stood still: it answered nobody meanwhile.
func (o *outages) resume(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	o.log.Warn("the process stood still for a while, and answered nobody", "since", o.seen)
	err := o.store.EndRun(ctx, o.id, o.seen, true)
	if err == nil {
		err = o.begin(ctx)
	}
	if err != nil {
		o.log.Warn("the time in which the process stood still could not be recorded", "err", err)
	}
}

// flush writes what changed; what could not be written waits for the next time.
func (o *outages) flush(ctx context.Context) {
	o.mu.Lock()
	list := make([]store.Refusals, 0, len(o.pending))
	for _, r := range o.pending {
		list = append(list, r)
	}
	o.mu.Unlock()
	if len(list) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if err := o.store.RecordRefusals(ctx, list); err != nil {
		return // the writer has told of the database already, and this waits
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for id, r := range o.pending {
		if slices.Contains(list, r) { // and not changed meanwhile
			delete(o.pending, id)
		}
	}
}
