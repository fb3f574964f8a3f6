package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/jobs"
	"github.com/switchboardhq/switchboard/migrations"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web"
	"github.com/switchboardhq/switchboard/web/ops"
	"github.com/switchboardhq/switchboard/web/outbound"
	"github.com/switchboardhq/switchboard/web/receiver"
)

const (
	// A subscription of the built-in sandbox turns active while one looks at it; at Cybersource it takes minutes.
	sandboxActivation = 2 * time.Second
	callCybsWithin    = 30 * time.Second
	numberOfDoors     = 4
)

// app is the whole program: start builds and starts it, stop takes it down in the opposite order.
type app struct {
	cfg Config
	log *slog.Logger

	consoleDoor, receiverDoor, sandboxDoor, opsDoor *door // the sandbox's is nil outside its environment

	database    *database
	store       *store.Store
	sandbox     *sandbox.Sandbox // nil outside its environment
	sandboxOrgs []sandbox.Organization
	receiver    *receiver.Receiver
	jobs        *jobs.Jobs
	console     *web.Server
	adminMade   bool     // ADMIN_EMAIL has just been made the administrator
	setupLink   string   // "" when somebody can sign in
	warnings    []string // what is wrong although the program serves
	registry    *prometheus.Registry
	calls       *http.Client // to Cybersource

	ready  atomic.Bool
	failed chan error
	steps  []step
}

// step is what undoes a part of the start.
type step struct {
	name string
	undo func(context.Context) error
}

// start brings everything up. When it fails, what was started is stopped again.
func start(ctx context.Context, cfg Config, log *slog.Logger) (*app, error) {
	a := &app{cfg: cfg, log: log, failed: make(chan error, numberOfDoors), registry: ops.NewRegistry()}
	for _, part := range []func(context.Context) error{
		a.openDoors, // first: a taken port ends the program before anything was touched
		a.startOps,
		a.startStore,
		a.startSandbox,
		a.makeReceiver, // jobs judge by it, whether it is open or not
		a.startReceiver,
		a.startJobs,
		a.openReceiver, // after the jobs: this week's partitions are there for the first delivery
		a.startConsole,
		a.admit,
		a.announce,
	} {
		if err := part(ctx); err != nil {
			return nil, errors.Join(err, a.stop(context.WithoutCancel(ctx)))
		}
	}
	return a, nil
}

// onStop adds a step to the way down.
func (a *app) onStop(name string, undo func(context.Context) error) {
	a.steps = append(a.steps, step{name, undo})
}

// stop fails readiness, lets the doors finish, and stops the rest: console, jobs and receiver, then the pool, the sandbox, and
// PostgreSQL last. Every step is taken, whatever the others say; ctx bounds them all.
func (a *app) stop(ctx context.Context) error {
	a.ready.Store(false)
	var errs []error
	for _, s := range slices.Backward(a.steps) {
		begun := time.Now()
		if err := s.undo(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", s.name, err))
		}
		a.log.Debug("stopped", "part", s.name, "took", time.Since(begun))
	}
	a.steps = nil
	return errors.Join(errs...)
}

func (a *app) openDoors(ctx context.Context) error {
	doors := []struct {
		into                    **door
		name, variable, address string
	}{
		{&a.consoleDoor, "console", "CONSOLE_ADDR", a.cfg.ConsoleAddr},
		{&a.receiverDoor, "receiver", "RECEIVER_ADDR", a.cfg.ReceiverAddr},
		{&a.sandboxDoor, "sandbox", "SANDBOX_ADDR", a.cfg.SandboxAddr},
		{&a.opsDoor, "operations", "OPS_ADDR", a.cfg.OpsAddr},
	}
	for _, d := range doors {
		if d.into == &a.sandboxDoor && !a.cfg.Sandbox() {
			continue
		}
		opened, err := openDoor(ctx, d.name, d.variable, d.address)
		if err != nil {
			return err
		}
		*d.into = opened
		// Closing twice does nothing; this is for a start that fails before the door serves.
		a.onStop(d.name+" listener", func(context.Context) error {
			if err := opened.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				return err
			}
			return nil
		})
	}
	return nil
}

