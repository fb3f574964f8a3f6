package sandbox_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
)

// bodies are good requests of every operation with a body, with each member that
// the document knows.
func bodies(pub string) map[string]struct{ method, path, schema, body string } {
	const (
		retry  = `"retryPolicy":{"algorithm":"ARITHMETIC","firstRetry":1,"interval":1,"numberOfRetries":3,"deactivateFlag":"true","repeatSequenceCount":0,"repeatSequenceWaitTime":0,"additionalAttributes":[{"a":"b"}]},`
		policy = `"securityPolicy":{"securityType":"oAuth_JWT","config":{"oAuthURL":"https://127.0.0.1:1/t","oAuthTokenType":"Bearer","additionalConfig":{"aud":"a","client_id":"c","keyId":"k","scope":"s"}}},`
		common = `"name":"n","description":"d","organizationId":"sandbox_org","webhookUrl":"https://127.0.0.1:1/h","healthCheckUrl":"https://127.0.0.1:1/p",` + policy
		nested = `"products":[{"productId":"eCheck","eventTypes":["payments.voids.failed"]}],"notificationScope":"SELF"`
		flat   = `"productId":"eCheck","eventTypes":["payments.voids.failed"]`
		v2, v1 = "/notification-subscriptions/v2/webhooks", "/notification-subscriptions/v1/webhooks"
	)
	keyOf := func(action, more string) string {
		return `{"clientReferenceInformation":{"code":"ref"},"clientRequestAction":"` + action + `","keyInformation":{"provider":"nrtd","tenant":"sandbox_org",` +
			`"organizationId":"sandbox_org","expiryDuration":"365",` + more + `}}`
	}
	return map[string]struct{ method, path, schema, body string }{
		"keys-sym CREATE": {http.MethodPost, keysSym, "SaveSymEgressKey", keyOf("CREATE", `"keyType":"sharedSecret","keyId":"x","status":"x"`)},
		"keys-sym STORE":  {http.MethodPost, keysSym, "SaveSymEgressKey", keyOf("STORE", `"keyType":"oAuthClientCredentials","clientKeyId":"c","key":"s"`)},
		"keys-asym STORE": {http.MethodPost, keysAsym, "SaveAsymEgressKey", keyOf("STORE", `"keyType":"publickey","keyId":"x","status":"x","pub":"`+pub+`"`)},
		"create":          {http.MethodPost, v2, "CreateWebhook", "{" + common + retry + nested + "}"},
		"update":          {http.MethodPatch, v2 + "/{id}", "UpdateWebhook", "{" + common + nested + "}"},
		"status":          {http.MethodPut, v2 + "/{id}/status", "UpdateStatus", `{"status":"ACTIVE"}`},
		"create v1":       {http.MethodPost, v1, "V1CreateWebhookRequest", "{" + common + retry + `"notificationScope":"CUSTOM",` + flat + "}"},
		"update v1": {
			http.MethodPatch, v1 + "/{id}", "V1UpdateWebhookRequest",
			"{" + common + retry + `"status":"ACTIVE","notificationScope":{"scope":"CUSTOM","scopeData":["a"]},"additionalAttributes":[{"a":"b"}],` + flat + "}",
		},
		"replay": {
			http.MethodPost, "/nrtf/v1/webhooks/{id}/replays", "ReplayWebhooksRequest",
			`{"byDeliveryStatus":{"status":"FAILED","hoursBack":24,"productId":"eCheck","eventType":"x"}}`,
		},
		"replay by trace id": {http.MethodPost, "/nrtf/v1/webhooks/{id}/replays", "ReplayWebhooksRequest", `{"byTransactionTraceIdentifiers":["a"]}`},
	}
}

// place is a member of a body, as a JSON pointer, and why the sandbox judges its
// values otherwise than the document does.
type place struct{ at, why string }

