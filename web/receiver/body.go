package receiver

import (
	"errors"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"time"
)

const (
	// firstRead is how much room a body gets before it has sent anything: what a sender announces costs nothing until it comes.
	firstRead = 4 << 10
	// slowestBytes is how much of a body must come within Config.BodyPatience, again and again until it is whole.
	slowestBytes = 32 << 10
)

// unreadBody is why a body could not be taken.
type unreadBody struct {
	status int
	cause  string
}

// read takes the body's raw bytes within the bounds of its room, which the caller releases. When unread is not nil nothing is answered yet.
func (r *Receiver) read(w http.ResponseWriter, req *http.Request, taken *room) (body []byte, unread *unreadBody) {
	limit := r.cfg.MaxBodyBytes
	if req.ContentLength > limit {
		return nil, &unreadBody{http.StatusRequestEntityTooLarge, "too_large"}
	}
	most := limit
	if req.ContentLength >= 0 {
		most = req.ContentLength
	}
	from := &pacedReader{from: http.MaxBytesReader(w, req.Body, limit), control: http.NewResponseController(w), patience: r.cfg.BodyPatience}
	body, err := taken.readAll(from, most+1)
	if err == nil {
		from.finish()
		return body, nil
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, errNoRoom):
		return nil, &unreadBody{http.StatusServiceUnavailable, "memory"}
	case errors.As(err, &tooLarge):
		return nil, &unreadBody{http.StatusRequestEntityTooLarge, "too_large"}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &unreadBody{http.StatusRequestTimeout, "too_slow"}
	}
	// Half a body is no delivery: its sender has no answer and tries again.
	return nil, &unreadBody{http.StatusBadRequest, "incomplete"}
}

// pacedReader ends a body that comes too slowly: within each stretch of patience a part of it must come. The server's own time-out bounds the whole.
type pacedReader struct {
	from     io.Reader
	control  *http.ResponseController
	patience time.Duration
	due      int64 // how much must have come before the next stretch begins
	came     int64
	begun    time.Time
}

func (p *pacedReader) Read(buf []byte) (int, error) {
	if p.came >= p.due {
		now := time.Now()
		if p.begun.IsZero() {
			p.begun = now
		}
		end := now.Add(p.patience)
		if last := p.begun.Add(ReadTimeout); last.Before(end) {
			end = last
		}
		p.due = p.came + slowestBytes
		_ = p.control.SetReadDeadline(end) // a connection without deadlines has the server's time-outs
	}
	n, err := p.from.Read(buf)
	p.came += int64(n)
	return n, err
}

// finish takes the deadline away, which would otherwise end the wait for the answer as if the sender had gone.
func (p *pacedReader) finish() { _ = p.control.SetReadDeadline(time.Time{}) }

// errNoRoom means that more bodies are held than fit into the memory for them, or into the sender's share of it.
var errNoRoom = errors.New("no memory for another body")

// readAll reads to the end. most is one byte more than may come, so that the end is seen without growing.
func (r *room) readAll(from io.Reader, most int64) ([]byte, error) {
	size := min(firstRead, most)
	if err := r.take(size); err != nil {
		return nil, err
	}
	buf := make([]byte, 0, size)
	for {
		n, err := from.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
		if len(buf) < cap(buf) {
			continue
		}
		next := min(2*size, max(most, size+1))
		if err := r.take(next - size); err != nil {
			return nil, err
		}
		grown := make([]byte, len(buf), next)
		copy(grown, buf)
		buf, size = grown, next
	}
}

func stack() string { return string(debug.Stack()) }
