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

// clientWork is an organization with a client that has its credentials, and in whose name something is done.
type clientWork struct {
	client       *cybs.Client
	organization store.Organization
	audit        store.AuditEntry
}

// started is the audit row of something about to be done for the organization.
func (w clientWork) started(action, kind string) store.AuditEntry {
	e := w.audit
	e.Action, e.Outcome, e.OrganizationID, e.Before, e.After = action, store.OutcomeStarted, w.organization.ID, nil, nil
	e.ObjectKind, e.ObjectID, e.ObjectName = kind, "", w.organization.OrganizationID
	return e
}

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
func (s *Server) ensureMLEKey(ctx context.Context, w clientWork) error {
	keys, err := s.store.ListMLEKeys(ctx, w.organization.ID)
	if err != nil {
		return err
	}
	if _, ok := currentMLEKey(keys, s.now()); ok {
		return nil
	}
	return s.registerMLEKey(ctx, w)
}

// registerMLEKey makes a key pair with its certificate, keeps it, and then gives Cybersource the certificate: what is encrypted to it can
// be opened from the first one on. A certificate that an earlier try has left is used up first. The error may be a callError.
func (s *Server) registerMLEKey(ctx context.Context, w clientWork) error {
	auditID, err := s.store.InsertAudit(ctx, w.started("mle_key.create", "mle_key"))
	if err != nil {
		return err
	}
	key, keyID, err := s.giveCertificate(ctx, w)
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
func (s *Server) giveCertificate(ctx context.Context, w clientWork) (store.MLEKey, string, error) {
	keys, err := s.store.OpenMLEKeys(ctx)
	if err != nil {
		return store.MLEKey{}, "", err
	}
	own := make([]store.MLEKey, 0, len(keys))
	for _, k := range keys {
		if k.OrganizationID == w.organization.ID && len(k.PrivateKey) > 0 {
			own = append(own, k)
		}
	}
	key, ok := pendingMLEKey(own, s.now())
	if !ok {
		if key, err = s.makeMLEKey(ctx, w.organization, cybs.DefaultMLEValidity); err != nil {
			return store.MLEKey{}, "", err
		}
	}
	keyID, err := s.storeCertificate(ctx, w, key)
	if errors.Is(err, cybs.ErrValidityTooLong) {
		if key, err = s.makeMLEKey(ctx, w.organization, cybs.ShortMLEValidity); err != nil {
			return store.MLEKey{}, "", err
		}
		keyID, err = s.storeCertificate(ctx, w, key)
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

func (s *Server) storeCertificate(ctx context.Context, w clientWork, key store.MLEKey) (string, error) {
	certificate, err := cybs.ParseCertificate(certificatePEM(key.Certificate), key.PrivateKey)
	if err != nil {
		return "", fmt.Errorf("read MLE certificate %s: %w", key.Serial, err)
	}
	days := int(key.NotAfter.Sub(s.now()) / (24 * time.Hour))
	stored, err := w.client.StoreMLECertificate(ctx, w.organization.OrganizationID, certificate, cybs.KeyOptions{ExpiryDays: max(days, 1)})
	if err != nil {
		return "", &callError{err}
	}
	return stored.KeyID, nil
}

// makeOAuthClient makes a client of our token server for a subscription and, where it proves itself by a secret, gives Cybersource that.
// The client counts from the first moment on. The error may be a callError, and ErrConflict when the client id is taken.
func (s *Server) makeOAuthClient(ctx context.Context, w clientWork, v *store.Subscription) error {
	auditID, err := s.store.InsertAudit(ctx, w.started("oauth_client.create", "oauth_client"))
	if err != nil {
		return err
	}
	wanted := store.OAuthClient{OrganizationID: w.organization.ID, SubscriptionID: v.ID, Method: store.ClientSecret}
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
	return s.giveSecret(ctx, w, v, oauthSecret{made.ID, cybs.Secret(secret)}, auditID)
}

// storeOAuthSecret gives Cybersource the credentials for an issuer of the operator's own.
func (s *Server) storeOAuthSecret(ctx context.Context, w clientWork, v *store.Subscription, secret cybs.Secret) error {
	auditID, err := s.store.InsertAudit(ctx, w.started("oauth_client.store", "oauth_client"))
	if err != nil {
		return err
	}
	return s.giveSecret(ctx, w, v, oauthSecret{0, secret}, auditID)
}

// oauthSecret is a client's secret, with the client's id at our token server; zero for one of another issuer.
type oauthSecret struct {
	ourID  int64
	secret cybs.Secret
}

// giveSecret stores client credentials at Cybersource and keeps the id that it gives them.
func (s *Server) giveSecret(ctx context.Context, w clientWork, v *store.Subscription, o oauthSecret, auditID int64) error {
	credentials := cybs.OAuthCredentials{ClientID: v.Policy.OAuth.ClientID, ClientSecret: o.secret}
	stored, err := w.client.StoreOAuthCredentials(ctx, w.organization.OrganizationID, credentials, cybs.KeyOptions{ExpiryDays: credentialDays})
	after, cancel := aftermath(ctx)
	defer cancel()
	if err != nil {
		s.finishAudit(after, auditID, err, callText(err))
		return &callError{err}
	}
	v.Policy.OAuth.KeyID = stored.KeyID
	if o.ourID != 0 {
		err = s.store.SetOAuthClientKey(after, o.ourID, stored.KeyID, stored.ExpiresAt)
	}
	s.finishAudit(after, auditID, err, "client "+v.Policy.OAuth.ClientID+", key id "+stored.KeyID)
	return err
}
