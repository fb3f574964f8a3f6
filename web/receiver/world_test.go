package receiver_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/cybs/sandbox/sandboxtest"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// The ways in which a delivery reaches the door.
const (
	viaProxy             = "behind a proxy"
	viaTLS               = "own TLS"
	viaClientCertificate = "client certificate"
)

// The ways in which a delivery proves itself.
const (
	withKey       = "mutual trust"
	withOwn       = "own tokens"
	withExternal  = "external tokens"
	withAssertion = "assertions"
)

// world is a door with a policy, and Cybersource's side that meets it.
type world struct {
	*counterpart
	policy    store.Policy
	security  cybs.SecurityPolicy
	authority *sandbox.Authority
}

// newWorld opens a door that is reached in that way, with Cybersource opposite.
func newWorld(t *testing.T, way string, options ...sandboxtest.Option) *world {
	t.Helper()
	w := &world{counterpart: &counterpart{door: newHouse(t)}, security: cybs.SecurityPolicy{Type: cybs.SecurityKey}}
	var err error
	if w.authority, err = sandbox.NewAuthority(time.Now()); err != nil {
		t.Fatal(err)
	}
	w.open(t, w.entrance(t, way))
	if way == viaProxy {
		w.base = w.proxy(t, "198.241.206.21")
		w.policy.Sources = []string{store.SourceCybersource}
	} else {
		w.base = w.serveTLS(t, w.Receiver)
		w.policy.Sources = []string{"127.0.0.0/8"}
		w.policy.ClientCertificate = way == viaClientCertificate
		shown := w.issue(t, "Cybersource")
		options = append(options, func(c *sandbox.Config) { c.ReceiverCAs, c.ClientCertificate = w.authority.Pool(), &shown })
	}
	w.org, err = w.store.InsertOrganization(t.Context(), store.Organization{
		OrganizationID: sandboxtest.OrganizationID, Environment: "sandbox", Name: "Sandbox", MerchantID: sandboxtest.MerchantID,
	}, nil, audit())
	if err != nil {
		t.Fatal(err)
	}
	w.sandbox = sandboxtest.New(t, append(options, func(c *sandbox.Config) { c.MLE.Events = []string{eventType} })...)
	w.client = w.sandbox.Client(t)
	w.newSandboxKey(t)
	return w
}

// entrance is the configuration of the receiver for a way.
func (w *world) entrance(t *testing.T, way string) option {
	t.Helper()
	if way == viaProxy {
		return func(c *receiver.Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }
	}
	files := writeTLS(t, t.TempDir(), w.issue(t, "receiver"), w.authority.PEM())
	return func(c *receiver.Config) { c.TLS = files }
}

func (w *world) issue(t *testing.T, name string) tls.Certificate {
	t.Helper()
	certificate, err := w.authority.Issue(name, time.Now(), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// writeTLS writes the files of a certificate, and of the authorities whose clients are accepted.
func writeTLS(t *testing.T, dir string, certificate tls.Certificate, authorities []byte) receiver.TLSFiles {
	t.Helper()
	files := receiver.TLSFiles{Certificate: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	der, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	var chain []byte
	for _, c := range certificate.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c})...)
	}
	writeFile(t, files.Certificate, chain)
	writeFile(t, files.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if authorities != nil {
		files.ClientCA = filepath.Join(dir, "ca.pem")
		writeFile(t, files.ClientCA, authorities)
	}
	return files
}

func writeFile(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// serveTLS serves a receiver by its own TLS, as the program does, and returns the base URL.
func (d *door) serveTLS(t *testing.T, r *receiver.Receiver) string {
	t.Helper()
	server := receiver.NewHTTPServer(r.Handler(), slog.New(slog.DiscardHandler))
	server.TLSConfig = r.TLSConfig()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("shut down: %v", err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	})
	return "https://" + listener.Addr().String()
}

// proxy stands before the door and says that everything comes from an address, whatever the sender says.
func (d *door) proxy(t *testing.T, source string) string {
	t.Helper()
	target, err := url.Parse(d.base)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		forwarded := append(r.In.Header.Values("X-Forwarded-For"), source)
		r.Out.Header.Set("X-Forwarded-For", strings.Join(forwarded, ", "))
	}}
	server := &http.Server{Handler: proxy, ReadHeaderTimeout: patience}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }() // it ends when closed
	t.Cleanup(func() { _ = server.Close() })
	return "http://" + listener.Addr().String()
}

// secure chooses the security type on both sides, with its credentials made here and stored there.
func (w *world) secure(t *testing.T, with string) {
	t.Helper()
	switch with {
	case withOwn:
		client, secret := w.newClient(t, w.org.ID, 0)
		w.security = cybs.SecurityPolicy{Type: cybs.SecurityOAuth, OAuth: cybs.OAuthConfig{
			URL: receiver.TokenURL(w.base), TokenType: "Bearer", TokenExpiry: "300", KeyID: w.storeCredentials(t, client, secret),
		}}
	case withExternal:
		issuer := newTokenIssuer(t)
		w.policy.Tokens = issuer.policy()
		w.security = cybs.SecurityPolicy{Type: cybs.SecurityOAuth, OAuth: cybs.OAuthConfig{
			URL: issuer.url + "/token", TokenType: "Bearer", TokenExpiry: "300", KeyID: w.storeCredentials(t, store.OAuthClient{ClientID: "theirs"}, store.Secret("theirs")),
		}}
	case withAssertion:
		client := w.newAssertionClient(t)
		w.security = cybs.SecurityPolicy{Type: cybs.SecurityOAuthJWT, OAuth: cybs.OAuthConfig{
			URL: receiver.TokenURL(w.base), TokenType: "Bearer", TokenExpiry: "300", Audience: client.Audience, ClientID: client.ClientID, AssertionKeyID: "kid-1", Scope: "deliver",
		}}
	}
}

