package cybs

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"time"
)

// StoredKey is what Cybersource says about something that was stored there. The secret, which some answers repeat, is
// not part of it.
type StoredKey struct {
	// KeyID is Cybersource's id of it. The specification's answer to a certificate has none, so it may be empty.
	KeyID string
	// ClientKeyID is the client id of OAuth credentials.
	ClientKeyID    string
	KeyType        string
	Status         string // active, in any case of letters
	OrganizationID string
	// ExpiresAt is zero when the answer did not say; of a certificate it is its own end.
	ExpiresAt time.Time
	CreatedAt time.Time
}

func (r keyResponse) storedKey(organizationID string) *StoredKey {
	return &StoredKey{
		KeyID: string(r.Key.KeyID), ClientKeyID: string(r.Key.ClientKeyID), KeyType: string(r.Key.KeyType),
		Status: string(r.Key.Status), OrganizationID: firstOf(string(r.Key.OrganizationID), organizationID),
		ExpiresAt: r.Key.ExpirationDate.Time, CreatedAt: r.SubmitTime.Time,
	}
}

// OAuthCredentials are what Cybersource shall present at the token endpoint of the receiver. They print without the
// secret.
type OAuthCredentials struct {
	ClientID string
	// ClientSecret is the secret's own text, which need not be base64.
	ClientSecret Secret
}

// String describes the credentials without their secret.
func (o OAuthCredentials) String() string {
	return fmt.Sprintf("{client:%s secret:%s}", o.ClientID, redacted)
}

// GoString describes the credentials without their secret.
func (o OAuthCredentials) GoString() string { return "cybs.OAuthCredentials" + o.String() }

// Format describes the credentials without their secret, for every verb.
func (o OAuthCredentials) Format(f fmt.State, _ rune) { writeText(f, o.String()) }

// LogValue describes the credentials without their secret.
func (o OAuthCredentials) LogValue() slog.Value {
	return slog.GroupValue(slog.String("client_id", o.ClientID))
}

// StoreOAuthCredentials gives Cybersource the client credentials with which it shall fetch tokens for deliveries (POST
// /kms/egress/v2/keys-sym, STORE). The KeyID of the answer goes into the OAuthConfig of a subscription, where an
// organization has several. Which of provider and tenant is the organization is a matter of [Dialect].
func (c *Client) StoreOAuthCredentials(ctx context.Context, organizationID string, credentials OAuthCredentials, opts KeyOptions) (*StoredKey, error) {
	err := opts.validate(organizationID)
	if err == nil && (credentials.ClientID == "" || len(credentials.ClientSecret) == 0) {
		err = fmt.Errorf("%w: client id or client secret is missing", ErrInvalidArgument)
	}
	if err != nil {
		return nil, fmt.Errorf("store OAuth credentials: %w", err)
	}
	r, err := c.saveKey(ctx, symmetricKeys, acceptHAL, opts, c.credentialsRequest(organizationID, credentials))
	if err == nil && r.Key.KeyID == "" {
		err = fmt.Errorf("%w: the credentials have no id", ErrMalformedResponse)
	}
	if err != nil {
		return nil, fmt.Errorf("store OAuth credentials of %s: %w", organizationID, err)
	}
	return r.storedKey(organizationID), nil
}

// StoreMLECertificate gives Cybersource the certificate to which it shall encrypt notifications (POST
// /kms/egress/v2/keys-asym, STORE); see [NewMLECertificate]. Only the certificate is sent, never the private key. It
// refuses one outside its validity with ErrCertificateExpired or ErrCertificateNotYetValid. Cybersource refuses a
// validity that it finds too long with ErrValidityTooLong: 90 days are then known to work.
func (c *Client) StoreMLECertificate(ctx context.Context, organizationID string, certificate *Certificate, opts KeyOptions) (*StoredKey, error) {
	err := opts.validate(organizationID)
	switch {
	case err != nil:
	case certificate == nil:
		err = fmt.Errorf("%w: the certificate is missing", ErrInvalidArgument)
	default:
		err = certificate.CheckValidity(c.now())
	}
	if err != nil {
		return nil, fmt.Errorf("store MLE certificate: %w", err)
	}
	r, err := c.saveKey(ctx, asymmetricKeys, acceptJSON, opts, c.certificateRequest(organizationID, base64.StdEncoding.EncodeToString(certificate.DER())))
	if err != nil {
		return nil, fmt.Errorf("store MLE certificate of %s: %w", organizationID, err)
	}
	return r.storedKey(organizationID), nil
}

func (c *Client) credentialsRequest(organizationID string, credentials OAuthCredentials) keyRequest {
	provider, tenant := c.dialect.storeOrder(organizationID)
	return keyRequest{Action: "STORE", Key: keyInformation{
		Provider: provider, Tenant: tenant, KeyType: "oAuthClientCredentials", ClientKeyID: credentials.ClientID,
		Key: string(credentials.ClientSecret), OrganizationID: organizationID,
	}}
}

func (c *Client) certificateRequest(organizationID, public string) keyRequest {
	provider, tenant := c.dialect.storeOrder(organizationID)
	return keyRequest{Action: "STORE", Key: keyInformation{
		Provider: provider, Tenant: tenant, KeyType: "publickey", OrganizationID: organizationID, Public: public,
	}}
}
