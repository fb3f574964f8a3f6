package sandbox_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/switchboardhq/switchboard/cybs/sandbox"
)

func TestLineThatBreaksIsFollowedByARetry(t *testing.T) {
	t.Parallel()
	for fault, arrived := range map[sandbox.Fault][]string{sandbox.FaultLostAttempt: {"1"}, sandbox.FaultLostAnswer: {"0", "1"}} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			sub := h.subscribe(t)
			h.emit(t, sandbox.EventRequest{Fault: fault})
			h.Await(t, "the retry that is delivered", func() bool {
				return slices.Equal(h.outcomes(sub.WebhookID), []sandbox.Outcome{sandbox.OutcomeRetrying, sandbox.OutcomeDelivered})
			})
			for _, want := range arrived {
				if got := h.receiver.next(t).Header.Get("v-c-retry-count"); got != want {
					t.Errorf("retry %q arrived, want %s", got, want)
				}
			}
			attempts := h.Deliveries(sandbox.DeliveryQuery{WebhookID: sub.WebhookID, Kind: sandbox.KindNotification})
			if first := attempts[1]; first.StatusCode != 0 || first.Error == "" || attempts[0].StatusCode != http.StatusOK {
				t.Errorf("attempts %+v; want the first without an answer, and the retry with 200", attempts)
			}
		})
	}
}
