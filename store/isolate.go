package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// IsDataError reports whether err is about what was written or read, rather than about the state of the database, of the connection or of the schema:
// the same call would fail again, and without the value that causes it, it would not. It goes by what an error is not, because Postgres refuses
// values with codes of many classes: 22P05 and 0A000 for a character that an encoding does not have, 54000 for what does not fit into an index, 22003, XX001 …
func IsDataError(err error) bool {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, pgx.ErrTxClosed),
		errors.Is(err, ErrUnavailable), errors.Is(err, ErrBusy):
		return false
	}
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return !isConnectionLost(err) // pgx cannot encode a value, or a row cannot be read
	}
	return !isStateError(pgErr.Code)
}

// isStateError tells the classes of SQLSTATE that say nothing about a value (PostgreSQL manual, appendix A).
func isStateError(code string) bool {
	if len(code) < 2 {
		return false
	}
	switch code[:2] {
	case "08", "53", "57", "58", // connection, resources, operator intervention, system error
		"25", "40", "55", // transaction state, rollback, a lock or an object that is not as it must be
		"26", "28", "3D", "3F", "42", "F0": // a lost statement, authorization, no such database or schema, no such table or permission, configuration
		return true
	}
	return false
}

// isTooSlow tells a statement that a time limit of the database ended: a smaller one may be done in time.
func isTooSlow(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "57014"
}

// sqlState is the database's code of an error, "" when it is none of the database.
func sqlState(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}

// Isolate writes list. Where that ends in a data error it writes halves of it, and halves of those, until the items that cause it are found; each of those goes
// to alone with its error. It returns the first error that is no data error, or that alone returns.
func Isolate[T any](list []T, write func([]T) error, alone func(T, error) error) error {
	if len(list) == 0 {
		return nil
	}
	err := write(list)
	switch {
	case !IsDataError(err):
		return err
	case len(list) == 1:
		return alone(list[0], err)
	}
	half := len(list) / 2
	if err := Isolate(list[:half], write, alone); err != nil {
		return err
	}
	return Isolate(list[half:], write, alone)
}

// inSavepoint runs fn within tx so that an error of it leaves tx usable.
func inSavepoint(ctx context.Context, tx pgx.Tx, fn func(pgx.Tx) error) error {
	point, err := tx.Begin(ctx)
	if err != nil {
		return mapError("set savepoint", err)
	}
	if err := fn(point); err != nil {
		if backErr := point.Rollback(ctx); backErr != nil {
			return mapError("go back to savepoint", backErr)
		}
		return err
	}
	return mapError("release savepoint", point.Commit(ctx))
}
