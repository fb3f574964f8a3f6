package receiver

import (
	"bytes"
	"encoding/json"
	"strings"
)

const (
	maxSummary  = 200
	maxObjectID = 128
)

// summarize reads a masked payload for lists, in the shapes of reference section 8.3: the id of its object, and one line with status, amount, reason and the merchant's own number.
func summarize(payload []byte, test bool) (objectID, summary string) {
	if test {
		return "", "Test notification"
	}
	data := dataOf(payload)
	objectID = clip(clean(first(data, "id", "details.id", "transactionResult.details.id", "linkId", "transactionId", "invoiceNumber", "invoiceInformation.invoiceNumber",
		"reconciliationId", "referenceNumber", "requestId", "transaction_id", "terminalId", "batchId", "noticeId")), maxObjectID)
	status := first(data, "status", "outcome", "details.status", "transactionResult.details.status", "processorInformation.eventStatus", "state", "reason", "decision", "severity")
	parts := []string{strings.TrimSpace(status + " " + amount(data))}
	if reason := first(data, "reason", "errorInformation.reason", "details.errorInformation.reason"); reason != status {
		parts = append(parts, reason)
	}
	if state := tokenState(data); state != status {
		parts = append(parts, state)
	}
	if invoice := first(data, "invoiceNumber", "invoiceInformation.invoiceNumber"); invoice != "" {
		parts = append(parts, "invoice "+invoice)
	} else {
		parts = append(parts, first(data, "clientReferenceInformation.code", "details.clientReferenceInformation.code", "transactionResult.details.clientReferenceInformation.code", "referenceNumber",
			"req_reference_number", "subject"))
	}
	var line strings.Builder
	for _, p := range parts {
		if p == "" {
			continue
		}
		if line.Len() > 0 {
			line.WriteString(" · ")
		}
		line.WriteString(p)
	}
	return objectID, clip(clean(line.String()), maxSummary)
}

func amount(data object) string {
	for _, prefix := range [...]string{"", "details.", "transactionResult.details."} {
		details := prefix + "orderInformation.amountDetails."
		if sum := first(data, details+"authorizedAmount", details+"totalAmount", details+"amount"); sum != "" {
			return strings.TrimSpace(sum + " " + first(data, details+"currency"))
		}
	}
	sum := first(data, "totalAmount", "amount", "invoiceBalance", "balanceAmount", "req_amount")
	if sum == "" {
		return ""
	}
	return strings.TrimSpace(sum + " " + first(data, "currency", "req_currency"))
}

// tokenState is the state of the token that a token notification is about.
func tokenState(data object) string {
	tokens := data.object("_links").value("tokenized-cards")
	if len(tokens) == 0 || tokens[0] != '[' {
		return ""
	}
	return text(readObject(firstElement(tokens)), "state")
}

// dataOf returns what the event is about: payload.data, the data of the first of several, or the payload itself.
func dataOf(payload []byte) object {
	if len(payload) > 0 && payload[0] == '"' {
		var inner string
		if json.Unmarshal(payload, &inner) == nil && json.Valid([]byte(inner)) {
			payload = bytes.TrimSpace([]byte(inner))
		}
	}
	if len(payload) > 0 && payload[0] == '[' {
		payload = firstElement(payload)
	}
	whole := readObject(payload)
	if data := whole.object("data"); data != nil {
		return data
	}
	return whole
}

// first returns the first text or number that stands at one of the places.
func first(data object, places ...string) string {
	for _, place := range places {
		if found := text(data, place); found != "" {
			return found
		}
	}
	return ""
}

// text is the string or number at a place, "" when there is none.
func text(data object, place string) string {
	for {
		name, rest, nested := strings.Cut(place, ".")
		if !nested {
			return data.text(name)
		}
		data, place = data.object(name), rest
	}
}

// clip cuts at a character's edge.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
