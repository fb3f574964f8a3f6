package web

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
)

const (
	// credentialDays is the life of OAuth credentials at Cybersource: its guide's figure.
	credentialDays = 365
	// certificateBegins lets Cybersource's clock be behind ours.
	certificateBegins = time.Hour
	// certificateTooOld is how near its end a certificate may be and still be given to Cybersource.
	certificateTooOld = 7 * 24 * time.Hour
)

// currentMLEKey is the certificate that Cybersource encrypts to, as far as is known here.
func currentMLEKey(keys []store.MLEKey, now time.Time) (store.MLEKey, bool) {
	for _, k := range keys {
		if !k.RegisteredAt.IsZero() && k.ReplacedAt.IsZero() && livingKey(k, now) && now.Before(k.NotAfter) {
			return k, true
		}
	}
	return store.MLEKey{}, false
}

// pendingMLEKey is a certificate that was made here and of which Cybersource has not confirmed that it has it.
func pendingMLEKey(keys []store.MLEKey, now time.Time) (store.MLEKey, bool) {
	for _, k := range keys {
		if k.RegisteredAt.IsZero() && livingKey(k, now) && now.Add(certificateTooOld).Before(k.NotAfter) {
			return k, true
		}
	}
	return store.MLEKey{}, false
}

func livingKey(k store.MLEKey, now time.Time) bool {
	return k.RetiredAt.IsZero() || now.Before(k.RetiredAt)
}

// ensureMLEKey has Cybersource keep a certificate of ours when it has none that is valid.
func (s *Server) ensureMLEKey(ctx context.Context, client *cybs.Client, o store.Organization, audit store.AuditEntry) error {
	keys, err := s.store.ListMLEKeys(ctx, o.ID)
	if err != nil {
		return err
	}
	if _, ok := currentMLEKey(keys, s.now()); ok {
		return nil
	}
	return s.registerMLEKey(ctx, client, o, audit)
}

// registerMLEKey makes a key pair with its certificate, keeps it, and then gives Cybersource the certificate: what is encrypted to it can
// be opened from the first one on. A certificate that an earlier try has left is used up first. The error may be a callError.
func (s *Server) registerMLEKey(ctx context.Context, client *cybs.Client, o store.Organization, audit store.AuditEntry) error {
	audit.Action, audit.Outcome = "mle_key.create", store.OutcomeStarted
	audit.ObjectKind, audit.ObjectID, audit.ObjectName, audit.OrganizationID = "mle_key", "", o.OrganizationID, o.ID
	audit.Before, audit.After = nil, nil
	auditID, err := s.store.InsertAudit(ctx, audit)
	if err != nil {
		return err
	}
	key, keyID, err := s.giveCertificate(ctx, client, o)
	after, cancel := aftermath(ctx)
	defer cancel()
	if err != nil {
		s.finishAudit(after, auditID, err, callText(err))
		return err
	}
	err = s.store.RegisterMLEKey(after, key.ID, keyID)
	s.finishAudit(after, auditID, err, "certificate "+key.Serial+", key id "+firstOf(keyID, "not told"))
	return err
}

// giveCertificate gives Cybersource the certificate that waits for it, or a new one.
func (s *Server) giveCertificate(ctx context.Context, client *cybs.Client, o store.Organization) (store.MLEKey, string, error) {
	keys, err := s.store.OpenMLEKeys(ctx)
	if err != nil {
		return store.MLEKey{}, "", err
	}
	own := make([]store.MLEKey, 0, len(keys))
	for _, k := range keys {
		if k.OrganizationID == o.ID && len(k.PrivateKey) > 0 {
			own = append(own, k)
		}
	}
	key, ok := pendingMLEKey(own, s.now())
	if !ok {
		if key, err = s.makeMLEKey(ctx, o, cybs.DefaultMLEValidity); err != nil {
			return store.MLEKey{}, "", err
		}
	}
	keyID, err := s.storeCertificate(ctx, client, o, key)
	if errors.Is(err, cybs.ErrValidityTooLong) {
		if key, err = s.makeMLEKey(ctx, o, cybs.ShortMLEValidity); err != nil {
			return store.MLEKey{}, "", err
		}
		keyID, err = s.storeCertificate(ctx, client, o, key)
	}
	return key, keyID, err
}

