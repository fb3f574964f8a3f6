package cybs

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

type signatureVectors struct {
	Keys []struct {
		KeyID     string `json:"keyId"`
		KeyBase64 string `json:"keyBase64"`
	} `json:"keys"`
	Vectors []struct {
		ID           string  `json:"id"`
		Body         string  `json:"body"`
		Header       *string `json:"header"`
		NowEpochMs   int64   `json:"nowEpochMs"`
		Expect       string  `json:"expect"`
		StringToSign string  `json:"stringToSign"`
		Sig          string  `json:"sig"`
	} `json:"vectors"`
}

// TestSharedVectorsOfSignatures runs webhook-signature.json as it is. "alternative" is a signature over the payload
// member alone, which official receivers use: it is accepted and reported as such, with the envelope not signed.
func TestSharedVectorsOfSignatures(t *testing.T) {
	t.Parallel()
	var file signatureVectors
	loadVectors(t, "webhook-signature.json", &file)
	keys := map[string]Key{}
	for _, k := range file.Keys {
		keys[k.KeyID] = Key{ID: k.KeyID, Secret: mustSecret(t, k.KeyBase64)}
	}
	reasons := map[string]error{
		"invalid-unknown-keyid": ErrKeyUnknown, "stale-one-day-old": ErrTimestampTooOld, "future-one-day": ErrTimestampTooNew,
		"invalid-header-empty": ErrSignatureMissing, "invalid-header-missing": ErrSignatureMissing,
		"invalid-sig-hex": ErrSignatureMalformed, "invalid-sig-truncated": ErrSignatureMalformed,
		"invalid-sig-empty": ErrSignatureMalformed, "invalid-no-sig": ErrSignatureMalformed,
		"invalid-no-t": ErrSignatureMalformed, "invalid-no-keyid": ErrSignatureMalformed,
		"invalid-header-garbage": ErrSignatureMalformed, "invalid-comma-separated": ErrSignatureMalformed,
		"invalid-t-not-a-number": ErrSignatureMalformed,
	}
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			in := VerifyInput{
				Body: []byte(v.Body), Now: time.UnixMilli(v.NowEpochMs),
				LookupKey: func(id string) (Key, bool) { k, ok := keys[id]; return k, ok },
			}
			if v.Header != nil {
				in.Signature = *v.Header
			}
			got, err := Verify(in)
			switch v.Expect {
			case "valid", "lenient":
				if err != nil || got.Variant != VariantBody || !got.EnvelopeSigned {
					t.Errorf("got %+v, %v, want the body verified", got, err)
				}
			case "alternative":
				if err != nil || got.Variant != VariantPayloadRaw || got.EnvelopeSigned {
					t.Errorf("got %+v, %v, want the payload alone verified", got, err)
				}
			case "invalid", "invalid-if-clock-checked":
				want := ErrSignatureMismatch
				if reason, ok := reasons[v.ID]; ok {
					want = reason
				}
				if !errors.Is(err, want) {
					t.Errorf("got %v, want %v", err, want)
				}
			default:
				t.Errorf("expectation %q is unknown", v.Expect)
			}
			if v.Sig != "" {
				signed := []byte(v.StringToSign[strings.IndexByte(v.StringToSign, '.')+1:])
				if header := Sign(keys[got.KeyID], got.SignedAt, signed); !strings.HasSuffix(header, ";sig="+v.Sig) {
					t.Errorf("Sign makes %s, want sig %s", header, v.Sig)
				}
			}
		})
	}
}

const referenceBody = `{"eventType":"tms.networktoken.provisioned","webhookId":"11111111-2222-3333-4444-555555555555","productId":"tokenManagement","organizationId":"parent_org","eventDate":"2026-01-01T00:00:00","transactionTraceId":"66666666-7777-8888-9999-000000000000-0","retryNumber":0,"payload":{"data":{"_links":{"tokenized-cards":[{"href":"/tms/v2/tokenized-cards/AAAA0001","id":"AAAA0001","state":"ACTIVE"}],"instrumentIdentifiers":[{"href":"/tms/v1/instrumentidentifiers/7030000000000001111","id":"7030000000000001111"}]},"reason":"PROVISIONED","id":"BBBB0002","type":"tokenizedCardEnrollments","version":"1.0"},"organizationId":"child_org"},"requestType":"NEW"}`

const referenceTime = 1767225600000

