package store

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// MLEKey is a certificate to which Cybersource encrypts notifications of an organization, with its private key.
type MLEKey struct {
	ID             int64
	OrganizationID int64
	SubscriptionID int64  // for which it was made; zero: for the organization. Whatever it says, it opens everything of the organization
	KeyID          string // Cybersource's id; "" when not registered, or when its answer had none
	Certificate    []byte // DER
	PrivateKey     Secret // PKCS #8 in PEM; only set by InsertMLEKey's caller and OpenMLEKeys
	Fingerprint    []byte // SHA-256 of the certificate
	Serial         string // of the certificate, hexadecimal
	NotBefore      time.Time
	NotAfter       time.Time
	CreatedAt      time.Time
	RegisteredAt   time.Time // at Cybersource; zero: not yet
	ReplacedAt     time.Time // by a newer one, it goes on opening late retries; zero: current
	RetiredAt      time.Time // from then on it opens nothing, which may lie ahead; zero: not retired
}

const mleKeyColumns = `id, organization_id, coalesce(subscription_id, 0), key_id, certificate, fingerprint, serial, not_before, not_after, created_at,
	coalesce(registered_at, 'epoch'), coalesce(replaced_at, 'epoch'), coalesce(retired_at, 'epoch'), sealed_key`

// scanMLEKey reads a row with its key still sealed.
func scanMLEKey(row pgx.CollectableRow) (k MLEKey, sealed []byte, err error) {
	err = row.Scan(&k.ID, &k.OrganizationID, &k.SubscriptionID, &k.KeyID, &k.Certificate, &k.Fingerprint, &k.Serial, &k.NotBefore, &k.NotAfter, &k.CreatedAt,
		&k.RegisteredAt, &k.ReplacedAt, &k.RetiredAt, &sealed)
	k.RegisteredAt, k.ReplacedAt, k.RetiredAt = epochIsZero(k.RegisteredAt), epochIsZero(k.ReplacedAt), epochIsZero(k.RetiredAt)
	return k, sealed, err
}

func scanClosedMLEKey(row pgx.CollectableRow) (MLEKey, error) {
	k, _, err := scanMLEKey(row)
	return k, err
}

// InsertMLEKey keeps a certificate with its private key sealed. It opens notifications at once: before Cybersource hears of it.
// ErrInvalid when the certificate cannot be read or the key is missing.
func (s *Store) InsertMLEKey(ctx context.Context, k MLEKey) (MLEKey, error) {
	parsed, err := x509.ParseCertificate(k.Certificate)
	if err != nil || len(k.PrivateKey) == 0 {
		return MLEKey{}, fmt.Errorf("insert MLE key: certificate or private key cannot be used: %w", ErrInvalid)
	}
	sum := sha256.Sum256(parsed.Raw)
	var made MLEKey
	err = s.InTx(ctx, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `INSERT INTO mle_keys (organization_id, subscription_id, key_id, certificate, sealed_key, fingerprint, serial, not_before, not_after, created_at)
			VALUES ($1, nullif($2::bigint, 0), $3, $4, $5, $6, $7, $8, $9, $10) RETURNING `+mleKeyColumns,
			k.OrganizationID, k.SubscriptionID, k.KeyID, parsed.Raw, s.sealer.seal(sealMLE, mleKeyPlace(k.OrganizationID, sum[:]), k.PrivateKey), sum[:],
			parsed.SerialNumber.Text(16), parsed.NotBefore, parsed.NotAfter, s.now())
		var err error
		if made, err = pgx.CollectExactlyOneRow(rows, scanClosedMLEKey); err != nil {
			return mapError("insert MLE key", err)
		}
		return notify(ctx, tx, TopicKeys, k.OrganizationID)
	})
	return made, err
}

func mleKeyPlace(organizationID int64, fingerprint []byte) string {
	return fmt.Sprintf("%d/%s", organizationID, hex.EncodeToString(fingerprint))
}

