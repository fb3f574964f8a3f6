package receiver_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// dial opens a connection to the door and sends the beginning of a request.
func (d *door) dial(t *testing.T, text string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", d.base[len("http://"):])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // the door may have closed it
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestWhoAnnouncesMuchAndSendsLittleKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(c *receiver.Config) { c.MaxMemory = 2 << 20 }) // two whole bodies
	for range 50 {
		d.dial(t, fmt.Sprintf("POST /in/%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n{", d.sub.EndpointToken, 1<<20))
	}
	for i := range 20 {
		wantStatus(t, d.signed(t, notice{trace: fmt.Sprint(i)}.body()), http.StatusOK)
	}
	if n := d.metric(t, "switchboard_requests_refused_total", "cause", "memory"); n != 0 {
		t.Errorf("%v requests found no memory, want none", n)
	}
}

func TestIdleConnectionsKeepNobodyOut(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	const idle = receiver.MaxConnections + 200
	conns := make([]net.Conn, idle)
	for i := range conns {
		conns[i] = d.dial(t, "")
	}
	concurrently(20, func(i int) { wantStatus(t, d.signed(t, notice{trace: fmt.Sprint(i)}.body()), http.StatusOK) })
	// Those that waited longest are closed from the other side.
	for _, conn := range conns[:100] {
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err == nil || isTimeout(err) {
			t.Fatalf("an idle connection beyond the bound is still open: %v", err)
		}
	}
}

func isTimeout(err error) bool {
	netErr, ok := err.(net.Error) //nolint:errorlint // as it comes from the connection
	return ok && netErr.Timeout()
}

// A clock that jumps neither loses deliveries nor stores them twice. What is signed by another clock than the door's is refused while they are apart, kept, and
// the door takes deliveries again once they agree.
func TestClockThatJumpsLosesNothing(t *testing.T) {
	t.Parallel()
	var clock jumpingClock
	d := newDoor(t, func(c *receiver.Config) { c.Now = clock.now })
	sent := 0
	for i, jump := range []time.Duration{0, 10 * 24 * time.Hour, -20 * 24 * time.Hour, 400 * 24 * time.Hour, -30 * 365 * 24 * time.Hour, 0, 3 * time.Minute, -3 * time.Minute} {
		clock.set(jump)
		theirs := notice{trace: fmt.Sprint("theirs ", i), date: fmt.Sprintf("2026-11-22T10:%02d:00", i)}.body()
		want := http.StatusOK
		if jump.Abs() > 5*time.Minute {
			want = http.StatusUnauthorized
		}
		wantStatus(t, d.send(t, theirs, "v-c-signature", d.sign(time.Now(), theirs)), want)
		if want == http.StatusOK {
			sent++
		}
		body := notice{trace: fmt.Sprint("ours ", i), date: fmt.Sprintf("2026-11-22T11:%02d:00", i)}.body()
		for range 2 { // the second is a duplicate, whatever the time between them
			wantStatus(t, d.send(t, body, "v-c-signature", d.sign(clock.now(), body)), http.StatusOK)
			clock.set(jump + time.Minute)
		}
		sent++
		wantStatus(t, d.request(t, http.MethodGet, d.health, nil), http.StatusOK)
	}
	clock.set(0)
	if n := d.count(t, "SELECT count(*) FROM deliveries WHERE verdict = 'verified'"); n != sent {
		t.Errorf("%d verified deliveries are stored, want %d", n, sent)
	}
	d.notifications(t, sent)
	if n := d.count(t, "SELECT count(*) FROM deliveries WHERE verdict = 'rejected' AND reason IN ('timestamp_too_old', 'timestamp_too_new')"); n != 4 {
		t.Errorf("%d are kept as signed at another time, want 4", n)
	}
}

func (d *door) sign(at time.Time, body []byte) string { return cybs.Sign(d.key, at, body) }

// jumpingClock is a clock that somebody sets.
type jumpingClock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *jumpingClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *jumpingClock) set(ahead time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead = ahead
}

// Under load, a clock that never stands still.
func TestClockThatJumpsUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	var clock jumpingClock
	d := newDoor(t, func(c *receiver.Config) { c.Now = clock.now; c.Tolerance = 1000 * 24 * time.Hour })
	ctx, stop := context.WithCancel(t.Context())
	var jumping sync.WaitGroup
	jumping.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			clock.set(time.Duration(i%7-3) * 24 * time.Hour)
			pauseFor(ctx, 3*time.Millisecond)
		}
	})
	const senders, each = 8, 40
	concurrently(senders, func(i int) {
		for j := range each {
			wantStatus(t, d.signed(t, notice{trace: fmt.Sprint(i, "-", j), date: fmt.Sprintf("2026-11-22T%02d:%02d:00", i, j)}.body()), http.StatusOK)
		}
	})
	stop()
	jumping.Wait()
	if n := d.deliveries(t); n != senders*each {
		t.Errorf("%d stored, want %d", n, senders*each)
	}
	d.await(t, "grouping", func() bool {
		return d.count(t, "SELECT count(*) FROM notifications") == senders*each && d.count(t, "SELECT count(*) FROM grouping_queue") == 0
	})
	if n, err := d.store.DefaultPartitionRows(t.Context()); err != nil || n == 0 {
		t.Errorf("%d rows lie outside the week that has a partition, %v; want some, or the clock did not jump", n, err)
	}
}

func pauseFor(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// One source that gets everything rejected is bounded in what it stores, and what is beyond is counted to the last one.
func TestFloodOfOneSourceIsCountedToTheLast(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(c *receiver.Config) { c.QuarantineSource.Deliveries = 100 })
	const senders, each = 16, 250
	concurrently(senders, func(i int) {
		for j := range each {
			wantStatus(t, d.send(t, fmt.Appendf(nil, `{"n":"%d-%d"}`, i, j)), http.StatusUnauthorized)
		}
	})
	wantStatus(t, d.signed(t, notice{}.body()), http.StatusOK)
	if n := d.count(t, "SELECT count(*) FROM deliveries WHERE verdict = 'rejected'"); n != 100 {
		t.Errorf("%d are stored, want the 100 that one source may have", n)
	}
	d.await(t, "the count of the others", func() bool {
		n, err := d.store.RejectedUnstored(t.Context(), store.RejectedFilter{})
		if err != nil {
			t.Fatal(err)
		}
		return n == senders*each-100
	})
	if n := d.count(t, "SELECT sum(deliveries) FROM traffic_minutes WHERE verdict = 'rejected'"); n != senders*each {
		t.Errorf("traffic counts %d, want %d", n, senders*each)
	}
}
