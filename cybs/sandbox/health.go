package sandbox

import (
	"context"
	"net/http"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

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
	if s.out() {
		s.schedulePing(sub, s.cfg.UnhealthyInterval)
		s.mu.Unlock()
		return
	}
	a := Attempt{
		Kind: KindPing, WebhookID: id, OrganizationID: sub.OrganizationID, URL: s.pingURL(sub), At: s.cfg.Now(),
	}
	out, err := s.composePing(sub)
	s.mu.Unlock()
	if err != nil {
		a.Error = err.Error()
	} else {
		s.send(ctx, &a, out)
	}
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

// composePing builds the empty request that asks for health. The caller holds mu.
func (s *Sandbox) composePing(sub *subscription) (outgoing, error) {
	out := outgoing{method: http.MethodPost, url: s.pingURL(sub), header: http.Header{"User-Agent": {userAgent}}}
	if s.cfg.Health.Get {
		out.method = http.MethodGet
	}
	if key, ok := s.signingKey(sub.OrganizationID); ok && s.cfg.Health.Sign {
		out.header[s.headerName("v-c-signature")] = []string{cybs.Sign(cybs.Key{ID: key.ID, Secret: key.Secret}, s.cfg.Now(), nil)}
	}
	if !s.cfg.OAuth.Pings {
		return out, nil
	}
	var err error
	out.grant, err = s.grantFor(sub)
	return out, err
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
	case sub.Status == statusActive && (sub.RetryPolicy.DeactivateFlag || s.cfg.Health.SuspendWithoutFlag):
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
