package sandbox

import (
	"fmt"
	"net/http"

	"github.com/switchboardhq/switchboard/cybs"
)

// SubscriptionState is a subscription as the sandbox itself sees it.
type SubscriptionState struct {
	WebhookID      string      `json:"webhookId"`
	OrganizationID string      `json:"organizationId"`
	Name           string      `json:"name"`
	Status         cybs.Status `json:"status"`
	WebhookURL     string      `json:"webhookUrl"`
	HealthCheckURL string      `json:"healthCheckUrl,omitempty"`
	// Healthy is false after a ping or a last retry failed.
	Healthy bool `json:"healthy"`
	// Deactivated is true when a person, and not the sandbox, set INACTIVE.
	Deactivated bool `json:"deactivated"`
	Queued      int  `json:"queued"`
	Retrying    int  `json:"retrying"`
	Held        int  `json:"held"`
}

// Subscriptions lists all subscriptions with what waits for them.
func (s *Sandbox) Subscriptions() []SubscriptionState {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := map[string]map[messageState]int{}
	for _, m := range s.messages {
		if waiting[m.WebhookID] == nil {
			waiting[m.WebhookID] = map[messageState]int{}
		}
		waiting[m.WebhookID][m.State]++
	}
	list := []SubscriptionState{}
	for _, sub := range s.sortedSubscriptions() {
		w := waiting[sub.ID]
		list = append(list, SubscriptionState{
			WebhookID: sub.ID, OrganizationID: sub.OrganizationID, Name: sub.Name, Status: sub.Status,
			WebhookURL: sub.WebhookURL, HealthCheckURL: sub.HealthCheckURL, Healthy: !sub.Unhealthy, Deactivated: sub.Deactivated,
			Queued: w[stateQueued], Retrying: w[stateRetrying], Held: w[stateHeld],
		})
	}
	return list
}

func (s *Sandbox) adminSubscriptions(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.Subscriptions())
}

// SetArrayPayload makes the payload of one subscription's notifications a
// one-element array, which some receivers insist on, or an object again. The
// error is ErrNotFound.
func (s *Sandbox) SetArrayPayload(webhookID string, array bool) error {
	s.mu.Lock()
	sub := s.subs[webhookID]
	if sub == nil {
		s.mu.Unlock()
		return fmt.Errorf("set payload form of %q: %w", webhookID, ErrNotFound)
	}
	sub.ArrayPayload = array
	s.notify()
	s.mu.Unlock()
	return s.save()
}

func (s *Sandbox) adminSubscription(w http.ResponseWriter, r *http.Request) {
	var body struct {
		ArrayPayload bool `json:"arrayPayload"`
	}
	if !readAdmin(w, r, &body) {
		return
	}
	s.adminDone(w, s.SetArrayPayload(r.PathValue("webhookId"), body.ArrayPayload))
}
