package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Role says what a person may do. Each role may do all that the ones before it may.
type Role string

// The roles, least powerful first.
const (
	RoleViewer        Role = "viewer"        // looks
	RoleEditor        Role = "editor"        // changes subscriptions, judges, replays
	RoleAdministrator Role = "administrator" // changes credentials, keys and people
)

// Allows reports whether somebody of role r may do what needs role needed.
func (r Role) Allows(needed Role) bool { return r.rank() >= needed.rank() && needed.rank() > 0 }

func (r Role) rank() int {
	switch r {
	case RoleViewer:
		return 1
	case RoleEditor:
		return 2
	case RoleAdministrator:
		return 3
	}
	return 0
}

// User is a person who may sign in.
type User struct {
	ID           int64
	Email        string // lower case
	Name         string
	Role         Role
	PasswordHash string // PHC string, argon2id
	Theme        string // system, light or dark
	Zone         string // utc, browser or organization
	CreatedAt    time.Time
	LastSignInAt time.Time // zero: never
	DisabledAt   time.Time // zero: enabled
}

const userColumns = "id, email, name, role, password_hash, theme, zone, created_at, coalesce(last_sign_in_at, 'epoch'), coalesce(disabled_at, 'epoch')"

func scanUser(row pgx.CollectableRow) (User, error) {
	var u User
	err := row.Scan(&u.ID, &u.Email, &u.Name, &u.Role, &u.PasswordHash, &u.Theme, &u.Zone, &u.CreatedAt, &u.LastSignInAt, &u.DisabledAt)
	u.LastSignInAt, u.DisabledAt = epochIsZero(u.LastSignInAt), epochIsZero(u.DisabledAt)
	return u, err
}

// epochIsZero undoes the coalesce(…, 'epoch') by which nullable times are read.
func epochIsZero(t time.Time) time.Time {
	if t.Unix() == 0 {
		return time.Time{}
	}
	return t
}

// InsertUser adds a person. ErrConflict when the e-mail address is taken.
func (s *Store) InsertUser(ctx context.Context, u User) (User, error) {
	return insertUser(ctx, s.pool, u, s.now())
}

func insertUser(ctx context.Context, q querier, u User, now time.Time) (User, error) {
	u.Email = normalizeEmail(u.Email)
	rows, _ := q.Query(ctx, `INSERT INTO users (email, name, role, password_hash, created_at) VALUES ($1, $2, $3, $4, $5) RETURNING `+userColumns,
		u.Email, u.Name, u.Role, u.PasswordHash, now)
	made, err := pgx.CollectExactlyOneRow(rows, scanUser)
	return made, mapError("insert user "+u.Email, err)
}

func normalizeEmail(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

// GetUser returns a person by id, disabled or not. ErrNotFound.
func (s *Store) GetUser(ctx context.Context, id int64) (User, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+userColumns+" FROM users WHERE id = $1", id)
	u, err := pgx.CollectExactlyOneRow(rows, scanUser)
	return u, mapError(fmt.Sprintf("get user %d", id), err)
}

// GetUserByEmail returns a person by e-mail address, whatever its case. ErrNotFound.
func (s *Store) GetUserByEmail(ctx context.Context, email string) (User, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+userColumns+" FROM users WHERE email = $1", normalizeEmail(email))
	u, err := pgx.CollectExactlyOneRow(rows, scanUser)
	return u, mapError("get user by e-mail", err)
}

// ListUsers returns up to 500 people by e-mail address.
func (s *Store) ListUsers(ctx context.Context) ([]User, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+userColumns+" FROM users ORDER BY email LIMIT 500")
	list, err := pgx.CollectRows(rows, scanUser)
	return list, mapError("list users", err)
}

// HasUsers reports whether anybody can sign in at all.
func (s *Store) HasUsers(ctx context.Context) (bool, error) {
	var has bool
	err := s.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM users WHERE disabled_at IS NULL)").Scan(&has)
	return has, mapError("look for users", err)
}

