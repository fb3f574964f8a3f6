package outbound_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/switchboardhq/switchboard/web/outbound"
)

// get asks once; redirects are followed, as a client of ours might.
func get(t *testing.T, transport http.RoundTripper, address string) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err == nil {
		_ = res.Body.Close() // it was not read
	}
	return err
}

func TestAddressesThatAreNotPublicAreRefused(t *testing.T) {
	t.Parallel()
	transport := outbound.NewTransport(outbound.Config{})
	for _, host := range []string{
		"127.0.0.1", "127.1.2.3", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[::127.0.0.1]", "0.0.0.0", "[::]",
		"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "[fc00::1]",
		"100.64.0.1", "100.100.100.200", "192.0.0.192", "198.18.0.1", "224.0.0.1", "[ff02::1]", "240.0.0.1", "255.255.255.255",
		"[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::1]", "[2002:7f00:1::1]", "[2001:db8::1]", "192.0.2.1", "203.0.113.1",
	} {
		if err := get(t, transport, "http://"+host+":9/keys"); !errors.Is(err, outbound.ErrForbidden) {
			t.Errorf("%s: %v, want ErrForbidden", host, err)
		}
	}
}

func TestRedirectInsideIsRefused(t *testing.T) {
	t.Parallel()
	var reached atomic.Bool
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	t.Cleanup(inside.Close)
	outside := httptest.NewUnstartedServer(http.RedirectHandler(inside.URL, http.StatusFound))
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	outside.Listener = listener
	outside.Start()
	t.Cleanup(outside.Close)
	transport := outbound.NewTransport(outbound.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}})
	if err := get(t, transport, outside.URL); !errors.Is(err, outbound.ErrForbidden) || reached.Load() {
		t.Errorf("a redirect: %v, reached %t; want ErrForbidden", err, reached.Load())
	}
}

func TestAllowedNetworksAreAsked(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	allowed := outbound.NewTransport(outbound.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err := get(t, allowed, server.URL); err != nil {
		t.Errorf("an allowed network: %v", err)
	}
	if err := get(t, allowed, strings.Replace(server.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1)); err != nil {
		t.Errorf("the same, mapped: %v", err)
	}
}

func TestProxyIsNotAskedForInsideAddresses(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(proxy.Close)
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := outbound.NewTransport(outbound.Config{Proxy: http.ProxyURL(at)})
	for _, host := range []string{"127.0.0.1", "localhost", "169.254.169.254", "[::1]", "[64:ff9b::7f00:1]"} {
		if err := get(t, transport, "http://"+host+"/"); !errors.Is(err, outbound.ErrForbidden) {
			t.Errorf("%s: %v, want ErrForbidden", host, err)
		}
	}
	if asked.Load() != 0 {
		t.Errorf("the proxy was asked %d times", asked.Load())
	}
	if err := get(t, transport, "http://9.9.9.9/"); err != nil || asked.Load() != 1 {
		t.Errorf("a public address: %v, the proxy was asked %d times", err, asked.Load())
	}
}
