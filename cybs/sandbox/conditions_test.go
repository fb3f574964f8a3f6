package sandbox_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/cybs/sandbox/sandboxtest"
)

// condition sets a condition by the admin API.
func (h *house) condition(t *testing.T, body string) {
	t.Helper()
	var shown map[string]any
	if status := h.admin(t, http.MethodPut, "/condition", body, &shown); status != http.StatusOK {
		t.Fatalf("%s: %d %v", body, status, shown)
	}
}

func TestServerErrorsAndThrottlingAreAnsweredAsTold(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	list := webhooks + "?organizationId=sandbox_org"
	for _, c := range []struct {
		body   string
		status int
		after  string
		want   string
	}{
		{`{"trouble":"server-error"}`, 500, "", `"status":"SERVER_ERROR","reason":"SYSTEM_ERROR"`},
		{`{"trouble":"server-error","statusCode":502}`, 502, "", `"reason":"SERVER_TIMEOUT"`},
		{`{"trouble":"server-error","statusCode":503,"retryAfter":"90s"}`, 503, "90", `"reason":"SERVICE_TIMEOUT"`},
		{`{"trouble":"throttled"}`, 429, "1", `{"errors":[{"type":"TOO_MANY_REQUESTS"`},
		{`{"trouble":"throttled","retryAfter":"1500ms"}`, 429, "2", `TOO_MANY_REQUESTS`},
		{`{"trouble":""}`, 404, "", `"NOT_FOUND"`}, // well again: the list is empty
	} {
		h.condition(t, c.body)
		status, header, body := raw(t, h.Server, http.MethodGet, list, "")
		if status != c.status || header.Get("Retry-After") != c.after || !strings.Contains(body, c.want) {
			t.Errorf("%s: got %d, Retry-After %q, %s", c.body, status, header.Get("Retry-After"), body)
		}
	}
}

func TestTroubleEndsAfterSoManyRequestsAndTheClientGetsThrough(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.condition(t, `{"trouble":"server-error","statusCode":503,"requests":2}`)
	if _, err := h.client.ListProducts(t.Context(), sandboxtest.OrganizationID); err != nil {
		t.Errorf("third try: %v", err)
	}
	if c := h.Condition(); c.Trouble != sandbox.TroubleNone {
		t.Errorf("condition is still %+v", c)
	}
}

func TestSlowAnswersComeLate(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.condition(t, `{"trouble":"slow","delay":"40ms","requests":1}`)
	start := time.Now()
	status, _, _ := raw(t, h.Server, http.MethodGet, "/notification-subscriptions/v2/products/sandbox_org", "")
	if took := time.Since(start); status != http.StatusOK || took < 40*time.Millisecond {
		t.Errorf("got %d after %s, want 200 after 40ms or more", status, took)
	}
	h.condition(t, `{"trouble":"slow","delay":"1h"}`)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := cybs.New(cybs.Config{
		BaseURL: h.URL, Credentials: h.Credentials, MaxAttempts: 1, HTTPClient: &http.Client{Transport: transport, Timeout: 20 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.ListProducts(t.Context(), sandboxtest.OrganizationID); err == nil {
		t.Error("a client with a time-out got an answer")
	}
}

func TestOutageBreaksConnectionsAndHoldsWhatIsToBeSent(t *testing.T) {
	t.Parallel()
	h := newHouse(t, frequentPings)
	sub := h.subscribe(t)
	h.condition(t, `{"trouble":"outage"}`)
	_, err := h.client.GetSubscription(t.Context(), sub.WebhookID)
	var api *cybs.APIError
	if err == nil || errors.As(err, &api) {
		t.Errorf("got %v, want a broken connection", err)
	}
	traces := map[string]bool{}
	for _, trace := range h.emit(t, sandbox.EventRequest{Count: 3}).TraceIDs {
		traces[trace] = true
	}
	h.Await(t, "three that wait", func() bool { st, _ := h.State(sub.WebhookID); return st.Queued == 3 })
	if n := len(h.receiver.came); n != 0 {
		t.Errorf("%d came during the outage", n)
	}
	h.condition(t, `{"trouble":""}`)
	for range 3 {
		got := h.receiver.next(t)
		if trace := got.Header.Get(cybs.HeaderTransactionTraceID); !traces[trace] {
			t.Errorf("unexpected or repeated %s", trace)
		} else {
			delete(traces, trace)
		}
	}
	h.Await(t, "nothing waiting", func() bool { st, _ := h.State(sub.WebhookID); return st.Queued == 0 })
	if n := len(h.receiver.came); n != 0 {
		t.Errorf("%d came twice", n)
	}
}

func TestConditionsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, body := range []string{
		`{"trouble":"frogs"}`, `{"trouble":"server-error","statusCode":404}`, `{"trouble":"server-error","statusCode":501}`,
		`{"trouble":"slow","delay":"soon"}`, `{"trouble":"slow","delay":"-1s"}`, `{"trouble":"outage","requests":-1}`, `{"mood":"bad"}`,
	} {
		if status := h.admin(t, http.MethodPut, "/condition", body, nil); status != http.StatusBadRequest {
			t.Errorf("%s: got %d, want 400", body, status)
		}
	}
	if err := h.SetCondition(sandbox.Condition{Trouble: "frogs"}); !errors.Is(err, sandbox.ErrInvalidCondition) {
		t.Errorf("got %v, want ErrInvalidCondition", err)
	}
	words := map[string]bool{}
	for _, trouble := range append(sandbox.Troubles(), sandbox.TroubleNone) {
		words[trouble.Words()] = true
	}
	for _, fault := range append(sandbox.Faults(), sandbox.FaultNone) {
		if fault.Words() == string(fault) && fault != sandbox.FaultNone {
			t.Errorf("%s has no words", fault)
		}
	}
	if len(words) != len(sandbox.Troubles())+1 {
		t.Errorf("troubles share words: %v", words)
	}
}
