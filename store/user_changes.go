package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ErrLastAdministrator means that the change would leave nobody who may change people and credentials. It is an ErrConflict.
var ErrLastAdministrator = fmt.Errorf("last administrator: %w", ErrConflict)

// AddUser adds a person on behalf of another, with its audit row. ErrConflict when the e-mail address is taken.
func (s *Store) AddUser(ctx context.Context, u User, audit AuditEntry) (User, error) {
	var made User
	err := s.InTx(ctx, func(tx pgx.Tx) error {
		var err error
		if made, err = insertUser(ctx, tx, u, s.now()); err != nil {
			return err
		}
		_, err = insertAudit(ctx, tx, audit.about(made), s.now())
		return err
	})
	return made, err
}

// UpdateUser changes a person's name and role, with its audit row. ErrNotFound, ErrLastAdministrator.
func (s *Store) UpdateUser(ctx context.Context, u User, audit AuditEntry) error {
	return s.changeUser(ctx, u, audit, "UPDATE users SET name = $2, role = $3 WHERE id = $1", u.ID, u.Name, u.Role)
}

// DisableUser lets a person sign in no more and ends their sessions, with its audit row. ErrNotFound, ErrLastAdministrator.
func (s *Store) DisableUser(ctx context.Context, u User, audit AuditEntry) error {
	return s.changeUser(ctx, u, audit, `WITH ended AS (DELETE FROM sessions WHERE user_id = $1)
		UPDATE users SET disabled_at = coalesce(disabled_at, $2) WHERE id = $1`, u.ID, s.now())
}

// EnableUser lets a disabled person sign in again, with its audit row. ErrNotFound.
func (s *Store) EnableUser(ctx context.Context, u User, audit AuditEntry) error {
	return s.changeUser(ctx, u, audit, "UPDATE users SET disabled_at = NULL WHERE id = $1", u.ID)
}

// ReplaceUserPassword stores a new password hash and ends every session of the person but keepSession, an id hash or nil, with its
// audit row. ErrNotFound.
func (s *Store) ReplaceUserPassword(ctx context.Context, u User, hash string, keepSession []byte, audit AuditEntry) error {
	return s.changeUser(ctx, u, audit, `WITH ended AS (DELETE FROM sessions WHERE user_id = $1 AND id_hash IS DISTINCT FROM $3)
		UPDATE users SET password_hash = $2 WHERE id = $1`, u.ID, hash, keepSession)
}

// changeUser runs one statement that changes exactly the user u, keeps at least one administrator, and writes the audit row.
func (s *Store) changeUser(ctx context.Context, u User, audit AuditEntry, sql string, args ...any) error {
	doing := fmt.Sprintf("change user %d", u.ID)
	return s.InTx(ctx, func(tx pgx.Tx) error {
		// Two administrators who disable one another wait here: the second finds that nobody would be left.
		if _, err := tx.Exec(ctx, "LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE"); err != nil {
			return mapError(doing, err)
		}
		if _, err := insertAudit(ctx, tx, audit.about(u), s.now()); err != nil {
			return err
		}
		var before, after bool
		if err := tx.QueryRow(ctx, hasAdministrator).Scan(&before); err != nil {
			return mapError(doing, err)
		}
		tag, err := tx.Exec(ctx, sql, args...)
		if err != nil {
			return mapError(doing, err)
		}
		if err := needOne(tag.RowsAffected(), "change user", u.ID); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, hasAdministrator).Scan(&after); err != nil {
			return mapError(doing, err)
		}
		if before && !after {
			return fmt.Errorf("%s: %w", doing, ErrLastAdministrator)
		}
		return nil
	})
}

const hasAdministrator = "SELECT EXISTS (SELECT FROM users WHERE role = 'administrator' AND disabled_at IS NULL)"

// about names the person that an entry is about.
func (e AuditEntry) about(u User) AuditEntry {
	e.ObjectKind, e.ObjectID, e.ObjectName = "user", fmt.Sprint(u.ID), u.Email
	return e
}
