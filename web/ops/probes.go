package ops

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// probeFresh is how old an answer of Ready may be on listeners that strangers reach: however often they ask, the database is asked once.
const probeFresh = time.Second

// Probes answers load balancers on a listener that serves other things too: /livez and /readyz, and at the root the methods in Root.
type Probes struct {
	// Serving says that the program has started and does not stop. It is asked each time. Required.
	Serving func() bool
	// Ready returns why the listener cannot serve now, or nil. Strangers are told no reason. Required.
	Ready func(context.Context) error
	// Root are the methods for which the root answers like /readyz: some load balancers ask nothing else. Empty: none.
	Root []string
	// Base is the path below which the listener is served too, such as /webhooks. Empty: none.
	Base string

	mu      sync.Mutex
	checked time.Time // under mu
	err     error     // under mu
}

// Before returns a handler that answers probes and passes everything else on.
func (p *Probes) Before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		path := req.URL.Path
		if rest, ok := strings.CutPrefix(path, p.Base); ok && p.Base != "" {
			path = rest
		}
		switch {
		case (path == "/" || path == "") && slices.Contains(p.Root, req.Method):
		case path == "/livez" && isProbe(req.Method):
			answer(w, http.StatusOK, "alive\n")
			return
		case path == "/readyz" && isProbe(req.Method):
		default:
			next.ServeHTTP(w, req)
			return
		}
		if !p.Serving() || p.check(req.Context()) != nil {
			w.Header().Set("Retry-After", "5")
			answer(w, http.StatusServiceUnavailable, "not ready\n")
			return
		}
		answer(w, http.StatusOK, "ready\n")
	})
}

func isProbe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// check asks at most once in probeFresh.
func (p *Probes) check(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if since := time.Since(p.checked); since >= 0 && since < probeFresh {
		return p.err
	}
	// One caller's end must not decide the answer for the others.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTimeout)
	defer cancel()
	p.err = p.Ready(ctx)
	p.checked = time.Now()
	return p.err
}
