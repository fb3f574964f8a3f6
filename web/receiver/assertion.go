package receiver

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/switchboardhq/switchboard/store"
)

const (
	// assertionType says that client_assertion is a JWT (RFC 7523).
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	// clockLeeway is how far other clocks may be from ours.
	clockLeeway = time.Minute
	// maxAssertionLife bounds how long a used assertion must be remembered.
	maxAssertionLife = time.Hour
	maxTokenID       = 256 // bytes of a jti
	minRSABits       = 2048
)

// signatureAlgorithms returns those of tokens and assertions: with public keys, and never none.
func signatureAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
}

// assertionKey is a certificate whose key signs assertions.
type assertionKey struct {
	id          string // the kid; "": none is named
	certificate *x509.Certificate
}

// readClients reads the clients of our token server and the certificates of their assertions.
func (e *endpoints) readClients(ctx context.Context, next *table) error {
	clients, err := e.store.ListLivingOAuthClients(ctx)
	if err != nil {
		return fmt.Errorf("read OAuth clients: %w", err)
	}
	next.clients, next.clientsByName = make(map[int64]*store.OAuthClient, len(clients)), make(map[string]*store.OAuthClient, len(clients))
	for i := range clients {
		next.clients[clients[i].ID], next.clientsByName[clients[i].ClientID] = &clients[i], &clients[i]
	}
	certificates, err := e.store.ListAssertionCertificates(ctx, 0)
	if err != nil {
		return fmt.Errorf("read assertion certificates: %w", err)
	}
	next.assertions = make(map[int64][]assertionKey)
	for _, c := range certificates {
		parsed, err := x509.ParseCertificate(c.Certificate)
		if err != nil {
			e.log.Error("an assertion certificate cannot be read", "organization", c.OrganizationID, "certificate", c.ID, "err", err)
			continue
		}
		next.assertions[c.OrganizationID] = append(next.assertions[c.OrganizationID], assertionKey{c.KeyID, parsed})
	}
	return nil
}

// client returns the client of a token. ErrNotFound when it is retired; another replica may have made it just now.
func (e *endpoints) client(ctx context.Context, id int64) (*store.OAuthClient, error) {
	return e.clientAgain(ctx, func(t *table) *store.OAuthClient { return t.clients[id] })
}

// clientByName returns the client that calls itself so. ErrNotFound.
func (e *endpoints) clientByName(ctx context.Context, name string) (*store.OAuthClient, error) {
	return e.clientAgain(ctx, func(t *table) *store.OAuthClient { return t.clientsByName[name] })
}

func (e *endpoints) clientAgain(ctx context.Context, find func(*table) *store.OAuthClient) (*store.OAuthClient, error) {
	if c := find(e.current.Load()); c != nil {
		return c, nil
	}
	if err := e.lookAgain(ctx); err != nil {
		return nil, err
	}
	if c := find(e.current.Load()); c != nil {
		return c, nil
	}
	return nil, store.ErrNotFound
}

// assertionClaims are what an assertion says.
type assertionClaims struct{ jwt.Claims }

// assert identifies the client of an assertion and takes the assertion for used. Its error is a *tokenRefusal, or means that nobody can
// judge now.
func (r *Receiver) assert(ctx context.Context, text, clientID string, now time.Time) (*store.OAuthClient, error) {
	signed, err := jwt.ParseSigned(text, signatureAlgorithms())
	if err != nil || len(signed.Headers) != 1 {
		return nil, refuseClient("assertion_malformed")
	}
	var claimed assertionClaims
	if err := signed.UnsafeClaimsWithoutVerification(&claimed); err != nil || claimed.Issuer == "" {
		return nil, refuseClient("assertion_malformed")
	}
	client, err := r.endpoints.clientByName(ctx, claimed.Issuer)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, refuseClient("client_unknown")
	case err != nil:
		return nil, err
	case client.Method != store.ClientAssertion || clientID != "" && clientID != client.ClientID:
		return nil, refuseClient("client_mismatch")
	case !client.Living(now):
		return nil, refuseClient("client_retired")
	}
	claims, err := r.verifyAssertion(signed, client, now)
	if err != nil {
		return nil, err
	}
	if refusal := r.judgeAssertion(claims, client, now); refusal != nil {
		return nil, refusal
	}
	err = r.store.UseAssertion(ctx, client.ID, claims.ID, claims.Expiry.Time().Add(clockLeeway))
	if errors.Is(err, store.ErrConflict) {
		return nil, refuseClient("assertion_replayed")
	}
	return client, err
}

// verifyAssertion returns the claims once one of the organization's certificates has proved them.
func (r *Receiver) verifyAssertion(signed *jwt.JSONWebToken, client *store.OAuthClient, now time.Time) (*assertionClaims, error) {
	kid := signed.Headers[0].KeyID
	keys := slices.Clone(r.endpoints.current.Load().assertions[client.OrganizationID])
	keys = slices.DeleteFunc(keys, func(k assertionKey) bool { return k.id != kid && k.id != "" })
	if len(keys) == 0 {
		return nil, refuseClient("assertion_key_unknown")
	}
	reason := "assertion_signature"
	for _, k := range keys {
		var claims assertionClaims
		if weak(k.certificate.PublicKey) || signed.Claims(k.certificate.PublicKey, &claims) != nil {
			continue
		}
		if now.Before(k.certificate.NotBefore) || now.After(k.certificate.NotAfter) {
			reason = "assertion_certificate_expired"
			continue
		}
		return &claims, nil
	}
	return nil, refuseClient(reason)
}

func weak(public any) bool {
	key, ok := public.(*rsa.PublicKey)
	return ok && key.N.BitLen() < minRSABits
}

// judgeAssertion checks what a genuine assertion says.
func (r *Receiver) judgeAssertion(c *assertionClaims, client *store.OAuthClient, now time.Time) *tokenRefusal {
	audience := client.Audience
	if audience == "" && r.cfg.PublicURL != "" {
		audience = TokenURL(r.cfg.PublicURL)
	}
	switch {
	case c.Issuer != client.ClientID || c.Subject != client.ClientID:
		return refuseClient("assertion_subject")
	case audience == "" || !c.Audience.Contains(audience):
		return refuseClient("assertion_audience")
	case c.Expiry == nil || !now.Add(-clockLeeway).Before(c.Expiry.Time()):
		return refuseClient("assertion_expired")
	case c.Expiry.Time().After(now.Add(maxAssertionLife)):
		return refuseClient("assertion_too_long")
	case c.NotBefore != nil && c.NotBefore.Time().After(now.Add(clockLeeway)), c.IssuedAt != nil && c.IssuedAt.Time().After(now.Add(clockLeeway)):
		return refuseClient("assertion_future")
	case c.ID == "" || len(c.ID) > maxTokenID:
		return refuseClient("assertion_id")
	}
	return nil
}
