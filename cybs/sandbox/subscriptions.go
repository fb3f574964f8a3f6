package sandbox

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

const (
	statusActive        = cybs.StatusActive
	statusInactive      = cybs.StatusInactive
	statusSuspended     = cybs.StatusSuspended
	statusPendingReview = cybs.StatusPendingReview
	statusBlocked       = cybs.StatusBlocked
)

// subscription is what Cybersource calls a webhook.
//
//	create/update --known hosts--> INACTIVE --ping 200 / PUT ACTIVE--> ACTIVE <--> SUSPENDED
//	      \--unknown host--> PENDING_REVIEW --approved--> INACTIVE
//	                               \--rejected--> BLOCKED --PATCH new URL--> PENDING_REVIEW
//	PUT INACTIVE: ACTIVE, SUSPENDED -> INACTIVE
type subscription struct {
	ID             string
	OrganizationID string
	Name           string
	Description    string
	Products       []subscribedProduct
	WebhookURL     string
	HealthCheckURL string
	Scope          scope
	RetryPolicy    cybs.RetryPolicy
	Security       securityPolicy
	Attributes     attributes `json:",omitempty"`
	// RetryAttributes are those of the retry policy.
	RetryAttributes attributes `json:",omitempty"`
	ArrayPayload    bool       // set by SetArrayPayload
	Status          cybs.Status
	CreatedAt       time.Time
	UpdatedAt       time.Time
	// Deactivated remembers that a person set INACTIVE, which no ping undoes.
	Deactivated bool
	// Unhealthy remembers that the last ping, or a message's last retry, failed.
	Unhealthy bool

	// generation makes timers of an earlier state harmless: each change that makes
	// new ones counts it up.
	generation int
}

type subscribedProduct struct {
	ProductID  string   `json:"productId"`
	EventTypes []string `json:"eventTypes"`
}

// scope says the events of which organizations a subscription gets.
type scope struct {
	Kind string // SELF, DESCENDANTS or CUSTOM
	Data []string
}

// securityPolicy is kept as it came, with the answer's additions.
type securityPolicy struct {
	SecurityType           string          `json:"securityType"`
	ProxyType              string          `json:"proxyType"`
	DigitalSignatureEnable string          `json:"digitalSignatureEnabled"`
	Config                 json.RawMessage `json:"config,omitempty"`
}

// The security types, as answers spell them.
const (
	securityKey      = "KEY"
	securityOAuth    = "oAuth"
	securityOAuthJWT = "oAuth_JWT"
)

// wants reports whether the subscription asked for an event, and for which of
// its products.
func (sub *subscription) wants(productID, eventType string) bool {
	return slices.ContainsFunc(sub.Products, func(p subscribedProduct) bool {
		return p.ProductID == productID && slices.Contains(p.EventTypes, eventType)
	})
}

// covers reports whether the subscription's scope holds an organization. The
// caller holds mu.
func (s *Sandbox) covers(sub *subscription, organizationID string) bool {
	switch {
	case organizationID == sub.OrganizationID:
		return true
	case sub.Scope.Kind == "DESCENDANTS":
		return s.isWithin(organizationID, sub.OrganizationID)
	case sub.Scope.Kind == "CUSTOM":
		return slices.Contains(sub.Scope.Data, organizationID)
	}
	return false
}

// urls are the URLs that review looks at.
func (sub *subscription) urls() []string {
	list := []string{sub.WebhookURL}
	if sub.HealthCheckURL != "" {
		list = append(list, sub.HealthCheckURL)
	}
	var config oauthSettings
	if len(sub.Security.Config) > 0 && json.Unmarshal(sub.Security.Config, &config) == nil && config.URL != "" {
		list = append(list, config.URL)
	}
	return list
}

func normalHost(h string) string { return strings.ToLower(strings.TrimSuffix(h, ".")) }

// hostOf is the host name of a URL that was validated when it came.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return normalHost(u.Hostname())
}

