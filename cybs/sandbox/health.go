package sandbox

import (
	"context"
	"io"
	"net/http"
	"time"
)

// maxAnswerBytes is how much of a receiver's answer is read before the
// connection is given up.
const maxAnswerBytes = 64 << 10

// pingURL is where health is asked, or empty.
func (s *Sandbox) pingURL(sub *subscription) string {
	if sub.HealthCheckURL == "" && s.cfg.Health.PingWebhookURL {
		return sub.WebhookURL
	}
	return sub.HealthCheckURL
}

// schedulePing sets the one ping timer of a subscription. The caller holds mu.
func (s *Sandbox) schedulePing(sub *subscription, after time.Duration) {
	if s.pingURL(sub) == "" || sub.Deactivated || sub.reviewed() {
		return
	}
	id, generation := sub.ID, sub.generation
	s.timers.after(s.scaled(after), func(ctx context.Context) {
		s.running.Go(func() { s.ping(ctx, id, generation) })
	})
}

// ping asks a subscription's health and draws the consequences. A change of the
// subscription in between makes the answer void.
func (s *Sandbox) ping(ctx context.Context, id string, generation int) {
	s.mu.Lock()
	sub := s.subs[id]
	if sub == nil || sub.generation != generation {
		s.mu.Unlock()
		return
	}
	url := s.pingURL(sub)
	a := Attempt{
		Kind: KindPing, WebhookID: id, OrganizationID: sub.OrganizationID, URL: url, At: s.cfg.Now(),
	}
	s.mu.Unlock()

	method := http.MethodPost
	if s.cfg.Health.Get {
		method = http.MethodGet
	}
	s.send(ctx, &a, outgoing{method: method, url: url, header: http.Header{"User-Agent": {userAgent}}})
	if ctx.Err() != nil {
		return
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	healthy := s.successful(a)
	a.Outcome = OutcomeUnhealthy
	if healthy {
		a.Outcome = OutcomeHealthy
	}
	s.record(a)
	sub = s.subs[id]
	if sub == nil || sub.generation != generation {
		return
	}
	if healthy {
		s.healthy(sub)
		s.schedulePing(sub, s.cfg.HealthInterval)
		return
	}
	s.unhealthy(sub)
	s.schedulePing(sub, s.cfg.UnhealthyInterval)
}

// healthy activates what waited for it. The caller holds mu.
func (s *Sandbox) healthy(sub *subscription) {
	sub.Unhealthy = false
	if sub.Status != statusActive {
		s.setActive(sub, "health check answered")
	}
}

// unhealthy suspends an active subscription that asked for it. The caller holds mu.
func (s *Sandbox) unhealthy(sub *subscription) {
	sub.Unhealthy = true
	switch {
	case sub.Status == statusActive && sub.RetryPolicy.DeactivateFlag:
		s.changeStatus(sub, statusSuspended, "health check failed")
	case sub.Status == statusInactive && s.cfg.Health.SuspendUnanswered:
		s.changeStatus(sub, statusSuspended, "first health check failed")
	}
}

// suspend holds what comes until the health check answers. The caller holds mu.
func (s *Sandbox) suspend(sub *subscription, why string) {
	sub.generation++
	sub.Unhealthy = true
	s.changeStatus(sub, statusSuspended, why)
	s.schedulePing(sub, s.cfg.UnhealthyInterval)
}

// activate makes a subscription ACTIVE at once and restarts its pings. The
// caller holds mu.
func (s *Sandbox) activate(sub *subscription, why string) {
	sub.generation++
	s.setActive(sub, why)
	s.schedulePing(sub, s.cfg.HealthInterval)
}

// setActive makes a subscription ACTIVE and sends what was held. The caller
// holds mu.
func (s *Sandbox) setActive(sub *subscription, why string) {
	s.changeStatus(sub, statusActive, why)
	for _, m := range s.sortedMessages() {
		if m.WebhookID == sub.ID && m.State == stateHeld {
			m.State = stateQueued
			if n := min(m.Retry, len(m.Offsets)); n > 0 {
				m.FailedAt = time.Now().Add(-m.Offsets[n-1]) // its clock stood still
			}
			s.work.put(m)
		}
	}
}

// send performs one request and notes its outcome in a.
func (s *Sandbox) send(ctx context.Context, a *Attempt, out outgoing) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.DeliveryTimeout)
	defer cancel()
	start := time.Now()
	defer func() { a.Duration = time.Since(start) }()
	req, err := out.request(ctx)
	if err != nil {
		a.Error = err.Error()
		return
	}
	resp, err := s.client.Do(req)
	if err != nil {
		a.Error = err.Error()
		return
	}
	a.StatusCode = resp.StatusCode
	// The status is the answer; a body that breaks off changes nothing.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswerBytes))
	_ = resp.Body.Close()
}

// successful judges an answer by the configuration.
func (s *Sandbox) successful(a Attempt) bool {
	if s.cfg.Delivery.AnySuccess {
		return a.StatusCode >= 200 && a.StatusCode <= 299
	}
	return a.StatusCode == http.StatusOK
}
