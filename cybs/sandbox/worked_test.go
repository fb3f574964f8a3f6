package sandbox

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

// The worked example of the reference, section 9.4.
const (
	workedKey  = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	workedBody = `{"eventType":"tms.networktoken.provisioned","webhookId":"11111111-2222-3333-4444-555555555555",` +
		`"productId":"tokenManagement","organizationId":"parent_org","eventDate":"2026-01-01T00:00:00",` +
		`"transactionTraceId":"66666666-7777-8888-9999-000000000000-0","retryNumber":0,"payload":{"data":{"_links":` +
		`{"tokenized-cards":[{"href":"/tms/v2/tokenized-cards/AAAA0001","id":"AAAA0001","state":"ACTIVE"}],` +
		`"instrumentIdentifiers":[{"href":"/tms/v1/instrumentidentifiers/7030000000000001111","id":"7030000000000001111"}]},` +
		`"reason":"PROVISIONED","id":"BBBB0002","type":"tokenizedCardEnrollments","version":"1.0"},"organizationId":"child_org"},"requestType":"NEW"}`
)

// workedSandbox holds the example's organization, key and subscription, with the clock at its time.
func workedSandbox(t *testing.T, variants map[string]cybs.Variant) *Sandbox {
	t.Helper()
	s, err := New(Config{
		Organizations: []Organization{{OrganizationID: "parent_org"}},
		Now:           func() time.Time { return time.UnixMilli(1767225600000) },
		Delivery:      DeliveryConfig{Variants: variants},
	})
	if err != nil {
		t.Fatal(err)
	}
	secret, err := cybs.ParseSecret(workedKey)
	if err != nil {
		t.Fatal(err)
	}
	s.sigKeys["parent_org"] = []signatureKey{{ID: "key-1", Secret: secret}}
	return s
}

func TestWorkedExamplesAreWhatIsSent(t *testing.T) {
	t.Parallel()
	if len(workedBody) != 648 {
		t.Fatalf("the example has %d bytes, want 648", len(workedBody))
	}
	var parts struct{ Payload json.RawMessage }
	if err := json.Unmarshal([]byte(workedBody), &parts); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		variants map[string]cybs.Variant
		want     string
	}{
		"A, the default of tokenManagement": {nil, "OpP3cX4TeqrBoUtpRhZw56PGEAvl+9nAcKOdDffs+SY="},
		"B":                                 {map[string]cybs.Variant{"tokenManagement": cybs.VariantBody}, "rMwFyt0sjA7H330YoHQVd8iyl5nj9EOKKb7MVHkaml8="},
	} {
		s := workedSandbox(t, c.variants)
		sub := &subscription{ID: "11111111-2222-3333-4444-555555555555", OrganizationID: "parent_org", WebhookURL: "https://r.example/", Security: defaultSecurity()}
		m := &message{
			ProductID: "tokenManagement", EventType: "tms.networktoken.provisioned", EventDate: s.cfg.Now(), Payload: parts.Payload,
			TraceID: "66666666-7777-8888-9999-000000000000-0",
		}
		a := Attempt{OrganizationID: "parent_org", ProductID: m.ProductID, EventType: m.EventType, WebhookID: sub.ID}
		out, err := s.compose(sub, m, &a)
		if err != nil {
			t.Fatal(err)
		}
		if string(out.body) != workedBody {
			t.Errorf("%s: sent\n%s\nwant\n%s", name, out.body, workedBody)
		}
		// Sent in lower case, and so not where Get would look.
		if got, want := strings.Join(out.header[s.headerName("v-c-signature")], ""), "t=1767225600000;keyId=key-1;sig="+c.want; got != want {
			t.Errorf("%s: signed %s, want %s", name, got, want)
		}
	}
}

