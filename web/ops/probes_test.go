package ops_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/switchboardhq/switchboard/web/ops"
)

func TestProbesAnswerBesideOtherThings(t *testing.T) {
	t.Parallel()
	for _, down := range []bool{false, true} {
		p := &ops.Probes{Base: "/webhooks", Root: []string{http.MethodGet, http.MethodHead, http.MethodOptions}, Serving: func() bool { return true }, Ready: func(context.Context) error {
			if down {
				return errors.New("the database is away: 10.0.0.6")
			}
			return nil
		}}
		handler := p.Before(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
		ready := http.StatusOK
		if down {
			ready = http.StatusServiceUnavailable
		}
		for path, want := range map[string]int{
			"/": ready, "/readyz": ready, "/livez": http.StatusOK, "/webhooks": ready, "/webhooks/": ready, "/webhooks/readyz": ready,
			"/in/abc": http.StatusTeapot, "/readyz/x": http.StatusTeapot, "/webhooks/in/abc": http.StatusTeapot,
		} {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody))
				if w.Code != want {
					t.Errorf("down %t: %s %s answered %d, want %d", down, method, path, w.Code, want)
				}
				if got := w.Body.String(); down && want == ready && got != "not ready\n" {
					t.Errorf("%s %s tells %q", method, path, got)
				}
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, http.NoBody))
			if w.Code != http.StatusTeapot {
				t.Errorf("POST %s answered %d, want it passed on", path, w.Code)
			}
		}
	}
}
