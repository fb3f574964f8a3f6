package web

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/switchboardhq/switchboard/store"
)

func TestHistorySaysChangesInWords(t *testing.T) {
	t.Parallel()
	before := store.Subscription{
		Name: "Tokens", Scope: "DESCENDANTS", SecurityType: "KEY", Products: []store.SubscribedProduct{{ProductID: "payments", EventTypes: []string{"payments.voids.accepted"}}},
		Policy: store.Policy{Encrypted: true, Sources: []string{"10.0.0.0/8"}}, RetryPolicy: store.RetryPolicy{Algorithm: "ARITHMETIC", FirstRetry: 1, Interval: 1, NumberOfRetries: 3},
	}
	after := before
	after.Name, after.Scope, after.SecurityType = "Cards", "SELF", "oAuth"
	after.Products = []store.SubscribedProduct{{ProductID: "payments", EventTypes: []string{"payments.voids.accepted", "payments.voids.failed"}}}
	after.Policy = store.Policy{Rejected: store.AnswerHold, ClientCertificate: true, Tokens: store.TokenPolicy{Server: store.TokensExternal, Issuer: "https://issuer.example"}}
	after.RetryPolicy = store.RetryPolicy{Algorithm: "GEOMETRIC", FirstRetry: 2, Interval: 3, NumberOfRetries: 5, RepeatSequenceCount: 1, RepeatSequenceWaitTime: 9, DeactivateFlag: true}
	changes := changesOf(auditJSON(before), auditJSON(after))
	var lines []string
	for _, c := range changes {
		lines = append(lines, c.Name+" "+c.Value)
	}
	text := strings.Join(lines, "\n")
	for _, want := range []string{
		"Name: Tokens → Cards", "Whose events: this organization and all below it → this organization only", "Deliveries that are not encrypted are rejected: yes → no",
		"Where deliveries may come from: 10.0.0.0/8 → none", "Retries: 3 → 5", "Waits between retries: even → growing", "Suspended when all retries have failed: no → yes",
		"payments.voids.accepted, payments.voids.failed", "Answer to a rejected delivery: reject (401) → hold (200)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
	if strings.ContainsAny(text, `{}"[]`) || strings.Contains(text, "plainIsRejected") || strings.Contains(text, "numberOfRetries") {
		t.Errorf("JSON is shown:\n%s", text)
	}
	var names map[string]any
	if err := json.Unmarshal(auditJSON(after), &names); err != nil {
		t.Fatal(err)
	}
	flat := map[string]string{}
	wordsOf("", names, flat)
	for name := range flat {
		if fieldNames[name] == "" && !strings.HasPrefix(name, "oauth.") {
			t.Errorf("%s has no name in words", name)
		}
	}
}
