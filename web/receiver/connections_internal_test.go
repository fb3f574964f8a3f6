package receiver

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"testing"
)

func TestTooManyConnectionsCostTheOneThatWaitedLongest(t *testing.T) {
	t.Parallel()
	c := newConnections(3)
	c.ofSource = 3 // they have all the same address, which is none
	conns := make([]net.Conn, 6)
	for i := range conns {
		conns[i], _ = net.Pipe()
	}
	for _, step := range []struct {
		conn  int
		state http.ConnState
		close int // -1: none
	}{
		{0, http.StateNew, -1},
		{1, http.StateNew, -1},
		{0, http.StateActive, -1},
		{2, http.StateNew, -1},
		{3, http.StateNew, 1},     // 0 is busy
		{1, http.StateClosed, -1}, // as its server says then
		{0, http.StateIdle, -1},
		{4, http.StateNew, 2},
		{5, http.StateNew, 3},
		{0, http.StateActive, -1},
		{4, http.StateActive, -1},
		{5, http.StateActive, -1},
		{1, http.StateNew, 1}, // nobody else waits
	} {
		want := net.Conn(nil)
		if step.close >= 0 {
			want = conns[step.close]
		}
		if got := c.note(conns[step.conn], step.state); got != want {
			t.Errorf("after %d is %s the wrong connection is closed, want %d", step.conn, step.state, step.close)
		}
	}
	for i := range conns {
		c.note(conns[i], http.StateClosed)
	}
	if len(c.all) != 0 || c.waiting.Len() != 0 || len(c.sources) != 0 || len(c.counts) != 0 {
		t.Errorf("%d connections are remembered after all were closed", len(c.all))
	}
}

// fakeConn is a connection of an address.
type fakeConn struct {
	net.Conn

	from net.Addr
}

func (c *fakeConn) RemoteAddr() net.Addr { return c.from }

func TestOneSourceCannotTakeAllConnections(t *testing.T) {
	t.Parallel()
	c := newConnections(10)
	from := func(address string) *fakeConn {
		return &fakeConn{from: net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address))}
	}
	for range 5 {
		conn := from("203.0.113.7:1")
		if c.note(conn, http.StateNew) != nil || c.note(conn, http.StateActive) != nil {
			t.Fatal("a connection is closed before its source has its share")
		}
	}
	surplus := from("203.0.113.7:2")
	if got := c.note(surplus, http.StateNew); got != surplus {
		t.Errorf("the sixth of a source whose five are at work: closed %v, want it", got)
	}
	other := from("198.241.206.21:3")
	if got := c.note(other, http.StateNew); got != nil {
		t.Errorf("another source's is closed: %v", got)
	}
	if got := c.note(from("198.241.206.21:4"), http.StateNew); got != nil {
		t.Errorf("another source's second is closed: %v", got)
	}
	six := from("[2001:db8::1]:1")
	for i := range 5 {
		if got := c.note(from(fmt.Sprintf("[2001:db8::%d]:1", i+2)), http.StateNew); i < 3 && got != nil {
			t.Errorf("number %d of a network: closed %v", i, got)
		}
	}
	if got := c.note(six, http.StateNew); got == nil || got == net.Conn(six) {
		t.Errorf("closed %v, want the one of its network that waited longest", got)
	}
}
