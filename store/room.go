package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// CheckRoom reports whether the database has room for a mebibyte more: in its tables and in its log. A full disk still takes writes that fit into pages
// that exist, so only this tells. It leaves nothing behind, but is too dear for when nothing points to a want of room.
func (s *Store) CheckRoom(ctx context.Context) error {
	errEnough := errors.New("there is room")
	err := s.InTx(ctx, func(tx pgx.Tx) error {
		for _, sql := range []string{
			"CREATE TABLE room_probe (filler text)",
			"ALTER TABLE room_probe ALTER COLUMN filler SET STORAGE PLAIN", // a page a row
			"INSERT INTO room_probe SELECT repeat('x', 7900) FROM generate_series(1, 128)",
		} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return mapError("look for room", err)
			}
		}
		return errEnough // and not to be kept
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}
