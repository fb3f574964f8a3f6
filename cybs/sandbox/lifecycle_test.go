package sandbox_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/cybs/sandbox/sandboxtest"
)

func TestSubscriptionActivatesAfterItsPingAndDeliversVerifiableEvents(t *testing.T) {
	t.Parallel()
	for _, scheme := range []cybs.Scheme{cybs.JWTSharedSecret, cybs.HTTPSignature} {
		t.Run(string(scheme), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			credentials := h.Credentials
			credentials.Scheme = scheme
			h.client = h.ClientWith(t, credentials)
			sub, err := h.client.CreateSubscription(t.Context(), h.input())
			if err != nil {
				t.Fatal(err)
			}
			if sub.Status != cybs.StatusInactive {
				t.Errorf("new subscription is %s, want INACTIVE", sub.Status)
			}
			h.AwaitStatus(t, sub.WebhookID, cybs.StatusActive)
			ping := <-h.receiver.pings
			if ping.Method != http.MethodPost || len(ping.Body) != 0 {
				t.Errorf("ping was %s with %d bytes, want an empty POST", ping.Method, len(ping.Body))
			}

			res := h.emit(t, sandbox.EventRequest{})
			if res.Matched != 1 || len(res.TraceIDs) != 1 {
				t.Fatalf("got %+v, want one match with one trace id", res)
			}
			got := h.receiver.next(t)
			v, err := h.verify(got)
			if err != nil {
				t.Fatalf("verify: %v", err)
			}
			if v.Variant != cybs.VariantPayloadRaw {
				t.Errorf("variant %s, want %s", v.Variant, cybs.VariantPayloadRaw)
			}
			n, err := cybs.ParseNotification(got.Header, got.Body)
			if err != nil {
				t.Fatal(err)
			}
			if n.EventType != updated || n.WebhookID != sub.WebhookID || n.ProductID != tokens || n.RequestType != "NEW" ||
				n.RetryNumber != 0 || n.TransactionTraceID != res.TraceIDs[0] || n.OrganizationID != sandboxtest.OrganizationID ||
				n.Form != cybs.FormV3Object || n.EventOrganizationID != sandboxtest.OrganizationID || len(n.Conflicts) > 0 {
				t.Errorf("notification says %+v", n)
			}
		})
	}
}

func TestSubscriptionStaysInactiveUntilHealthAnswers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.receiver.setHealth(http.StatusServiceUnavailable)
	sub, err := h.client.CreateSubscription(t.Context(), h.input())
	if err != nil {
		t.Fatal(err)
	}
	h.Await(t, "two failed pings", func() bool {
		return len(h.Deliveries(sandbox.DeliveryQuery{WebhookID: sub.WebhookID, Kind: sandbox.KindPing})) >= 2
	})
	if st, _ := h.State(sub.WebhookID); st.Status != cybs.StatusInactive || st.Healthy {
		t.Errorf("got %+v, want INACTIVE and unhealthy", st)
	}
	if res := h.emit(t, sandbox.EventRequest{}); res.Matched != 0 {
		t.Errorf("inactive subscription matched %d events", res.Matched)
	}
	h.receiver.setHealth(http.StatusOK)
	h.AwaitStatus(t, sub.WebhookID, cybs.StatusActive)
}

func TestPersonsDeactivationIsNotUndoneByPings(t *testing.T) {
	t.Parallel()
	h := newHouse(t, frequentPings)
	sub := h.subscribe(t)
	if err := h.client.SetSubscriptionStatus(t.Context(), sub.WebhookID, cybs.StatusInactive); err != nil {
		t.Fatal(err)
	}
	if res := h.emit(t, sandbox.EventRequest{}); res.Matched != 0 {
		t.Errorf("deactivated subscription matched %d events", res.Matched)
	}
	// Another subscription is pinged twice in the meantime.
	other := h.subscribe(t, func(in *cybs.SubscriptionInput) {
		in.Products = []cybs.SubscribedProduct{{ProductID: "decisionManager", EventTypes: []string{"risk.casemanagement.decision.accept"}}}
	})
	h.Await(t, "pings of another subscription", func() bool {
		return len(h.Deliveries(sandbox.DeliveryQuery{WebhookID: other.WebhookID, Kind: sandbox.KindPing})) >= 3
	})
	if st, _ := h.State(sub.WebhookID); st.Status != cybs.StatusInactive || !st.Deactivated {
		t.Errorf("got %+v, want INACTIVE by a person", st)
	}
	if err := h.client.SetSubscriptionStatus(t.Context(), sub.WebhookID, cybs.StatusActive); err != nil {
		t.Fatal(err)
	}
	if res := h.emit(t, sandbox.EventRequest{}); res.Matched != 1 {
		t.Errorf("activated subscription matched %d events, want 1", res.Matched)
	}
	h.receiver.next(t)
}

