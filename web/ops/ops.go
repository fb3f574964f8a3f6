// Package ops is the door for probes and Prometheus: /livez, /readyz and /metrics. It listens where only operators reach, and
// tells nothing about what was received but counts.
package ops

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Config says what to tell.
type Config struct {
	// Ready returns why the program cannot serve now, or nil. Required.
	Ready func(context.Context) error
	// Warnings returns what is wrong although the program serves; they hold no secret. Nil: nothing.
	Warnings func() []string
	// Registry is what /metrics shows. Required.
	Registry *prometheus.Registry
	// Log hears why the program is not ready. Nil discards it.
	Log *slog.Logger
}

// readyTimeout is how long Ready may take; a program that cannot tell is not ready.
const readyTimeout = 2 * time.Second

// New returns the door's handler.
func New(cfg Config) (http.Handler, error) {
	if cfg.Ready == nil || cfg.Registry == nil {
		return nil, errors.New("make operations door: ready and registry are needed")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	mux := http.NewServeMux()
	for _, method := range []string{"GET", "OPTIONS"} {
		mux.HandleFunc(method+" /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "alive\n") })
	}
	ready := func(w http.ResponseWriter, req *http.Request) {
		ctx, cancel := context.WithTimeout(req.Context(), readyTimeout)
		defer cancel()
		if err := cfg.Ready(ctx); err != nil {
			cfg.Log.Warn("not ready", "err", err)
			text := "not ready\n"
			var reason Reason
			if errors.As(err, &reason) {
				text = "not ready: " + string(reason) + "\n"
			}
			answer(w, http.StatusServiceUnavailable, text)
			return
		}
		text := "ready\n"
		if cfg.Warnings != nil {
			for _, warning := range cfg.Warnings() {
				text += "warning: " + warning + "\n"
			}
		}
		answer(w, http.StatusOK, text)
	}
	// Load balancers that cannot be told a path ask the root, some by OPTIONS.
	for _, pattern := range []string{"GET /readyz", "OPTIONS /readyz", "GET /{$}", "OPTIONS /{$}"} {
		mux.HandleFunc(pattern, ready)
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(cfg.Registry, promhttp.HandlerOpts{Registry: cfg.Registry}))
	return mux, nil
}

// Reason is an error whose text the readiness probe shows to whoever asks: it holds no secret. The texts of other errors are logged only.
type Reason string

func (r Reason) Error() string { return string(r) }

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // a prober that went away needs no answer
}