// sortedSubscriptions lists all, oldest first. The caller holds mu.
func (s *Sandbox) sortedSubscriptions() []*subscription {
	return slices.SortedFunc(maps.Values(s.subs), func(a, b *subscription) int {
		if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
}

// subscribed returns a subscription of the organization, other than except,
// that has one of the products. The caller holds mu.
func (s *Sandbox) subscribed(organizationID string, products []subscribedProduct, except string) bool {
	for _, sub := range s.subs {
		if sub.OrganizationID != organizationID || sub.ID == except {
			continue
		}
		for _, p := range products {
			if slices.ContainsFunc(sub.Products, func(q subscribedProduct) bool { return q.ProductID == p.ProductID }) {
				return true
			}
		}
	}
	return false
}

// changeStatus sets the status and tells who waits. The caller holds mu.
func (s *Sandbox) changeStatus(sub *subscription, status cybs.Status, why string) {
	if sub.Status != status {
		s.cfg.Logger.Info("subscription status", "webhook_id", sub.ID, "from", string(sub.Status), "to", string(status), "why", why)
	}
	sub.Status = status
	s.notify()
}

// webhook is a subscription as the API shows it.
type webhook struct {
	OrganizationID string              `json:"organizationId"`
	Products       []subscribedProduct `json:"products,omitempty"`
	ProductID      string              `json:"productId,omitempty"`
	EventTypes     []string            `json:"eventTypes,omitempty"`
	WebhookID      string              `json:"webhookId"`
	Name           string              `json:"name"`
	Description    string              `json:"description"`
	WebhookURL     string              `json:"webhookUrl"`
	HealthCheckURL string              `json:"healthCheckUrl,omitempty"`
	CreatedOn      string              `json:"createdOn"`
	UpdatedOn      string              `json:"updatedOn,omitempty"`
	Status         cybs.Status         `json:"status"`
	RetryPolicy    any                 `json:"retryPolicy"`
	Security       securityPolicy      `json:"securityPolicy"`
	Attributes     attributes          `json:"additionalAttributes,omitempty"`
	Version        string              `json:"version"`
	DeliveryType   string              `json:"deliveryType"`
	Scope          string              `json:"notificationScope"`
}

// show makes the answer's form of a subscription; flat is that of a version 1
// create. The caller holds mu.
func (s *Sandbox) show(sub *subscription, flat bool) webhook {
	w := webhook{
		OrganizationID: sub.OrganizationID, Products: sub.Products, WebhookID: sub.ID, Name: sub.Name,
		Description: sub.Description, WebhookURL: sub.WebhookURL, HealthCheckURL: sub.HealthCheckURL,
		CreatedOn: s.layoutTime(sub.CreatedAt), Status: sub.Status, RetryPolicy: s.showRetryPolicy(sub),
		Security: sub.Security, Attributes: sub.Attributes, Version: "3", DeliveryType: "nrtdCentral", Scope: sub.Scope.Kind,
	}
	if !sub.UpdatedAt.IsZero() {
		w.UpdatedOn = s.layoutTime(sub.UpdatedAt)
	}
	if s.cfg.API.LowerCaseURLs {
		w.WebhookURL, w.HealthCheckURL = strings.ToLower(w.WebhookURL), strings.ToLower(w.HealthCheckURL)
	}
	if (flat || s.cfg.API.FlatProducts) && len(sub.Products) == 1 {
		w.ProductID, w.EventTypes, w.Products = sub.Products[0].ProductID, sub.Products[0].EventTypes, nil
	}
	return w
}

func (s *Sandbox) layoutTime(t time.Time) string { return t.UTC().Format(s.cfg.API.TimeLayout) }

func (s *Sandbox) showRetryPolicy(sub *subscription) any {
	p := sub.RetryPolicy
	type policy[N, B any] struct {
		Algorithm       cybs.Algorithm `json:"algorithm"`
		FirstRetry      N              `json:"firstRetry"`
		Interval        N              `json:"interval"`
		NumberOfRetries N              `json:"numberOfRetries"`
		DeactivateFlag  B              `json:"deactivateFlag"`
		RepeatCount     N              `json:"repeatSequenceCount"`
		RepeatWait      N              `json:"repeatSequenceWaitTime"`
		Attributes      attributes     `json:"additionalAttributes,omitempty"`
	}
	if s.cfg.API.RetryPolicyText {
		return policy[string, string]{
			p.Algorithm, strconv.Itoa(p.FirstRetry), strconv.Itoa(p.Interval), strconv.Itoa(p.NumberOfRetries),
			strconv.FormatBool(p.DeactivateFlag), strconv.Itoa(p.RepeatSequenceCount), strconv.Itoa(p.RepeatSequenceWaitTime),
			sub.RetryAttributes,
		}
	}
	return policy[int, bool]{
		p.Algorithm, p.FirstRetry, p.Interval, p.NumberOfRetries, p.DeactivateFlag, p.RepeatSequenceCount, p.RepeatSequenceWaitTime,
		sub.RetryAttributes,
	}
}
