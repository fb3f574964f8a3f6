package receiver

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/switchboardhq/switchboard/store"
)

// Bound is how much of what is rejected is stored. More is answered the same and only counted.
type Bound struct {
	Deliveries int
	Bytes      int64 // of bodies
}

const (
	// maxSources bounds the sources that are told apart within an hour; those beyond share one bound for each endpoint.
	maxSources = 10_000
	// countInterval is how often what was only counted is written.
	countInterval = time.Second
	// lastCount bounds the last writing, when the receiver stops.
	lastCount = 2 * time.Second
)

// quarantine decides which rejected deliveries are stored: of one endpoint so much a day, of one source at an endpoint so much an hour. It is
// this process's own memory: replicas have a bound each, and a restart begins anew.
type quarantine struct {
	store                *store.Store
	log                  *slog.Logger
	now                  func() time.Time
	ofSource, ofEndpoint Bound
	writer               int32

	mu        sync.Mutex
	hour      time.Time
	sources   map[origin]*Bound // what is taken in this hour
	day       time.Time
	endpoints map[int64]*Bound // what is taken on this day
	counts    map[countKey]*store.Unstored
	told      bool // that there is more than is stored, in this hour
}

// origin is a source at an endpoint. Of IPv6 it is the network: one host has all of its addresses.
type origin struct {
	endpointID int64
	network    netip.Prefix
}

type countKey struct {
	minute         time.Time
	subscriptionID int64
	reason         string
}

func newQuarantine(cfg Config) *quarantine {
	return &quarantine{
		store: cfg.Store, log: cfg.Log, now: cfg.Now, ofSource: cfg.QuarantineSource, ofEndpoint: cfg.QuarantineEndpoint,
		writer:  newWriterNumber(),
		sources: make(map[origin]*Bound), endpoints: make(map[int64]*Bound), counts: make(map[countKey]*store.Unstored),
	}
}

// take reports whether a rejected delivery is to be stored, and counts it against its bounds if so.
func (q *quarantine) take(endpointID int64, source netip.Addr, size int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.turn()
	from, endpoint := q.taken(endpointID, source)
	if !from.fits(size, q.ofSource) || !endpoint.fits(size, q.ofEndpoint) {
		return false
	}
	from.add(1, size)
	endpoint.add(1, size)
	return true
}

// giveBack undoes take for what could not be stored.
func (q *quarantine) giveBack(endpointID int64, source netip.Addr, size int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, b := range [...]*Bound{q.sources[originOf(endpointID, source)], q.endpoints[endpointID]} {
		if b != nil && b.Deliveries > 0 {
			b.add(-1, -size)
		}
	}
}

// turn begins a new hour and a new day.
func (q *quarantine) turn() {
	now := q.now().UTC()
	if hour := now.Truncate(time.Hour); !hour.Equal(q.hour) {
		q.hour, q.told = hour, false
		clear(q.sources)
	}
	if day := now.Truncate(24 * time.Hour); !day.Equal(q.day) {
		q.day = day
		clear(q.endpoints)
	}
}

func (q *quarantine) taken(endpointID int64, source netip.Addr) (from, endpoint *Bound) {
	key := originOf(endpointID, source)
	if _, ok := q.sources[key]; !ok && len(q.sources) >= maxSources {
		key.network = netip.Prefix{}
	}
	if q.sources[key] == nil {
		q.sources[key] = &Bound{}
	}
	if q.endpoints[endpointID] == nil {
		q.endpoints[endpointID] = &Bound{}
	}
	return q.sources[key], q.endpoints[endpointID]
}

func originOf(endpointID int64, source netip.Addr) origin {
	bits := 32
	if source.Is6() {
		bits = 64
	}
	network, err := source.Prefix(bits)
	if err != nil {
		network = netip.Prefix{} // no address is a source too
	}
	return origin{endpointID, network}
}

func (b Bound) negative() bool { return b.Deliveries < 0 || b.Bytes < 0 }

func (b Bound) fits(size int, most Bound) bool {
	return b.Deliveries < most.Deliveries && b.Bytes+int64(size) <= most.Bytes
}

func (b *Bound) add(deliveries, size int) {
	b.Deliveries += deliveries
	b.Bytes += int64(size)
}

// count remembers a delivery that is not stored. What is remembered is as small as subscriptions and reasons are few.
func (q *quarantine) count(e *endpoint, reason string, size int, received time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.add(store.Unstored{
		Minute: received.UTC().Truncate(time.Minute), SubscriptionID: e.SubscriptionID, OrganizationID: e.OrganizationID, Reason: reason,
		Deliveries: 1, BodyBytes: int64(size), AnswerTime: q.now().Sub(received),
	})
	if !q.told {
		q.told = true
		q.log.Warn("rejected deliveries are only counted for the rest of the hour: there are too many of an endpoint or source", "subscription", e.SubscriptionID)
	}
}

func (q *quarantine) add(c store.Unstored) {
	key := countKey{c.Minute, c.SubscriptionID, c.Reason}
	sum, ok := q.counts[key]
	if !ok {
		q.counts[key] = &c
		return
	}
	sum.Deliveries, sum.BodyBytes, sum.AnswerTime = sum.Deliveries+c.Deliveries, sum.BodyBytes+c.BodyBytes, sum.AnswerTime+c.AnswerTime
}

// run writes the counts until ctx ends, and once more then.
func (q *quarantine) run(ctx context.Context) {
	tick := time.NewTicker(countInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastCount)
			defer cancel()
			q.flush(last)
			return
		case <-tick.C:
			q.flush(ctx)
		}
	}
}

// flush writes the counts; those that could not be written wait for the next time.
func (q *quarantine) flush(ctx context.Context) {
	q.mu.Lock()
	counts := make([]store.Unstored, 0, len(q.counts))
	for _, c := range q.counts {
		counts = append(counts, *c)
	}
	clear(q.counts)
	q.mu.Unlock()
	if len(counts) == 0 {
		return
	}
	left, err := isolateCounts(counts, func(part []store.Unstored) error { return q.store.CountUnstored(ctx, q.writer, part) }, func(c store.Unstored, err error) {
		q.log.Error("the database refused a count of rejected deliveries", "subscription", c.SubscriptionID, "reason", c.Reason, "deliveries", c.Deliveries, "err", err)
	})
	if err == nil {
		return
	}
	q.log.Error("rejected deliveries could not be counted; their count waits", "err", err)
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, c := range left {
		c.Minute = c.Minute.Truncate(time.Hour) // as long as it waits, it takes no more memory
		q.add(c)
	}
}
