package sandbox

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// messageState is where a notification is on its way.
type messageState string

const (
	stateQueued   messageState = "queued"
	stateRetrying messageState = "retrying"
	stateHeld     messageState = "held"
	stateWaiting  messageState = "waiting" // for the attempt at another, see message.Next
)

// message is one notification for one subscription, until it is delivered or
// given up. Each attempt has a trace id and a signature of its own.
type message struct {
	ID        string
	Sequence  int64 // order of making, which draining keeps
	WebhookID string
	ProductID string
	EventType string
	EventDate time.Time
	Payload   json.RawMessage
	Fault     Fault           `json:",omitempty"`
	Once      bool            `json:",omitempty"` // no retries
	TraceID   string          `json:",omitempty"` // of the first attempt, promised by Emit
	Retry     int             // number of the next attempt, 0 for the first
	FailedAt  time.Time       `json:",omitzero"` // when the first attempt failed
	Due       time.Time       `json:",omitzero"`
	Offsets   []time.Duration `json:",omitempty"` // scaled, of the policy at the time of failure
	State     messageState
	// Next is sent once the attempt at this one was made, to keep a wrong order.
	Next string `json:",omitempty"`
	// Traces are the trace ids of all attempts made, which a replay can name.
	Traces []string `json:",omitempty"`
	// FirstAt is when the first attempt was made.
	FirstAt time.Time `json:",omitzero"`
	// Replayed makes the next attempt a replay.
	Replayed bool `json:",omitempty"`

	// run is the owner of the replay that waits for the next attempt.
	run string
}

// sortedMessages lists the messages in the order they were made. The caller
// holds mu.
func (s *Sandbox) sortedMessages() []*message {
	return slices.SortedFunc(maps.Values(s.messages), func(a, b *message) int { return cmp.Compare(a.Sequence, b.Sequence) })
}

// enqueueOrWait puts a message that was read or kept back on its way. The caller
// holds mu.
func (s *Sandbox) enqueueOrWait(m *message) {
	switch m.State {
	case stateQueued:
		if m.Fault == FaultBurst {
			s.sendApart(m)
		} else {
			s.work.put(m)
		}
	case stateRetrying:
		s.retryAt(m)
	case stateHeld, stateWaiting:
	}
}

// sendApart sends a message beside the workers, so that no number of them slows
// a burst. The caller holds mu.
func (s *Sandbox) sendApart(m *message) {
	s.timers.after(0, func(ctx context.Context) {
		s.running.Go(func() { s.deliver(ctx, m) })
	})
}

// release sends the message that waited for this one. The caller holds mu.
func (s *Sandbox) release(m *message) {
	next := s.messages[m.Next]
	m.Next = ""
	if next != nil && next.State == stateWaiting {
		next.State = stateQueued
		s.work.put(next)
	}
}

// retryAt sets the timer of a retrying message. The caller holds mu.
func (s *Sandbox) retryAt(m *message) {
	id, retry := m.ID, m.Retry
	s.timers.after(time.Until(m.Due), func(context.Context) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if m := s.messages[id]; m != nil && m.State == stateRetrying && m.Retry == retry {
			m.State = stateQueued
			s.work.put(m)
		}
	})
}

// deliverLoop is one of the workers that send.
func (s *Sandbox) deliverLoop(ctx context.Context) {
	for {
		m, ok := s.work.take(ctx)
		if !ok {
			return
		}
		s.deliver(ctx, m)
	}
}

// deliver makes one attempt at a message.
func (s *Sandbox) deliver(ctx context.Context, m *message) {
	a, out, ok := s.prepare(m)
	if !ok {
		return
	}
	again := a
	s.send(ctx, &a, out)
	if ctx.Err() != nil {
		return // kept as it was: the next Start sends it again
	}
	s.mu.Lock()
	if sub := s.subs[m.WebhookID]; sub != nil {
		s.settle(sub, m, &a)
		s.record(a)
	}
	s.replayed(m)
	s.release(m)
	s.mu.Unlock()
	if out.twice {
		s.sendAgain(ctx, again, out)
	}
}

