package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// How a client proves itself at our token server.
const (
	ClientSecret    = "secret"    // with the secret that Cybersource was given (oAuth)
	ClientAssertion = "assertion" // with a signed JWT (oAuth_JWT)
)

// TokenLife is how long a token of our token server is good for. Cybersource keeps tokens as long as it was told.
const TokenLife = 5 * time.Minute

// OAuthClient is a client of our token server: Cybersource, on behalf of an organization.
type OAuthClient struct {
	ID             int64
	OrganizationID int64
	SubscriptionID int64  // its tokens are good for this subscription alone; zero: for every one of the organization
	ClientID       string // what it calls itself; of an assertion its issuer and subject
	Method         string // ClientSecret or ClientAssertion
	Audience       string // what assertions must be addressed to; "": the token server's URL
	Scope          string // words that it may ask for, separated by spaces; "": none
	KeyID          string // Cybersource's id of the stored credentials; "" while not stored
	CreatedAt      time.Time
	ExpiresAt      time.Time // of the credentials at Cybersource; zero: not told
	LastUsedAt     time.Time // zero: never
	RetiredAt      time.Time // from then on it gets no tokens and its tokens do not count; it may lie ahead. Zero: not retired
	secretHash     []byte
}

// Living reports whether the client counts at that time.
func (c OAuthClient) Living(now time.Time) bool {
	return c.RetiredAt.IsZero() || now.Before(c.RetiredAt)
}

// SecretMatches compares in constant time.
func (c OAuthClient) SecretMatches(secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	return c.Method == ClientSecret && subtle.ConstantTimeCompare(sum[:], c.secretHash) == 1
}

const oauthClientColumns = `id, organization_id, coalesce(subscription_id, 0), client_id, method, audience, scope, key_id, created_at, coalesce(expires_at, 'epoch'),
	coalesce(last_used_at, 'epoch'), coalesce(retired_at, 'epoch'), secret_hash`

func scanOAuthClient(row pgx.CollectableRow) (c OAuthClient, err error) {
	err = row.Scan(&c.ID, &c.OrganizationID, &c.SubscriptionID, &c.ClientID, &c.Method, &c.Audience, &c.Scope, &c.KeyID, &c.CreatedAt, &c.ExpiresAt, &c.LastUsedAt, &c.RetiredAt, &c.secretHash)
	c.ExpiresAt, c.LastUsedAt, c.RetiredAt = epochIsZero(c.ExpiresAt), epochIsZero(c.LastUsedAt), epochIsZero(c.RetiredAt)
	return c, err
}

// InsertOAuthClient adds a client, which counts at once: before Cybersource hears of it. An empty ClientID gets a random one. Under
// ClientSecret it returns the secret, which is kept nowhere: who loses it makes another client. ErrConflict when the client id is taken.
func (s *Store) InsertOAuthClient(ctx context.Context, c OAuthClient) (OAuthClient, Secret, error) {
	if c.ClientID == "" {
		c.ClientID = "switchboard-" + randomText(12)
	}
	var secret Secret
	if c.Method == ClientSecret {
		secret = Secret(randomText(32))
		sum := sha256.Sum256(secret)
		c.secretHash = sum[:]
	}
	var made OAuthClient
	err := s.InTx(ctx, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `INSERT INTO oauth_clients (organization_id, subscription_id, client_id, method, secret_hash, audience, scope, key_id, created_at, expires_at)
			VALUES ($1, nullif($2::bigint, 0), $3, $4, $5, $6, $7, $8, $9, $10) RETURNING `+oauthClientColumns,
			c.OrganizationID, c.SubscriptionID, c.ClientID, c.Method, c.secretHash, c.Audience, c.Scope, c.KeyID, s.now(), zeroIsNull(c.ExpiresAt))
		var err error
		if made, err = pgx.CollectExactlyOneRow(rows, scanOAuthClient); err != nil {
			return mapError("insert OAuth client", err)
		}
		return notify(ctx, tx, TopicKeys, c.OrganizationID)
	})
	if err != nil {
		return OAuthClient{}, nil, err
	}
	return made, secret, nil
}

