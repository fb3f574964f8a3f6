package sandbox

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/switchboardhq/switchboard/cybs"
)

// createSubscription answers POST …/webhooks of both versions.
func (s *Sandbox) createSubscription(c *call) error {
	var req subscriptionRequest
	if err := s.decode(c.body, &req); err != nil {
		return err
	}
	sub := &subscription{ID: newID(), RetryPolicy: cybs.DefaultRetryPolicy(), Scope: defaultScope(c.v1), Security: defaultSecurity()}
	in := input{config: &s.cfg, v1: c.v1}
	in.apply(sub, req)
	in.require(sub, req)
	if id, ok := s.mayUse(c.who.Owner, sub.OrganizationID); ok {
		sub.OrganizationID = id
	} else if sub.OrganizationID != "" {
		in.invalid("organizationId")
	}
	if len(in.bad) > 0 {
		return s.badRequest("One or more fields are missing or invalid.", in.bad...)
	}
	if err := s.insert(sub); err != nil {
		return err
	}
	if err := s.save(); err != nil {
		return err
	}
	s.mu.Lock()
	answer := s.show(sub, c.v1)
	s.mu.Unlock()
	writeJSON(c.w, http.StatusCreated, answer)
	return nil
}

// insert keeps a new subscription and sets its life going.
func (s *Sandbox) insert(sub *subscription) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subscribed(sub.OrganizationID, sub.Products, "") {
		return s.badRequest("Record already exists")
	}
	if len(s.subs) >= s.cfg.Limits.Subscriptions {
		return s.badRequest("Too many subscriptions")
	}
	sub.CreatedAt = s.cfg.Now()
	s.subs[sub.ID] = sub
	s.admit(sub)
	return nil
}

// find returns a subscription the caller may see. The caller holds mu.
func (s *Sandbox) find(c *call) (*subscription, error) {
	id := c.r.PathValue("webhookId")
	sub := s.subs[id]
	if sub == nil || !s.isWithin(sub.OrganizationID, c.who.Owner) {
		return nil, notFound("Webhook "+id+" not found", c.v1)
	}
	return sub, nil
}

// getSubscription answers GET …/webhooks/{webhookId}.
func (s *Sandbox) getSubscription(c *call) error {
	s.mu.Lock()
	sub, err := s.find(c)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	answer := s.show(sub, false)
	s.mu.Unlock()
	writeJSON(c.w, http.StatusOK, answer)
	return nil
}

// listSubscriptions answers GET …/webhooks. Version 1 needs all three filters.
func (s *Sandbox) listSubscriptions(c *call) error {
	q := c.r.URL.Query()
	need := []string{"organizationId", q.Get("organizationId")}
	if c.v1 {
		need = append(need, "productId", q.Get("productId"), "eventType", q.Get("eventType"))
	}
	if bad := missing(need...); len(bad) > 0 {
		return s.badRequest("One or more fields are missing.", bad...)
	}
	organizationID, _ := s.mayUse(c.who.Owner, q.Get("organizationId"))
	list := []webhook{}
	s.mu.Lock()
	for _, sub := range s.sortedSubscriptions() {
		if sub.OrganizationID == organizationID && sub.matches(q.Get("productId"), q.Get("eventType")) {
			list = append(list, s.show(sub, false))
		}
	}
	s.mu.Unlock()
	if len(list) == 0 && !s.cfg.API.ListEmptyAsArray {
		return notFound("No webhooks found", c.v1)
	}
	writeJSON(c.w, http.StatusOK, list)
	return nil
}

// matches is the list's filter; empty values match everything.
func (sub *subscription) matches(productID, eventType string) bool {
	return slices.ContainsFunc(sub.Products, func(p subscribedProduct) bool {
		return (productID == "" || p.ProductID == productID) && (eventType == "" || slices.Contains(p.EventTypes, eventType))
	})
}

// updateSubscription answers PATCH …/webhooks/{webhookId}. A new URL starts
// review and activation again. Version 1 answers nothing and may set the status.
func (s *Sandbox) updateSubscription(c *call) error {
	var req subscriptionRequest
	if err := s.decode(c.body, &req); err != nil {
		return err
	}
	answer, err := s.update(c, req)
	if err != nil {
		return err
	}
	if err := s.save(); err != nil {
		return err
	}
	if c.v1 {
		c.w.WriteHeader(http.StatusOK)
		return nil
	}
	writeJSON(c.w, http.StatusOK, answer)
	return nil
}

