package webtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox/sandboxtest"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
	"github.com/switchboardhq/switchboard/web"
	"github.com/switchboardhq/switchboard/web/outbound"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// Password is that of every person [Server.Person] makes.
const Password = "four plain words here"

// SessionCookie is the name of the cookie on a console that has no https.
const SessionCookie = "switchboard_session"

// Server is a running console with a running receiver.
type Server struct {
	Store   *store.Store
	Sandbox *sandboxtest.Server
	Console *web.Server
	// Organization is the sandbox's, with its credentials.
	Organization store.Organization
	// URL is where the console answers.
	URL string

	tb     testing.TB
	log    *logBuffer
	mu     sync.Mutex
	people map[store.Role]store.User
	judge  func(ctx context.Context, id int64) error // nil without a receiver
	open   func(d store.Delivery) (*cybs.Notification, error)
}

// Option changes what New builds.
type Option func(*setup)

type setup struct {
	console []func(*web.Config)
	store   []func(*store.Config)
	sandbox []sandboxtest.Option

	withoutReceiver bool
}

// WithConsole changes the console's configuration.
func WithConsole(change func(*web.Config)) Option {
	return func(s *setup) { s.console = append(s.console, change) }
}

// WithStore changes the store's configuration.
func WithStore(change func(*store.Config)) Option {
	return func(s *setup) { s.store = append(s.store, change) }
}

// WithSandbox changes the sandbox.
func WithSandbox(options ...sandboxtest.Option) Option {
	return func(s *setup) { s.sandbox = append(s.sandbox, options...) }
}

// WithoutReceiver starts no receiver, for tests that file deliveries themselves: nothing listens where endpoints are.
func WithoutReceiver() Option {
	return func(s *setup) { s.withoutReceiver = true }
}

// New starts a console in the sandbox environment, with one organization, for one test.
func New(tb testing.TB, options ...Option) *Server {
	tb.Helper()
	var chosen setup
	for _, o := range options {
		o(&chosen)
	}
	s := &Server{tb: tb, log: &logBuffer{}, people: map[store.Role]store.User{}}
	s.Store = storetest.New(tb, chosen.store...)
	s.Sandbox = sandboxtest.New(tb, chosen.sandbox...)
	s.Organization = s.seed()
	receiverURL := "http://127.0.0.1:1"
	if !chosen.withoutReceiver {
		receiverURL = s.startReceiver()
	}

	door := httptest.NewUnstartedServer(nil)
	s.URL = "http://" + door.Listener.Addr().String()
	cfg := web.Config{
		Store: s.Store, Client: s.Client, Sandbox: s.Sandbox.Sandbox, Environment: "sandbox", ConsoleURL: s.URL,
		EndpointURL: func(token string) (string, string) { return receiver.EndpointURLs(receiverURL, token) },
		Receiver:    web.ReceiverFacts{TokenURL: receiver.TokenURL(receiverURL)},
		Log:         slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		JudgeAgain:  s.judge, OpenDelivery: s.open,
		Development: true,
	}
	for _, change := range chosen.console {
		change(&cfg)
	}
	console, err := web.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	s.Console = console
	if err := console.Start(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	door.Config.Handler = console.Handler()
	door.Start()
	tb.Cleanup(func() {
		console.EndStreams() // as RegisterOnShutdown does: Close waits for requests
		door.Close()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 10*time.Second)
		defer cancel()
		if err := console.Stop(ctx); err != nil {
			tb.Errorf("stop console: %v", err)
		}
	})
	return s
}

// seed stores the sandbox's organization with its credentials.
func (s *Server) seed() store.Organization {
	s.tb.Helper()
	c := s.Sandbox.Credentials
	o, err := s.Store.InsertOrganization(s.tb.Context(), store.Organization{
		OrganizationID: c.OrganizationID, Environment: "sandbox", Name: "Sandbox organization", MerchantID: c.MerchantID, KeyID: c.KeyID,
	}, c.Secret, store.AuditEntry{Actor: "switchboard", Action: "organization.create"})
	if err != nil {
		s.tb.Fatal(err)
	}
	return o
}

// Client is a REST client with the credentials stored for an organization, as cmd/server makes it.
func (s *Server) Client(ctx context.Context, o store.Organization) (*cybs.Client, error) {
	secret, err := s.Store.OrganizationSecret(ctx, o.ID)
	if err != nil {
		return nil, err
	}
	return cybs.New(cybs.Config{
		BaseURL: s.Sandbox.URL,
		Credentials: cybs.Credentials{
			OrganizationID: o.OrganizationID, MerchantID: o.MerchantID, KeyID: o.KeyID, Secret: secret,
		},
		MaxAttempts: 1,
	})
}

// startReceiver opens Cybersource's door, and returns where it is.
func (s *Server) startReceiver() string {
	s.tb.Helper()
	r, err := receiver.New(receiver.Config{
		Store:           s.Store,
		IssuerTransport: outbound.NewTransport(outbound.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}),
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	if err := r.Start(s.tb.Context()); err != nil {
		s.tb.Fatal(err)
	}
	s.judge, s.open = r.JudgeAgain, r.OpenDelivery
	door := httptest.NewServer(r.Handler())
	s.tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.tb.Context()), 10*time.Second)
		defer cancel()
		if err := r.Stop(ctx); err != nil {
			s.tb.Errorf("stop receiver: %v", err)
		}
		door.Close()
	})
	return door.URL
}

// Logged is what the console has logged so far.
func (s *Server) Logged() string { return s.log.String() }

// Person is somebody of that role, made when first asked for: their address is role@example.com, their password Password.
func (s *Server) Person(role store.Role) store.User {
	s.tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if u, ok := s.people[role]; ok {
		return u
	}
	u := s.AddPerson(string(role)+"@example.com", role)
	s.people[role] = u
	return u
}

// AddPerson makes somebody with the password Password.
func (s *Server) AddPerson(email string, role store.Role) store.User {
	s.tb.Helper()
	// Cheap parameters: tests sign in often.
	hash, err := argon2id.CreateHash(Password, &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		s.tb.Fatal(err)
	}
	name, _, _ := strings.Cut(email, "@")
	u, err := s.Store.InsertUser(s.tb.Context(), store.User{Email: email, Name: "Ada " + name, Role: role, PasswordHash: hash})
	if err != nil {
		s.tb.Fatal(err)
	}
	return u
}

// As is a browser in which somebody of that role is signed in.
func (s *Server) As(role store.Role) *Client {
	s.tb.Helper()
	return s.AsUser(s.Person(role))
}

// AsUser is a browser in which that person is signed in.
func (s *Server) AsUser(u store.User) *Client {
	s.tb.Helper()
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // crypto/rand.Read never fails since Go 1.24
	id := base64.RawURLEncoding.EncodeToString(raw)
	sum := sha256.Sum256([]byte(id))
	err := s.Store.SaveSession(s.tb.Context(), store.Session{IDHash: sum[:], UserID: u.ID, Data: []byte("{}"), ExpiresAt: time.Now().Add(12 * time.Hour)})
	if err != nil {
		s.tb.Fatal(err)
	}
	c := s.Stranger()
	c.SetCookie(SessionCookie, id)
	return c
}

// Stranger is a browser in which nobody is signed in.
func (s *Server) Stranger() *Client {
	s.tb.Helper()
	return NewClient(s.tb, s.URL, &http.Transport{DisableCompression: true})
}

// logBuffer is written by many requests at once.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
