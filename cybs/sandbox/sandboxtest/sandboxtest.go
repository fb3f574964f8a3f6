// Package sandboxtest gives tests a started sandbox behind a real HTTP server.
//
// The sandbox is mounted under a base path, so that a client that builds
// absolute paths is caught. Its clock is fast: a minute of Cybersource's takes a
// millisecond, pings start at once, every URL is approved, and plain HTTP is
// allowed, so that receivers can be httptest servers. All of that can be changed
// by options.
package sandboxtest

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
)

// What New seeds.
const (
	OrganizationID = "sandbox_org"
	MerchantID     = "sandbox_mid"
	KeyID          = "5a0d8f5e-3c1f-4f3e-9a53-0f6f0c2d7b11"
	BasePath       = "/mounted/here"
)

// Patience is how long the waiting methods wait before they fail the test.
const Patience = 20 * time.Second

// Server is a started sandbox and where it listens.
type Server struct {
	*sandbox.Sandbox
	// URL is the base URL for clients, base path included.
	URL string
	// Credentials are those of the seeded organization.
	Credentials cybs.Credentials
}

// Option changes the configuration before the sandbox is made.
type Option func(*sandbox.Config)

// New starts a sandbox with one organization and stops it with the test.
func New(t testing.TB, opts ...Option) *Server {
	t.Helper()
	secret := cybs.Secret(bytes.Repeat([]byte{0x5a, 0x17}, 16))
	cfg := sandbox.Config{
		Organizations: []sandbox.Organization{{
			OrganizationID: OrganizationID, MerchantID: MerchantID, Name: "Sandbox organization",
			Keys: []sandbox.APIKey{{KeyID: KeyID, Secret: secret}},
		}},
		BasePath: BasePath, TimeScale: float64(time.Minute / time.Millisecond), Seed: 1, ActivationDelay: -1,
		HealthInterval: 10 * time.Hour, UnhealthyInterval: 20 * time.Minute, // 600 ms and 20 ms
		AllowPlainHTTP: true, InstantApproval: true,
	}
	for _, o := range opts {
		o(&cfg)
	}
	s, err := sandbox.New(cfg)
	if err != nil {
		t.Fatalf("new sandbox: %v", err)
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	if err := s.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatalf("start sandbox: %v", err)
	}
	t.Cleanup(func() { // before the server and, as cleanups run last first, after the test's receivers were made
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Errorf("stop sandbox: %v", err)
		}
	})
	return &Server{
		Sandbox: s, URL: server.URL + cfg.BasePath,
		Credentials: cybs.Credentials{
			Scheme: cybs.JWTSharedSecret, OrganizationID: OrganizationID, MerchantID: MerchantID, KeyID: KeyID, Secret: secret,
		},
	}
}

// Client returns a client with the seeded credentials. Its connections end with
// the test.
func (s *Server) Client(t testing.TB) *cybs.Client {
	t.Helper()
	return s.ClientWith(t, s.Credentials)
}

// ClientWith is Client with other credentials.
func (s *Server) ClientWith(t testing.TB, credentials cybs.Credentials) *cybs.Client {
	t.Helper()
	return s.ClientVia(t, credentials, func(*http.Request) {})
}

// ClientVia is a client whose requests are shown to look before they are sent.
func (s *Server) ClientVia(t testing.TB, credentials cybs.Credentials, look func(*http.Request)) *cybs.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := cybs.New(cybs.Config{
		BaseURL: s.URL, Credentials: credentials, HTTPClient: &http.Client{Transport: watched{transport, look}, Timeout: Patience},
	})
	if err != nil {
		t.Fatalf("new client: %v", err)
	}
	return c
}

// watched shows requests on their way.
type watched struct {
	*http.Transport
	look func(*http.Request)
}

func (w watched) RoundTrip(req *http.Request) (*http.Response, error) {
	w.look(req)
	return w.Transport.RoundTrip(req)
}

// Await waits until cond holds, asking again whenever something changed.
func (s *Server) Await(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(Patience)
	defer deadline.Stop()
	for {
		changed := s.Changed()
		if cond() {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			t.Fatalf("%s did not come about within %s; subscriptions %+v", what, Patience, s.Subscriptions())
		}
	}
}

// AwaitStatus waits until a subscription has a status.
func (s *Server) AwaitStatus(t testing.TB, webhookID string, status cybs.Status) {
	t.Helper()
	s.Await(t, "status "+string(status)+" of "+webhookID, func() bool {
		st, ok := s.State(webhookID)
		return ok && st.Status == status
	})
}

// State returns a subscription as the sandbox sees it.
func (s *Server) State(webhookID string) (sandbox.SubscriptionState, bool) {
	for _, st := range s.Subscriptions() {
		if st.WebhookID == webhookID {
			return st, true
		}
	}
	return sandbox.SubscriptionState{}, false
}
