package sandbox

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

// Config is how a [Sandbox] starts. The zero value is usable but for
// Organizations, of which there must be at least one (here or in the state
// file), or nobody could sign a request.
type Config struct {
	// Organizations exist from the start. One that the state file knows too is
	// replaced by the one given here; its signature keys and subscriptions stay.
	Organizations []Organization
	// StateFile keeps organizations, keys, subscriptions and notifications that
	// are not delivered yet over a restart. It holds secrets and is written with
	// mode 0600, atomically. Empty: memory only.
	StateFile string
	// BasePath is the prefix all routes are mounted under; empty is the root.
	BasePath string
	// Now dates what is sent and judges clients' clocks. Nil: time.Now.
	Now func() time.Time
	// TimeScale divides every wait that Cybersource's documents define: 60 makes
	// a minute last a second. 0 is 1, real time. DeliveryTimeout and the trickle
	// are not scaled.
	TimeScale float64
	// Seed makes event data repeatable: the same seed and the same calls give the
	// same payloads. Ids that must be unique stay random. 0: a random seed.
	Seed uint64
	// TrickleInterval is the mean time between events that happen by themselves.
	// 0: none until SetTrickle.
	TrickleInterval time.Duration
	// Logger gets one record per delivery and status change. Nil: none.
	Logger *slog.Logger
	// HTTPClient delivers notifications and pings and fetches tokens. Nil: an own
	// client that follows no redirect.
	HTTPClient *http.Client
	// ClientCertificate is shown to receivers that ask for one. Cybersource's "mutual
	// trust" suggests that it has one, signed by the Visa root, and no page says so.
	// Nil: none. It and ReceiverCAs go without HTTPClient.
	ClientCertificate *tls.Certificate
	// ReceiverCAs are trusted to sign the certificates of receivers. Nil: the
	// system's.
	ReceiverCAs *x509.CertPool

	// ActivationDelay passes between create or update and the first health ping.
	// 0: 5 minutes; negative: none. Scaled, like the two below.
	ActivationDelay time.Duration
	// HealthInterval separates pings of a healthy subscription. 0: 5 minutes.
	HealthInterval time.Duration
	// UnhealthyInterval separates them while they fail. 0: 1 minute.
	UnhealthyInterval time.Duration
	// DeliveryTimeout ends an attempt or a ping. Not scaled. 0: 10 seconds.
	DeliveryTimeout time.Duration

	Auth     AuthConfig
	API      APIConfig
	Health   HealthConfig
	Delivery DeliveryConfig
	OAuth    OAuthConfig
	MLE      MLEConfig
	Limits   Limits

	// AllowPlainHTTP accepts http:// URLs of subscriptions. Cybersource does not.
	AllowPlainHTTP bool
	// StrictPorts refuses URLs on other ports than 443 and 8443, as guides up to
	// 2024 demanded.
	StrictPorts bool
	// InstantApproval approves every URL at once. False: a subscription whose URLs
	// are on a host that is neither in KnownHosts nor approved before starts as
	// PENDING_REVIEW, as at Cybersource since 26.7.01.
	InstantApproval bool
	// ReviewDelay approves a pending subscription by itself after that time,
	// scaled. 0: it waits for Review or the admin API.
	ReviewDelay time.Duration
	// KnownHosts are approved from the start (host names without port).
	KnownHosts []string
}

// Organization is one tenant of the sandbox.
type Organization struct {
	OrganizationID string
	// MerchantID is what requests name in v-c-merchant-id. Empty: OrganizationID.
	MerchantID string
	Name       string
	// ParentID is the organization above this one; it may act for it with a meta
	// key, and its DESCENDANTS subscriptions see this one's events. Empty: none.
	ParentID string
	Keys     []APIKey
	// Certificates are the registered REST certificates (P12), for RS256 requests.
	Certificates []*x509.Certificate
}

// APIKey is a REST shared secret of an organization.
type APIKey struct {
	KeyID  string
	Secret cybs.Secret
}

// Limits bound what the sandbox keeps and does at once.
type Limits struct {
	// Concurrency is the number of notifications sent at once. 0: 8.
	Concurrency int
	// Pending bounds notifications waiting, retrying or held. 0: 10,000.
	Pending int
	// Attempts is how many delivery attempts are remembered. 0: 2,000.
	Attempts int
	// History is how many notifications that came to an end can be replayed, where
	// that is offered. They are not in the state file. 0: 10,000.
	History int
	// Subscriptions bounds the subscriptions of all organizations. 0: 1,000.
	Subscriptions int
}