// tolerated are places where the sandbox takes values that the document calls
// invalid. JSON's null is not among them: everywhere it is as good as absent.
func tolerated() []place {
	const text = "numbers come as text in published requests (5.2)"
	return []place{
		{"/retryPolicy/firstRetry", text},
		{"/retryPolicy/interval", text},
		{"/retryPolicy/numberOfRetries", text},
		{"/retryPolicy/repeatSequenceCount", text},
		{"/retryPolicy/repeatSequenceWaitTime", text},
		{"/retryPolicy/deactivateFlag", "a boolean in the spec's own examples (6.4)"},
		{"/keyInformation/expiryDuration", "days as a number are understood, too (2.1)"},
		{"/notificationScope", "an object in the guide and in version 1 (5.5, 6.1)"},
		{"/notificationScope/scopeData", "comma-separated text in the guide (6.1)"},
	}
}

// narrower are places where the sandbox refuses what the document, which requires
// nothing and enumerates little, calls valid.
func narrower() []place {
	const (
		required = "required by the guide's field list (2.1, 3.1, 5.1, 11.2)"
		choice   = "the words that have a meaning are listed in the text of the spec"
		url      = "must be an absolute https URL (1.2)"
		org      = "must be an organization that the caller may act for"
		nrtd     = "one of provider and tenant is nrtd, the other the organization (3.1)"
	)
	return []place{
		{"/clientRequestAction", choice},
		{"/keyInformation", required},
		{"/keyInformation/provider", nrtd},
		{"/keyInformation/tenant", nrtd},
		{"/keyInformation/organizationId", nrtd},
		{"/keyInformation/keyType", choice},
		{"/keyInformation/clientKeyId", required},
		{"/keyInformation/key", required},
		{"/keyInformation/pub", "must be a certificate (10.3)"},
		{"/keyInformation/expiryDuration", "must be a number of days (2.1)"},
		{"/name", required},
		{"/organizationId", org},
		{"/webhookUrl", url},
		{"/healthCheckUrl", url},
		{"/products", required},
		{"/products/0/productId", required},
		{"/products/0/eventTypes", required},
		{"/productId", required},
		{"/eventTypes", required},
		{"/retryPolicy/algorithm", "there is no other (6.2)"},
		{"/retryPolicy/deactivateFlag", "true or false (6.4)"},
		{"/securityPolicy", required},
		{"/securityPolicy/securityType", choice},
		{"/securityPolicy/config", "required for both OAuth policies (3.2)"},
		{"/securityPolicy/config/oAuthURL", url},
		{"/securityPolicy/config/oAuthTokenType", "Bearer (3.2)"},
		{"/securityPolicy/config/additionalConfig", "not in the document's PATCH of version 1, and still of one type"},
		{"/securityPolicy/config/additionalConfig/aud", "as above"},
		{"/securityPolicy/config/additionalConfig/client_id", "as above"},
		{"/securityPolicy/config/additionalConfig/keyId", "as above"},
		{"/securityPolicy/config/additionalConfig/scope", "as above"},
		{"/byDeliveryStatus", "one of the two members (11.2)"},
		{"/byDeliveryStatus/status", required},
		{"/byTransactionTraceIdentifiers", "one of the two members (11.2)"},
	}
}

// variants calls visit with the body after one change at a time: every member
// taken away, and given values of every other type.
func variants(t *testing.T, body string, visit func(place string, value string, changed []byte)) {
	t.Helper()
	var walk func(root any, node any, place string)
	encode := func(root any) []byte {
		b, err := json.Marshal(root)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	walk = func(root, node any, place string) {
		switch n := node.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(n)) {
				was := n[name]
				here := place + "/" + name
				delete(n, name)
				visit(here, "absent", encode(root))
				for _, value := range []any{nil, true, 1, "1", "NOPE", []any{}, []any{1}, map[string]any{}, strings.Repeat("x", 51)} {
					n[name] = value
					text, err := json.Marshal(value)
					if err != nil {
						t.Fatal(err)
					}
					visit(here, string(text), encode(root))
				}
				n[name] = was
				walk(root, was, here)
			}
		case []any:
			for i, item := range n {
				walk(root, item, fmt.Sprintf("%s/%d", place, i))
			}
		}
	}
	var root any
	if err := json.Unmarshal([]byte(body), &root); err != nil {
		t.Fatal(err)
	}
	walk(root, root, "")
}

