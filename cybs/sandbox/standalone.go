package sandbox

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"time"
)

// NewHTTPServer returns a server for the sandbox's Handler with the time-outs
// that a server needs; it is not listening yet. With an authority it speaks TLS
// under the host names and addresses given, as the official SDKs insist on; its
// clients must trust [Authority.PEM]. Call ListenAndServeTLS("", "") then, and
// ListenAndServe without.
func (s *Sandbox) NewHTTPServer(addr string, authority *Authority, hosts ...string) (*http.Server, error) {
	server := &http.Server{
		Addr: addr, Handler: s.Handler(),
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 5 * time.Minute, // TroubleSlow takes its time
		IdleTimeout:  2 * time.Minute,
		ErrorLog:     slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelDebug),
	}
	if authority == nil {
		return server, nil
	}
	if len(hosts) == 0 {
		hosts = []string{"localhost", "127.0.0.1", "::1"}
	}
	certificate, err := authority.Issue("Switchboard sandbox", s.cfg.Now(), hosts...)
	if err != nil {
		return nil, err
	}
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	return server, nil
}
