package receiver

import (
	"errors"
	"io"
	"net/http"
	"os"
	"runtime/debug"
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
	weight := req.ContentLength
	if weight < 0 {
		weight = limit
	}
	if !r.memory.TryAcquire(weight) {
		r.turnAway(w, req, "memory")
		return nil, nil, false
	}
	release = func() { r.memory.Release(weight) }
	body, err := readAll(http.MaxBytesReader(w, req.Body, limit), weight)
	if err == nil {
		return body, release, true
	}
	release()
	var tooLarge *http.MaxBytesError
	switch {
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

func readAll(from io.Reader, expected int64) ([]byte, error) {
	// One byte more than expected, so that the end is seen without growing.
	buf := make([]byte, 0, min(expected+1, firstRead))
	for {
		n, err := from.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), min(int64(2*cap(buf)), max(expected+1, int64(cap(buf)+1))))
			copy(grown, buf)
			buf = grown
		}
	}
}

func stack() string { return string(debug.Stack()) }
