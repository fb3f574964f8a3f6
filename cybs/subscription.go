package cybs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Status is the state of a subscription at Cybersource.
type Status string

// The known states. Others are passed on as they come.
const (
	StatusActive        Status = "ACTIVE"
	StatusInactive      Status = "INACTIVE"
	StatusSuspended     Status = "SUSPENDED"      // a URL is unreachable; comes back by itself
	StatusPendingReview Status = "PENDING_REVIEW" // a URL waits for approval, for one or two business days; no failure
	StatusBlocked       Status = "BLOCKED"        // a URL was rejected; update it
	StatusResend        Status = "RESEND"         // seen in official code, documented nowhere
)

// SecurityType is how deliveries of a subscription are secured besides their signature.
type SecurityType string

// The security types.
const (
	SecurityKey      SecurityType = "KEY"
	SecurityOAuth    SecurityType = "oAuth"
	SecurityOAuthJWT SecurityType = "oAuth_JWT"
)

// SecurityPolicy is how Cybersource proves itself to the receiver. OAuth fields are empty for SecurityKey.
type SecurityPolicy struct {
	Type  SecurityType
	OAuth OAuthConfig
	// ProxyType and DigitalSignature are only read: external or internal, and whether deliveries are signed ("yes").
	ProxyType        string
	DigitalSignature string
}

// OAuthConfig tells Cybersource where to get a token and with what.
type OAuthConfig struct {
	URL         string
	TokenType   string // Bearer
	TokenExpiry string // unit undocumented
	KeyID       string // of the stored client credentials, where the organization has several
	// The rest is for SecurityOAuthJWT: what the assertion that Cybersource signs will say.
	Audience       string
	ClientID       string
	AssertionKeyID string
	Scope          string
}

// ScopeKind is whose events a subscription covers.
type ScopeKind string

// The kinds of scope.
const (
	ScopeSelf        ScopeKind = "SELF"
	ScopeDescendants ScopeKind = "DESCENDANTS" // Cybersource's default
	ScopeCustom      ScopeKind = "CUSTOM"
)

// Scope is whose events a subscription covers. The zero Scope leaves it to Cybersource.
type Scope struct {
	Kind ScopeKind
	// OrganizationIDs are the further organizations of ScopeCustom.
	OrganizationIDs []string
}

// SubscribedProduct is a product with the events of it that a subscription covers.
type SubscribedProduct struct {
	ProductID  string   `json:"productId"`
	EventTypes []string `json:"eventTypes"`
}

// Subscription is what Cybersource holds.
type Subscription struct {
	WebhookID      string
	OrganizationID string
	Name           string
	Description    string
	WebhookURL     string // may come back in lower case; see EqualURL
	HealthCheckURL string
	Products       []SubscribedProduct
	Status         Status
	RetryPolicy    RetryPolicy
	SecurityPolicy SecurityPolicy
	Scope          Scope
	Version        string // of the notification format
	DeliveryType   string
	CreatedAt      time.Time // zero where absent or unreadable
	UpdatedAt      time.Time
	// Raw is the object as it came, with the members that this package does not know.
	Raw json.RawMessage
}

type wireSubscription struct {
	WebhookID      flexStr          `json:"webhookId"`
	OrganizationID flexStr          `json:"organizationId"`
	Name           flexStr          `json:"name"`
	Description    flexStr          `json:"description"`
	WebhookURL     flexStr          `json:"webhookUrl"`
	HealthCheckURL flexStr          `json:"healthCheckUrl"`
	Products       []wireSubscribed `json:"products"`
	ProductID      flexStr          `json:"productId"`
	EventTypes     flexNames        `json:"eventTypes"`
	Status         flexStr          `json:"status"`
	RetryPolicy    *RetryPolicy     `json:"retryPolicy"`
	SecurityPolicy SecurityPolicy   `json:"securityPolicy"`
	Scope          Scope            `json:"notificationScope"`
	Version        flexStr          `json:"version"`
	DeliveryType   flexStr          `json:"deliveryType"`
	CreatedOn      flexTime         `json:"createdOn"`
	UpdatedOn      flexTime         `json:"updatedOn"`
}

type wireSubscribed struct {
	ProductID  flexStr   `json:"productId"`
	EventTypes flexNames `json:"eventTypes"`
}

// UnmarshalJSON reads a subscription in any of the shapes that Cybersource sends: with products or one flat product,
// numbers and flags as such or as strings, three formats of time, and the scope as a string or an object.
func (s *Subscription) UnmarshalJSON(b []byte) error {
	var w wireSubscription
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*s = Subscription{
		WebhookID: string(w.WebhookID), OrganizationID: string(w.OrganizationID), Name: string(w.Name),
		Description: string(w.Description), WebhookURL: string(w.WebhookURL), HealthCheckURL: string(w.HealthCheckURL),
		Status: Status(strings.ToUpper(string(w.Status))), RetryPolicy: DefaultRetryPolicy(), SecurityPolicy: w.SecurityPolicy,
		Scope: w.Scope, Version: string(w.Version), DeliveryType: string(w.DeliveryType),
		CreatedAt: w.CreatedOn.Time, UpdatedAt: w.UpdatedOn.Time, Raw: bytes.Clone(b),
	}
	if w.RetryPolicy != nil {
		s.RetryPolicy = *w.RetryPolicy
	}
	for _, p := range w.Products {
		s.Products = append(s.Products, SubscribedProduct{ProductID: string(p.ProductID), EventTypes: p.EventTypes})
	}
	if len(s.Products) == 0 && w.ProductID != "" {
		s.Products = []SubscribedProduct{{ProductID: string(w.ProductID), EventTypes: w.EventTypes}}
	}
	return nil
}

