package sandbox

import (
	"crypto/rsa"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
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
	// SuspendWithoutFlag suspends on a failed ping whatever deactivateFlag says, as
	// the plain wording of the status table has it.
	SuspendWithoutFlag bool
	// Sign puts a v-c-signature over the empty body on pings, for organizations that
	// have a key. Whether Cybersource does is not published.
	Sign bool
}

// DeliveryConfig holds the decisions on notifications.
type DeliveryConfig struct {
	// AnySuccess counts every 2xx as delivered and healthy, not 200 alone.
	AnySuccess bool
	// Variants overrides which bytes are signed, by product id. See VariantOf.
	Variants map[string]cybs.Variant
	// ArrayPayload lists product ids whose payload is a one-element array.
	// SetArrayPayload does so for one subscription.
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
	// ReplayRequestType is the requestType of replayed notifications, which nobody
	// published either. Empty: REPLAY.
	ReplayRequestType string
	// FirstTimestamp signs retries with the time of the first attempt in place of
	// their own, as the wording of the guide can be read.
	FirstTimestamp bool
	// SlowSendTime is how long FaultSlowSender takes for its body. Not scaled. 0: 5
	// seconds.
	SlowSendTime time.Duration
}

// OAuthConfig holds the decisions on tokens for receivers, of which Cybersource
// publishes little more than the form post.
type OAuthConfig struct {
	// Basic sends client id and secret in an Authorization header, not in the form.
	Basic bool
	// WithoutAssertion asks with the client's secret under oAuth_JWT, too. False: with
	// a signed JWT (RFC 7523) made of the subscription's additionalConfig.
	WithoutAssertion bool
	// AssertionKey signs those JWTs where the organization stored no private key of
	// its own under the keyId in question. Nil: one is made, and kept in the state.
	AssertionKey *rsa.PrivateKey
	// Pings sends the token with health pings, too.
	Pings bool
	// ExpiryUnit is the unit of oAuthTokenExpiry, which counts when the token's own
	// answer has no expires_in. 0: a second. The documents give no unit.
	ExpiryUnit time.Duration
	// WithoutRefresh takes a 401 for an answer like any other. False: a fresh token is
	// asked for and the request repeated once.
	WithoutRefresh bool
}

// MLEConfig holds the decisions on message-level encryption of notifications.
type MLEConfig struct {
	// Policy says when the events below are encrypted.
	Policy MLEPolicy
	// Events lists event types and product ids that are encrypted. Nil: those for
	// which the guide requires it.
	Events []string
	// Form is how the encrypted text stands in the body.
	Form MLEForm
	// OAEP1 wraps content keys with RSA-OAEP (SHA-1) in place of RSA-OAEP-256.
	OAEP1 bool
	// WithoutKeyID leaves kid out of the JWE header.
	WithoutKeyID bool
	// SubjectKeyID puts the serialNumber of the certificate's subject in kid, as the
	// platform's own encryption does, in place of the id from keys-asym.
	SubjectKeyID bool
	// MaxValidity refuses certificates that are valid for longer. There is a real
	// limit, above 90 days, that is not published. 0: none.
	MaxValidity time.Duration
	// RefuseExpired refuses certificates that have ended or not begun. A published
	// answer shows one being accepted.
	RefuseExpired bool
}

// MLEPolicy says which organizations get encrypted notifications.
type MLEPolicy string

const (
	// MLEWithCertificate encrypts for organizations that have stored a certificate;
	// others get plain text, as was seen of one in production.
	MLEWithCertificate MLEPolicy = ""
	// MLERequired sends no plain text: without a certificate there is no delivery.
	MLERequired MLEPolicy = "required"
	// MLEOff encrypts nothing.
	MLEOff MLEPolicy = "off"
)

// MLEForm is the place of the JWE in the body of a notification. None is
// published; receivers were seen to read each of these.
type MLEForm string

const (
	// MLEEncData is {"encData": JWE of the whole envelope}.
	MLEEncData MLEForm = ""
	// MLECompact is the JWE of the whole envelope alone, no JSON.
	MLECompact MLEForm = "compact"
	// MLEEncryptedRequest is {"encryptedRequest": JWE of the whole envelope}.
	MLEEncryptedRequest MLEForm = "encryptedRequest"
	// MLEEncryptedPayload is {"encryptedPayload": JWE of the whole envelope}.
	MLEEncryptedPayload MLEForm = "encryptedPayload"
	// MLEEncryptedResponse is {"encryptedResponse": JWE of the whole envelope}.
	MLEEncryptedResponse MLEForm = "encryptedResponse"
	// MLENested is the plain envelope with the JWE of the payload as its payload.
	MLENested MLEForm = "payload"
)

// MLEForms lists all forms.
func MLEForms() []MLEForm {
	return []MLEForm{MLEEncData, MLECompact, MLEEncryptedRequest, MLEEncryptedPayload, MLEEncryptedResponse, MLENested}
}
