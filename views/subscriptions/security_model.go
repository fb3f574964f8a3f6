package subscriptions

import (
	"time"

	"github.com/a-h/templ"

	"github.com/switchboardhq/switchboard/views/ui"
)

// Names of the fields about security.
const (
	FieldSecurity    = "security"
	FieldTokenServer = "token_server"
	// The issuer of the operator's own.
	FieldTokenURL      = "token_url"
	FieldIssuer        = "issuer"
	FieldTokenAudience = "token_audience"
	FieldJWKSURL       = "jwks_url"
	FieldTokenScope    = "token_scope"
	FieldClientID      = "client_id"
	FieldClientSecret  = "client_secret"
	FieldStoredKeyID   = "stored_key_id"
	// What Cybersource's assertions say.
	FieldAssertionAudience    = "assertion_audience"
	FieldAssertionClient      = "assertion_client"
	FieldAssertionKey         = "assertion_key"
	FieldAssertionScope       = "assertion_scope"
	FieldAssertionCertificate = "assertion_certificate"

	FieldEncryption        = "encryption"
	FieldSources           = "sources"
	FieldClientCertificate = "client_certificate"
	FieldRejected          = "rejected"

	// IntentSources fills in Cybersource's addresses, IntentReview shows what would be sent.
	IntentSources = "sources"
	IntentReview  = "review"
)

// Answers of the questions about security.
const (
	EncryptionAsNeeded = "as-needed"
	EncryptionAlways   = "always"
)

// ReviewPartID is the id of the part that shows what is sent.
const ReviewPartID = "review"

// Security is the part of the form that asks how deliveries prove themselves. Which questions are seen depends on the
// answers given; all of them are in the form.
type Security struct {
	// Sandbox says that the sandbox's own addresses are filled in as well.
	Sandbox     bool
	Type        ui.Field
	TokenServer ui.Field
	// OwnTokens says where Cybersource fetches tokens when Switchboard is the token server.
	OwnTokens []ui.Pair

	TokenURL, Issuer, TokenAudience, JWKSURL, TokenScope ui.Field
	ClientID, ClientSecret, StoredKeyID                  ui.Field

	AssertionAudience, AssertionClient, AssertionKey, AssertionScope ui.Field
	AssertionCertificate                                             ui.Field

	Encryption ui.Field
	// EncryptionWarning says what is wrong with the answer; may be empty.
	EncryptionWarning string

	Sources           ui.Field
	ClientCertificate ui.Field
	// ClientCertificateReason says why none can be demanded; the box is disabled then.
	ClientCertificateReason string
	Rejected                ui.Field
}

// Review is what would be sent to Cybersource, in order.
type Review struct {
	Calls []ReviewCall
	// Note stands above the calls, or says why there are none.
	Note string
}

// ReviewCall is one of them.
type ReviewCall struct {
	Title, Request string
	JSON           string
	// Note explains what is left out.
	Note string
}

// SecurityTab says how deliveries of a subscription prove themselves, with the credentials for it.
type SecurityTab struct {
	Policy []ui.Pair
	// Notices explain what is accepted besides.
	Notices []Notice
	// Edit leads to the form.
	Edit ui.Action

	Clients    []Credential
	ClientNote string
	RotateClient,
	RotateCertificate,
	RotateKey ui.Action

	// Assertions are the certificates whose keys sign Cybersource's assertions; shown with oAuth_JWT.
	Assertions    []Credential
	AssertionNote string
	// ShowTokens is set where there is something to show about clients.
	ShowTokens, ShowAssertions bool

	Certificates    []Credential
	CertificateNote string
	Keys            []Credential
	KeyNote         string
}

// Credential is an OAuth client, a certificate or a key, without anything secret.
type Credential struct {
	ID   string
	Tone ui.Tone
	Word string
	// Facts are further texts: fingerprint, scope.
	Facts []ui.Pair
	Times []CredentialTime
	// Deeds are what can be done with it.
	Deeds []ui.Action
}

// CredentialTime is when something happened to a credential, or will.
type CredentialTime struct {
	Word string
	At   time.Time
}

// SecurityDeed asks before a credential is made, replaced or ended.
type SecurityDeed struct {
	Action, BackHref string
	Hidden           []ui.Pair
	// Happens lists what will happen, one sentence each.
	Happens []string
	Notices []Notice
	Confirm ui.Field
	Errors  []ui.FieldError
	Button  ui.Action
	Keep    string
}

// clientCertificate is disabled when none can be demanded.
func (s Security) clientCertificate() ui.Field {
	f := s.ClientCertificate
	if s.ClientCertificateReason != "" {
		f.Hint = s.ClientCertificateReason
		f.Attrs = templ.Attributes{"disabled": true}
	}
	return f
}

// presetLabel names what the button fills in.
func (s Security) presetLabel() string {
	if s.Sandbox {
		return "Add Cybersource’s and the sandbox’s addresses"
	}
	return "Add Cybersource’s two addresses"
}
