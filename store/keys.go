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
	RetiredAt      time.Time // from then on it verifies nothing, which may lie ahead; zero: no end
	RetireReason   string    // as the administrator wrote it; "": nobody chose the end
	Unreadable     bool      // its encryption key is not configured, so Key is empty; only set where keys are opened
	// FormerRetiresAt is when the key that this new one replaces retires, unless it does earlier; zero leaves it without an end.
	FormerRetiresAt time.Time
}

// Retired reports whether the key verifies nothing any more.
func (k SignatureKey) Retired(now time.Time) bool {
	return !k.RetiredAt.IsZero() && !now.Before(k.RetiredAt)
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
	var taken bool // also in the spelling of an earlier release, which kept ids as they were typed
	if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM signature_keys WHERE organization_id = $1 AND key_id = ANY($2))", k.OrganizationID, idSpellings(k.KeyID)).Scan(&taken); err != nil {
		return mapError("look for signature key "+k.KeyID, err)
	}
	if taken {
		return fmt.Errorf("insert signature key %s: the organization has it: %w", k.KeyID, ErrConflict)
	}
	if k.ReplacedAt.IsZero() {
		if _, err := tx.Exec(ctx, "UPDATE signature_keys SET replaced_at = $2, retired_at = least(retired_at, $3) WHERE organization_id = $1 AND replaced_at IS NULL",
			k.OrganizationID, s.now(), zeroIsNull(k.FormerRetiresAt)); err != nil {
			return mapError("replace signature key", err)
		}
	}
	sealed := s.sealer.seal(sealSignature, signatureKeyPlace(k.OrganizationID, k.KeyID), k.Key)
	err := tx.QueryRow(ctx, `INSERT INTO signature_keys (organization_id, key_id, sealed_key, created_at, expires_at, replaced_at, retired_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id, created_at`,
		k.OrganizationID, k.KeyID, sealed, s.now(), zeroIsNull(k.ExpiresAt), zeroIsNull(k.ReplacedAt), zeroIsNull(k.RetiredAt)).Scan(&k.ID, &k.CreatedAt)
	if err != nil {
		return mapError("insert signature key "+k.KeyID, err)
	}
	return notify(ctx, tx, TopicKeys, k.OrganizationID)
}

const signatureKeyColumns = `id, organization_id, key_id, created_at, coalesce(expires_at, 'epoch'), coalesce(replaced_at, 'epoch'),
	coalesce(retired_at, 'epoch'), retire_reason, sealed_key`

// scanSignatureKey reads a row with its key still sealed.
func scanSignatureKey(row pgx.CollectableRow) (k SignatureKey, sealed []byte, err error) {
	err = row.Scan(&k.ID, &k.OrganizationID, &k.KeyID, &k.CreatedAt, &k.ExpiresAt, &k.ReplacedAt, &k.RetiredAt, &k.RetireReason, &sealed)
	k.ExpiresAt, k.ReplacedAt, k.RetiredAt = epochIsZero(k.ExpiresAt), epochIsZero(k.ReplacedAt), epochIsZero(k.RetiredAt)
	return k, sealed, err
}

// scanOpenSignatureKey reads a row and opens its key. One that cannot be opened is marked, and comes without its secret.
func (s *Store) scanOpenSignatureKey(row pgx.CollectableRow) (SignatureKey, error) {
	k, sealed, err := scanSignatureKey(row)
	if err != nil {
		return k, err
	}
	if k.Key, err = s.sealer.open(sealSignature, signatureKeyPlace(k.OrganizationID, k.KeyID), sealed); errors.Is(err, ErrSealBroken) {
		k.Key, k.Unreadable, err = nil, true, nil
	}
	return k, err
}

