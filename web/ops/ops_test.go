package ops_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/switchboardhq/switchboard/web/ops"
)

func get(t *testing.T, h http.Handler, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	return w
}

func TestProbesAndMetrics(t *testing.T) {
	t.Parallel()
	var ready error
	registry := ops.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "switchboard_test_total", Help: "Counts."})
	registry.MustRegister(counter)
	counter.Add(3)
	h, err := ops.New(ops.Config{Ready: func(context.Context) error { return ready }, Registry: registry})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path string
		ready        error
		status       int
		text         string
	}{
		{http.MethodGet, "/livez", nil, http.StatusOK, "alive"},
		{http.MethodGet, "/livez", errors.New("draining"), http.StatusOK, "alive"},
		{http.MethodHead, "/livez", nil, http.StatusOK, ""},
		{http.MethodGet, "/readyz", nil, http.StatusOK, "ready"},
		{http.MethodGet, "/readyz", errors.New("password=hunter2"), http.StatusServiceUnavailable, "not ready"},
		{http.MethodGet, "/readyz", fmt.Errorf("check: %w", ops.Reason("grouping has stood still")), http.StatusServiceUnavailable, "not ready: grouping has stood still"},
		{http.MethodGet, "/metrics", nil, http.StatusOK, "switchboard_test_total 3"},
		{http.MethodGet, "/metrics", nil, http.StatusOK, "go_goroutines"},
		{http.MethodPost, "/livez", nil, http.StatusMethodNotAllowed, ""},
		{http.MethodGet, "/", nil, http.StatusOK, "ready"},
		{http.MethodOptions, "/", nil, http.StatusOK, "ready"},
		{http.MethodHead, "/", errors.New("draining"), http.StatusServiceUnavailable, ""},
		{http.MethodGet, "/nothing", nil, http.StatusNotFound, ""},
		{http.MethodGet, "/debug/pprof/", nil, http.StatusNotFound, ""},
	} {
		ready = c.ready
		w := get(t, h, c.method, c.path)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.text) {
			t.Errorf("%s %s with %v: %d, want %d and %q", c.method, c.path, c.ready, w.Code, c.status, c.text)
		}
		if strings.Contains(w.Body.String(), "hunter2") {
			t.Errorf("%s %s shows why it is not ready", c.method, c.path)
		}
	}
}

func TestReadinessThatCannotTellInTimeIsNone(t *testing.T) {
	t.Parallel()
	h, err := ops.New(ops.Config{Registry: ops.NewRegistry(), Ready: func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if w := get(t, h, http.MethodGet, "/readyz"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("answered %d, want 503", w.Code)
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestDoorNeedsWhatItTells(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]ops.Config{
		"nothing":  {},
		"registry": {Ready: func(context.Context) error { return nil }},
		"ready":    {Registry: ops.NewRegistry()},
	} {
		if _, err := ops.New(cfg); err == nil {
			t.Errorf("with %s alone: no error", name)
		}
	}
}
