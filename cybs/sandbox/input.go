package sandbox

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/switchboardhq/switchboard/cybs"
)

// subscriptionRequest is the body of create and update in all spellings of both
// versions: products or one flat productId with eventTypes, scope as text or
// object, deactivateflag at the top as the guide prints it. Names match without
// case, as encoding/json does.
type subscriptionRequest struct {
	Name           *string         `json:"name"`
	Description    *string         `json:"description"`
	OrganizationID *string         `json:"organizationId"`
	Products       *[]productInput `json:"products"`
	ProductID      *string         `json:"productId"`
	EventTypes     *[]string       `json:"eventTypes"`
	WebhookURL     *string         `json:"webhookUrl"`
	HealthCheckURL *string         `json:"healthCheckUrl"`
	Scope          json.RawMessage `json:"notificationScope"`
	RetryPolicy    *policyInput    `json:"retryPolicy"`
	DeactivateFlag json.RawMessage `json:"deactivateflag"`
	Security       *securityInput  `json:"securityPolicy"`
	Status         *string         `json:"status"`
	Attributes     *attributes     `json:"additionalAttributes"`
}

// attributes are free, and kept as they came.
type attributes []map[string]string

type productInput struct {
	ProductID  string   `json:"productId"`
	EventTypes []string `json:"eventTypes"`
}

// policyInput keeps members as they came: numbers and booleans may be text.
type policyInput struct {
	Algorithm       *string         `json:"algorithm"`
	FirstRetry      json.RawMessage `json:"firstRetry"`
	Interval        json.RawMessage `json:"interval"`
	NumberOfRetries json.RawMessage `json:"numberOfRetries"`
	DeactivateFlag  json.RawMessage `json:"deactivateFlag"`
	RepeatCount     json.RawMessage `json:"repeatSequenceCount"`
	RepeatWait      json.RawMessage `json:"repeatSequenceWaitTime"`
	Attributes      *attributes     `json:"additionalAttributes"`
}

type securityInput struct {
	SecurityType string          `json:"securityType"`
	ProxyType    string          `json:"proxyType"`
	Config       json.RawMessage `json:"config"`
}

func defaultScope(v1 bool) scope {
	if v1 {
		return scope{Kind: "SELF"}
	}
	return scope{Kind: "DESCENDANTS"}
}

func defaultSecurity() securityPolicy {
	return securityPolicy{ProxyType: "external", DigitalSignatureEnable: "yes"}
}

// input applies a request to a subscription and collects what is wrong with it.
type input struct {
	config *Config
	v1     bool
	patch  bool
	bad    []fieldError
}

func (in *input) invalid(field string) { in.bad = append(in.bad, fieldError{field, reasonInvalid}) }
func (in *input) missing(field string) { in.bad = append(in.bad, fieldError{field, reasonMissing}) }

func setText(to *string, from *string) {
	if from != nil {
		*to = *from
	}
}

// apply takes over the members that the request has.
func (in *input) apply(sub *subscription, req subscriptionRequest) {
	setText(&sub.Name, req.Name)
	setText(&sub.Description, req.Description)
	setText(&sub.OrganizationID, req.OrganizationID)
	in.products(sub, req)
	if req.WebhookURL != nil {
		sub.WebhookURL = in.url("webhookUrl", *req.WebhookURL)
	}
	if req.HealthCheckURL != nil {
		sub.HealthCheckURL = in.url("healthCheckUrl", *req.HealthCheckURL)
	}
	if len(req.Scope) > 0 {
		in.scope(sub, req.Scope)
	}
	if !in.patch || in.v1 || !in.config.API.IgnorePatchedRetryPolicy {
		in.retryPolicy(sub, req)
	}
	if req.Security != nil {
		in.security(sub, *req.Security)
	}
	if req.Attributes != nil {
		sub.Attributes = *req.Attributes
	}
}