func (s *Sandbox) update(c *call, req subscriptionRequest) (webhook, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, err := s.find(c)
	if err != nil {
		return webhook{}, err
	}
	changed := *sub
	in := input{config: &s.cfg, v1: c.v1, patch: true}
	in.apply(&changed, req)
	if req.OrganizationID != nil {
		o := s.findOrganization(changed.OrganizationID)
		if o == nil || !s.isWithin(o.OrganizationID, c.who.Owner) {
			in.invalid("organizationId")
		} else {
			changed.OrganizationID = o.OrganizationID
		}
	}
	if len(in.bad) > 0 {
		return webhook{}, s.badRequest("One or more fields are missing or invalid.", in.bad...)
	}
	if s.subscribed(changed.OrganizationID, changed.Products, sub.ID) {
		return webhook{}, s.badRequest("Record already exists")
	}
	newURL := !slices.Equal(sub.urls(), changed.urls())
	toStatus := c.v1 && req.Status != nil && !newURL
	if toStatus {
		if err := s.checkStatus(sub, *req.Status); err != nil {
			return webhook{}, err
		}
	}
	changed.UpdatedAt = s.cfg.Now()
	*sub = changed
	switch {
	case newURL:
		sub.Deactivated = false
		s.admit(sub)
	case toStatus:
		s.applyStatus(sub, *req.Status)
	default:
		s.notify()
	}
	return s.show(sub, false), nil
}

// setStatus answers PUT …/webhooks/{webhookId}/status.
func (s *Sandbox) setStatus(c *call) error {
	var req struct {
		Status *string `json:"status"`
	}
	if err := s.decode(c.body, &req); err != nil {
		return err
	}
	status := string(statusInactive) // the documented default
	if req.Status != nil {
		status = *req.Status
	}
	s.mu.Lock()
	sub, err := s.find(c)
	if err == nil {
		err = s.checkStatus(sub, status)
	}
	if err == nil {
		s.applyStatus(sub, status)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if err := s.save(); err != nil {
		return err
	}
	if s.cfg.API.StatusEmptyBody {
		c.w.WriteHeader(http.StatusOK)
		return nil
	}
	writeJSON(c.w, http.StatusOK, map[string]string{"status": status})
	return nil
}

// checkStatus refuses what a person may not ask for. The caller holds mu.
func (s *Sandbox) checkStatus(sub *subscription, status string) error {
	if sub.reviewed() && !s.cfg.API.StatusWhileReviewed {
		return s.badRequest(fmt.Sprintf("The status cannot be changed while it is %s", sub.Status), fieldError{"status", reasonInvalid})
	}
	if status != string(statusActive) && status != string(statusInactive) {
		return s.badRequest("One or more fields are invalid.", fieldError{"status", reasonInvalid})
	}
	return nil
}

// applyStatus does what a person asked for. The caller holds mu.
func (s *Sandbox) applyStatus(sub *subscription, status string) {
	sub.Deactivated = status == string(statusInactive)
	if !sub.Deactivated {
		s.activate(sub, "requested")
		return
	}
	sub.generation++
	s.changeStatus(sub, statusInactive, "requested")
}

// deleteSubscription answers DELETE …/webhooks/{webhookId}: everything stops and
// what waits is dropped.
func (s *Sandbox) deleteSubscription(c *call) error {
	s.mu.Lock()
	sub, err := s.find(c)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	sub.generation++
	delete(s.subs, sub.ID)
	for id, m := range s.messages {
		if m.WebhookID == sub.ID {
			delete(s.messages, id)
		}
	}
	s.history.forget(sub.ID)
	s.notify()
	s.mu.Unlock()
	if err := s.save(); err != nil {
		return err
	}
	if s.cfg.API.DeleteNoContent {
		c.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	writeJSON(c.w, http.StatusOK, map[string]string{"status": "successfully deleted"})
	return nil
}
