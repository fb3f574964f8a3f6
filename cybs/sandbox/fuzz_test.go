package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

// FuzzAuthentication: nobody gets in by a header that was made up, and none
// panics.
func FuzzAuthentication(f *testing.F) {
	f.Add(`keyid="key", algorithm="HmacSHA256", headers="host date request-target v-c-merchant-id", signature="AAAA"`, "", "Fri, 15 Jan 2027 10:15:30 GMT")
	f.Add("", "Bearer eyJhbGciOiJIUzI1NiIsImtpZCI6ImtleSJ9.e30.AAAA", "")
	f.Add("", "Bearer eyJhbGciOiJub25lIiwia2lkIjoia2V5In0.e30.", "")
	f.Add("", "Bearer eyJhbGciOiJSUzI1NiIsIng1YyI6WyJBQUFBIl19.e30.AAAA", "")
	f.Add(`headers="host",headers="date"`, "", "x")
	s, err := New(Config{Organizations: []Organization{{OrganizationID: "org", Keys: []APIKey{{KeyID: "key", Secret: cybs.Secret(hmacSecret)}}}}})
	if err != nil {
		f.Fatal(err)
	}
	now := time.Date(2027, 1, 15, 10, 15, 30, 0, time.UTC)
	f.Fuzz(func(t *testing.T, signature, authorization, date string) {
		r := authRequest{Method: http.MethodGet, Target: "/p", Host: "h", Header: http.Header{"V-C-Merchant-Id": {"org"}}}
		for name, value := range map[string]string{"Signature": signature, "Authorization": authorization, "Date": date} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if _, err := s.auth.authenticate(r, now); !errors.Is(err, errUnauthenticated) {
			t.Errorf("got %v, want a refusal", err)
		}
	})
}

// FuzzBodies: whatever an authenticated client sends to whichever call, the
// answer is JSON and no server error, and what is kept can be shown and saved.
func FuzzBodies(f *testing.F) {
	f.Add(`{"name":"n","organizationId":"org","products":[{"productId":"p","eventTypes":["e"]}],"webhookUrl":"https://h/","securityPolicy":{"securityType":"KEY"}}`)
	f.Add(`{"retryPolicy":{"algorithm":"GEOMETRIC","firstRetry":"1","interval":1e9},"notificationScope":{"scope":"CUSTOM","scopeData":"a,b"}}`)
	f.Add(`{"clientRequestAction":"STORE","keyInformation":{"provider":"nrtd","tenant":"org","organizationId":"org","keyType":"publickey","pub":"AAAA"}}`)
	f.Add(`{"byDeliveryStatus":{"status":"FAILED","hoursBack":1}}`)
	f.Add(`{"securityPolicy":{"securityType":"oAuth","config":{"oAuthURL":"https://i/","oAuthTokenType":"Bearer","oAuthTokenExpiry":[]}}}`)
	f.Fuzz(func(t *testing.T, body string) {
		s, err := New(Config{Organizations: []Organization{{OrganizationID: "org"}}, API: APIConfig{OfferReplay: true}})
		if err != nil {
			t.Fatal(err)
		}
		known := &subscription{ID: "id", OrganizationID: "org", Status: statusActive, Security: defaultSecurity(), WebhookURL: "https://127.0.0.1:1/"}
		s.subs["id"] = known
		for _, rt := range s.routes() {
			for method, h := range rt.methods {
				w := httptest.NewRecorder()
				r := httptest.NewRequestWithContext(t.Context(), method, "/?organizationId=org&productId=p&eventType=e", strings.NewReader(body))
				r.SetPathValue("webhookId", "id")
				r.SetPathValue("organizationId", "org")
				if method == http.MethodDelete || strings.HasSuffix(rt.path, "/v1/webhooks/{webhookId}") && method == http.MethodPost {
					continue // they read no body
				}
				if err := h(&call{w: w, r: r, body: []byte(body), who: principal{Owner: "org"}, v1: rt.v1}); err != nil {
					s.answer(w, err)
				}
				if w.Code >= 500 || w.Body.Len() > 0 && !json.Valid(w.Body.Bytes()) {
					t.Errorf("%s %s: %d %s", method, rt.path, w.Code, w.Body)
				}
			}
		}
		if _, err := json.Marshal(s.snapshot()); err != nil {
			t.Error(err)
		}
	})
}