// sendAgain repeats a request; only the first one counts for the retries.
func (s *Sandbox) sendAgain(ctx context.Context, a Attempt, out outgoing) {
	s.send(ctx, &a, out)
	a.Outcome = OutcomeFaulted
	if s.successful(a) {
		a.Outcome = OutcomeDelivered
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record(a)
}

// prepare decides whether a message is sent now, and builds the request.
func (s *Sandbox) prepare(m *message) (Attempt, outgoing, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.subs[m.WebhookID]
	if sub == nil || s.messages[m.ID] == nil || m.State != stateQueued {
		s.replayed(m)
		return Attempt{}, outgoing{}, false
	}
	if s.out() {
		s.parked = append(s.parked, m)
		return Attempt{}, outgoing{}, false
	}
	a := Attempt{
		Kind: KindNotification, At: s.cfg.Now(), MessageID: m.ID, WebhookID: sub.ID, OrganizationID: sub.OrganizationID,
		ProductID: m.ProductID, EventType: m.EventType, RetryNumber: m.Retry, Fault: m.Fault, URL: sub.WebhookURL,
	}
	drop := func(why string) (Attempt, outgoing, bool) {
		delete(s.messages, m.ID)
		a.Outcome, a.Error = OutcomeDropped, why
		s.record(a)
		s.replayed(m)
		s.release(m)
		return a, outgoing{}, false
	}
	switch sub.Status {
	case statusActive:
	case statusSuspended:
		m.State = stateHeld
		a.Outcome = OutcomeHeld
		s.record(a)
		s.replayed(m)
		s.release(m)
		return a, outgoing{}, false
	default:
		return drop("subscription is " + string(sub.Status))
	}
	out, err := s.compose(sub, m, &a)
	if err != nil {
		return drop(err.Error())
	}
	if m.FirstAt.IsZero() {
		m.FirstAt = a.At
	}
	m.Traces = append(m.Traces, a.TraceID)
	return a, out, true
}

// settle draws the consequences of an attempt. The caller holds mu.
func (s *Sandbox) settle(sub *subscription, m *message, a *Attempt) {
	switch {
	case s.successful(*a):
		a.Outcome = OutcomeDelivered
		s.end(m, true)
		return
	case m.Once:
		a.Outcome = OutcomeFaulted
		s.end(m, false)
		return
	}
	m.Replayed = false
	if m.Retry == 0 {
		m.FailedAt = time.Now()
		m.Offsets = nil
		for _, d := range s.cfg.Delivery.Schedule(sub.RetryPolicy) {
			m.Offsets = append(m.Offsets, s.scaled(d))
		}
	}
	if m.Retry < len(m.Offsets) {
		m.Due = m.FailedAt.Add(m.Offsets[m.Retry])
		m.Retry++
		m.State = stateRetrying
		a.Outcome, a.NextRetry = OutcomeRetrying, m.Due
		s.retryAt(m)
		return
	}
	s.exhausted(sub, m, a)
}

// exhausted applies deactivateFlag when a message's retries are used up. With
// the flag the subscription is suspended and later messages are held; what
// failed stays failed. The 2023 guide holds the failed one as well, and suspends
// without the flag. The caller holds mu.
func (s *Sandbox) exhausted(sub *subscription, m *message, a *Attempt) {
	flag, old := sub.RetryPolicy.DeactivateFlag, s.cfg.Delivery.Deactivation2023
	if old && flag {
		a.Outcome, m.State = OutcomeHeld, stateHeld
		m.Retry++
	} else {
		a.Outcome = OutcomeFailed
		s.end(m, false)
	}
	if (flag || old) && sub.Status == statusActive {
		s.suspend(sub, "retries used up")
	}
}
