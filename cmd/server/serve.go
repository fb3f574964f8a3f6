package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"time"
)

// How long what runs has to finish once the program was asked to end.
const stopWithin = 20 * time.Second

// serve runs the program until ctx ends, a door fails or the private database dies.
func serve(ctx context.Context, cfg Config, log *slog.Logger, stdout io.Writer) (err error) {
	a, err := start(ctx, cfg, log)
	if err != nil {
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return nil // asked to end while starting: what was started has been stopped
		}
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		err = errors.Join(err, a.stop(ctx))
	}()
	if err := a.printBanner(stdout); err != nil {
		return err
	}
	debug.FreeOSMemory() // what starting took, above all a password's hash, is given back to a server that now waits
	select {
	case <-ctx.Done():
		log.Info("stopping")
		return nil
	case err := <-a.failed:
		return err
	case <-a.database.ended():
		return a.database.private.Err()
	}
}

// printBanner tells a person where everything is and how to sign in.
func (a *app) printBanner(w io.Writer) error {
	p := &printer{w: w}
	p.line("\nSwitchboard " + buildVersion() + " is ready.\n")
	p.line("  Console     " + a.consoleURL())
	p.line("  Receiver    " + a.receiverURL())
	if a.sandbox != nil {
		p.line("  Sandbox     " + localURL(a.sandboxDoor) + "  (stands in for Cybersource)")
		if len(a.cfg.SandboxCredentials) == 0 {
			p.line("              organization " + a.sandboxOrgs[0].OrganizationID + ", its keys are in " + filepath.Join(a.cfg.DataDir, credentialsFileName))
		}
	} else {
		p.line("  Cybersource " + a.cybsURL(a.cfg.Environment))
	}
	p.line("  Operations  " + localURL(a.opsDoor) + "/readyz and /metrics")
	p.line("  Database    " + a.database.describe())
	p.line("")
	switch {
	case a.setupLink != "":
		p.line("  Nobody can sign in yet. Open this once, within a day, and make yourself the administrator:\n\n    " + a.setupLink)
	case a.adminMade:
		p.line("  Sign in as " + a.cfg.AdminEmail + " with the password in ADMIN_PASSWORD.")
	default:
		p.line("  Sign in with your account. If nobody can, `server admin reset` gives one administrator another password.")
	}
	for _, text := range a.warnings {
		p.line("\n  WARNING: " + text)
	}
	p.line("\n  Ctrl-C stops everything.\n")
	if p.err != nil {
		return fmt.Errorf("print where everything is: %w", p.err)
	}
	return nil
}

// describe names the database without its password.
func (d *database) describe() string {
	if d.private == nil {
		return "from DATABASE_URL"
	}
	return "PostgreSQL " + d.private.Version() + " of its own, log in " + d.private.LogFile()
}
