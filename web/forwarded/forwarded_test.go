package forwarded_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/switchboardhq/switchboard/web/forwarded"
)

func trusted() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48")}
}

func request(peer string, headers ...string) *http.Request {
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Add(headers[i], headers[i+1])
	}
	return &http.Request{RemoteAddr: peer, Header: h}
}

func TestForwardedForIsReadAsProxiesWriteIt(t *testing.T) {
	t.Parallel()
	const proxy = "10.0.0.1:4711"
	for line, want := range map[string]struct{ addr, unread string }{
		"198.241.206.21":                             {"198.241.206.21", ""},
		"198.241.206.21:61598":                       {"198.241.206.21", ""},
		"[2001:db8::7]:443":                          {"2001:db8::7", ""},
		"[2001:db8::7]":                              {"2001:db8::7", ""},
		"2001:db8::7":                                {"2001:db8::7", ""},
		`"198.241.206.21"`:                           {"198.241.206.21", ""},
		`"198.241.206.21:61598"`:                     {"198.241.206.21", ""},
		`"[2001:db8::7]:443"`:                        {"2001:db8::7", ""},
		"[198.241.206.21]:443":                       {"198.241.206.21", ""},
		"198.241.206.21,":                            {"198.241.206.21", ""},
		", 198.241.206.21 , ,":                       {"198.241.206.21", ""},
		"\t198.241.206.21  ":                         {"198.241.206.21", ""},
		"fe80::1%eth0":                               {"fe80::1", ""},
		"[fe80::1%25eth0]:80":                        {"fe80::1", ""},
		"::ffff:198.241.206.21":                      {"198.241.206.21", ""},
		"[::ffff:198.241.206.21]:80":                 {"198.241.206.21", ""},
		"203.0.113.7, 198.241.206.21":                {"198.241.206.21", ""},
		"203.0.113.7:80, 198.241.206.21:99":          {"198.241.206.21", ""},
		"198.241.206.21, 10.1.2.3":                   {"198.241.206.21", ""},
		"198.241.206.21:80, 10.1.2.3:90":             {"198.241.206.21", ""},
		"198.241.206.21, [2001:db8:1::5]:90":         {"198.241.206.21", ""},
		"198.241.206.21, ::ffff:10.1.2.3":            {"198.241.206.21", ""},
		"10.9.9.9, 10.1.2.3":                         {"10.9.9.9", ""}, // nobody else
		"":                                           {"10.0.0.1", ""},
		" , ,":                                       {"10.0.0.1", ""},
		"unknown":                                    {"10.0.0.1", "unknown"},
		"_hidden":                                    {"10.0.0.1", "_hidden"},
		"198.241.206.21, unknown":                    {"10.0.0.1", "unknown"},
		"198.241.206.21, unknown, 10.1.2.3":          {"10.1.2.3", "unknown"},
		"unknown, 198.241.206.21":                    {"198.241.206.21", ""}, // nobody trusted says it
		"198.241.206.21:":                            {"10.0.0.1", "198.241.206.21:"},
		"198.241.206.21:65536":                       {"10.0.0.1", "198.241.206.21:65536"},
		"198.241.206.21:http":                        {"10.0.0.1", "198.241.206.21:http"},
		"198.241.206":                                {"10.0.0.1", "198.241.206"},
		"[2001:db8::7":                               {"10.0.0.1", "[2001:db8::7"},
		"[2001:db8::7]443":                           {"10.0.0.1", "[2001:db8::7]443"},
		"for=198.241.206.21":                         {"10.0.0.1", "for=198.241.206.21"},
		"example.com":                                {"10.0.0.1", "example.com"},
		`"`:                                          {"10.0.0.1", `"`},
		strings.Repeat("x", 5000):                    {"10.0.0.1", strings.Repeat("x", 64)},
		strings.Repeat(",", 5000) + "192.0.2.1":      {"192.0.2.1", ""},
		strings.Repeat("10.1.1.1,", 50) + "10.0.0.2": {"10.1.1.1", ""},
	} {
		got := forwarded.Of(request(proxy, forwarded.Header, line), trusted())
		if got.Addr.String() != want.addr || got.Unread != want.unread || got.Other {
			t.Errorf("%q is read as %+v, want %s with %q unread", line, got, want.addr, want.unread)
		}
		// Whom nobody trusts has no say.
		if got := forwarded.Of(request("192.0.2.9:1", forwarded.Header, line), trusted()); got.Addr.String() != "192.0.2.9" || got.Unread != "" {
			t.Errorf("%q of a stranger is read as %+v", line, got)
		}
	}
}

func TestSeveralForwardedForHeadersAreOneList(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lines []string
		want  string
	}{
		"the last counts":       {[]string{"192.0.2.1", "198.241.206.21"}, "198.241.206.21"},
		"through trusted ones":  {[]string{"192.0.2.1", "198.241.206.21, 10.1.1.1", "10.1.1.2"}, "198.241.206.21"},
		"an empty one is none":  {[]string{"198.241.206.21", ""}, "198.241.206.21"},
		"a comma between lines": {[]string{"192.0.2.1,", ",198.241.206.21,"}, "198.241.206.21"},
	} {
		var headers []string
		for _, line := range c.lines {
			headers = append(headers, forwarded.Header, line)
		}
		if got := forwarded.Of(request("10.0.0.1:1", headers...), trusted()); got.Addr.String() != c.want {
			t.Errorf("%s: %+v, want %s", name, got, c.want)
		}
	}
}

func TestForwardedHeaderIsNoticedAndNotRead(t *testing.T) {
	t.Parallel()
	got := forwarded.Of(request("10.0.0.1:1", "Forwarded", "for=198.241.206.21"), trusted())
	if got.Addr.String() != "10.0.0.1" || !got.Other {
		t.Errorf("got %+v, want the proxy's own address and a note", got)
	}
	got = forwarded.Of(request("10.0.0.1:1", "Forwarded", "for=203.0.113.7", forwarded.Header, "198.241.206.21"), trusted())
	if got.Addr.String() != "198.241.206.21" || got.Other {
		t.Errorf("got %+v, want what X-Forwarded-For says", got)
	}
}

func TestConnectionWithoutAddressHasNone(t *testing.T) {
	t.Parallel()
	if got := forwarded.Of(request("@", forwarded.Header, "198.241.206.21"), trusted()); got.Addr.IsValid() {
		t.Errorf("got %+v, want no address", got)
	}
}

func FuzzForwardedFor(f *testing.F) {
	for _, line := range []string{"198.241.206.21:61598", `"[2001:db8::7]:443"`, ",,", "fe80::1%eth0, unknown", "[::ffff:10.0.0.1]"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		got := forwarded.Of(request("10.0.0.1:1", forwarded.Header, line), trusted())
		if !got.Addr.IsValid() || got.Addr.Zone() != "" || got.Addr.Is4In6() || len(got.Unread) > 3*64 {
			t.Errorf("%q is read as %+v", line, got)
		}
	})
}

func BenchmarkSource(b *testing.B) {
	req := request("10.0.0.1:4711", forwarded.Header, "198.241.206.21:61598, 10.1.2.3")
	networks := trusted()
	b.ReportAllocs()
	for b.Loop() {
		forwarded.Of(req, networks)
	}
}