type wireSecurityPolicy struct {
	Type             flexStr    `json:"securityType"`
	ProxyType        flexStr    `json:"proxyType,omitempty"`
	DigitalSignature flexStr    `json:"digitalSignatureEnabled,omitempty"`
	Config           *wireOAuth `json:"config,omitempty"`
}

type wireOAuth struct {
	URL         flexStr         `json:"oAuthURL,omitempty"`
	TokenType   flexStr         `json:"oAuthTokenType,omitempty"`
	TokenExpiry flexStr         `json:"oAuthTokenExpiry,omitempty"`
	KeyID       flexStr         `json:"keyId,omitempty"`
	Additional  *wireOAuthExtra `json:"additionalConfig,omitempty"`
}

type wireOAuthExtra struct {
	Audience    flexStr `json:"aud,omitempty"`
	ClientID    flexStr `json:"client_id,omitempty"`
	OldClientID flexStr `json:"clientId,omitempty"` // only read: the SDKs' models spell it so
	KeyID       flexStr `json:"keyId,omitempty"`
	Scope       flexStr `json:"scope,omitempty"`
}

// UnmarshalJSON reads a policy; the case of its type does not matter.
func (p *SecurityPolicy) UnmarshalJSON(b []byte) error {
	var w wireSecurityPolicy
	if err := json.Unmarshal(b, &w); err != nil {
		return fmt.Errorf("security policy: %w", err)
	}
	*p = SecurityPolicy{
		Type: normalSecurityType(string(w.Type)), ProxyType: string(w.ProxyType), DigitalSignature: string(w.DigitalSignature),
	}
	if w.Config != nil {
		p.OAuth = OAuthConfig{
			URL: string(w.Config.URL), TokenType: string(w.Config.TokenType), TokenExpiry: string(w.Config.TokenExpiry),
			KeyID: string(w.Config.KeyID),
		}
		if x := w.Config.Additional; x != nil {
			p.OAuth.Audience, p.OAuth.ClientID = string(x.Audience), string(firstOf(x.ClientID, x.OldClientID))
			p.OAuth.AssertionKeyID, p.OAuth.Scope = string(x.KeyID), string(x.Scope)
		}
	}
	return nil
}

// MarshalJSON writes a policy as the API takes it: oAuthURL and client_id are spelled as in all of its examples. The
// fields that are only read are left out.
func (p SecurityPolicy) MarshalJSON() ([]byte, error) { return json.Marshal(p.wire()) }

func (p SecurityPolicy) wire() wireSecurityPolicy {
	w := wireSecurityPolicy{Type: flexStr(p.Type)}
	if w.Type == "" {
		w.Type = flexStr(SecurityKey)
	}
	if o := p.OAuth; o != (OAuthConfig{}) {
		w.Config = &wireOAuth{
			URL: flexStr(o.URL), TokenType: flexStr(o.TokenType), TokenExpiry: flexStr(o.TokenExpiry), KeyID: flexStr(o.KeyID),
		}
		extra := wireOAuthExtra{
			Audience: flexStr(o.Audience), ClientID: flexStr(o.ClientID), KeyID: flexStr(o.AssertionKeyID), Scope: flexStr(o.Scope),
		}
		if extra != (wireOAuthExtra{}) {
			w.Config.Additional = &extra
		}
	}
	return w
}

func normalSecurityType(s string) SecurityType {
	for _, known := range [...]SecurityType{SecurityKey, SecurityOAuth, SecurityOAuthJWT} {
		if strings.EqualFold(s, string(known)) {
			return known
		}
	}
	return SecurityType(s)
}

// MarshalJSON writes SELF and DESCENDANTS as the string that version 2 takes, and CUSTOM as the object of the guide. A
// client writes it by its [Dialect].
func (s Scope) MarshalJSON() ([]byte, error) {
	v, err := Dialect{}.scope(&s, false)
	if v == nil && err == nil {
		v = ""
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// UnmarshalJSON reads a string, or an object with scope and, as an array or comma-separated, scopeData.
func (s *Scope) UnmarshalJSON(b []byte) error {
	*s = Scope{}
	var o struct {
		Scope     flexStr   `json:"scope"`
		ScopeData flexNames `json:"scopeData"`
	}
	if len(b) > 0 && b[0] == '{' {
		if err := json.Unmarshal(b, &o); err != nil {
			return fmt.Errorf("scope: %w", err)
		}
	} else if err := o.Scope.UnmarshalJSON(b); err != nil {
		return fmt.Errorf("scope: %w", err)
	}
	*s = Scope{Kind: ScopeKind(strings.ToUpper(string(o.Scope))), OrganizationIDs: o.ScopeData}
	return nil
}

// EqualURL reports whether two URLs are the same to Cybersource, which adds or drops the default port and may give a
// URL back in lower case.
func EqualURL(a, b string) bool {
	a, b = normalURL(a), normalURL(b)
	return a == b || a == strings.ToLower(b) || b == strings.ToLower(a)
}

func normalURL(s string) string {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil {
		return s
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	switch u.Scheme {
	case "https":
		u.Host = strings.TrimSuffix(u.Host, ":443")
	case "http":
		u.Host = strings.TrimSuffix(u.Host, ":80")
	}
	return u.String()
}
