package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/switchboardhq/switchboard/migrations"
	"github.com/switchboardhq/switchboard/store/embedded"
)

// options are the flags.
type options struct {
	rounds    int
	duration  time.Duration
	sustained time.Duration
	stored    int
	dir       string
	only      string
	printOnly bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout) //nolint:forbidigo // main reads the environment once
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, getenv func(string) string, out io.Writer) error {
	if len(args) > 0 && args[0] == childCommand {
		return serveChild(ctx, getenv, out)
	}
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.rounds, "rounds", 3, "how often everything is measured in turn")
	flags.DurationVar(&o.duration, "duration", 10*time.Second, "how long each measurement takes")
	flags.DurationVar(&o.sustained, "sustained", time.Minute, "how long the sustained measurement takes")
	flags.IntVar(&o.stored, "stored", 3_000_000, "how many deliveries the full database has stored; 0 leaves that measurement out")
	flags.StringVar(&o.dir, "dir", os.TempDir(), "a folder on the disk to measure")
	flags.StringVar(&o.only, "only", "", "comma-separated names of what to measure, such as 64,64/alone; ratios that need more are left out")
	flags.BoolVar(&o.printOnly, "print", false, "do not fail when a ratio is missed")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("read flags: %w", err)
	}
	if o.only != "" && !slices.Contains(strings.Split(o.only, ","), "full") {
		o.stored = 0
	}
	if o.rounds < 1 || o.stored < 0 || o.duration < time.Second || o.sustained < time.Second {
		return errors.New("read flags: at least one round, and one second for each measurement")
	}
	return measure(ctx, o, getenv("PG_BIN_DIR"), out)
}

func measure(ctx context.Context, o options, binDir string, out io.Writer) (err error) {
	dir, err := os.MkdirTemp(o.dir, "switchboard-bench-")
	if err != nil {
		return fmt.Errorf("make a folder for the database: %w", err)
	}
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // PostgreSQL may run as another user, who must pass through
		return fmt.Errorf("make a folder for the database: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server, err := embedded.Start(ctx, embedded.Config{Dir: filepath.Join(dir, "pg"), BinDir: binDir, AllowInstall: true, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return fmt.Errorf("start the database: %w", err)
	}
	defer func() {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, server.Stop(stopCtx))
	}()
	if _, err := migrations.Up(ctx, server.URL()); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	b, err := newBench(ctx, o, server.URL(), dir, out)
	if err != nil {
		return err
	}
	defer b.store.Close()
	if err := b.describeMachine(ctx, server.Version()); err != nil {
		return err
	}
	if o.stored > 0 {
		if b.full, err = b.fill(ctx, o.stored); err != nil {
			return err
		}
		defer b.full.store.Close()
	}
	for round := range o.rounds {
		if err := b.round(ctx, round); err != nil {
			return fmt.Errorf("round %d: %w", round+1, err)
		}
	}
	return b.report()
}