func TestPublishedSignatureExampleHolds(t *testing.T) {
	t.Parallel()
	secret, err := cybs.ParseSecret("dGVzdF9rZXk=")
	if err != nil {
		t.Fatal(err)
	}
	got := cybs.Sign(cybs.Key{ID: "bf44c857-b182-bb05-e053-34b8d30a7a72", Secret: secret}, time.UnixMilli(1617830804768), []byte("this is a decrypted payload"))
	if !strings.HasSuffix(got, ";sig=CzHY47nzJgCSD/BREtSIb+9l/vfkaaL4qf9n8MNJ4CY=") {
		t.Errorf("got %s", got)
	}
}

// The request vectors of the reference, section 12.
func TestWorkedRequestsAreAccepted(t *testing.T) {
	t.Parallel()
	secret, err := cybs.ParseSecret(workedKey)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{
		Organizations: []Organization{{OrganizationID: "my_org", Keys: []APIKey{{KeyID: "key-serial-1", Secret: secret}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const body = `{"clientRequestAction":"CREATE","keyInformation":{"provider":"nrtd","tenant":"my_org","keyType":"sharedSecret","organizationId":"my_org","expiryDuration":"365"}}`
	signed := func(list, signature string) string {
		return `keyid="key-serial-1", algorithm="HmacSHA256", headers="` + list + `", signature="` + signature + `"`
	}
	const token = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImtleS1zZXJpYWwtMSIsInR5cCI6IkpXVCJ9.eyJkaWdlc3QiOiJRZ1djY2hHOVgzSXhwcnIzODN1eGJOaWpXUkxxRTVQSWJ4MmZBeUV2RXVRPSIsImRpZ2VzdEFsZ29yaXRobSI6IlNIQS0yNTYiLCJpYXQiOjE3NjcyMjU2MDAsImV4cCI6MTc2NzIyNTcyMCwicmVxdWVzdC1ob3N0IjoiYXBpdGVzdC5jeWJlcnNvdXJjZS5jb20iLCJyZXF1ZXN0LW1ldGhvZCI6InBvc3QiLCJyZXF1ZXN0LXJlc291cmNlLXBhdGgiOiIva21zL2VncmVzcy92Mi9rZXlzLXN5bSIsImlzcyI6Im15X29yZyIsImp0aSI6IjY2NDNmYjlhLTgwOTMtNDdjNi05NWQzLThkNjk3ODViNWU2MiIsInYtYy1qd3QtdmVyc2lvbiI6IjIiLCJ2LWMtbWVyY2hhbnQtaWQiOiJteV9vcmcifQ.D-wPxh5Ncf3skdBtaEX9xRxvSS4iMGTZRg-kvrNwbRo"
	for name, r := range map[string]authRequest{
		"HTTP Signature, POST": {Method: "POST", Target: "/kms/egress/v2/keys-sym", Body: []byte(body), Header: map[string][]string{
			"Date": {"Thu, 01 Jan 2026 00:00:00 GMT"}, "V-C-Merchant-Id": {"my_org"}, "Digest": {"SHA-256=QgWcchG9X3Ixprr383uxbNijWRLqE5PIbx2fAyEvEuQ="},
			"Signature": {signed("host date request-target digest v-c-merchant-id", "OWcU8aXUSKnU8TCLpflnScs2elAgvMA/vd5SwSRbOKc=")},
		}},
		"HTTP Signature, GET": {Method: "GET", Target: "/notification-subscriptions/v2/webhooks?organizationId=my_org", Header: map[string][]string{
			"Date": {"Thu, 01 Jan 2026 00:00:00 GMT"}, "V-C-Merchant-Id": {"my_org"},
			"Signature": {signed("host date request-target v-c-merchant-id", "RVzngWFPnW9fZ80sbQ+6dhRreB45h3V5A8xrTc8n/+A=")},
		}},
		"JWT": {Method: "POST", Target: "/kms/egress/v2/keys-sym", Body: []byte(body), Header: map[string][]string{"Authorization": {"Bearer " + token}}},
	} {
		r.Host = "apitest.cybersource.com"
		if _, err := s.auth.authenticate(r, time.Unix(1767225600, 0)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