// require checks what a new subscription must have.
func (in *input) require(sub *subscription, req subscriptionRequest) {
	for _, f := range [][2]string{
		{"name", sub.Name},
		{"organizationId", sub.OrganizationID},
		{"webhookUrl", orEmpty(req.WebhookURL)},
		{"securityPolicy.securityType", sub.Security.SecurityType},
	} {
		if f[1] == "" && !in.reported(f[0]) {
			in.missing(f[0])
		}
	}
	if len(sub.Products) == 0 && !in.reported("products") {
		in.missing("products")
	}
	if in.config.API.RequireDescription && req.Description == nil {
		in.missing("description")
	}
}

func (in *input) reported(field string) bool {
	return slices.ContainsFunc(in.bad, func(e fieldError) bool { return strings.HasPrefix(e.Field, field) })
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (in *input) products(sub *subscription, req subscriptionRequest) {
	var list []productInput
	prefix := func(int) string { return "" }
	switch {
	case req.Products != nil:
		list = *req.Products
		prefix = func(i int) string { return fmt.Sprintf("products[%d].", i) }
		if len(list) == 0 {
			in.missing("products")
		}
	case req.ProductID != nil || req.EventTypes != nil:
		p := productInput{ProductID: orEmpty(req.ProductID)}
		if req.EventTypes != nil {
			p.EventTypes = *req.EventTypes
		}
		list = []productInput{p}
	default:
		return
	}
	sub.Products = make([]subscribedProduct, 0, len(list))
	for i, p := range list {
		if p.ProductID == "" {
			in.missing(prefix(i) + "productId")
		} else if slices.ContainsFunc(list[:i], func(q productInput) bool { return q.ProductID == p.ProductID }) {
			in.invalid(prefix(i) + "productId")
		}
		if len(p.EventTypes) == 0 {
			in.missing(prefix(i) + "eventTypes")
		} else if slices.Contains(p.EventTypes, "") {
			in.invalid(prefix(i) + "eventTypes")
		}
		sub.Products = append(sub.Products, subscribedProduct(p))
	}
}

// url checks a URL of the client's. Event names are not checked against the
// catalogue, as Cybersource's gateway does not either.
func (in *input) url(field, raw string) string {
	if raw == "" && field == "healthCheckUrl" {
		return ""
	}
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		in.missing(field)
	case err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || strings.HasSuffix(u.Host, ":"),
		u.Scheme != "https" && (u.Scheme != "http" || !in.config.AllowPlainHTTP),
		in.config.StrictPorts && !slices.Contains([]string{"", "443", "8443"}, u.Port()):
		in.invalid(field)
	}
	return raw
}

// scope reads "SELF" or {"scope": "CUSTOM", "scopeData": ["a"] or "a,b"}.
func (in *input) scope(sub *subscription, raw json.RawMessage) {
	var object struct {
		Scope string          `json:"scope"`
		Data  json.RawMessage `json:"scopeData"`
	}
	if json.Unmarshal(raw, &object.Scope) != nil && json.Unmarshal(raw, &object) != nil {
		in.invalid("notificationScope")
		return
	}
	var data []string
	var text string
	switch {
	case len(object.Data) == 0:
	case json.Unmarshal(object.Data, &data) == nil:
	case json.Unmarshal(object.Data, &text) == nil:
		for id := range strings.SplitSeq(text, ",") {
			data = append(data, strings.TrimSpace(id))
		}
	default:
		in.invalid("notificationScope.scopeData")
	}
	switch kind := strings.ToUpper(object.Scope); kind {
	case "SELF", "DESCENDANTS", "CUSTOM":
		sub.Scope = scope{Kind: kind, Data: data}
	case "":
		sub.Scope = defaultScope(in.v1)
	default:
		in.invalid("notificationScope")
	}
}

