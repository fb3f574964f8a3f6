package cybs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Kind is what a notification tells of, and so which of its typed accessors applies.
type Kind string

// The kinds, each with the accessor that reads it. Payloads of the last four are published nowhere; read their Data.
const (
	KindPayment            Kind = "payment"             // Payment: payments, card processing, Unified Checkout
	KindAlternativePayment Kind = "alternative-payment" // AlternativePayment
	KindECheck             Kind = "echeck"              // ECheck
	KindNetworkToken       Kind = "network-token"       // NetworkToken: all of token management
	KindInvoice            Kind = "invoice"             // Invoice
	KindDecision           Kind = "decision"            // Decision: Decision Manager and Fraud Management Essentials
	KindPayByLink          Kind = "pay-by-link"         // PayByLink
	KindTest               Kind = "test"                // TestMessage
	KindRecurringCharge    Kind = "recurring-charge"
	KindTerminal           Kind = "terminal"
	KindAcceptance         Kind = "secure-acceptance"
	KindUnknown            Kind = "unknown"
)

// Why a payload could not be read as what was asked for.
var (
	// ErrNoPayload means: the notification has no payload in any known form.
	ErrNoPayload = errors.New("notification has no payload")
	// ErrStillEncrypted means: the payload is encrypted; see OpenNotification.
	ErrStillEncrypted = errors.New("notification is encrypted")
	// ErrOtherKind means: the notification tells of something else.
	ErrOtherKind = errors.New("notification is of another kind")
)

// Kind tells what the notification is about, by its event type and, where that says nothing, by its product.
func (n *Notification) Kind() Kind {
	event := strings.ToLower(n.EventType)
	switch prefix, rest, _ := strings.Cut(event, "."); {
	case n.Test:
		return KindTest
	case prefix == "tms":
		return KindNetworkToken
	case prefix == "invoicing":
		return KindInvoice
	case prefix == "risk":
		return KindDecision
	case prefix == "paybylink":
		return KindPayByLink
	case prefix == "rbs":
		return KindRecurringCharge
	case prefix == "terminalmanagement":
		return KindTerminal
	case prefix == "sa":
		return KindAcceptance
	case prefix == "uc":
		return KindPayment
	case prefix == "payments" && rest == "payments.updated":
		return KindAlternativePayment
	case prefix == "payments" && (strings.HasSuffix(rest, "s.accepted") || strings.HasSuffix(rest, "s.failed")) && strings.Count(rest, ".") == 1:
		return KindECheck // payments.voids.failed, but not payments.void.status.accepted
	case prefix == "payments":
		return KindPayment
	}
	return kindOfProduct(n.ProductID)
}

func kindOfProduct(productID string) Kind {
	switch strings.ToLower(productID) {
	case "tokenmanagement", "ctnetworktokensubscription":
		return KindNetworkToken
	case "customerinvoicing", "invoicing":
		return KindInvoice
	case "decisionmanager", "fraudmanagementessentials":
		return KindDecision
	case "paybylink":
		return KindPayByLink
	case "payments", "unifiedcheckout", "cardprocessing":
		return KindPayment
	case "alternativepaymentmethods":
		return KindAlternativePayment
	case "echeck":
		return KindECheck
	case "recurringbilling":
		return KindRecurringCharge
	}
	return KindUnknown
}

// EventData is one event of a notification, in Cybersource's own bytes.
type EventData struct {
	// OrganizationID is where it happened; empty where the payload does not say.
	OrganizationID string
	// Data is the data member, or the whole payload where it has none.
	Data json.RawMessage
}

// Data returns the events of a notification in whatever form it came: almost always one, several only in the forms with
// an array. It returns ErrNoPayload or ErrStillEncrypted where there are none, and ErrNotJSON or ErrTooDeep for a text that
// is no JSON.
func (n *Notification) Data() ([]EventData, error) {
	if n.Form == FormEncrypted {
		return nil, ErrStillEncrypted
	}
	payload := n.Payload
	if n.Form == FormV3Text {
		text := []byte(unquote(payload[1 : len(payload)-1]))
		s := scanner{data: text}
		if err := s.document(nil); err != nil {
			return nil, fmt.Errorf("payload text: %w", err)
		}
		payload = bytes.TrimSpace(text)
	}
	var items []json.RawMessage // of its own: decoding writes into what is there
	switch {
	case len(payload) == 0 || payload[0] != '{' && payload[0] != '[':
		return nil, ErrNoPayload
	case payload[0] == '{':
		items = append(items, payload)
	default:
		if err := json.Unmarshal(payload, &items); err != nil {
			return nil, fmt.Errorf("payload: %w", ErrNotJSON) // Form says that it is JSON, so this does not happen
		}
	}
	var events []EventData
	for _, item := range items {
		if item = bytes.TrimSpace(item); len(item) == 0 || item[0] != '{' {
			continue
		}
		m := newMembers(item)
		event := EventData{OrganizationID: cleanText(m.text("organizationId"), maxMember), Data: item}
		if data := bytes.TrimSpace(m["data"]); len(data) > 0 && data[0] == '{' {
			event.Data = data
		}
		events = append(events, event)
	}
	if len(events) == 0 {
		return nil, ErrNoPayload
	}
	return events, nil
}

// first returns the data of the first event, after checking that the notification is of the kind.
func (n *Notification) first(want Kind) (EventData, error) {
	if got := n.Kind(); got != want && got != KindUnknown {
		return EventData{}, fmt.Errorf("read %s: %w: %s", want, ErrOtherKind, got)
	}
	events, err := n.Data()
	if err != nil {
		return EventData{}, fmt.Errorf("read %s: %w", want, err)
	}
	return events[0], nil
}

// TestMessage is what Cybersource says in a test notification.
func (n *Notification) TestMessage() (string, error) {
	data, err := n.first(KindTest)
	if err != nil {
		return "", err
	}
	m := newMembers(data.Data)
	return m.object("testPayload").text("message"), nil
}

// Link leads to something in Cybersource's API.
type Link struct {
	Method string // empty where it is not said
	Href   string // a path, relative to the API's host
	ID     string
	// State is that of a network token: ACTIVE, SUSPENDED or DELETED; empty where it did not change.
	State string
	Extra map[string]json.RawMessage
}

func (m members) link() Link {
	return Link{Method: m.text("method"), Href: m.text("href"), ID: m.text("id"), State: m.text("state"), Extra: m.rest()}
}

// links takes a list of links, or a single one.
func (m members) links(name string) []Link {
	var list []Link
	for _, item := range m.objects(name) {
		list = append(list, item.link())
	}
	return list
}
