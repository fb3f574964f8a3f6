package cybs

import (
	"bytes"
	"encoding/json"
)

// envelope holds the known members of a notification, each as its bytes in the body.
type envelope struct {
	eventType, webhookID, productID, organizationID, eventDate   []byte
	transactionTraceID, retryNumber, requestType, notificationID []byte

	payload, payloads []byte
	jwe               []byte // the member around a JWE
	jweMember         string // its name
	duplicates        []string
}

// scanEnvelope finds the members. A body that is JSON but no object has none.
func scanEnvelope(body []byte) (envelope, error) {
	var e envelope
	s := scanner{data: body}
	err := s.document(func(name, value []byte) {
		if bytes.IndexByte(name, '\\') >= 0 {
			name = []byte(unquote(name))
		}
		if place := e.place(name); place != nil {
			if *place != nil {
				e.duplicates = append(e.duplicates, string(name))
			}
			*place = value
		}
	})
	return e, err
}

// place returns where the member's bytes are kept, nil for an unknown member.
func (e *envelope) place(name []byte) *[]byte {
	switch string(name) {
	case "eventType":
		return &e.eventType
	case "webhookId":
		return &e.webhookID
	case "productId":
		return &e.productID
	case "organizationId":
		return &e.organizationID
	case "eventDate":
		return &e.eventDate
	case "transactionTraceId":
		return &e.transactionTraceID
	case "retryNumber":
		return &e.retryNumber
	case "requestType":
		return &e.requestType
	case "notificationId":
		return &e.notificationID
	case "payload":
		return &e.payload
	case "payloads":
		return &e.payloads
	case "encData", "encryptedRequest", "encryptedPayload", "encryptedResponse":
		e.jweMember = string(name)
		return &e.jwe
	}
	return nil
}

// data is the member with the event's data: payload, or payloads in old and test notifications.
func (e *envelope) data() []byte {
	if e.payloads != nil && (e.payload == nil || string(e.payload) == "null") {
		return e.payloads
	}
	return e.payload
}

// form names the shape, and returns the JWE of an encrypted one.
func (e *envelope) form() (Form, []byte) {
	for _, member := range [...][]byte{e.payload, e.jwe} {
		if jwe := bytes.Trim(member, `"`); isCompactJWE(jwe) {
			return FormEncrypted, jwe
		}
	}
	if data := e.data(); len(data) > 0 {
		old := e.payload == nil || string(e.payload) == "null"
		switch {
		case data[0] == '{' && old:
			return FormTest, nil
		case data[0] == '{':
			return FormV3Object, nil
		case data[0] == '[' && old:
			return FormPayloads2023, nil
		case data[0] == '[':
			return FormV3Array, nil
		case data[0] == '"' && !old:
			return FormV3Text, nil
		}
	}
	return FormUnknown, nil
}

// isCompactJWE reports whether b looks like five parts of base64url with a header, an initialisation vector and a tag.
// An object that holds such a text does not.
func isCompactJWE(b []byte) bool {
	if !bytes.HasPrefix(b, []byte("eyJ")) || b[len(b)-1] == '.' {
		return false
	}
	dots := 0
	for _, c := range b {
		switch {
		case c == '.':
			dots++
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return dots == 4
}

// memberText is a string or number as clean text, empty for any other value.
func memberText(value []byte) string {
	if len(value) == 0 {
		return ""
	}
	switch value[0] {
	case '"':
		return cleanText(unquote(value[1:len(value)-1]), maxMember)
	case '{', '[', 't', 'f', 'n':
		return ""
	}
	return cleanText(string(value), maxMember)
}

// unquote decodes the inside of a JSON string.
func unquote(inside []byte) string {
	if bytes.IndexByte(inside, '\\') < 0 {
		return string(inside)
	}
	quoted := make([]byte, 0, len(inside)+2)
	quoted = append(append(append(quoted, '"'), inside...), '"')
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return "" // the scanner has accepted it, so this does not happen
	}
	return s
}
