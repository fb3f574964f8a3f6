package web_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/web/webtest"
)

func TestOneSignatureKeyServesAllSubscriptions(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleEditor)
	made(t, srv, editor)
	filledForm(editor).Set(subscriptions.FieldEvent, invoicePaid).Submit().Wants(http.StatusSeeOther)
	keys, err := srv.Store.SignatureKeys(t.Context(), srv.Organization.ID)
	if err != nil || len(keys) != 1 || len(keys[0].Key) == 0 || keys[0].ExpiresAt.Before(time.Now().Add(360*24*time.Hour)) {
		t.Fatalf("stored are %d keys, %+v, %v", len(keys), keys, err)
	}
	secret := cybs.Secret(keys[0].Key).Base64()
	v := newest(t, srv)
	for _, path := range []string{paths.ShowSubscriptionTab(v.ID, "configuration"), paths.ShowSubscriptionTab(v.ID, "history"), paths.AuditLog} {
		if page := editor.Get(path); strings.Contains(page.Body, secret) {
			t.Errorf("%s shows the key", path)
		}
	}
	editor.Get(paths.ShowSubscriptionTab(v.ID, "configuration")).Says(keys[0].KeyID, "In use")
	if strings.Contains(srv.Logged(), secret) {
		t.Error("the log has the key")
	}
}

func TestSecondSubscriptionForAProductIsRefusedHere(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleEditor)
	late := filledForm(editor) // before the first one is made
	made(t, srv, editor)
	page := late.Set(subscriptions.FieldName, "Again").Submit().Wants(http.StatusUnprocessableEntity)
	page.Says("“Token events” has this product. Cybersource allows one subscription per product.")
	if got := page.Form("subscription-form").Values.Get(subscriptions.FieldName); got != "Again" {
		t.Errorf("the name came back as %q", got)
	}
	for _, e := range editor.Get(paths.NewSubscription).All(func(e *webtest.Element) bool { return e.Attr("value") == tokenUpdated }) {
		if !e.HasAttr("disabled") {
			t.Error("an event type of a taken product can be chosen")
		}
	}
}

func TestRefusalOfCybersourceLeavesNothingAlive(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		status int
		body   string
		says   string
	}{
		"record exists": {400, `{"status":"INVALID_REQUEST","reason":"INVALID_DATA","message":"Record already exists"}`, "has a subscription for that product already"},
		"bad field":     {400, `{"reason":"INVALID_DATA","message":"One or more fields are wrong.","details":[{"field":"webhookUrl","reason":"INVALID_DATA"}]}`, "webhookUrl"},
		"credentials":   {401, `{"response":{"rmsg":"Authentication Failed"}}`, "does not accept the credentials"},
		"own trouble":   {503, `{"status":"SERVER_ERROR"}`, "Cybersource has trouble"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, g := withGate(t)
			editor := srv.As(store.RoleEditor)
			form := filledForm(editor).Set(subscriptions.FieldDescription, "kept")
			g.answer(http.MethodPost, "/v2/webhooks", tc.status, tc.body)
			page := form.Submit().Wants(http.StatusUnprocessableEntity)
			page.Says("Nothing was created", tc.says, "corr-4711")
			values := page.Form("subscription-form").Values
			if values.Get(subscriptions.FieldDescription) != "kept" || values.Get(subscriptions.FieldEvent) != tokenUpdated {
				t.Errorf("the form came back with %v", values)
			}
			if list := editor.Get(paths.Subscriptions); list.Has("subscription-row") {
				t.Error("the refused subscription is listed")
			}
			if e := audited(t, srv, "subscription.create"); e.Outcome != store.OutcomeFailed {
				t.Errorf("audited as %s", e.Outcome)
			}
			if v := newest(t, srv); v.Status != store.StatusDeleted || v.EndpointToken != "" {
				t.Errorf("it is still %s with endpoint %q", v.Status, v.EndpointToken)
			}
			g.open()
			page.Form("subscription-form").Submit().Wants(http.StatusSeeOther)
		})
	}
}

func TestLostAnswerIsFoundByTheUnguessableURL(t *testing.T) {
	t.Parallel()
	srv, g := withGate(t)
	editor := srv.As(store.RoleEditor)
	form := filledForm(editor)
	g.set(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/v2/webhooks") {
			next.ServeHTTP(&deaf{}, r)
			panic(http.ErrAbortHandler) // done there, and nobody was told
		}
		next.ServeHTTP(w, r)
	})
	form.Submit().Wants(http.StatusSeeOther).Follow().Says("Created. Cybersource says:")
	if v := newest(t, srv); v.WebhookID == "" || v.Status == store.StatusCreating {
		t.Errorf("stored is %s with webhook id %q", v.Status, v.WebhookID)
	}
}

