package cybs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

const subscriptionsRoot = "/notification-subscriptions/"

// SubscriptionInput is a new subscription.
type SubscriptionInput struct {
	Name           string              `json:"name"`
	Description    string              `json:"description"`
	OrganizationID string              `json:"organizationId"`
	Products       []SubscribedProduct `json:"products"`
	WebhookURL     string              `json:"webhookUrl"`
	// HealthCheckURL is what Cybersource asks before it activates the subscription; without it, it stays INACTIVE.
	HealthCheckURL string `json:"healthCheckUrl,omitempty"`
	// RetryPolicy nil leaves Cybersource's default.
	RetryPolicy *RetryPolicy `json:"retryPolicy,omitempty"`
	// SecurityPolicy zero means SecurityKey.
	SecurityPolicy SecurityPolicy `json:"securityPolicy"`
	// Scope zero leaves Cybersource's default.
	Scope *Scope `json:"notificationScope,omitempty"`
}

// SubscriptionPatch names what to change; nil fields stay as they are. Whether RetryPolicy may be changed depends on
// which document is right: the guide says so, the specification does not.
type SubscriptionPatch struct {
	Name           *string             `json:"name,omitempty"`
	Description    *string             `json:"description,omitempty"`
	OrganizationID *string             `json:"organizationId,omitempty"`
	Products       []SubscribedProduct `json:"products,omitempty"`
	WebhookURL     *string             `json:"webhookUrl,omitempty"`
	HealthCheckURL *string             `json:"healthCheckUrl,omitempty"`
	RetryPolicy    *RetryPolicy        `json:"retryPolicy,omitempty"`
	SecurityPolicy *SecurityPolicy     `json:"securityPolicy,omitempty"`
	Scope          *Scope              `json:"notificationScope,omitempty"`
	// Status is for APIVersion1 alone, where it is part of an update; see SetSubscriptionStatus.
	Status *Status `json:"status,omitempty"`
}

// ListSubscriptionsOptions choose subscriptions. OrganizationID is required, the others narrow it down; APIVersion1
// requires all three.
type ListSubscriptionsOptions struct {
	OrganizationID string
	ProductID      string
	EventType      string
}

// CreateSubscription makes a subscription (POST /notification-subscriptions/v2/webhooks). The status of a new one is
// INACTIVE, or PENDING_REVIEW while Cybersource looks at its URLs. A second one for the same product is refused with
// ErrAlreadyExists. The call is never repeated by itself: where the answer is lost, list first.
//
// How deactivateFlag and the scope are written is a matter of [Dialect]. Under APIVersion1 there must be one product.
func (c *Client) CreateSubscription(ctx context.Context, in SubscriptionInput) (*Subscription, error) {
	body, err := c.createBody(in)
	if err != nil {
		return nil, fmt.Errorf("create subscription: %w", err)
	}
	answer, err := c.do(ctx, call{method: http.MethodPost, path: c.subscriptionsPath(), body: body})
	if err != nil {
		return nil, fmt.Errorf("create subscription: %w", err)
	}
	s, err := decodeSubscription(answer)
	if err != nil {
		return nil, fmt.Errorf("create subscription: %w", err)
	}
	return s, nil
}

// GetSubscription returns a subscription (GET /notification-subscriptions/v2/webhooks/{webhookId}), ErrNotFound if
// there is none.
func (c *Client) GetSubscription(ctx context.Context, webhookID string) (*Subscription, error) {
	path, err := c.subscriptionPath(webhookID)
	if err != nil {
		return nil, fmt.Errorf("get subscription: %w", err)
	}
	answer, err := c.do(ctx, call{method: http.MethodGet, path: path, idempotent: true})
	if err != nil {
		return nil, fmt.Errorf("get subscription %s: %w", webhookID, err)
	}
	s, err := decodeSubscription(answer)
	if err != nil {
		return nil, fmt.Errorf("get subscription %s: %w", webhookID, err)
	}
	return s, nil
}

// ListSubscriptions returns an organization's subscriptions (GET /notification-subscriptions/v2/webhooks). Cybersource
// answers 404 when there are none; that is an empty list here, unless the answer is visibly not the API's.
func (c *Client) ListSubscriptions(ctx context.Context, opts ListSubscriptionsOptions) ([]Subscription, error) {
	if opts.OrganizationID == "" {
		return nil, fmt.Errorf("list subscriptions: %w: organization id is empty", ErrInvalidArgument)
	}
	if c.version == APIVersion1 && (opts.ProductID == "" || opts.EventType == "") {
		return nil, fmt.Errorf("list subscriptions: %w: version 1 needs product id and event type too", ErrInvalidArgument)
	}
	var query []string
	for _, p := range [...]struct{ name, value string }{
		{"organizationId", opts.OrganizationID}, {"productId", opts.ProductID}, {"eventType", opts.EventType},
	} {
		if p.value != "" {
			query = append(query, p.name+"="+escape(p.value))
		}
	}
	answer, err := c.do(ctx, call{
		method: http.MethodGet, path: c.subscriptionsPath(), query: strings.Join(query, "&"), idempotent: true,
	})
	if isAPINotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list subscriptions of %s: %w", opts.OrganizationID, err)
	}
	list, err := decodeList[Subscription]("webhooks", answer)
	if err != nil {
		return nil, fmt.Errorf("list subscriptions of %s: %w", opts.OrganizationID, err)
	}
	return list, nil
}

