package receiver_test

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// tlsDoor is a door with TLS of its own, whose files are looked at all the time.
type tlsDoor struct {
	*door
	authority *sandbox.Authority
	files     receiver.TLSFiles
	dir       string
}

func newTLSDoor(t *testing.T) *tlsDoor {
	t.Helper()
	d := &tlsDoor{door: newHouse(t), dir: t.TempDir()}
	var err error
	if d.authority, err = sandbox.NewAuthority(time.Now()); err != nil {
		t.Fatal(err)
	}
	d.files = writeTLS(t, d.dir, d.certificate(t, "first", time.Now()), nil)
	d.open(t, func(c *receiver.Config) { c.TLS, c.TLSInterval = d.files, 5*time.Millisecond })
	d.base = d.serveTLS(t, d.Receiver)
	return d
}

func (d *tlsDoor) certificate(t *testing.T, name string, at time.Time) tls.Certificate {
	t.Helper()
	c, err := d.authority.Issue(name, at, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// shown is the name in the certificate that the door shows to a new connection.
func (d *tlsDoor) shown(t *testing.T) string {
	t.Helper()
	dialer := &tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: d.authority.Pool()}}
	conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(d.base, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // nothing was sent
	state := conn.(*tls.Conn).ConnectionState()
	return state.PeerCertificates[0].Subject.CommonName
}

func (d *tlsDoor) gauge(t *testing.T, name string) float64 {
	t.Helper()
	families, err := d.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

func TestARenewedCertificateIsTakenOverWhileItRuns(t *testing.T) {
	t.Parallel()
	d := newTLSDoor(t)
	if got := d.shown(t); got != "first" {
		t.Fatalf("shown is %q", got)
	}
	ends := d.gauge(t, "switchboard_receiver_certificate_not_after_seconds")
	writeTLS(t, d.dir, d.certificate(t, "second", time.Now().Add(time.Hour)), nil)
	d.await(t, "the renewed certificate", func() bool { return d.shown(t) == "second" })
	if now := d.gauge(t, "switchboard_receiver_certificate_not_after_seconds"); now <= ends {
		t.Errorf("the metric says that it ends at %v, before %v", now, ends)
	}
}

func TestABrokenRenewalKeepsTheFormerCertificateAndSaysSo(t *testing.T) {
	t.Parallel()
	d := newTLSDoor(t)
	const failing = "switchboard_receiver_certificate_renewal_failing"
	next := d.certificate(t, "second", time.Now())
	nextChain, err := os.ReadFile(writeTLS(t, t.TempDir(), next, nil).Certificate)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		says    string
		mistake func()
	}{
		{"failed to find any PEM data", func() { writeFile(t, d.files.Certificate, []byte("half writ")) }},
		{"private key does not match", func() { writeFile(t, d.files.Certificate, nextChain) }},
		{"the new certificate ended at", func() { writeTLS(t, d.dir, d.certificate(t, "expired", time.Now().Add(-2*365*24*time.Hour)), nil) }},
		{"no such file", func() {
			if err := os.Remove(d.files.Key); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		c.mistake()
		d.await(t, c.says+" in the log", func() bool { return strings.Contains(d.log.String(), c.says) })
		if got := d.shown(t); got != "first" || d.gauge(t, failing) != 1 {
			t.Errorf("%s: shown is %q, failing is %v; want the former one", c.says, got, d.gauge(t, failing))
		}
	}
	if lines := strings.Count(d.log.String(), "the former certificate goes on"); lines > 8 {
		t.Errorf("%d lines in the log for four mistakes", lines)
	}
	writeTLS(t, d.dir, next, nil)
	d.await(t, "the repair", func() bool { return d.gauge(t, failing) == 0 })
	if got := d.shown(t); got != "second" {
		t.Errorf("after the repair: shown is %q", got)
	}
}

func TestFilesThatCannotBeUsedAreRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	d := newTLSDoor(t)
	broken := t.TempDir() + "/broken.pem"
	writeFile(t, broken, []byte("nothing"))
	for name, files := range map[string]receiver.TLSFiles{
		"no key":              {Certificate: d.files.Certificate},
		"authorities alone":   {ClientCA: d.files.Certificate},
		"no such file":        {Certificate: d.files.Certificate, Key: d.dir + "/nothing"},
		"no certificate":      {Certificate: broken, Key: d.files.Key},
		"no authority inside": {Certificate: d.files.Certificate, Key: d.files.Key, ClientCA: broken},
	} {
		if _, err := receiver.New(receiver.Config{Store: d.store, TLS: files}); err == nil {
			t.Errorf("%s: a receiver was made", name)
		}
	}
	r, err := receiver.New(receiver.Config{Store: d.store, Log: slog.New(slog.DiscardHandler)})
	if err != nil || r.TLSConfig() != nil {
		t.Errorf("without files: %v, %v; want no TLS", r.TLSConfig(), err)
	}
}

func TestPlainHTTPIsNotSpokenBesideTLS(t *testing.T) {
	t.Parallel()
	d := newTLSDoor(t)
	response := d.requestTo(t, "http://"+strings.TrimPrefix(d.base, "https://"))
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("answered %d, want 400", response.StatusCode)
	}
}

func (d *tlsDoor) requestTo(t *testing.T, address string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := d.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response
}
