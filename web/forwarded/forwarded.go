// Package forwarded tells where a request came from when proxies stand before the server: it reads X-Forwarded-For as they write it. Both listeners, the
// console's and the receiver's, go by it. It trusts nobody but the proxies that it is given, and reads no other header.
package forwarded

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Header is the one that is read. Forwarded (RFC 7239) is not: a proxy that writes this one passes on a stranger's Forwarded as it came.
const Header = "X-Forwarded-For"

// maxUnread bounds Source.Unread in bytes.
const maxUnread = 64

// Source is where a request came from.
type Source struct {
	// Addr is the last address that no trusted proxy vouches for, without zone and never an IPv4 address in the form of IPv6. Where that cannot be read, it
	// is the proxy that sent it. Not valid: the connection itself has no address.
	Addr netip.Addr
	// Unread is what stands in the header in place of an address, cut to 64 bytes; "" when everything could be read. It is a stranger's text.
	Unread string
	// Other is whether a trusted proxy sent no X-Forwarded-For, but Forwarded.
	Other bool
}

// Of returns where a request came from. The header counts only from trusted proxies, and is read from its end.
func Of(req *http.Request, trusted []netip.Prefix) Source {
	peer, err := netip.ParseAddrPort(req.RemoteAddr)
	if err != nil {
		return Source{}
	}
	from := Source{Addr: plain(peer.Addr())}
	if len(trusted) == 0 || !contains(trusted, from.Addr) {
		return from
	}
	lines := req.Header.Values(Header)
	if len(lines) == 0 {
		from.Other = req.Header.Get("Forwarded") != ""
		return from
	}
	for _, line := range slices.Backward(lines) {
		for rest := line; rest != ""; {
			var hop string
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, hop = rest[:comma], rest[comma+1:]
			} else {
				rest, hop = "", rest
			}
			hop = strings.Trim(hop, " \t")
			if hop == "" {
				continue // an empty element of a list says nothing (RFC 9110, section 5.6.1)
			}
			next, ok := parse(hop)
			if !ok {
				from.Unread = strings.ToValidUTF8(hop[:min(len(hop), maxUnread)], "\uFFFD")
				return from
			}
			if from.Addr = next; !contains(trusted, next) {
				return from
			}
		}
	}
	return from
}

// parse reads one element: an address with or without port, brackets, quotes and zone.
func parse(hop string) (netip.Addr, bool) {
	if len(hop) >= 2 && hop[0] == '"' && hop[len(hop)-1] == '"' {
		hop = strings.Trim(hop[1:len(hop)-1], " \t")
	}
	if addr, err := netip.ParseAddr(hop); err == nil {
		return plain(addr), true
	}
	if inside, port, ok := cutBrackets(hop); ok {
		addr, err := netip.ParseAddr(inside)
		return plain(addr), err == nil && isPort(port)
	}
	// One colon alone stands before a port: IPv6 has more of them, and was read above.
	host, port, ok := strings.Cut(hop, ":")
	if !ok || !isPort(port) {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(host)
	return plain(addr), err == nil
}

// cutBrackets takes [address] and [address]:port apart; without a port, port is "0".
func cutBrackets(hop string) (inside, port string, ok bool) {
	rest, ok := strings.CutPrefix(hop, "[")
	if !ok {
		return "", "", false
	}
	inside, tail, ok := strings.Cut(rest, "]")
	if !ok {
		return "", "", false
	}
	if tail == "" {
		return inside, "0", true
	}
	port, ok = strings.CutPrefix(tail, ":")
	return inside, port, ok
}

func isPort(s string) bool {
	if s == "" || len(s) > len("65535") {
		return false
	}
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
		n = 10*n + int(c-'0')
	}
	return n <= 65535
}

// plain drops what says nothing about where it came from, and what Postgres' inet does not know.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

func contains(networks []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(addr) })
}
