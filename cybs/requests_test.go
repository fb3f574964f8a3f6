package cybs

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sdkRequest is one entry of sdk-requests.json.
type sdkRequest struct {
	ID            string      `json:"id"`
	Auth          string      `json:"auth"`
	Method        string      `json:"method"`
	RequestTarget string      `json:"requestTarget"`
	Headers       [][2]string `json:"headers"`
	Body          *string     `json:"body"`
	PortfolioID   string      `json:"portfolioId"`
	KeyID         string      `json:"keyId"`
	SecretBase64  string      `json:"secretBase64"`
	JWT           struct {
		Claims map[string]any `json:"claims"`
		Header map[string]any `json:"header"`
	} `json:"jwt"`
}

func (r sdkRequest) header(name string) string {
	for _, h := range r.Headers {
		if strings.EqualFold(h[0], name) {
			return h[1]
		}
	}
	return ""
}

const sdkWebhookID = "b555a545-58a9-47c7-aef9-10a8e17f201a"

// sdkCalls are our calls that correspond to the SDK's, by the last part of their id.
func sdkCalls() map[string]func(ctx context.Context, c *Client) {
	const org = "webhook_test_mid"
	policy := DefaultRetryPolicy()
	input := SubscriptionInput{
		Name: "SDK driver webhook", Description: "created by the driver – ünïcode ✓", OrganizationID: org,
		Products: []SubscribedProduct{{
			ProductID: "tokenManagement", EventTypes: []string{"tms.networktoken.provisioned", "tms.networktoken.updated"},
		}},
		WebhookURL: "https://hooks.example.test:8443/cybs/notify", HealthCheckURL: "https://hooks.example.test:8443/cybs/health",
		RetryPolicy: &policy, SecurityPolicy: SecurityPolicy{Type: SecurityKey}, Scope: &Scope{Kind: ScopeSelf},
	}
	create := func(ctx context.Context, c *Client) { _, _ = c.CreateSubscription(ctx, input) }
	get := func(ctx context.Context, c *Client) { _, _ = c.GetSubscription(ctx, sdkWebhookID) }
	return map[string]func(ctx context.Context, c *Client){
		"products": func(ctx context.Context, c *Client) { _, _ = c.ListProducts(ctx, org) },
		"keys-sym-create": func(ctx context.Context, c *Client) {
			_, _ = c.CreateSignatureKey(ctx, org, SignatureKeyOptions{ExpiryDays: 365, SenderOrganizationID: org})
		},
		"create": create,
		"list": func(ctx context.Context, c *Client) {
			_, _ = c.ListSubscriptions(ctx, ListSubscriptionsOptions{OrganizationID: org})
		},
		"list-filtered": func(ctx context.Context, c *Client) {
			_, _ = c.ListSubscriptions(ctx, ListSubscriptionsOptions{org, "tokenManagement", "tms.networktoken.provisioned"})
		},
		"list-encoded": func(ctx context.Context, c *Client) {
			_, _ = c.ListSubscriptions(ctx, ListSubscriptionsOptions{OrganizationID: "org with space/slash", ProductID: "a b&c=d/é"})
		},
		"get":         get,
		"get-encoded": func(ctx context.Context, c *Client) { _, _ = c.GetSubscription(ctx, "id with/slash é") },
		"update": func(ctx context.Context, c *Client) {
			name, description := "SDK driver webhook, updated", "updated by the driver"
			_, _ = c.UpdateSubscription(ctx, sdkWebhookID, SubscriptionPatch{Name: &name, Description: &description})
		},
		"status-active":             func(ctx context.Context, c *Client) { _ = c.SetSubscriptionStatus(ctx, sdkWebhookID, StatusActive) },
		"status-inactive":           func(ctx context.Context, c *Client) { _ = c.SetSubscriptionStatus(ctx, sdkWebhookID, StatusInactive) },
		"test":                      func(ctx context.Context, c *Client) { _, _ = c.TestSubscription(ctx, sdkWebhookID) },
		"delete":                    func(ctx context.Context, c *Client) { _ = c.DeleteSubscription(ctx, sdkWebhookID) },
		"metakey-http-signature":    create,
		"metakey-jwt-shared-secret": get,
	}
}