func (a *app) startOps(context.Context) error {
	handler, err := ops.New(ops.Config{Ready: a.checkReady, Warnings: func() []string { return a.warnings }, Registry: a.registry, Log: a.log})
	if err != nil {
		return err
	}
	a.opsDoor.serve(newServer(handler, a.log), a.failed)
	a.onStop("operations door", a.opsDoor.close)
	return nil
}

// anyProbe are the methods by which load balancers ask.
var anyProbe = []string{http.MethodGet, http.MethodHead, http.MethodOptions} //nolint:gochecknoglobals // a constant list

// probes answers load balancers on a listener: whether it takes work now. Grouping that stands still is no reason to send deliveries away, so
// /readyz of the operations listener alone tells that.
func (a *app) probes(base string, root ...string) *ops.Probes {
	return &ops.Probes{Base: base, Root: root, Serving: a.ready.Load, Ready: func(ctx context.Context) error { return a.store.CheckWritable(ctx) }}
}

func (a *app) checkReady(ctx context.Context) error {
	if !a.ready.Load() {
		return errNotReady
	}
	if err := a.store.CheckWritable(ctx); err != nil {
		return err
	}
	if err := a.receiver.CheckGrouping(); err != nil {
		return ops.Reason(err.Error())
	}
	return nil
}

// startStore opens the database, brings it to this program's schema and opens the store on it.
func (a *app) startStore(ctx context.Context) error {
	if err := openDataDir(a.cfg.DataDir); err != nil {
		return err
	}
	keys, err := sealingKeys(a.cfg)
	if err != nil {
		return err
	}
	sealer, err := store.NewSealer(keys...)
	if err != nil {
		return err
	}
	if a.database, err = openDatabase(ctx, a.cfg, a.log); err != nil {
		return err
	}
	a.onStop("database", a.database.stop)
	if _, err := migrations.Up(ctx, a.database.sessions()); err != nil {
		return err
	}
	if a.store, err = store.Open(ctx, store.Config{URL: a.database.url, DirectURL: a.database.direct, MaxConns: a.database.maxConns, Sealer: sealer}); err != nil {
		return err
	}
	if err := a.checkSealing(ctx); err != nil {
		a.store.Close()
		return err
	}
	return nil
}

func (a *app) startSandbox(ctx context.Context) error {
	// The pool closes after all that uses it and before the sandbox, which does not.
	closePool := func(context.Context) error { a.store.Close(); return nil }
	if !a.cfg.Sandbox() {
		a.onStop("store", closePool)
		return nil
	}
	var err error
	if a.sandboxOrgs, err = sandboxOrganizations(a.cfg); err == nil {
		config := sandboxConfig(a.cfg, a.sandboxOrgs, a.log)
		if err = trustReceiver(&config, a.cfg); err == nil {
			a.sandbox, err = sandbox.New(config)
		}
	}
	if err == nil {
		err = a.sandbox.Start(context.WithoutCancel(ctx)) // Stop ends it, after those who call it
	}
	if err != nil {
		return errors.Join(err, closePool(ctx))
	}
	a.sandboxDoor.serve(newServer(a.probes("", anyProbe...).Before(a.sandbox.Handler()), a.log), a.failed)
	a.onStop("sandbox", a.sandbox.Stop)
	a.onStop("sandbox door", a.sandboxDoor.close)
	a.onStop("store", closePool)
	return a.seed(ctx)
}

func (a *app) makeReceiver(context.Context) (err error) {
	a.receiver, err = receiver.New(receiver.Config{
		Alone: a.database.private != nil, // which is locked against a second program
		Store: a.store, Log: a.log.With("part", "receiver"), Metrics: a.registry, TrustedProxies: a.cfg.TrustedProxies,
		TLS: a.cfg.ReceiverTLS, Allow: a.cfg.ReceiverAllow, PublicURL: a.receiverURL(),
		KeepSecurityCodes: a.cfg.KeepSecurityCodes,
		IssuerTransport:   outbound.NewTransport(outbound.Config{Allow: a.cfg.OutboundAllow, Proxy: http.ProxyFromEnvironment}),
	})
	return err
}

func (a *app) startReceiver(ctx context.Context) error {
	if err := a.receiver.Start(ctx); err != nil {
		return err
	}
	a.onStop("receiver", func(ctx context.Context) error {
		// Together: the door's handlers wait for the commits that Stop makes.
		closed := make(chan error, 1)
		go func() { closed <- a.receiverDoor.close(ctx) }()
		return errors.Join(a.receiver.Stop(ctx), <-closed)
	})
	return nil
}

