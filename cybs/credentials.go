package cybs

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// redacted stands wherever a secret would have been printed.
const redacted = "[redacted]"

// ErrNotBase64 means: a secret is not the canonical, padded base64 in which Cybersource hands secrets out.
var ErrNotBase64 = errors.New("not standard base64")

// Secret holds the decoded bytes of a shared secret or of a digital signature key. It prints as "[redacted]" through
// every verb of fmt, encoding/json, encoding.TextMarshaler and log/slog; [Secret.Base64] is the one way to its text.
// Package fmt calls no methods on unexported fields of a struct, so there keep it behind a pointer.
type Secret []byte

// ParseSecret decodes the standard base64 text in which Cybersource hands out secrets. White space around it is
// ignored; anything else that is not canonical, padded base64 is refused, as the official SDK does, because a secret
// that was cut short while copying would otherwise only show as failed authentication. The error is ErrNotBase64, without the
// text.
func ParseSecret(text string) (Secret, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, fmt.Errorf("parse secret: %w: it is empty", ErrNotBase64)
	}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("parse secret: %w", ErrNotBase64) // the cause would quote bytes of it
	}
	return b, nil
}

// Base64 returns the secret in the clear, as [ParseSecret] reads it. It exists for sealing and for sending.
func (s Secret) Base64() string { return base64.StdEncoding.EncodeToString(s) }

// String returns "[redacted]".
func (s Secret) String() string { return redacted }

// GoString returns "[redacted]".
func (s Secret) GoString() string { return redacted }

// Format writes "[redacted]" for every verb, also for those that would print a byte slice's numbers.
func (s Secret) Format(f fmt.State, _ rune) { writeText(f, redacted) }

// LogValue returns "[redacted]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON returns "[redacted]" as a JSON string; a Secret cannot be stored by encoding it.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns "[redacted]".
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Scheme is a way to authenticate requests.
type Scheme string

// The schemes of the official SDKs. The empty Scheme means JWTSharedSecret.
const (
	// HTTPSignature signs host, date, request target, digest and merchant with the shared secret. Cybersource calls it
	// deprecated and has announced its end twice, so it is not the default.
	HTTPSignature Scheme = "http-signature"
	// JWTSharedSecret sends a JSON Web Token of version 2, signed by HMAC-SHA256 with the same shared secret.
	JWTSharedSecret Scheme = "jwt-shared-secret" //nolint:gosec // the name of a scheme, no credential
	// JWTP12 sends a JSON Web Token of version 2, signed by RS256 with the private key of a certificate.
	JWTP12 Scheme = "jwt-p12"
	// JWTP12V1 sends the token of SDKs before February 2026: it carries the certificate and binds nothing but the body.
	JWTP12V1 Scheme = "jwt-p12-v1"
)

// Credentials say who calls and how that is proved. They print without the secret, however they are printed.
type Credentials struct {
	// Scheme chooses the authentication; empty means JWTSharedSecret.
	Scheme Scheme
	// OrganizationID is the organization whose webhooks are managed. The client does not send it by itself; it is the
	// MerchantID where that is empty.
	OrganizationID string
	// MerchantID is the transacting merchant, sent as v-c-merchant-id.
	MerchantID string
	// PortfolioID is the owner of a meta key, empty for a key of the merchant's own. With HTTP Signature the portfolio
	// is signed as v-c-merchant-id while the header carries the merchant; with a JWT it is the issuer.
	PortfolioID string
	// KeyID is the id of the shared secret. With a certificate it overrides the id in its subject, and may be empty.
	KeyID string
	// Secret is the decoded shared secret; unused with a certificate.
	Secret Secret
	// Certificate signs for JWTP12 and JWTP12V1, and is nil otherwise.
	Certificate *Certificate
}

// merchant is the transacting merchant.
func (c Credentials) merchant() string {
	if c.MerchantID != "" {
		return c.MerchantID
	}
	return c.OrganizationID
}

// keyOwner is the merchant or portfolio to which the key belongs.
func (c Credentials) keyOwner() string {
	if c.PortfolioID != "" {
		return c.PortfolioID
	}
	return c.merchant()
}

// String describes the credentials without their secret.
func (c Credentials) String() string {
	return fmt.Sprintf("{scheme:%s organization:%s merchant:%s portfolio:%s key:%s secret:%s}",
		c.Scheme, c.OrganizationID, c.MerchantID, c.PortfolioID, c.KeyID, redacted)
}

// GoString describes the credentials without their secret.
func (c Credentials) GoString() string { return "cybs.Credentials" + c.String() }

// Format describes the credentials without their secret, for every verb.
func (c Credentials) Format(f fmt.State, _ rune) { writeText(f, c.String()) }

// LogValue describes the credentials without their secret.
func (c Credentials) LogValue() slog.Value {
	return slog.GroupValue(slog.String("scheme", string(c.Scheme)), slog.String("organization", c.OrganizationID),
		slog.String("merchant", c.MerchantID), slog.String("portfolio", c.PortfolioID), slog.String("key_id", c.KeyID))
}

// writeText is for Format methods, which have nowhere to report an error to.
func writeText(f fmt.State, s string) {
	_, _ = f.Write([]byte(s)) // fmt's own buffer: it does not fail
}