// TestRequestsAreTheSDKs compares what we put on the wire with what the official SDK does: target, body and
// signature to the letter, as both sign the same bytes at the same moment with the same key.
func TestRequestsAreTheSDKs(t *testing.T) {
	t.Parallel()
	var file struct {
		MerchantID   string       `json:"merchantId"`
		Host         string       `json:"host"`
		KeyID        string       `json:"keyId"`
		SecretBase64 string       `json:"secretBase64"`
		Requests     []sdkRequest `json:"requests"`
	}
	loadVectors(t, "sdk-requests.json", &file)
	schemes := map[string]Scheme{"http_signature": HTTPSignature, "jwt_shared_secret": JWTSharedSecret, "jwt_p12": JWTP12}
	var tokens authVectors
	loadVectors(t, "jwt.json", &tokens)
	certificate := vectorCertificates(t, tokens)["PEM"]
	calls := sdkCalls()
	seen := map[string]bool{}
	for _, r := range file.Requests {
		_, name, _ := strings.Cut(r.ID, "/")
		call, ours := calls[name]
		scheme, ok := schemes[r.Auth]
		if !ours || !ok {
			continue
		}
		seen[r.Auth+"/"+name] = true
		t.Run(r.ID, func(t *testing.T) {
			t.Parallel()
			creds := Credentials{Scheme: scheme, MerchantID: file.MerchantID, PortfolioID: r.PortfolioID}
			switch {
			case scheme == JWTP12:
				creds.Certificate = certificate
			case r.KeyID != "":
				creds.KeyID, creds.Secret = r.KeyID, mustSecret(t, r.SecretBase64)
			default:
				creds.KeyID, creds.Secret = file.KeyID, mustSecret(t, file.SecretBase64)
			}
			got := captureRequest(t, creds, file.Host, r, call)
			compareRequest(t, r, got)
		})
	}
	// 13 calls under each of three schemes, and two with a meta key
	if want := 41; len(seen) != want {
		t.Errorf("got %d requests (%v), want %d", len(seen), slices.Sorted(maps.Keys(seen)), want)
	}
}

// captured is a request as a server sees it.
type captured struct {
	method, target, host, body string
	header                     http.Header
}

func captureRequest(t *testing.T, creds Credentials, host string, r sdkRequest, call func(context.Context, *Client)) captured {
	t.Helper()
	requests := make(chan captured, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		b, err := io.ReadAll(req.Body)
		if err != nil {
			t.Errorf("read body: %v", err)
		}
		requests <- captured{req.Method, req.RequestURI, req.Host, string(b), req.Header}
		w.WriteHeader(http.StatusTeapot)
	}))
	t.Cleanup(srv.Close)
	id, _ := r.JWT.Claims["jti"].(string)
	call(t.Context(), newTestClientOf(t, Config{
		BaseURL: srv.URL, Credentials: creds, HTTPClient: srv.Client(), SignedHost: host,
		Now: vectorNow, NewID: func() string { return id },
	}))
	return <-requests
}

func compareRequest(t *testing.T, r sdkRequest, got captured) {
	t.Helper()
	want := ""
	if r.Body != nil {
		want = *r.Body
	}
	if got.method != r.Method || got.target != r.RequestTarget || got.body != want {
		t.Errorf("got %s %s %s, want %s %s %s", got.method, got.target, got.body, r.Method, r.RequestTarget, want)
	}
	for _, name := range []string{"accept", "digest", "date", "signature", "v-c-merchant-id", "v-c-sender-organization-id"} {
		if got := got.header.Get(name); got != r.header(name) {
			t.Errorf("%s: got %q, want %q", name, got, r.header(name))
		}
	}
	if mediaType, _, _ := strings.Cut(got.header.Get("Content-Type"), ";"); mediaType != r.header("content-type") {
		t.Errorf("content-type: got %q, want %q", mediaType, r.header("content-type"))
	}
	if r.Auth == "http_signature" {
		if got.host != r.header("host") {
			t.Errorf("host: got %q, want %q", got.host, r.header("host"))
		}
		return
	}
	ours, theirs := tokenParts(t, got.header.Get("Authorization")), tokenParts(t, r.header("authorization"))
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("token differs (-sdk +ours):\n%s", diff)
	}
}

// tokenParts decodes header and claims; the signature was compared in TestSharedSecretTokenIsTheSDKs.
func tokenParts(t *testing.T, authorization string) [2]map[string]any {
	t.Helper()
	var parts [2]map[string]any
	segments := strings.Split(strings.TrimPrefix(authorization, "Bearer "), ".")
	if len(segments) != 3 {
		t.Fatalf("token has %d segments", len(segments))
	}
	for i := range parts {
		b, err := base64.RawURLEncoding.DecodeString(segments[i])
		if err == nil {
			err = json.Unmarshal(b, &parts[i])
		}
		if err != nil {
			t.Fatalf("decode token: %v", err)
		}
	}
	return parts
}
