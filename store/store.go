package store

import (
	"cmp"
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
	// DirectURL is the same database, reached by connections that are sessions: changes are listened for and locks are held on them. Empty: those of
	// URL are. Given, URL leads through a pooler that keeps no sessions, so nothing is left on its connections, prepared statements included.
	DirectURL string
	// Sealer seals secrets and bodies. Required.
	Sealer *Sealer
	// MaxConns bounds the pool. Zero means what URL says with pool_max_conns, else 24. Up to seven more listen and hold locks.
	MaxConns int32
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Store is the database. It is safe for concurrent use.
type Store struct {
	pool   *pool
	locks  *pool           // of those who hold a lock: they must not keep connections from what they wait for
	direct *pgx.ConnConfig // of connections that stay open, and are sessions
	pooled bool            // the pool's connections are not
	sealer *Sealer
	bodies *bodyCoder
	now    func() time.Time
}

// maxLocks bounds the pool of those who hold a lock; fewMaxConns is a pool beside which it is halved.
const (
	maxLocks    = 4
	fewMaxConns = 8
)

// Open connects and checks that the database answers. The schema is not checked: see package migrations.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Sealer == nil {
		return nil, errors.New("open store: no sealer given")
	}
	bodies, err := newBodyCoder()
	if err != nil {
		return nil, err
	}
	s := &Store{sealer: cfg.Sealer, bodies: bodies, now: cfg.Now, pooled: cfg.DirectURL != ""}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.openPools(ctx, cfg); err != nil {
		return nil, err
	}
	if err := s.ping(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("reach database: %w", err)
	}
	return s, nil
}

func (s *Store) openPools(ctx context.Context, cfg Config) error {
	pooled, err := poolConfig(cfg.URL)
	if err != nil {
		return err
	}
	sessions, err := poolConfig(cmp.Or(cfg.DirectURL, cfg.URL))
	if err != nil {
		return err
	}
	pooled.MaxConns = cmp.Or(cfg.MaxConns, ConnsInURL(cfg.URL), defaultMaxConns)
	if s.pooled {
		pooled.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe // the one that needs nothing of the last exchange
	}
	pooled.MinConns, pooled.MinIdleConns = min(pooled.MinConns, pooled.MaxConns), min(pooled.MinIdleConns, pooled.MaxConns)
	s.direct = sessions.ConnConfig.Copy()
	sessions.MaxConns, sessions.MinConns, sessions.MinIdleConns, sessions.MaxConnIdleTime = maxLocks, 0, 0, time.Minute
	if pooled.MaxConns <= fewMaxConns {
		sessions.MaxConns = maxLocks / 2
	}
	if s.pool, err = newPool(ctx, pooled, !s.pooled); err != nil {
		return err
	}
	if s.locks, err = newPool(ctx, sessions, true); err != nil {
		s.pool.Close()
		return err
	}
	// A role that is allowed fewer connections than before may have spent them all on what waits for work here.
	s.locks.makeRoom = s.pool.Reset
	return nil
}

// ping proves that the database answers.
func (s *Store) ping(ctx context.Context) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	return conn.Ping(ctx)
}

// ConnsInURL is the pool_max_conns of a database URL, zero when it has none.
func ConnsInURL(url string) int32 {
	parsed, err := pgx.ParseConfig(url)
	if err != nil || parsed.RuntimeParams["pool_max_conns"] == "" {
		return 0
	}
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return 0
	}
	return cfg.MaxConns
}

// Close waits for running queries and closes the pools.
func (s *Store) Close() {
	s.locks.Close()
	s.pool.Close()
}

// Pool is the connection pool, for the job queue that shares it.
func (s *Store) Pool() *pgxpool.Pool { return s.pool.Pool }

// Sessions reports whether the pool's connections are sessions: what is set or listened for on one stays on it.
func (s *Store) Sessions() bool { return !s.pooled }

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
func (s *Store) InTx(ctx context.Context, fn func(pgx.Tx) error) error { return s.pool.inTx(ctx, fn) }

// querier is what a pool and a transaction have in common.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}