// RetireSignatureKey ends an organization's key at that time, which may lie ahead, with its audit row. An end that lies ahead can be changed;
// one that has passed stays. ErrNotFound when there is no such key, ErrConflict when it is retired already.
func (s *Store) RetireSignatureKey(ctx context.Context, organizationID, id int64, at time.Time, reason string, audit AuditEntry) error {
	return s.InTx(ctx, func(tx pgx.Tx) error {
		var ended bool
		doing := fmt.Sprintf("retire signature key %d", id)
		err := tx.QueryRow(ctx, "SELECT key_id, coalesce(retired_at <= $3, false) FROM signature_keys WHERE id = $1 AND organization_id = $2 FOR UPDATE", id, organizationID, s.now()).
			Scan(&audit.ObjectName, &ended)
		if err != nil {
			return mapError(doing, err)
		}
		if ended {
			return fmt.Errorf("%s: it is retired: %w", doing, ErrConflict)
		}
		if _, err := tx.Exec(ctx, "UPDATE signature_keys SET retired_at = $2, retire_reason = $3 WHERE id = $1", id, at, reason); err != nil {
			return mapError(doing, err)
		}
		audit.ObjectKind, audit.ObjectID, audit.OrganizationID = "signature_key", audit.ObjectName, organizationID
		if _, err := insertAudit(ctx, tx, audit, s.now()); err != nil {
			return err
		}
		return notify(ctx, tx, TopicKeys, organizationID)
	})
}

// EndReplacedKeys gives every replaced key of an organization that has no end yet this one, and returns how many there were.
func (s *Store) EndReplacedKeys(ctx context.Context, organizationID int64, at time.Time) (int, error) {
	var ended int
	err := s.InTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "UPDATE signature_keys SET retired_at = $2 WHERE organization_id = $1 AND replaced_at IS NOT NULL AND retired_at IS NULL", organizationID, at)
		if ended = int(tag.RowsAffected()); err != nil || ended == 0 {
			return mapError("end replaced signature keys", err)
		}
		return notify(ctx, tx, TopicKeys, organizationID)
	})
	return ended, err
}

// ListEndlessKeys returns the organizations that have a replaced key without an end. At most 500.
func (s *Store) ListEndlessKeys(ctx context.Context) ([]int64, error) {
	rows, _ := s.pool.Query(ctx, "SELECT DISTINCT organization_id FROM signature_keys WHERE replaced_at IS NOT NULL AND retired_at IS NULL LIMIT 500")
	list, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return list, mapError("list replaced signature keys without an end", err)
}

// ListRetryPolicies returns the different retry policies that subscriptions of an organization have, or had, deleted ones included: by one of them
// Cybersource tries again what it has sent so far. At most 1,000.
func (s *Store) ListRetryPolicies(ctx context.Context, organizationID int64) ([]RetryPolicy, error) {
	rows, _ := s.pool.Query(ctx, `SELECT policy FROM (
			SELECT v.retry_policy AS policy FROM subscriptions v WHERE v.organization_id = $1
			UNION SELECT p.policy FROM retry_policies p JOIN subscriptions v ON v.id = p.subscription_id WHERE v.organization_id = $1
		) p LIMIT 1000`, organizationID)
	list, err := pgx.CollectRows(rows, pgx.RowTo[RetryPolicy])
	return list, mapError(fmt.Sprintf("list retry policies of organization %d", organizationID), err)
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

// SignatureKeys returns every key of an organization with its secret opened, for verifying, retired ones included. One that cannot be opened is
// marked as unreadable.
func (s *Store) SignatureKeys(ctx context.Context, organizationID int64) ([]SignatureKey, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+signatureKeyColumns+" FROM signature_keys WHERE organization_id = $1 ORDER BY id DESC LIMIT 500", organizationID)
	list, err := pgx.CollectRows(rows, s.scanOpenSignatureKey)
	return list, mapError(fmt.Sprintf("read signature keys of organization %d", organizationID), err)
}

// KnownSignatureKeys returns the keys of every organization and environment, former ones included, with their secrets opened, newest
// first: at most 1,000. A key that cannot be opened comes without its secret.
func (s *Store) KnownSignatureKeys(ctx context.Context) ([]SignatureKey, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+signatureKeyColumns+" FROM signature_keys ORDER BY id DESC LIMIT 1000")
	list, err := pgx.CollectRows(rows, s.scanOpenSignatureKey)
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
