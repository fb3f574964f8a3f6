package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// SignatureKey is a digital signature key, by which Cybersource signs notifications of an organization (reference §2).
type SignatureKey struct {
	ID             int64
	OrganizationID int64
	KeyID          string // Cybersource's id, named by every signature
	Key            Secret // decoded; only set by InsertSignatureKey's caller and SignatureKeys
	CreatedAt      time.Time
	ExpiresAt      time.Time // zero: not told
	ReplacedAt     time.Time // zero: the organization's current key
}

// InsertSignatureKey keeps a new key sealed and marks the organization's former one as replaced, as Cybersource does (reference §2.3).
func (s *Store) InsertSignatureKey(ctx context.Context, k SignatureKey) (SignatureKey, error) {
	err := s.InTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE signature_keys SET replaced_at = $2 WHERE organization_id = $1 AND replaced_at IS NULL", k.OrganizationID, s.now()); err != nil {
			return mapError("replace signature key", err)
		}
		sealed := s.sealer.seal(sealSignature, signatureKeyPlace(k.OrganizationID, k.KeyID), k.Key)
		err := tx.QueryRow(ctx, `INSERT INTO signature_keys (organization_id, key_id, sealed_key, created_at, expires_at) VALUES ($1, $2, $3, $4, $5) RETURNING id, created_at`,
			k.OrganizationID, k.KeyID, sealed, s.now(), zeroIsNull(k.ExpiresAt)).Scan(&k.ID, &k.CreatedAt)
		if err != nil {
			return mapError("insert signature key "+k.KeyID, err)
		}
		return notify(ctx, tx, TopicKeys, k.OrganizationID)
	})
	k.Key = nil
	return k, err
}

// ListSignatureKeys returns an organization's keys, newest first, without their secrets; organization 0 means all. At most 500.
func (s *Store) ListSignatureKeys(ctx context.Context, organizationID int64) ([]SignatureKey, error) {
	rows, _ := s.pool.Query(ctx, `SELECT id, organization_id, key_id, created_at, coalesce(expires_at, 'epoch'), coalesce(replaced_at, 'epoch')
		FROM signature_keys WHERE $1 = 0 OR organization_id = $1 ORDER BY id DESC LIMIT 500`, organizationID)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k SignatureKey, err error) {
		err = row.Scan(&k.ID, &k.OrganizationID, &k.KeyID, &k.CreatedAt, &k.ExpiresAt, &k.ReplacedAt)
		k.ExpiresAt, k.ReplacedAt = epochIsZero(k.ExpiresAt), epochIsZero(k.ReplacedAt)
		return k, err
	})
	return list, mapError("list signature keys", err)
}

// SignatureKeys returns every key of an organization with its secret opened, for verifying. ErrSealBroken when an encryption key is gone.
func (s *Store) SignatureKeys(ctx context.Context, organizationID int64) ([]SignatureKey, error) {
	rows, _ := s.pool.Query(ctx, `SELECT id, organization_id, key_id, created_at, coalesce(expires_at, 'epoch'), coalesce(replaced_at, 'epoch'), sealed_key
		FROM signature_keys WHERE organization_id = $1 ORDER BY id DESC LIMIT 500`, organizationID)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k SignatureKey, err error) {
		var sealed []byte
		if err = row.Scan(&k.ID, &k.OrganizationID, &k.KeyID, &k.CreatedAt, &k.ExpiresAt, &k.ReplacedAt, &sealed); err != nil {
			return k, err
		}
		k.ExpiresAt, k.ReplacedAt = epochIsZero(k.ExpiresAt), epochIsZero(k.ReplacedAt)
		k.Key, err = s.sealer.open(sealSignature, signatureKeyPlace(k.OrganizationID, k.KeyID), sealed)
		return k, err
	})
	return list, mapError(fmt.Sprintf("read signature keys of organization %d", organizationID), err)
}

func signatureKeyPlace(organizationID int64, keyID string) string {
	return fmt.Sprintf("%d/%s", organizationID, keyID)
}

func zeroIsNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
