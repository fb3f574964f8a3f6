package sandbox_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/cybs/sandbox/sandboxtest"
)

func TestSwitchesOfAnswers(t *testing.T) {
	t.Parallel()
	s := sandboxtest.New(t, func(c *sandbox.Config) {
		c.API.FlatProducts, c.API.LowerCaseURLs, c.API.RequireOAuthDetails = true, true, true
		c.API.KeyState, c.API.KeyTimeLayout = "Active", "2006-01-02T15:04:05-0700"
		c.API.KeyTenancy = sandbox.TenancyGuide
		c.ActivationDelay = time.Hour * 1_000_000
	})
	status, _, body := raw(t, s, http.MethodPost, keysSym, key("CREATE", "sharedSecret", "nrtd", "sandbox_org"))
	var made struct {
		SubmitTimeUTC  string
		KeyInformation struct{ Status, ExpirationDate string }
	}
	if err := json.Unmarshal([]byte(body), &made); err != nil || status != http.StatusCreated || made.KeyInformation.Status != "Active" {
		t.Errorf("key: %d %s", status, body)
	}
	const layout = "2006-01-02T15:04:05-0700"
	from, err1 := time.Parse(layout, made.SubmitTimeUTC)
	to, err2 := time.Parse(layout, made.KeyInformation.ExpirationDate)
	if err := errors.Join(err1, err2); err != nil || to.Sub(from) != 3*365*24*time.Hour {
		t.Errorf("without expiryDuration the key lives %s, %v; want three years", to.Sub(from), err)
	}
	if !strings.HasSuffix(made.SubmitTimeUTC, "+0000") || !strings.HasSuffix(made.KeyInformation.ExpirationDate, "+0000") {
		t.Errorf("times of the key are %+v", made)
	}
	status, _, body = raw(t, s, http.MethodPost, keysAsym, key2("sandbox_org", "nrtd"))
	if status != http.StatusBadRequest || !strings.Contains(body, `"keyInformation.provider"`) {
		t.Errorf("the spec's order under the guide's: %d %s", status, body)
	}
	upper := strings.Replace(complete, "https://a.example.com/h", "https://A.Example.com/Hook", 1)
	status, _, body = raw(t, s, http.MethodPost, webhooks, upper)
	if status != http.StatusCreated || !strings.Contains(body, `"webhookUrl":"https://a.example.com/hook"`) || !strings.Contains(body, `"productId":"eCheck","eventTypes":["payments.voids.failed"],"webhookId"`) {
		t.Errorf("create: %d %s", status, body)
	}
	for policy, want := range map[string]string{
		`{"securityType":"oAuth","config":{"oAuthURL":"https://i.example.com/t","oAuthTokenType":"Bearer"}}`:                                                 "oAuthTokenExpiry",
		`{"securityType":"oAuth_JWT","config":{"oAuthURL":"https://i.example.com/t","oAuthTokenType":"Bearer","oAuthTokenExpiry":300}}`:                      "additionalConfig.scope",
		`{"securityType":"oAuth","config":{"oAuthURL":"https://i.example.com/t","oAuthTokenType":"Bearer","oAuthTokenExpiry":"soon"}}`:                       "oAuthTokenExpiry",
		`{"securityType":"oAuth","config":{"oAuthURL":"http://i.example.com:443:/t","oAuthTokenType":"Bearer","oAuthTokenExpiry":"365"}}`:                    "oAuthURL",
		`{"securityType":"oAuth","config":{"oAuthUrl":"https://i.example.com/t","oAuthTokenType":"bearer","oAuthTokenExpiry":"365"},"proxyType":"internal"}`: "",
	} {
		body := strings.Replace(strings.Replace(complete, `{"securityType":"KEY"}`, policy, 1), "eCheck", "payByLink", 1)
		status, _, answer := raw(t, s, http.MethodPost, webhooks, body)
		if want != "" && (status != http.StatusBadRequest || !strings.Contains(answer, "securityPolicy.config."+want)) {
			t.Errorf("%s: got %d %s, want 400 for %s", policy, status, answer, want)
		}
		if want == "" && (status != http.StatusCreated || !strings.Contains(answer, `"proxyType":"internal"`)) {
			t.Errorf("%s: got %d %s, want 201", policy, status, answer)
		}
	}
}

func TestHTTPSignatureCanBeRetired(t *testing.T) {
	t.Parallel()
	s := sandboxtest.New(t, func(c *sandbox.Config) { c.Auth.WithoutHTTPSignature = true })
	if status, _, _ := raw(t, s, http.MethodGet, "/notification-subscriptions/v2/products/sandbox_org", ""); status != http.StatusUnauthorized {
		t.Errorf("HTTP Signature: got %d, want 401", status)
	}
	if _, err := s.Client(t).ListProducts(t.Context(), sandboxtest.OrganizationID); err != nil {
		t.Errorf("JWT: %v", err)
	}
}