func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // crypto/rand.Read never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b)
}

// SetOAuthClientKey keeps what Cybersource answered when it stored a client's credentials. ErrNotFound.
func (s *Store) SetOAuthClientKey(ctx context.Context, id int64, keyID string, expiresAt time.Time) error {
	tag, err := s.pool.Exec(ctx, "UPDATE oauth_clients SET key_id = $2, expires_at = $3 WHERE id = $1", id, keyID, zeroIsNull(expiresAt))
	if err != nil {
		return mapError(fmt.Sprintf("keep key id of OAuth client %d", id), err)
	}
	return needOne(tag.RowsAffected(), "keep key id of OAuth client", id)
}

// RetireOAuthClient ends a client at that time, which may lie ahead, with its audit row. ErrNotFound when it does not exist or is retired already by then.
func (s *Store) RetireOAuthClient(ctx context.Context, id int64, at time.Time, audit AuditEntry) error {
	return s.InTx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, "UPDATE oauth_clients SET retired_at = $2 WHERE id = $1 AND (retired_at IS NULL OR retired_at > $2) RETURNING organization_id, client_id", id, at).
			Scan(&audit.OrganizationID, &audit.ObjectName)
		if err != nil {
			return mapError(fmt.Sprintf("retire OAuth client %d", id), err)
		}
		audit.ObjectKind, audit.ObjectID = "oauth_client", fmt.Sprint(id)
		if _, err := insertAudit(ctx, tx, audit, s.now()); err != nil {
			return err
		}
		return notify(ctx, tx, TopicKeys, audit.OrganizationID)
	})
}

// GetOAuthClient returns a client by our id. ErrNotFound.
func (s *Store) GetOAuthClient(ctx context.Context, id int64) (OAuthClient, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+oauthClientColumns+" FROM oauth_clients WHERE id = $1", id)
	c, err := pgx.CollectExactlyOneRow(rows, scanOAuthClient)
	return c, mapError(fmt.Sprintf("get OAuth client %d", id), err)
}

// ListOAuthClients returns an organization's clients, newest first, retired ones included: at most 500.
func (s *Store) ListOAuthClients(ctx context.Context, organizationID int64) ([]OAuthClient, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+oauthClientColumns+" FROM oauth_clients WHERE organization_id = $1 ORDER BY id DESC LIMIT 500", organizationID)
	list, err := pgx.CollectRows(rows, scanOAuthClient)
	return list, mapError(fmt.Sprintf("list OAuth clients of organization %d", organizationID), err)
}

// ListLivingOAuthClients returns every client that is not retired yet, for the receiver's memory. At most 10,000.
func (s *Store) ListLivingOAuthClients(ctx context.Context) ([]OAuthClient, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+oauthClientColumns+" FROM oauth_clients WHERE retired_at IS NULL OR retired_at > $1 ORDER BY id DESC LIMIT 10000", s.now())
	list, err := pgx.CollectRows(rows, scanOAuthClient)
	return list, mapError("list living OAuth clients", err)
}

// MarkOAuthClientUsed notes that a client got a token; once a minute is enough.
func (s *Store) MarkOAuthClientUsed(ctx context.Context, id int64) error {
	now := s.now()
	_, err := s.pool.Exec(ctx, "UPDATE oauth_clients SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $3)", id, now, now.Add(-time.Minute))
	return mapError(fmt.Sprintf("note use of OAuth client %d", id), err)
}

// TokenKeys are the keys that sign the tokens of our token server: the newest signs, the others verify too. They follow from the encryption
// keys, so that every replica has the same ones and nothing needs to be kept.
func (s *Store) TokenKeys() []Secret { return s.sealer.tokenKeys }