func TestUnknownOutcomeStaysCreatingUntilRefreshed(t *testing.T) {
	t.Parallel()
	srv, g := withGate(t)
	editor := srv.As(store.RoleEditor)
	form := filledForm(editor)
	g.set(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/v2/webhooks") { // create and list
			if r.Method == http.MethodPost {
				next.ServeHTTP(&deaf{}, r)
			}
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
	page := form.Submit().Wants(http.StatusSeeOther).Follow()
	page.Says("it is not known whether the subscription was made", "Do not create it a second time")
	if got := page.ByTestID("subscription-status").Text(); got != "Creating" {
		t.Errorf("it is shown as %q", got)
	}
	v := newest(t, srv)
	editor.Get(paths.EditSubscriptionOf(v.ID)).Wants(http.StatusConflict)
	page.Form("refresh-subscription").Submit().Wants(http.StatusBadGateway).Says("cannot be reached")
	g.open()
	page.Form("refresh-subscription").Submit().Wants(http.StatusSeeOther)
	if v := newest(t, srv); v.WebhookID == "" || v.Status == store.StatusCreating {
		t.Errorf("after the refresh stored is %s with webhook id %q", v.Status, v.WebhookID)
	}
}

// deaf swallows an answer.
type deaf struct{ header http.Header }

func (d *deaf) Header() http.Header {
	if d.header == nil {
		d.header = http.Header{}
	}
	return d.header
}
func (*deaf) Write(p []byte) (int, error) { return len(p), nil }
func (*deaf) WriteHeader(int)             {}

func TestOrganizationWithoutCredentialsIsTold(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	bare, err := srv.Store.InsertOrganization(t.Context(), store.Organization{OrganizationID: "bare_org", Environment: "sandbox", Name: "Bare", MerchantID: "bare_org"}, nil,
		store.AuditEntry{Actor: "switchboard", Action: "organization.create"})
	if err != nil {
		t.Fatal(err)
	}
	editor := srv.As(store.RoleEditor)
	choose := editor.Get(paths.NewSubscription).Wants(http.StatusOK)
	choose.Says("For which organization", "No REST credentials yet")
	form := choose.Form("choose-organization").Set("organization", strconv.FormatInt(srv.Organization.ID, 10)).Submit().Wants(http.StatusOK).Form("subscription-form")
	form.Set(subscriptions.FieldName, "n").Set(subscriptions.FieldEvent, tokenUpdated).Submit().Wants(http.StatusSeeOther)

	page := editor.Get(paths.With(paths.NewSubscription, "organization", strconv.FormatInt(bare.ID, 10))).Wants(http.StatusOK)
	page.Says("No REST credentials are entered", "Missing")
	editor.Get(paths.With(paths.NewSubscription, "organization", "999")).Wants(http.StatusNotFound)
}

func TestUnreadyCatalogueKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	srv, g := withGate(t)
	editor := srv.As(store.RoleEditor)
	form := filledForm(editor).Set(subscriptions.FieldRetries, "7")
	g.answer(http.MethodGet, "/products/"+srv.Organization.OrganizationID, 500, `{"message":"out of order"}`)
	page := form.Submit().Wants(http.StatusUnprocessableEntity)
	if !page.Has("catalogue-problem") {
		t.Error("the page does not say that the list could not be loaded")
	}
	g.open()
	again := page.Form("catalogue-problem")
	again.Values.Set(subscriptions.FieldIntent, subscriptions.IntentReload) // what its button sends
	page = again.Submit().Wants(http.StatusOK)
	values := page.Form("subscription-form").Values
	if page.Has("catalogue-problem") || values.Get(subscriptions.FieldEvent) != tokenUpdated || values.Get(subscriptions.FieldRetries) != "7" {
		t.Errorf("after the second try the form has %v", values)
	}
	page.Form("subscription-form").Submit().Wants(http.StatusSeeOther)
}

func TestEmptyProductsCannotBeChosen(t *testing.T) {
	t.Parallel()
	srv, g := withGate(t)
	editor := srv.As(store.RoleEditor)
	g.answer(http.MethodGet, "/products/"+srv.Organization.OrganizationID, 200, `[
		{"productId":"unifiedCheckout","productName":"Unified Checkout","eventTypes":[{"eventName":"uc.orders.transactionresults","payloadEncryption":true}]},
		{"productId":"tax","productName":"Tax","eventTypes":[]},
		{"productId":"tokenManagement","eventTypes":[{"eventName":"tms.networktoken.updated","displayName":"Network token updated"}]}]`)
	page := editor.Get(paths.NewSubscription).Wants(http.StatusOK)
	page.Says("no event types: ask Cybersource", "Token management")
	form := page.Form("subscription-form").Set(subscriptions.FieldName, "n")
	form.Set(subscriptions.FieldEvent, "tax/nothing").Submit().Wants(http.StatusUnprocessableEntity).Says("is not among the event types")
	g.answer(http.MethodGet, "/products/"+srv.Organization.OrganizationID, 200, `[]`)
	editor.Get(paths.NewSubscription).Wants(http.StatusOK).Says("offers no products to this organization")
}
