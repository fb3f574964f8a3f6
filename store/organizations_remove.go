package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// OrganizationUsed reports whether an organization has, or has had, a subscription: what that received belongs to it for good.
func (s *Store) OrganizationUsed(ctx context.Context, id int64) (bool, error) {
	var used bool
	err := s.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM subscriptions WHERE organization_id = $1)", id).Scan(&used)
	return used, mapError(fmt.Sprintf("look for subscriptions of organization %d", id), err)
}

// CorrectOrganization is UpdateOrganizationCredentials for one whose own id was typed wrong. ErrConflict when it has had a subscription,
// when another organization has that id, or when it changed since it was read.
func (s *Store) CorrectOrganization(ctx context.Context, o Organization, secret []byte, audit AuditEntry) error {
	return s.InTx(ctx, func(tx pgx.Tx) error {
		if err := lockUnused(ctx, tx, o); err != nil {
			return err
		}
		audit.OrganizationID, audit.ObjectKind, audit.ObjectID, audit.ObjectName = o.ID, "organization", fmt.Sprint(o.ID), o.OrganizationID
		if _, err := insertAudit(ctx, tx, audit, s.now()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE organizations SET organization_id = $2, name = $3, merchant_id = $4, key_id = $5, sealed_secret = $6, updated_at = $7 WHERE id = $1",
			o.ID, o.OrganizationID, o.Name, o.MerchantID, o.KeyID, s.sealSecret(o, secret), s.now())
		return mapError(fmt.Sprintf("correct organization %d", o.ID), err)
	})
}

// RemoveOrganization deletes an organization with its keys and credentials, and its audit row. The rows about it in the audit log stay. ErrConflict
// when it has had a subscription, or changed since it was read.
func (s *Store) RemoveOrganization(ctx context.Context, o Organization, audit AuditEntry) error {
	return s.InTx(ctx, func(tx pgx.Tx) error {
		if err := lockUnused(ctx, tx, o); err != nil {
			return err
		}
		audit.ObjectKind, audit.ObjectID, audit.ObjectName = "organization", fmt.Sprint(o.ID), o.OrganizationID
		if _, err := insertAudit(ctx, tx, audit, s.now()); err != nil {
			return err
		}
		for _, statement := range []string{
			"UPDATE audit_log SET organization_id = NULL WHERE organization_id = $1",
			"DELETE FROM signature_keys WHERE organization_id = $1",
			"DELETE FROM mle_keys WHERE organization_id = $1",
			"DELETE FROM oauth_clients WHERE organization_id = $1",
			"DELETE FROM assertion_certificates WHERE organization_id = $1",
			"DELETE FROM organizations WHERE id = $1",
		} {
			if _, err := tx.Exec(ctx, statement, o.ID); err != nil {
				return mapError(fmt.Sprintf("remove organization %d", o.ID), err)
			}
		}
		return notify(ctx, tx, TopicKeys, o.ID) // the receiver forgets its keys
	})
}

// lockUnused holds an organization that nothing was ever received for, as it was read. A subscription that is being made waits, and fails.
func lockUnused(ctx context.Context, tx pgx.Tx, o Organization) error {
	var updated time.Time
	if err := tx.QueryRow(ctx, "SELECT updated_at FROM organizations WHERE id = $1 FOR UPDATE", o.ID).Scan(&updated); err != nil {
		return mapError(fmt.Sprintf("lock organization %d", o.ID), err)
	}
	if !updated.Equal(o.UpdatedAt) {
		return fmt.Errorf("organization %d changed since it was read: %w", o.ID, ErrConflict)
	}
	var used bool
	if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM subscriptions WHERE organization_id = $1)", o.ID).Scan(&used); err != nil {
		return mapError(fmt.Sprintf("look for subscriptions of organization %d", o.ID), err)
	}
	if used {
		return fmt.Errorf("organization %d has had subscriptions: %w", o.ID, ErrConflict)
	}
	return nil
}
