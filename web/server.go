package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/store"
)

// Config says what the console works with.
type Config struct {
	// Store keeps everything. Required.
	Store *store.Store
	// Client makes a REST client with an organization's credentials. Required.
	Client func(ctx context.Context, o store.Organization) (*cybs.Client, error)
	// EndpointURL gives the public receiver URLs for an endpoint's token. Required.
	EndpointURL func(token string) (webhookURL, healthURL string)
	// Receiver says what the receiver is set up for.
	Receiver ReceiverFacts
	// Sandbox switches the playground on. Nil: there is none.
	Sandbox *sandbox.Sandbox
	// Environment is sandbox, test, production or production-india. Required.
	Environment string
	// ConsoleURL is the console as browsers see it. Cookies are Secure iff it is https. Required.
	ConsoleURL string
	// SyncSubscription has a job ask Cybersource about a subscription soon. Nil: nothing asks.
	SyncSubscription func(ctx context.Context, id int64) error
	// JudgeAgain has a judgement of rejected deliveries, or its release, worked through: a small one at once, others soon. Nil: nothing does.
	JudgeAgain func(ctx context.Context, id int64) error
	// SameNotification finds the notification that a rejected delivery would be an attempt of; store.ErrNotFound when there is none. Nil: none is found.
	SameNotification func(ctx context.Context, d store.Delivery) (store.ID, error)
	// OpenDelivery reads a delivery that has its body, and decrypts it where it is encrypted, as the receiver does. Nil: nothing is decrypted.
	OpenDelivery func(d store.Delivery) (*cybs.Notification, error)
	// Development serves /styleguide.
	Development bool
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
	// Log takes the access log and what went wrong. Nil: nothing is logged.
	Log *slog.Logger
	// Retention is how long notifications are kept, to be shown. Zero: for ever.
	Retention time.Duration
	// TrustedProxies are those whose X-Forwarded-For counts. Empty: nobody's does.
	TrustedProxies []netip.Prefix
	// Version is shown to people.
	Version string
}

// ReceiverFacts are what the receiver is set up for, as far as subscriptions depend on it.
type ReceiverFacts struct {
	// TokenURL is the receiver's token endpoint, as Cybersource sees it. Empty: it has none.
	TokenURL string
	// Sources are the addresses and networks of RECEIVER_ALLOW. Empty: deliveries may come from anywhere.
	Sources []string
	// ClientCertificates says that the receiver can check client certificates.
	ClientCertificates bool
}

// Server is the console.
type Server struct {
	store            *store.Store
	client           func(ctx context.Context, o store.Organization) (*cybs.Client, error)
	endpointURL      func(token string) (webhookURL, healthURL string)
	receiver         ReceiverFacts
	sandbox          *sandbox.Sandbox
	environment      string
	consoleURL       *url.URL
	syncSubscription func(ctx context.Context, id int64) error
	judgeAgain       func(ctx context.Context, id int64) error
	sameNotification func(ctx context.Context, d store.Delivery) (store.ID, error)
	openDelivery     func(d store.Delivery) (*cybs.Notification, error)
	development      bool
	now              func() time.Time
	log              *slog.Logger
	version          string
	retention        time.Duration

	echo        *echo.Echo
	handler     http.Handler // echo, compressed
	sessions    *sessionStore
	sameOrigins *http.CrossOriginProtection
	passwords   *passwords
	work        heavyWork
	live        *hub
	brokenPage  []byte // the page of a 500, rendered at startup
}

// New checks cfg and builds the console. It starts nothing: see Start.
func New(cfg Config) (*Server, error) {
	consoleURL, err := cfg.check()
	if err != nil {
		return nil, fmt.Errorf("build console: %w", err)
	}
	s := &Server{
		store: cfg.Store, client: cfg.Client, endpointURL: cfg.EndpointURL, receiver: cfg.Receiver, sandbox: cfg.Sandbox, environment: cfg.Environment,
		consoleURL: consoleURL, syncSubscription: cfg.SyncSubscription, judgeAgain: cfg.JudgeAgain, sameNotification: cfg.SameNotification, openDelivery: cfg.OpenDelivery, development: cfg.Development, now: cfg.Now, log: cfg.Log,
		version: cfg.Version, retention: cfg.Retention, passwords: newPasswords(), work: newHeavyWork(), sameOrigins: http.NewCrossOriginProtection(),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.syncSubscription == nil {
		s.syncSubscription = func(context.Context, int64) error { return nil }
	}
	if s.judgeAgain == nil {
		s.judgeAgain = func(context.Context, int64) error { return nil }
	}
	if s.openDelivery == nil {
		s.openDelivery = parseOnly
	}
	if s.sameNotification == nil {
		s.sameNotification = func(context.Context, store.Delivery) (store.ID, error) { return store.ID{}, store.ErrNotFound }
	}
	// A proxy that rewrites Host makes a browser's Origin differ from it; the public URL is what the browser sees.
	if err := s.sameOrigins.AddTrustedOrigin(consoleURL.Scheme + "://" + consoleURL.Host); err != nil {
		return nil, fmt.Errorf("build console: console URL: %w", err)
	}
	s.sessions = newSessionStore(cfg.Store, consoleURL.Scheme == "https", s.now)
	s.live = newHub(cfg.Store, s.log)
	if s.brokenPage, err = s.renderBrokenPage(); err != nil {
		return nil, fmt.Errorf("build console: %w", err)
	}
	s.echo = s.routes(cfg.TrustedProxies)
	if s.handler, err = compress(s.echo); err != nil {
		return nil, fmt.Errorf("build console: %w", err)
	}
	return s, nil
}

func (cfg Config) check() (*url.URL, error) {
	var errs []error
	if cfg.Store == nil {
		errs = append(errs, errors.New("no store given"))
	}
	if cfg.Client == nil {
		errs = append(errs, errors.New("no way to make a Cybersource client given"))
	}
	if cfg.EndpointURL == nil {
		errs = append(errs, errors.New("no way to make endpoint URLs given"))
	}
	switch cfg.Environment {
	case "sandbox", "test", "production", "production-india":
	default:
		errs = append(errs, fmt.Errorf("environment %q is none of sandbox, test, production, production-india", cfg.Environment))
	}
	u, err := url.Parse(cfg.ConsoleURL)
	switch {
	case err != nil:
		errs = append(errs, fmt.Errorf("console URL: %w", err))
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		errs = append(errs, fmt.Errorf("console URL %q is not an http or https URL with a host", cfg.ConsoleURL))
	}
	return u, errors.Join(errs...)
}

// Handler is the console as a handler.
func (s *Server) Handler() http.Handler { return s.handler }

// Start begins to listen for changes, by which live pages refresh. It returns at once.
func (s *Server) Start(ctx context.Context) error { return s.live.start(ctx) }

// Stop ends the streams of live pages and waits for what Start began.
func (s *Server) Stop(ctx context.Context) error { return s.live.stop(ctx) }

// EndStreams ends the streams of live pages and refuses new ones. Give it to http.Server.RegisterOnShutdown: Shutdown
// waits for requests to end, and a stream ends only when told.
func (s *Server) EndStreams() { s.live.endStreams() }
