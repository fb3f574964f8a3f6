package sandbox_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
)

func offerReplay(c *sandbox.Config) { c.API.OfferReplay = true }

// replayOf asks for a replay and fails the test when it is refused.
func (h *house) replayOf(t *testing.T, webhookID string, r cybs.Replay) {
	t.Helper()
	if err := h.client.Replay(t.Context(), webhookID, r); err != nil {
		t.Fatal(err)
	}
}

// deliver makes one notification arrive and waits until that is on record.
func (h *house) deliver(t *testing.T, webhookID string) received {
	t.Helper()
	before := len(h.outcomes(webhookID))
	h.emit(t, sandbox.EventRequest{})
	got := h.receiver.next(t)
	h.Await(t, "the record of a delivery", func() bool { return len(h.outcomes(webhookID)) > before })
	return got
}

// fail makes one notification fail for good and returns its trace ids.
func (h *house) fail(t *testing.T, webhookID string) []string {
	t.Helper()
	before := len(h.outcomes(webhookID))
	h.receiver.answer(always(http.StatusInternalServerError))
	h.emit(t, sandbox.EventRequest{})
	h.Await(t, "the failure", func() bool {
		list := h.outcomes(webhookID)
		return len(list) > before && list[len(list)-1] == sandbox.OutcomeFailed
	})
	h.receiver.answer(always(http.StatusOK))
	var traces []string
	for range len(h.outcomes(webhookID)) - before {
		traces = append(traces, h.receiver.next(t).Header.Get(cybs.HeaderTransactionTraceID))
	}
	return traces
}

func onceRetried(in *cybs.SubscriptionInput) {
	in.RetryPolicy = &cybs.RetryPolicy{Algorithm: cybs.Arithmetic, FirstRetry: 1, Interval: 1, NumberOfRetries: 1}
}

func TestReplayIsWithdrawnUnlessOffered(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sub := h.subscribe(t)
	err := h.client.Replay(t.Context(), sub.WebhookID, cybs.Replay{TraceIDs: []string{"x"}})
	if !errors.Is(err, cybs.ErrNotOffered) {
		t.Errorf("got %v, want ErrNotOffered", err)
	}
}

func TestReplayByTraceIDSendsTheSameEventAsAReplay(t *testing.T) {
	t.Parallel()
	h := newHouse(t, offerReplay)
	sub := h.subscribe(t, onceRetried)
	delivered := h.deliver(t, sub.WebhookID)
	traces := append(h.fail(t, sub.WebhookID), delivered.Header.Get(cybs.HeaderTransactionTraceID))
	for i, trace := range traces { // any attempt's id will do, of failed and delivered ones
		h.replayOf(t, sub.WebhookID, cybs.Replay{TraceIDs: []string{trace, "unknown"}})
		got := h.receiver.next(t)
		n, err := cybs.ParseNotification(got.Header, got.Body)
		if err != nil {
			t.Fatal(err)
		}
		if n.RequestType != "REPLAY" || n.RetryNumber != 0 || slices.Contains(traces, n.TransactionTraceID) || len(n.Conflicts) > 0 {
			t.Errorf("replay %d is %+v", i, n)
		}
		if _, err := h.verify(got); err != nil {
			t.Error(err)
		}
		h.Await(t, "the end of the replay", func() bool { st, _ := h.State(sub.WebhookID); return st.Queued == 0 })
	}
	h.replayOf(t, sub.WebhookID, cybs.Replay{TraceIDs: []string{traces[2]}})
	again, err := cybs.ParseNotification(nil, h.receiver.next(t).Body)
	if err != nil {
		t.Fatal(err)
	}
	first, err := cybs.ParseNotification(nil, delivered.Body)
	if err != nil {
		t.Fatal(err)
	}
	if string(again.Payload) != string(first.Payload) || again.EventDate != first.EventDate {
		t.Errorf("replayed %s of %s, was %s of %s", again.Payload, again.EventDate, first.Payload, first.EventDate)
	}
}

