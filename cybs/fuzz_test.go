package cybs

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// addBodies seeds a fuzz target with the shared bodies and with odd ones.
func addBodies(f *testing.F) {
	f.Helper()
	var file signatureVectors
	loadVectors(f, "webhook-signature.json", &file)
	for _, v := range file.Vectors {
		f.Add([]byte(v.Body))
	}
	for _, body := range []string{
		referenceBody, jweText, `{"encData":"` + jweText + `"}`, `{"payload":{},"payload":[]}`, `{"payloads":{"testPayload":{}}}`,
		`{"payl\u006fad":"\ud800\u0000"}`, `{"retryNumber":-1e999,"payload":null}`, "{\"a\":\"\xff\x00\"}", strings.Repeat("[", 1000),
		`{"payload":[ ]}`, `"\"`, `"\\"`, `{"a" : 1.50}`, `{"payload": "a\\" , "x":1}`, "\ufeff{}",
	} {
		f.Add([]byte(body))
	}
}

// FuzzParseNotification holds the parser against encoding/json: both accept the same bodies and see the same payload.
func FuzzParseNotification(f *testing.F) {
	addBodies(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		n, err := ParseNotification(http.Header{}, body)
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed")
		}
		if errors.Is(err, ErrTooDeep) || n.JWE != nil {
			return
		}
		if valid := json.Valid(body); valid != (err == nil) {
			t.Fatalf("got %v, but json.Valid says %v", err, valid)
		}
		for _, text := range []string{n.EventType, n.WebhookID, n.EventDate, n.EventOrganizationID, n.RequestType} {
			if len(text) > 3*maxMember || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
				t.Fatalf("text %q is not clean", text)
			}
		}
		if n.Payload == nil {
			return
		}
		if !bytes.Contains(body, n.Payload) || !json.Valid(n.Payload) {
			t.Fatalf("payload %q is no JSON of the body", n.Payload)
		}
		// Names that encoding/json would replace or fold are left to the scanner's own tests.
		var members map[string]json.RawMessage
		if err := json.Unmarshal(body, &members); err != nil {
			t.Fatalf("decode: %v", err)
		}
		want := members["payload"]
		if want == nil || string(want) == "null" && members["payloads"] != nil {
			want = members["payloads"]
		}
		if !bytes.Equal(want, n.Payload) {
			t.Fatalf("payload is %q, encoding/json sees %q", n.Payload, want)
		}
	})
}

// FuzzCompactJSON holds the function against json.Compact.
func FuzzCompactJSON(f *testing.F) {
	addBodies(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		got := CompactJSON(nil, src)
		if !json.Valid(src) {
			return
		}
		var want bytes.Buffer
		if err := json.Compact(&want, src); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("got %q, want %q", got, want.Bytes())
		}
		if again := CompactJSON(nil, got); !bytes.Equal(again, got) {
			t.Fatalf("compacting twice changes %q to %q", got, again)
		}
	})
}

func FuzzParseSignatureHeader(f *testing.F) {
	var file signatureVectors
	loadVectors(f, "webhook-signature.json", &file)
	for _, v := range file.Vectors {
		if v.Header != nil {
			f.Add(*v.Header)
		}
	}
	f.Add("v-c-signature: t=1;keyId=k;sig=\"=\"")
	f.Add("t=1;t=2")
	f.Fuzz(func(t *testing.T, value string) {
		h, err := ParseSignatureHeader(value)
		if err != nil {
			if !errors.Is(err, ErrSignatureMissing) && !errors.Is(err, ErrSignatureMalformed) {
				t.Fatalf("got %v, want one of the sentinels", err)
			}
			return
		}
		if h.KeyID == "" || len(h.MAC) != 32 || h.Timestamp.Year() < 1970 || h.Timestamp.Year() > 9999 {
			t.Fatalf("%q was read as %+v", value, h)
		}
	})
}

// FuzzVerify signs each body in some variant and checks that it is accepted, and that no header is accepted that was
// not made with the key.
func FuzzVerify(f *testing.F) {
	for _, variant := range []byte{0, 1, 2, 3} {
		f.Add([]byte(referenceBody), variant, "t=1767225600000;keyId=k;sig=")
		f.Add([]byte(`{"payload": { "a" : 1 } }`), variant, "")
		f.Add([]byte("\x00"), variant, ";;")
	}
	f.Fuzz(func(t *testing.T, body []byte, variant byte, header string) {
		if _, err := verifyReference(t, string(body), header); err == nil {
			t.Fatalf("header %q was accepted without the key", header)
		}
		signed := body
		if payload := payloadMember(body); payload != nil && variant%3 == 1 {
			signed = payload
		} else if payload != nil && variant%3 == 2 {
			signed = CompactJSON(nil, payload)
		}
		got, err := verifyReference(t, string(body), signReference(t, string(signed)))
		if err != nil || got.Variant == "" || got.KeyID != "k" || !got.SignedAt.Equal(time.UnixMilli(referenceTime)) {
			t.Fatalf("got %+v, %v", got, err)
		}
	})
}

// FuzzDecodeSubscription checks that what is read can be used: it has an id and a bounded schedule.
func FuzzDecodeSubscription(f *testing.F) {
	for _, body := range []string{
		`{"webhookId":"w","productId":"p","eventTypes":["a",{"name":"b"}],"notificationScope":{"scope":"CUSTOM","scopeData":"a,b"}}`,
		`{"webhookId":1,"retryPolicy":{"algorithm":"GEOMETRIC","firstRetry":"1e99","interval":9,"numberOfRetries":"99999"}}`,
		`{"webhookId":"w","createdOn":"2025-11-03T10:35:41.840390","securityPolicy":{"config":{"additionalConfig":{}}},"notificationScope":"SELF"}`,
		`{"webhookId":"w","products":[{"productId":null,"eventTypes":"a,b"}],"status":true}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := decodeSubscription(body)
		if err != nil {
			if !errors.Is(err, ErrMalformedResponse) {
				t.Fatalf("got %v, want ErrMalformedResponse", err)
			}
			return
		}
		if s.WebhookID == "" || len(s.RetryPolicy.Schedule()) > MaxScheduleRetries || s.CreatedAt.Year() > 9999 {
			t.Fatalf("got %+v", s)
		}
		if _, err := json.Marshal(s.Scope); err != nil {
			t.Fatal(err)
		}
	})
}