// UpdateUserPreferences stores what a person chose for the look of the console. ErrInvalid for an unknown word.
func (s *Store) UpdateUserPreferences(ctx context.Context, id int64, theme, zone string) error {
	tag, err := s.pool.Exec(ctx, "UPDATE users SET theme = $2, zone = $3 WHERE id = $1", id, theme, zone)
	if err != nil {
		return mapError(fmt.Sprintf("update preferences of user %d", id), err)
	}
	return needOne(tag.RowsAffected(), "update preferences of user", id)
}

// RehashUserPassword replaces the hash of a password that stays the same by a stronger one, unless the password was changed
// meanwhile. Sessions go on.
func (s *Store) RehashUserPassword(ctx context.Context, id int64, oldHash, newHash string) error {
	_, err := s.pool.Exec(ctx, "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2", id, oldHash, newHash)
	return mapError(fmt.Sprintf("rehash password of user %d", id), err)
}

// InsertFirstAdministrator makes a person the administrator when nobody exists yet, disabled people included, with its audit row. made is
// false when somebody does: what was changed in the console stays.
func (s *Store) InsertFirstAdministrator(ctx context.Context, email, hash string) (made bool, err error) {
	err = s.InTx(ctx, func(tx pgx.Tx) error {
		// Replicas that start together wait here: the second finds the person of the first.
		if _, err := tx.Exec(ctx, "LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE"); err != nil {
			return mapError("lock users", err)
		}
		var exists bool
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM users)").Scan(&exists); err != nil || exists {
			return mapError("look for users", err)
		}
		u, err := insertUser(ctx, tx, User{Email: email, Role: RoleAdministrator, PasswordHash: hash}, s.now())
		if err != nil {
			return err
		}
		made = true
		_, err = insertAudit(ctx, tx, AuditEntry{Actor: "switchboard", Action: "user.create", Detail: "as the environment of the server asks, since nobody existed"}.about(u), s.now())
		return err
	})
	return made && err == nil, err
}

// HasPeople reports whether anybody exists, disabled people included.
func (s *Store) HasPeople(ctx context.Context) (bool, error) {
	var has bool
	err := s.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM users)").Scan(&has)
	return has, mapError("look for people", err)
}

// ResetAdministrator gives a person this password, the role administrator and the right to sign in, and ends their sessions, and the lock of
// their failed sign-ins, which subject names, with its audit row. ErrNotFound.
func (s *Store) ResetAdministrator(ctx context.Context, email, hash, subject string) (User, error) {
	u, err := s.GetUserByEmail(ctx, email)
	if err != nil {
		return User{}, err
	}
	err = s.changeUser(ctx, u, AuditEntry{Actor: "switchboard", Action: "user.reset", Detail: "by the command `server admin reset`"}, `WITH ended AS (DELETE FROM sessions WHERE user_id = $1),
			unlocked AS (DELETE FROM sign_in_failures WHERE subject = $3)
		UPDATE users SET role = 'administrator', disabled_at = NULL, password_hash = $2 WHERE id = $1`, u.ID, hash, subject)
	return u, err
}

// InsertSetupLink keeps the hash of a one-time set-up token; earlier unused links end.
func (s *Store) InsertSetupLink(ctx context.Context, tokenHash []byte, expiresAt time.Time) error {
	return s.InTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM setup_links WHERE used_at IS NULL"); err != nil {
			return mapError("end earlier set-up links", err)
		}
		_, err := tx.Exec(ctx, "INSERT INTO setup_links (token_hash, created_at, expires_at) VALUES ($1, $2, $3)", tokenHash, s.now(), expiresAt)
		return mapError("insert set-up link", err)
	})
}