// verifyReference verifies with the key and at the time of the reference's examples.
func verifyReference(tb testing.TB, body, signature string, change ...func(*VerifyInput)) (Verification, error) {
	tb.Helper()
	key := Key{ID: "k", Secret: mustSecret(tb, testSecretText)}
	in := VerifyInput{
		Signature: signature, Body: []byte(body), Now: time.UnixMilli(referenceTime),
		LookupKey: func(string) (Key, bool) { return key, true },
	}
	for _, f := range change {
		f(&in)
	}
	return Verify(in)
}

func signReference(tb testing.TB, signed string) string {
	tb.Helper()
	return Sign(Key{ID: "k", Secret: mustSecret(tb, testSecretText)}, time.UnixMilli(referenceTime), []byte(signed))
}

func TestReferenceExamplesOfSignatures(t *testing.T) {
	t.Parallel()
	const prefix = "t=1767225600000;keyId=k;sig="
	for _, tc := range []struct {
		name, sig string
		variant   Variant
		want      error
	}{
		{"payload", "OpP3cX4TeqrBoUtpRhZw56PGEAvl+9nAcKOdDffs+SY=", VariantPayloadRaw, nil},
		{"body", "rMwFyt0sjA7H330YoHQVd8iyl5nj9EOKKb7MVHkaml8=", VariantBody, nil},
		{"payload with escaped slashes is refused", "h4075imSiH1v7ghIyodp6VN9qp7pvYQzTSDYETQgLRE=", "", ErrSignatureMismatch},
	} {
		got, err := verifyReference(t, referenceBody, prefix+tc.sig)
		if got.Variant != tc.variant || !errors.Is(err, tc.want) {
			t.Errorf("%s: got %q, %v, want %q, %v", tc.name, got.Variant, err, tc.variant, tc.want)
		}
	}
	published := Sign(Key{ID: "bf44c857-b182-bb05-e053-34b8d30a7a72", Secret: Secret("test_key")},
		time.UnixMilli(1617830804768), []byte("this is a decrypted payload"))
	if want := "t=1617830804768;keyId=bf44c857-b182-bb05-e053-34b8d30a7a72;sig=CzHY47nzJgCSD/BREtSIb+9l/vfkaaL4qf9n8MNJ4CY="; published != want {
		t.Errorf("the guide's example: got %s, want %s", published, want)
	}
}

func TestVerifyFindsTheVariant(t *testing.T) {
	t.Parallel()
	const payload = `{ "data" : {"n":1.50, "u":"\u00fc \/ <&>", "s":" a  b "} }`
	const compact = `{"data":{"n":1.50,"u":"\u00fc \/ <&>","s":" a  b "}}`
	const body = `{"webhookId": "w", "payload": ` + payload + ` , "x": {"payload": 1}}`
	const inner = `{"webhookId":"w","payload":{"secret":1}}`
	decrypted := func(text string) func(*VerifyInput) {
		return func(in *VerifyInput) { in.Decrypted = []byte(text) }
	}
	for _, tc := range []struct {
		name, body, signed string
		change             func(*VerifyInput)
		want               Variant
		envelope           bool
	}{
		{"payload as it stands", body, payload, nil, VariantPayloadRaw, false},
		{"payload without white space", body, compact, nil, VariantPayloadCompact, false},
		{"whole body", body, body, nil, VariantBody, true},
		{"array payload", `{"payload":[{"data":1}]}`, `[{"data":1}]`, nil, VariantPayloadRaw, false},
		{"text payload", `{"payload":"{}"}`, `"{}"`, nil, VariantPayloadRaw, false},
		{"last of two payloads", `{"payload":{"a":1},"payload":{"b":2}}`, `{"b":2}`, nil, VariantPayloadRaw, false},
		{"escaped member name", `{"payl\u006fad":{"b":2}}`, `{"b":2}`, nil, VariantPayloadRaw, false},
		{"payloads of 2023", `{"payloads":[{"data":{}}]}`, `[{"data":{}}]`, nil, VariantPayloadRaw, false},
		{"payloads of a test, compact", `{"payloads":{ "testPayload":{} }}`, `{"testPayload":{}}`, nil, VariantPayloadCompact, false},
		{"decrypted envelope", `{"encData":"x"}`, inner, decrypted(inner), VariantDecrypted, true},
		{"decrypted payload alone", `{"payload":"x"}`, `{"a":1}`, decrypted(`{"a":1}`), VariantDecrypted, false},
		{"payload of a decrypted envelope", `{"encData":"x"}`, `{"secret":1}`, decrypted(inner), VariantPayloadRaw, false},
		{"encrypted body before decrypting", "eyJ.a.b.c.d", "eyJ.a.b.c.d", nil, VariantBody, true},
		{"body that is no JSON", "hello\x00\xff", "hello\x00\xff", nil, VariantBody, true},
		{"empty body", "", "", nil, VariantBody, true},
	} {
		for _, pinned := range []Variant{"", VariantPayloadRaw, VariantPayloadCompact, VariantBody, VariantDecrypted, "nonsense"} {
			pin := func(in *VerifyInput) { in.Pinned = pinned }
			if tc.change == nil {
				tc.change = func(*VerifyInput) {}
			}
			got, err := verifyReference(t, tc.body, signReference(t, tc.signed), pin, tc.change)
			if err != nil || got.Variant != tc.want || got.EnvelopeSigned != tc.envelope {
				t.Errorf("%s, pinned %q: got %+v, %v, want %s, envelope %v", tc.name, pinned, got, err, tc.want, tc.envelope)
			}
		}
	}
}

