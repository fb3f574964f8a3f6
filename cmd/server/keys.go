package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/embedded"
)

// progressInterval is how often a rotation says how far it is.
const progressInterval = 2 * time.Second

// keysDatabase is the database as the commands for encryption keys reach it: programs may be using it.
type keysDatabase struct {
	*database

	store   *store.Store
	running bool // a program uses it now
}

// openKeys opens the database beside whatever runs.
func openKeys(ctx context.Context, cfg Config, log *slog.Logger) (*keysDatabase, error) {
	keys, err := sealingKeys(cfg)
	if err != nil {
		return nil, err
	}
	sealer, err := store.NewSealer(keys...)
	if err != nil {
		return nil, err
	}
	db := &keysDatabase{}
	if cfg.DatabaseURL == "" {
		var url string
		if url, db.running, err = embedded.RunningURL(filepath.Join(cfg.DataDir, databaseDirName)); err != nil {
			return nil, err
		}
		if db.running {
			db.database = &database{url: url}
		}
	}
	if db.database == nil {
		if db.database, err = openDatabase(ctx, cfg, log); err != nil {
			return nil, err
		}
		if db.private == nil {
			db.running, err = usedNow(ctx, db.sessions())
		}
	}
	if err == nil {
		db.store, err = store.Open(ctx, store.Config{URL: db.sessions(), Sealer: sealer, MaxConns: 3})
	}
	if err != nil {
		return nil, errors.Join(err, db.stop(context.WithoutCancel(ctx)))
	}
	return db, nil
}

func (db *keysDatabase) close(ctx context.Context) error {
	db.store.Close()
	return db.stop(ctx)
}

// usedNow tells whether a program is connected to the database.
func usedNow(ctx context.Context, url string) (used bool, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return false, fmt.Errorf("DATABASE_URL leads to no usable database: %s", shortCause(err))
	}
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'switchboard' AND datname = current_database() AND pid <> pg_backend_pid())").Scan(&used)
	return used, errors.Join(err, conn.Close(ctx))
}

// keys runs one of the commands for encryption keys.
func keys(ctx context.Context, cfg Config, command string, log *slog.Logger, stdout io.Writer) (err error) {
	if command == "keys new" {
		return newSealingKey(cfg, stdout)
	}
	db, err := openKeys(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close(context.WithoutCancel(ctx))) }()
	if command == "keys rotate" {
		return rotateKeys(ctx, cfg, db, stdout)
	}
	return printKeys(ctx, db.store, stdout)
}

// printKeys counts what is sealed with which key.
func printKeys(ctx context.Context, st *store.Store, stdout io.Writer) error {
	counts, err := st.CountSealed(ctx)
	if err != nil {
		return err
	}
	configured := st.SealingKeyIDs()
	out := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	p := &printer{w: out}
	p.line("Encryption keys, newest first")
	for i, id := range configured {
		word := "older"
		if i == 0 {
			word = "newest: it seals"
		}
		p.line("  " + id + "\t" + word)
	}
	p.line("\nSealed values\tkey\tvalues\t")
	var older, missing int64
	for _, n := range counts {
		word := ""
		switch i := slices.Index(configured, n.KeyID); {
		case i < 0:
			word, missing = "NOT CONFIGURED: cannot be opened", missing+n.Values
		case i > 0:
			word, older = "older key", older+n.Values
		}
		p.line(fmt.Sprintf("  %s\t%s\t%d\t%s", n.Column, n.KeyID, n.Values, word))
	}
	p.line("")
	switch {
	case missing > 0:
		p.line(fmt.Sprintf("%d values cannot be opened. Put their keys back into ENCRYPTION_KEY, behind the newest.", missing))
	case older > 0:
		p.line(fmt.Sprintf("%d values are sealed with an older key. `server keys rotate` seals them with the newest.", older))
	case len(configured) > 1:
		p.line("Everything is sealed with the newest key. The older ones are not needed and can be removed.")
	default:
		p.line("Everything is sealed with the newest key.")
	}
	return errors.Join(p.err, out.Flush())
}

// rotateKeys seals everything with the newest key.
func rotateKeys(ctx context.Context, cfg Config, db *keysDatabase, stdout io.Writer) error {
	known, err := db.store.KnowsSealingKey(ctx)
	if err != nil {
		return err
	}
	if db.running && !known {
		return fmt.Errorf("a program runs that does not have the newest key, %s: it could not open what is sealed with it. Restart every program with all keys, the newest first, and run this again", db.store.SealingKeyIDs()[0])
	}
	p := &printer{w: stdout}
	p.line("Sealing everything with key " + db.store.SealingKeyIDs()[0] + ". Programs can go on meanwhile, and this can be interrupted and run again.")
	result, err := db.store.Reseal(ctx, newProgressPrinter(p).print)
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("interrupted after %d values: run this again to go on", result.Resealed)
		}
		return err
	}
	if !result.Complete() {
		for _, n := range result.Unreadable {
			p.line(fmt.Sprintf("  %s: %d values cannot be opened: their key %s is not configured, or they are damaged", n.Column, n.Values, n.KeyID))
		}
		return errors.Join(p.err, fmt.Errorf("sealed %d values, but not all: keep the older keys, put missing ones into ENCRYPTION_KEY, and run this again", result.Resealed))
	}
	if result.Resealed == 0 {
		p.line("Nothing to do: everything is sealed with the newest key.")
	} else {
		p.line(fmt.Sprintf("Done: %d values were sealed again.", result.Resealed))
	}
	if cfg.DatabaseURL == "" {
		return errors.Join(p.err, dropOldKeys(cfg, p))
	}
	if len(db.store.SealingKeyIDs()) > 1 {
		p.line("Remove the older keys from ENCRYPTION_KEY once every program runs with the newest one first.")
	}
	return p.err
}

// progressPrinter says from time to time how far a rotation is, and how long it may take.
type progressPrinter struct {
	p       *printer
	column  string
	begun   time.Time
	printed time.Time
}

func newProgressPrinter(p *printer) *progressPrinter { return &progressPrinter{p: p} }

func (r *progressPrinter) print(at store.ResealProgress) {
	now := time.Now()
	if at.Column != r.column {
		r.column, r.begun, r.printed = at.Column, now, time.Time{}
	} else if now.Sub(r.printed) < progressInterval {
		return
	}
	r.printed = now
	text := fmt.Sprintf("  %s: %d of about %d looked at, %d sealed again", at.Column, at.Seen, max(at.Total, at.Seen), at.Resealed)
	if took := now.Sub(r.begun); took > 0 && at.Total > at.Seen && !at.Resumed {
		left := time.Duration(float64(took) / float64(at.Seen) * float64(at.Total-at.Seen))
		text += ", about " + left.Round(time.Second).String() + " left"
	}
	if at.Resumed {
		text += " (going on from an interrupted run)"
	}
	r.p.line(text)
}
