package main

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
)

// startSandboxAlone begins `server sandbox` and returns it with its base URL.
func startSandboxAlone(t *testing.T, e env, args ...string) (*program, string) {
	t.Helper()
	p := startRun(t, e, append([]string{"sandbox"}, args...)...)
	address := regexp.MustCompile(`ready at (https?://[0-9.:]+[0-9])\.`)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		if m := address.FindStringSubmatch(p.out.String()); m != nil {
			return p, m[1]
		}
		select {
		case <-tick.C:
		case <-p.ended:
			t.Fatalf("the sandbox ended: %v", p.err)
		case <-deadline:
			t.Fatalf("the sandbox said only %q", p.out.String())
		}
	}
}

// TestSandboxAloneServesAnyReceiver subscribes a receiver that is not ours, over TLS, and has a test notification sent to it.
func TestSandboxAloneServesAnyReceiver(t *testing.T) {
	t.Parallel()
	e := testEnv(t, nil)
	p, base := startSandboxAlone(t, e, "--tls", "--speed=600")
	if !strings.HasPrefix(base, "https://") {
		t.Fatalf("the sandbox is at %s, want https", base)
	}
	received := make(chan http.Header, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			received <- r.Header
		}
	}))
	t.Cleanup(receiver.Close)

	client := aloneClient(t, e, base)
	if _, err := client.CreateSignatureKey(t.Context(), demoOrganization, cybs.SignatureKeyOptions{}); err != nil {
		t.Fatal(err)
	}
	made, err := client.CreateSubscription(t.Context(), cybs.SubscriptionInput{
		Name: "n", Description: "d", OrganizationID: demoOrganization, WebhookURL: receiver.URL + "/in", HealthCheckURL: receiver.URL + "/health",
		Products: []cybs.SubscribedProduct{{ProductID: "tokenManagement", EventTypes: []string{"tms.networktoken.updated"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.TestSubscription(t.Context(), made.WebhookID); err != nil {
		t.Fatal(err)
	}
	select {
	case header := <-received:
		if header.Get(cybs.HeaderSignature) == "" {
			t.Errorf("the notification came without a signature: %v", header)
		}
	case <-time.After(patience):
		t.Fatal("no notification came")
	}
	if err := p.stop(t); err != nil {
		t.Errorf("stopped with %v", err)
	}
	if _, err := os.Stat(filepath.Join(e["DATA_DIR"], sandboxStateFile)); err != nil {
		t.Errorf("the subscriptions were not kept: %v", err)
	}
}

// aloneClient signs with the credentials and trusts the authority that the sandbox left in DATA_DIR.
func aloneClient(t *testing.T, e env, base string) *cybs.Client {
	t.Helper()
	credentials, err := readSandboxCredentials(filepath.Join(e["DATA_DIR"], credentialsFileName))
	if err != nil {
		t.Fatal(err)
	}
	o, err := credentials[0].organization()
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(filepath.Join(e["DATA_DIR"], sandbox.AuthorityFile))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		t.Fatal("the authority's certificate cannot be read")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := cybs.New(cybs.Config{
		BaseURL: base, HTTPClient: &http.Client{Transport: transport, Timeout: patience},
		Credentials: cybs.Credentials{OrganizationID: o.OrganizationID, MerchantID: o.MerchantID, KeyID: o.Keys[0].KeyID, Secret: o.Keys[0].Secret},
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestSandboxAloneRefusesWhatItCannotBe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		more env
		args []string
		want string
	}{
		"another environment": {env{"CYBS_ENVIRONMENT": "test"}, nil, "CYBS_ENVIRONMENT"},
		"standing still":      {nil, []string{"--speed=0"}, "--speed"},
	} {
		p := startRun(t, testEnv(t, c.more), append([]string{"sandbox"}, c.args...)...)
		<-p.ended
		if p.err == nil || !strings.Contains(p.err.Error(), c.want) {
			t.Errorf("%s: %v, want an error about %s", name, p.err, c.want)
		}
	}
}