func TestVerifyTriesThePinnedVariantFirst(t *testing.T) {
	t.Parallel()
	// Body and decrypted text are equal here, so only the order decides which of the two is reported.
	const text = `{"webhookId":"w","payload":{}}`
	for _, pinned := range []Variant{VariantBody, VariantDecrypted} {
		got, err := verifyReference(t, text, signReference(t, text), func(in *VerifyInput) {
			in.Pinned, in.Decrypted = pinned, []byte(text)
		})
		if err != nil || got.Variant != pinned {
			t.Errorf("got %q, %v, want %q", got.Variant, err, pinned)
		}
	}
}

func TestVerifyGivesTheReason(t *testing.T) {
	t.Parallel()
	good := signReference(t, referenceBody)
	key := Key{ID: "k", Secret: mustSecret(t, testSecretText)}
	at := time.UnixMilli(referenceTime)
	lookup := func(k Key) func(*VerifyInput) {
		return func(in *VerifyInput) { in.LookupKey = func(string) (Key, bool) { return k, true } }
	}
	now := func(d time.Duration) func(*VerifyInput) {
		return func(in *VerifyInput) { in.Now = at.Add(d) }
	}
	for _, tc := range []struct {
		name, signature string
		change          func(*VerifyInput)
		want            error
		variant         Variant
	}{
		{"no key known", good, func(in *VerifyInput) { in.LookupKey = nil }, ErrKeyUnknown, ""},
		{"empty key", good, lookup(Key{ID: "k"}), ErrKeyEmpty, ""},
		{
			"empty key that would match", Sign(Key{ID: "k"}, at, []byte(referenceBody)), lookup(Key{ID: "k", Secret: Secret{}}),
			ErrKeyEmpty, "",
		},
		{"retired key, genuine bytes", good, lookup(Key{Secret: key.Secret, RetiredAt: at}), ErrKeyRetired, VariantBody},
		{"key that retires later", good, lookup(Key{Secret: key.Secret, RetiredAt: at.Add(time.Second)}), nil, VariantBody},
		{"expired key, genuine bytes", good, lookup(Key{Secret: key.Secret, ExpiresAt: at.Add(-time.Second)}), ErrKeyExpired, VariantBody},
		{"key that expires later", good, lookup(Key{Secret: key.Secret, ExpiresAt: at}), nil, VariantBody},
		{"exactly as old as tolerated", good, now(DefaultTolerance), nil, VariantBody},
		{"a millisecond too old", good, now(DefaultTolerance + time.Millisecond), ErrTimestampTooOld, VariantBody},
		{"exactly as far ahead as tolerated", good, now(-DefaultTolerance), nil, VariantBody},
		{"a millisecond too far ahead", good, now(-DefaultTolerance - time.Millisecond), ErrTimestampTooNew, VariantBody},
		{"no clock", good, func(in *VerifyInput) { in.Now = time.Time{} }, ErrTimestampTooNew, VariantBody},
		{"old but tolerated", good, func(in *VerifyInput) { in.Now, in.Tolerance = at.Add(time.Hour), time.Hour }, nil, VariantBody},
		{"old and forged", "t=1767225600000;keyId=k;sig=" + strings.Repeat("A", 43) + "=", now(time.Hour), ErrSignatureMismatch, ""},
		{"repeated time", "t=1;" + good, nil, ErrSignatureMalformed, ""},
		{"negative time", strings.Replace(good, "t=", "t=-", 1), nil, ErrSignatureMalformed, ""},
		{"time beyond 64 bits", strings.Replace(good, "t=", "t=99999999999999999999", 1), nil, ErrSignatureMalformed, ""},
		{"time beyond the year 9999", "t=253402300800000" + strings.TrimPrefix(good, "t=1767225600000"), nil, ErrSignatureMalformed, ""},
		{"empty time", strings.Replace(good, "t=1767225600000", "t=", 1), nil, ErrSignatureMalformed, ""},
		{"empty key id", strings.Replace(good, "keyId=k", "keyId=", 1), nil, ErrSignatureMalformed, ""},
		{"oversized header", good + strings.Repeat(";x=1", 500), nil, ErrSignatureMalformed, ""},
		{"base64url", "t=1767225600000;keyId=k;sig=" + strings.Repeat("_", 43), nil, ErrSignatureMalformed, ""},
		{"only white space and quotes", ` " " `, nil, ErrSignatureMissing, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.change == nil {
				tc.change = func(*VerifyInput) {}
			}
			got, err := verifyReference(t, referenceBody, tc.signature, tc.change)
			if !errors.Is(err, tc.want) || got.Variant != tc.variant {
				t.Errorf("got %q, %v, want %q, %v", got.Variant, err, tc.variant, tc.want)
			}
		})
	}
}

