package sandbox

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
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
	// HTTPClient delivers notifications and pings. Nil: an own client that follows
	// no redirect.
	HTTPClient *http.Client

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

// AuthConfig holds the decisions on request authentication.
type AuthConfig struct {
	// ClockTolerance is how far date, v-c-date and the iat of version 1 tokens may
	// be from now, either way. Cybersource publishes none. 0: 5 minutes.
	ClockTolerance time.Duration
	// TokenLeeway is how far iat may lie ahead, and exp behind. 0: 60 seconds.
	TokenLeeway time.Duration
	// Hosts are accepted as request-host of a token besides the Host header of the
	// request, as the SDK's intermediateHost needs. Nil: Cybersource's own hosts.
	Hosts []string
	// LenientClaims accepts tokens that lack claims; those present must be right.
	LenientClaims bool
}

// APIConfig holds the decisions on the answers of the REST API. Zero values are
// the defaults of the reference's decision sheet.
type APIConfig struct {
	// ListEmptyAsArray answers an empty list with 200 and [] in place of 404.
	ListEmptyAsArray bool
	// DeleteNoContent answers DELETE with 204 in place of 200 and a body.
	DeleteNoContent bool
	// StatusEmptyBody answers PUT status without a body.
	StatusEmptyBody bool
	// StatusWhileReviewed allows PUT status during PENDING_REVIEW and BLOCKED.
	StatusWhileReviewed bool
	// TestStatusCode answers the test call. 0: 201.
	TestStatusCode int
	// KeyStatus is the top-level status of key answers. Empty: SUCCESS; the spec
	// says ACCEPTED.
	KeyStatus string
	// KeyTenancy says which order of provider and tenant key calls must have.
	KeyTenancy KeyTenancy
	// RetryPolicyText answers the numbers and booleans of retryPolicy as strings.
	RetryPolicyText bool
	// IgnorePatchedRetryPolicy leaves retryPolicy alone on PATCH, as the spec's
	// model implies; the guide allows it.
	IgnorePatchedRetryPolicy bool
	// RequireDescription refuses a create without description, which the guide's
	// field list demands and the spec does not.
	RequireDescription bool
	// TimeLayout formats createdOn and updatedOn. Empty: 2006-01-02T15:04:05.000Z.
	TimeLayout string
	// OfferUnpublished lists products and events that were seen but are not in the
	// current guide, too. They can be emitted either way.
	OfferUnpublished bool
	// WithoutV1 answers the version 1 subscription calls with 404. The test call,
	// which exists only as version 1, stays.
	WithoutV1 bool
}

// KeyTenancy is the accepted order of provider and tenant in key calls.
type KeyTenancy string

const (
	// TenancyEither accepts both orders.
	TenancyEither KeyTenancy = ""
	// TenancyGuide wants provider nrtd and the organization as tenant.
	TenancyGuide KeyTenancy = "guide"
	// TenancySpec wants that order for CREATE and the reverse for STORE.
	TenancySpec KeyTenancy = "spec"
)

// HealthConfig holds the decisions on health pings.
type HealthConfig struct {
	// PingWebhookURL pings the webhook URL when there is no health check URL.
	PingWebhookURL bool
	// Get pings with GET in place of an empty POST.
	Get bool
	// SuspendUnanswered makes a subscription whose first ping fails SUSPENDED, as
	// one page of the guide says, in place of leaving it INACTIVE.
	SuspendUnanswered bool
}

// DeliveryConfig holds the decisions on notifications.
type DeliveryConfig struct {
	// AnySuccess counts every 2xx as delivered and healthy, not 200 alone.
	AnySuccess bool
	// Variants overrides which bytes are signed, by product id. See VariantOf.
	Variants map[string]cybs.Variant
	// ArrayPayload lists product ids whose payload is a one-element array.
	ArrayPayload []string
	// LegacyEnvelope sends the 2023 form: notificationId and payloads.
	LegacyEnvelope bool
	// MixedCaseHeaders sends V-C-Event-Type and so on, as the 2023 capture has it.
	MixedCaseHeaders bool
	// Schedule computes the retries. Nil: RetryPolicy.Schedule, the documented
	// offsets. GapSchedule and ImmediateRepeatSchedule are the other readings.
	Schedule func(cybs.RetryPolicy) []time.Duration
	// Deactivation2023 gives deactivateFlag the meaning of the 2023 guide.
	Deactivation2023 bool
	// RetryRequestType is the requestType of retries, a literal that nobody
	// published. Empty: RETRY.
	RetryRequestType string
}

// Limits bound what the sandbox keeps and does at once.
type Limits struct {
	// Concurrency is the number of notifications sent at once. 0: 8.
	Concurrency int
	// Pending bounds notifications waiting, retrying or held. 0: 10,000.
	Pending int
	// Attempts is how many delivery attempts are remembered. 0: 2,000.
	Attempts int
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
	orInt(&c.Limits.Subscriptions, 1_000)
	orString(&c.API.KeyStatus, "SUCCESS")
	orString(&c.API.TimeLayout, "2006-01-02T15:04:05.000Z")
	orString(&c.Delivery.RetryRequestType, "RETRY")
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