func TestReplayByStatusPicksWhatFailed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, offerReplay)
	sub := h.subscribe(t, onceRetried)
	h.deliver(t, sub.WebhookID) // not to be picked
	h.fail(t, sub.WebhookID)
	h.fail(t, sub.WebhookID)
	window := cybs.Replay{
		Status: cybs.DeliveryFailed, ProductID: tokens, EventType: updated,
		Start: time.Now().Add(-time.Hour), End: time.Now().Add(time.Hour),
	}
	for _, r := range []cybs.Replay{window, {Status: cybs.DeliveryFailed, ProductID: tokens, EventType: updated, HoursBack: 1}} {
		h.replayOf(t, sub.WebhookID, r)
		for range 2 {
			if got := h.receiver.next(t).Header.Get(cybs.HeaderRequestType); got != "REPLAY" {
				t.Errorf("request type %s", got)
			}
		}
		h.Await(t, "the end of the replay", func() bool { st, _ := h.State(sub.WebhookID); return st.Queued == 0 })
	}
	none := window
	none.EventType = "tms.networktoken.provisioned"
	h.replayOf(t, sub.WebhookID, none)
	if st, _ := h.State(sub.WebhookID); st.Queued != 0 {
		t.Errorf("%d queued for an event type that never failed", st.Queued)
	}
}

func TestReplayOfRetryingNotificationsSendsThemAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, offerReplay)
	sub := h.subscribe(t, withRetries(cybs.RetryPolicy{Algorithm: cybs.Arithmetic, FirstRetry: 500_000, Interval: 1, NumberOfRetries: 1}))
	h.receiver.answer(always(http.StatusInternalServerError))
	h.emit(t, sandbox.EventRequest{})
	h.receiver.next(t)
	h.Await(t, "the wait for the retry", func() bool { st, _ := h.State(sub.WebhookID); return st.Retrying == 1 })
	h.receiver.answer(always(http.StatusOK))
	h.replayOf(t, sub.WebhookID, cybs.Replay{Status: cybs.DeliveryRetry, ProductID: tokens, EventType: updated, HoursBack: 24})
	if got := h.receiver.next(t).Header.Get(cybs.HeaderRequestType); got != "REPLAY" {
		t.Errorf("request type %s", got)
	}
	h.Await(t, "nothing waiting", func() bool { st, _ := h.State(sub.WebhookID); return st.Queued+st.Retrying == 0 })
}

func TestOneReplayAtATime(t *testing.T) {
	t.Parallel()
	h := newHouse(t, offerReplay)
	sub := h.subscribe(t)
	trace := h.deliver(t, sub.WebhookID).Header.Get(cybs.HeaderTransactionTraceID)
	entered, leave := make(chan struct{}), make(chan struct{})
	h.receiver.answer(func(int) int {
		close(entered)
		<-leave
		return http.StatusOK
	})
	h.replayOf(t, sub.WebhookID, cybs.Replay{TraceIDs: []string{trace}})
	<-entered
	err := h.client.Replay(t.Context(), sub.WebhookID, cybs.Replay{TraceIDs: []string{trace}})
	var api *cybs.APIError
	if !errors.As(err, &api) || api.StatusCode != http.StatusConflict {
		t.Errorf("second replay: got %v, want a 409", err)
	}
	close(leave)
	h.receiver.next(t)
	h.receiver.answer(always(http.StatusOK))
	h.Await(t, "the end of the first", func() bool { return len(h.outcomes(sub.WebhookID)) == 2 })
	h.Await(t, "another replay", func() bool {
		return h.client.Replay(t.Context(), sub.WebhookID, cybs.Replay{TraceIDs: []string{trace}}) == nil
	})
	h.receiver.next(t)
}

