package cybs

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// jweText has the shape of a compact JWE.
const jweText = "eyJhbGciOiJSU0EtT0FFUC0yNTYifQ.a2V5.aXY.Y2lwaGVy.dGFn"

func TestParseNotificationReadsEveryForm(t *testing.T) {
	t.Parallel()
	utc := func(s string) time.Time {
		at, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return at.UTC()
	}
	for _, tc := range []struct {
		name, body string
		want       Notification
	}{
		{"version 3 with an object", referenceBody, Notification{
			EventType: "tms.networktoken.provisioned", WebhookID: "11111111-2222-3333-4444-555555555555", ProductID: "tokenManagement",
			OrganizationID: "parent_org", TransactionTraceID: "66666666-7777-8888-9999-000000000000-0", RequestType: "NEW",
			EventDate: "2026-01-01T00:00:00", EventTime: utc("2026-01-01T00:00:00Z"), Form: FormV3Object,
			EventOrganizationID: "child_org",
			Payload:             json.RawMessage(referenceBody[strings.Index(referenceBody, `{"data"`) : len(referenceBody)-len(`,"requestType":"NEW"}`)]),
		}},
		{"version 3 with an array", `{"eventType":"e","payload":[ {"organizationId":"first","data":{}}, {"organizationId":"second"} ]}`, Notification{
			EventType: "e", Form: FormV3Array, EventOrganizationID: "first",
			Payload: json.RawMessage(`[ {"organizationId":"first","data":{}}, {"organizationId":"second"} ]`),
		}},
		{"version 3 with text", `{"eventType":"e","payload":"{\"data\":1}"}`, Notification{
			EventType: "e", Form: FormV3Text, Payload: json.RawMessage(`"{\"data\":1}"`),
		}},
		{
			"2023", `{"notificationId":"n1","retryNumber":2,"eventType":"e","eventDate":"2026-01-01T17:49:40.309-07:00","webhookId":"w","payloads":[{"data":{},"organizationId":"my_org"}]}`,
			Notification{
				NotificationID: "n1", RetryNumber: 2, EventType: "e", WebhookID: "w", EventDate: "2026-01-01T17:49:40.309-07:00",
				EventTime: utc("2026-01-02T00:49:40.309Z"), Form: FormPayloads2023, EventOrganizationID: "my_org",
				Payload: json.RawMessage(`[{"data":{},"organizationId":"my_org"}]`),
			},
		},
		{
			"test", `{"eventDate":"2026-01-01T16:15:23","eventType":"e","payloads":{"testPayload":{"message":"Yay!"}},"retryNumber":"3","requestType":"NEW"}`,
			Notification{
				EventType: "e", EventDate: "2026-01-01T16:15:23", EventTime: utc("2026-01-01T16:15:23Z"), RetryNumber: 3, RequestType: "NEW",
				Form: FormTest, Test: true, Payload: json.RawMessage(`{"testPayload":{"message":"Yay!"}}`),
			},
		},
		{"encrypted as a whole", "\n" + jweText + "\n", Notification{Form: FormEncrypted, JWE: []byte(jweText)}},
		{"encrypted in encData", `{"encData":"` + jweText + `"}`, Notification{Form: FormEncrypted, JWE: []byte(jweText)}},
		{"encrypted in encryptedRequest", `{"encryptedRequest":"` + jweText + `"}`, Notification{Form: FormEncrypted, JWE: []byte(jweText)}},
		{"encrypted in encryptedPayload", `{"encryptedPayload":"` + jweText + `"}`, Notification{Form: FormEncrypted, JWE: []byte(jweText)}},
		{"encrypted in encryptedResponse", `{"encryptedResponse":"` + jweText + `"}`, Notification{Form: FormEncrypted, JWE: []byte(jweText)}},
		{"encrypted payload in a plain envelope", `{"eventType":"e","payload":"` + jweText + `"}`, Notification{
			EventType: "e", Form: FormEncrypted, JWE: []byte(jweText), Payload: json.RawMessage(`"` + jweText + `"`),
		}},
		{"four dots inside an object are no JWE", `{"encData":"a.b.c.d.e"}`, Notification{Form: FormUnknown}},
		{"array", `[]`, Notification{Form: FormUnknown}},
		{"number", `5`, Notification{Form: FormUnknown}},
		{"object without payload", `{"eventType":"e"}`, Notification{EventType: "e", Form: FormUnknown}},
		{"payload null beside payloads", `{"payload":null,"payloads":[]}`, Notification{Form: FormPayloads2023, Payload: json.RawMessage(`[]`)}},
		{"payload null alone", `{"payload":null}`, Notification{Form: FormUnknown, Payload: json.RawMessage(`null`)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseNotification(http.Header{}, []byte(tc.body))
			if err != nil {
				t.Fatalf("got %v", err)
			}
			tc.want.Body = []byte(tc.body)
			if diff := cmp.Diff(tc.want, *got); diff != "" {
				t.Errorf("differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPayloadIsTheBodysOwnMemory(t *testing.T) {
	t.Parallel()
	body := []byte(referenceBody)
	n, err := ParseNotification(http.Header{}, body)
	if err != nil {
		t.Fatal(err)
	}
	if at := bytes.Index(body, n.Payload); at < 0 || &body[at] != &n.Payload[0] || cap(n.Payload) != len(n.Payload) {
		t.Error("the payload is a copy, or can be appended to into the body")
	}
}

func TestBodyWinsOverHeadersAndConflictsAreNamed(t *testing.T) {
	t.Parallel()
	h := http.Header{}
	for name, value := range map[string]string{
		"v-c-event-type": "other", "v-c-webhook-id": "W", "v-c-product-name": "p", "v-c-organization-id": "o",
		"v-c-transaction-trace-id": "t", "v-c-request-type": "RETRY", "v-c-retry-count": "4",
	} {
		h.Set(name, value)
	}
	n, err := ParseNotification(h, []byte(`{"eventType":"e","webhookId":"w","retryNumber":5,"payload":{},"payload":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	if n.EventType != "e" || n.WebhookID != "w" || n.RetryNumber != 5 || n.ProductID != "p" || n.OrganizationID != "o" ||
		n.TransactionTraceID != "t" || n.RequestType != "RETRY" {
		t.Errorf("got %+v", n)
	}
	if diff := cmp.Diff([]string{"eventType", "retryNumber"}, n.Conflicts); diff != "" {
		t.Errorf("conflicts differ, case is none (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"payload"}, n.Duplicates); diff != "" {
		t.Errorf("duplicates differ (-want +got):\n%s", diff)
	}
}

func TestHeadersAreKeptWhenTheBodyIsNotReadable(t *testing.T) {
	t.Parallel()
	h := http.Header{}
	h.Set("v-c-event-type", "e")
	for _, tc := range []struct {
		name, body string
		want       error
	}{
		{"empty", "", ErrNotJSON},
		{"text", "hello", ErrNotJSON},
		{"cut off", `{"payload":{"a":1`, ErrNotJSON},
		{"trailing text", `{} {}`, ErrNotJSON},
		{"raw control character", "{\"a\":\"\x00\"}", ErrNotJSON},
		{"bad escape", `{"a":"\x"}`, ErrNotJSON},
		{"bad unicode escape", `{"a":"\u12g4"}`, ErrNotJSON},
		{"leading zero", `{"a":01}`, ErrNotJSON},
		{"bare minus", `{"a":-}`, ErrNotJSON},
		{"no digits after the point", `{"a":1.}`, ErrNotJSON},
		{"no exponent", `{"a":1e}`, ErrNotJSON},
		{"misspelt literal", `{"a":tru}`, ErrNotJSON},
		{"missing colon", `{"a" 1}`, ErrNotJSON},
		{"missing comma", `[1 2]`, ErrNotJSON},
		{"trailing comma", `[1,]`, ErrNotJSON},
		{"unquoted name", `{a:1}`, ErrNotJSON},
		{"arrays too deep", strings.Repeat("[", 300) + strings.Repeat("]", 300), ErrTooDeep},
		{"objects too deep", strings.Repeat(`{"a":`, 300) + "1" + strings.Repeat("}", 300), ErrTooDeep},
	} {
		n, err := ParseNotification(h, []byte(tc.body))
		if !errors.Is(err, tc.want) || n == nil || n.EventType != "e" || n.Form != FormUnknown || string(n.Body) != tc.body {
			t.Errorf("%s: got %+v, %v, want %v", tc.name, n, err, tc.want)
		}
	}
}

func TestOddButValidBodiesAreRead(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"a":[`, 25) + "1" + strings.Repeat("]}", 25)
	for _, tc := range []struct{ name, payload string }{
		{"50 levels deep", deep},
		{"invalid UTF-8", "{\"a\":\"\xff\xfe\xed\xa0\x80\"}"},
		{"escaped NUL", `{"a":"\u0000"}`},
		{"lone surrogate", `{"a":"\ud800"}`},
		{"number beyond 64 bits", `{"a":123456789012345678901234567890.123456789e-4000}`},
		{"repeated members", `{"a":1,"a":2,"":3}`},
		{"white space everywhere", " { \"a\" : [ 1 , 2 ] }\r\n\t"},
	} {
		body := `{"eventType":"e","payload":` + tc.payload + `}`
		n, err := ParseNotification(http.Header{}, []byte(body))
		if err != nil || n.Form != FormV3Object || string(n.Payload) != strings.Trim(tc.payload, " \r\n\t") {
			t.Errorf("%s: got %+v, %v", tc.name, n, err)
		}
	}
}

func TestTextsOfStrangersAreCleanedAndBounded(t *testing.T) {
	t.Parallel()
	h := http.Header{"V-C-Product-Name": {"p\x00\xff"}}
	body := `{"eventType":"e\u0000\ud800` + "\xff" + `","webhookId":"` + strings.Repeat("ü", 1000) + `","retryNumber":99999999999999999999,"organizationId":{"a":1},"payload":{}}`
	n, err := ParseNotification(h, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if n.EventType != "e���" || n.ProductID != "p��" {
		t.Errorf("got %q, %q", n.EventType, n.ProductID)
	}
	if n.WebhookID != strings.Repeat("ü", 256) {
		t.Errorf("webhook id has %d bytes", len(n.WebhookID))
	}
	if n.RetryNumber != math.MaxInt32 || n.OrganizationID != "" {
		t.Errorf("got retry %d, organization %q", n.RetryNumber, n.OrganizationID)
	}
}

func TestCompactJSONTouchesWhiteSpaceOnly(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ in, want string }{
		{` { "b" : 1.50 , "a" : "x \" y  \\" , "n":null } ` + "\r\n\t", `{"b":1.50,"a":"x \" y  \\","n":null}`},
		{`"\u00fc\/<&>"`, `"\u00fc\/<&>"`},
		{``, ``},
		{`{"a":1,"a":2}`, `{"a":1,"a":2}`},
		{`"unfinished  \`, `"unfinished  \`},
	} {
		if got := string(CompactJSON(nil, []byte(tc.in))); got != tc.want {
			t.Errorf("%q: got %q, want %q", tc.in, got, tc.want)
		}
		if in := []byte(tc.in); string(CompactJSON(in[:0], in)) != tc.want {
			t.Errorf("%q: compacting in place differs", tc.in)
		}
	}
	if got := string(CompactJSON([]byte("t."), []byte("[ ]"))); got != "t.[]" {
		t.Errorf("got %q, want it appended", got)
	}
}

func BenchmarkParseNotification(b *testing.B) {
	body := []byte(strings.Replace(referenceBody, `"version":"1.0"`, `"version":"`+strings.Repeat("x", 1400)+`"`, 1))
	h := http.Header{}
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := ParseNotification(h, body); err != nil {
			b.Fatal(err)
		}
	}
}

func TestAnEventTimeThatCannotBeRightIsNone(t *testing.T) {
	t.Parallel()
	arrived := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		event time.Time
		keep  bool
	}{
		{arrived, true},
		{arrived.Add(-400 * 24 * time.Hour), true},
		{arrived.Add(14 * time.Hour), true},
		{arrived.Add(25 * time.Hour), false},
		{time.Time{}, false},
		{time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), false},
		{time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), false},
		{time.Unix(1<<62, 0), false},
		{time.Unix(-1<<62, 0), false},
		{time.Unix(0, 0), false},
	} {
		if got := PossibleEventTime(c.event, arrived); got.IsZero() == c.keep || c.keep && !got.Equal(c.event) {
			t.Errorf("%s: got %s", c.event, got)
		}
	}
}
