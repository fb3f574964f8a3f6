package sandbox_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/cybs/sandbox/sandboxtest"
)

func stop(t *testing.T, s *sandboxtest.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), sandboxtest.Patience)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestStateFileSurvivesARestart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sandbox.json")
	kept := func(c *sandbox.Config) { c.StateFile = file }
	h := newHouse(t, kept)
	sub := h.subscribe(t, withRetries(cybs.RetryPolicy{Algorithm: cybs.Arithmetic, FirstRetry: 1, Interval: 1, NumberOfRetries: 1, DeactivateFlag: true}))
	h.receiver.setHealth(http.StatusServiceUnavailable)
	h.receiver.answer(always(http.StatusServiceUnavailable))
	h.emit(t, sandbox.EventRequest{})
	h.AwaitStatus(t, sub.WebhookID, cybs.StatusSuspended)
	for range 2 {
		h.receiver.next(t) // what failed
	}
	h.emit(t, sandbox.EventRequest{Count: 3})
	stop(t, h.Server)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("state file: %v, %v; want mode 0600", info.Mode(), err)
	}

	again := &house{Server: sandboxtest.New(t, kept), receiver: h.receiver, key: h.key}
	again.client = again.Client(t)
	got, err := again.client.GetSubscription(t.Context(), sub.WebhookID)
	if err != nil {
		t.Fatal(err)
	}
	if got.RetryPolicy != sub.RetryPolicy || got.WebhookURL != sub.WebhookURL || !got.CreatedAt.Equal(sub.CreatedAt) || got.Products[0].ProductID != tokens {
		t.Errorf("after the restart %+v, before %+v", got, sub)
	}
	h.receiver.answer(always(http.StatusOK))
	h.receiver.setHealth(http.StatusOK)
	for range 3 { // held before the restart, signed with the key from before
		if _, err := again.verify(h.receiver.next(t)); err != nil {
			t.Error(err)
		}
	}
	again.AwaitStatus(t, sub.WebhookID, cybs.StatusActive)
}

func TestRetriesGoOnAfterARestart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sandbox.json")
	slow := func(c *sandbox.Config) { c.StateFile = file; c.TimeScale = 100 } // a minute is 600 ms
	h := newHouse(t, slow)
	h.subscribe(t)
	h.receiver.answer(func(n int) int {
		if n == 1 {
			return http.StatusBadGateway
		}
		return http.StatusOK
	})
	h.emit(t, sandbox.EventRequest{})
	h.receiver.next(t)
	h.Await(t, "the retry's timer", func() bool { return h.Subscriptions()[0].Retrying == 1 })
	stop(t, h.Server)
	again := &house{Server: sandboxtest.New(t, slow), receiver: h.receiver, key: h.key}
	n, err := cybs.ParseNotification(nil, again.receiver.next(t).Body)
	if err != nil || n.RetryNumber != 1 {
		t.Errorf("got retry %d, %v; want 1", n.RetryNumber, err)
	}
}

func TestStopAndStartAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *sandbox.Config) { c.Limits.Concurrency = 1 })
	sub := h.subscribe(t)
	stop(t, h.Server)
	stop(t, h.Server) // a second stop changes nothing
	h.emit(t, sandbox.EventRequest{})
	if err := h.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := h.Start(t.Context()); err == nil {
		t.Error("a running sandbox was started again")
	}
	if _, err := h.verify(h.receiver.next(t)); err != nil {
		t.Error(err)
	}
	h.emit(t, sandbox.EventRequest{})
	h.receiver.next(t)
	h.Await(t, "two attempts", func() bool { return len(h.outcomes(sub.WebhookID)) >= 2 })
	if n := len(h.outcomes(sub.WebhookID)); n != 2 {
		t.Errorf("two events were sent %d times", n)
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	broken := filepath.Join(t.TempDir(), "broken.json")
	if err := os.WriteFile(broken, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	newer := filepath.Join(t.TempDir(), "newer.json")
	if err := os.WriteFile(newer, []byte(`{"Version":99}`), 0o600); err != nil {
		t.Fatal(err)
	}
	org := []sandbox.Organization{{OrganizationID: "o", Keys: []sandbox.APIKey{{KeyID: "k", Secret: []byte("s")}}}}
	for want, cfg := range map[string]sandbox.Config{
		"no organization":    {},
		"negative":           {Organizations: org, TimeScale: -1},
		"clean absolute":     {Organizations: org, BasePath: "x/"},
		"lacks its id":       {Organizations: []sandbox.Organization{{OrganizationID: "o", Keys: []sandbox.APIKey{{KeyID: "k"}}}}},
		"belongs to both":    {Organizations: append(org, sandbox.Organization{OrganizationID: "p", Keys: org[0].Keys})},
		"unexpected end":     {Organizations: org, StateFile: broken},
		"it has version 99":  {Organizations: org, StateFile: newer},
		"unknown KeyTenancy": {Organizations: org, API: sandbox.APIConfig{KeyTenancy: "x"}},
	} {
		if _, err := sandbox.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}
