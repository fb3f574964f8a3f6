package storetest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/switchboardhq/switchboard/migrations"
)

const (
	setUpWithin = 2 * time.Minute
	lockID      = 7_365_022_020 // of those who build a template; migrations have their own
)

// Database makes a migrated database for one test, drops it at the test's end and returns its URL.
func Database(tb testing.TB) string {
	tb.Helper()
	if process == nil {
		tb.Fatal("storetest: this package's TestMain must call storetest.Main")
	}
	ctx, cancel := context.WithTimeout(tb.Context(), setUpWithin)
	defer cancel()
	if err := process.open(ctx); err != nil {
		tb.Fatal(err)
	}
	if err := process.prepareTemplate(ctx); err != nil {
		tb.Fatal(err)
	}
	// Copying files is faster than writing the copy to the log where nothing is synced.
	return create(ctx, tb, "TEMPLATE "+quote(process.templateName)+" STRATEGY FILE_COPY")
}

// DatabaseEncoded is Database with another encoding than UTF8, such as SQL_ASCII or LATIN1.
func DatabaseEncoded(tb testing.TB, encoding string) string {
	tb.Helper()
	if process == nil {
		tb.Fatal("storetest: this package's TestMain must call storetest.Main")
	}
	ctx, cancel := context.WithTimeout(tb.Context(), setUpWithin)
	defer cancel()
	if err := process.open(ctx); err != nil {
		tb.Fatal(err)
	}
	address := create(ctx, tb, "TEMPLATE template0 ENCODING "+quote(encoding)+" LC_COLLATE 'C' LC_CTYPE 'C'")
	if _, err := migrations.Up(ctx, address); err != nil {
		tb.Fatal(err)
	}
	return address
}

// create makes a database that is dropped at the test's end.
func create(ctx context.Context, tb testing.TB, options string) string {
	tb.Helper()
	name := "test_" + strings.ToLower(rand.Text())
	if err := process.exec(ctx, "CREATE DATABASE "+quote(name)+" "+options); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), setUpWithin)
		defer cancel()
		if err := process.exec(ctx, "DROP DATABASE "+quote(name)+" WITH (FORCE)"); err != nil {
			tb.Errorf("drop the test's database: %v", err)
		}
	})
	return process.url(name)
}

// prepareTemplate builds the template unless this or another process has. Its name says which schema it has; it gets that name
// only when it is complete.
func (c *cluster) prepareTemplate(ctx context.Context) error {
	c.template.Do(func() {
		c.templateName, c.templateErr = templateName()
		if c.templateErr == nil {
			c.templateErr = c.buildTemplate(ctx)
		}
	})
	return c.templateErr
}

func (c *cluster) buildTemplate(ctx context.Context) (err error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }() // which releases the lock
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(lockID)); err != nil {
		return fmt.Errorf("wait for the template database: %w", err)
	}
	var found bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", c.templateName).Scan(&found); err != nil || found {
		return err
	}
	building := c.templateName + "_building"
	for _, sql := range []string{"DROP DATABASE IF EXISTS " + quote(building) + " WITH (FORCE)", "CREATE DATABASE " + quote(building)} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("make the template database: %w", err)
		}
	}
	if _, err := migrations.Up(ctx, c.url(building)); err != nil {
		return fmt.Errorf("migrate the template database: %w", err)
	}
	if _, err := conn.Exec(ctx, "ALTER DATABASE "+quote(building)+" RENAME TO "+quote(c.templateName)); err != nil {
		return fmt.Errorf("name the template database: %w", err)
	}
	return nil
}

// templateName is derived from all that decides the schema: our files and the version of the job queue.
func templateName() (string, error) {
	h := sha256.New()
	files := migrations.FS()
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(h, "%s %d\n%s", path, len(text), text)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read the migrations: %w", err)
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if strings.HasPrefix(m.Path, "github.com/riverqueue/river") {
				if _, err := fmt.Fprintln(h, m.Path, m.Version); err != nil {
					return "", fmt.Errorf("fingerprint the schema: %w", err)
				}
			}
		}
	}
	return "template_" + hex.EncodeToString(h.Sum(nil)[:8]), nil
}

func (c *cluster) connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, c.admin)
	if err != nil {
		return nil, fmt.Errorf("connect to the test server (TEST_DATABASE_URL=%t): %w", os.Getenv("TEST_DATABASE_URL") != "", err)
	}
	return conn, nil
}

func (c *cluster) exec(ctx context.Context, sql string) error {
	conn, err := c.connect(ctx)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

// url returns the server's address with another database.
func (c *cluster) url(name string) string {
	u, err := url.Parse(c.admin)
	if err != nil { // in the form of keywords
		return c.admin + " dbname=" + name
	}
	u.Path = "/" + name
	return u.String()
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
