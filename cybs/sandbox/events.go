package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// The errors of Emit, beside ErrUnknownFault and ctx's.
var (
	// ErrUnknownEvent is returned for an event that is in no catalogue, unless its
	// data is given.
	ErrUnknownEvent = errors.New("unknown product or event type")
	// ErrUnknownOrganization is returned for an organization that does not exist.
	ErrUnknownOrganization = errors.New("unknown organization")
	// ErrQueueFull is returned while Config.Limits.Pending notifications wait.
	ErrQueueFull = errors.New("too many notifications wait")
	// ErrInvalidEvent is returned for a request that makes no sense.
	ErrInvalidEvent = errors.New("invalid event request")
)

// maxBurst is the most events one request makes.
const maxBurst = 1000

// EventRequest asks for something to happen at an organization.
type EventRequest struct {
	// OrganizationID is where it happens. Empty: the first organization in order.
	OrganizationID string `json:"organizationId"`
	// ProductID may be empty when EventType names it.
	ProductID string `json:"productId"`
	// EventType may be empty: then any of the product's.
	EventType string `json:"eventType"`
	// Fault makes the notifications wrong.
	Fault Fault `json:"fault"`
	// Retry sends faulty notifications again as the retry policy says, too.
	Retry bool `json:"retry"`
	// Count makes the event happen several times, at most 1,000. 0: once, or what the
	// fault needs.
	Count int `json:"count"`
	// Data replaces what the generator would make: the payload's data, or for
	// unifiedCheckout the whole payload. It is sent as it is.
	Data json.RawMessage `json:"data,omitempty"`
}

// EventResult says what an event led to.
type EventResult struct {
	OrganizationID string `json:"organizationId"`
	ProductID      string `json:"productId"`
	EventType      string `json:"eventType"`
	// Matched counts the subscriptions that get the event.
	Matched int `json:"matched"`
	// Held counts those of them that are SUSPENDED and get it later.
	Held int `json:"held"`
	// WebhookIDs are the subscriptions, and TraceIDs the transaction trace ids of
	// the first attempts, one for each subscription and repetition.
	WebhookIDs []string `json:"webhookIds"`
	TraceIDs   []string `json:"transactionTraceIds"`
}

