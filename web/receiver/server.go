package receiver

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"time"
)

// Time-outs of the receiver's http.Server. Cybersource publishes none of its own; these are far above what a delivery
// takes and short enough that slow senders do not pile up.
const (
	ReadHeaderTimeout = 5 * time.Second
	ReadTimeout       = 15 * time.Second
	WriteTimeout      = 30 * time.Second
	IdleTimeout       = 90 * time.Second
	MaxHeaderBytes    = 32 << 10
)

// GCPercent is the GOGC of a process that receives, when its operator names none: a delivery leaves garbage, not live data, and collecting
// four times less often gives 1.2 to 1.4 times the deliveries for some 25 MiB (docs/performance.md).
const GCPercent = 400

// MemoryLimit is the GOMEMLIMIT of a process that receives, when its operator names none: as garbage comes near it, it is collected as often as
// it takes. What lives at a time is bounded far below: bodies by Config.MaxMemory, connections by MaxConnections.
const MemoryLimit = 256 << 20

// NewHTTPServer returns a server with the time-outs and the bound on connections that fit the receiver's handler.
func NewHTTPServer(handler http.Handler, log *slog.Logger) *http.Server {
	// HTTP/1.1 alone: one exchange at a time on a connection bounds what a stranger can start.
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Server{
		Protocols: &protocols, Handler: handler, ReadHeaderTimeout: ReadHeaderTimeout, ReadTimeout: ReadTimeout, WriteTimeout: WriteTimeout,
		IdleTimeout: IdleTimeout, MaxHeaderBytes: MaxHeaderBytes, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ConnState: newConnections(connectionBound()).track,
	}
}

// TLSConfig is what the door's server needs for its own TLS; nil when it has none.
func (r *Receiver) TLSConfig() *tls.Config {
	if r.tls == nil {
		return nil
	}
	return r.tls.config()
}
