package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// TestTortureClients lets clients do what clients should not, all at the same door, while a genuine sender goes on.
func TestTortureClients(t *testing.T) {
	t.Parallel()
	h := newTortured(t)
	p := h.startPrivate(t)
	begun := residentMemory(t, p)
	stop := h.sendWithoutPause(t, p)
	h.awaitMore(t, acknowledgedPerRound)
	most := 0
	for _, attack := range []struct {
		name string
		do   func(*testing.T, *program) (end func())
	}{
		{"idle connections", h.openIdle},
		{"slow headers", h.sendSlowHeaders},
		{"half bodies", h.sendHalfBodies},
		{"bodies of 100 MiB", h.sendHugeBodies},
	} {
		started := time.Now()
		end := attack.do(t, p)
		h.awaitMore(t, acknowledgedPerRound)
		held := residentMemory(t, p)
		most = max(most, held)
		end()
		t.Logf("%s: %d notifications were taken meanwhile, in %v; the server held %d MiB", attack.name, acknowledgedPerRound, time.Since(started).Round(time.Millisecond), held)
	}
	rejected := h.flood(t, p)
	most = max(most, residentMemory(t, p))
	h.awaitMore(t, acknowledgedPerRound)
	acknowledged := stop()
	p.stop(t)
	wantBounded(t, begun, most)
	h.withPrivate(t, func(t *testing.T, s *store.Store) {
		h.checkVerified(t, s, acknowledged)
		h.checkRejected(t, s, rejected)
	})
}

// dialDoor opens a connection that is closed at the end.
func dialDoor(t *testing.T, p *program) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: 30 * time.Second}).DialContext(t.Context(), "tcp", p.Receiver)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func closeAll(conns []net.Conn) {
	for _, conn := range conns {
		_ = conn.Close() // the door may have closed it
	}
}

// openIdle opens connections and says nothing; every second one has had an answer before.
func (h *tortured) openIdle(t *testing.T, p *program) func() {
	t.Helper()
	conns := make([]net.Conn, size(5_000, 10_000))
	for i := range conns {
		conns[i] = dialDoor(t, p)
		if i%2 == 0 {
			continue
		}
		if _, err := io.WriteString(conns[i], "GET /in/nobody HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	return func() { closeAll(conns) }
}

// sendSlowHeaders sends a header byte by byte, and expects to be hung up on.
func (h *tortured) sendSlowHeaders(t *testing.T, p *program) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var sending sync.WaitGroup
	var open atomic.Int64
	for range size(200, 2000) {
		conn := dialDoor(t, p)
		open.Add(1)
		sending.Go(func() {
			defer open.Add(-1)
			defer func() { _ = conn.Close() }() // the door may have closed it
			tick := time.NewTicker(200 * time.Millisecond)
			defer tick.Stop()
			for text := "POST /in/" + h.token + " HTTP/1.1\r\nHost: x\r\nX-Slow: "; ; text = "a" {
				if _, err := io.WriteString(conn, text); err != nil {
					return
				}
				select {
				case <-tick.C:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	return func() {
		eventually(t, 2*receiver.ReadHeaderTimeout+30*time.Second, "the door to hang up on slow senders", func() error {
			if n := open.Load(); n > 0 {
				return fmt.Errorf("%d are still connected", n)
			}
			return nil
		})
		cancel()
		sending.Wait()
	}
}

// sendHalfBodies announces bodies of a mebibyte, sends a half of some and nearly nothing of the others, and waits.
func (h *tortured) sendHalfBodies(t *testing.T, p *program) func() {
	t.Helper()
	conns := make([]net.Conn, size(200, 2000))
	half := bytes.Repeat([]byte(" "), 1<<19)
	for i := range conns {
		conns[i] = dialDoor(t, p)
		body := half[:1]
		if i%10 == 0 && i < 400 {
			body = half
		}
		// Who is cut off while sending has been refused, which is right too.
		_, _ = fmt.Fprintf(conns[i], "POST /in/%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", h.token, 1<<20, body)
	}
	return func() { closeAll(conns) }
}

// endless is a body of 100 MiB.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.left)
	clear(p[:n])
	e.left -= n
	return n, nil
}

// sendHugeBodies posts bodies of 100 MiB, with their length announced and without; the door must refuse both.
func (h *tortured) sendHugeBodies(t *testing.T, p *program) func() {
	t.Helper()
	const bytesEach = 100 << 20
	url, _ := receiver.EndpointURLs("http://"+p.Receiver, h.token)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	var sending sync.WaitGroup
	for i := range size(8, 100) {
		sending.Go(func() {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, &endless{bytesEach})
			if err != nil {
				t.Error(err)
				return
			}
			if i%2 == 0 {
				req.ContentLength = bytesEach
			}
			response, err := client.Do(req)
			if err != nil {
				return // hung up on while still sending
			}
			_ = response.Body.Close() // the status is what counts
			if response.StatusCode != http.StatusRequestEntityTooLarge && response.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("a body of 100 MiB was answered %d, want 413", response.StatusCode)
			}
		})
	}
	return sending.Wait
}

// flood posts unsigned deliveries from one source as fast as they are answered, and returns how many were answered 401.
func (h *tortured) flood(t *testing.T, p *program) int64 {
	t.Helper()
	const senders = 16
	transport := &http.Transport{MaxIdleConnsPerHost: senders}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	url, _ := receiver.EndpointURLs("http://"+p.Receiver, h.token)
	var refused atomic.Int64
	var sending sync.WaitGroup
	for i := range senders {
		sending.Go(func() {
			for n := range size(20_000, 1_000_000) / senders {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(fmt.Appendf(nil, `{"n":"%d-%d"}`, i, n)))
				if err != nil {
					t.Error(err)
					return
				}
				response, err := client.Do(req)
				if err != nil {
					t.Errorf("a rejected delivery got no answer: %v", err)
					return
				}
				_, _ = io.Copy(io.Discard, response.Body) // empty, and read so that the connection is used again
				_ = response.Body.Close()                 // the status is what counts
				switch response.StatusCode {
				case http.StatusUnauthorized:
					refused.Add(1)
				case http.StatusServiceUnavailable: // a full queue: not judged, not counted
				default:
					t.Errorf("an unsigned delivery was answered %d, want 401", response.StatusCode)
				}
			}
		})
	}
	sending.Wait()
	t.Logf("%d unsigned deliveries were rejected", refused.Load())
	return refused.Load()
}

// checkRejected looks for what was rejected: a bounded number stored, all of it counted.
func (h *tortured) checkRejected(t *testing.T, s *store.Store, answered int64) {
	t.Helper()
	const most = 1000 // of one source at one endpoint within an hour, of two where the hour turned
	eventually(t, time.Minute, "all rejected deliveries to be counted", func() error {
		var stored int64
		if err := s.Pool().QueryRow(t.Context(), "SELECT count(*) FROM deliveries WHERE verdict = 'rejected'").Scan(&stored); err != nil {
			return err
		}
		unstored, err := s.RejectedUnstored(t.Context(), store.RejectedFilter{})
		if err != nil {
			return err
		}
		if stored > 2*most {
			return fmt.Errorf("%d rejected deliveries are stored, want at most %d", stored, most)
		}
		if stored+unstored != answered {
			return fmt.Errorf("%d are stored and %d counted, want %d together", stored, unstored, answered)
		}
		return nil
	})
}