// openReceiver lets deliveries in.
func (a *app) openReceiver(context.Context) error {
	server := receiver.NewHTTPServer(a.probes(pathOf(a.receiverURL()), anyProbe...).Before(a.receiver.Handler()), a.log)
	server.TLSConfig = a.receiver.TLSConfig()
	a.receiverDoor.serve(server, a.failed)
	return nil
}

func (a *app) startJobs(ctx context.Context) error {
	a.calls = &http.Client{Timeout: callCybsWithin, Transport: newTransport()}
	a.onStop("connections to Cybersource", func(context.Context) error { a.calls.CloseIdleConnections(); return nil })
	var err error
	if a.jobs, err = jobs.New(jobs.Config{
		Store: a.store, Client: a.client, JudgeAgain: a.receiver.JudgeAgain, Log: a.log.With("part", "jobs"),
		Retention: a.cfg.Retention, Metrics: a.registry,
	}); err != nil {
		return err
	}
	if err := a.jobs.Start(ctx); err != nil {
		return err
	}
	a.onStop("jobs", a.jobs.Stop)
	return nil
}

func (a *app) startConsole(ctx context.Context) error {
	var err error
	a.console, err = web.New(web.Config{
		Store: a.store, Client: a.client, Sandbox: a.sandbox, Environment: a.cfg.Environment, ConsoleURL: a.consoleURL(),
		EndpointURL:      func(token string) (string, string) { return receiver.EndpointURLs(a.receiverURL(), token) },
		Receiver:         a.receiverFacts(),
		SyncSubscription: a.jobs.SyncSubscription, JudgeAgain: a.jobs.JudgeAgain, SameNotification: a.receiver.SameNotification, OpenDelivery: a.receiver.OpenDelivery, Development: a.cfg.Sandbox(), Log: a.log.With("part", "console"),
		TrustedProxies: a.cfg.TrustedProxies, Version: buildVersion(), Retention: a.cfg.Retention,
	})
	if err != nil {
		return err
	}
	if err := a.console.Start(context.WithoutCancel(ctx)); err != nil { // Stop ends it
		return err
	}
	a.onStop("live pages", a.console.Stop)
	// The console's root is a page, which sends those to sign in who have not: GET is not for probes there.
	server := newServer(a.probes("", http.MethodOptions).Before(a.console.Handler()), a.log)
	server.RegisterOnShutdown(a.console.EndStreams)
	a.consoleDoor.serve(server, a.failed)
	a.onStop("console door", a.consoleDoor.close)
	return nil
}

// announce tells the world once every door answers.
func (a *app) announce(ctx context.Context) error {
	where := addresses{Console: a.consoleDoor.address(), Receiver: a.receiverDoor.address(), Ops: a.opsDoor.address()}
	for _, d := range []*door{a.consoleDoor, a.receiverDoor, a.sandboxDoor, a.opsDoor} {
		if d == nil {
			continue
		}
		if err := d.answers(ctx); err != nil {
			return err
		}
	}
	if a.sandboxDoor != nil {
		where.Sandbox = a.sandboxDoor.address()
	}
	if err := where.write(a.cfg.DataDir); err != nil {
		return err
	}
	a.onStop("addresses", func(context.Context) error { return removeAddresses(a.cfg.DataDir) })
	a.ready.Store(true)
	return nil
}

// client makes a REST client with an organization's credentials.
func (a *app) client(ctx context.Context, o store.Organization) (*cybs.Client, error) {
	key, err := a.store.OrganizationSecret(ctx, o.ID)
	if err != nil {
		return nil, err
	}
	return cybs.New(cybs.Config{
		BaseURL: a.cybsURL(o.Environment), HTTPClient: a.calls, UserAgent: "switchboard/" + buildVersion(),
		Credentials: cybs.Credentials{OrganizationID: o.OrganizationID, MerchantID: o.MerchantID, KeyID: o.KeyID, Secret: key},
	})
}

// newTransport is the default one, without sharing its connections.
func newTransport() http.RoundTripper {
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		return t.Clone()
	}
	return &http.Transport{Proxy: http.ProxyFromEnvironment}
}
