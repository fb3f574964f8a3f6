package receiver

import (
	"context"
	"errors"
	"net/netip"
	"testing"
)

func TestNobodyTakesTheMemoryOfAll(t *testing.T) {
	t.Parallel()
	const most, longest = 64 << 20, 1 << 20
	addr := netip.MustParseAddr
	// fill takes bodies of a size until there is no room, and returns how much was taken.
	fill := func(b *budget, source string, endpoint int64, refused bool, size int64) int64 {
		var sum int64
		for range 2 * most / size {
			r := b.room(addr(source), endpoint, refused)
			if err := r.take(size); err != nil {
				if !errors.Is(err, errNoRoom) {
					t.Fatal(err)
				}
				return sum
			}
			sum += size
		}
		t.Errorf("%s takes %d bytes at endpoint %d without end", source, sum, endpoint)
		return sum
	}
	b := newBudget(most, longest)
	if got := fill(b, "203.0.113.7", 1, false, 900<<10); got > most/4 {
		t.Errorf("one source takes %d bytes, want a quarter at most", got)
	}
	fill(b, "203.0.113.8", 1, false, 900<<10)
	if got := fill(b, "203.0.113.9", 1, false, 900<<10); got > 900<<10 {
		t.Errorf("a third source takes %d bytes more at an endpoint that has half of all", got)
	}
	if got := fill(b, "203.0.113.10", 2, true, 900<<10); got > most/8 {
		t.Errorf("what headers got rejected takes %d bytes, want an eighth at most", got)
	}
	for i := range int64(8) {
		fill(b, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}).String(), 3+i, false, 900<<10)
	}
	large := b.room(addr("198.241.206.21"), 99, false)
	if large.take(900<<10) == nil {
		t.Error("a large body finds room in what is kept for small ones")
	}
	if got := fill(b, "203.0.113.7", 1, false, 4<<10); got > 900<<10 {
		t.Errorf("who has much takes %d bytes of what is kept for small bodies", got)
	}
	if got := fill(b, "192.0.2.200", 50, false, 4<<10); got == 0 || got > most/64 {
		t.Errorf("one source takes %d bytes of what is kept for small bodies, want a part of it", got)
	}
	small := b.room(addr("198.241.206.21"), 99, false)
	if err := small.take(4 << 10); err != nil {
		t.Errorf("a small body of somebody else: %v, want room", err)
	}
	small.release()
	large.release()
}

func TestBudgetIsWholeAgainWhenAllIsReleased(t *testing.T) {
	t.Parallel()
	b := newBudget(3000, 1000)
	rooms := make([]room, 3)
	for i := range rooms {
		rooms[i] = b.room(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), int64(i), i == 2)
		if err := rooms[i].take(500); err != nil {
			t.Fatal(err)
		}
	}
	for i := range rooms {
		rooms[i].release()
		rooms[i].release() // twice is once
	}
	if b.held != 0 || b.refused != 0 || len(b.sources) != 0 || len(b.endpoints) != 0 {
		t.Errorf("left over: %d held, %d refused, %v, %v", b.held, b.refused, b.sources, b.endpoints)
	}
}

func TestOneBodyOfTheLongestKindAlwaysFits(t *testing.T) {
	t.Parallel()
	for _, most := range []int64{1001, 1500, 2000, 4000, 8000, 64_000} {
		r := newBudget(most, 1000).room(netip.MustParseAddr("192.0.2.1"), 1, true)
		if err := r.take(1001); err != nil {
			t.Errorf("with %d bytes: %v", most, err)
		}
	}
}

func TestWaitForADecryptionEndsWithItsContext(t *testing.T) {
	t.Parallel()
	g := newGuesses(1)
	source := netip.MustParseAddr("192.0.2.1")
	end, err := g.begin(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.begin(ctx, source); !errors.Is(err, errGuessesFull) {
		t.Errorf("got %v, want the wait to end", err)
	}
	end()
	if len(g.waiting) != 0 {
		t.Errorf("still waiting: %v", g.waiting)
	}
}

func TestOneSourceCannotTakeAllDecryptions(t *testing.T) {
	t.Parallel()
	g := newGuesses(1)
	stranger := netip.MustParseAddr("203.0.113.7")
	for range guessesOfSource {
		if !g.enter(networkOf(stranger)) {
			t.Fatal("no place before the source has its share")
		}
	}
	if _, err := g.begin(t.Context(), stranger); !errors.Is(err, errGuessesFull) {
		t.Errorf("beyond its share: %v, want %v", err, errGuessesFull)
	}
	end, err := g.begin(t.Context(), netip.MustParseAddr("198.241.206.21"))
	if err != nil {
		t.Fatalf("another source waits in vain: %v", err)
	}
	end()
}

func BenchmarkRoom(b *testing.B) {
	all := newBudget(64<<20, 1<<20)
	source := netip.MustParseAddr("198.241.206.21")
	b.ReportAllocs()
	for b.Loop() {
		r := all.room(source, 7, false)
		if err := r.take(4 << 10); err != nil {
			b.Fatal(err)
		}
		r.release()
	}
}
