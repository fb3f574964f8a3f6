package receiver

import (
	"net/netip"
	"sync"
)

const (
	// sourceShare is the part of all memory for bodies that one source may hold, endpointShare that of one endpoint.
	sourceShare   = 4
	endpointShare = 2
	// refusedShare is the part for the bodies of deliveries that their headers alone got rejected.
	refusedShare = 8
	// reserveShare is the part that is kept for small bodies, as real notifications are; of the reserve one source gets a part as small again.
	reserveShare = 8
	// smallBody is how long a body may be that the reserve is for.
	smallBody = 64 << 10
)

// budget is the memory for bodies, and who holds how much of it: no source and no endpoint can take the whole, whatever it sends. Small bodies find room
// when large ones have taken all that they may.
type budget struct {
	most, reserve, ofSource, ofEndpoint, ofRefused int64

	mu        sync.Mutex
	held      int64
	refused   int64 // of held
	sources   map[netip.Prefix]int64
	endpoints map[int64]int64
}

// newBudget makes every share large enough for one body of the longest kind.
func newBudget(most, longest int64) *budget {
	longest++ // as reading takes one byte more
	return &budget{
		most: most, reserve: max(min(most/reserveShare, most-longest), 0),
		ofSource: max(most/sourceShare, longest), ofEndpoint: max(most/endpointShare, longest), ofRefused: max(most/refusedShare, longest),
		sources: make(map[netip.Prefix]int64), endpoints: make(map[int64]int64),
	}
}

// room is the memory that one body takes of what all share. It is taken as the body comes: a sender who announces much and sends little keeps
// nobody out.
type room struct {
	budget     *budget
	source     netip.Prefix
	endpointID int64 // 0: a token request
	refused    bool  // by its headers
	taken      int64
}

func (b *budget) room(source netip.Addr, endpointID int64, refused bool) room {
	return room{budget: b, source: networkOf(source), endpointID: endpointID, refused: refused}
}

// take takes n bytes more.
func (r *room) take(n int64) error {
	b := r.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	held, ofSource := b.held+n, b.sources[r.source]+n
	switch {
	case held > b.most, ofSource > b.ofSource, b.endpoints[r.endpointID]+n > b.ofEndpoint, r.refused && b.refused+n > b.ofRefused:
		return errNoRoom
	case held > b.most-b.reserve && (r.taken+n > smallBody || ofSource > max(b.reserve/reserveShare, smallBody)):
		return errNoRoom
	}
	b.held = held
	b.sources[r.source] = ofSource
	b.endpoints[r.endpointID] += n
	if r.refused {
		b.refused += n
	}
	r.taken += n
	return nil
}

func (r *room) release() {
	b := r.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held -= r.taken
	if r.refused {
		b.refused -= r.taken
	}
	if b.sources[r.source] -= r.taken; b.sources[r.source] == 0 {
		delete(b.sources, r.source)
	}
	if b.endpoints[r.endpointID] -= r.taken; b.endpoints[r.endpointID] == 0 {
		delete(b.endpoints, r.endpointID)
	}
	r.taken = 0
}