func TestWhatTheDocumentCallsInvalidIsRefusedAndTheRestAccepted(t *testing.T) {
	t.Parallel()
	doc, _ := document(t)
	excuses := newExcuseBook()
	pub, _, _ := storedPair(t)
	for name, c := range bodies(pub) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, offerReplay, func(cfg *sandbox.Config) { // nobody is pinged
				cfg.ActivationDelay, cfg.HealthInterval = 1_000_000*time.Hour, 1_000_000*time.Hour
			})
			schema := doc.Components.Schemas[c.schema].Value
			if status := h.try(t, c.method, c.path, c.body); status >= 300 {
				t.Fatalf("the good body is answered %d", status)
			}
			variants(t, c.body, func(at, value string, changed []byte) {
				status := h.try(t, c.method, c.path, string(changed))
				switch err := schema.VisitJSON(decoded(t, changed)); {
				case status != http.StatusBadRequest && status >= 300:
					t.Errorf("%s = %s: answered %d", at, value, status)
				case err != nil && status < 300 && value != "null":
					excuses.use(t, "tolerated", at, fmt.Sprintf("%s = %s is accepted, and the document says %v", at, value, err))
				case err == nil && status >= 300:
					excuses.use(t, "narrower", at, fmt.Sprintf("%s = %s is refused, and the document allows it", at, value))
				}
			})
		})
	}
	t.Cleanup(func() { excuses.unused(t) })
}

// excuseBook notes which of the listed differences were met.
type excuseBook struct {
	mu   sync.Mutex
	left map[string]map[string]bool
}

func newExcuseBook() *excuseBook {
	b := &excuseBook{left: map[string]map[string]bool{"tolerated": {}, "narrower": {}}}
	for _, p := range tolerated() {
		b.left["tolerated"][p.at] = true
	}
	for _, p := range narrower() {
		b.left["narrower"][p.at] = true
	}
	return b
}

func (b *excuseBook) use(t *testing.T, kind, at, complaint string) {
	t.Helper()
	list := tolerated()
	if kind == "narrower" {
		list = narrower()
	}
	if !slices.ContainsFunc(list, func(p place) bool { return p.at == at && p.why != "" }) {
		t.Error(complaint)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.left[kind], at)
}

// unused fails the test for differences that are none any more.
func (b *excuseBook) unused(t *testing.T) {
	t.Helper()
	for kind, left := range b.left {
		for at := range left {
			t.Errorf("%s is listed as %s, and nothing there is", at, kind)
		}
	}
}

func decoded(t *testing.T, body []byte) any {
	t.Helper()
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// try sends a body to a sandbox that holds one subscription, or none for a create, and cleans up.
func (h *house) try(t *testing.T, method, path, body string) int {
	t.Helper()
	id := ""
	if strings.Contains(path, "{id}") {
		sub, err := h.client.CreateSubscription(t.Context(), h.input())
		if err != nil {
			t.Fatal(err)
		}
		id = sub.WebhookID
		if strings.HasSuffix(path, "/replays") {
			if err := h.client.SetSubscriptionStatus(t.Context(), id, cybs.StatusActive); err != nil {
				t.Fatal(err)
			}
		}
	}
	status, _, _ := raw(t, h.Server, method, strings.Replace(path, "{id}", id, 1), body)
	for _, s := range h.Subscriptions() {
		if status, _, answer := raw(t, h.Server, http.MethodDelete, webhooks+"/"+s.WebhookID, ""); status != http.StatusOK {
			t.Fatalf("clean up: %d %s", status, answer)
		}
	}
	return status
}