func (d *door) newClient(t *testing.T, organizationID, subscriptionID int64) (store.OAuthClient, store.Secret) {
	t.Helper()
	client, secret, err := d.store.InsertOAuthClient(t.Context(), store.OAuthClient{OrganizationID: organizationID, SubscriptionID: subscriptionID, Method: store.ClientSecret})
	if err != nil {
		t.Fatal(err)
	}
	return client, secret
}

func (w *world) storeCredentials(t *testing.T, client store.OAuthClient, secret store.Secret) string {
	t.Helper()
	stored, err := w.client.StoreOAuthCredentials(t.Context(), sandboxtest.OrganizationID, cybs.OAuthCredentials{ClientID: client.ClientID, ClientSecret: cybs.Secret(secret)}, cybs.KeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return stored.KeyID
}

func (w *world) newAssertionClient(t *testing.T) store.OAuthClient {
	t.Helper()
	client, _, err := w.store.InsertOAuthClient(t.Context(), store.OAuthClient{OrganizationID: w.org.ID, Method: store.ClientAssertion, Audience: "switchboard.example", Scope: "deliver"})
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := w.sandbox.AssertionCertificate()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.InsertAssertionCertificate(t.Context(), w.org.ID, "kid-1", certificate.Raw, audit()); err != nil {
		t.Fatal(err)
	}
	return client
}

// encrypt makes a certificate here and registers it there.
func (w *world) encrypt(t *testing.T) store.MLEKey {
	t.Helper()
	certificate, err := cybs.NewMLECertificate(cybs.MLECertificateOptions{CommonName: "rest-key", OrganizationID: sandboxtest.OrganizationID})
	if err != nil {
		t.Fatal(err)
	}
	private, err := certificate.PrivateKeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	key, err := w.store.InsertMLEKey(t.Context(), store.MLEKey{OrganizationID: w.org.ID, Certificate: certificate.DER(), PrivateKey: store.Secret(private)})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := w.client.StoreMLECertificate(t.Context(), sandboxtest.OrganizationID, certificate, cybs.KeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.RegisterMLEKey(t.Context(), key.ID, stored.KeyID); err != nil {
		t.Fatal(err)
	}
	key.KeyID = stored.KeyID
	return key
}

// subscribe makes the subscription on both sides and waits until its health ping has activated it.
func (w *world) subscribe(t *testing.T) store.Subscription {
	t.Helper()
	products := []store.SubscribedProduct{{ProductID: "tokenManagement", EventTypes: []string{eventType}}}
	sub, _, err := w.store.InsertSubscription(t.Context(), store.Subscription{
		OrganizationID: w.org.ID, Name: "tokens", Scope: "DESCENDANTS", SecurityType: string(w.security.Type), Policy: w.policy, Products: products,
		RetryPolicy: store.RetryPolicy{Algorithm: "ARITHMETIC", FirstRetry: 1, Interval: 1, NumberOfRetries: 3},
	}, store.NewEndpointToken(), audit())
	if err != nil {
		t.Fatal(err)
	}
	webhook, health := receiver.EndpointURLs(w.base, sub.EndpointToken)
	made, err := w.client.CreateSubscription(t.Context(), cybs.SubscriptionInput{
		Name: "tokens", Description: "of a test", OrganizationID: sandboxtest.OrganizationID, WebhookURL: webhook, HealthCheckURL: health, SecurityPolicy: w.security,
		Products: []cybs.SubscribedProduct{{ProductID: "tokenManagement", EventTypes: []string{eventType}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.RecordActual(t.Context(), sub.ID, store.ActualSubscription{WebhookID: made.WebhookID, Status: store.StatusInactive}); err != nil {
		t.Fatal(err)
	}
	w.sandbox.AwaitStatus(t, made.WebhookID, cybs.StatusActive)
	w.sub = sub
	w.url, w.health = webhook, health
	return sub
}

// happen makes an event and returns what was answered to its first attempt.
func (w *world) happen(t *testing.T) int {
	t.Helper()
	_, status := w.emit(t, sandbox.EventRequest{ProductID: "tokenManagement", EventType: eventType})
	return status
}

// signedFor signs with the organization's current key.
func (w *world) signedFor(t *testing.T, body []byte) string {
	t.Helper()
	keys, err := w.store.SignatureKeys(t.Context(), w.org.ID)
	if err != nil || len(keys) == 0 {
		t.Fatal(keys, err)
	}
	return cybs.Sign(cybs.Key{ID: keys[0].KeyID, Secret: cybs.Secret(keys[0].Key)}, time.Now(), body)
}

// trusting is a client that trusts the door and shows the certificate that the sandbox shows.
func (w *world) trusting(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: w.authority.Pool(), Certificates: []tls.Certificate{w.issue(t, "Cybersource")},
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}
