package sandbox

import (
	"context"
	"net/http"
	"strconv"

	"github.com/switchboardhq/switchboard/cybs"
)

// testText is the published message.
const testText = "Yay! Your webhook integration worked! This is only a test and an example of what a webhook message " +
	"payload looks like. Thank you for using our test feature."

// testNotification is sent to the webhook URL and returned; it has payloads, an
// object, and retryNumber as text.
type testNotification struct {
	EventDate      string `json:"eventDate"`
	EventType      string `json:"eventType"`
	OrganizationID string `json:"organizationId"`
	Payloads       struct {
		TestPayload struct {
			Message string `json:"message"`
		} `json:"testPayload"`
	} `json:"payloads"`
	ProductID   string `json:"productId"`
	RequestType string `json:"requestType"`
	RetryNumber string `json:"retryNumber"`
	TraceID     string `json:"transactionTraceId"`
	WebhookID   string `json:"webhookId"`
}

// testSubscription answers POST /notification-subscriptions/v1/webhooks/{id}: it
// sends the test notification once, waits for the receiver, and returns what was
// sent whatever the receiver said. It re-activates a subscription that has no
// health check URL when the receiver answered.
func (s *Sandbox) testSubscription(c *call) error {
	note, a, out, err := s.prepareTest(c)
	if err != nil {
		return err
	}
	// The client may go; what was begun is finished.
	s.send(context.WithoutCancel(c.r.Context()), &a, out)
	delivered := s.successful(a)
	a.Outcome = OutcomeFailed
	if delivered {
		a.Outcome = OutcomeDelivered
	}
	s.mu.Lock()
	s.record(a)
	if sub := s.subs[a.WebhookID]; sub != nil && delivered && s.pingURL(sub) == "" && !sub.reviewed() && sub.Status != statusActive {
		sub.Deactivated = false
		s.activate(sub, "test answered")
	}
	s.mu.Unlock()
	writeJSON(c.w, s.cfg.API.TestStatusCode, note)
	return nil
}

func (s *Sandbox) prepareTest(c *call) (testNotification, Attempt, outgoing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var note testNotification
	sub, err := s.find(c)
	if err != nil {
		return note, Attempt{}, outgoing{}, err
	}
	key, ok := s.signingKey(sub.OrganizationID)
	switch {
	case !ok:
		return note, Attempt{}, outgoing{}, s.badRequest("No digital signature key exists for the organization.")
	case sub.reviewed():
		return note, Attempt{}, outgoing{}, s.badRequest("The webhook is " + string(sub.Status) + ".")
	}
	now := s.cfg.Now()
	p := sub.Products[0]
	note = testNotification{
		EventDate: eventDate(now), EventType: p.EventTypes[0], OrganizationID: sub.OrganizationID, ProductID: p.ProductID,
		RequestType: "NEW", RetryNumber: strconv.Itoa(0), TraceID: newID(), WebhookID: sub.ID,
	}
	note.Payloads.TestPayload.Message = testText
	body, err := encodeJSON(note)
	if err != nil {
		return note, Attempt{}, outgoing{}, err
	}
	a := Attempt{
		Kind: KindTest, At: now, WebhookID: sub.ID, OrganizationID: sub.OrganizationID, ProductID: p.ProductID,
		EventType: note.EventType, TraceID: note.TraceID, RequestType: note.RequestType, URL: sub.WebhookURL,
	}
	out := outgoing{method: http.MethodPost, url: sub.WebhookURL, header: s.notificationHeader(&a), body: body}
	if out.grant, err = s.grantFor(sub); err != nil {
		return note, a, out, s.badRequest("The webhook cannot be tested: " + err.Error() + ".")
	}
	out.header[s.headerName("v-c-signature")] = []string{cybs.Sign(cybs.Key{ID: key.ID, Secret: key.Secret}, now, body)}
	return note, a, out, nil
}
