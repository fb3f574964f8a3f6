package cybs

import "fmt"

// createV2 is the body of a new subscription in version 2.
type createV2 struct {
	Name           string              `json:"name"`
	Description    string              `json:"description"`
	OrganizationID string              `json:"organizationId"`
	Products       []SubscribedProduct `json:"products"`
	WebhookURL     string              `json:"webhookUrl"`
	HealthCheckURL string              `json:"healthCheckUrl,omitempty"`
	DeactivateFlag any                 `json:"deactivateflag,omitempty"`
	RetryPolicy    *sentRetryPolicy    `json:"retryPolicy,omitempty"`
	SecurityPolicy wireSecurityPolicy  `json:"securityPolicy"`
	Scope          any                 `json:"notificationScope,omitempty"`
}

// createV1 is the body in version 1: one product, flat.
type createV1 struct {
	Name           string             `json:"name"`
	Description    string             `json:"description"`
	OrganizationID string             `json:"organizationId"`
	ProductID      string             `json:"productId"`
	EventTypes     []string           `json:"eventTypes"`
	WebhookURL     string             `json:"webhookUrl"`
	HealthCheckURL string             `json:"healthCheckUrl,omitempty"`
	DeactivateFlag any                `json:"deactivateflag,omitempty"`
	Scope          any                `json:"notificationScope,omitempty"`
	RetryPolicy    *sentRetryPolicy   `json:"retryPolicy,omitempty"`
	SecurityPolicy wireSecurityPolicy `json:"securityPolicy"`
}

// patchV2 is the body of an update in version 2.
type patchV2 struct {
	Name           *string             `json:"name,omitempty"`
	Description    *string             `json:"description,omitempty"`
	OrganizationID *string             `json:"organizationId,omitempty"`
	Products       []SubscribedProduct `json:"products,omitempty"`
	WebhookURL     *string             `json:"webhookUrl,omitempty"`
	HealthCheckURL *string             `json:"healthCheckUrl,omitempty"`
	DeactivateFlag any                 `json:"deactivateflag,omitempty"`
	RetryPolicy    *sentRetryPolicy    `json:"retryPolicy,omitempty"`
	SecurityPolicy *wireSecurityPolicy `json:"securityPolicy,omitempty"`
	Scope          any                 `json:"notificationScope,omitempty"`
}

// patchV1 is the body of an update in version 1, which also sets the status.
type patchV1 struct {
	Name           *string             `json:"name,omitempty"`
	Description    *string             `json:"description,omitempty"`
	OrganizationID *string             `json:"organizationId,omitempty"`
	ProductID      string              `json:"productId,omitempty"`
	EventTypes     []string            `json:"eventTypes,omitempty"`
	WebhookURL     *string             `json:"webhookUrl,omitempty"`
	HealthCheckURL *string             `json:"healthCheckUrl,omitempty"`
	DeactivateFlag any                 `json:"deactivateflag,omitempty"`
	Status         *Status             `json:"status,omitempty"`
	Scope          any                 `json:"notificationScope,omitempty"`
	RetryPolicy    *sentRetryPolicy    `json:"retryPolicy,omitempty"`
	SecurityPolicy *wireSecurityPolicy `json:"securityPolicy,omitempty"`
}

// sentRetryPolicy is a retry policy in the client's dialect.
type sentRetryPolicy struct {
	Algorithm              string `json:"algorithm"`
	FirstRetry             int    `json:"firstRetry"`
	Interval               int    `json:"interval"`
	NumberOfRetries        int    `json:"numberOfRetries"`
	DeactivateFlag         any    `json:"deactivateFlag,omitempty"`
	RepeatSequenceCount    int    `json:"repeatSequenceCount"`
	RepeatSequenceWaitTime int    `json:"repeatSequenceWaitTime"`
}

// sentScope is a scope that is written as an object.
type sentScope struct {
	Scope     ScopeKind `json:"scope"`
	ScopeData any       `json:"scopeData,omitempty"`
}

