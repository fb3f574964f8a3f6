package sandbox

import (
	"context"
	"sync"
)

// queue hands messages to the workers. Putting never blocks; how many messages
// there are is bounded where they are made.
type queue struct {
	mu    sync.Mutex
	list  []*message
	ready chan struct{}
}

func newQueue() *queue { return &queue{ready: make(chan struct{}, 1)} }

func (q *queue) put(m *message) {
	q.mu.Lock()
	q.list = append(q.list, m)
	q.mu.Unlock()
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.ready <- struct{}{}:
	default: // a worker is told already, and tells the next
	}
}

// take waits for a message; it is false when ctx has ended.
func (q *queue) take(ctx context.Context) (*message, bool) {
	for {
		select {
		case <-ctx.Done():
			return nil, false
		case <-q.ready:
		}
		if m := q.pop(); m != nil {
			return m, true
		}
	}
}

func (q *queue) pop() *message {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) == 0 {
		return nil
	}
	m := q.list[0]
	q.list[0] = nil
	if q.list = q.list[1:]; len(q.list) > 0 {
		q.signal()
	}
	return m
}

func (q *queue) clear() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.list = nil
}
