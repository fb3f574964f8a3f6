package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/ui"
)

// changesOf says in words, field by field, what an edit of a subscription changed; nothing for a row that does not have both sides.
func changesOf(before, after json.RawMessage) []ui.Pair {
	var was, is map[string]any
	if len(before) == 0 || len(after) == 0 || json.Unmarshal(before, &was) != nil || json.Unmarshal(after, &is) != nil {
		return nil
	}
	from, to := map[string]string{}, map[string]string{}
	wordsOf("", was, from)
	wordsOf("", is, to)
	names := maps.Clone(from)
	maps.Copy(names, to)
	var changes []ui.Pair
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if from[name] != to[name] {
			changes = append(changes, ui.Pair{Name: fieldName(name) + ":", Value: shortAnswer(orNone(from[name])) + " → " + shortAnswer(orNone(to[name]))})
		}
	}
	return changes
}

// wordsOf puts the members of an object, and of the objects in it, into out: names joined by dots, values in words.
func wordsOf(prefix string, members map[string]any, out map[string]string) {
	for name, value := range members {
		if inner, ok := value.(map[string]any); ok {
			wordsOf(prefix+name+".", inner, out)
			continue
		}
		out[prefix+name] = valueWord(prefix+name, value)
	}
}

// valueWord is a value of the intent as people read it.
func valueWord(name string, value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case float64:
		return fmt.Sprintf("%g", v)
	case string:
		return readable(choiceWord(name, v))
	case []any:
		words := make([]string, 0, len(v))
		for _, item := range v {
			words = append(words, valueWord(name, item))
		}
		return strings.Join(words, ", ")
	case map[string]any: // a product with its event types
		id, _ := v["productId"].(string)
		types, _ := v["eventTypes"].([]any)
		return readable(productName(id)) + " (" + valueWord("", types) + ")"
	}
	return ""
}

// choiceWord is one of the fixed answers in words; other text stays as it is.
func choiceWord(name, value string) string {
	switch name + "=" + value {
	case "scope=DESCENDANTS":
		return "this organization and all below it"
	case "scope=SELF":
		return "this organization only"
	case "retryPolicy.algorithm=ARITHMETIC":
		return "even"
	case "retryPolicy.algorithm=GEOMETRIC":
		return "growing"
	case "rejected=" + store.AnswerHold:
		return "hold (200)"
	case "rejected=", "rejected=" + store.AnswerReject:
		return "reject (401)"
	}
	if name == "securityType" {
		return securityName(value)
	}
	return value
}

// fieldNames are the fields of the intent in words, by their names in the audit log.
//
//nolint:gochecknoglobals,gosec // never changed; G101: words about tokens, not tokens
var fieldNames = map[string]string{
	"name": "Name", "description": "Description", "products": "Products and events", "scope": "Whose events", "securityType": "Security",
	"plainIsRejected": "Deliveries that are not encrypted are rejected", "sources": "Where deliveries may come from", "clientCertificate": "Client certificate demanded",
	"rejected": "Answer to a rejected delivery", "retryPolicy.algorithm": "Waits between retries", "retryPolicy.firstRetry": "First retry after (minutes)",
	"retryPolicy.interval": "Step", "retryPolicy.numberOfRetries": "Retries", "retryPolicy.repeatSequenceCount": "Repeats of the sequence",
	"retryPolicy.repeatSequenceWaitTime": "Wait before each repeat (minutes)", "retryPolicy.deactivateFlag": "Suspended when all retries have failed",
	"tokens.server": "Token server", "tokens.issuer": "Issuer of tokens", "tokens.audience": "Audience of tokens", "tokens.jwksUrl": "Keys of the issuer", "tokens.scope": "Scope of tokens",
}

// fieldName is a field in words. One that has none yet is spelled out.
func fieldName(name string) string {
	if words := fieldNames[name]; words != "" {
		return words
	}
	var words strings.Builder
	for i, r := range strings.NewReplacer(".", " ", "_", " ").Replace(name) {
		if r >= 'A' && r <= 'Z' && i > 0 {
			words.WriteByte(' ')
		}
		words.WriteString(strings.ToLower(string(r)))
	}
	return fieldLabel(words.String())
}

func orNone(value string) string {
	if value == "" {
		return "none"
	}
	return value
}
