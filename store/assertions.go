package store

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// AssertionCertificate belongs to a key that signs client assertions on behalf of an organization (oAuth_JWT).
type AssertionCertificate struct {
	ID             int64
	OrganizationID int64
	KeyID          string // the kid that assertions name; "": none is named
	Certificate    []byte // DER
	Fingerprint    []byte // SHA-256
	NotBefore      time.Time
	NotAfter       time.Time
	CreatedAt      time.Time
	RetiredAt      time.Time // zero: it counts
}

const assertionCertificateColumns = "id, organization_id, key_id, certificate, fingerprint, not_before, not_after, created_at, coalesce(retired_at, 'epoch')"

func scanAssertionCertificate(row pgx.CollectableRow) (c AssertionCertificate, err error) {
	err = row.Scan(&c.ID, &c.OrganizationID, &c.KeyID, &c.Certificate, &c.Fingerprint, &c.NotBefore, &c.NotAfter, &c.CreatedAt, &c.RetiredAt)
	c.RetiredAt = epochIsZero(c.RetiredAt)
	return c, err
}

// ParseCertificatePEM reads the one certificate of a PEM text. ErrInvalid.
func ParseCertificatePEM(text []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("there is no certificate in PEM form: %w", ErrInvalid)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("the certificate cannot be read: %w", ErrInvalid)
	}
	return certificate, nil
}

// InsertAssertionCertificate adds a certificate to those that count, with its audit row. ErrConflict when it is among them, ErrInvalid when
// the DER bytes are no certificate.
func (s *Store) InsertAssertionCertificate(ctx context.Context, organizationID int64, keyID string, der []byte, audit AuditEntry) (AssertionCertificate, error) {
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return AssertionCertificate{}, fmt.Errorf("insert assertion certificate: %w", ErrInvalid)
	}
	sum := sha256.Sum256(parsed.Raw)
	var made AssertionCertificate
	err = s.InTx(ctx, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `INSERT INTO assertion_certificates (organization_id, key_id, certificate, fingerprint, not_before, not_after, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING `+assertionCertificateColumns, organizationID, keyID, parsed.Raw, sum[:], parsed.NotBefore, parsed.NotAfter, s.now())
		var err error
		if made, err = pgx.CollectExactlyOneRow(rows, scanAssertionCertificate); err != nil {
			return mapError("insert assertion certificate", err)
		}
		audit.OrganizationID, audit.ObjectKind, audit.ObjectID, audit.ObjectName = organizationID, "assertion_certificate", fmt.Sprint(made.ID), parsed.Subject.CommonName
		if _, err := insertAudit(ctx, tx, audit, s.now()); err != nil {
			return err
		}
		return notify(ctx, tx, TopicKeys, organizationID)
	})
	return made, err
}

// RetireAssertionCertificate ends a certificate, with its audit row. ErrNotFound when it does not exist or is retired.
func (s *Store) RetireAssertionCertificate(ctx context.Context, id int64, audit AuditEntry) error {
	return s.InTx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, "UPDATE assertion_certificates SET retired_at = $2 WHERE id = $1 AND retired_at IS NULL RETURNING organization_id", id, s.now()).Scan(&audit.OrganizationID)
		if err != nil {
			return mapError(fmt.Sprintf("retire assertion certificate %d", id), err)
		}
		audit.ObjectKind, audit.ObjectID = "assertion_certificate", fmt.Sprint(id)
		if _, err := insertAudit(ctx, tx, audit, s.now()); err != nil {
			return err
		}
		return notify(ctx, tx, TopicKeys, audit.OrganizationID)
	})
}

// ListAssertionCertificates returns an organization's certificates, newest first, retired ones included; organization 0 means all that
// count. At most 1,000.
func (s *Store) ListAssertionCertificates(ctx context.Context, organizationID int64) ([]AssertionCertificate, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+assertionCertificateColumns+` FROM assertion_certificates
		WHERE organization_id = $1 OR ($1 = 0 AND retired_at IS NULL) ORDER BY id DESC LIMIT 1000`, organizationID)
	list, err := pgx.CollectRows(rows, scanAssertionCertificate)
	return list, mapError("list assertion certificates", err)
}

// UseAssertion takes an assertion's id for used, until the assertion expires, on all replicas. ErrConflict when it was used before.
func (s *Store) UseAssertion(ctx context.Context, clientID int64, jti string, expires time.Time) error {
	sum := sha256.Sum256([]byte(jti))
	return s.InTx(ctx, func(tx pgx.Tx) error {
		// Each use clears away more than it adds.
		_, err := tx.Exec(ctx, `DELETE FROM used_assertions WHERE (oauth_client_id, jti_hash) IN
			(SELECT oauth_client_id, jti_hash FROM used_assertions WHERE expires_at < $1 ORDER BY expires_at LIMIT 10 FOR UPDATE SKIP LOCKED)`, s.now())
		if err != nil {
			return mapError("clear used assertions", err)
		}
		_, err = tx.Exec(ctx, "INSERT INTO used_assertions (oauth_client_id, jti_hash, expires_at) VALUES ($1, $2, $3)", clientID, sum[:], expires)
		return mapError("use assertion", err)
	})
}