// UpdateSubscription changes what the patch names (PATCH /notification-subscriptions/v2/webhooks/{webhookId}). Another
// URL starts Cybersource's review and activation anew. Where the answer has no body, as under APIVersion1, the
// subscription is read again.
func (c *Client) UpdateSubscription(ctx context.Context, webhookID string, patch SubscriptionPatch) (*Subscription, error) {
	path, err := c.subscriptionPath(webhookID)
	if err != nil {
		return nil, fmt.Errorf("update subscription: %w", err)
	}
	body, err := c.patchBody(patch)
	if err != nil {
		return nil, fmt.Errorf("update subscription %s: %w", webhookID, err)
	}
	answer, err := c.do(ctx, call{method: http.MethodPatch, path: path, body: body})
	if err != nil {
		return nil, fmt.Errorf("update subscription %s: %w", webhookID, err)
	}
	if len(bytes.TrimSpace(answer)) == 0 {
		return c.GetSubscription(ctx, webhookID)
	}
	s, err := decodeSubscription(answer)
	if err != nil {
		return nil, fmt.Errorf("update subscription %s: %w", webhookID, err)
	}
	return s, nil
}

// SetSubscriptionStatus activates or deactivates a subscription (PUT
// /notification-subscriptions/v2/webhooks/{webhookId}/status, under APIVersion1 a PATCH of the subscription); only
// StatusActive and StatusInactive can be set. Any answer of 2xx is a success, whatever its body.
func (c *Client) SetSubscriptionStatus(ctx context.Context, webhookID string, status Status) error {
	path, err := c.subscriptionPath(webhookID)
	if err == nil && status != StatusActive && status != StatusInactive {
		err = fmt.Errorf("%w: status is %q", ErrInvalidArgument, status)
	}
	if err != nil {
		return fmt.Errorf("set subscription status: %w", err)
	}
	body := struct {
		Status Status `json:"status"`
	}{status}
	op := call{method: http.MethodPut, path: path + "/status", body: body, idempotent: true}
	if c.version == APIVersion1 {
		op.method, op.path = http.MethodPatch, path
	}
	if _, err := c.do(ctx, op); err != nil {
		return fmt.Errorf("set status of subscription %s to %s: %w", webhookID, status, err)
	}
	return nil
}

// DeleteSubscription deletes a subscription (DELETE /notification-subscriptions/v2/webhooks/{webhookId}), ErrNotFound
// if there is none. Any answer of 2xx is a success: 200 with and without a body and 204 were all seen.
func (c *Client) DeleteSubscription(ctx context.Context, webhookID string) error {
	path, err := c.subscriptionPath(webhookID)
	if err != nil {
		return fmt.Errorf("delete subscription: %w", err)
	}
	if _, err := c.do(ctx, call{method: http.MethodDelete, path: path, idempotent: true}); err != nil {
		return fmt.Errorf("delete subscription %s: %w", webhookID, err)
	}
	return nil
}

// TestResult is what Cybersource says that it sent.
type TestResult struct {
	WebhookID          string
	OrganizationID     string
	ProductID          string
	EventType          string // the first one of the subscription
	EventDate          string
	TransactionTraceID string
	RetryNumber        int
	// Raw is the whole answer; nil when it was empty.
	Raw json.RawMessage
}

// TestSubscription makes Cybersource send a test notification (POST
// /notification-subscriptions/v1/webhooks/{webhookId}; there is no version 2 of it) and returns what it says it sent,
// which is nothing but Raw where the answer is in no known form.
func (c *Client) TestSubscription(ctx context.Context, webhookID string) (*TestResult, error) {
	id, err := segment("webhook id", webhookID)
	if err != nil {
		return nil, fmt.Errorf("test subscription: %w", err)
	}
	path := subscriptionsRoot + "v1/webhooks/" + id
	answer, err := c.do(ctx, call{method: http.MethodPost, path: path, body: struct{}{}})
	if err != nil {
		return nil, fmt.Errorf("test subscription %s: %w", webhookID, err)
	}
	answer = bytes.TrimSpace(answer)
	if len(answer) == 0 {
		return &TestResult{WebhookID: webhookID}, nil
	}
	n, err := ParseNotification(http.Header{}, answer)
	if err != nil {
		return nil, fmt.Errorf("test subscription %s: %w: %w", webhookID, ErrMalformedResponse, err)
	}
	return &TestResult{
		WebhookID: n.WebhookID, OrganizationID: n.OrganizationID, ProductID: n.ProductID, EventType: n.EventType,
		EventDate: n.EventDate, TransactionTraceID: n.TransactionTraceID, RetryNumber: n.RetryNumber, Raw: answer,
	}, nil
}

func (c *Client) subscriptionsPath() string {
	return subscriptionsRoot + string(c.version) + "/webhooks"
}

func (c *Client) subscriptionPath(webhookID string) (string, error) {
	id, err := segment("webhook id", webhookID)
	return c.subscriptionsPath() + "/" + id, err
}

// decodeSubscription reads one subscription; one without an id is of no use to anybody.
func decodeSubscription(answer []byte) (*Subscription, error) {
	var s Subscription
	if err := decode("subscription", answer, &s); err != nil {
		return nil, err
	}
	if s.WebhookID == "" {
		return nil, fmt.Errorf("subscription: %w: it has no webhookId", ErrMalformedResponse)
	}
	return &s, nil
}
