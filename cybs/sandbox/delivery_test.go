package sandbox_test

import (
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/cybs/sandbox/sandboxtest"
)

func TestRetriesFollowThePolicyUntilSuccess(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	policy := cybs.RetryPolicy{Algorithm: cybs.Geometric, FirstRetry: 1, Interval: 2, NumberOfRetries: 5}
	sub := h.subscribe(t, withRetries(policy))
	h.receiver.answer(func(n int) int {
		if n <= 3 {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	})
	h.emit(t, sandbox.EventRequest{})
	var traces []string
	for retry := range 4 {
		got := h.receiver.next(t)
		if _, err := h.verify(got); err != nil {
			t.Errorf("retry %d: %v", retry, err)
		}
		n, err := cybs.ParseNotification(got.Header, got.Body)
		if err != nil {
			t.Fatal(err)
		}
		wantType := "NEW"
		if retry > 0 {
			wantType = "RETRY"
		}
		if n.RetryNumber != retry || n.RequestType != wantType || got.Header.Get(cybs.HeaderRetryCount) != strconv.Itoa(retry) {
			t.Errorf("attempt %d says number %d and type %s", retry, n.RetryNumber, n.RequestType)
		}
		if slices.Contains(traces, n.TransactionTraceID) {
			t.Errorf("attempt %d repeats a trace id", retry)
		}
		traces = append(traces, n.TransactionTraceID)
	}
	want := []sandbox.Outcome{sandbox.OutcomeRetrying, sandbox.OutcomeRetrying, sandbox.OutcomeRetrying, sandbox.OutcomeDelivered}
	h.Await(t, "delivery", func() bool { return slices.Equal(h.outcomes(sub.WebhookID), want) })

	// The waits are those of the schedule, a minute being a millisecond here.
	list := h.Deliveries(sandbox.DeliveryQuery{WebhookID: sub.WebhookID, Kind: sandbox.KindNotification})
	slices.Reverse(list)
	for i, offset := range policy.Schedule()[:3] {
		wait := list[i].NextRetry.Sub(list[0].NextRetry) + policy.Schedule()[0]/60_000
		if got, want := wait.Round(time.Microsecond), offset/60_000; got != want {
			t.Errorf("retry %d is due %s after the failure, want %s", i+1, got, want)
		}
	}
}

func TestUsedUpRetriesFailTheMessageAndKeepTheSubscription(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sub := h.subscribe(t, withRetries(cybs.RetryPolicy{Algorithm: cybs.Arithmetic, FirstRetry: 1, Interval: 1, NumberOfRetries: 2, RepeatSequenceCount: 1}))
	h.receiver.answer(always(http.StatusInternalServerError))
	h.emit(t, sandbox.EventRequest{})
	retrying := sandbox.OutcomeRetrying
	want := []sandbox.Outcome{retrying, retrying, retrying, retrying, sandbox.OutcomeFailed}
	h.Await(t, "the last retry", func() bool { return slices.Equal(h.outcomes(sub.WebhookID), want) })
	if st, _ := h.State(sub.WebhookID); st.Status != cybs.StatusActive || st.Queued+st.Retrying+st.Held != 0 {
		t.Errorf("got %+v, want ACTIVE with nothing waiting", st)
	}
}

func TestSuspensionHoldsAndRecoveryDrains(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sub := h.subscribe(t, withRetries(cybs.RetryPolicy{Algorithm: cybs.Arithmetic, FirstRetry: 1, Interval: 1, NumberOfRetries: 1, DeactivateFlag: true}))
	h.receiver.setHealth(http.StatusServiceUnavailable)
	h.receiver.answer(always(http.StatusServiceUnavailable))
	h.emit(t, sandbox.EventRequest{})
	h.AwaitStatus(t, sub.WebhookID, cybs.StatusSuspended)

	var ids []string
	for range 5 {
		res := h.emit(t, sandbox.EventRequest{})
		if res.Held != 1 {
			t.Fatalf("got %+v, want one held", res)
		}
		ids = append(ids, res.TraceIDs...)
	}
	if st, _ := h.State(sub.WebhookID); st.Held < 5 || st.Healthy {
		t.Errorf("got %+v, want five held and unhealthy", st)
	}
	h.receiver.answer(always(http.StatusOK))
	h.receiver.setHealth(http.StatusOK)
	h.AwaitStatus(t, sub.WebhookID, cybs.StatusActive)
	for len(ids) > 0 {
		got := h.receiver.next(t)
		trace := got.Header.Get(cybs.HeaderTransactionTraceID)
		if _, err := h.verify(got); err != nil {
			t.Errorf("drained notification: %v", err)
		}
		ids = slices.DeleteFunc(ids, func(id string) bool { return id == trace })
	}
	h.Await(t, "nothing waiting", func() bool {
		st, _ := h.State(sub.WebhookID)
		return st.Queued+st.Retrying+st.Held == 0
	})
}

func TestFailedHealthCheckSuspendsOnlyWithTheFlag(t *testing.T) {
	t.Parallel()
	h := newHouse(t, frequentPings)
	with := h.subscribe(t, withRetries(cybs.RetryPolicy{Algorithm: cybs.Arithmetic, FirstRetry: 1, Interval: 1, NumberOfRetries: 3, DeactivateFlag: true}))
	without := h.subscribe(t, func(in *cybs.SubscriptionInput) {
		in.Products = []cybs.SubscribedProduct{{ProductID: "eCheck", EventTypes: []string{"payments.voids.failed"}}}
	})
	h.receiver.setHealth(http.StatusNotFound)
	h.AwaitStatus(t, with.WebhookID, cybs.StatusSuspended)
	h.Await(t, "unhealthy without flag", func() bool { st, _ := h.State(without.WebhookID); return !st.Healthy })
	if st, _ := h.State(without.WebhookID); st.Status != cybs.StatusActive {
		t.Errorf("subscription without the flag is %s, want ACTIVE", st.Status)
	}
}

func TestSignatureCoversWhatTheProductNeeds(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *sandbox.Config) {
		c.Delivery.Variants = map[string]cybs.Variant{"eCheck": cybs.VariantPayloadCompact}
	})
	products := []cybs.SubscribedProduct{
		{ProductID: "customerInvoicing", EventTypes: []string{"invoicing.customer.invoice.paid"}},
		{ProductID: "unifiedCheckout", EventTypes: []string{"uc.orders.transactionresults"}},
		{ProductID: "eCheck", EventTypes: []string{"payments.voids.failed"}},
	}
	h.subscribe(t, func(in *cybs.SubscriptionInput) { in.Products = products })
	want := map[string]bool{"customerInvoicing": false, "unifiedCheckout": true, "eCheck": false} // is the envelope signed?
	for _, p := range products {
		h.emit(t, sandbox.EventRequest{ProductID: p.ProductID, EventType: p.EventTypes[0]})
		v, err := h.verify(h.receiver.next(t))
		if err != nil || v.EnvelopeSigned != want[p.ProductID] {
			t.Errorf("%s: %v, envelope signed %v, want %v", p.ProductID, err, v.EnvelopeSigned, want[p.ProductID])
		}
	}
}

