package receiver_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/cybs/sandbox/sandboxtest"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// counterpart is a door with Cybersource's side opposite.
type counterpart struct {
	*door
	sandbox *sandboxtest.Server
	client  *cybs.Client
	org     store.Organization
}

func newCounterpart(t *testing.T, options ...sandboxtest.Option) *counterpart {
	t.Helper()
	c := &counterpart{door: newDoor(t)}
	var err error
	c.org, err = c.store.InsertOrganization(t.Context(), store.Organization{OrganizationID: sandboxtest.OrganizationID, Environment: "sandbox", Name: "Sandbox", MerchantID: sandboxtest.MerchantID}, nil, audit())
	if err != nil {
		t.Fatal(err)
	}
	c.sandbox = sandboxtest.New(t, options...)
	c.client = c.sandbox.Client(t)
	c.newSandboxKey(t)
	return c
}

// newSandboxKey makes a key at Cybersource, which replaces the former one.
func (c *counterpart) newSandboxKey(t *testing.T) {
	t.Helper()
	key, err := c.client.CreateSignatureKey(t.Context(), sandboxtest.OrganizationID, cybs.SignatureKeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.store.InsertSignatureKey(t.Context(), store.SignatureKey{OrganizationID: c.org.ID, KeyID: key.KeyID, Key: store.Secret(key.Key)}); err != nil {
		t.Fatal(err)
	}
}

// subscribeTo makes a subscription on both sides and waits until the health ping has activated it.
func (c *counterpart) subscribeTo(t *testing.T, productID string, eventTypes ...string) store.Subscription {
	t.Helper()
	sub, _, err := c.store.InsertSubscription(t.Context(), store.Subscription{
		OrganizationID: c.org.ID, Name: productID, Scope: "DESCENDANTS", SecurityType: "KEY", Products: []store.SubscribedProduct{{ProductID: productID, EventTypes: eventTypes}},
		RetryPolicy: store.RetryPolicy{Algorithm: "ARITHMETIC", FirstRetry: 1, Interval: 1, NumberOfRetries: 3},
	}, store.NewEndpointToken(), audit())
	if err != nil {
		t.Fatal(err)
	}
	webhook, health := receiver.EndpointURLs(c.base, sub.EndpointToken)
	made, err := c.client.CreateSubscription(t.Context(), cybs.SubscriptionInput{
		Name: productID, Description: "of a test", OrganizationID: sandboxtest.OrganizationID, WebhookURL: webhook, HealthCheckURL: health,
		Products: []cybs.SubscribedProduct{{ProductID: productID, EventTypes: eventTypes}},
	})
	if err != nil {
		t.Fatalf("subscribe to %s: %v", productID, err)
	}
	if _, err := c.store.RecordActual(t.Context(), sub.ID, store.ActualSubscription{WebhookID: made.WebhookID, Status: store.StatusInactive}); err != nil {
		t.Fatal(err)
	}
	c.sandbox.AwaitStatus(t, made.WebhookID, cybs.StatusActive)
	sub.WebhookID = made.WebhookID
	return sub
}

// emit makes an event happen and returns the attempt's answer, once there is one.
func (c *counterpart) emit(t *testing.T, req sandbox.EventRequest) (traceID string, status int) {
	t.Helper()
	result, err := c.sandbox.Emit(t.Context(), req)
	if err != nil || len(result.TraceIDs) != 1 {
		t.Fatalf("emit %+v: %+v, %v; want one notification", req, result, err)
	}
	traceID = result.TraceIDs[0]
	c.sandbox.Await(t, "the answer to "+req.EventType+" "+string(req.Fault), func() bool {
		for _, a := range c.sandbox.Deliveries(sandbox.DeliveryQuery{}) {
			if a.TraceID == traceID && a.Outcome != "" {
				status = a.StatusCode
				return true
			}
		}
		return false
	})
	return traceID, status
}

func TestEveryEventOfTheCatalogueIsVerifiedAndRead(t *testing.T) {
	t.Parallel()
	c := newCounterpart(t)
	products, published := make(map[string][]string), make(map[string]bool)
	var order []string
	for _, e := range c.sandbox.Catalogue() {
		if products[e.ProductID] == nil {
			order = append(order, e.ProductID)
		}
		products[e.ProductID] = append(products[e.ProductID], e.EventType)
		published[e.EventType] = published[e.EventType] || e.Published
	}
	total := 0
	for _, product := range order {
		c.subscribeTo(t, product, products[product]...)
		for _, event := range products[product] {
			if _, status := c.emit(t, sandbox.EventRequest{ProductID: product, EventType: event}); status != http.StatusOK {
				t.Errorf("%s was answered %d, want 200", event, status)
			}
			total++
		}
	}
	c.await(t, "grouping", func() bool { return c.count(t, "SELECT count(*) FROM grouping_queue") == 0 })
	page, err := c.store.ListNotifications(t.Context(), store.NotificationFilter{Page: store.Page{Limit: 200}})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Items) != total {
		t.Errorf("%d notifications, want %d", len(page.Items), total)
	}
	for _, n := range page.Items {
		if !n.Readable || n.ProductID == "" || n.EventType == "" {
			t.Errorf("%s %s: readable %t; want it read", n.ProductID, n.EventType, n.Readable)
		}
		if published[n.EventType] && (n.Summary == "" || n.ObjectID == "") {
			t.Errorf("%s: object %q, summary %q; want both", n.EventType, n.ObjectID, n.Summary)
		}
	}
	if n := c.count(t, "SELECT count(*) FROM deliveries WHERE verdict <> 'verified' OR reason_detail <> ''"); n != 0 {
		t.Errorf("%d deliveries were rejected or remarked upon, want none", n)
	}
}

