package receiver

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
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
	endpoints map[place]*Bound // what is taken on this day
	counts    map[countKey]*store.Unstored
	told      bool // that there is more than is stored, in this hour
}

// standing is how much speaks for a rejected delivery being Cybersource's. Each has bounds of its own: no flood of strangers takes the room of what an operator
// must see.
type standing int

const (
	strangers       standing = iota
	namesKey                 // of the endpoint's organization
	fromCybersource          // one of its published addresses
)

// place is where rejected deliveries share a bound: at an endpoint, by their standing.
type place struct {
	endpointID int64
	standing   standing
}

// standingOf looks at what a stranger is least likely to know or to have.
func standingOf(came arrival, h http.Header) standing {
	if slices.Contains(cybersourceAddresses(), came.from.Addr) {
		return fromCybersource
	}
	if sig, err := cybs.ParseSignatureHeader(h.Get(cybs.HeaderSignature)); err == nil {
		if _, known := came.endpoint.keys.lookup(sig.KeyID); known {
			return namesKey
		}
	}
	return strangers
}

var cybersourceAddresses = sync.OnceValue(func() []netip.Addr {
	var list []netip.Addr
	for _, text := range cybs.DeliverySources() {
		if addr, err := netip.ParseAddr(text); err == nil {
			list = append(list, addr)
		}
	}
	return list
})

// origin is a source at a place.
type origin struct {
	place

	network netip.Prefix
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
		sources: make(map[origin]*Bound), endpoints: make(map[place]*Bound), counts: make(map[countKey]*store.Unstored),
	}
}

// fits reports whether a rejected delivery of about that size would be stored.
func (q *quarantine) fits(came arrival, size int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.turn()
	from, endpoint := q.taken(came)
	return from.fits(max(size, 0), q.ofSource) && endpoint.fits(max(size, 0), q.ofEndpoint)
}

// take reports whether a rejected delivery is to be stored, and counts it against its bounds if so.
func (q *quarantine) take(came arrival, size int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.turn()
	from, endpoint := q.taken(came)
	if !from.fits(size, q.ofSource) || !endpoint.fits(size, q.ofEndpoint) {
		return false
	}
	from.add(1, size)
	endpoint.add(1, size)
	return true
}

// giveBack undoes take for what could not be stored.
func (q *quarantine) giveBack(came arrival, size int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, b := range [...]*Bound{q.sources[originOf(came)], q.endpoints[placeOf(came)]} {
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

func (q *quarantine) taken(came arrival) (from, endpoint *Bound) {
	key, place := originOf(came), placeOf(came)
	if _, ok := q.sources[key]; !ok && len(q.sources) >= maxSources {
		key.network = netip.Prefix{}
	}
	if q.sources[key] == nil {
		q.sources[key] = &Bound{}
	}
	if q.endpoints[place] == nil {
		q.endpoints[place] = &Bound{}
	}
	return q.sources[key], q.endpoints[place]
}

func originOf(came arrival) origin { return origin{placeOf(came), networkOf(came.from.Addr)} }

func placeOf(came arrival) place { return place{came.endpoint.ID, came.standing} }

// networkOf is what counts as one source: an address of IPv4, or a network of IPv6, as one host has all of its addresses.
func networkOf(source netip.Addr) netip.Prefix {
	bits := 32
	if source.Is6() {
		bits = 64
	}
	network, err := source.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address is a source too
	}
	return network
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
