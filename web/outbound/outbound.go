// Package outbound makes the HTTP clients for addresses that people of the console name, such as the key set of a token issuer.
//
// Such a client connects to public addresses alone. What a name resolves to is checked when the connection is made, so neither a name that
// leads inside, nor one that resolves differently the second time, nor a redirect gets around it. Networks of the operator's own are allowed
// by configuration. Calls to Cybersource's API, whose address only the operator sets, are made elsewhere.
package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// ErrForbidden means that an address is not public and not allowed by configuration.
var ErrForbidden = errors.New("this address is inside a network that may not be asked")

const (
	dialTimeout = 5 * time.Second
	tlsTimeout  = 5 * time.Second
)

// Config says where to.
type Config struct {
	// Allow are the networks that may be asked though they are not public: loopback and private ones among them. Empty: none.
	Allow []netip.Prefix
	// Proxy tells the proxy of a request. Nil: none.
	Proxy func(*http.Request) (*url.URL, error)
}

// guard checks addresses.
type guard struct {
	ssrf  *ssrf.Guardian
	proxy func(*http.Request) (*url.URL, error)
}

// NewTransport makes a transport of its own for one kind of request. Errors can be tested for ErrForbidden.
func NewTransport(cfg Config) http.RoundTripper {
	var v4, v6 []netip.Prefix
	for _, p := range cfg.Allow {
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	g := &guard{proxy: cfg.Proxy, ssrf: ssrf.New(ssrf.WithAnyPort(), ssrf.WithNetworks("tcp4", "tcp6"), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))}
	dialer := &net.Dialer{Timeout: dialTimeout, ControlContext: func(_ context.Context, network, address string, _ syscall.RawConn) error {
		return g.safe(network, address)
	}}
	direct := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true, TLSHandshakeTimeout: tlsTimeout, MaxResponseHeaderBytes: 64 << 10}
	if cfg.Proxy == nil {
		return direct
	}
	// The proxy is the operator's, wherever it is. What it is asked for is checked before.
	through := &http.Transport{Proxy: cfg.Proxy, DisableKeepAlives: true, TLSHandshakeTimeout: tlsTimeout, MaxResponseHeaderBytes: 64 << 10}
	return &proxied{guard: g, direct: direct, through: through}
}

// safe checks an address that is about to be connected to.
func (g *guard) safe(network, address string) error {
	if at, err := netip.ParseAddrPort(address); err == nil { // ::ffff:127.0.0.1 is 127.0.0.1
		address = netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port()).String()
		if network = "tcp6"; at.Addr().Unmap().Is4() {
			network = "tcp4"
		}
	}
	if err := g.ssrf.Safe(network, address, nil); err != nil {
		return fmt.Errorf("%w: %w", ErrForbidden, err)
	}
	return nil
}

// proxied sends some requests through a proxy, which resolves names itself.
type proxied struct {
	guard           *guard
	direct, through http.RoundTripper
}

// RoundTrip checks what a proxied request asks for by what its name resolves to here. A name that only the proxy resolves is left to it.
func (p *proxied) RoundTrip(req *http.Request) (*http.Response, error) {
	proxy, err := p.guard.proxy(req)
	if err != nil {
		return nil, fmt.Errorf("choose proxy: %w", err)
	}
	if proxy == nil {
		return p.direct.RoundTrip(req)
	}
	found, err := net.DefaultResolver.LookupNetIP(req.Context(), "ip", req.URL.Hostname())
	if err != nil {
		var unknown *net.DNSError
		if !errors.As(err, &unknown) {
			return nil, fmt.Errorf("resolve %s: %w", req.URL.Hostname(), err)
		}
	}
	for _, addr := range found {
		if err := p.guard.safe("tcp", netip.AddrPortFrom(addr, 443).String()); err != nil {
			return nil, err
		}
	}
	return p.through.RoundTrip(req)
}
