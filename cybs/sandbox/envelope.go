package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

// envelope is a notification of format version 3.
type envelope struct {
	EventType      string          `json:"eventType"`
	WebhookID      string          `json:"webhookId"`
	ProductID      string          `json:"productId"`
	OrganizationID string          `json:"organizationId"`
	EventDate      string          `json:"eventDate"`
	TraceID        string          `json:"transactionTraceId"`
	RetryNumber    int             `json:"retryNumber"`
	Payload        json.RawMessage `json:"payload"`
	RequestType    string          `json:"requestType"`
}

// legacyEnvelope is the form of 2023.
type legacyEnvelope struct {
	NotificationID string          `json:"notificationId"`
	RetryNumber    int             `json:"retryNumber"`
	EventType      string          `json:"eventType"`
	EventDate      string          `json:"eventDate"`
	WebhookID      string          `json:"webhookId"`
	Payloads       json.RawMessage `json:"payloads"`
}

// errNoKey says why a notification cannot be sent: without a digital signature
// key of the organization nothing is delivered.
var errNoKey = errors.New("organization has no digital signature key")

// VariantOf says which bytes are signed for a product: the payload member for
// the products whose receivers were seen to check that, the whole body for the
// others, or what Config.Delivery.Variants says.
func (s *Sandbox) VariantOf(productID string) cybs.Variant {
	if v, ok := s.cfg.Delivery.Variants[productID]; ok {
		return v
	}
	switch productID {
	case "tokenManagement", "decisionManager", "fraudManagementEssentials", "customerInvoicing":
		return cybs.VariantPayloadRaw
	}
	return cybs.VariantBody
}

// compose builds and signs the next attempt at a message. The caller holds mu.
func (s *Sandbox) compose(sub *subscription, m *message, a *Attempt) (outgoing, error) {
	key, ok := s.signingKey(sub.OrganizationID)
	if !ok {
		return outgoing{}, errNoKey
	}
	a.TraceID, a.RequestType = m.TraceID, s.requestType(m)
	if m.Retry > 0 || a.TraceID == "" || len(m.Traces) > 0 {
		a.TraceID = newTraceID()
	}
	w, err := s.wire(sub, m, a)
	if err != nil {
		return outgoing{}, err
	}
	token, err := s.grantFor(sub)
	if err != nil {
		return outgoing{}, err
	}
	a.Encrypted = w.encrypted
	at := s.cfg.Now()
	if s.cfg.Delivery.FirstTimestamp && !m.FirstAt.IsZero() {
		at = m.FirstAt
	}
	draft := draft{
		key: cybs.Key{ID: key.ID, Secret: key.Secret}, previous: s.previousKey(sub.OrganizationID),
		at: at, signed: w.signed,
		out: outgoing{method: http.MethodPost, url: sub.WebhookURL, header: s.notificationHeader(a), body: w.body, grant: token, lost: lostFor(m)},
	}
	if err := m.Fault.before(&draft); err != nil {
		return outgoing{}, err
	}
	draft.out.header[s.headerName("v-c-signature")] = []string{draft.signature()}
	m.Fault.after(&draft, s.headerName("v-c-signature"))
	if m.Fault == FaultSlowSender {
		draft.out.slow = s.cfg.Delivery.SlowSendTime
	}
	return draft.out, nil
}

// requestType is NEW for a first attempt, and one of the unpublished words else.
func (s *Sandbox) requestType(m *message) string {
	switch {
	case m.Replayed:
		return s.cfg.Delivery.ReplayRequestType
	case m.Retry > 0:
		return s.cfg.Delivery.RetryRequestType
	}
	return "NEW"
}

// wire encodes a message, encrypted where its event asks for that. The caller
// holds mu.
func (s *Sandbox) wire(sub *subscription, m *message, a *Attempt) (wire, error) {
	payload, err := s.shapePayload(sub, m)
	if err != nil {
		return wire{}, err
	}
	envelope := func(payload json.RawMessage) ([]byte, error) { return s.encodeEnvelope(sub, m, a, payload) }
	body, err := envelope(payload)
	if err != nil || !s.encrypts(sub.OrganizationID, m.ProductID, m.EventType) {
		return s.plainWire(m, body, payload), err
	}
	certificate, err := s.encryptionCertificate(sub.OrganizationID)
	if err != nil {
		return wire{}, err
	}
	return s.sealedWire(m, certificate, body, payload, envelope)
}

func newTraceID() string { return newID() + "-0" }

// previousKey is the one before the newest, with an empty id if there is none.
// The caller holds mu.
func (s *Sandbox) previousKey(organizationID string) cybs.Key {
	keys := s.sigKeys[organizationID]
	if len(keys) < 2 {
		return cybs.Key{}
	}
	k := keys[len(keys)-2]
	return cybs.Key{ID: k.ID, Secret: k.Secret}
}

// shapePayload applies the array form and makes the bytes compact, so that what
// is signed is what is sent.
func (s *Sandbox) shapePayload(sub *subscription, m *message) (json.RawMessage, error) {
	payload, err := encodeJSON(m.Payload)
	if err != nil {
		return nil, err
	}
	if s.cfg.Delivery.LegacyEnvelope || sub.ArrayPayload || slices.Contains(s.cfg.Delivery.ArrayPayload, m.ProductID) {
		payload = slices.Concat([]byte("["), payload, []byte("]"))
	}
	return payload, nil
}

func (s *Sandbox) encodeEnvelope(sub *subscription, m *message, a *Attempt, payload json.RawMessage) ([]byte, error) {
	if s.cfg.Delivery.LegacyEnvelope {
		return encodeJSON(legacyEnvelope{
			NotificationID: m.ID, RetryNumber: m.Retry, EventType: m.EventType,
			EventDate: m.EventDate.Format("2006-01-02T15:04:05.000-07:00"), WebhookID: sub.ID, Payloads: payload,
		})
	}
	return encodeJSON(envelope{
		EventType: m.EventType, WebhookID: sub.ID, ProductID: m.ProductID, OrganizationID: sub.OrganizationID,
		EventDate: eventDate(m.EventDate), TraceID: a.TraceID, RetryNumber: m.Retry, Payload: payload, RequestType: a.RequestType,
	})
}

// eventDate is the zoneless form of version 3, in UTC.
func eventDate(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05") }

// notificationHeader names are put as they are, past net/http's canonical case:
// Cybersource sends them in lower case.
func (s *Sandbox) notificationHeader(a *Attempt) http.Header {
	h := http.Header{"Content-Type": {"application/json"}, "User-Agent": {userAgent}}
	for name, value := range map[string]string{
		"v-c-event-type": a.EventType, "v-c-organization-id": a.OrganizationID, "v-c-product-name": a.ProductID,
		"v-c-request-type": a.RequestType, "v-c-retry-count": strconv.Itoa(a.RetryNumber),
		"v-c-transaction-trace-id": a.TraceID, "v-c-webhook-id": a.WebhookID,
	} {
		h[s.headerName(name)] = []string{value}
	}
	return h
}

func (s *Sandbox) headerName(name string) string {
	if s.cfg.Delivery.MixedCaseHeaders {
		return http.CanonicalHeaderKey(name)
	}
	return name
}
