package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Organization is a Cybersource organization with its environment. Its REST credentials are read apart, by OrganizationSecret.
type Organization struct {
	ID             int64
	OrganizationID string // Cybersource's id
	Environment    string // sandbox, test, production or production-india
	Name           string
	MerchantID     string
	KeyID          string // REST shared-secret key id; "": no credentials entered
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

const organizationColumns = "id, organization_id, environment, name, merchant_id, key_id, created_at, updated_at"

func scanOrganization(row pgx.CollectableRow) (Organization, error) {
	var o Organization
	err := row.Scan(&o.ID, &o.OrganizationID, &o.Environment, &o.Name, &o.MerchantID, &o.KeyID, &o.CreatedAt, &o.UpdatedAt)
	return o, err
}

// ListOrganizations returns up to 500 organizations of an environment by name; environment "" means all.
func (s *Store) ListOrganizations(ctx context.Context, environment string) ([]Organization, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+organizationColumns+" FROM organizations WHERE $1 = '' OR environment = $1 ORDER BY name, id LIMIT 500", environment)
	list, err := pgx.CollectRows(rows, scanOrganization)
	return list, mapError("list organizations", err)
}

// GetOrganization returns an organization by our id. ErrNotFound.
func (s *Store) GetOrganization(ctx context.Context, id int64) (Organization, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+organizationColumns+" FROM organizations WHERE id = $1", id)
	o, err := pgx.CollectExactlyOneRow(rows, scanOrganization)
	return o, mapError(fmt.Sprintf("get organization %d", id), err)
}

// GetOrganizationByName returns an organization by Cybersource's id and environment. ErrNotFound.
func (s *Store) GetOrganizationByName(ctx context.Context, organizationID, environment string) (Organization, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+organizationColumns+" FROM organizations WHERE organization_id = $1 AND environment = $2", organizationID, environment)
	o, err := pgx.CollectExactlyOneRow(rows, scanOrganization)
	return o, mapError("get organization "+organizationID, err)
}

// InsertOrganization adds an organization with its REST secret (decoded bytes; nil when KeyID is empty) and its audit row.
// ErrConflict when it exists, ErrInvalid when its id has a form Cybersource never gives.
func (s *Store) InsertOrganization(ctx context.Context, o Organization, secret []byte, audit AuditEntry) (Organization, error) {
	var made Organization
	err := s.InTx(ctx, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `INSERT INTO organizations (organization_id, environment, name, merchant_id, key_id, sealed_secret, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $7) RETURNING `+organizationColumns,
			o.OrganizationID, o.Environment, o.Name, o.MerchantID, o.KeyID, s.sealSecret(o, secret), s.now())
		var err error
		if made, err = pgx.CollectExactlyOneRow(rows, scanOrganization); err != nil {
			return mapError("insert organization "+o.OrganizationID, err)
		}
		audit.OrganizationID, audit.ObjectKind, audit.ObjectID, audit.ObjectName = made.ID, "organization", fmt.Sprint(made.ID), made.OrganizationID
		_, err = insertAudit(ctx, tx, audit, s.now())
		return err
	})
	return made, err
}

// UpdateOrganizationCredentials replaces name, merchant id and REST credentials, with its audit row. It does so only while the organization
// is as it was read, by o.UpdatedAt: a secret must never meet another's key id. ErrConflict when it changed since, or does not exist.
func (s *Store) UpdateOrganizationCredentials(ctx context.Context, o Organization, secret []byte, audit AuditEntry) error {
	return s.InTx(ctx, func(tx pgx.Tx) error {
		audit.OrganizationID, audit.ObjectKind, audit.ObjectID, audit.ObjectName = o.ID, "organization", fmt.Sprint(o.ID), o.OrganizationID
		if _, err := insertAudit(ctx, tx, audit, s.now()); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, "UPDATE organizations SET name = $2, merchant_id = $3, key_id = $4, sealed_secret = $5, updated_at = $6 WHERE id = $1 AND updated_at = $7",
			o.ID, o.Name, o.MerchantID, o.KeyID, s.sealSecret(o, secret), s.now(), o.UpdatedAt)
		if err != nil {
			return mapError(fmt.Sprintf("update organization %d", o.ID), err)
		}
		if tag.RowsAffected() != 1 {
			return fmt.Errorf("update organization %d: it changed since it was read: %w", o.ID, ErrConflict)
		}
		return nil
	})
}

// OrganizationSecret opens the REST shared secret. ErrNotFound when none was entered, ErrSealBroken when its key is gone.
func (s *Store) OrganizationSecret(ctx context.Context, id int64) ([]byte, error) {
	var o Organization
	var sealed []byte
	err := s.pool.QueryRow(ctx, "SELECT organization_id, environment, sealed_secret FROM organizations WHERE id = $1", id).Scan(&o.OrganizationID, &o.Environment, &sealed)
	if err != nil {
		return nil, mapError(fmt.Sprintf("get credentials of organization %d", id), err)
	}
	if sealed == nil {
		return nil, fmt.Errorf("get credentials of organization %d: none entered: %w", id, ErrNotFound)
	}
	return s.sealer.open(sealCredentials, secretPlace(o), sealed)
}

func (s *Store) sealSecret(o Organization, secret []byte) []byte {
	if len(secret) == 0 {
		return nil
	}
	return s.sealer.seal(sealCredentials, secretPlace(o), secret)
}

func secretPlace(o Organization) string { return o.Environment + "/" + o.OrganizationID }
