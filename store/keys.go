package store

import (
	"context"
	"errors"
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
	k.ReplacedAt = time.Time{}
	err := s.InTx(ctx, func(tx pgx.Tx) error { return s.insertSignatureKey(ctx, tx, &k) })
	k.Key = nil
	return k, err
}

// AddSignatureKey keeps a key that was made elsewhere, with its audit row. One with ReplacedAt is a former key; otherwise it replaces the present one, as
// InsertSignatureKey's does. ErrConflict when the organization has a key of that id.
func (s *Store) AddSignatureKey(ctx context.Context, k SignatureKey, audit AuditEntry) error {
	return s.InTx(ctx, func(tx pgx.Tx) error {
		if err := s.insertSignatureKey(ctx, tx, &k); err != nil {
			return err
		}
		_, err := insertAudit(ctx, tx, audit, s.now())
		return err
	})
}

func (s *Store) insertSignatureKey(ctx context.Context, tx pgx.Tx, k *SignatureKey) error {
	if k.ReplacedAt.IsZero() {
		if _, err := tx.Exec(ctx, "UPDATE signature_keys SET replaced_at = $2 WHERE organization_id = $1 AND replaced_at IS NULL", k.OrganizationID, s.now()); err != nil {
			return mapError("replace signature key", err)
		}
	}
	sealed := s.sealer.seal(sealSignature, signatureKeyPlace(k.OrganizationID, k.KeyID), k.Key)
	err := tx.QueryRow(ctx, `INSERT INTO signature_keys (organization_id, key_id, sealed_key, created_at, expires_at, replaced_at) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id, created_at`,
		k.OrganizationID, k.KeyID, sealed, s.now(), zeroIsNull(k.ExpiresAt), zeroIsNull(k.ReplacedAt)).Scan(&k.ID, &k.CreatedAt)
	if err != nil {
		return mapError("insert signature key "+k.KeyID, err)
	}
	return notify(ctx, tx, TopicKeys, k.OrganizationID)
}

const signatureKeyColumns = "id, organization_id, key_id, created_at, coalesce(expires_at, 'epoch'), coalesce(replaced_at, 'epoch'), sealed_key"

// scanSignatureKey reads a row with its key still sealed.
func scanSignatureKey(row pgx.CollectableRow) (k SignatureKey, sealed []byte, err error) {
	err = row.Scan(&k.ID, &k.OrganizationID, &k.KeyID, &k.CreatedAt, &k.ExpiresAt, &k.ReplacedAt, &sealed)
	k.ExpiresAt, k.ReplacedAt = epochIsZero(k.ExpiresAt), epochIsZero(k.ReplacedAt)
	return k, sealed, err
}

// scanOpenSignatureKey reads a row and opens its key. ErrSealBroken comes with the rest of the row.
func (s *Store) scanOpenSignatureKey(row pgx.CollectableRow) (SignatureKey, error) {
	k, sealed, err := scanSignatureKey(row)
	if err != nil {
		return k, err
	}
	k.Key, err = s.sealer.open(sealSignature, signatureKeyPlace(k.OrganizationID, k.KeyID), sealed)
	return k, err
}

// ListSignatureKeys returns an organization's keys, newest first, without their secrets; organization 0 means all. At most 500.
func (s *Store) ListSignatureKeys(ctx context.Context, organizationID int64) ([]SignatureKey, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+signatureKeyColumns+" FROM signature_keys WHERE $1 = 0 OR organization_id = $1 ORDER BY id DESC LIMIT 500", organizationID)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (SignatureKey, error) {
		k, _, err := scanSignatureKey(row)
		return k, err
	})
	return list, mapError("list signature keys", err)
}

// SignatureKeys returns every key of an organization with its secret opened, for verifying. ErrSealBroken when an encryption key is gone.
func (s *Store) SignatureKeys(ctx context.Context, organizationID int64) ([]SignatureKey, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+signatureKeyColumns+" FROM signature_keys WHERE organization_id = $1 ORDER BY id DESC LIMIT 500", organizationID)
	list, err := pgx.CollectRows(rows, s.scanOpenSignatureKey)
	return list, mapError(fmt.Sprintf("read signature keys of organization %d", organizationID), err)
}

// KnownSignatureKeys returns the keys of every organization and environment, former ones included, with their secrets opened, newest
// first: at most 1,000. A key that cannot be opened comes without its secret.
func (s *Store) KnownSignatureKeys(ctx context.Context) ([]SignatureKey, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+signatureKeyColumns+" FROM signature_keys ORDER BY id DESC LIMIT 1000")
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (SignatureKey, error) {
		k, err := s.scanOpenSignatureKey(row)
		if errors.Is(err, ErrSealBroken) {
			k.Key, err = nil, nil
		}
		return k, err
	})
	return list, mapError("read known signature keys", err)
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