func TestStatusCanBeSetDuringReviewWhereAllowed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *sandbox.Config) { c.InstantApproval, c.API.StatusWhileReviewed = false, true })
	sub, err := h.client.CreateSubscription(t.Context(), h.input())
	if err != nil || sub.Status != cybs.StatusPendingReview {
		t.Fatal(sub, err)
	}
	if err := h.client.SetSubscriptionStatus(t.Context(), sub.WebhookID, cybs.StatusActive); err != nil {
		t.Error(err)
	}
	h.AwaitStatus(t, sub.WebhookID, cybs.StatusActive)
}

func TestKnownHostsNeedNoReview(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *sandbox.Config) { c.InstantApproval, c.KnownHosts = false, []string{"127.0.0.1."} })
	h.subscribe(t)
	sub, err := h.client.CreateSubscription(t.Context(), h.input(oauth(&idp{URL: "https://idp.example.com/t"}), func(in *cybs.SubscriptionInput) {
		in.Products = []cybs.SubscribedProduct{{ProductID: "eCheck", EventTypes: []string{"payments.voids.failed"}}}
	}))
	if err != nil || sub.Status != cybs.StatusPendingReview {
		t.Errorf("unknown oAuthURL: got %v %v, want PENDING_REVIEW", sub, err)
	}
}

func TestPingSwitches(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *sandbox.Config) { c.Health.Get, c.Health.Sign = true, true })
	h.subscribe(t)
	ping := <-h.receiver.pings
	if ping.Method != http.MethodGet {
		t.Errorf("ping was a %s", ping.Method)
	}
	if v, err := h.verify(ping); err != nil || v.KeyID != h.key.KeyID {
		t.Errorf("signature of the ping: %v", err)
	}
}

func TestPingsCanGoToTheWebhookURL(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *sandbox.Config) { c.Health.PingWebhookURL = true })
	h.subscribe(t, func(in *cybs.SubscriptionInput) { in.HealthCheckURL = "" })
	if ping := h.receiver.next(t); ping.Path != "/hook" || len(ping.Body) != 0 {
		t.Errorf("got %s with %d bytes, want an empty ping", ping.Path, len(ping.Body))
	}
}

func TestWithoutHealthCheckURLNothingIsPinged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sub, err := h.client.CreateSubscription(t.Context(), h.input(func(in *cybs.SubscriptionInput) { in.HealthCheckURL = "" }))
	if err != nil {
		t.Fatal(err)
	}
	other := func(in *cybs.SubscriptionInput) {
		in.Products = []cybs.SubscribedProduct{{ProductID: "eCheck", EventTypes: []string{"payments.voids.failed"}}}
	}
	h.subscribe(t, other) // is pinged in the meantime
	if st, _ := h.State(sub.WebhookID); st.Status != cybs.StatusInactive {
		t.Errorf("got %s, want INACTIVE", st.Status)
	}
	if pings := h.Deliveries(sandbox.DeliveryQuery{WebhookID: sub.WebhookID}); len(pings) != 0 {
		t.Errorf("pinged %d times", len(pings))
	}
}

func TestFirstFailedPingCanSuspend(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *sandbox.Config) { c.Health.SuspendUnanswered = true })
	h.receiver.setHealth(http.StatusNoContent) // not 200
	sub, err := h.client.CreateSubscription(t.Context(), h.input())
	if err != nil {
		t.Fatal(err)
	}
	h.AwaitStatus(t, sub.WebhookID, cybs.StatusSuspended)
	h.receiver.setHealth(http.StatusOK)
	h.AwaitStatus(t, sub.WebhookID, cybs.StatusActive)
}

func TestFailedPingCanSuspendWithoutTheFlag(t *testing.T) {
	t.Parallel()
	h := newHouse(t, frequentPings, func(c *sandbox.Config) { c.Health.SuspendWithoutFlag = true })
	sub := h.subscribe(t)
	h.receiver.setHealth(http.StatusInternalServerError)
	h.AwaitStatus(t, sub.WebhookID, cybs.StatusSuspended)
}

