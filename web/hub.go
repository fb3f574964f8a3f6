package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/switchboardhq/switchboard/store"
)

const (
	maxStreams        = 500
	maxStreamsPerUser = 12
	relistenFirst     = 250 * time.Millisecond
	relistenLongest   = 15 * time.Second
)

var errTooManyStreams = errors.New("too many live streams")

// signal is a kind of change that pages refresh for. The word is the name of the event.
type signal string

const (
	signalNotifications signal = "notifications"
	signalRejected      signal = "rejected"
	signalSubscriptions signal = "subscriptions"
)

func signals() []signal { return []signal{signalNotifications, signalRejected, signalSubscriptions} }

// signalOf is what pages hear of a change; a topic that nobody looks at live is "".
func signalOf(t store.Topic) signal {
	switch t {
	case store.TopicNotifications:
		return signalNotifications
	case store.TopicRejected:
		return signalRejected
	case store.TopicSubscriptions, store.TopicHealth:
		return signalSubscriptions
	}
	return ""
}

// hub hears of changes on any replica and tells the streams of this one.
type hub struct {
	store *store.Store
	log   *slog.Logger
	epoch string // positions of another process, or of before a restart, mean nothing here

	mu      sync.Mutex
	count   uint64            // changes heard so far: the position
	last    map[signal]uint64 // position of the last change of each kind
	streams map[*stream]struct{}
	perUser map[int64]int
	closed  bool

	cancel context.CancelFunc
	done   chan struct{}
}

func newHub(st *store.Store, log *slog.Logger) *hub {
	var b [6]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails since Go 1.24
	return &hub{
		store: st, log: log, epoch: hex.EncodeToString(b[:]),
		last: map[signal]uint64{}, streams: map[*stream]struct{}{}, perUser: map[int64]int{},
	}
}

// start listens until stop; a connection that breaks is made again.
func (h *hub) start(ctx context.Context) error {
	if h.done != nil {
		return errors.New("start live hub: it was started before")
	}
	ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx))
	h.done = make(chan struct{})
	go func() {
		defer close(h.done)
		h.listen(ctx)
	}()
	return nil
}

// stop ends streams and listening, and waits for the latter.
func (h *hub) stop(ctx context.Context) error {
	h.endStreams()
	if h.done == nil {
		return nil
	}
	h.cancel()
	select {
	case <-h.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop live hub: %w", ctx.Err())
	}
}

func (h *hub) listen(ctx context.Context) {
	wait := relistenFirst
	for ctx.Err() == nil {
		ready := func() {
			wait = relistenFirst
			h.changed(signals()...) // what happened while nobody listened is not known: look at everything
		}
		err := h.store.Listen(ctx, ready, func(change store.Change) {
			if sig := signalOf(change.Topic); sig != "" {
				h.changed(sig)
			}
		})
		if ctx.Err() != nil {
			return
		}
		h.log.LogAttrs(ctx, slog.LevelWarn, "live updates interrupted", slog.String("err", err.Error()), slog.Duration("retry_in", wait))
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(wait*2, relistenLongest)
	}
}

func (h *hub) changed(sigs ...signal) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count++
	for _, sig := range sigs {
		h.last[sig] = h.count
	}
	for s := range h.streams {
		s.poke()
	}
}

// position says how much has been heard; it is what a page or an event carries.
func (h *hub) position() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.format(h.count)
}

func (h *hub) format(count uint64) string { return h.epoch + "-" + strconv.FormatUint(count, 10) }

// read undoes format. A position that is not ours is zero: everything may have changed since.
func (h *hub) read(position string) uint64 {
	number, ok := strings.CutPrefix(position, h.epoch+"-")
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// stream is one live page. It is owed every signal that is later than what it was last told.
type stream struct {
	hub   *hub
	user  int64
	told  uint64
	wake  chan struct{} // holds one: there may be something to tell
	ended chan struct{} // closed when the server wants the stream to end
}

// subscribe opens a stream that has seen everything up to since.
func (h *hub) subscribe(user int64, since string) (*stream, error) {
	told := h.read(since)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.streams) >= maxStreams || h.perUser[user] >= maxStreamsPerUser {
		return nil, errTooManyStreams
	}
	s := &stream{hub: h, user: user, told: min(told, h.count), wake: make(chan struct{}, 1), ended: make(chan struct{})}
	h.streams[s] = struct{}{}
	h.perUser[user]++
	s.poke() // the first signal tells the position, even if nothing has changed
	return s, nil
}

// poke never waits: one poke stands for any number.
func (s *stream) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take is what the stream has not been told, as events. The id alone is an event without data, which browsers only remember.
func (s *stream) take() string {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	text := "id: " + s.hub.format(s.hub.count) + "\n"
	for _, sig := range signals() {
		if s.hub.last[sig] > s.told {
			text += "event: " + string(sig) + "\ndata: changed\n\n"
		}
	}
	s.told = s.hub.count
	return text + "\n"
}

func (s *stream) close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if _, open := s.hub.streams[s]; !open {
		return
	}
	delete(s.hub.streams, s)
	if s.hub.perUser[s.user]--; s.hub.perUser[s.user] == 0 {
		delete(s.hub.perUser, s.user)
	}
}

// endStreams tells all streams to end, and opens no more.
func (h *hub) endStreams() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.closed = true
	for s := range h.streams {
		close(s.ended)
	}
}
