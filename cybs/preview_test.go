package cybs_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox/sandboxtest"
)

// TestPreviewIsWhatIsSent compares each preview with the bytes that the call sends.
func TestPreviewIsWhatIsSent(t *testing.T) {
	t.Parallel()
	server := sandboxtest.New(t)
	var method, path string
	var body []byte
	client := server.ClientVia(t, server.Credentials, func(r *http.Request) {
		method, path = r.Method, strings.TrimPrefix(r.URL.Path, sandboxtest.BasePath)
		body, _ = io.ReadAll(r.Body) // what cannot be read is not equal
		r.Body = io.NopCloser(bytes.NewReader(body))
	})
	ctx, org := t.Context(), sandboxtest.OrganizationID
	check := func(what string, p cybs.Preview, err error, replace ...string) {
		t.Helper()
		sent := strings.NewReplacer(replace...).Replace(string(body))
		if err != nil || p.Method != method || p.Path != path || string(p.Body) != sent {
			t.Errorf("%s: preview is %s %s %s, %v; sent was %s %s %s", what, p.Method, p.Path, p.Body, err, method, path, sent)
		}
	}

	options := cybs.KeyOptions{ExpiryDays: 365, Reference: "a < b"}
	if _, err := client.CreateSignatureKey(ctx, org, options); err != nil {
		t.Fatal(err)
	}
	p, err := client.PreviewCreateSignatureKey(org, options)
	check("signature key", p, err)

	if _, err := client.StoreOAuthCredentials(ctx, org, cybs.OAuthCredentials{ClientID: "c&1", ClientSecret: cybs.Secret("hush")}, options); err != nil {
		t.Fatal(err)
	}
	p, err = client.PreviewStoreOAuthCredentials(org, "c&1", options)
	check("credentials", p, err, "hush", "[redacted]")
	if strings.Contains(string(p.Body), "hush") {
		t.Error("the preview shows the secret")
	}

	input := cybs.SubscriptionInput{
		Name: "Tokens & <more>", OrganizationID: org, Products: []cybs.SubscribedProduct{{ProductID: "tokenManagement", EventTypes: []string{"tms.networktoken.updated"}}},
		WebhookURL: "http://127.0.0.1:1/w", HealthCheckURL: "http://127.0.0.1:1/h",
		SecurityPolicy: cybs.SecurityPolicy{Type: cybs.SecurityOAuth, OAuth: cybs.OAuthConfig{URL: "http://127.0.0.1:1/t", TokenType: "Bearer", TokenExpiry: "300", KeyID: "k"}},
	}
	made, err := client.CreateSubscription(ctx, input)
	if err != nil {
		t.Fatal(err)
	}
	p, err = client.PreviewCreateSubscription(input)
	check("create", p, err)

	name := "Other"
	patch := cybs.SubscriptionPatch{Name: &name, SecurityPolicy: &cybs.SecurityPolicy{Type: cybs.SecurityKey}}
	if _, err := client.UpdateSubscription(ctx, made.WebhookID, patch); err != nil {
		t.Fatal(err)
	}
	p, err = client.PreviewUpdateSubscription(made.WebhookID, patch)
	check("update", p, err)
}
