package e2e

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/embedded"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// startDatabase starts a Postgres that the test has in its hands, with the subscription in it.
func (h *tortured) startDatabase(t *testing.T) *embedded.Server {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Config{
		Dir: filepath.Join(h.dir, "postgres"), AllowInstall: true, Log: slog.New(slog.DiscardHandler),
		Settings: map[string]string{"fsync": "off"}, // the machine is not what dies here
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Errorf("stop the database: %v", err)
		}
	})
	h.withStore(t, server.URL(), h.seed)
	return server
}

// startWith starts a server with a database at an address.
func (h *tortured) startWith(t *testing.T, url string) *program {
	t.Helper()
	p := newProgram(t, filepath.Join(h.dir, "server"), h.env("DATABASE_URL="+url)...)
	p.start(t)
	h.killAtTheEnd(t, p)
	return p
}

// TestTortureCutConnections cuts connections to Postgres under load: before a batch was sent, after it was sent, and after it was committed and before
// that was told.
func TestTortureCutConnections(t *testing.T) {
	t.Parallel()
	h := newTortured(t)
	database := h.startDatabase(t)
	between := newCutter(t, database.URL())
	p := h.startWith(t, between.url)
	begun := residentMemory(t, p)
	stop := h.sendWithoutPause(t, p)
	h.awaitMore(t, acknowledgedPerRound)
	for range size(20, 3000) {
		between.cutNext()
		h.awaitMore(t, 5)
	}
	h.awaitMore(t, acknowledgedPerRound)
	acknowledged, most := stop(), residentMemory(t, p)
	p.stop(t)
	wantBounded(t, begun, most)
	for how, n := range between.made() {
		t.Logf("%d connections were cut %s", n, how)
		if n == 0 {
			t.Errorf("no connection was cut %s", how)
		}
	}
	h.withStore(t, database.URL(), func(t *testing.T, s *store.Store) { h.check(t, s, acknowledged) })
}

// TestTortureTerminatedBackends ends all of the server's connections from the side of Postgres, again and again.
func TestTortureTerminatedBackends(t *testing.T) {
	t.Parallel()
	h := newTortured(t)
	database := h.startDatabase(t)
	p := h.startWith(t, database.URL())
	stop := h.sendWithoutPause(t, p)
	h.withStore(t, database.URL(), func(t *testing.T, s *store.Store) {
		for range size(10, 300) {
			h.awaitMore(t, 50)
			if _, err := s.Pool().Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"); err != nil {
				t.Fatal(err)
			}
		}
		h.awaitMore(t, acknowledgedPerRound)
		acknowledged := stop()
		p.stop(t)
		h.check(t, s, acknowledged)
	})
}

// TestTorturePausedPostgres stops every process of Postgres for a while, as a machine does that is frozen: nothing fails, nothing answers.
func TestTorturePausedPostgres(t *testing.T) {
	t.Parallel()
	h := newTortured(t)
	database := h.startDatabase(t)
	p := h.startWith(t, database.URL())
	begun := residentMemory(t, p)
	stop := h.sendWithoutPause(t, p)
	h.awaitMore(t, acknowledgedPerRound)
	resume := h.pausePostgres(t)
	paused := time.Now()
	_, health := receiver.EndpointURLs("http://"+p.Receiver, h.token)
	most := 0
	for time.Since(paused) < size(7*time.Second, time.Minute) {
		most = max(most, residentMemory(t, p))
		wait(t, 500*time.Millisecond)
	}
	if status := getStatus(t, health); status != http.StatusServiceUnavailable {
		t.Errorf("the health URL answers %d while the database stands still, want 503", status)
	}
	resume()
	resumed := time.Now()
	h.awaitMore(t, acknowledgedPerRound)
	t.Logf("%v after Postgres went on %d notifications were taken", time.Since(resumed).Round(time.Millisecond), acknowledgedPerRound)
	acknowledged := stop()
	wantBounded(t, begun, most)
	if slowest := time.Duration(h.slowest.Load()); slowest > 20*time.Second {
		t.Errorf("the slowest answer took %v, want a 503 after some seconds", slowest)
	}
	h.withStore(t, database.URL(), func(t *testing.T, s *store.Store) {
		eventually(t, time.Minute, "the console to tell of it", func() error {
			for _, o := range h.outages(t, s, store.OutageRefused) {
				if o.Cause == "database" && o.Deliveries > 0 && o.HealthChecks > 0 && o.To.Sub(o.From) > 2*time.Second {
					return nil
				}
			}
			return errors.New("no outage of the database is told")
		})
		p.stop(t)
		h.check(t, s, acknowledged)
	})
}

// pausePostgres stops the postmaster and all its children until the returned function is called.
func (h *tortured) pausePostgres(t *testing.T) (resume func()) {
	t.Helper()
	send := func(signal syscall.Signal, pids ...int) {
		for _, pid := range pids {
			_ = syscall.Kill(pid, signal) // one that has ended meanwhile needs nothing
		}
	}
	postmaster := h.postmaster(t)
	send(syscall.SIGSTOP, postmaster) // first: it must start nobody who would go on
	wait(t, 50*time.Millisecond)      // one being started is listed then
	children := childrenOf(postmaster)
	send(syscall.SIGSTOP, children...)
	resume = sync.OnceFunc(func() { send(syscall.SIGCONT, append(children, postmaster)...) })
	t.Cleanup(resume)
	return resume
}

func getStatus(t *testing.T, address string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	response, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	return response.StatusCode
}

// wait lets time pass that is itself the torture.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}
