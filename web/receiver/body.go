package receiver

import (
	"errors"
	"io"
	"net/http"
	"os"
	"runtime/debug"

	"golang.org/x/sync/semaphore"
)

// firstRead is how much room a body gets before it has sent anything: what a sender announces costs nothing until it comes.
const firstRead = 4 << 10

// read takes the body's raw bytes within the bounds. When it returns false the request is answered. release gives the memory back.
func (r *Receiver) read(w http.ResponseWriter, req *http.Request) (body []byte, release func(), ok bool) {
	limit := r.cfg.MaxBodyBytes
	if req.ContentLength > limit {
		w.Header().Set("Connection", "close")
		r.refuse(w, http.StatusRequestEntityTooLarge, "too_large")
		return nil, nil, false
	}
	most := limit
	if req.ContentLength >= 0 {
		most = req.ContentLength
	}
	taken := room{memory: r.memory}
	body, err := taken.readAll(http.MaxBytesReader(w, req.Body, limit), most+1)
	if err == nil {
		return body, taken.release, true
	}
	taken.release()
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, errNoRoom):
		w.Header().Set("Connection", "close")
		r.turnAway(w, req, "memory")
	case errors.As(err, &tooLarge):
		r.refuse(w, http.StatusRequestEntityTooLarge, "too_large")
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.Header().Set("Connection", "close")
		r.refuse(w, http.StatusRequestTimeout, "too_slow")
	default:
		// Half a body is no delivery: its sender has no answer and tries again.
		w.Header().Set("Connection", "close")
		r.refuse(w, http.StatusBadRequest, "incomplete")
	}
	return nil, nil, false
}

// errNoRoom means that more bodies are held than fit into the memory for them.
var errNoRoom = errors.New("no memory for another body")

// room is the memory that one body takes of what all share. It is taken as the body comes: a sender who announces much and sends little keeps
// nobody out.
type room struct {
	memory *semaphore.Weighted
	taken  int64
}

func (r *room) take(n int64) error {
	if !r.memory.TryAcquire(n) {
		return errNoRoom
	}
	r.taken += n
	return nil
}

func (r *room) release() { r.memory.Release(r.taken) }

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
