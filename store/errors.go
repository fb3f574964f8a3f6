package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var (
	// ErrNotFound means that no such row exists, or that it was deleted.
	ErrNotFound = errors.New("not found")
	// ErrConflict means that a row with the same key exists, or that the row is in a state that forbids the change.
	ErrConflict = errors.New("conflict")
	// ErrInvalid means that the database refused a value.
	ErrInvalid = errors.New("invalid value")
	// ErrBusy means that others used a table for as long as its lock was waited for; the same call may succeed later.
	ErrBusy = errors.New("in use by others")
	// ErrUnavailable means that the database cannot be reached or takes no writes now; the same call may succeed later.
	ErrUnavailable = errors.New("database unavailable")
)

// mapError wraps a driver error with what was being done and, where a caller can act on it, with a sentinel.
func mapError(doing string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("%s: %w", doing, ErrNotFound)
	}
	var connectErr *pgconn.ConnectError
	if errors.As(err, &connectErr) || errors.Is(err, errFull) { // whatever the server says to it: it will not be asked this time
		return fmt.Errorf("%s: %w: %w", doing, ErrUnavailable, err)
	}
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		if sentinel := sentinelOf(pgErr); sentinel != nil {
			return fmt.Errorf("%s: %w: %w", doing, sentinel, err)
		}
		return fmt.Errorf("%s: %w", doing, err)
	}
	if isConnectionLost(err) {
		return fmt.Errorf("%s: %w: %w", doing, ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// isConnectionLost reports whether the connection broke or could not be made. A cancelled or timed-out context is the caller's own
// affair and keeps its error.
func isConnectionLost(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var connectErr *pgconn.ConnectError
	var netErr net.Error
	return errors.As(err, &connectErr) || errors.As(err, &netErr) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// sentinelOf goes by the SQLSTATE class (PostgreSQL manual, appendix A).
func sentinelOf(e *pgconn.PgError) error {
	switch e.Code {
	case "23505", "23P01": // unique_violation, exclusion_violation
		return ErrConflict
	case "23503": // foreign_key_violation
		return ErrNotFound
	case "25006": // read_only_sql_transaction
		return ErrUnavailable
	}
	switch e.Code[:2] {
	case "22", "23": // data exception, integrity constraint violation
		return ErrInvalid
	case "08", "53", "57", "58": // connection, resources, operator intervention, system error
		return ErrUnavailable
	}
	return nil
}
