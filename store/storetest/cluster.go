package storetest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store/embedded"
)

const (
	stopWithin    = 20 * time.Second
	abandonedDirs = "switchboard-test-*"
	abandonedAge  = time.Hour
)

// cluster is the server of this test process.
type cluster struct {
	start  sync.Once
	err    error
	dir    string
	server *embedded.Server
	admin  string // URL of a database to create others from

	template     sync.Once
	templateErr  error
	templateName string
}

// process is the one cluster of a test process, set by Main: tests share it, and the testing package offers no other place.
var process *cluster

// Main runs the tests of a package and then stops and removes the server they used. Call it from TestMain; it does not return.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main for packages that have more to do at the end: it returns the exit code.
func Run(m *testing.M) int {
	process = &cluster{}
	code := m.Run()
	if err := process.close(); err != nil {
		fmt.Fprintln(os.Stderr, "storetest:", err)
		return max(code, 1)
	}
	return code
}

// open starts the server once.
func (c *cluster) open(ctx context.Context) error {
	c.start.Do(func() { c.err = c.launch(ctx) })
	return c.err
}

func (c *cluster) launch(ctx context.Context) error {
	if url := os.Getenv("TEST_DATABASE_URL"); url != "" {
		c.admin = url
		return nil
	}
	removeAbandoned()
	var err error
	if c.dir, err = os.MkdirTemp("", abandonedDirs); err != nil {
		return fmt.Errorf("make a folder for the test database: %w", err)
	}
	if err := os.Chmod(c.dir, 0o711); err != nil {
		return fmt.Errorf("make a folder for the test database: %w", err)
	}
	c.server, err = embedded.Start(ctx, embedded.Config{
		Dir:          filepath.Join(c.dir, "pg"),
		BinDir:       os.Getenv("PG_BIN_DIR"),
		AllowInstall: true,
		Settings: map[string]string{
			// The data is thrown away: a power cut may have it.
			"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off",
			"max_connections": "200", "shared_buffers": "64MB", "max_wal_size": "1GB",
		},
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return fmt.Errorf("start the test database: %w", err)
	}
	c.admin = c.server.URL()
	return nil
}

func (c *cluster) close() error {
	var err error
	if c.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
		defer cancel()
		err = c.server.Stop(ctx)
	}
	if c.dir != "" {
		err = errors.Join(err, os.RemoveAll(c.dir))
	}
	return err
}

// removeAbandoned clears what killed test processes left in the temporary directory. A directory in use is locked.
func removeAbandoned() {
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), abandonedDirs))
	if err != nil {
		return // the pattern is constant
	}
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil || time.Since(info.ModTime()) < abandonedAge {
			continue
		}
		lock, err := os.Open(filepath.Join(dir, "pg", "lock"))
		if err != nil {
			continue
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(dir) // it is only tidying: another user's stays
		}
		_ = lock.Close() // only read
	}
}