func (c *Config) setDefaults() {
	orDuration(&c.Auth.ClockTolerance, 5*time.Minute)
	orDuration(&c.Auth.TokenLeeway, time.Minute)
	orDuration(&c.ActivationDelay, 5*time.Minute)
	c.ActivationDelay = max(c.ActivationDelay, 0)
	orDuration(&c.HealthInterval, 5*time.Minute)
	orDuration(&c.UnhealthyInterval, time.Minute)
	orDuration(&c.DeliveryTimeout, 10*time.Second)
	orInt(&c.API.TestStatusCode, http.StatusCreated)
	orInt(&c.Limits.Concurrency, 8)
	orInt(&c.Limits.Pending, 10_000)
	orInt(&c.Limits.Attempts, 2_000)
	orInt(&c.Limits.History, 10_000)
	orInt(&c.Limits.Subscriptions, 1_000)
	orInt(&c.API.ReplayBusyStatusCode, http.StatusConflict)
	orDuration(&c.Delivery.SlowSendTime, 5*time.Second)
	orDuration(&c.OAuth.ExpiryUnit, time.Second)
	orString(&c.API.KeyStatus, "SUCCESS")
	orString(&c.API.KeyState, "active")
	orString(&c.API.KeyTimeLayout, "2006-01-02T15:04:05Z")
	orString(&c.API.TimeLayout, "2006-01-02T15:04:05.000Z")
	orString(&c.Delivery.RetryRequestType, "RETRY")
	orString(&c.Delivery.ReplayRequestType, "REPLAY")
	if c.TimeScale == 0 {
		c.TimeScale = 1
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Auth.Hosts == nil {
		c.Auth.Hosts = []string{"apitest.cybersource.com", "api.cybersource.com", "api.in.cybersource.com"}
	}
	if c.Delivery.Schedule == nil {
		c.Delivery.Schedule = cybs.RetryPolicy.Schedule
	}
}

func (c *Config) validate() error {
	var errs []error
	if c.TimeScale < 0 {
		errs = append(errs, fmt.Errorf("TimeScale %v is negative", c.TimeScale))
	}
	if c.BasePath != "" && (path.Clean(c.BasePath) != c.BasePath || !strings.HasPrefix(c.BasePath, "/")) {
		errs = append(errs, fmt.Errorf("BasePath %q is not a clean absolute path", c.BasePath))
	}
	switch c.API.KeyTenancy {
	case TenancyEither, TenancyGuide, TenancySpec:
	default:
		errs = append(errs, fmt.Errorf("unknown KeyTenancy %q", c.API.KeyTenancy))
	}
	if c.HTTPClient != nil && (c.ClientCertificate != nil || c.ReceiverCAs != nil) {
		errs = append(errs, errors.New("ClientCertificate and ReceiverCAs have no effect on a given HTTPClient"))
	}
	if !slices.Contains([]MLEPolicy{MLEWithCertificate, MLERequired, MLEOff}, c.MLE.Policy) {
		errs = append(errs, fmt.Errorf("unknown MLE policy %q", c.MLE.Policy))
	}
	if !slices.Contains(MLEForms(), c.MLE.Form) {
		errs = append(errs, fmt.Errorf("unknown MLE form %q", c.MLE.Form))
	}
	keys := map[string]string{}
	for _, o := range c.Organizations {
		if o.OrganizationID == "" {
			errs = append(errs, errors.New("an organization has no OrganizationID"))
		}
		for _, k := range o.Keys {
			if k.KeyID == "" || len(k.Secret) == 0 {
				errs = append(errs, fmt.Errorf("a key of organization %q lacks its id or secret", o.OrganizationID))
			}
			if other, taken := keys[k.KeyID]; taken {
				errs = append(errs, fmt.Errorf("key %q belongs to both %q and %q", k.KeyID, other, o.OrganizationID))
			}
			keys[k.KeyID] = o.OrganizationID
		}
	}
	return errors.Join(errs...)
}

func orDuration(d *time.Duration, def time.Duration) {
	if *d == 0 {
		*d = def
	}
}

func orInt(n *int, def int) {
	if *n == 0 {
		*n = def
	}
}

func orString(s *string, def string) {
	if *s == "" {
		*s = def
	}
}
