package sandbox_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
)

// admin calls the admin API and decodes the answer.
func (h *house) admin(t *testing.T, method, path, body string, into any) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, h.URL+"/sandbox/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	status, _, answer := send(t, req)
	if into != nil {
		if err := json.Unmarshal([]byte(answer), into); err != nil {
			t.Fatalf("%s: %v", answer, err)
		}
	}
	return status
}

func TestAdminAPIDoesWhatTheMethodsDo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sub := h.subscribe(t)
	var result sandbox.EventResult
	body := `{"productId":"tokenManagement","eventType":"tms.networktoken.updated","fault":"stale-timestamp"}`
	if status := h.admin(t, http.MethodPost, "/events", body, &result); status != http.StatusAccepted || result.Matched != 1 {
		t.Errorf("events: %d %+v", status, result)
	}
	h.receiver.next(t)
	h.Await(t, "the attempt's record", func() bool { return len(h.outcomes(sub.WebhookID)) == 1 })
	var attempts []sandbox.Attempt
	if status := h.admin(t, http.MethodGet, "/deliveries?kind=notification&webhookId="+sub.WebhookID, "", &attempts); status != http.StatusOK ||
		len(attempts) != 1 || attempts[0].Fault != sandbox.FaultStaleTimestamp || attempts[0].StatusCode != http.StatusOK || attempts[0].TraceID != result.TraceIDs[0] {
		t.Errorf("deliveries: %d %+v", status, attempts)
	}
	var list []sandbox.SubscriptionState
	if status := h.admin(t, http.MethodGet, "/subscriptions", "", &list); status != http.StatusOK || len(list) != 1 || list[0].Status != cybs.StatusActive {
		t.Errorf("subscriptions: %d %+v", status, list)
	}
	if status := h.admin(t, http.MethodPut, "/trickle", `{"interval":"1h"}`, nil); status != http.StatusOK || h.Trickle() != time.Hour {
		t.Errorf("trickle: %d, now %s", status, h.Trickle())
	}
	var menu struct {
		Events []sandbox.CatalogueEvent
		Faults []sandbox.Fault
	}
	if status := h.admin(t, http.MethodGet, "/catalogue", "", &menu); status != http.StatusOK || len(menu.Events) < 80 || len(menu.Faults) != len(sandbox.Faults()) {
		t.Errorf("catalogue: %d with %d events", status, len(menu.Events))
	}
}

func TestAdminAPIRefusesNonsense(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, c := range map[string]struct {
		method, path, body string
		status             int
	}{
		"misspelt member":    {http.MethodPost, "/events", `{"product":"x"}`, 400},
		"unknown event":      {http.MethodPost, "/events", `{"eventType":"x"}`, 400},
		"two values":         {http.MethodPost, "/events", `{} {}`, 400},
		"no duration":        {http.MethodPut, "/trickle", `{"interval":"soon"}`, 400},
		"no limit":           {http.MethodGet, "/deliveries?limit=0", "", 400},
		"unknown webhook":    {http.MethodPost, "/reviews/nobody/approve", "", 404},
		"unknown decision":   {http.MethodPost, "/reviews/nobody/maybe", "", 404},
		"wrong method":       {http.MethodDelete, "/events", "", 405},
		"unknown admin path": {http.MethodGet, "/frogs", "", 404},
	} {
		if status := h.admin(t, c.method, c.path, c.body, nil); status != c.status {
			t.Errorf("%s: got %d, want %d", name, status, c.status)
		}
	}
}

func TestForeignWebPagesCannotUseTheAdminAPI(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.URL+"/sandbox/v1/events", strings.NewReader(`{"productId":"eCheck"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "https://evil.example.com")
	if status, _, _ := send(t, req); status != http.StatusForbidden {
		t.Errorf("got %d, want 403", status)
	}
}
