package sandbox

import (
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

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
	// WithoutHTTPSignature refuses HTTP Signature, as Cybersource has announced for a
	// date that moved from September 2026 to March 2027.
	WithoutHTTPSignature bool
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
	// KeyState is the status of a new key itself. Empty: active; Active was seen, too.
	KeyState string
	// KeyTimeLayout formats the times of key answers. Empty: 2006-01-02T15:04:05Z; the
	// guide prints 2006-01-02T15:04:05+0000.
	KeyTimeLayout string
	// KeyTenancy says which order of provider and tenant key calls must have.
	KeyTenancy KeyTenancy
	// RetryPolicyText answers the numbers and booleans of retryPolicy as strings.
	RetryPolicyText bool
	// IgnorePatchedRetryPolicy leaves retryPolicy alone on PATCH, as the spec's
	// model implies; the guide allows it.
	IgnorePatchedRetryPolicy bool
	// FlatProducts shows a subscription of one product with productId and eventTypes
	// at the top, as many published answers do, in place of products.
	FlatProducts bool
	// LowerCaseURLs answers URLs in lower case, as one published answer has them.
	LowerCaseURLs bool
	// RequireDescription refuses a create without description, which the guide's
	// field list demands and the spec does not.
	RequireDescription bool
	// RequireOAuthDetails refuses oAuth subscriptions without oAuthTokenExpiry, and
	// oAuth_JWT ones without all of additionalConfig, as the guide's field list
	// demands and the spec does not.
	RequireOAuthDetails bool
	// TimeLayout formats createdOn and updatedOn. Empty: 2006-01-02T15:04:05.000Z.
	TimeLayout string
	// OfferUnpublished lists products and events that were seen but are not in the
	// current guide, too. They can be emitted either way.
	OfferUnpublished bool
	// WithoutV1 answers the version 1 subscription calls with 404. The test call,
	// which exists only as version 1, stays.
	WithoutV1 bool
	// OfferReplay answers the withdrawn replay call in its old form. False: 404, as
	// today.
	OfferReplay bool
	// PlatformCertificate plays Cybersource's own certificate, CyberSource_SJC_US, with
	// its private key: requests may be encrypted to it, and answers are encrypted to
	// those who ask for that. Nil: encrypted requests are a 400 like other nonsense.
	PlatformCertificate *cybs.Certificate
	// ReplayBusyStatusCode answers a replay while one of the same caller runs. 0: 409.
	ReplayBusyStatusCode int
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
