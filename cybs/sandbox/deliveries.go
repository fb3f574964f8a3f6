package sandbox

import (
	"time"
)

// Kind says what was sent.
type Kind string

// The kinds of attempts.
const (
	KindNotification Kind = "notification"
	KindTest         Kind = "test"
	KindPing         Kind = "ping"
)

// Outcome says what an attempt led to.
type Outcome string

// The outcomes of attempts.
const (
	OutcomeDelivered Outcome = "delivered" // answered as a success
	OutcomeRetrying  Outcome = "retrying"  // NextRetry says when
	OutcomeFailed    Outcome = "failed"    // no retries left; it is not sent again
	OutcomeHeld      Outcome = "held"      // kept until the subscription is ACTIVE again
	OutcomeDropped   Outcome = "dropped"   // never sent: subscription inactive, or no signature key
	OutcomeFaulted   Outcome = "faulted"   // a fault was sent once and was not a success
	OutcomeHealthy   Outcome = "healthy"   // ping answered
	OutcomeUnhealthy Outcome = "unhealthy" // ping not answered as a success
)

// Attempt is one request to a receiver, or the decision not to make it.
type Attempt struct {
	// Number counts all attempts of a sandbox, from 1.
	Number         int64     `json:"number"`
	Kind           Kind      `json:"kind"`
	At             time.Time `json:"at"`
	MessageID      string    `json:"messageId,omitempty"`
	WebhookID      string    `json:"webhookId"`
	OrganizationID string    `json:"organizationId"`
	ProductID      string    `json:"productId,omitempty"`
	EventType      string    `json:"eventType,omitempty"`
	TraceID        string    `json:"transactionTraceId,omitempty"`
	RequestType    string    `json:"requestType,omitempty"`
	RetryNumber    int       `json:"retryNumber"`
	Fault          Fault     `json:"fault,omitempty"`
	URL            string    `json:"url"`
	StatusCode     int       `json:"statusCode,omitempty"` // 0: no answer, see Error
	Error          string    `json:"error,omitempty"`
	// Encrypted is whether the body was; TokenRequests is how often the receiver's
	// token server was asked for it.
	Encrypted     bool          `json:"encrypted,omitempty"`
	TokenRequests int           `json:"tokenRequests,omitempty"`
	Duration      time.Duration `json:"duration"`
	Outcome       Outcome       `json:"outcome"`
	// NextRetry is when a retrying message is sent again, by the machine's clock.
	NextRetry time.Time `json:"nextRetry,omitzero"`
}

// attemptRing keeps the last attempts.
type attemptRing struct {
	limit int
	count int64
	list  []Attempt
}

func (r *attemptRing) add(a Attempt) {
	r.count++
	a.Number = r.count
	if len(r.list) < r.limit {
		r.list = append(r.list, a)
		return
	}
	r.list[int((r.count-1)%int64(r.limit))] = a
}

// newest calls visit from the newest to the oldest until it returns false.
func (r *attemptRing) newest(visit func(Attempt) bool) {
	for i := range r.list {
		n := r.count - 1 - int64(i)
		if !visit(r.list[int(n%int64(r.limit))]) {
			return
		}
	}
}

// record keeps an attempt and tells who waits. The caller holds mu.
func (s *Sandbox) record(a Attempt) {
	s.ring.add(a)
	s.cfg.Logger.Debug("attempt", "kind", string(a.Kind), "webhook_id", a.WebhookID, "event_type", a.EventType,
		"retry", a.RetryNumber, "status", a.StatusCode, "outcome", string(a.Outcome), "duration", a.Duration)
	s.notify()
}

// DeliveryQuery picks attempts; zero fields match all.
type DeliveryQuery struct {
	WebhookID string
	Kind      Kind
	// Limit bounds the answer. 0: all that are remembered.
	Limit int
}

// Deliveries returns recent attempts, newest first. Config.Limits.Attempts of
// them are remembered.
func (s *Sandbox) Deliveries(q DeliveryQuery) []Attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []Attempt{}
	s.ring.newest(func(a Attempt) bool {
		if (q.WebhookID == "" || q.WebhookID == a.WebhookID) && (q.Kind == "" || q.Kind == a.Kind) {
			list = append(list, a)
		}
		return q.Limit <= 0 || len(list) < q.Limit
	})
	return list
}
