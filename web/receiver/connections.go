package receiver

import (
	"container/list"
	"net"
	"net/http"
	"net/netip"
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

// connectionShare is the part of all connections that one source may have.
const connectionShare = 2

// connections closes connections that wait when there are too many, or too many of one source. When all of a source's are at work, its next one is closed.
type connections struct {
	most, ofSource int

	mu      sync.Mutex
	all     map[net.Conn]*connection
	sources map[netip.Prefix]*list.List // of *connection: those of a source that wait
	counts  map[netip.Prefix]int
	waiting *list.List // of *connection, longest first
}

// connection is one that is open. Its places are nil while a request is under way.
type connection struct {
	conn          net.Conn
	source        netip.Prefix
	place, placed *list.Element // among all that wait, and among its source's
}

func newConnections(most int) *connections {
	return &connections{
		most: most, ofSource: max(most/connectionShare, 1), all: make(map[net.Conn]*connection), sources: make(map[netip.Prefix]*list.List),
		counts: make(map[netip.Prefix]int), waiting: list.New(),
	}
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
	known := c.all[conn]
	switch state {
	case http.StateHijacked, http.StateClosed:
		c.forget(known)
		return nil
	case http.StateActive:
		if known != nil {
			c.work(known)
		}
		return nil
	case http.StateNew:
		if known != nil {
			c.forget(known)
		}
		known = &connection{conn: conn, source: peerNetwork(conn)}
		c.all[conn] = known
		c.counts[known.source]++
	case http.StateIdle:
		if known == nil {
			return nil // closed already
		}
	}
	c.wait(known)
	switch {
	case c.counts[known.source] > c.ofSource:
		return c.close(c.sources[known.source].Front())
	case len(c.all) > c.most:
		return c.close(c.waiting.Front())
	}
	return nil
}

// wait puts a connection at the end of those that wait.
func (c *connections) wait(k *connection) {
	c.work(k)
	own := c.sources[k.source]
	if own == nil {
		own = list.New()
		c.sources[k.source] = own
	}
	k.place, k.placed = c.waiting.PushBack(k), own.PushBack(k)
}

// work takes a connection out of those that wait.
func (c *connections) work(k *connection) {
	if k.place == nil {
		return
	}
	c.waiting.Remove(k.place)
	own := c.sources[k.source]
	own.Remove(k.placed)
	if own.Len() == 0 {
		delete(c.sources, k.source)
	}
	k.place, k.placed = nil, nil
}

func (c *connections) forget(k *connection) {
	if k == nil {
		return
	}
	c.work(k)
	delete(c.all, k.conn)
	if c.counts[k.source]--; c.counts[k.source] == 0 {
		delete(c.counts, k.source)
	}
}

func (c *connections) close(e *list.Element) net.Conn {
	k, ok := e.Value.(*connection)
	if !ok {
		return nil
	}
	c.forget(k)
	return k.conn
}

// peerNetwork is the source at the other end: a proxy's, where one stands before the server.
func peerNetwork(conn net.Conn) netip.Prefix {
	if addr, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return networkOf(addr.AddrPort().Addr().Unmap())
	}
	return netip.Prefix{}
}