// createBody writes a new subscription in the client's version and dialect.
func (c *Client) createBody(in SubscriptionInput) (any, error) {
	scope, err := c.dialect.scope(in.Scope, false)
	if err != nil {
		return nil, err
	}
	retry, flag := c.sentRetryPolicy(in.RetryPolicy)
	security := in.SecurityPolicy.wire()
	security.ProxyType = flexStr(c.dialect.ProxyType)
	if c.version != APIVersion1 {
		return createV2{
			Name: in.Name, Description: in.Description, OrganizationID: in.OrganizationID, Products: in.Products,
			WebhookURL: in.WebhookURL, HealthCheckURL: in.HealthCheckURL, DeactivateFlag: flag, RetryPolicy: retry,
			SecurityPolicy: security, Scope: scope,
		}, nil
	}
	if security.ProxyType == "" {
		security.ProxyType = "external"
	}
	product, err := onlyProduct(in.Products)
	if err != nil {
		return nil, err
	}
	return createV1{
		Name: in.Name, Description: in.Description, OrganizationID: in.OrganizationID, ProductID: product.ProductID,
		EventTypes: product.EventTypes, WebhookURL: in.WebhookURL, HealthCheckURL: in.HealthCheckURL, DeactivateFlag: flag,
		Scope: scope, RetryPolicy: retry, SecurityPolicy: security,
	}, nil
}

// patchBody writes an update in the client's version and dialect.
func (c *Client) patchBody(p SubscriptionPatch) (any, error) {
	scope, err := c.dialect.scope(p.Scope, c.version == APIVersion1)
	if err != nil {
		return nil, err
	}
	retry, flag := c.sentRetryPolicy(p.RetryPolicy)
	var security *wireSecurityPolicy
	if p.SecurityPolicy != nil {
		wire := p.SecurityPolicy.wire()
		security = &wire
	}
	if c.version != APIVersion1 {
		switch {
		case p.Status != nil:
			return nil, fmt.Errorf("%w: version 2 has no status in an update; use SetSubscriptionStatus", ErrInvalidArgument)
		case retry != nil && c.dialect.NoRetryPolicyOnPatch:
			return nil, fmt.Errorf("%w: by the specification an update has no retry policy", ErrInvalidArgument)
		}
		return patchV2{
			Name: p.Name, Description: p.Description, OrganizationID: p.OrganizationID, Products: p.Products,
			WebhookURL: p.WebhookURL, HealthCheckURL: p.HealthCheckURL, DeactivateFlag: flag, RetryPolicy: retry,
			SecurityPolicy: security, Scope: scope,
		}, nil
	}
	body := patchV1{
		Name: p.Name, Description: p.Description, OrganizationID: p.OrganizationID, WebhookURL: p.WebhookURL,
		HealthCheckURL: p.HealthCheckURL, DeactivateFlag: flag, Status: p.Status, Scope: scope, RetryPolicy: retry,
		SecurityPolicy: security,
	}
	if len(p.Products) > 0 {
		product, err := onlyProduct(p.Products)
		if err != nil {
			return nil, err
		}
		body.ProductID, body.EventTypes = product.ProductID, product.EventTypes
	}
	return body, nil
}

// onlyProduct is the product of a subscription of version 1.
func onlyProduct(products []SubscribedProduct) (SubscribedProduct, error) {
	if len(products) != 1 {
		return SubscribedProduct{}, fmt.Errorf("%w: version 1 takes one product, got %d", ErrInvalidArgument, len(products))
	}
	return products[0], nil
}

// sentRetryPolicy returns the policy and what stands beside it.
func (c *Client) sentRetryPolicy(p *RetryPolicy) (*sentRetryPolicy, any) {
	if p == nil {
		return nil, nil
	}
	inside, beside := c.dialect.deactivateFlag(p.DeactivateFlag)
	return &sentRetryPolicy{
		Algorithm: string(p.Algorithm), FirstRetry: p.FirstRetry, Interval: p.Interval, NumberOfRetries: p.NumberOfRetries,
		DeactivateFlag: inside, RepeatSequenceCount: p.RepeatSequenceCount, RepeatSequenceWaitTime: p.RepeatSequenceWaitTime,
	}, beside
}
