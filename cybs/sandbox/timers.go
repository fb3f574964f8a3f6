package sandbox

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// timers runs functions at their time, all in one goroutine: thousands of
// retries cost a heap, not a goroutine each. The functions must not block.
type timers struct {
	mu    *sync.Mutex
	queue *timerHeap
	wake  chan struct{}
}

type timer struct {
	due time.Time
	run func(context.Context)
}

func newTimers() timers {
	return timers{mu: &sync.Mutex{}, queue: &timerHeap{}, wake: make(chan struct{}, 1)}
}

// after calls run once d has passed while the timers run.
func (t timers) after(d time.Duration, run func(context.Context)) {
	t.mu.Lock()
	heap.Push(t.queue, timer{due: time.Now().Add(d), run: run})
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default: // it is about to look anyway
	}
}

func (t timers) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	*t.queue = nil
}

// next returns a function that is due, or how long to wait for the next one.
func (t timers) next() (run func(context.Context), wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.queue.Len() == 0 {
		return nil, time.Hour
	}
	if wait = time.Until((*t.queue)[0].due); wait > 0 {
		return nil, wait
	}
	return heap.Pop(t.queue).(timer).run, 0
}

func (t timers) run(ctx context.Context) {
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	for ctx.Err() == nil {
		run, wait := t.next()
		if run != nil {
			run(ctx)
			continue
		}
		alarm.Reset(wait)
		select {
		case <-ctx.Done():
		case <-t.wake:
		case <-alarm.C:
		}
	}
}

// timerHeap implements heap.Interface, soonest first.
type timerHeap []timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h timerHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)        { *h = append(*h, x.(timer)) }
func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	(*h)[last] = timer{}
	*h = (*h)[:last]
	return x
}
