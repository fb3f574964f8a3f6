package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"path/filepath"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/switchboardhq/switchboard/store/embedded"
)

const databaseDirName = "postgres"

// database is where everything is kept: a configured one, or a private one of ours.
type database struct {
	url      string
	direct   string           // past the pooler that url leads through; "": there is none
	maxConns int32            // of the pool
	private  *embedded.Server // nil for a configured one
}

// sessions is the URL whose connections are sessions, as migrations need.
func (d *database) sessions() string { return cmp.Or(d.direct, d.url) }

// openDatabase reaches the configured database or starts the private one.
func openDatabase(ctx context.Context, cfg Config, log *slog.Logger) (*database, error) {
	if cfg.DatabaseURL != "" {
		db := &database{url: string(cfg.DatabaseURL), direct: string(cfg.DatabaseDirectURL)}
		return db, db.reach(ctx, cfg, log)
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
	return &database{url: server.URL(), private: server, maxConns: cfg.DatabaseMaxConns}, nil
}

// hasPrivateDatabase tells whether there is one from an earlier start.
func hasPrivateDatabase(cfg Config) bool {
	found, err := filepath.Glob(filepath.Join(cfg.DataDir, databaseDirName, "*", "data", "PG_VERSION"))
	return err == nil && len(found) > 0
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