func TestNewURLIsPingedAgainAndDeletionEndsAll(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sub := h.subscribe(t)
	second := newReceiver(t)
	hook, health := second.URL+"/hook", second.URL+"/health"
	got, err := h.client.UpdateSubscription(t.Context(), sub.WebhookID, cybs.SubscriptionPatch{WebhookURL: &hook, HealthCheckURL: &health})
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != cybs.StatusInactive || got.WebhookURL != hook || got.UpdatedAt.IsZero() {
		t.Errorf("got %+v, want INACTIVE with the new URL", got)
	}
	h.AwaitStatus(t, sub.WebhookID, cybs.StatusActive)
	h.emit(t, sandbox.EventRequest{})
	second.next(t)

	if err := h.client.DeleteSubscription(t.Context(), sub.WebhookID); err != nil {
		t.Fatal(err)
	}
	if res := h.emit(t, sandbox.EventRequest{}); res.Matched != 0 {
		t.Errorf("deleted subscription matched %d events", res.Matched)
	}
	if _, err := h.client.GetSubscription(t.Context(), sub.WebhookID); !errors.Is(err, cybs.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if list, err := h.client.ListSubscriptions(t.Context(), cybs.ListSubscriptionsOptions{OrganizationID: sandboxtest.OrganizationID}); err != nil || len(list) != 0 {
		t.Errorf("list: %v, %v; want none", list, err)
	}
}

func TestUnknownHostsAreReviewed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *sandbox.Config) { c.InstantApproval = false })
	sub, err := h.client.CreateSubscription(t.Context(), h.input())
	if err != nil {
		t.Fatal(err)
	}
	if sub.Status != cybs.StatusPendingReview {
		t.Fatalf("got %s, want PENDING_REVIEW", sub.Status)
	}
	var api *cybs.APIError
	if err := h.client.SetSubscriptionStatus(t.Context(), sub.WebhookID, cybs.StatusActive); !errors.As(err, &api) || api.StatusCode != http.StatusBadRequest {
		t.Errorf("status during review: got %v, want a 400", err)
	}
	if err := h.Review(sub.WebhookID, false); err != nil {
		t.Fatal(err)
	}
	h.AwaitStatus(t, sub.WebhookID, cybs.StatusBlocked)
	if err := h.Review(sub.WebhookID, true); !errors.Is(err, sandbox.ErrNotPending) {
		t.Errorf("second review: got %v, want ErrNotPending", err)
	}
	again := h.receiver.URL + "/other"
	got, err := h.client.UpdateSubscription(t.Context(), sub.WebhookID, cybs.SubscriptionPatch{WebhookURL: &again})
	if err != nil || got.Status != cybs.StatusPendingReview {
		t.Fatalf("got %v, %v; want PENDING_REVIEW again", got, err)
	}
	if err := h.Review(sub.WebhookID, true); err != nil {
		t.Fatal(err)
	}
	h.AwaitStatus(t, sub.WebhookID, cybs.StatusActive)
}

func TestReviewCanApproveByItself(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *sandbox.Config) { c.InstantApproval, c.ReviewDelay = false, 24*time.Minute })
	h.subscribe(t)
}

func TestTestNotificationIsDeliveredAndReturned(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sub := h.subscribe(t)
	res, err := h.client.TestSubscription(t.Context(), sub.WebhookID)
	if err != nil {
		t.Fatal(err)
	}
	got := h.receiver.next(t)
	v, err := h.verify(got)
	if err != nil || v.Variant != cybs.VariantBody {
		t.Errorf("verify: %v, variant %s; want %s", err, v.Variant, cybs.VariantBody)
	}
	n, err := cybs.ParseNotification(got.Header, got.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !n.Test || n.EventType != updated || n.TransactionTraceID != res.TransactionTraceID || string(res.Raw) != string(got.Body) {
		t.Errorf("delivered %s, returned %s", got.Body, res.Raw)
	}
}

func TestTestCallReactivatesWithoutHealthCheckURL(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sub, err := h.client.CreateSubscription(t.Context(), h.input(func(in *cybs.SubscriptionInput) { in.HealthCheckURL = "" }))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.client.TestSubscription(t.Context(), sub.WebhookID); err != nil {
		t.Fatal(err)
	}
	h.AwaitStatus(t, sub.WebhookID, cybs.StatusActive)
	if pings := h.Deliveries(sandbox.DeliveryQuery{Kind: sandbox.KindPing}); len(pings) != 0 {
		t.Errorf("pinged %d times without a health check URL", len(pings))
	}
}

func TestWithoutSignatureKeyNothingIsSent(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	s := sandboxtest.New(t)
	h := &house{Server: s, client: s.Client(t), receiver: r}
	sub := h.subscribe(t)
	h.emit(t, sandbox.EventRequest{})
	h.Await(t, "the dropped event", func() bool { return len(h.outcomes(sub.WebhookID)) == 1 })
	if got := h.outcomes(sub.WebhookID)[0]; got != sandbox.OutcomeDropped {
		t.Errorf("got %s, want dropped", got)
	}
	if _, err := h.client.TestSubscription(t.Context(), sub.WebhookID); err == nil {
		t.Error("test call succeeded without a key")
	}
}