func TestEveryFaultOfTheSandboxHasItsVerdict(t *testing.T) {
	t.Parallel()
	c := newCounterpart(t)
	const event = "tms.networktoken.updated"
	c.newSandboxKey(t) // so that there is a former one
	c.subscribeTo(t, "tokenManagement", event)
	for fault, want := range map[sandbox.Fault]struct {
		status int
		reason string
	}{
		sandbox.FaultBadSignature:       {http.StatusUnauthorized, receiver.ReasonSignatureMismatch},
		sandbox.FaultMissingSignature:   {http.StatusUnauthorized, receiver.ReasonSignatureMissing},
		sandbox.FaultMalformedSignature: {http.StatusUnauthorized, receiver.ReasonSignatureMalformed},
		sandbox.FaultUnknownKey:         {http.StatusUnauthorized, receiver.ReasonKeyUnknown},
		sandbox.FaultReplacedKey:        {http.StatusOK, ""}, // retries may still carry it
		sandbox.FaultStaleTimestamp:     {http.StatusUnauthorized, receiver.ReasonTimestampTooOld},
		sandbox.FaultFutureTimestamp:    {http.StatusUnauthorized, receiver.ReasonTimestampTooNew},
		sandbox.FaultTamperedBody:       {http.StatusUnauthorized, receiver.ReasonSignatureMismatch},
		sandbox.FaultReencodedBody:      {http.StatusOK, ""}, // the payload without white space is what was signed
		sandbox.FaultNotJSON:            {http.StatusOK, ""}, // kept, marked unreadable
		sandbox.FaultWrongContentType:   {http.StatusOK, ""},
	} {
		trace, status := c.emit(t, sandbox.EventRequest{ProductID: "tokenManagement", EventType: event, Fault: fault})
		if status != want.status {
			t.Errorf("%s was answered %d, want %d", fault, status, want.status)
		}
		var id store.ID
		if err := c.store.Pool().QueryRow(t.Context(), "SELECT id FROM deliveries WHERE trace_id = $1", trace).Scan(&id); err != nil {
			t.Fatalf("%s: %v", fault, err)
		}
		if got := c.delivery(t, id); got.Reason != want.reason || got.Answered != want.status {
			t.Errorf("%s is stored with reason %q and %d, want %q and %d", fault, got.Reason, got.Answered, want.reason, want.status)
		}
	}
}

func TestSandboxFaultsThatLeaveNoDelivery(t *testing.T) {
	t.Parallel()
	c := newCounterpart(t)
	const event = "tms.networktoken.updated"
	c.subscribeTo(t, "tokenManagement", event)
	if _, status := c.emit(t, sandbox.EventRequest{EventType: event, Fault: sandbox.FaultOversized}); status != http.StatusRequestEntityTooLarge {
		t.Errorf("an oversized body was answered %d, want 413", status)
	}
	if _, status := c.emit(t, sandbox.EventRequest{EventType: event, Fault: sandbox.FaultTruncated}); status == http.StatusOK {
		t.Error("half a body was answered 200")
	}
	if n := c.deliveries(t); n != 0 {
		t.Errorf("%d deliveries stored, want none", n)
	}
	c.emit(t, sandbox.EventRequest{EventType: event, Fault: sandbox.FaultDuplicate})
	c.await(t, "a counted duplicate", func() bool { return c.count(t, "SELECT coalesce(sum(duplicates), 0) FROM deliveries") == 1 })
	if n := c.deliveries(t); n != 1 {
		t.Errorf("%d deliveries stored, want 1", n)
	}
}

func TestTestNotificationArrives(t *testing.T) {
	t.Parallel()
	c := newCounterpart(t)
	sub := c.subscribeTo(t, "unifiedCheckout", "uc.orders.transactionresults")
	for range 2 {
		if _, err := c.client.TestSubscription(t.Context(), sub.WebhookID); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range c.notifications(t, 2) {
		if !n.Test || n.Summary != "Test notification" || n.WebhookID != sub.WebhookID {
			t.Errorf("test %t, summary %q, webhook %q", n.Test, n.Summary, n.WebhookID)
		}
	}
}

func TestRetriesOfTheSandboxEndInOneNotification(t *testing.T) {
	t.Parallel()
	c := newCounterpart(t)
	const event = "tms.networktoken.updated"
	c.subscribeTo(t, "tokenManagement", event)
	// The first attempt is refused for a database that takes no rows, the second is not.
	exec := func(sql string) {
		t.Helper()
		if _, err := c.store.Pool().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE FUNCTION only_retries() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.retry_number < 2 THEN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END IF; RETURN new; END $$`)
	exec("CREATE TRIGGER only_retries BEFORE INSERT ON deliveries FOR EACH ROW EXECUTE FUNCTION only_retries()")
	if _, status := c.emit(t, sandbox.EventRequest{EventType: event}); status != http.StatusServiceUnavailable {
		t.Errorf("the first attempt was answered %d, want 503", status)
	}
	list := c.notifications(t, 1)
	if n := list[0]; n.FirstRetryNumber != 2 || n.DeliveryCount != 1 || !strings.Contains(n.EventType, "networktoken") {
		t.Errorf("first retry %d, %d deliveries; want it seen first as retry 2", n.FirstRetryNumber, n.DeliveryCount)
	}
}
