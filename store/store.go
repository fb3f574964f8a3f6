package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Config says how to open a Store.
type Config struct {
	// URL is the database, in any form pgx reads; several hosts are allowed. Required.
	URL string
	// Sealer seals secrets and bodies. Required.
	Sealer *Sealer
	// MaxConns bounds the pool. Zero means 24.
	MaxConns int32
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Store is the database. It is safe for concurrent use.
type Store struct {
	pool   *pgxpool.Pool
	sealer *Sealer
	bodies *bodyCoder
	now    func() time.Time
}

const defaultMaxConns = 24

// Open connects and checks that the database answers. The schema is not checked: see package migrations.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Sealer == nil {
		return nil, errors.New("open store: no sealer given")
	}
	bodies, err := newBodyCoder()
	if err != nil {
		return nil, err
	}
	poolConfig, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("read database URL: %w", err)
	}
	poolConfig.MaxConns = defaultMaxConns
	if cfg.MaxConns > 0 {
		poolConfig.MaxConns = cfg.MaxConns
	}
	// UTC sessions make what timestamps print as independent of the server's own zone.
	poolConfig.ConnConfig.RuntimeParams["timezone"] = "UTC"
	poolConfig.ConnConfig.RuntimeParams["application_name"] = "switchboard"
	// Go's strings are UTF-8, whatever the role or the database prefers.
	poolConfig.ConnConfig.RuntimeParams["client_encoding"] = "UTF8"
	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("reach database: %w", err)
	}
	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	return &Store{pool: pool, sealer: cfg.Sealer, bodies: bodies, now: now}, nil
}

// Close waits for running queries and closes the pool.
func (s *Store) Close() { s.pool.Close() }

// Pool is the connection pool, for the job queue that shares it.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

// CheckWritable reports whether the database takes writes now: it is reachable and not a read-only replica.
func (s *Store) CheckWritable(ctx context.Context) error {
	var readOnly bool
	if err := s.pool.QueryRow(ctx, "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean").Scan(&readOnly); err != nil {
		return fmt.Errorf("ask database for its state: %w", err)
	}
	if readOnly {
		return errors.New("the database is read-only")
	}
	return nil
}

// InTx runs fn in a transaction, commits when it returns nil and rolls back otherwise. fn must not call the network.
func (s *Store) InTx(ctx context.Context, fn func(pgx.Tx) error) error {
	tx, err := s.pool.Begin(ctx)
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

// querier is what a pool and a transaction have in common.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}
