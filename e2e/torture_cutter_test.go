package e2e

import (
	"context"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// cutter stands between the server and Postgres and cuts connections when it is told to.
type cutter struct {
	url      string
	target   string // socket of Postgres
	listener net.Listener
	serving  sync.WaitGroup
	pending  atomic.Int64
	turn     atomic.Int64
	done     [len(waysToCut)]atomic.Int64

	mu    sync.Mutex
	conns map[net.Conn]bool
}

var waysToCut = [...]string{"before a batch was sent", "when a batch was sent", "when a batch was committed"}

// batchBytes is what only a batch of deliveries is longer than, of all that the server sends at once.
const batchBytes = 1200

func newCutter(t *testing.T, databaseURL string) *cutter {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	socket := ".s.PGSQL." + u.Query().Get("port")
	dir, err := os.MkdirTemp("", "cut-") // short: the path of a socket has little room
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{target: filepath.Join(u.Query().Get("host"), socket), conns: make(map[net.Conn]bool)}
	if c.listener, err = (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(dir, socket)); err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("host", dir)
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	c.url = u.String()
	c.serving.Go(func() { c.serve(t) })
	t.Cleanup(func() {
		c.close(t)
		_ = os.RemoveAll(dir) // a folder left in the temporary one harms nobody
	})
	return c
}

func (c *cutter) serve(t *testing.T) {
	for {
		client, err := c.listener.Accept()
		if err != nil {
			return // closed
		}
		server, err := (&net.Dialer{}).DialContext(context.WithoutCancel(t.Context()), "unix", c.target)
		if err != nil {
			_ = client.Close() // as Postgres itself would
			continue
		}
		c.mu.Lock()
		c.conns[client], c.conns[server] = true, true
		c.mu.Unlock()
		replies := make(chan struct{}, 1)
		var mute atomic.Bool
		c.serving.Go(func() { c.back(client, server, replies, &mute) })
		c.serving.Go(func() { c.forth(client, server, replies, &mute) })
	}
}

// forth passes on what the server says to Postgres, and cuts where it is told to.
func (c *cutter) forth(client, server net.Conn, replies <-chan struct{}, mute *atomic.Bool) {
	defer c.cut(client, server)
	buffer := make([]byte, 1<<20)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		way := -1
		if n > batchBytes && c.pending.Add(-1) >= 0 {
			way = int(c.turn.Add(1) % int64(len(waysToCut)))
		} else if n > batchBytes {
			c.pending.Add(1)
		}
		if way >= 0 {
			c.done[way].Add(1)
		}
		if way == 0 {
			return
		}
		if way == 2 {
			select { // of before
			case <-replies:
			default:
			}
			mute.Store(true)
		}
		if _, err := server.Write(buffer[:n]); err != nil || way == 1 {
			return
		}
		if way == 2 {
			<-replies // the commit is done, or Postgres is gone
			return
		}
	}
}

// back passes on what Postgres says, unless that is to stay unheard.
func (c *cutter) back(client, server net.Conn, replies chan<- struct{}, mute *atomic.Bool) {
	defer close(replies)
	defer c.cut(client, server)
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		if mute.Load() {
			replies <- struct{}{}
			return
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (c *cutter) cut(conns ...net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range conns {
		_ = conn.Close() // the other direction may have closed it
		delete(c.conns, conn)
	}
}

// cutNext cuts the connection that sends the next batch.
func (c *cutter) cutNext() { c.pending.Add(1) }

func (c *cutter) made() map[string]int64 {
	made := make(map[string]int64)
	for i := range c.done {
		made[waysToCut[i]] = c.done[i].Load()
	}
	return made
}

func (c *cutter) close(t *testing.T) {
	if err := c.listener.Close(); err != nil {
		t.Error(err)
	}
	c.mu.Lock()
	for conn := range c.conns {
		_ = conn.Close() // to end who reads from it
	}
	c.mu.Unlock()
	c.serving.Wait()
}