// Emit makes an event happen. Every subscription that is ACTIVE, whose scope
// covers the organization and that asked for the event gets a notification;
// SUSPENDED ones get it when they are well again. No match is no error.
func (s *Sandbox) Emit(ctx context.Context, req EventRequest) (EventResult, error) {
	if err := ctx.Err(); err != nil {
		return EventResult{}, fmt.Errorf("emit event: %w", err)
	}
	event, err := s.resolve(req)
	if err != nil {
		return EventResult{}, fmt.Errorf("emit event %q of %q: %w", req.EventType, req.ProductID, err)
	}
	result := EventResult{
		OrganizationID: event.organizationID, ProductID: event.productID, EventType: event.eventType,
		WebhookIDs: []string{}, TraceIDs: []string{},
	}
	payloads := make([]json.RawMessage, req.Fault.count(req.Count))
	for i := range payloads {
		if payloads[i], err = s.payload(event, req.Data); err != nil {
			return EventResult{}, fmt.Errorf("emit event %q: %w", event.eventType, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	subs := s.receivers(event)
	if len(s.messages)+len(subs)*len(payloads) > s.cfg.Limits.Pending {
		return EventResult{}, fmt.Errorf("emit event %q: %w", event.eventType, ErrQueueFull)
	}
	for _, sub := range subs {
		result.Matched++
		result.WebhookIDs = append(result.WebhookIDs, sub.ID)
		if sub.Status == statusSuspended {
			result.Held++
		}
	}
	newer := map[string]*message{} // of each subscription, the message made last
	made := make([]*message, 0, len(payloads)*len(subs))
	for i, payload := range payloads {
		for _, sub := range subs {
			m := s.newMessage(sub, event, payload)
			m.Fault, m.Once = req.Fault, req.Fault != FaultNone && !req.Fault.interrupts() && !req.Retry
			if req.Fault == FaultOutOfOrder {
				s.disorder(m, newer[sub.ID], len(payloads)-1-i)
				newer[sub.ID] = m
			}
			s.messages[m.ID] = m
			made = append(made, m)
			result.TraceIDs = append(result.TraceIDs, m.TraceID)
		}
	}
	for _, m := range made {
		s.enqueueOrWait(m)
	}
	s.notify()
	return result, nil
}

// disorder makes the message before m wait for m, and dates m a second before
// each that is still to come.
func (s *Sandbox) disorder(m, before *message, toCome int) {
	m.EventDate = m.EventDate.Add(-time.Duration(toCome) * time.Second)
	if before != nil && before.State == stateQueued {
		before.State, m.Next = stateWaiting, before.ID
	}
}

// occurrence is one event of the catalogue at one organization.
type occurrence struct {
	organizationID string
	productID      string
	eventType      string
	generate       generator
}

func (s *Sandbox) resolve(req EventRequest) (occurrence, error) {
	if err := req.Fault.check(); err != nil {
		return occurrence{}, err
	}
	if req.Count < 0 || req.Count > maxBurst {
		return occurrence{}, fmt.Errorf("%w: count must be between 0 and %d", ErrInvalidEvent, maxBurst)
	}
	if len(req.Data) > 0 && !json.Valid(req.Data) {
		return occurrence{}, fmt.Errorf("%w: data is not JSON", ErrInvalidEvent)
	}
	event := occurrence{productID: req.ProductID, eventType: req.EventType}
	if e, ok := s.choose(req.ProductID, req.EventType); ok {
		event.productID, event.eventType, event.generate = e.ProductID, e.EventType, e.generate
	} else if len(req.Data) == 0 || req.ProductID == "" || req.EventType == "" {
		return occurrence{}, ErrUnknownEvent
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if req.OrganizationID == "" {
		event.organizationID = s.organizationIDs()[0]
		return event, nil
	}
	o := s.findOrganization(req.OrganizationID)
	if o == nil {
		return occurrence{}, fmt.Errorf("%w: %q", ErrUnknownOrganization, req.OrganizationID)
	}
	event.organizationID = o.OrganizationID
	return event, nil
}

// choose finds an event in the catalogue, any one where the request leaves it open.
func (s *Sandbox) choose(productID, eventType string) (CatalogueEvent, bool) {
	var fit []CatalogueEvent
	for _, e := range catalogue() {
		if (productID == "" || e.ProductID == productID) && (eventType == "" || e.EventType == eventType) {
			fit = append(fit, e)
		}
	}
	switch {
	case len(fit) == 0:
		return CatalogueEvent{}, false
	case eventType != "":
		return fit[0], true // the published product comes first
	}
	s.fakeMu.Lock()
	defer s.fakeMu.Unlock()
	return fit[s.fake.IntN(len(fit))], true
}

// receivers lists the subscriptions that get an event. The caller holds mu.
func (s *Sandbox) receivers(event occurrence) []*subscription {
	var list []*subscription
	for _, sub := range s.sortedSubscriptions() {
		if (sub.Status == statusActive || sub.Status == statusSuspended) &&
			sub.wants(event.productID, event.eventType) && s.covers(sub, event.organizationID) {
			list = append(list, sub)
		}
	}
	return list
}

// payload makes the payload member: {data, organizationId}, but for Unified
// Checkout, whose published payloads are the data itself.
func (s *Sandbox) payload(event occurrence, data json.RawMessage) (json.RawMessage, error) {
	if len(data) == 0 {
		s.fakeMu.Lock()
		made := event.generate(s.fake, event)
		s.fakeMu.Unlock()
		var err error
		if data, err = encodeJSON(made); err != nil {
			return nil, err
		}
	}
	if event.productID == "unifiedCheckout" {
		return data, nil
	}
	return encodeJSON(struct {
		Data           json.RawMessage `json:"data"`
		OrganizationID string          `json:"organizationId"`
	}{data, event.organizationID})
}

// newMessage makes a message in the state its subscription's status asks for.
// The caller holds mu and keeps it.
func (s *Sandbox) newMessage(sub *subscription, event occurrence, payload json.RawMessage) *message {
	s.sequence++
	m := &message{
		ID: newID(), Sequence: s.sequence, WebhookID: sub.ID, ProductID: event.productID, EventType: event.eventType,
		EventDate: s.cfg.Now(), Payload: payload, TraceID: newTraceID(), State: stateQueued,
	}
	if sub.Status == statusSuspended {
		m.State = stateHeld
	}
	return m
}

// SetTrickle makes events happen by themselves, one about every interval of real
// time at a random ACTIVE subscription. 0 or less: none.
func (s *Sandbox) SetTrickle(interval time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trickle = max(interval, 0)
	s.restartTrickle()
	s.notify()
}

// Trickle returns the interval, 0 when it is off.
func (s *Sandbox) Trickle() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trickle
}

// restartTrickle sets the next drop, between half and one and a half intervals
// from now. The caller holds mu.
func (s *Sandbox) restartTrickle() {
	s.trickleGeneration++
	generation := s.trickleGeneration
	if s.trickle <= 0 {
		return
	}
	s.fakeMu.Lock()
	wait := time.Duration((0.5 + s.fake.Float64()) * float64(s.trickle))
	s.fakeMu.Unlock()
	s.timers.after(max(wait, time.Millisecond), func(ctx context.Context) {
		s.drop(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		if generation == s.trickleGeneration {
			s.restartTrickle()
		}
	})
}

// drop makes one trickled event happen.
func (s *Sandbox) drop(ctx context.Context) {
	req, ok := s.anySubscribedEvent()
	if !ok {
		return
	}
	if _, err := s.Emit(ctx, req); err != nil {
		s.cfg.Logger.Warn("trickled event", "err", err)
	}
}

// anySubscribedEvent picks an event that somebody waits for.
func (s *Sandbox) anySubscribedEvent() (EventRequest, bool) {
	s.mu.Lock()
	var fit []EventRequest
	for _, sub := range s.sortedSubscriptions() {
		if sub.Status != statusActive {
			continue
		}
		for _, p := range sub.Products {
			for _, t := range p.EventTypes {
				fit = append(fit, EventRequest{OrganizationID: sub.OrganizationID, ProductID: p.ProductID, EventType: t})
			}
		}
	}
	s.mu.Unlock()
	for len(fit) > 0 {
		s.fakeMu.Lock()
		i := s.fake.IntN(len(fit))
		s.fakeMu.Unlock()
		if _, known := s.choose(fit[i].ProductID, fit[i].EventType); known {
			return fit[i], true
		}
		fit[i] = fit[len(fit)-1]
		fit = fit[:len(fit)-1]
	}
	return EventRequest{}, false
}
