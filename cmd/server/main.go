package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/switchboardhq/switchboard/web/receiver"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the program at once
	}()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(receiver.GCPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(receiver.MemoryLimit)
	}
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

// run is the program without its process: it returns when the command is done or ctx ends, and its error is meant for a person.
func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	command, line, err := parse(args, getenv)
	if err != nil {
		return err
	}
	switch command {
	case "help":
		return printHelp(stdout)
	case "version":
		_, err := fmt.Fprintln(stdout, "switchboard", buildVersion())
		return err
	case "health":
		return checkHealth(ctx, line.settings, stdout)
	}
	if command == "admin reset" {
		return resetAdministrator(ctx, line.settings, stdout)
	}
	cfg, err := loadConfig(line.settings)
	if err != nil {
		return err
	}
	log := newLogger(cfg, os.Stderr)
	switch command {
	case "migrate up", "migrate down", "migrate status":
		return migrate(ctx, cfg, command, log, stdout)
	case "keys status", "keys rotate", "keys new":
		return keys(ctx, cfg, command, log, stdout)
	case "sandbox":
		return serveSandbox(ctx, cfg, line.Sandbox, log, stdout)
	default:
		return serve(ctx, cfg, log, stdout)
	}
}
