package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/switchboardhq/switchboard/store/embedded"
)

const (
	databaseDirName  = "postgres"
	reachWithin      = 10 * time.Second
	minimumServerNum = 150000
)

// database is where everything is kept: a configured one, or a private one of ours.
type database struct {
	url     string
	private *embedded.Server // nil for a configured one
}

// openDatabase reaches the configured database or starts the private one.
func openDatabase(ctx context.Context, cfg Config, log *slog.Logger) (*database, error) {
	if cfg.DatabaseURL != "" {
		db := &database{url: string(cfg.DatabaseURL)}
		return db, db.reach(ctx)
	}
	if err := openDataDir(cfg.DataDir); err != nil {
		return nil, err
	}
	if _, err := sealingKeys(cfg); err != nil { // the key is there before the first thing it could seal
		return nil, err
	}
	server, err := embedded.Start(ctx, embedded.Config{
		Dir: filepath.Join(cfg.DataDir, databaseDirName), BinDir: cfg.PgBinDir, AllowInstall: cfg.PgInstall, Log: log,
	})
	if err != nil {
		return nil, err
	}
	return &database{url: server.URL(), private: server}, nil
}

// hasPrivateDatabase tells whether there is one from an earlier start.
func hasPrivateDatabase(cfg Config) bool {
	found, err := filepath.Glob(filepath.Join(cfg.DataDir, databaseDirName, "*", "data", "PG_VERSION"))
	return err == nil && len(found) > 0
}

// reach proves that DATABASE_URL leads to a database that will do, and says in one sentence if not.
func (d *database) reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	where := "DATABASE_URL"
	if parsed, err := pgx.ParseConfig(d.url); err == nil {
		where += fmt.Sprintf(" (%s, database %s)", net.JoinHostPort(parsed.Host, strconv.Itoa(int(parsed.Port))), parsed.Database)
	}
	conn, err := pgx.Connect(ctx, d.url)
	if err != nil {
		return fmt.Errorf("%s leads to no usable database: %s", where, shortCause(err))
	}
	var number int
	var encoding string
	err = conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int, current_setting('server_encoding')").Scan(&number, &encoding)
	if err := errors.Join(err, conn.Close(ctx)); err != nil {
		return fmt.Errorf("%s leads to no usable database: %w", where, err)
	}
	if number < minimumServerNum {
		return fmt.Errorf("%s leads to PostgreSQL %d: want 15 or newer", where, number/10000)
	}
	if encoding != "UTF8" {
		return fmt.Errorf("%s has the encoding %s, which cannot hold every character that notifications contain: make a database with CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8', and name that one", where, encoding)
	}
	return nil
}

// shortCause picks the sentence out of pgx's error, which lists every attempt on lines of its own.
func shortCause(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Message
	}
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		if many, ok := cause.(interface{ Unwrap() []error }); ok && len(many.Unwrap()) > 0 {
			return shortCause(many.Unwrap()[0])
		}
		err = cause
	}
	return err.Error()
}

// ended is closed when the private database has ended; a configured one's never is.
func (d *database) ended() <-chan struct{} {
	if d.private == nil {
		return nil
	}
	return d.private.Done()
}

func (d *database) stop(ctx context.Context) error {
	if d.private == nil {
		return nil
	}
	return d.private.Stop(ctx)
}
