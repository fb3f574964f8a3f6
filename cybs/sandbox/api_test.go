package sandbox_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/cybs/sandbox/sandboxtest"
)

// raw sends any body, signed by hand with HTTP Signature.
func raw(t *testing.T, s *sandboxtest.Server, method, path, body string, header ...string) (int, http.Header, string) {
	t.Helper()
	u, err := url.Parse(s.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, u.String(), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	date := time.Now().UTC().Format(http.TimeFormat)
	list := "host date request-target v-c-merchant-id"
	text := "host: " + u.Host + "\ndate: " + date + "\nrequest-target: " + strings.ToLower(method) + " " + u.RequestURI() +
		"\nv-c-merchant-id: " + s.Credentials.MerchantID
	if body != "" {
		sum := sha256.Sum256([]byte(body))
		digest := "SHA-256=" + base64.StdEncoding.EncodeToString(sum[:])
		req.Header.Set("Digest", digest)
		list, text = list+" digest", text+"\ndigest: "+digest
	}
	mac := hmac.New(sha256.New, s.Credentials.Secret)
	mac.Write([]byte(text))
	req.Header.Set("Date", date)
	req.Header.Set("v-c-merchant-id", s.Credentials.MerchantID)
	req.Header.Set("Signature", `keyid="`+s.Credentials.KeyID+`", algorithm="HmacSHA256", headers="`+list+
		`", signature="`+base64.StdEncoding.EncodeToString(mac.Sum(nil))+`"`)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return send(t, req)
}

func send(t *testing.T, req *http.Request) (int, http.Header, string) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport, Timeout: sandboxtest.Patience}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

const (
	webhooks = "/notification-subscriptions/v2/webhooks"
	keysSym  = "/kms/egress/v2/keys-sym"
	complete = `{"name":"n","organizationId":"sandbox_org","products":[{"productId":"eCheck","eventTypes":["payments.voids.failed"]}],` +
		`"webhookUrl":"https://a.example.com/h","securityPolicy":{"securityType":"KEY"}}`
)