func TestAnySuccessCounts(t *testing.T) {
	t.Parallel()
	for _, anySuccess := range []bool{false, true} {
		h := newHouse(t, func(c *sandbox.Config) { c.Delivery.AnySuccess = anySuccess })
		sub := h.subscribe(t)
		h.receiver.answer(always(http.StatusAccepted))
		h.emit(t, sandbox.EventRequest{})
		h.receiver.next(t)
		h.Await(t, "the attempt", func() bool { return len(h.outcomes(sub.WebhookID)) > 0 })
		want := sandbox.OutcomeRetrying
		if anySuccess {
			want = sandbox.OutcomeDelivered
		}
		if got := h.outcomes(sub.WebhookID)[0]; got != want {
			t.Errorf("202 with AnySuccess %v: %s, want %s", anySuccess, got, want)
		}
	}
}

func TestRequestTypesCanBeNamed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, offerReplay, func(c *sandbox.Config) { c.Delivery.RetryRequestType, c.Delivery.ReplayRequestType = "retry", "replay" })
	sub := h.subscribe(t, onceRetried)
	traces := h.fail(t, sub.WebhookID)
	h.replayOf(t, sub.WebhookID, cybs.Replay{TraceIDs: traces[1:]})
	if got := h.receiver.next(t).Header.Get(cybs.HeaderRequestType); got != "replay" {
		t.Errorf("replay is called %s", got)
	}
	h.receiver.answer(always(http.StatusInternalServerError))
	h.emit(t, sandbox.EventRequest{})
	for _, want := range []string{"NEW", "retry"} {
		if got := h.receiver.next(t).Header.Get(cybs.HeaderRequestType); got != want {
			t.Errorf("attempt is called %s, want %s", got, want)
		}
	}
}

func TestTimestampOfRetriesIsTheirOwnOrTheFirstOnes(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{false, true} {
		clock := newClock()
		h := newHouse(t, func(c *sandbox.Config) { c.Delivery.FirstTimestamp, c.Now = first, clock.now })
		h.subscribe(t, onceRetried)
		h.receiver.answer(func(int) int {
			clock.advance(10 * time.Second)
			return http.StatusInternalServerError
		})
		h.emit(t, sandbox.EventRequest{})
		var signed []time.Time
		for range 2 {
			v, err := h.verify(h.receiver.next(t))
			if err != nil {
				t.Fatal(err)
			}
			signed = append(signed, v.SignedAt)
		}
		if same := signed[0].Equal(signed[1]); same != first {
			t.Errorf("FirstTimestamp %v: signed at %v", first, signed)
		}
	}
}

func TestDeactivateFlagInBothReadings(t *testing.T) {
	t.Parallel()
	held := []sandbox.Outcome{sandbox.OutcomeRetrying, sandbox.OutcomeHeld}
	failed := []sandbox.Outcome{sandbox.OutcomeRetrying, sandbox.OutcomeFailed}
	for name, c := range map[string]struct {
		flag, old bool
		status    cybs.Status
		outcomes  []sandbox.Outcome
	}{
		"today, true":  {true, false, cybs.StatusSuspended, failed},
		"today, false": {false, false, cybs.StatusActive, failed},
		"2023, true":   {true, true, cybs.StatusSuspended, held},
		"2023, false":  {false, true, cybs.StatusSuspended, failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, func(cfg *sandbox.Config) {
				cfg.Delivery.Deactivation2023 = c.old
				cfg.HealthInterval, cfg.UnhealthyInterval = 1000*time.Hour, 1000*time.Hour
			})
			sub := h.subscribe(t, onceRetried, func(in *cybs.SubscriptionInput) { in.RetryPolicy.DeactivateFlag = c.flag })
			h.receiver.answer(always(http.StatusInternalServerError))
			h.emit(t, sandbox.EventRequest{})
			h.Await(t, "the end of the retries", func() bool { return slices.Equal(h.outcomes(sub.WebhookID), c.outcomes) })
			if st, _ := h.State(sub.WebhookID); st.Status != c.status {
				t.Errorf("got %s, want %s", st.Status, c.status)
			}
			if res := h.emit(t, sandbox.EventRequest{}); (res.Held == 1) != (c.status == cybs.StatusSuspended) {
				t.Errorf("the next event: %+v", res)
			}
		})
	}
}

