package receiver

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// The payloads are those of reference section 8.3.
func TestSummarizeReadsEveryProductsPayload(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ payload, objectID, summary string }{
		"token provisioned": {
			`{"data":{"reason":"PROVISIONED","id":"3904693A510275740000AF598E0AA195","type":"tokenizedCardEnrollments","_links":{"tokenized-cards":[{"id":"38F3","state":"ACTIVE"}]}},"organizationId":"child"}`,
			"3904693A510275740000AF598E0AA195", "PROVISIONED · ACTIVE",
		},
		"invoice of 2023": {
			`[{"data":{"invoiceBalance":"102.00","invoiceNumber":"INV-1","currency":"USD"},"organizationId":"my_org"}]`,
			"INV-1", "102.00 USD · invoice INV-1",
		},
		"unified checkout": {
			`{"id":"7435188899356405003091","status":"AUTHORIZED","outcome":"AUTHORIZED","details":{"processorInformation":{"transactionId":"2016"}}}`,
			"7435188899356405003091", "AUTHORIZED",
		},
		"unified checkout, second shape": {
			`{"details":{"clientReferenceInformation":{"code":"ORDER-1"},"id":"7435188899356405003091","orderInformation":{"amountDetails":{"authorizedAmount":"100.00","currency":"USD"}}}}`,
			"7435188899356405003091", "100.00 USD · ORDER-1",
		},
		"unified checkout, third shape": {
			`{"transactionResult":{"details":{"id":"74","status":"DECLINED","clientReferenceInformation":{"code":"O-2"}}}}`,
			"74", "DECLINED · O-2",
		},
		"case decision": {
			`{"data":{"referenceNumber":"ORDER-1","clientReferenceInformation":{"code":"ORDER-1"},"notes":[{"comment":"stolen card"}]},"organizationId":"my_org"}`,
			"ORDER-1", "ORDER-1",
		},
		"pay by link":        {`{"data":{"linkId":"L1","totalAmount":25.5,"currency":"EUR"}}`, "L1", "25.5 EUR"},
		"reason of decline":  {`{"data":{"id":"9","status":"DECLINED","errorInformation":{"reason":"EXPIRED_CARD"}}}`, "9", "DECLINED · EXPIRED_CARD"},
		"json in a string":   {`"{\"data\":{\"id\":\"5\",\"status\":\"OK\"}}"`, "5", "OK"},
		"nothing known":      {`{"data":{"x":{"y":1}}}`, "", ""},
		"other types":        {`{"data":{"id":{"a":1},"status":["x"],"amount":true}}`, "", ""},
		"no object":          {`[1,2]`, "", ""},
		"no JSON":            {`{`, "", ""},
		"control characters": {`{"data":{"id":"a\u0000b","status":"x\ny"}}`, "a\uFFFDb", "x\uFFFDy"},
	} {
		objectID, summary := summarize([]byte(c.payload), false)
		if objectID != c.objectID || summary != c.summary {
			t.Errorf("%s: %q, %q; want %q, %q", name, objectID, summary, c.objectID, c.summary)
		}
	}
}

func TestSummariesAreShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 400)
	objectID, summary := summarize([]byte(`{"data":{"id":"`+long+`","status":"`+long+`"}}`), false)
	if len(objectID) > maxObjectID+4 || len(summary) > maxSummary+4 || !utf8.ValidString(objectID) || !utf8.ValidString(summary) {
		t.Errorf("%d and %d bytes; want at most %d and %d, cut between characters", len(objectID), len(summary), maxObjectID, maxSummary)
	}
}

func FuzzSummarize(f *testing.F) {
	for _, seed := range []string{`{"data":{"id":"1","status":"OK","_links":{"tokenized-cards":[{"state":"ACTIVE"}]}}}`, `[{"a\u0062":[1,{"c":2}],"data":{"id":5}}]`, `"{\"id\":1}"`, `{"`, `{"a`, `{"a"`, `{"a":`, `[`, `"`, `{"data":"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		objectID, summary := summarize(payload, false)
		if !utf8.ValidString(objectID) || !utf8.ValidString(summary) || len(objectID) > maxObjectID+4 || len(summary) > maxSummary+4 {
			t.Errorf("%q, %q", objectID, summary)
		}
		// What it finds is what a JSON decoder finds.
		var decoded map[string]any
		decoder := json.NewDecoder(bytes.NewReader(payload))
		decoder.UseNumber()
		if decoder.Decode(&decoded) != nil || !json.Valid(payload) {
			return
		}
		for name, value := range decoded {
			want := ""
			switch v := value.(type) {
			case string:
				want = strings.TrimSpace(v)
			case json.Number:
				want = v.String()
			}
			if got := readObject(payload).text(name); strings.ToValidUTF8(got, "\uFFFD") != strings.ToValidUTF8(want, "\uFFFD") && utf8.Valid(payload) {
				t.Errorf("member %q is %q, want %q", name, got, want)
			}
		}
	})
}
