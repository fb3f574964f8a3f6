package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	defaultMaxConns = 24
	// pgx waits two minutes for a server that says nothing. A pooler without a free server says nothing either.
	connectTimeout    = 5 * time.Second
	pgxConnectTimeout = 2 * time.Minute
	// fullPause and stuckPause are how long no connection is opened after the server refused one, or did not answer.
	fullPause  = 500 * time.Millisecond
	stuckPause = 30 * time.Second
	// freeInterval is how often a waiting caller looks for a free connection meanwhile, freeWithin how long it does so at most.
	freeInterval = 5 * time.Millisecond
	freeWithin   = 10 * time.Second
)

// errFull means that the server takes no more connections, and that all of ours are in use.
var errFull = errors.New("the database takes no more connections")

// pool is a pgxpool.Pool whose callers wait for a connection that another gives back when the server lets them open no more: a role, a
// database or a pooler may allow fewer than the pool would open.
type pool struct {
	*pgxpool.Pool
	openAfter atomic.Int64   // Unix nanoseconds; zero: now
	isolation pgx.TxIsoLevel // of transactions, where it cannot be set once; else empty
	// makeRoom closes connections that another pool of ours holds and does not use; nil when there is none.
	makeRoom func()
}

// poolConfig reads a database URL as every pool of ours does.
func poolConfig(url string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read database URL: %w", err)
	}
	c := cfg.ConnConfig
	if c.ConnectTimeout == pgxConnectTimeout {
		c.ConnectTimeout = connectTimeout
	}
	// What timestamps print as must not depend on the zone and the style that the server or the role has.
	c.RuntimeParams["timezone"], c.RuntimeParams["datestyle"] = "UTC", "ISO"
	c.RuntimeParams["application_name"] = "switchboard"
	if c.DefaultQueryExecMode == pgx.QueryExecModeExec || c.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol {
		// These two guess the types of arguments, JSON among them, and guess wrong. This one asks, and needs no prepared statements either.
		c.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	return cfg, nil
}

// readCommitted is what every statement here is written for, whatever the role has. It is no startup parameter: poolers refuse those that they do not know.
const readCommitted = "SET default_transaction_isolation = 'read committed'"

// newPool makes a pool; sessions says that what is set on a connection stays on it.
func newPool(ctx context.Context, cfg *pgxpool.Config, sessions bool) (*pool, error) {
	p := &pool{}
	if !sessions {
		p.isolation = pgx.ReadCommitted
	}
	cfg.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { return p.mayOpen() }
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		p.openAfter.Store(0)
		if !sessions {
			return nil
		}
		_, err := conn.Exec(ctx, readCommitted)
		return err
	}
	opened, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	p.Pool = opened
	return p, nil
}

// mayOpen lets one caller try again after a pause: the others wait for what it finds.
func (p *pool) mayOpen() error {
	after, now := p.openAfter.Load(), time.Now()
	if after == 0 || now.UnixNano() >= after && p.openAfter.CompareAndSwap(after, now.Add(fullPause).UnixNano()) {
		return nil
	}
	return errFull
}

// Acquire is that of pgxpool, but waits while the server takes no more connections.
func (p *pool) Acquire(ctx context.Context) (*pgxpool.Conn, error) {
	conn, err := p.Pool.Acquire(ctx)
	if err == nil || !p.full(ctx, err) {
		return conn, err
	}
	ctx, cancel := context.WithTimeout(ctx, freeWithin)
	defer cancel()
	look := time.NewTicker(freeInterval)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", errFull, err)
		case <-look.C:
		}
		conn, err = p.Pool.Acquire(ctx)
		if err == nil || !p.full(ctx, err) {
			return conn, err
		}
	}
}

// full tells whether err means that the server takes no more connections, and notes it.
func (p *pool) full(ctx context.Context, err error) bool {
	if errors.Is(err, errFull) {
		return true
	}
	var connectErr *pgconn.ConnectError
	if !errors.As(err, &connectErr) {
		return false
	}
	switch {
	case TooManyConnections(err):
		p.openAfter.Store(time.Now().Add(fullPause).UnixNano())
		if p.makeRoom != nil {
			p.makeRoom()
		}
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) && p.Stat().TotalConns() > 0:
		p.openAfter.Store(time.Now().Add(stuckPause).UnixNano())
	default:
		return false
	}
	return true
}

// TooManyConnections reports whether a server, or a pooler before it, refused a connection because it has too many.
func TooManyConnections(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && (pgErr.Code == "53300" || strings.Contains(pgErr.Message, "no more connections allowed")) // PgBouncer has no code of its own
}

// Query is that of pgxpool with this Acquire.
func (p *pool) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	conn, err := p.Acquire(ctx)
	if err != nil {
		return failedRows{err: err}, err
	}
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		conn.Release()
		return rows, err
	}
	return &heldRows{Rows: rows, conn: conn}, nil
}

// QueryRow is that of pgxpool with this Acquire.
func (p *pool) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, _ := p.Query(ctx, sql, args...) // its error comes back from Scan
	return firstRow{rows}
}

// Exec is that of pgxpool with this Acquire.
func (p *pool) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	conn, err := p.Acquire(ctx)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	defer conn.Release()
	return conn.Exec(ctx, sql, args...)
}

// inTx runs fn in a transaction on one connection.
func (p *pool) inTx(ctx context.Context, fn func(pgx.Tx) error) error {
	conn, err := p.Acquire(ctx)
	if err != nil {
		return mapError("begin transaction", err)
	}
	defer conn.Release()
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: p.isolation})
	if err != nil {
		return mapError("begin transaction", err)
	}
	defer func() {
		// After a commit this does nothing; otherwise it must outlive a cancelled ctx, or the connection is lost.
		rollbackCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = tx.Rollback(rollbackCtx)
	}()
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return mapError("commit", err)
	}
	return nil
}

// heldRows gives its connection back when it has been read.
type heldRows struct {
	pgx.Rows
	conn *pgxpool.Conn
}

// Close closes the rows and gives the connection back; twice does nothing.
func (r *heldRows) Close() {
	r.Rows.Close()
	if r.conn != nil {
		r.conn.Release()
		r.conn = nil
	}
}

// Next is false, and the connection given back, after the last row.
func (r *heldRows) Next() bool {
	more := r.Rows.Next()
	if !more {
		r.Close()
	}
	return more
}

// Scan gives the connection back when it fails, since that ends the rows.
func (r *heldRows) Scan(into ...any) error {
	err := r.Rows.Scan(into...)
	if err != nil {
		r.Close()
	}
	return err
}

// failedRows are those of a query that found no connection.
type failedRows struct {
	pgx.Rows
	err error
}

// Close does nothing.
func (failedRows) Close() {}

// Err is why there are no rows.
func (r failedRows) Err() error { return r.err }

// Next is false.
func (failedRows) Next() bool { return false }

// Scan fails.
func (r failedRows) Scan(...any) error { return r.err }

// CommandTag is empty.
func (failedRows) CommandTag() pgconn.CommandTag { return pgconn.CommandTag{} }

// firstRow is the first of rows, as QueryRow returns it.
type firstRow struct{ rows pgx.Rows }

// Scan reads the row and closes the rows. pgx.ErrNoRows when there is none.
func (r firstRow) Scan(into ...any) error {
	defer r.rows.Close()
	if err := r.rows.Err(); err != nil {
		return err
	}
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := r.rows.Scan(into...); err != nil {
		return err
	}
	r.rows.Close()
	return r.rows.Err()
}
