package receiver

import (
	"container/list"
	"net"
	"net/http"
	"sync"
	"syscall"
)

// MaxConnections bounds the connections of a door. Cybersource needs few; whoever opens thousands and says nothing costs some 20 KiB each, and no more than
// these: beyond them, those that have waited longest for a request are closed. None with a request under way is. Where the process may open fewer
// files than twice as many, half of those is the bound: the database needs some too.
const MaxConnections = 4096

func connectionBound() int {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return MaxConnections
	}
	return int(min(MaxConnections, files.Cur/2))
}

// connections closes connections that wait when there are too many.
type connections struct {
	most int

	mu      sync.Mutex
	all     map[net.Conn]*list.Element // nil: a request is under way
	waiting *list.List                 // of net.Conn, longest first
}

func newConnections(most int) *connections {
	return &connections{most: most, all: make(map[net.Conn]*list.Element), waiting: list.New()}
}

// track is an http.Server's ConnState.
func (c *connections) track(conn net.Conn, state http.ConnState) {
	if surplus := c.note(conn, state); surplus != nil {
		if wrapped, ok := surplus.(interface{ NetConn() net.Conn }); ok {
			surplus = wrapped.NetConn() // TLS would say goodbye, and wait for it
		}
		_ = surplus.Close() // its server finds it closed
	}
}

// note returns the connection that is to be closed, nil for none.
func (c *connections) note(conn net.Conn, state http.ConnState) net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.all[conn]; e != nil {
		c.waiting.Remove(e)
	}
	switch state {
	case http.StateNew, http.StateIdle:
		c.all[conn] = c.waiting.PushBack(conn)
	case http.StateActive:
		c.all[conn] = nil
	case http.StateHijacked, http.StateClosed:
		delete(c.all, conn)
	}
	if len(c.all) <= c.most || c.waiting.Len() == 0 {
		return nil
	}
	longest, ok := c.waiting.Remove(c.waiting.Front()).(net.Conn)
	if !ok {
		return nil
	}
	delete(c.all, longest)
	return longest
}
