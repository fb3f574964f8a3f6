package cybs

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSubscriptionIsReadInEveryShape(t *testing.T) {
	t.Parallel()
	products := []SubscribedProduct{{ProductID: "tokenManagement", EventTypes: []string{"a", "b"}}}
	for _, tc := range []struct {
		name, body string
		want       Subscription
	}{
		{
			"the guide's answer", `{"organizationId":"my_org","products":[{"productId":"tokenManagement","eventTypes":["a","b"]}],
			"webhookId":"w","name":"n","description":"d","webhookUrl":"https://h:443/x","healthCheckUrl":"https://h:443/y",
			"createdOn":"2026-01-01T00:00:00.123Z","updatedOn":"2026-01-02T00:00:00Z","status":"INACTIVE",
			"retryPolicy":{"algorithm":"ARITHMETIC","firstRetry":1,"interval":1,"numberOfRetries":3,"deactivateFlag":false,"repeatSequenceCount":0,"repeatSequenceWaitTime":0},
			"securityPolicy":{"securityType":"KEY","proxyType":"external","digitalSignatureEnabled":"yes"},
			"version":"3","deliveryType":"nrtdCentral","notificationScope":"SELF","extra":{"kept":1}}`,
			Subscription{
				WebhookID: "w", OrganizationID: "my_org", Name: "n", Description: "d", WebhookURL: "https://h:443/x",
				HealthCheckURL: "https://h:443/y", Products: products, Status: StatusInactive,
				SecurityPolicy: SecurityPolicy{Type: SecurityKey, ProxyType: "external", DigitalSignature: "yes"},
				Scope:          Scope{Kind: ScopeSelf}, Version: "3", DeliveryType: "nrtdCentral", RetryPolicy: DefaultRetryPolicy(),
				CreatedAt: time.Date(2026, 1, 1, 0, 0, 0, 123e6, time.UTC), UpdatedAt: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC),
			},
		},
		{
			"flat, strings, old time, scope object", `{"webhookId":"w","productId":"tokenManagement","eventTypes":["a","b"],"status":"active",
			"createdOn":"2022-04-28 15:39:56.931","retryPolicy":{"firstRetry":"5","deactivateFlag":"true"},"version":3,
			"notificationScope":{"scope":"CUSTOM","scopeData":["o1","o2"]},"securityPolicy":{"securityType":"key"}}`,
			Subscription{
				WebhookID: "w", Products: products, Status: StatusActive, Version: "3", SecurityPolicy: SecurityPolicy{Type: SecurityKey},
				RetryPolicy: RetryPolicy{Algorithm: Arithmetic, FirstRetry: 5, Interval: 1, NumberOfRetries: 3, DeactivateFlag: true},
				Scope:       Scope{Kind: ScopeCustom, OrganizationIDs: []string{"o1", "o2"}},
				CreatedAt:   time.Date(2022, 4, 28, 15, 39, 56, 931e6, time.UTC),
			},
		},
		{
			"live time, scope data by commas, event objects", `{"webhookId":"w","products":[{"productId":"tokenManagement","eventTypes":[{"name":"a"},{"eventName":"b"}]}],
			"createdOn":"2025-11-03T10:35:41.840390","notificationScope":{"scope":"custom","scopeData":"o1, o2"}}`,
			Subscription{
				WebhookID: "w", Products: products, RetryPolicy: DefaultRetryPolicy(),
				Scope:     Scope{Kind: ScopeCustom, OrganizationIDs: []string{"o1", "o2"}},
				CreatedAt: time.Date(2025, 11, 3, 10, 35, 41, 840390e3, time.UTC),
			},
		},
		{
			"OAuth with a token", `{"webhookId":"w","securityPolicy":{"securityType":"oAuth_JWT","config":{"oAuthURL":"u","oAuthTokenType":"Bearer","oAuthTokenExpiry":365,
			"keyId":"k","additionalConfig":{"aud":"a","client_id":"c","keyId":"y","scope":"s"}}},"createdOn":"soon","products":null,"retryPolicy":null,"notificationScope":null}`,
			Subscription{
				WebhookID: "w", RetryPolicy: DefaultRetryPolicy(), SecurityPolicy: SecurityPolicy{Type: SecurityOAuthJWT, OAuth: OAuthConfig{
					URL: "u", TokenType: "Bearer", TokenExpiry: "365", KeyID: "k", Audience: "a", ClientID: "c", AssertionKeyID: "y", Scope: "s",
				}},
			},
		},
		{
			"the misspelt client id of the SDKs", `{"webhookId":"w","status":"REVIEWING","securityPolicy":{"config":{"additionalConfig":{"clientId":"c"}}}}`,
			Subscription{WebhookID: "w", Status: "REVIEWING", RetryPolicy: DefaultRetryPolicy(), SecurityPolicy: SecurityPolicy{OAuth: OAuthConfig{ClientID: "c"}}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, _ := newTestClient(t, answer(http.StatusOK, tc.body))
			got, err := c.GetSubscription(t.Context(), "w")
			if err != nil {
				t.Fatal(err)
			}
			tc.want.Raw = json.RawMessage(tc.body)
			if diff := cmp.Diff(tc.want, *got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSubscriptionWithoutIDIsMalformed(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{}`, `{"webhookId":""}`, `[]`, ``, `{"webhookId":{}}`, `{"webhookId":"w","retryPolicy":{"firstRetry":"often"}}`} {
		c, _ := newTestClient(t, answer(http.StatusOK, body))
		if _, err := c.GetSubscription(t.Context(), "w"); !errors.Is(err, ErrMalformedResponse) {
			t.Errorf("%s: got %v, want ErrMalformedResponse", body, err)
		}
	}
}

func TestListOfNone(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		status int
		body   string
		want   error
	}{
		{"404 with a reason", 404, `{"reason":"NOT_FOUND"}`, nil},
		{"404 with nothing", 404, ``, nil},
		{"empty array", 200, `[]`, nil},
		{"null", 200, `null`, nil},
		{"nothing", 200, ``, nil},
		{"404 of something that is not the API", 404, `<html>`, ErrNotFound},
		{"401", 401, `{}`, ErrUnauthorized},
		{"object of something else", 200, `{"a":1}`, ErrMalformedResponse},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, _ := newTestClient(t, answer(tc.status, tc.body))
			list, err := c.ListSubscriptions(t.Context(), ListSubscriptionsOptions{OrganizationID: "o"})
			if !errors.Is(err, tc.want) || len(list) != 0 {
				t.Errorf("got %v, %v, want none, %v", list, err, tc.want)
			}
		})
	}
}

func TestListReadsArrayAndWrapper(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`[{"webhookId":"a"},{"webhookId":"b"}]`, `{"webhooks":[{"webhookId":"a"},{"webhookId":"b"}]}`} {
		c, _ := newTestClient(t, answer(http.StatusOK, body))
		list, err := c.ListSubscriptions(t.Context(), ListSubscriptionsOptions{OrganizationID: "o"})
		if err != nil || len(list) != 2 || list[0].WebhookID != "a" || string(list[1].Raw) != `{"webhookId":"b"}` {
			t.Errorf("got %+v, %v", list, err)
		}
	}
}

func TestAnyBodyOf2xxDoesForStatusAndDelete(t *testing.T) {
	t.Parallel()
	for _, body := range []string{``, `{"status":"ACTIVE"}`, `{"status":"successfully deleted"}`, `OK`} {
		for _, status := range []int{200, 202, 204} {
			if status == 204 {
				body = ""
			}
			c, _ := newTestClient(t, answer(status, body))
			if err := c.SetSubscriptionStatus(t.Context(), "w", StatusInactive); err != nil {
				t.Errorf("status, %d %s: got %v", status, body, err)
			}
			if err := c.DeleteSubscription(t.Context(), "w"); err != nil {
				t.Errorf("delete, %d %s: got %v", status, body, err)
			}
		}
	}
}

func TestUpdateWithoutAnswerReadsAgain(t *testing.T) {
	t.Parallel()
	var patched atomic.Value
	c, _ := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Errorf("read: %v", err)
			}
			patched.Store(string(b))
			return
		}
		answer(http.StatusOK, `{"webhookId":"w","name":"<new> & \"other\""}`)(w, nil)
	})
	name := `<new> & "other"`
	got, err := c.UpdateSubscription(t.Context(), "w", SubscriptionPatch{
		Name: &name, Scope: &Scope{Kind: ScopeCustom, OrganizationIDs: []string{"o"}},
		SecurityPolicy: &SecurityPolicy{Type: SecurityOAuth, OAuth: OAuthConfig{URL: "u", ClientID: "c"}},
	})
	if err != nil || got.Name != name {
		t.Errorf("got %+v, %v", got, err)
	}
	want := `{"name":"<new> & \"other\"","securityPolicy":{"securityType":"oAuth","config":{"oAuthURL":"u","additionalConfig":{"client_id":"c"}}},"notificationScope":{"scope":"CUSTOM","scopeData":["o"]}}`
	if patched.Load() != want {
		t.Errorf("got %s, want %s", patched.Load(), want)
	}
}

func TestCreateIsRefusedForAProductThatHasOne(t *testing.T) {
	t.Parallel()
	c, _ := newTestClient(t, answer(400, `{"status":"INVALID_REQUEST","message":"Record already exists"}`))
	if _, err := c.CreateSubscription(t.Context(), SubscriptionInput{}); !errors.Is(err, ErrAlreadyExists) {
		t.Errorf("got %v, want ErrAlreadyExists", err)
	}
}

func TestTestResultIsWhatWasSent(t *testing.T) {
	t.Parallel()
	const body = `{"eventDate":"2026-01-01T16:15:23","eventType":"e","organizationId":"o","payloads":{"testPayload":{}},"productId":"p","requestType":"NEW","retryNumber":"2","transactionTraceId":"t","webhookId":"w"}`
	for _, status := range []int{200, 201} {
		c, _ := newTestClient(t, answer(status, body))
		got, err := c.TestSubscription(t.Context(), "w")
		want := &TestResult{
			WebhookID: "w", OrganizationID: "o", ProductID: "p", EventType: "e", EventDate: "2026-01-01T16:15:23",
			TransactionTraceID: "t", RetryNumber: 2, Raw: json.RawMessage(body),
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("got %v, differs (-want +got):\n%s", err, diff)
		}
	}
	c, _ := newTestClient(t, answer(201, ""))
	if got, err := c.TestSubscription(t.Context(), "w"); err != nil || got.WebhookID != "w" || got.Raw != nil {
		t.Errorf("empty answer: got %+v, %v", got, err)
	}
}

func TestEqualURL(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"https://Hooks.example.com:443/In/AbC", "https://hooks.example.com/In/AbC", true},
		{"https://hooks.example.com/In/AbC", "https://hooks.example.com:443/in/abc", true},
		{"https://hooks.example.com/In/AbC", "https://hooks.example.com/in/AbC", false},
		{"https://hooks.example.com:8443/x", "https://hooks.example.com/x", false},
		{"http://h:80/x", "HTTP://H/x", true},
		{"https://h/x", "http://h/x", false},
		{"https://h/x?a=1", "https://h/x", false},
		{"https://h:8443:/x", "https://h:8443:/x", true}, // malformed, and in the published examples
	} {
		if EqualURL(tc.a, tc.b) != tc.want || EqualURL(tc.b, tc.a) != tc.want {
			t.Errorf("%s and %s: want %v", tc.a, tc.b, tc.want)
		}
	}
}

// TestInputsAreJSONByTheDefaultDialect compares what encoding/json makes of the inputs with what a client sends.
func TestInputsAreJSONByTheDefaultDialect(t *testing.T) {
	t.Parallel()
	policy := RetryPolicy{Algorithm: Geometric, FirstRetry: 1, Interval: 2, NumberOfRetries: 3, DeactivateFlag: true}
	oauth := SecurityPolicy{Type: SecurityOAuthJWT, ProxyType: "only read", OAuth: OAuthConfig{
		URL: "u", TokenType: "Bearer", TokenExpiry: "365", KeyID: "k", Audience: "a", ClientID: "c", AssertionKeyID: "y", Scope: "s",
	}}
	custom := Scope{ScopeCustom, []string{"a"}}
	in := SubscriptionInput{
		Name: "n", Description: "d", OrganizationID: "o", Products: []SubscribedProduct{{"p", []string{"e"}}}, WebhookURL: "u",
		HealthCheckURL: "h", RetryPolicy: &policy, SecurityPolicy: oauth, Scope: &custom,
	}
	patch := SubscriptionPatch{
		Name: &in.Name, Description: &in.Description, OrganizationID: &in.OrganizationID, Products: in.Products,
		WebhookURL: &in.WebhookURL, HealthCheckURL: &in.HealthCheckURL, RetryPolicy: &policy, SecurityPolicy: &oauth, Scope: &custom,
	}
	for _, tc := range []struct {
		input any
		call  func(c *Client) error
	}{
		{in, func(c *Client) error { _, err := c.CreateSubscription(t.Context(), in); return err }},
		{patch, func(c *Client) error { _, err := c.UpdateSubscription(t.Context(), "w", patch); return err }},
	} {
		want, err := encodeJSON(tc.input)
		if err != nil {
			t.Fatal(err)
		}
		_, body, _ := sentBy(t, func(*Config) {}, tc.call)
		if diff := cmp.Diff(string(want), body); diff != "" {
			t.Errorf("%T differs (-JSON +sent):\n%s", tc.input, diff)
		}
	}
	var back SubscriptionInput
	b, err := json.Marshal(in)
	if err == nil {
		err = json.Unmarshal(b, &back)
	}
	in.SecurityPolicy.ProxyType = ""
	if diff := cmp.Diff(in, back); err != nil || diff != "" {
		t.Errorf("got %v, differs after reading it again (-want +got):\n%s", err, diff)
	}
}
