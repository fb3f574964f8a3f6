// Package migrations holds the database schema as embedded goose files and brings a database to it.
//
// Files are numbered, one concern a file, and never edited once merged; each works with the release before it.
// River's own tables are migrated by River's migrator under the same lock. The package knows nothing of the
// rest of the program.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed *.sql
var files embed.FS

// ErrNewerDatabase means that the database was migrated by a later release than this program, which must not touch it.
var ErrNewerDatabase = errors.New("the database is of a newer version than this program")

// lockID is the advisory lock under which replicas that start together migrate one after the other.
const lockID = 7_365_022_019

// Status is one migration file and whether it has been applied.
type Status struct {
	Version int64
	File    string
	Applied bool
}

// FS returns the migration files, for tools that fingerprint or lint the schema.
func FS() fs.FS { return files }

// Up applies every pending migration, goose's and River's, under one advisory lock. It returns the version reached.
// A database that is ahead of this program fails with ErrNewerDatabase and is left alone.
func Up(ctx context.Context, databaseURL string) (int64, error) {
	var version int64
	err := locked(ctx, databaseURL, func(db *sql.DB) error {
		provider, err := newProvider(db)
		if err != nil {
			return err
		}
		if _, err = provider.Up(ctx); err != nil {
			return fmt.Errorf("apply migrations: %w", err)
		}
		version, err = provider.GetDBVersion(ctx)
		if err != nil {
			return fmt.Errorf("read schema version: %w", err)
		}
		return nil
	}, func(pool *pgxpool.Pool) error {
		return riverUp(ctx, pool)
	})
	return version, err
}

// Down takes back the last applied migration of ours. River's tables stay.
func Down(ctx context.Context, databaseURL string) (int64, error) {
	var version int64
	err := locked(ctx, databaseURL, func(db *sql.DB) error {
		provider, err := newProvider(db)
		if err != nil {
			return err
		}
		if _, err = provider.Down(ctx); err != nil {
			return fmt.Errorf("take back a migration: %w", err)
		}
		version, err = provider.GetDBVersion(ctx)
		return err
	}, nil)
	return version, err
}

// List tells of each migration, oldest first, whether the database has it.
func List(ctx context.Context, databaseURL string) ([]Status, error) {
	config, err := pgxpool.ParseConfig(databaseURL) // which knows pool_max_conns, unlike pgx
	if err != nil {
		return nil, fmt.Errorf("read database URL: %w", err)
	}
	db := stdlib.OpenDB(*config.ConnConfig)
	defer func() { _ = db.Close() }() // read only: nothing is lost when closing fails
	provider, err := newProvider(db)
	if err != nil {
		return nil, err
	}
	states, err := provider.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("read schema status: %w", err)
	}
	list := make([]Status, 0, len(states))
	for _, s := range states {
		list = append(list, Status{Version: s.Source.Version, File: s.Source.Path, Applied: s.State == goose.StateApplied})
	}
	return list, nil
}

// Check reports whether the database has exactly the schema this program was built for: nil, ErrNewerDatabase, or an error that
// names the first missing migration.
func Check(ctx context.Context, databaseURL string) error {
	list, err := List(ctx, databaseURL)
	if err != nil {
		return err
	}
	for _, s := range list {
		if !s.Applied {
			return fmt.Errorf("migration %s is not applied: run `server migrate up`", s.File)
		}
	}
	return nil
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files)
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return provider, nil
}

// locked runs the steps while it holds the advisory lock on a session of its own, after making sure that the database is not ahead.
func locked(ctx context.Context, databaseURL string, ours func(*sql.DB) error, river func(*pgxpool.Pool) error) error {
	config, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return fmt.Errorf("read database URL: %w", err)
	}
	config.MaxConns, config.MinConns, config.MinIdleConns = 3, 0, 0
	if mode := &config.ConnConfig.DefaultQueryExecMode; *mode == pgx.QueryExecModeExec || *mode == pgx.QueryExecModeSimpleProtocol {
		*mode = pgx.QueryExecModeCacheDescribe // those two guess the types of arguments
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	defer pool.Close()
	session, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect to database: %w", err)
	}
	defer session.Release()
	if _, err := session.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(lockID)); err != nil {
		return fmt.Errorf("take migration lock: %w", err)
	}
	defer func() {
		// The lock ends with the session in any case, so a failure here costs nothing.
		_, _ = session.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(lockID))
	}()

	db := stdlib.OpenDBFromPool(pool)
	defer func() { _ = db.Close() }() // the pool below it is closed by the defer above
	if err := refuseNewer(ctx, db); err != nil {
		return err
	}
	if err := ours(db); err != nil {
		return err
	}
	if river == nil {
		return nil
	}
	return river(pool)
}

func refuseNewer(ctx context.Context, db *sql.DB) error {
	provider, err := newProvider(db)
	if err != nil {
		return err
	}
	has, err := provider.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	sources := provider.ListSources()
	knows := sources[len(sources)-1].Version
	if has > knows {
		return fmt.Errorf("%w: it has schema version %d, this program knows %d", ErrNewerDatabase, has, knows)
	}
	return nil
}

func riverUp(ctx context.Context, pool *pgxpool.Pool) error {
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("prepare job migrations: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("apply job migrations: %w", err)
	}
	return nil
}
