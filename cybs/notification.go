package cybs

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Names of the headers of a notification, in the form in which net/http keeps them.
const (
	HeaderSignature          = "V-C-Signature"
	HeaderEventType          = "V-C-Event-Type"
	HeaderOrganizationID     = "V-C-Organization-Id"
	HeaderProductName        = "V-C-Product-Name"
	HeaderRequestType        = "V-C-Request-Type"
	HeaderRetryCount         = "V-C-Retry-Count"
	HeaderTransactionTraceID = "V-C-Transaction-Trace-Id"
	HeaderWebhookID          = "V-C-Webhook-Id"
)

// Form is the shape in which a notification came.
type Form string

// The forms that were seen or documented.
const (
	// FormV3Object is today's envelope with an object as payload.
	FormV3Object Form = "v3-object"
	// FormV3Array is today's envelope with an array of objects as payload, as official token receivers read it.
	FormV3Array Form = "v3-array"
	// FormV3Text is today's envelope with JSON text in a string as payload.
	FormV3Text Form = "v3-text"
	// FormPayloads2023 is the envelope of 2023 with a payloads array.
	FormPayloads2023 Form = "payloads-2023"
	// FormTest is what the test call makes Cybersource send: payloads is an object.
	FormTest Form = "test"
	// FormEncrypted is a JWE: the body, a member around it, or the payload.
	FormEncrypted Form = "encrypted"
	// FormUnknown is anything else, JSON or not.
	FormUnknown Form = "unknown"
)

// maxMember is how many bytes of a member or header are kept. Real ones have at most 70.
const maxMember = 512

// Notification is what a delivery says. Its texts come from whoever delivered it and are cleaned: invalid UTF-8 and
// control characters (NUL among them) are replaced by U+FFFD, and each is cut after 512 bytes. Payload and Body are
// the original bytes and share their memory with the body that was parsed.
type Notification struct {
	EventType          string
	WebhookID          string
	ProductID          string
	OrganizationID     string // the subscriber
	TransactionTraceID string // of this attempt
	RequestType        string // NEW, or a retry
	NotificationID     string // only in the form of 2023
	RetryNumber        int
	// EventDate is the text, EventTime what it means; a date without a zone is taken for UTC, and one that cannot be
	// read is the zero time.
	EventDate string
	EventTime time.Time
	Form      Form
	// Test is whether Cybersource sent it because a test was asked for.
	Test bool
	// EventOrganizationID is the organization where the event happened; of several payloads, the first one's.
	EventOrganizationID string
	// Payload is the payload (or payloads) member exactly as it stands in the body; nil when there is none.
	Payload json.RawMessage
	// JWE is the encrypted part in compact form, when Form is FormEncrypted.
	JWE []byte
	// Encryption is how it was encrypted; nil when it was not, or was not opened (see OpenNotification).
	Encryption *Opened
	// Conflicts names the members, as the body spells them, that header and body have with different values.
	Conflicts []string
	// Duplicates names the known members that the body has more than once; the last one counts.
	Duplicates []string
	// Body is the body as it was received.
	Body []byte
}

// ParseNotification reads a delivery in any of its forms. What both header and body say is taken from the body.
//
// The notification is never nil: with an error (ErrNotJSON or ErrTooDeep) it holds what the headers say, and Form is
// FormUnknown. JSON that is no notification is FormUnknown without an error. An encrypted notification is only
// recognised; [OpenNotification] decrypts it.
func ParseNotification(h http.Header, body []byte) (*Notification, error) {
	n := &Notification{
		EventType: header(h, HeaderEventType), WebhookID: header(h, HeaderWebhookID), ProductID: header(h, HeaderProductName),
		OrganizationID: header(h, HeaderOrganizationID), TransactionTraceID: header(h, HeaderTransactionTraceID),
		RequestType: header(h, HeaderRequestType), RetryNumber: parseRetryNumber(h.Get(HeaderRetryCount)),
		Form: FormUnknown, Body: body,
	}
	if text := bareJWE(body); text != nil {
		n.Form, n.JWE = FormEncrypted, text
		return n, nil
	}
	env, err := scanEnvelope(body)
	if err != nil {
		return n, err
	}
	n.fill(h, env)
	return n, nil
}

func header(h http.Header, name string) string { return cleanText(h.Get(name), maxMember) }

// fill takes over what the body has.
func (n *Notification) fill(h http.Header, env envelope) {
	n.Duplicates = env.duplicates
	n.take(&n.EventType, "eventType", env.eventType)
	n.take(&n.WebhookID, "webhookId", env.webhookID)
	n.take(&n.ProductID, "productId", env.productID)
	n.take(&n.OrganizationID, "organizationId", env.organizationID)
	n.take(&n.TransactionTraceID, "transactionTraceId", env.transactionTraceID)
	n.take(&n.RequestType, "requestType", env.requestType)
	n.take(&n.NotificationID, "notificationId", env.notificationID)
	n.take(&n.EventDate, "eventDate", env.eventDate)
	n.EventTime = parseTime(n.EventDate)
	if text := memberText(env.retryNumber); text != "" {
		number := parseRetryNumber(text)
		if h.Get(HeaderRetryCount) != "" && number != n.RetryNumber {
			n.Conflicts = append(n.Conflicts, "retryNumber")
		}
		n.RetryNumber = number
	}
	n.Form, n.JWE = env.form()
	n.Test = n.Form == FormTest
	n.Payload = env.data()
	n.EventOrganizationID = payloadOrganization(n.Payload)
}

// firstEventTime is before any webhook of Cybersource's, and mostAhead beyond what a clock and a date without a zone can be ahead.
var firstEventTime = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)

const mostAhead = 24 * time.Hour

// PossibleEventTime is an event time if it can be right for a notification that arrived at a time, otherwise the zero time. With most
// signatures the event date is not signed, so it can be any.
func PossibleEventTime(event, arrived time.Time) time.Time {
	if event.Before(firstEventTime) || event.After(arrived.Add(mostAhead)) {
		return time.Time{}
	}
	return event
}

// take sets field from the body's member and notes when the header said something else. Case is no difference.
func (n *Notification) take(field *string, name string, member []byte) {
	text := memberText(member)
	if text == "" {
		return
	}
	if *field != "" && !strings.EqualFold(*field, text) {
		n.Conflicts = append(n.Conflicts, name)
	}
	*field = text
}

// parseRetryNumber reads a count; what is none is 0, and what is too large is held at the bound of 32 bits.
func parseRetryNumber(s string) int {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if n < 0 || err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0
	}
	return int(min(n, math.MaxInt32))
}

// payloadOrganization finds organizationId in a payload, or in the first object of an array of them.
func payloadOrganization(payload []byte) string {
	if len(payload) == 0 {
		return ""
	}
	s := scanner{data: payload}
	if payload[0] == '[' {
		s.pos++
		s.space()
	}
	if s.peek() != '{' {
		return ""
	}
	var organization []byte
	err := s.object(1, func(name, value []byte) {
		if string(name) == "organizationId" {
			organization = value
		}
	})
	if err != nil {
		return ""
	}
	return memberText(organization)
}