func TestVerificationHoldsWhatCouldBeRead(t *testing.T) {
	t.Parallel()
	got, err := verifyReference(t, referenceBody, "t=1767225600000;keyId=other;sig=short", func(in *VerifyInput) {
		in.Now = in.Now.Add(3 * time.Second)
	})
	if !errors.Is(err, ErrSignatureMalformed) || got.KeyID != "other" || got.Skew != 3*time.Second || got.SignedAt.UnixMilli() != referenceTime {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestParseSignatureHeaderIsTolerant(t *testing.T) {
	t.Parallel()
	mac := strings.Repeat("A", 43)
	for _, value := range []string{
		"t=1;keyId=k;sig=" + mac + "=",
		"t=1;keyId=k;sig=" + mac, // the padding was lost
		"v-c-signature: t=1;keyId=k;sig=" + mac + "=",
		`V-C-Signature:"t=1; keyId=k ; sig=` + mac + `=";`,
		`'t="1";keyid="k";SIG="` + mac + `="'`,
		";;t = 1;\tkeyId = k;sig = " + mac + "=;;",
	} {
		h, err := ParseSignatureHeader(value)
		if err != nil || h.Timestamp.UnixMilli() != 1 || h.KeyID != "k" || !bytes.Equal(h.MAC, make([]byte, 32)) {
			t.Errorf("%q: got %+v, %v", value, h, err)
		}
	}
}

func TestHeaderNamesAreCanonical(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		HeaderSignature, HeaderEventType, HeaderOrganizationID, HeaderProductName, HeaderRequestType, HeaderRetryCount,
		HeaderTransactionTraceID, HeaderWebhookID,
	} {
		if canonical := http.CanonicalHeaderKey(name); canonical != name {
			t.Errorf("got %s, want %s", name, canonical)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	body := strings.Replace(referenceBody, `"version":"1.0"`, `"version":"`+strings.Repeat("x", 1400)+`"`, 1)
	payload := string(payloadMember([]byte(body)))
	for _, bc := range []struct {
		name, signed string
		pinned       Variant
	}{
		{"payload-raw", payload, VariantPayloadRaw},
		{"body", body, VariantBody},
		{"body-unpinned", body, ""},
		{"mismatch", "x", ""},
	} {
		b.Run(bc.name, func(b *testing.B) {
			key := Key{ID: "k", Secret: mustSecret(b, testSecretText)}
			in := VerifyInput{
				Signature: signReference(b, bc.signed), Body: []byte(body), Now: time.UnixMilli(referenceTime), Pinned: bc.pinned,
				LookupKey: func(string) (Key, bool) { return key, true },
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := Verify(in); (err != nil) != (bc.name == "mismatch") {
					b.Fatal(err)
				}
			}
		})
	}
}
