package sandbox

import (
	"context"
	"errors"
	"fmt"
)

// ErrNotFound is returned for a webhook id that does not exist.
var ErrNotFound = errors.New("webhook not found")

// ErrNotPending is returned by Review for a subscription that waits for none.
var ErrNotPending = errors.New("webhook is not under review")

// reviewed reports whether URL review stands in the way of other statuses.
func (sub *subscription) reviewed() bool {
	return sub.Status == statusPendingReview || sub.Status == statusBlocked
}

// admit puts a new subscription, or one with a new URL, where review sends it.
// The caller holds mu.
func (s *Sandbox) admit(sub *subscription) {
	sub.generation++
	sub.Unhealthy = false
	for _, u := range sub.urls() {
		if !s.cfg.InstantApproval && !s.approved[hostOf(u)] {
			s.changeStatus(sub, statusPendingReview, "unknown host")
			s.scheduleReview(sub)
			return
		}
	}
	s.changeStatus(sub, statusInactive, "urls approved")
	s.schedulePing(sub, s.cfg.ActivationDelay)
}

// scheduleReview approves by itself where the configuration says so. The caller
// holds mu.
func (s *Sandbox) scheduleReview(sub *subscription) {
	if s.cfg.ReviewDelay <= 0 {
		return
	}
	id, generation := sub.ID, sub.generation
	s.timers.after(s.scaled(s.cfg.ReviewDelay), func(context.Context) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if sub := s.subs[id]; sub != nil && sub.generation == generation && sub.Status == statusPendingReview {
			s.approve(sub)
		}
	})
}

// approve remembers the hosts, so that they need no review again. The caller
// holds mu.
func (s *Sandbox) approve(sub *subscription) {
	for _, u := range sub.urls() {
		s.approved[hostOf(u)] = true
	}
	s.admit(sub)
}

// Review decides over a subscription that is PENDING_REVIEW: approved it becomes
// INACTIVE and goes on to activation, else BLOCKED. The errors are ErrNotFound
// and ErrNotPending.
func (s *Sandbox) Review(webhookID string, approved bool) error {
	s.mu.Lock()
	sub := s.subs[webhookID]
	if sub == nil {
		s.mu.Unlock()
		return fmt.Errorf("review %q: %w", webhookID, ErrNotFound)
	}
	if sub.Status != statusPendingReview {
		defer s.mu.Unlock()
		return fmt.Errorf("review %q: %w: it is %s", webhookID, ErrNotPending, sub.Status)
	}
	if approved {
		s.approve(sub)
	} else {
		sub.generation++
		s.changeStatus(sub, statusBlocked, "url rejected")
	}
	s.mu.Unlock()
	return s.save()
}
