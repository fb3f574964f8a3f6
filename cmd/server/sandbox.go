package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/switchboardhq/switchboard/cybs/sandbox"
)

const sandboxStateFile = "sandbox-state.json"

// sandboxOptions are the flags of `server sandbox`.
type sandboxOptions struct {
	TLS     bool          `name:"tls" help:"speak TLS with a certificate of an own authority, kept in DATA_DIR"`
	Speed   float64       `name:"speed" default:"1" help:"divide Cybersource's waits: 60 makes a minute last a second"`
	Trickle time.Duration `name:"trickle" default:"0s" help:"make an event happen about so often, for example 5s; 0s: none"`
}

// sandboxOrganizations returns the configured organizations of the sandbox, or the one that is made and kept.
func sandboxOrganizations(cfg Config) ([]sandbox.Organization, error) {
	credentials, err := sandboxCredentials(cfg)
	if err != nil {
		return nil, err
	}
	list := make([]sandbox.Organization, 0, len(credentials))
	for _, c := range credentials {
		o, err := c.organization()
		if err != nil {
			return nil, err
		}
		list = append(list, o)
	}
	return list, nil
}

// sandboxConfig is the sandbox of this machine: URLs of it are fine as they are, and a subscription turns active while one looks at it.
func sandboxConfig(cfg Config, organizations []sandbox.Organization, log *slog.Logger) sandbox.Config {
	return sandbox.Config{
		Organizations: organizations, StateFile: filepath.Join(cfg.DataDir, sandboxStateFile), Logger: log.With("part", "sandbox"),
		ActivationDelay: sandboxActivation, AllowPlainHTTP: true, InstantApproval: true,
	}
}

// trustReceiver lets the built-in sandbox deliver to a receiver with TLS of its own, whoever signed its certificate, and shows it a client
// certificate of the authority that is kept in DATA_DIR: RECEIVER_CLIENT_CA may name that.
func trustReceiver(config *sandbox.Config, cfg Config) error {
	if cfg.ReceiverTLS.Certificate == "" {
		return nil
	}
	trusted, err := x509.SystemCertPool()
	if err != nil {
		trusted = x509.NewCertPool() // a machine without any: ours is enough
	}
	chain, err := os.ReadFile(cfg.ReceiverTLS.Certificate)
	if err != nil {
		return fmt.Errorf("let the sandbox trust the receiver: %w", err)
	}
	trusted.AppendCertsFromPEM(chain)
	authority, err := sandbox.OpenAuthority(cfg.DataDir, time.Now())
	if err != nil {
		return err
	}
	shown, err := authority.Issue("Switchboard sandbox", time.Now())
	if err != nil {
		return err
	}
	config.ReceiverCAs, config.ClientCertificate = trusted, &shown
	return nil
}

// serveSandbox runs the sandbox alone, for anybody's receiver, until ctx ends.
func serveSandbox(ctx context.Context, cfg Config, options sandboxOptions, log *slog.Logger, stdout io.Writer) (err error) {
	if !cfg.Sandbox() {
		return fmt.Errorf("CYBS_ENVIRONMENT is %q: want %s, or leave it out, for the sandbox alone", cfg.Environment, sandboxEnvironment)
	}
	if options.Speed <= 0 {
		return fmt.Errorf("--speed is %v: want a number above 0", options.Speed)
	}
	door, err := openDoor(ctx, "sandbox", "SANDBOX_ADDR", cfg.SandboxAddr)
	if err != nil {
		return err
	}
	down := func(undo func(context.Context) error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		err = errors.Join(err, undo(ctx))
	}
	defer down(door.close)
	if err := openDataDir(cfg.DataDir); err != nil {
		return err
	}
	organizations, err := sandboxOrganizations(cfg)
	if err != nil {
		return err
	}
	config := sandboxConfig(cfg, organizations, log)
	config.TimeScale, config.TrickleInterval = options.Speed, options.Trickle
	made, err := sandbox.New(config)
	if err != nil {
		return err
	}
	if err := made.Start(context.WithoutCancel(ctx)); err != nil { // Stop ends it
		return err
	}
	defer down(made.Stop)
	var authority *sandbox.Authority
	if options.TLS {
		if authority, err = sandbox.OpenAuthority(cfg.DataDir, time.Now()); err != nil {
			return err
		}
	}
	server, err := made.NewHTTPServer(door.address(), authority)
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	door.serve(server, failed)
	if err := printSandboxBanner(stdout, cfg, door, organizations[0], authority); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

func printSandboxBanner(w io.Writer, cfg Config, d *door, o sandbox.Organization, authority *sandbox.Authority) error {
	base := localURL(d)
	curl := "curl"
	p := &printer{w: w}
	if authority != nil {
		base = "https" + base[len("http"):]
		ca := filepath.Join(cfg.DataDir, sandbox.AuthorityFile)
		curl += " --cacert " + ca
		p.line("\nThe Cybersource sandbox is ready at " + base + ". Clients must trust " + ca + ".\n")
	} else {
		p.line("\nThe Cybersource sandbox is ready at " + base + ".\n")
	}
	keys := filepath.Join(cfg.DataDir, credentialsFileName)
	if len(cfg.SandboxCredentials) > 0 {
		keys = "SANDBOX_CREDENTIALS"
	}
	p.line("  Organization   " + o.OrganizationID + ", its REST keys are in " + keys)
	p.line("  Make an event  " + curl + " -d '{\"productId\":\"tokenManagement\",\"eventType\":\"tms.networktoken.updated\"}' " + base + "/sandbox/v1/events")
	p.line("  What was sent  " + curl + " " + base + "/sandbox/v1/deliveries")
	p.line("\n  Ctrl-C stops it.\n")
	if p.err != nil {
		return fmt.Errorf("print where the sandbox is: %w", p.err)
	}
	return nil
}