func TestAnswersToWrongRequests(t *testing.T) {
	t.Parallel()
	s := sandboxtest.New(t)
	if status, _, body := raw(t, s, http.MethodPost, webhooks, complete); status != http.StatusCreated {
		t.Fatalf("complete subscription: %d %s", status, body)
	}
	// with replaces a part of the complete body.
	with := func(old, changed string) string { return strings.Replace(complete, old, changed, 1) }
	for name, c := range map[string]struct {
		method, path, body string
		header             []string
		status             int
		want               string
	}{
		"unknown path":         {http.MethodGet, "/pts/v2/payments", "", nil, 404, `{"errors":[{"type":"NOT_FOUND"`},
		"wrong method":         {http.MethodPut, webhooks, "{}", nil, 405, `{"errors":[{"type":"METHOD_NOT_ALLOWED"`},
		"unknown webhook":      {http.MethodGet, webhooks + "/nobody", "", nil, 404, `{"reason":"NOT_FOUND","message":"Webhook nobody not found","details":[]}`},
		"unknown webhook, v1":  {http.MethodGet, "/notification-subscriptions/v1/webhooks/nobody", "", nil, 404, `{"statusCode":404,"reason":"NOT_FOUND"`},
		"foreign organization": {http.MethodGet, "/notification-subscriptions/v2/products/nobody", "", nil, 404, `"NOT_FOUND"`},
		"list without organization": {
			http.MethodGet, webhooks, "", nil, 400,
			`{"field":"organizationId","reason":"MISSING_FIELD"}`,
		},
		"empty list":   {http.MethodGet, webhooks + "?organizationId=sandbox_org&productId=payments", "", nil, 404, `"NOT_FOUND"`},
		"no body":      {http.MethodPost, webhooks, "", nil, 400, `"status":"INVALID_REQUEST"`},
		"no JSON":      {http.MethodPost, webhooks, "<xml/>", nil, 400, `not valid JSON`},
		"wrong type":   {http.MethodPost, webhooks, with(`"n"`, "7"), nil, 400, `{"field":"name","reason":"INVALID_DATA"}`},
		"empty object": {http.MethodPost, webhooks, "{}", nil, 400, `"details":[{"field":"name","reason":"MISSING_FIELD"}`},
		"no products":  {http.MethodPost, webhooks, with(`[{"productId":"eCheck","eventTypes":["payments.voids.failed"]}]`, "[]"), nil, 400, `{"field":"products","reason":"MISSING_FIELD"}`},
		"no events":    {http.MethodPost, webhooks, with(`["payments.voids.failed"]`, "[]"), nil, 400, `{"field":"products[0].eventTypes","reason":"MISSING_FIELD"}`},
		"no product":   {http.MethodPost, webhooks, with(`"eCheck"`, `""`), nil, 400, `{"field":"products[0].productId","reason":"MISSING_FIELD"}`},
		"relative URL": {http.MethodPost, webhooks, with("https://a.example.com/h", "/h"), nil, 400, `{"field":"webhookUrl","reason":"INVALID_DATA"}`},
		"malformed port, as the guide prints": {
			http.MethodPost, webhooks, with("https://a.example.com/h", "https://a.example.com:8443:/h"), nil, 400,
			`{"field":"webhookUrl","reason":"INVALID_DATA"}`,
		},
		"unknown policy":      {http.MethodPost, webhooks, with(`"KEY"`, `"frogs"`), nil, 400, `{"field":"securityPolicy.securityType","reason":"INVALID_DATA"}`},
		"oAuth without URL":   {http.MethodPost, webhooks, with(`"KEY"`, `"oAuth"`), nil, 400, `{"field":"securityPolicy.config","reason":"MISSING_FIELD"}`},
		"unknown algorithm":   {http.MethodPost, webhooks, with(`"name"`, `"retryPolicy":{"algorithm":"EXPONENTIAL"},"name"`), nil, 400, `{"field":"retryPolicy.algorithm","reason":"INVALID_DATA"}`},
		"negative retries":    {http.MethodPost, webhooks, with(`"name"`, `"retryPolicy":{"numberOfRetries":"-1"},"name"`), nil, 400, `{"field":"retryPolicy.numberOfRetries","reason":"INVALID_DATA"}`},
		"unknown scope":       {http.MethodPost, webhooks, with(`"name"`, `"notificationScope":"ALL","name"`), nil, 400, `{"field":"notificationScope","reason":"INVALID_DATA"}`},
		"foreign subscriber":  {http.MethodPost, webhooks, with("sandbox_org", "somebody"), nil, 400, `{"field":"organizationId","reason":"INVALID_DATA"}`},
		"product taken":       {http.MethodPost, webhooks, complete, nil, 400, "Record already exists"},
		"bad correlation id":  {http.MethodPost, webhooks, complete, []string{"v-c-correlation-id", "a b"}, 400, `"v-c-correlation-id"`},
		"bad sender":          {http.MethodPost, keysSym, "{}", []string{"v-c-sender-organization-id", "x"}, 400, `"v-c-sender-organization-id"`},
		"key without members": {http.MethodPost, keysSym, "{}", nil, 400, `"errorInformation":{"reason":"MISSING_FIELD","details":[{"field":"clientRequestAction"`},
		"key of wrong tenant": {http.MethodPost, keysSym, key("CREATE", "sharedSecret", "nrtd", "other"), nil, 400, `{"field":"keyInformation.tenant","reason":"INVALID_DATA"}`},
		"key refresh":         {http.MethodPost, keysSym, key("REFRESH", "sharedSecret", "nrtd", "sandbox_org"), nil, 400, `{"field":"clientRequestAction","reason":"INVALID_DATA"}`},
		"certificate that is none": {
			http.MethodPost, "/kms/egress/v2/keys-asym",
			strings.Replace(key("STORE", "publickey", "nrtd", "sandbox_org"), `"keyType"`, `"pub":"AAAA","keyType"`, 1), nil, 400, "Key invalid or validity too long",
		},
		"too large": {http.MethodPost, webhooks, `{"name":"` + strings.Repeat("x", 1<<20) + `"}`, nil, 413, `"REQUEST_TOO_LARGE"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, header, body := raw(t, s, c.method, c.path, c.body, c.header...)
			if status != c.status || !strings.Contains(body, c.want) {
				t.Errorf("got %d %s\nwant %d with %s", status, body, c.status, c.want)
			}
			if !json.Valid([]byte(body)) {
				t.Errorf("answer is no JSON: %s", body)
			}
			if c.status == http.StatusMethodNotAllowed && header.Get("Allow") != "GET, POST" {
				t.Errorf("Allow is %q", header.Get("Allow"))
			}
		})
	}
}

func key(action, kind, provider, tenant string) string {
	return `{"clientRequestAction":"` + action + `","keyInformation":{"provider":"` + provider + `","tenant":"` + tenant +
		`","keyType":"` + kind + `","organizationId":"sandbox_org"}}`
}

func TestUnauthenticatedRequestsAreRefusedAlike(t *testing.T) {
	t.Parallel()
	s := sandboxtest.New(t)
	const want = `{"response":{"rmsg":"Authentication Failed"}}`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+webhooks+"?organizationId=sandbox_org", nil)
	if err != nil {
		t.Fatal(err)
	}
	if status, _, body := send(t, req); status != http.StatusUnauthorized || body != want {
		t.Errorf("unsigned: got %d %s, want 401 %s", status, body, want)
	}
	if status, _, body := raw(t, s, http.MethodPost, webhooks, complete, "Digest", "SHA-256=undefined"); status != http.StatusUnauthorized || body != want {
		t.Errorf("wrong digest: got %d %s, want 401 %s", status, body, want)
	}
}

func TestCreateEchoesAndFillsIn(t *testing.T) {
	t.Parallel()
	s := sandboxtest.New(t)
	status, header, body := raw(t, s, http.MethodPost, webhooks, strings.Replace(complete, `"name"`,
		`"retryPolicy":{"algorithm":"Geometric","firstRetry":"3","deactivateFlag":"true"},"notificationScope":{"scope":"CUSTOM","scopeData":"a,b"},"unknown":{"x":1},"name"`, 1),
		"v-c-correlation-id", "corr-1")
	if status != http.StatusCreated || header.Get("v-c-correlation-id") != "corr-1" {
		t.Fatalf("got %d %v %s", status, header, body)
	}
	for _, want := range []string{
		`"status":"INACTIVE"`, `"algorithm":"GEOMETRIC","firstRetry":3,"interval":1,"numberOfRetries":3,"deactivateFlag":true`,
		`"notificationScope":"CUSTOM"`, `"version":"3"`, `"deliveryType":"nrtdCentral"`,
		`"securityPolicy":{"securityType":"KEY","proxyType":"external","digitalSignatureEnabled":"yes"}`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("answer lacks %s:\n%s", want, body)
		}
	}
}

func TestVersion1FormsWork(t *testing.T) {
	t.Parallel()
	s := sandboxtest.New(t)
	const v1 = "/notification-subscriptions/v1/webhooks"
	flat := `{"name":"n","organizationId":"sandbox_org","productId":"eCheck","eventTypes":["payments.voids.failed"],` +
		`"webhookUrl":"https://a.example.com/h","securityPolicy":{"securityType":"key","proxyType":"external"}}`
	status, _, body := raw(t, s, http.MethodPost, v1, flat)
	var made struct {
		WebhookID string `json:"webhookId"`
		ProductID string `json:"productId"`
		Scope     string `json:"notificationScope"`
	}
	if err := json.Unmarshal([]byte(body), &made); err != nil || status != http.StatusCreated || made.ProductID != "eCheck" || made.Scope != "SELF" {
		t.Fatalf("create: %d %s", status, body)
	}
	if status, _, body := raw(t, s, http.MethodPatch, v1+"/"+made.WebhookID, `{"status":"ACTIVE","name":"m"}`); status != http.StatusOK || body != "" {
		t.Errorf("patch: %d %q, want 200 and nothing", status, body)
	}
	if st, _ := s.State(made.WebhookID); st.Status != "ACTIVE" || st.Name != "m" {
		t.Errorf("after patch: %+v", st)
	}
	if status, _, body := raw(t, s, http.MethodGet, v1+"?organizationId=sandbox_org", ""); status != http.StatusBadRequest {
		t.Errorf("list without product: %d %s, want 400", status, body)
	}
	query := v1 + "?organizationId=sandbox_org&productId=eCheck&eventType=payments.voids.failed"
	if status, _, body := raw(t, s, http.MethodGet, query, ""); status != http.StatusOK || !strings.Contains(body, made.WebhookID) {
		t.Errorf("list: %d %s", status, body)
	}
}

func TestSwitchesChangeTheAnswers(t *testing.T) {
	t.Parallel()
	s := sandboxtest.New(t, func(c *sandbox.Config) {
		c.API = sandbox.APIConfig{
			ListEmptyAsArray: true, DeleteNoContent: true, StatusEmptyBody: true, TestStatusCode: 200, KeyStatus: "ACCEPTED",
			RetryPolicyText: true, TimeLayout: "2006-01-02 15:04:05.000", OfferUnpublished: true, WithoutV1: true,
			KeyTenancy: sandbox.TenancySpec, RequireDescription: true, IgnorePatchedRetryPolicy: true,
		}
		c.AllowPlainHTTP, c.StrictPorts = false, true
	})
	expect := func(what string, wantStatus int, want string, status int, body string) {
		t.Helper()
		if status != wantStatus || !strings.Contains(body, want) {
			t.Errorf("%s: got %d %s, want %d with %s", what, status, body, wantStatus, want)
		}
	}
	do := func(method, path, body string) (int, string) {
		status, _, answer := raw(t, s, method, path, body)
		return status, answer
	}
	status, body := do(http.MethodGet, webhooks+"?organizationId=sandbox_org", "")
	expect("empty list", 200, "[]", status, body)
	status, body = do(http.MethodPost, webhooks, complete)
	expect("no description", 400, `{"field":"description","reason":"MISSING_FIELD"}`, status, body)
	described := strings.Replace(complete, `"name"`, `"description":"","name"`, 1)
	status, body = do(http.MethodPost, webhooks, strings.Replace(described, "https://a.example.com", "https://a.example.com:9443", 1))
	expect("odd port", 400, `"webhookUrl"`, status, body)
	status, body = do(http.MethodPost, webhooks, strings.Replace(described, "https://", "http://", 1))
	expect("plain HTTP", 400, `"webhookUrl"`, status, body)
	status, body = do(http.MethodPost, webhooks, described)
	expect("create", 201, `"firstRetry":"1"`, status, body)
	var made struct {
		WebhookID string `json:"webhookId"`
		CreatedOn string `json:"createdOn"`
	}
	if err := json.Unmarshal([]byte(body), &made); err != nil {
		t.Fatal(err)
	}
	if _, err := time.Parse("2006-01-02 15:04:05.000", made.CreatedOn); err != nil {
		t.Errorf("createdOn: %v", err)
	}
	status, body = do(http.MethodPatch, webhooks+"/"+made.WebhookID, `{"retryPolicy":{"numberOfRetries":9}}`)
	expect("patched policy", 200, `"numberOfRetries":"3"`, status, body)
	if status, body = do(http.MethodPut, webhooks+"/"+made.WebhookID+"/status", `{"status":"ACTIVE"}`); status != 200 || body != "" {
		t.Errorf("status: %d %q, want 200 and nothing", status, body)
	}
	status, body = do(http.MethodPost, keysSym, key("CREATE", "sharedSecret", "sandbox_org", "nrtd"))
	expect("reverse tenancy of CREATE", 400, `"keyInformation.provider"`, status, body)
	status, body = do(http.MethodPost, keysSym, key("CREATE", "sharedSecret", "nrtd", "sandbox_org"))
	expect("key", 201, `"status":"ACCEPTED"`, status, body)
	status, body = do(http.MethodGet, "/notification-subscriptions/v2/products/sandbox_org", "")
	expect("products", 200, "terminalManagement.status.update", status, body)
	status, body = do(http.MethodGet, "/notification-subscriptions/v1/products/sandbox_org", "")
	expect("version 1", 404, "NOT_FOUND", status, body)
	status, body = do(http.MethodPost, "/notification-subscriptions/v1/webhooks/"+made.WebhookID, "{}")
	expect("test call", 200, "testPayload", status, body)
	if status, body = do(http.MethodDelete, webhooks+"/"+made.WebhookID, ""); status != 204 || body != "" {
		t.Errorf("delete: %d %q, want 204 and nothing", status, body)
	}
}

func TestUsedTokenIsRefused(t *testing.T) {
	t.Parallel()
	s := sandboxtest.New(t)
	var seen *http.Request
	client := s.ClientVia(t, s.Credentials, func(req *http.Request) { seen = req })
	if _, err := client.ListProducts(t.Context(), sandboxtest.OrganizationID); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := send(t, seen.Clone(t.Context())); status != http.StatusUnauthorized {
		t.Errorf("second use of a token: got %d, want 401", status)
	}
}
