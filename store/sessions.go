package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Session is one browser's session. IDHash is the SHA-256 of the id in its cookie.
type Session struct {
	IDHash    []byte
	UserID    int64 // zero: not signed in
	Data      []byte
	CreatedAt time.Time
	SeenAt    time.Time
	ExpiresAt time.Time
}

// GetSession returns a session that has not expired. ErrNotFound.
func (s *Store) GetSession(ctx context.Context, idHash []byte) (Session, error) {
	rows, _ := s.pool.Query(ctx, `SELECT id_hash, coalesce(user_id, 0), data, created_at, seen_at, expires_at FROM sessions
		WHERE id_hash = $1 AND expires_at > $2`, idHash, s.now())
	session, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (v Session, err error) {
		err = row.Scan(&v.IDHash, &v.UserID, &v.Data, &v.CreatedAt, &v.SeenAt, &v.ExpiresAt)
		return v, err
	})
	return session, mapError("get session", err)
}

// SaveSession inserts a session or replaces its data. CreatedAt of an existing session stays.
func (s *Store) SaveSession(ctx context.Context, v Session) error {
	_, err := s.pool.Exec(ctx, `
		INSERT INTO sessions (id_hash, user_id, data, created_at, seen_at, expires_at) VALUES ($1, nullif($2::bigint, 0), $3, $4, $4, $5)
		ON CONFLICT (id_hash) DO UPDATE SET user_id = excluded.user_id, data = excluded.data, seen_at = excluded.seen_at, expires_at = excluded.expires_at`,
		v.IDHash, v.UserID, v.Data, s.now(), v.ExpiresAt)
	return mapError("save session", err)
}

// UpdateSessionData replaces what a session remembers. ErrNotFound when it has ended: a request that began before a sign-out
// must not bring the session back, as SaveSession would.
func (s *Store) UpdateSessionData(ctx context.Context, idHash, data []byte) error {
	tag, err := s.pool.Exec(ctx, "UPDATE sessions SET data = $2 WHERE id_hash = $1 AND expires_at > $3", idHash, data, s.now())
	if err != nil {
		return mapError("update session", err)
	}
	if tag.RowsAffected() != 1 {
		return fmt.Errorf("update session: %w", ErrNotFound)
	}
	return nil
}

// TouchSession moves the end of a session that is in use.
func (s *Store) TouchSession(ctx context.Context, idHash []byte, expiresAt time.Time) error {
	_, err := s.pool.Exec(ctx, "UPDATE sessions SET seen_at = $2, expires_at = $3 WHERE id_hash = $1", idHash, s.now(), expiresAt)
	return mapError("touch session", err)
}

// DeleteSession ends a session. That it is gone already is no error.
func (s *Store) DeleteSession(ctx context.Context, idHash []byte) error {
	_, err := s.pool.Exec(ctx, "DELETE FROM sessions WHERE id_hash = $1", idHash)
	return mapError("delete session", err)
}

// DeleteExpiredSessions removes sessions that have expired and returns how many those were. It also forgets failed sign-ins of
// more than a day ago, which lock nobody any more, and what was typed into forms that nobody came back to.
func (s *Store) DeleteExpiredSessions(ctx context.Context) (int64, error) {
	if _, err := s.pool.Exec(ctx, "DELETE FROM sign_in_failures WHERE last_at < $1", s.now().Add(-24*time.Hour)); err != nil {
		return 0, mapError("forget failed sign-ins", err)
	}
	if _, err := s.pool.Exec(ctx, "DELETE FROM kept_forms WHERE expires_at <= $1", s.now()); err != nil {
		return 0, mapError("delete expired forms", err)
	}
	tag, err := s.pool.Exec(ctx, "DELETE FROM sessions WHERE expires_at <= $1", s.now())
	return tag.RowsAffected(), mapError("delete expired sessions", err)
}
