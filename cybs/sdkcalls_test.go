package cybs

import (
	"context"
	"maps"
	"testing"
	"time"
)

const (
	sdkWebhookID = "b555a545-58a9-47c7-aef9-10a8e17f201a"
	sdkOrg       = "webhook_test_mid"
)

// sdkCall is one of our calls, with what the client's configuration needs for it.
type sdkCall struct {
	call   func(ctx context.Context, c *Client)
	change func(cfg *Config)
}

func sdkInput() SubscriptionInput {
	policy := DefaultRetryPolicy()
	return SubscriptionInput{
		Name: "SDK driver webhook", Description: "created by the driver – ünïcode ✓", OrganizationID: sdkOrg,
		Products: []SubscribedProduct{{
			ProductID: "tokenManagement", EventTypes: []string{"tms.networktoken.provisioned", "tms.networktoken.updated"},
		}},
		WebhookURL: "https://hooks.example.test:8443/cybs/notify", HealthCheckURL: "https://hooks.example.test:8443/cybs/health",
		RetryPolicy: &policy, SecurityPolicy: SecurityPolicy{Type: SecurityKey}, Scope: &Scope{Kind: ScopeSelf},
	}
}

// sdkCalls are our calls that correspond to the SDK's, by the last part of their id.
func sdkCalls(t *testing.T) map[string]sdkCall {
	t.Helper()
	calls := map[string]sdkCall{}
	maps.Copy(calls, sdkSubscriptionCalls())
	maps.Copy(calls, sdkKeyCalls(t))
	maps.Copy(calls, sdkLegacyCalls())
	return calls
}

func sdkSubscriptionCalls() map[string]sdkCall {
	create := sdkCall{call: func(ctx context.Context, c *Client) { _, _ = c.CreateSubscription(ctx, sdkInput()) }}
	get := sdkCall{call: func(ctx context.Context, c *Client) { _, _ = c.GetSubscription(ctx, sdkWebhookID) }}
	list := func(opts ListSubscriptionsOptions) sdkCall {
		return sdkCall{call: func(ctx context.Context, c *Client) { _, _ = c.ListSubscriptions(ctx, opts) }}
	}
	status := func(s Status) sdkCall {
		return sdkCall{call: func(ctx context.Context, c *Client) { _ = c.SetSubscriptionStatus(ctx, sdkWebhookID, s) }}
	}
	return map[string]sdkCall{
		"products":                      {call: func(ctx context.Context, c *Client) { _, _ = c.ListProducts(ctx, sdkOrg) }},
		"create":                        create,
		"metakey-http-signature":        create,
		"list":                          list(ListSubscriptionsOptions{OrganizationID: sdkOrg}),
		"list-filtered":                 list(ListSubscriptionsOptions{sdkOrg, "tokenManagement", "tms.networktoken.provisioned"}),
		"list-encoded":                  list(ListSubscriptionsOptions{OrganizationID: "org with space/slash", ProductID: "a b&c=d/é"}),
		"get":                           get,
		"metakey-jwt-shared-secret":     get,
		"run-environment-host-and-port": get,
		"get-encoded":                   {call: func(ctx context.Context, c *Client) { _, _ = c.GetSubscription(ctx, "id with/slash é") }},
		"update": {call: func(ctx context.Context, c *Client) {
			name, description := "SDK driver webhook, updated", "updated by the driver"
			_, _ = c.UpdateSubscription(ctx, sdkWebhookID, SubscriptionPatch{Name: &name, Description: &description})
		}},
		"status-active":   status(StatusActive),
		"status-inactive": status(StatusInactive),
		"test":            {call: func(ctx context.Context, c *Client) { _, _ = c.TestSubscription(ctx, sdkWebhookID) }},
		"delete":          {call: func(ctx context.Context, c *Client) { _ = c.DeleteSubscription(ctx, sdkWebhookID) }},
	}
}

func sdkKeyCalls(t *testing.T) map[string]sdkCall {
	t.Helper()
	egress := vectorMLEKey(t, "egress").Certificate
	opts := KeyOptions{
		ExpiryDays: 365, SenderOrganizationID: sdkOrg, Permissions: "driver-permissions", CorrelationID: "driver-correlation-1",
	}
	create := func(opts KeyOptions) sdkCall {
		return sdkCall{call: func(ctx context.Context, c *Client) { _, _ = c.CreateSignatureKey(ctx, sdkOrg, opts) }}
	}
	return map[string]sdkCall{
		"keys-sym-create":              create(opts),
		"keys-sym-without-key-headers": create(KeyOptions{ExpiryDays: 365}),
		"keys-sym-store-oauth": {call: func(ctx context.Context, c *Client) {
			_, _ = c.StoreOAuthCredentials(ctx, sdkOrg, OAuthCredentials{ClientID: "client username", ClientSecret: Secret("client secret")}, opts)
		}},
		"keys-asym-store": {call: func(ctx context.Context, c *Client) { _, _ = c.StoreMLECertificate(ctx, sdkOrg, egress, opts) }},
	}
}

func sdkLegacyCalls() map[string]sdkCall {
	v1 := func(cfg *Config) { cfg.APIVersion = APIVersion1 }
	unchecked := func(cfg *Config) { cfg.Dialect.ReplayUnchecked = true } // the SDK asks for a window of years ago
	replay := func(r Replay) sdkCall {
		return sdkCall{func(ctx context.Context, c *Client) { _ = c.Replay(ctx, sdkWebhookID, r) }, unchecked}
	}
	const token, provisioned = "tokenManagement", "tms.networktoken.provisioned"
	india := time.FixedZone("", 19800)
	return map[string]sdkCall{
		"v1-products": {func(ctx context.Context, c *Client) { _, _ = c.ListProducts(ctx, sdkOrg) }, v1},
		"v1-create": {func(ctx context.Context, c *Client) {
			in := sdkInput()
			in.Name, in.Description = "SDK driver v1 webhook", "v1"
			_, _ = c.CreateSubscription(ctx, in)
		}, v1},
		"v1-list": {func(ctx context.Context, c *Client) {
			_, _ = c.ListSubscriptions(ctx, ListSubscriptionsOptions{sdkOrg, token, provisioned})
		}, v1},
		"v1-get": {func(ctx context.Context, c *Client) { _, _ = c.GetSubscription(ctx, sdkWebhookID) }, v1},
		"v1-update": {func(ctx context.Context, c *Client) {
			name, org, status := "SDK driver v1 webhook, updated", sdkOrg, StatusInactive
			_, _ = c.UpdateSubscription(ctx, sdkWebhookID, SubscriptionPatch{
				Name: &name, OrganizationID: &org, Products: sdkInput().Products, Status: &status, Scope: &Scope{Kind: ScopeSelf},
			})
		}, v1},
		"v1-delete":         {func(ctx context.Context, c *Client) { _ = c.DeleteSubscription(ctx, sdkWebhookID) }, v1},
		"replay-hours-back": replay(Replay{Status: DeliveryFailed, HoursBack: 24, ProductID: token, EventType: provisioned}),
		"replay-window": replay(Replay{
			Status: DeliveryFailed, ProductID: token, EventType: "tms.token.created",
			Start: time.Date(2021, 1, 1, 15, 5, 52, 284e6, india), End: time.Date(2021, 1, 2, 3, 5, 52, 284e6, india),
		}),
		"replay-trace-ids": replay(Replay{TraceIDs: []string{"1f1d0bf4-9299-418d-99d8-faa3313829f1", "d19fb205-20e5-43a2-867e-bd0f574b771e"}}),
	}
}
