package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

// userAgent is what a published capture shows.
const userAgent = "Vert.x-WebClient/3.9.8"

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

// outgoing is a request about to be sent.
type outgoing struct {
	method string
	url    string
	header http.Header
	body   []byte
	// truncated sends only half of the body it announces.
	truncated bool
	// twice sends the very same request again.
	twice bool
}

func (o outgoing) request(ctx context.Context) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, o.method, o.url, bytes.NewReader(o.body))
	if err != nil {
		return nil, err
	}
	if o.truncated {
		half := io.MultiReader(bytes.NewReader(o.body[:len(o.body)/2]), brokenReader{})
		req.Body, req.GetBody = io.NopCloser(half), nil
	}
	req.Header = o.header.Clone()
	return req, nil
}

// brokenReader ends a body before its announced length.
type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("body broken off on purpose") }

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
	a.TraceID, a.RequestType = m.TraceID, "NEW"
	if m.Retry > 0 {
		a.RequestType = s.cfg.Delivery.RetryRequestType
	}
	if m.Retry > 0 || a.TraceID == "" {
		a.TraceID = newTraceID()
	}
	payload, err := s.shapePayload(m)
	if err != nil {
		return outgoing{}, err
	}
	body, err := s.encodeEnvelope(sub, m, a, payload)
	if err != nil {
		return outgoing{}, err
	}
	signed := body
	if v := s.VariantOf(m.ProductID); v == cybs.VariantPayloadRaw || v == cybs.VariantPayloadCompact {
		signed = payload
	}
	draft := draft{
		key: cybs.Key{ID: key.ID, Secret: key.Secret}, previous: s.previousKey(sub.OrganizationID),
		at: s.cfg.Now(), signed: signed,
		out: outgoing{method: http.MethodPost, url: sub.WebhookURL, header: s.notificationHeader(a), body: body},
	}
	if err := m.Fault.before(&draft); err != nil {
		return outgoing{}, err
	}
	draft.out.header[s.headerName("v-c-signature")] = []string{cybs.Sign(draft.key, draft.at, draft.signed)}
	m.Fault.after(&draft, s.headerName("v-c-signature"))
	return draft.out, nil
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
func (s *Sandbox) shapePayload(m *message) (json.RawMessage, error) {
	payload, err := encodeJSON(m.Payload)
	if err != nil {
		return nil, err
	}
	if s.cfg.Delivery.LegacyEnvelope || slices.Contains(s.cfg.Delivery.ArrayPayload, m.ProductID) {
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