func TestReplayHasLimits(t *testing.T) {
	t.Parallel()
	h := newHouse(t, offerReplay, func(c *sandbox.Config) { c.API.ReplayBusyStatusCode = http.StatusBadRequest })
	sub := h.subscribe(t)
	at := func(ago time.Duration) string { return time.Now().Add(-ago).UTC().Format("2006-01-02T15:04:05.000") }
	window := func(from, to time.Duration) string {
		return fmt.Sprintf(`{"byDeliveryStatus":{"status":"FAILED","startTime":%q,"endTime":%q}}`, at(from), at(to))
	}
	const hour = time.Hour
	for name, c := range map[string]struct {
		body string
		want string // field that is refused; empty: accepted
	}{
		"nothing":             {`{}`, "byTransactionTraceIdentifiers"},
		"both":                {`{"byTransactionTraceIdentifiers":["a"],"byDeliveryStatus":{"status":"FAILED"}}`, "byDeliveryStatus"},
		"no ids":              {`{"byTransactionTraceIdentifiers":[]}`, "byTransactionTraceIdentifiers"},
		"no status":           {`{"byDeliveryStatus":{"hoursBack":24}}`, "byDeliveryStatus.status"},
		"unknown status":      {`{"byDeliveryStatus":{"status":"SUSPENDED"}}`, "byDeliveryStatus.status"},
		"too many hours":      {`{"byDeliveryStatus":{"status":"RETRY","hoursBack":25}}`, "byDeliveryStatus.hoursBack"},
		"no hours":            {`{"byDeliveryStatus":{"status":"RETRY","hoursBack":0}}`, "byDeliveryStatus.hoursBack"},
		"hours and window":    {strings.Replace(window(2*hour, hour), `"status"`, `"hoursBack":1,"status"`, 1), "byDeliveryStatus.hoursBack"},
		"start alone":         {`{"byDeliveryStatus":{"status":"RETRY","startTime":"2026-01-01T00:00:00.000"}}`, "byDeliveryStatus.endTime"},
		"no time":             {`{"byDeliveryStatus":{"status":"RETRY","startTime":"yesterday","endTime":"today"}}`, "byDeliveryStatus.startTime"},
		"window too long":     {window(25*hour, 0), "byDeliveryStatus.endTime"},
		"window upside down":  {window(hour, 2*hour), "byDeliveryStatus.endTime"},
		"too long ago":        {window(31*24*hour, 30*24*hour+12*hour), "byDeliveryStatus.startTime"},
		"a day":               {window(24*hour, 0), ""},
		"with space and zone": {`{"byDeliveryStatus":{"status":"RETRY","startTime":"` + strings.Replace(at(hour), "T", " ", 1) + `","endTime":"` + at(0) + `Z"}}`, ""},
		"default hours":       {`{"byDeliveryStatus":{"status":"RETRY"}}`, ""},
	} {
		status, _, body := raw(t, h.Server, http.MethodPost, "/nrtf/v1/webhooks/"+sub.WebhookID+"/replays", c.body)
		if c.want == "" && (status != http.StatusOK || body != "") {
			t.Errorf("%s: got %d %s, want 200 and nothing", name, status, body)
		}
		if c.want != "" && (status != http.StatusBadRequest || !strings.Contains(body, `"field":"`+c.want+`"`)) {
			t.Errorf("%s: got %d %s, want 400 for %s", name, status, body, c.want)
		}
	}
	if status, _, body := raw(t, h.Server, http.MethodPost, "/webhooks/"+sub.WebhookID+"/replays", `{"byTransactionTraceIdentifiers":["a"]}`); status != http.StatusOK {
		t.Errorf("the guide's path: %d %s", status, body)
	}
	if err := h.client.SetSubscriptionStatus(t.Context(), sub.WebhookID, cybs.StatusInactive); err != nil {
		t.Fatal(err)
	}
	if status, _, body := raw(t, h.Server, http.MethodPost, "/nrtf/v1/webhooks/"+sub.WebhookID+"/replays", `{"byTransactionTraceIdentifiers":["a"]}`); status != http.StatusBadRequest {
		t.Errorf("replay of an inactive subscription: %d %s, want 400", status, body)
	}
}
