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

// objectPlaces are where the id of what a notification is about stands, best first; reference section 8.3 has the shapes.
var objectPlaces = []string{"id", "details.id", "transactionResult.details.id", "linkId", "transactionId", "invoiceNumber", "invoiceInformation.invoiceNumber", "reconciliationId", "referenceNumber", "requestId"}

// Where the parts of a summary stand.
var (
	statusPlaces   = []string{"status", "outcome", "details.status", "transactionResult.details.status", "processorInformation.eventStatus", "state", "reason"}
	amountPlaces   = []string{"orderInformation.amountDetails.authorizedAmount", "orderInformation.amountDetails.totalAmount", "orderInformation.amountDetails.amount", "details.orderInformation.amountDetails.authorizedAmount", "details.orderInformation.amountDetails.totalAmount", "totalAmount", "amount", "invoiceBalance", "balanceAmount"}
	currencyPlaces = []string{"orderInformation.amountDetails.currency", "details.orderInformation.amountDetails.currency", "currency"}
	invoicePlaces  = []string{"invoiceNumber", "invoiceInformation.invoiceNumber"}
	orderPlaces    = []string{"clientReferenceInformation.code", "details.clientReferenceInformation.code", "transactionResult.details.clientReferenceInformation.code", "referenceNumber"}
	reasonPlaces   = []string{"reason", "errorInformation.reason", "details.errorInformation.reason"}
)

// summarize reads a masked payload for lists: the id of its object, and one line with status, amount, reason and the merchant's own number.
func summarize(payload []byte, test bool) (objectID, summary string) {
	if test {
		return "", "Test notification"
	}
	data := dataOf(payload)
	objectID = clip(clean(first(data, objectPlaces)), maxObjectID)
	status := first(data, statusPlaces)
	head := strings.TrimSpace(status + " " + strings.TrimSpace(amount(data)))
	parts := []string{head}
	if reason := first(data, reasonPlaces); reason != status {
		parts = append(parts, reason)
	}
	if state := tokenState(data); state != "" && state != status {
		parts = append(parts, state)
	}
	if invoice := first(data, invoicePlaces); invoice != "" {
		parts = append(parts, "invoice "+invoice)
	} else {
		parts = append(parts, first(data, orderPlaces))
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

func amount(data any) string {
	sum := first(data, amountPlaces)
	if sum == "" {
		return ""
	}
	return sum + " " + first(data, currencyPlaces)
}

// tokenState is the state of the token that a token notification is about.
func tokenState(data any) string {
	object, _ := data.(map[string]any)
	links, _ := object["_links"].(map[string]any)
	tokens, _ := links["tokenized-cards"].([]any)
	if len(tokens) == 0 {
		return ""
	}
	return text(tokens[0], "state")
}

// dataOf returns what the event is about: payload.data, the data of the first of several, or the payload itself.
func dataOf(payload []byte) any {
	if len(payload) > 0 && payload[0] == '"' {
		var inner string
		if json.Unmarshal(payload, &inner) == nil {
			payload = []byte(inner)
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return nil // nothing to say about it
	}
	if list, ok := value.([]any); ok && len(list) > 0 {
		value = list[0]
	}
	if object, ok := value.(map[string]any); ok {
		if data, ok := object["data"].(map[string]any); ok {
			return data
		}
	}
	return value
}

// first returns the first text or number that stands at one of the places.
func first(data any, places []string) string {
	for _, place := range places {
		if found := text(data, place); found != "" {
			return found
		}
	}
	return ""
}

func text(data any, place string) string {
	for name := range strings.SplitSeq(place, ".") {
		object, ok := data.(map[string]any)
		if !ok {
			return ""
		}
		data = object[name]
	}
	switch v := data.(type) {
	case string:
		return strings.TrimSpace(v)
	case json.Number:
		return v.String()
	}
	return ""
}

// clip cuts at a character's edge.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
