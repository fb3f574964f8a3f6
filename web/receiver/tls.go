package receiver

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// TLSFiles name what the door's own TLS is made of, in PEM. The files are read again while the program runs: whoever renews a certificate
// replaces them and does nothing else.
type TLSFiles struct {
	// Certificate is the chain with the door's own certificate first, Key its private key. Both empty: no TLS of its own.
	Certificate, Key string
	// ClientCA holds the authorities whose client certificates are accepted where an endpoint demands one. Empty: none are.
	ClientCA string
}

// Check reports whether the files can be used now.
func (f TLSFiles) Check() error {
	contents, _, err := f.read()
	if err != nil {
		return err
	}
	_, err = parseTLS(contents)
	return err
}

// read returns the contents of certificate, key and authorities, and a digest of them all.
func (f TLSFiles) read() (contents [3][]byte, digest [sha256.Size]byte, err error) {
	sum := sha256.New()
	for i, name := range [...]string{f.Certificate, f.Key, f.ClientCA} {
		if name == "" {
			continue
		}
		if contents[i], err = os.ReadFile(name); err != nil { //nolint:gosec // G304: the operator named the file
			return contents, digest, fmt.Errorf("read TLS files: %w", err)
		}
		_, _ = fmt.Fprintf(sum, "%d:", len(contents[i])) // hashes do not fail
		sum.Write(contents[i])
	}
	sum.Sum(digest[:0])
	return contents, digest, nil
}

// defaultTLSInterval is how often the files are looked at.
const defaultTLSInterval = 10 * time.Second

// tlsState is what the files held when they were last in order; it is replaced and never changed.
type tlsState struct {
	certificate *tls.Certificate
	authorities *x509.CertPool
}

// tlsKeeper keeps the door's TLS in step with its files. What cannot be used is reported, and the former goes on.
type tlsKeeper struct {
	files    TLSFiles
	interval time.Duration
	now      func() time.Time
	log      *slog.Logger
	metrics  *metrics
	current  atomic.Pointer[tlsState]
	seen     [sha256.Size]byte // of the files' contents; used by one goroutine, like reported
	reported string            // the failure that was logged last
}

// newTLS reads the files for the first time. It returns nil when there is no TLS to be done.
func newTLS(cfg Config, m *metrics) (*tlsKeeper, error) {
	f := cfg.TLS
	switch {
	case f == TLSFiles{}:
		return nil, nil //nolint:nilnil // no TLS is an answer
	case f.Certificate == "" || f.Key == "":
		return nil, errors.New("read TLS files: certificate and key go together, and client authorities with them")
	}
	k := &tlsKeeper{files: f, interval: cfg.TLSInterval, now: cfg.Now, log: cfg.Log, metrics: m}
	contents, seen, err := f.read()
	if err != nil {
		return nil, err
	}
	k.seen = seen
	state, err := parseTLS(contents)
	if err != nil {
		return nil, err
	}
	k.take(state)
	return k, m.registerTLS()
}

func parseTLS(contents [3][]byte) (*tlsState, error) {
	pair, err := tls.X509KeyPair(contents[0], contents[1])
	if err != nil {
		return nil, fmt.Errorf("read TLS certificate and key: %w", err)
	}
	state := &tlsState{certificate: &pair}
	if contents[2] != nil {
		state.authorities = x509.NewCertPool()
		if !state.authorities.AppendCertsFromPEM(contents[2]) {
			return nil, errors.New("read client authorities: there is no certificate in the file")
		}
	}
	return state, nil
}

func (k *tlsKeeper) take(state *tlsState) {
	k.current.Store(state)
	k.metrics.certificateEnds.Set(float64(state.certificate.Leaf.NotAfter.Unix()))
	if left := state.certificate.Leaf.NotAfter.Sub(k.now()); left < 0 {
		k.log.Warn("the receiver's TLS certificate has expired", "not_after", state.certificate.Leaf.NotAfter)
	}
}

func (k *tlsKeeper) authorities() *x509.CertPool { return k.current.Load().authorities }

// config is for the door's server. Client certificates are asked for and not judged here: an endpoint that demands one judges it, so that what
// is refused can be kept and explained (docs/decisions/0013-what-a-delivery-must-show.md).
func (k *tlsKeeper) config() *tls.Config {
	c := &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"}, // one exchange at a time on a connection keeps what a stranger can start small
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return k.current.Load().certificate, nil
		},
	}
	if k.files.ClientCA != "" {
		c.ClientAuth = tls.RequestClientCert
	}
	return c
}

// run looks at the files until ctx ends.
func (k *tlsKeeper) run(ctx context.Context) {
	tick := time.NewTicker(k.interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			k.look()
		}
	}
}

// look takes over what changed. What cannot be used is reported once; half-written files are whole at the next look.
func (k *tlsKeeper) look() {
	contents, seen, err := k.files.read()
	if err == nil && seen == k.seen {
		return
	}
	k.seen = seen // of nothing, where a file cannot be read
	var state *tlsState
	if err == nil {
		state, err = parseTLS(contents)
	}
	if err == nil && k.now().After(state.certificate.Leaf.NotAfter) {
		err = fmt.Errorf("the new certificate ended at %s", instant(state.certificate.Leaf.NotAfter))
	}
	if err != nil {
		k.fail(err)
		return
	}
	k.take(state)
	k.reported = ""
	k.metrics.renewalFails.Set(0)
	k.log.Info("took over the receiver's renewed TLS certificate", "not_after", state.certificate.Leaf.NotAfter)
}

func (k *tlsKeeper) fail(err error) {
	k.metrics.renewalFails.Set(1)
	if err.Error() == k.reported {
		return
	}
	k.reported = err.Error()
	k.log.Error("the receiver's renewed TLS files cannot be used; the former certificate goes on", "err", err,
		"not_after", k.current.Load().certificate.Leaf.NotAfter)
}

// verifyClient checks a client certificate against the authorities.
func verifyClient(chain []*x509.Certificate, authorities *x509.CertPool, now time.Time) error {
	options := x509.VerifyOptions{
		Roots: authorities, Intermediates: x509.NewCertPool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, c := range chain[1:] {
		options.Intermediates.AddCert(c)
	}
	_, err := chain[0].Verify(options)
	return err
}
