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

// outages keeps what the receiver could not take, for the console: what it answered without keeping it, and when it ran at all. It is written when the database
// takes writes again.
type outages struct {
	store *store.Store
	log   *slog.Logger
	now   func() time.Time
	alone bool
	id    int64     // of this run
	seen  time.Time // when the run was last recorded, by now

	mu      sync.Mutex
	open    map[refusalKey]*store.Refusals
	pending map[store.ID]store.Refusals
}

func newOutages(cfg Config) *outages {
	return &outages{store: cfg.Store, log: cfg.Log, now: cfg.Now, alone: cfg.Alone, open: make(map[refusalKey]*store.Refusals), pending: make(map[store.ID]store.Refusals)}
}

// refusalKey is what refusals are counted by. The zero subscription is of no known endpoint.
type refusalKey struct {
	subscriptionID, organizationID int64
	cause                          string
	status                         int
}

func keyOf(e *endpoint, cause string, status int) refusalKey {
	if e == nil {
		return refusalKey{cause: cause, status: status}
	}
	return refusalKey{e.SubscriptionID, e.OrganizationID, cause, status}
}

// turnAway answers 503 and remembers it: nothing was stored, and the sender is to try again. e is nil where the endpoint is not known.
func (r *Receiver) turnAway(w http.ResponseWriter, req *http.Request, e *endpoint, cause string) {
	r.metrics.refused(cause)
	key := keyOf(e, cause, http.StatusServiceUnavailable)
	switch {
	case r.localPath(req.URL.Path) == tokenPath: // a token is no delivery: it is asked for again before the next one comes
	case req.Method == http.MethodPost:
		r.outages.note(key, 1, 0)
	default:
		r.outages.note(key, 0, 1)
	}
	r.unavailable(w)
}

// lose answers a delivery whose body could not be taken, and remembers that there was one.
func (r *Receiver) lose(w http.ResponseWriter, req *http.Request, came arrival, unread *unreadBody) {
	w.Header().Set("Connection", "close") // what may still come is not read
	switch {
	case unread.status == http.StatusServiceUnavailable:
		r.turnAway(w, req, came.endpoint, unread.cause)
		return
	case came.refused.reason == "": // a stranger's has no story
		r.outages.note(keyOf(came.endpoint, unread.cause, unread.status), 1, 0)
	}
	r.refuse(w, unread.status, unread.cause)
}

// note remembers that something was answered now without being kept, or with zeros that it would be.
func (o *outages) note(key refusalKey, deliveries, healthChecks int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	r := o.open[key]
	if r == nil || now.Sub(r.Last) > refusalPause && len(o.pending) < maxOutages {
		r = &store.Refusals{
			ID: store.NewID(now), SubscriptionID: key.subscriptionID, OrganizationID: key.organizationID, Cause: key.cause, Status: key.status, First: now, Last: now,
		}
		o.open[key] = r
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
			o.note(keyOf(nil, "database", http.StatusServiceUnavailable), 0, 0)
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