// RegisterMLEKey keeps that Cybersource has a certificate, under which id, and that it takes the place of the former ones of the same
// subscription (or, made for none, of the organization's others made for none). ErrNotFound.
func (s *Store) RegisterMLEKey(ctx context.Context, id int64, keyID string) error {
	return s.InTx(ctx, func(tx pgx.Tx) error {
		var organization int64
		err := tx.QueryRow(ctx, "UPDATE mle_keys SET key_id = $2, registered_at = $3, replaced_at = NULL WHERE id = $1 RETURNING organization_id", id, keyID, s.now()).Scan(&organization)
		if err != nil {
			return mapError(fmt.Sprintf("register MLE key %d", id), err)
		}
		_, err = tx.Exec(ctx, `UPDATE mle_keys o SET replaced_at = $2 FROM mle_keys n WHERE n.id = $1 AND o.id <> n.id AND o.organization_id = n.organization_id
			AND o.subscription_id IS NOT DISTINCT FROM n.subscription_id AND o.replaced_at IS NULL`, id, s.now())
		if err != nil {
			return mapError(fmt.Sprintf("replace former MLE keys by %d", id), err)
		}
		return notify(ctx, tx, TopicKeys, organization)
	})
}

// RetireMLEKey ends a key at that time, which may lie ahead, with its audit row. What was encrypted to it cannot be opened from then
// on. ErrNotFound when it does not exist or is retired already by then.
func (s *Store) RetireMLEKey(ctx context.Context, id int64, at time.Time, audit AuditEntry) error {
	return s.InTx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, "UPDATE mle_keys SET retired_at = $2 WHERE id = $1 AND (retired_at IS NULL OR retired_at > $2) RETURNING organization_id, serial", id, at).
			Scan(&audit.OrganizationID, &audit.ObjectName)
		if err != nil {
			return mapError(fmt.Sprintf("retire MLE key %d", id), err)
		}
		audit.ObjectKind, audit.ObjectID = "mle_key", fmt.Sprint(id)
		if _, err := insertAudit(ctx, tx, audit, s.now()); err != nil {
			return err
		}
		return notify(ctx, tx, TopicKeys, audit.OrganizationID)
	})
}

// GetMLEKey returns a key by our id, without its private key. ErrNotFound.
func (s *Store) GetMLEKey(ctx context.Context, id int64) (MLEKey, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+mleKeyColumns+" FROM mle_keys WHERE id = $1", id)
	k, err := pgx.CollectExactlyOneRow(rows, scanClosedMLEKey)
	return k, mapError(fmt.Sprintf("get MLE key %d", id), err)
}

// ListMLEKeys returns an organization's keys, newest first, retired ones included, without their private keys. At most 500.
func (s *Store) ListMLEKeys(ctx context.Context, organizationID int64) ([]MLEKey, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+mleKeyColumns+" FROM mle_keys WHERE organization_id = $1 ORDER BY id DESC LIMIT 500", organizationID)
	list, err := pgx.CollectRows(rows, scanClosedMLEKey)
	return list, mapError(fmt.Sprintf("list MLE keys of organization %d", organizationID), err)
}

// OpenMLEKeys returns every key that is not retired, or was not a day ago, with its private key opened, newest first: at most 2,000. What
// arrived before the end of a key must be readable after it. A key that cannot be opened comes without.
func (s *Store) OpenMLEKeys(ctx context.Context) ([]MLEKey, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+mleKeyColumns+" FROM mle_keys WHERE retired_at IS NULL OR retired_at > $1 ORDER BY id DESC LIMIT 2000", s.now().Add(-24*time.Hour))
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (MLEKey, error) {
		k, sealed, err := scanMLEKey(row)
		if err != nil {
			return k, err
		}
		k.PrivateKey, err = s.sealer.open(sealMLE, mleKeyPlace(k.OrganizationID, k.Fingerprint), sealed)
		if errors.Is(err, ErrSealBroken) {
			k.PrivateKey, err = nil, nil
		}
		return k, err
	})
	return list, mapError("read MLE keys", err)
}