func TestFormsCanBeSwitched(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change sandboxtest.Option
		form   cybs.Form
	}{
		"array payload":    {func(c *sandbox.Config) { c.Delivery.ArrayPayload = []string{tokens} }, cybs.FormV3Array},
		"envelope of 2023": {func(c *sandbox.Config) { c.Delivery.LegacyEnvelope = true }, cybs.FormPayloads2023},
		"object payload":   {func(c *sandbox.Config) { c.Delivery.MixedCaseHeaders = true }, cybs.FormV3Object},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, c.change)
			h.subscribe(t)
			h.emit(t, sandbox.EventRequest{})
			got := h.receiver.next(t)
			n, err := cybs.ParseNotification(got.Header, got.Body)
			if err != nil || n.Form != c.form {
				t.Errorf("form %s, %v; want %s", n.Form, err, c.form)
			}
			if _, err := h.verify(got); err != nil {
				t.Errorf("verify: %v", err)
			}
		})
	}
}

func frequentPings(c *sandbox.Config) {
	c.HealthInterval, c.UnhealthyInterval = time.Minute, time.Minute
}

func TestNewKeyOverridesTheOldOne(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.subscribe(t)
	old := h.key
	key, err := h.client.CreateSignatureKey(t.Context(), old.OrganizationID, cybs.SignatureKeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h.key = key
	h.emit(t, sandbox.EventRequest{})
	if _, err := h.verify(h.receiver.next(t)); err != nil {
		t.Errorf("verify with the new key: %v", err)
	}
	h.emit(t, sandbox.EventRequest{Fault: sandbox.FaultReplacedKey})
	h.key = old
	if _, err := h.verify(h.receiver.next(t)); err != nil {
		t.Errorf("verify with the replaced key: %v", err)
	}
}

func TestScopeDecidesWhoseEventsAreDelivered(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *sandbox.Config) {
		c.Organizations = append(c.Organizations, sandbox.Organization{OrganizationID: "child", ParentID: c.Organizations[0].OrganizationID},
			sandbox.Organization{OrganizationID: "stranger"})
	})
	scopes := map[string]struct {
		scope cybs.Scope
		want  []string
	}{
		"eCheck":          {cybs.Scope{Kind: cybs.ScopeSelf}, nil},
		tokens:            {cybs.Scope{Kind: cybs.ScopeDescendants}, []string{"child"}},
		"unifiedCheckout": {cybs.Scope{Kind: cybs.ScopeCustom, OrganizationIDs: []string{"stranger"}}, []string{"stranger"}},
	}
	events := map[string]string{"eCheck": "payments.voids.failed", tokens: updated, "unifiedCheckout": "uc.orders.transactionresults"}
	for product, c := range scopes {
		h.subscribe(t, func(in *cybs.SubscriptionInput) {
			in.Products = []cybs.SubscribedProduct{{ProductID: product, EventTypes: []string{events[product]}}}
			in.Scope = &c.scope
		})
		for _, org := range []string{"child", "stranger"} {
			res := h.emit(t, sandbox.EventRequest{OrganizationID: org, ProductID: product, EventType: events[product]})
			if got, want := res.Matched == 1, slices.Contains(c.want, org); got != want {
				t.Errorf("%s, event of %s: delivered %v, want %v", c.scope.Kind, org, got, want)
			}
		}
	}
}

func TestTrickleRunsAndStops(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.subscribe(t)
	h.SetTrickle(time.Millisecond)
	for range 3 {
		if _, err := h.verify(h.receiver.next(t)); err != nil {
			t.Error(err)
		}
	}
	h.SetTrickle(0)
	if got := h.Trickle(); got != 0 {
		t.Errorf("trickle is %s after it was switched off", got)
	}
}