// CheckSetupLink reports whether the link can still be used: ErrNotFound when it is unknown, used, too old, or when somebody can sign in already.
func (s *Store) CheckSetupLink(ctx context.Context, tokenHash []byte) error {
	var open bool
	err := s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM setup_links WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2)
		AND NOT EXISTS (SELECT FROM users WHERE disabled_at IS NULL)`, tokenHash, s.now()).Scan(&open)
	if err != nil {
		return mapError("check set-up link", err)
	}
	if !open {
		return fmt.Errorf("check set-up link: %w", ErrNotFound)
	}
	return nil
}

// UseSetupLink makes the first administrator with a one-time link, in one transaction with its audit row. ErrNotFound as CheckSetupLink.
func (s *Store) UseSetupLink(ctx context.Context, tokenHash []byte, u User, audit AuditEntry) (User, error) {
	var made User
	err := s.InTx(ctx, func(tx pgx.Tx) error {
		// The lock makes two people with the same link wait for one another: the second finds a user.
		if _, err := tx.Exec(ctx, "LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE"); err != nil {
			return mapError("lock users", err)
		}
		tag, err := tx.Exec(ctx, `UPDATE setup_links SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2
			AND NOT EXISTS (SELECT FROM users WHERE disabled_at IS NULL)`, tokenHash, s.now())
		if err != nil {
			return mapError("use set-up link", err)
		}
		if tag.RowsAffected() != 1 {
			return fmt.Errorf("use set-up link: %w", ErrNotFound)
		}
		u.Role = RoleAdministrator
		if made, err = insertUser(ctx, tx, u, s.now()); err != nil {
			return err
		}
		audit.UserID, audit.Actor = made.ID, made.Email
		audit.ObjectKind, audit.ObjectID, audit.ObjectName = "user", fmt.Sprint(made.ID), made.Email
		_, err = insertAudit(ctx, tx, audit, s.now())
		return err
	})
	return made, err
}

// RecordSignIn notes a successful sign-in and forgets the failures of its subjects.
func (s *Store) RecordSignIn(ctx context.Context, userID int64, subjects ...string) error {
	return s.InTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE users SET last_sign_in_at = $2 WHERE id = $1", userID, s.now()); err != nil {
			return mapError("record sign-in", err)
		}
		_, err := tx.Exec(ctx, "DELETE FROM sign_in_failures WHERE subject = ANY ($1)", subjects)
		return mapError("forget failed sign-ins", err)
	})
}

// SignInLockedUntil returns until when any of the subjects must wait, or the zero time.
func (s *Store) SignInLockedUntil(ctx context.Context, subjects ...string) (time.Time, error) {
	var until time.Time
	err := s.pool.QueryRow(ctx, "SELECT coalesce(max(locked_until), 'epoch') FROM sign_in_failures WHERE subject = ANY ($1) AND locked_until > $2", subjects, s.now()).Scan(&until)
	return epochIsZero(until), mapError("check sign-in lock", err)
}

// RecordSignInFailure counts a failed sign-in of each subject (an e-mail address or a source) and writes the audit row, if there is one, in
// one transaction: how long it takes does not tell whether the person exists. From the fifth failure within an hour on each one locks its
// subject for twice as long as the one before, from 30 s up to 15 minutes.
func (s *Store) RecordSignInFailure(ctx context.Context, audit *AuditEntry, subjects ...string) error {
	return s.InTx(ctx, func(tx pgx.Tx) error {
		// In one order, so that concurrent failures of the same subjects never deadlock.
		_, err := tx.Exec(ctx, `
			INSERT INTO sign_in_failures AS f (subject, failures, last_at) SELECT subject, 1, $2 FROM unnest($1::text[]) subject ORDER BY subject
			ON CONFLICT (subject) DO UPDATE SET
				failures = CASE WHEN f.last_at < $2 - interval '1 hour' THEN 1 ELSE least(f.failures + 1, 100) END,
				last_at = $2,
				locked_until = CASE WHEN f.last_at >= $2 - interval '1 hour' AND f.failures + 1 >= 5
					THEN $2 + least(interval '30 seconds' * power(2, least(f.failures - 4, 10)), interval '15 minutes') END`,
			subjects, s.now())
		if err != nil || audit == nil {
			return mapError("record failed sign-in", err)
		}
		_, err = insertAudit(ctx, tx, *audit, s.now())
		return err
	})
}

func needOne(affected int64, doing string, id any) error {
	if affected != 1 {
		return fmt.Errorf("%s %v: %w", doing, id, ErrNotFound)
	}
	return nil
}
