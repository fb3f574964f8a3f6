package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Trouble is something wrong with the sandbox itself, on demand, as opposed to a
// Fault of what it sends.
type Trouble string

// The troubles.
const (
	// TroubleNone is ordinary service.
	TroubleNone Trouble = ""
	// TroubleOutage breaks every connection to the REST API without an answer, and
	// sends nothing: notifications wait and follow when it ends.
	TroubleOutage Trouble = "outage"
	// TroubleServerError answers the REST API with a 5xx.
	TroubleServerError Trouble = "server-error"
	// TroubleThrottled answers 429 with Retry-After.
	TroubleThrottled Trouble = "throttled"
	// TroubleSlow answers rightly, but late.
	TroubleSlow Trouble = "slow"
)

// Troubles lists all troubles but TroubleNone, for menus.
func Troubles() []Trouble {
	return []Trouble{TroubleOutage, TroubleServerError, TroubleThrottled, TroubleSlow}
}

// Words say in plain words what a trouble does.
func (t Trouble) Words() string {
	switch t {
	case TroubleOutage:
		return "Outage: no answers, and nothing is sent"
	case TroubleServerError:
		return "Every request is answered with a server error"
	case TroubleThrottled:
		return "Every request is answered with 429 and Retry-After"
	case TroubleSlow:
		return "Every answer comes late"
	case TroubleNone:
	}
	return "None: everything works"
}

// Condition is the state of the sandbox's REST API.
type Condition struct {
	Trouble Trouble
	// StatusCode of TroubleServerError: 500, 502, 503 or 504. 0: 500.
	StatusCode int
	// RetryAfter is sent with TroubleThrottled, and with TroubleServerError when it is
	// not 0. It is rounded up to seconds. 0 with TroubleThrottled: 1 second.
	RetryAfter time.Duration
	// Delay of TroubleSlow, in real time. 0: 5 seconds.
	Delay time.Duration
	// Requests is how many requests it meets before it ends by itself. 0: it stays.
	Requests int
}

// ErrInvalidCondition is returned by SetCondition for one that makes no sense.
var ErrInvalidCondition = errors.New("invalid condition")

// SetCondition makes the REST API ill, or well with the zero Condition. The admin
// API is always well.
func (s *Sandbox) SetCondition(c Condition) error {
	if c.StatusCode == 0 {
		c.StatusCode = http.StatusInternalServerError
	}
	if c.RetryAfter == 0 && c.Trouble == TroubleThrottled {
		c.RetryAfter = time.Second
	}
	orDuration(&c.Delay, 5*time.Second)
	switch {
	case c.Trouble != TroubleNone && !slices.Contains(Troubles(), c.Trouble):
		return fmt.Errorf("%w: unknown trouble %q", ErrInvalidCondition, string(c.Trouble))
	case c.StatusCode < 500 || c.StatusCode > 504 || c.StatusCode == http.StatusNotImplemented:
		return fmt.Errorf("%w: status %d is none of 500, 502, 503, 504", ErrInvalidCondition, c.StatusCode)
	case c.RetryAfter < 0 || c.Delay < 0 || c.Requests < 0:
		return fmt.Errorf("%w: a number is negative", ErrInvalidCondition)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.condition = c
	s.restoreService()
	s.notify()
	return nil
}

// Condition returns the present condition.
func (s *Sandbox) Condition() Condition {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.condition
}

// out reports whether nothing may be sent. The caller holds mu.
func (s *Sandbox) out() bool { return s.condition.Trouble == TroubleOutage }

// restoreService sends what waited for the end of an outage. The caller holds mu.
func (s *Sandbox) restoreService() {
	if s.out() {
		return
	}
	for _, m := range s.parked {
		s.work.put(m)
	}
	s.parked = nil
}

// suffer returns the condition for one request and counts it.
func (s *Sandbox) suffer() Condition {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.condition
	if c.Trouble == TroubleNone || c.Requests == 0 {
		return c
	}
	if s.condition.Requests--; s.condition.Requests == 0 {
		s.condition = Condition{}
		s.restoreService()
		s.notify()
	}
	return c
}

// endure applies the condition to one request of the REST API. It reports
// whether the request goes on as usual.
func (s *Sandbox) endure(ctx context.Context, w http.ResponseWriter) bool {
	c := s.suffer()
	switch c.Trouble {
	case TroubleNone:
	case TroubleOutage:
		panic(http.ErrAbortHandler) // the server's way to break a connection
	case TroubleServerError:
		retryAfter(w, c.RetryAfter)
		s.answer(w, s.troubled(c.StatusCode))
		return false
	case TroubleThrottled:
		retryAfter(w, c.RetryAfter)
		s.answer(w, gatewayProblem(http.StatusTooManyRequests, "TOO_MANY_REQUESTS", "The request rate is too high."))
		return false
	case TroubleSlow:
		timer := time.NewTimer(c.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return false // the client has gone
		}
	}
	return true
}

// retryAfter sets the header in whole seconds, rounded up.
func retryAfter(w http.ResponseWriter, d time.Duration) {
	if d > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((d+time.Second-1)/time.Second)))
	}
}

// troubled is the 5xx body that goes with a status.
func (s *Sandbox) troubled(status int) *problem {
	reason := "SYSTEM_ERROR"
	switch status {
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		reason = "SERVER_TIMEOUT"
	case http.StatusServiceUnavailable:
		reason = "SERVICE_TIMEOUT"
	}
	return &problem{status, errorModel{
		SubmitTime: s.timestamp(s.cfg.Now()), Status: "SERVER_ERROR", Reason: reason, Message: "General system failure.",
	}}
}
