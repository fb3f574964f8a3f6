package sandbox

import (
	"slices"
	"time"
)

// ended is a notification that came to an end, kept for replay.
type ended struct {
	message
	delivered bool
	at        time.Time // of its first attempt
}

// history keeps the notifications that ended last.
type history struct {
	limit int
	list  []ended // oldest first
}

func (h *history) add(e ended) {
	if len(h.list) >= h.limit {
		// Room is made for many at once, so that adding stays cheap.
		h.list = slices.Delete(h.list, 0, max(h.limit/10, 1))
	}
	h.list = append(h.list, e)
}

// forget drops what belongs to a subscription that was deleted.
func (h *history) forget(webhookID string) {
	h.list = slices.DeleteFunc(h.list, func(e ended) bool { return e.WebhookID == webhookID })
}

// end takes a message out of the traffic and, where replays are offered, into
// the history. The caller holds mu.
func (s *Sandbox) end(m *message, delivered bool) {
	delete(s.messages, m.ID)
	if !s.cfg.API.OfferReplay {
		return
	}
	s.history.add(ended{message: *m, delivered: delivered, at: m.FirstAt})
}
