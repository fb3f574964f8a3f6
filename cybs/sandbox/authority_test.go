package sandbox_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
)

func TestDeliveriesShowTheClientCertificateAndTrustOnlyTheGivenCAs(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t), newAuthority(t)
	client, err := ours.Issue("cybersource-like sender", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{came: make(chan received, 10), pings: make(chan received, 100), health: http.StatusOK, hook: always(http.StatusOK)}
	names := make(chan string, 100)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		names <- req.TLS.PeerCertificates[0].Subject.CommonName
		r.ServeHTTP(w, req)
	}))
	certificate, err := theirs.Issue("receiver", time.Now(), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ours.Pool(), MinVersion: tls.VersionTLS12,
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	r.URL = server.URL

	h := newHouse(t, func(c *sandbox.Config) {
		c.ClientCertificate, c.ReceiverCAs, c.AllowPlainHTTP = &client, theirs.Pool(), false
	})
	h.receiver = r
	h.subscribe(t)
	h.emit(t, sandbox.EventRequest{})
	if _, err := h.verify(r.next(t)); err != nil {
		t.Error(err)
	}
	for range 2 { // the ping's and the delivery's
		if name := <-names; name != "cybersource-like sender" {
			t.Errorf("certificate of %q was shown", name)
		}
	}

	untrusting := newHouse(t, func(c *sandbox.Config) { c.ClientCertificate, c.ReceiverCAs = &client, ours.Pool() })
	untrusting.receiver = r
	sub, err := untrusting.client.CreateSubscription(t.Context(), untrusting.input())
	if err != nil {
		t.Fatal(err)
	}
	untrusting.Await(t, "the failed ping", func() bool {
		list := untrusting.Deliveries(sandbox.DeliveryQuery{WebhookID: sub.WebhookID, Kind: sandbox.KindPing})
		return len(list) > 0 && list[0].Outcome == sandbox.OutcomeUnhealthy && strings.Contains(list[0].Error, "certificate")
	})
	if st, _ := untrusting.State(sub.WebhookID); st.Status != cybs.StatusInactive {
		t.Errorf("got %s, want INACTIVE", st.Status)
	}
}

func newAuthority(t *testing.T) *sandbox.Authority {
	t.Helper()
	a, err := sandbox.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAuthorityIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := sandbox.OpenAuthority(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	second, err := sandbox.OpenAuthority(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if !first.Certificate.Equal(second.Certificate) {
		t.Error("another authority was made")
	}
	issued, err := second.Issue("x", time.Now(), "sandbox.example.com", "::1")
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"sandbox.example.com", "::1"} {
		if _, err := issued.Leaf.Verify(x509.VerifyOptions{Roots: first.Pool(), DNSName: host}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "sandbox-ca-key.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v %v, want mode 0600", info.Mode(), err)
	}
	if err := os.WriteFile(filepath.Join(dir, "sandbox-ca.pem"), []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sandbox.OpenAuthority(dir, time.Now()); err == nil {
		t.Error("a broken authority was opened")
	}
}

func TestConfigurationMistakesAreRefused(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	organization := []sandbox.Organization{{OrganizationID: "org"}}
	for name, cfg := range map[string]sandbox.Config{
		"nobody":              {},
		"own client and CAs":  {Organizations: organization, HTTPClient: &http.Client{}, ReceiverCAs: a.Pool()},
		"unknown MLE form":    {Organizations: organization, MLE: sandbox.MLEConfig{Form: "zip"}},
		"unknown MLE policy":  {Organizations: organization, MLE: sandbox.MLEConfig{Policy: "sometimes"}},
		"negative time scale": {Organizations: organization, TimeScale: -1},
		"unclean base path":   {Organizations: organization, BasePath: "a/"},
		"unknown tenancy":     {Organizations: organization, API: sandbox.APIConfig{KeyTenancy: "both"}},
	} {
		if _, err := sandbox.New(cfg); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
