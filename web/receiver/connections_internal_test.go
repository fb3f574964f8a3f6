package receiver

import (
	"net"
	"net/http"
	"testing"
)

func TestTooManyConnectionsCostTheOneThatWaitedLongest(t *testing.T) {
	t.Parallel()
	c := newConnections(3)
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
	if len(c.all) != 0 || c.waiting.Len() != 0 {
		t.Errorf("%d connections are remembered after all were closed", len(c.all))
	}
}