// makeMLEKey makes a key pair and its certificate, and keeps both, the key sealed.
func (s *Server) makeMLEKey(ctx context.Context, o store.Organization, validity time.Duration) (store.MLEKey, error) {
	certificate, err := cybs.NewMLECertificate(cybs.MLECertificateOptions{
		CommonName: firstOf(o.KeyID, o.OrganizationID), OrganizationID: o.OrganizationID, Validity: validity, NotBefore: s.now().Add(-certificateBegins),
	})
	if err != nil {
		return store.MLEKey{}, err
	}
	private, err := certificate.PrivateKeyPEM()
	if err != nil {
		return store.MLEKey{}, err
	}
	key, err := s.store.InsertMLEKey(ctx, store.MLEKey{OrganizationID: o.ID, Certificate: certificate.DER(), PrivateKey: store.Secret(private)})
	key.PrivateKey = store.Secret(private)
	return key, err
}

func (s *Server) storeCertificate(ctx context.Context, client *cybs.Client, o store.Organization, key store.MLEKey) (string, error) {
	certificate, err := cybs.ParseCertificate(certificatePEM(key.Certificate), key.PrivateKey)
	if err != nil {
		return "", fmt.Errorf("read MLE certificate %s: %w", key.Serial, err)
	}
	days := int(key.NotAfter.Sub(s.now()) / (24 * time.Hour))
	stored, err := client.StoreMLECertificate(ctx, o.OrganizationID, certificate, cybs.KeyOptions{ExpiryDays: max(days, 1)})
	if err != nil {
		return "", &callError{err}
	}
	return stored.KeyID, nil
}

// makeOAuthClient makes a client of our token server for a subscription and, where it proves itself by a secret, gives Cybersource that.
// The client counts from the first moment on. The error may be a callError, and ErrConflict when the client id is taken.
func (s *Server) makeOAuthClient(ctx context.Context, client *cybs.Client, o store.Organization, v *store.Subscription, audit store.AuditEntry) error {
	auditID, err := s.startClientAudit(ctx, o, "oauth_client.create", audit)
	if err != nil {
		return err
	}
	wanted := store.OAuthClient{OrganizationID: o.ID, SubscriptionID: v.ID, Method: store.ClientSecret}
	if v.SecurityType == store.SecurityOAuthJWT {
		wanted.Method, wanted.ClientID = store.ClientAssertion, v.Policy.OAuth.ClientID
		wanted.Audience, wanted.Scope = v.Policy.OAuth.Audience, v.Policy.OAuth.Scope
	}
	made, secret, err := s.store.InsertOAuthClient(ctx, wanted)
	if err != nil {
		s.finishAudit(ctx, auditID, err, "")
		return err
	}
	v.Policy.OAuth.ClientID, v.Policy.OAuth.KeyID = made.ClientID, ""
	if made.Method == store.ClientAssertion {
		s.finishAudit(ctx, auditID, nil, "client "+made.ClientID)
		return nil
	}
	return s.giveSecret(ctx, client, o, v, made.ID, cybs.Secret(secret), auditID)
}

// storeOAuthSecret gives Cybersource the credentials for an issuer of the operator's own.
func (s *Server) storeOAuthSecret(ctx context.Context, client *cybs.Client, o store.Organization, v *store.Subscription, secret cybs.Secret, audit store.AuditEntry) error {
	auditID, err := s.startClientAudit(ctx, o, "oauth_client.store", audit)
	if err != nil {
		return err
	}
	return s.giveSecret(ctx, client, o, v, 0, secret, auditID)
}

func (s *Server) startClientAudit(ctx context.Context, o store.Organization, action string, audit store.AuditEntry) (int64, error) {
	audit.Action, audit.Outcome, audit.OrganizationID = action, store.OutcomeStarted, o.ID
	audit.ObjectKind, audit.ObjectID, audit.ObjectName = "oauth_client", "", o.OrganizationID
	audit.Before, audit.After = nil, nil
	return s.store.InsertAudit(ctx, audit)
}

// giveSecret stores client credentials at Cybersource and keeps the id that it gives them. ourID is the client's at our token server, zero for
// one of another issuer.
func (s *Server) giveSecret(ctx context.Context, client *cybs.Client, o store.Organization, v *store.Subscription, ourID int64, secret cybs.Secret, auditID int64) error {
	stored, err := client.StoreOAuthCredentials(ctx, o.OrganizationID, cybs.OAuthCredentials{ClientID: v.Policy.OAuth.ClientID, ClientSecret: secret}, cybs.KeyOptions{ExpiryDays: credentialDays})
	after, cancel := aftermath(ctx)
	defer cancel()
	if err != nil {
		s.finishAudit(after, auditID, err, callText(err))
		return &callError{err}
	}
	v.Policy.OAuth.KeyID = stored.KeyID
	if ourID != 0 {
		err = s.store.SetOAuthClientKey(after, ourID, stored.KeyID, stored.ExpiresAt)
	}
	s.finishAudit(after, auditID, err, "client "+v.Policy.OAuth.ClientID+", key id "+stored.KeyID)
	return err
}