func TestArrayPayloadOfOneSubscription(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sub := h.subscribe(t)
	form := func() cybs.Form {
		h.emit(t, sandbox.EventRequest{})
		got := h.receiver.next(t)
		n, err := cybs.ParseNotification(got.Header, got.Body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.verify(got); err != nil {
			t.Error(err)
		}
		return n.Form
	}
	if status := h.admin(t, http.MethodPut, "/subscriptions/"+sub.WebhookID, `{"arrayPayload":true}`, nil); status != http.StatusNoContent {
		t.Fatal(status)
	}
	if got := form(); got != cybs.FormV3Array {
		t.Errorf("got %s", got)
	}
	if err := h.SetArrayPayload(sub.WebhookID, false); err != nil {
		t.Fatal(err)
	}
	if got := form(); got != cybs.FormV3Object {
		t.Errorf("got %s", got)
	}
	if err := h.SetArrayPayload("nobody", true); !errors.Is(err, sandbox.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestScopeFollowsTheTreeOfOrganizations(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *sandbox.Config) {
		for id, parent := range map[string]string{
			"child": sandboxtest.OrganizationID, "grandchild": "child", "sibling": sandboxtest.OrganizationID, "stranger": "", "loop": "pool", "pool": "loop",
		} {
			c.Organizations = append(c.Organizations, sandbox.Organization{OrganizationID: id, ParentID: parent})
		}
	})
	for product, c := range map[string]struct {
		event string
		scope *cybs.Scope
		want  []string
	}{
		tokens:             {updated, nil, []string{"child", "grandchild", "sandbox_org", "sibling"}}, // the default
		"eCheck":           {"payments.voids.failed", &cybs.Scope{Kind: cybs.ScopeSelf}, []string{"sandbox_org"}},
		"payByLink":        {"payByLink.customer.payment", &cybs.Scope{Kind: cybs.ScopeCustom, OrganizationIDs: []string{"grandchild", "stranger"}}, []string{"grandchild", "sandbox_org", "stranger"}},
		"recurringBilling": {"rbs.subscriptions.charge.failed", &cybs.Scope{Kind: cybs.ScopeDescendants}, []string{"child", "grandchild", "sandbox_org", "sibling"}},
	} {
		h.subscribe(t, func(in *cybs.SubscriptionInput) {
			in.Products, in.Scope = []cybs.SubscribedProduct{{ProductID: product, EventTypes: []string{c.event}}}, c.scope
		})
		var got []string
		for _, org := range []string{"child", "grandchild", "loop", "sandbox_org", "sibling", "stranger"} {
			res := h.emit(t, sandbox.EventRequest{OrganizationID: org, ProductID: product, EventType: c.event})
			if res.Matched == 0 {
				continue
			}
			n, err := cybs.ParseNotification(nil, h.receiver.next(t).Body)
			if err != nil {
				t.Fatal(err)
			}
			if n.OrganizationID != sandboxtest.OrganizationID || n.EventOrganizationID != org {
				t.Errorf("notification of %s says organization %s, event of %s", org, n.OrganizationID, n.EventOrganizationID)
			}
			got = append(got, org)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: events of %v are delivered, want %v", product, got, c.want)
		}
	}
}

func TestKeyLivesAsLongAsAsked(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	made, err := h.client.CreateSignatureKey(t.Context(), sandboxtest.OrganizationID, cybs.SignatureKeyOptions{ExpiryDays: 30})
	if err != nil {
		t.Fatal(err)
	}
	if life := made.ExpiresAt.Sub(made.CreatedAt); life != 30*24*time.Hour {
		t.Errorf("it lives %s, want 30 days", life)
	}
}

func TestOddFormsOfTheGuideAreAccepted(t *testing.T) {
	t.Parallel()
	s := sandboxtest.New(t)
	if status, _, body := raw(t, s, http.MethodGet, "/webhooks/notification-subscriptions/v2/products/sandbox_org", ""); status != http.StatusOK {
		t.Errorf("prefixed products: %d %s", status, body)
	}
	invented := strings.Replace(complete, "payments.voids.failed", "payments.authorized", 1)
	top := strings.Replace(invented, `"name"`, `"deactivateflag":"true","healthCheckurl":"https://127.0.0.1:1/p","name"`, 1)
	status, _, body := raw(t, s, http.MethodPost, webhooks, top)
	if status != http.StatusCreated || !strings.Contains(body, `"deactivateFlag":true`) || !strings.Contains(body, `"payments.authorized"`) ||
		!strings.Contains(body, `"healthCheckUrl":"https://127.0.0.1:1/p"`) {
		t.Errorf("invented event, flag at the top, misspelt URL: %d %s", status, body)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	elsewhere := newReceiver(t)
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL+"/hook", http.StatusTemporaryRedirect))
	t.Cleanup(server.Close)
	sub := h.subscribe(t, func(in *cybs.SubscriptionInput) { in.WebhookURL = server.URL })
	h.emit(t, sandbox.EventRequest{})
	h.Await(t, "the last attempt", func() bool { return len(h.outcomes(sub.WebhookID)) == 4 })
	if n := len(elsewhere.came); n != 0 {
		t.Errorf("%d requests followed the redirect", n)
	}
}