func (in *input) retryPolicy(sub *subscription, req subscriptionRequest) {
	p := sub.RetryPolicy
	if r := req.RetryPolicy; r != nil {
		if r.Algorithm != nil {
			p.Algorithm = cybs.Algorithm(strings.ToUpper(*r.Algorithm))
			if p.Algorithm != cybs.Arithmetic && p.Algorithm != cybs.Geometric {
				in.invalid("retryPolicy.algorithm")
			}
		}
		in.number("retryPolicy.firstRetry", r.FirstRetry, &p.FirstRetry)
		in.number("retryPolicy.interval", r.Interval, &p.Interval)
		in.number("retryPolicy.numberOfRetries", r.NumberOfRetries, &p.NumberOfRetries)
		in.number("retryPolicy.repeatSequenceCount", r.RepeatCount, &p.RepeatSequenceCount)
		in.number("retryPolicy.repeatSequenceWaitTime", r.RepeatWait, &p.RepeatSequenceWaitTime)
		in.boolean("retryPolicy.deactivateFlag", r.DeactivateFlag, &p.DeactivateFlag)
		if r.Attributes != nil {
			sub.RetryAttributes = *r.Attributes
		}
	}
	in.boolean("deactivateflag", req.DeactivateFlag, &p.DeactivateFlag)
	sub.RetryPolicy = p
}

// maxPolicyNumber bounds each number of a retry policy; the upper bounds of
// Cybersource are not published.
const maxPolicyNumber = 1_000_000

func (in *input) number(field string, raw json.RawMessage, to *int) {
	text := strings.Trim(string(raw), `"`)
	if text == "" || text == "null" {
		return
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > maxPolicyNumber {
		in.invalid(field)
		return
	}
	*to = n
}

func (in *input) boolean(field string, raw json.RawMessage, to *bool) {
	switch strings.ToLower(strings.Trim(string(raw), `"`)) {
	case "", "null":
	case "true":
		*to = true
	case "false":
		*to = false
	default:
		in.invalid(field)
	}
}

func (in *input) security(sub *subscription, req securityInput) {
	sub.Security = defaultSecurity()
	setText(&sub.Security.ProxyType, nonEmpty(req.ProxyType))
	sub.Security.Config = req.Config
	switch strings.ToLower(req.SecurityType) {
	case "":
		in.missing("securityPolicy.securityType")
	case "key":
		sub.Security.SecurityType = securityKey
	case "oauth":
		sub.Security.SecurityType = securityOAuth
		in.oauth(req.Config, false)
	case "oauth_jwt":
		sub.Security.SecurityType = securityOAuthJWT
		in.oauth(req.Config, true)
	default:
		in.invalid("securityPolicy.securityType")
	}
}

func nonEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// oauth checks the configuration that both OAuth policies need.
func (in *input) oauth(raw json.RawMessage, jwt bool) {
	const prefix = "securityPolicy.config"
	var c oauthSettings
	if len(raw) == 0 || string(raw) == "null" {
		in.missing(prefix)
		return
	}
	if json.Unmarshal(raw, &c) != nil {
		in.invalid(prefix)
		return
	}
	in.url(prefix+".oAuthURL", c.URL)
	switch {
	case c.TokenType == "":
		in.missing(prefix + ".oAuthTokenType")
	case !strings.EqualFold(c.TokenType, "Bearer"):
		in.invalid(prefix + ".oAuthTokenType")
	}
	expiry := len(c.Expiry) > 0 && string(c.Expiry) != "null"
	if expiry && c.expiry() <= 0 {
		in.invalid(prefix + ".oAuthTokenExpiry")
	}
	if !in.config.API.RequireOAuthDetails {
		return
	}
	if !expiry {
		in.missing(prefix + ".oAuthTokenExpiry")
	}
	if a := c.Additional; jwt {
		in.bad = append(in.bad, missing(prefix+".additionalConfig.aud", a.Audience, prefix+".additionalConfig.client_id", a.clientID(),
			prefix+".additionalConfig.keyId", a.KeyID, prefix+".additionalConfig.scope", a.Scope)...)
	}
}
