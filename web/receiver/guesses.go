package receiver

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"
)

const (
	// guessWait is how long a delivery waits for its turn to be decrypted.
	guessWait = 5 * time.Second
	// guessesOfSource is how many deliveries of one source wait for that, or have their turn.
	guessesOfSource = 256
)

// errGuessesFull means that too many deliveries wait to be decrypted already.
var errGuessesFull = errors.New("too many wait to be decrypted")

// guesses bounds the decryptions of what no signature vouches for yet. Each may be a stranger's who knows a key id: however many there are, they leave half
// of the processors to the others, and one source's wait for one another.
type guesses struct {
	turns chan struct{}

	mu      sync.Mutex
	waiting map[netip.Prefix]int
}

func newGuesses(turns int) *guesses {
	return &guesses{turns: make(chan struct{}, turns), waiting: make(map[netip.Prefix]int)}
}

// begin waits for a turn, and returns what ends it. The wait ends with ctx: whoever waits holds memory.
func (g *guesses) begin(ctx context.Context, source netip.Addr) (end func(), err error) {
	network := networkOf(source)
	if !g.enter(network) {
		return nil, errGuessesFull
	}
	patience := time.NewTimer(guessWait)
	defer patience.Stop()
	select {
	case g.turns <- struct{}{}:
		return func() { <-g.turns; g.leave(network) }, nil
	case <-patience.C:
	case <-ctx.Done():
	}
	g.leave(network)
	return nil, errGuessesFull
}

func (g *guesses) enter(network netip.Prefix) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting[network] >= guessesOfSource {
		return false
	}
	g.waiting[network]++
	return true
}

func (g *guesses) leave(network netip.Prefix) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting[network]--; g.waiting[network] == 0 {
		delete(g.waiting, network)
	}
}
