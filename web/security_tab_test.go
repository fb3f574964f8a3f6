package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/web"
	"github.com/switchboardhq/switchboard/web/webtest"
)

const securityTab = "security"

// withOAuth makes a subscription with OAuth and waits until it is active.
func withOAuth(t *testing.T, srv *webtest.Server, editor *webtest.Client, choice string) store.Subscription {
	t.Helper()
	return ready(t, srv, filledForm(editor).Set(subscriptions.FieldEvent, choice).Set(subscriptions.FieldSecurity, store.SecurityOAuth))
}

// deed asks for something to be done about a credential, and confirms it.
func deed(t *testing.T, editor *webtest.Client, v store.Subscription, testID string) *webtest.Page {
	t.Helper()
	link := editor.Get(paths.ShowSubscriptionTab(v.ID, securityTab)).Wants(http.StatusOK).ByTestID(testID)
	return editor.Get(link.Attr("href")).Wants(http.StatusOK).Form("confirm-deed").Submit()
}

func TestRotatedClientCountsBesideTheFormerOne(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleEditor)
	v := withOAuth(t, srv, editor, tokenUpdated)
	wantsDelivered(t, srv, v, tokenUpdated)
	page := deed(t, editor, v, "rotate-client").Wants(http.StatusSeeOther).Follow().Wants(http.StatusOK)
	page.Says("Rotated.", "Being replaced", "In use", "The former policy counts too until")
	now := stored(t, srv, v.ID)
	list := clients(t, srv)
	if len(list) != 2 || now.Policy.OAuth.ClientID != list[0].ClientID || now.Policy.OAuth.KeyID != list[0].KeyID || list[0].KeyID == "" {
		t.Fatalf("stored is %+v with clients %+v", now.Policy.OAuth, list)
	}
	if !list[0].RetiredAt.IsZero() || list[1].RetiredAt.IsZero() || !list[1].Living(list[1].CreatedAt) {
		t.Errorf("the new client ends at %s, the former one at %s", list[0].RetiredAt, list[1].RetiredAt)
	}
	if there := atCybersource(t, srv, v); there.SecurityPolicy.OAuth.KeyID != list[0].KeyID {
		t.Errorf("Cybersource uses key %s, want %s", there.SecurityPolicy.OAuth.KeyID, list[0].KeyID)
	}
	if a := wantsDelivered(t, srv, v, tokenUpdated); a.TokenRequests == 0 {
		t.Error("no token was asked for with the new client")
	}
	for _, action := range []string{"oauth_client.create", "subscription.rotate_client", "oauth_client.retire"} {
		if e := audited(t, srv, action); e.Outcome != store.OutcomeSucceeded || e.Actor != "editor@example.com" {
			t.Errorf("%s is audited as %s by %s", action, e.Outcome, e.Actor)
		}
	}
	editor.Get(paths.ShowSubscriptionTab(v.ID, "history")).Says("OAuth client rotated")
}

func TestChangesAtTheSameTimeAreToldApart(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleEditor)
	v := withOAuth(t, srv, editor, tokenUpdated)
	unlock, err := srv.Store.LockOrganization(t.Context(), srv.Organization.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"rotate-client", "rotate-certificate", "rotate-key"} {
		deed(t, editor, v, name).Wants(http.StatusConflict).Says("Another change of this organization’s subscriptions is under way.")
	}
	unlock()
	if len(clients(t, srv)) != 1 || len(mleKeys(t, srv)) != 0 {
		t.Error("something was made all the same")
	}
	deed(t, editor, v, "rotate-client").Wants(http.StatusSeeOther)
}

func TestClientIsRetiredAtOnceButNotWhileItIsUsed(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleEditor)
	v := withOAuth(t, srv, editor, tokenUpdated)
	used := clients(t, srv)[0]
	page := editor.Get(paths.ShowSubscriptionTab(v.ID, securityTab)).Wants(http.StatusOK)
	if e := page.ByTestID("retire-client"); e.Attr("aria-disabled") != "true" || !strings.Contains(e.Text(), "Rotate it first") {
		t.Errorf("the client in use can be retired: %s", e.Text())
	}
	retire := paths.SubscriptionSecurityDeed(v.ID, "retire-client")
	editor.Get(paths.With(retire, "item", fmt.Sprint(used.ID))).Wants(http.StatusConflict).Says("Rotate it first")
	editor.Post(retire, url.Values{"item": {fmt.Sprint(used.ID)}}).Wants(http.StatusConflict)
	deed(t, editor, v, "rotate-client").Wants(http.StatusSeeOther)
	former := paths.With(retire, "item", fmt.Sprint(used.ID))
	editor.Get(former).Wants(http.StatusOK).Form("confirm-deed").Submit().Wants(http.StatusSeeOther).Follow().Says("Retired. It gets no tokens any more")
	editor.Get(former).Wants(http.StatusConflict).Says("retired already")
	editor.Get(paths.With(retire, "item", "999")).Wants(http.StatusNotFound)
	editor.Get(paths.SubscriptionSecurityDeed(v.ID, "nonsense")).Wants(http.StatusNotFound)
	wantsDelivered(t, srv, v, tokenUpdated)
}

func TestRotatedCertificateStaysForLateRetries(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleEditor)
	v := ready(t, srv, filledForm(editor).Set(subscriptions.FieldEvent, checkoutResult))
	deed(t, editor, v, "rotate-certificate").Wants(http.StatusSeeOther).Follow().Says("Cybersource has the new certificate", "Replaced, still opens")
	list := mleKeys(t, srv)
	if len(list) != 2 || list[0].RegisteredAt.IsZero() || list[0].KeyID == "" || list[1].ReplacedAt.IsZero() || !list[1].RetiredAt.IsZero() {
		t.Fatalf("stored are %+v", list)
	}
	if a := wantsDelivered(t, srv, v, checkoutResult); !a.Encrypted {
		t.Error("the delivery came plain")
	}
	retire := paths.SubscriptionSecurityDeed(v.ID, "retire-certificate")
	editor.Get(paths.With(retire, "item", fmt.Sprint(list[0].ID))).Wants(http.StatusConflict).Says("Rotate it first")
	editor.Get(paths.With(retire, "item", fmt.Sprint(list[1].ID))).Form("confirm-deed").Submit().Wants(http.StatusSeeOther).Follow().Says("cannot be opened any more")
	if e := audited(t, srv, "mle_key.retire"); e.ObjectName != list[1].Serial {
		t.Errorf("audited was the end of %s", e.ObjectName)
	}
}

func TestCertificateLeftByAFailedTryIsUsedUpFirst(t *testing.T) {
	t.Parallel()
	srv, g := withGate(t)
	editor := srv.As(store.RoleEditor)
	v := ready(t, srv, filledForm(editor))
	g.answer(http.MethodPost, "/keys-asym", 502, `{}`)
	deed(t, editor, v, "rotate-certificate").Wants(http.StatusBadGateway).Says("It is not known whether Cybersource did this")
	g.open()
	editor.Get(paths.ShowSubscriptionTab(v.ID, securityTab)).Says("Not registered", "Make one")
	deed(t, editor, v, "rotate-certificate").Wants(http.StatusSeeOther)
	if list := mleKeys(t, srv); len(list) != 1 || list[0].RegisteredAt.IsZero() {
		t.Errorf("stored are %+v", list)
	}
}

func TestTooLongValidityIsShortened(t *testing.T) {
	t.Parallel()
	srv, g := withGate(t)
	editor := srv.As(store.RoleEditor)
	refused := 0
	g.set(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/keys-asym") && refused == 0 {
			refused++
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"reason":"INVALID_DATA","message":"Key invalid or validity too long"}`) // the client's side reports a broken answer
			return
		}
		next.ServeHTTP(w, r)
	})
	ready(t, srv, filledForm(editor).Set(subscriptions.FieldEvent, checkoutResult))
	list := mleKeys(t, srv)
	if len(list) != 2 || list[0].RegisteredAt.IsZero() || list[0].NotAfter.Sub(list[0].NotBefore) > cybs.ShortMLEValidity {
		t.Errorf("stored are %+v", list)
	}
}

func TestRotatedSignatureKeyVerifies(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleEditor)
	v := ready(t, srv, filledForm(editor))
	deed(t, editor, v, "rotate-key").Wants(http.StatusSeeOther).Follow().Says("Cybersource signs with a new key", "Replaced")
	wantsDelivered(t, srv, v, tokenUpdated)
	keys, err := srv.Store.ListSignatureKeys(t.Context(), srv.Organization.ID)
	if err != nil || len(keys) != 2 || keys[1].ReplacedAt.IsZero() {
		t.Errorf("stored are %+v, %v", keys, err)
	}
}

func TestAssertionCertificateIsRetired(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleEditor)
	v := ready(t, srv, withJWT(t, srv, filledForm(editor)))
	deed(t, editor, v, "retire-assertion").Wants(http.StatusSeeOther).Follow().Says("Assertions that its key signs are refused")
	editForm(editor, v).Submit().Wants(http.StatusUnprocessableEntity).Says("Paste the certificate whose key signs")
	editForm(editor, v).Set(subscriptions.FieldAssertionCertificate, assertionPEM(t, srv)).Submit().Wants(http.StatusSeeOther)
	// The receiver hears of it a moment later.
	for range 500 {
		if a := delivered(t, srv, v, tokenUpdated); a.StatusCode == http.StatusOK {
			return
		}
	}
	t.Error("assertions are still refused")
}

func TestCredentialsAreForEditors(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	v := withOAuth(t, srv, srv.As(store.RoleEditor), tokenUpdated)
	viewer := srv.As(store.RoleViewer)
	page := viewer.Get(paths.ShowSubscriptionTab(v.ID, securityTab)).Wants(http.StatusOK)
	page.Says("What deliveries must show", clients(t, srv)[0].KeyID)
	for _, id := range []string{"rotate-client", "rotate-certificate", "rotate-key", "retire-client"} {
		if e := page.ByTestID(id); e.Attr("aria-disabled") != "true" || !strings.Contains(e.Text(), "You are a viewer") {
			t.Errorf("%s says %q to a viewer", id, e.Text())
		}
	}
	for _, name := range []string{"rotate-client", "retire-client", "rotate-certificate", "retire-certificate", "retire-assertion", "rotate-key"} {
		path := paths.SubscriptionSecurityDeed(v.ID, name)
		viewer.Get(path).Wants(http.StatusForbidden)
		viewer.Post(path, nil).Wants(http.StatusForbidden)
		viewer.HTMX().Post(path, nil).Wants(http.StatusForbidden)
		srv.Stranger().Get(path).Wants(http.StatusSeeOther)
		srv.As(store.RoleEditor).Post(path, url.Values{"_csrf": {"wrong"}}).Wants(http.StatusForbidden)
	}
	if len(clients(t, srv)) != 1 || len(mleKeys(t, srv)) != 0 {
		t.Error("a viewer has changed credentials")
	}
}

func TestProductionAsksForTheNameBeforeARotation(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t, webtest.WithoutReceiver(), webtest.WithConsole(func(c *web.Config) { c.Environment, c.Sandbox = "production", nil }))
	o, err := srv.Store.InsertOrganization(t.Context(), store.Organization{OrganizationID: "live", Environment: "production", Name: "Live", MerchantID: "live"}, nil,
		store.AuditEntry{Actor: "switchboard", Action: "organization.create"})
	if err != nil {
		t.Fatal(err)
	}
	v, _, err := srv.Store.InsertSubscription(t.Context(), store.Subscription{
		OrganizationID: o.ID, Name: "Live events", Scope: "SELF", SecurityType: store.SecurityKey, Products: []store.SubscribedProduct{{ProductID: "p", EventTypes: []string{"e"}}},
	}, store.NewEndpointToken(), store.AuditEntry{Actor: "switchboard", Action: "subscription.create"})
	if err != nil {
		t.Fatal(err)
	}
	editor := srv.As(store.RoleEditor)
	form := editor.Get(paths.SubscriptionSecurityDeed(v.ID, "rotate-key")).Wants(http.StatusOK).Form("security-deed")
	form.Set(subscriptions.FieldConfirm, "live events").Submit().Wants(http.StatusUnprocessableEntity).Says("This is not the name of the subscription, so nothing was done.")
	form.Set(subscriptions.FieldConfirm, "Live events").Submit().Wants(http.StatusBadGateway).Says("No REST credentials are entered")
}

// posted collects what is sent to paths that end so.
type posted struct {
	mu     sync.Mutex
	bodies []string
}

func (p *posted) watch(g *gate, pathEnd string) {
	g.set(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, pathEnd) && r.Method != http.MethodGet {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				panic(err)
			}
			p.mu.Lock()
			p.bodies = append(p.bodies, string(body))
			p.mu.Unlock()
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		next.ServeHTTP(w, r)
	})
}

func (p *posted) all() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bodies
}

// storedCredentials are the client id and secret of a keys-sym request.
func storedCredentials(t *testing.T, body string) (clientID, secret string) {
	t.Helper()
	var sent struct {
		Key struct {
			ClientKeyID string `json:"clientKeyId"`
			Key         string `json:"key"`
		} `json:"keyInformation"`
	}
	if err := json.Unmarshal([]byte(body), &sent); err != nil {
		t.Fatal(err)
	}
	return sent.Key.ClientKeyID, sent.Key.Key
}

func TestNoSecretIsShownLoggedOrAudited(t *testing.T) {
	t.Parallel()
	srv, g := withGate(t)
	editor := srv.As(store.RoleEditor)
	made(t, srv, editor) // the signature key is made with it
	var sent posted
	sent.watch(g, "/keys-sym")
	v := ready(t, srv, filledForm(editor).Set(subscriptions.FieldEvent, checkoutResult).Set(subscriptions.FieldSecurity, store.SecurityOAuth))
	deed(t, editor, v, "rotate-client").Wants(http.StatusSeeOther)
	// An issuer of the operator's own, whose secret comes through the form.
	const typed = "s3cret-of-the-issuer"
	external := editForm(srv.As(store.RoleAdministrator), v).Set(subscriptions.FieldTokenServer, store.TokensExternal).Set(subscriptions.FieldTokenURL, "https://login.example.com/token").
		Set(subscriptions.FieldIssuer, "https://login.example.com").Set(subscriptions.FieldTokenAudience, "switchboard").Set(subscriptions.FieldJWKSURL, "https://login.example.com/keys").
		Set(subscriptions.FieldClientID, "cybersource").Set(subscriptions.FieldClientSecret, typed)
	wrong := external.Set(subscriptions.FieldName, "").Submit().Wants(http.StatusUnprocessableEntity)
	if strings.Contains(wrong.Body, typed) {
		t.Error("a refused form repeats the secret")
	}
	external.Set(subscriptions.FieldName, "Checkout")
	external.Values.Set(subscriptions.FieldIntent, subscriptions.IntentReview)
	review := external.Submit().Wants(http.StatusOK)
	if strings.Contains(review.Body, typed) || !strings.Contains(review.Body, "[redacted]") {
		t.Error("the review repeats the secret, or does not show that it is left out")
	}
	external.Values.Del(subscriptions.FieldIntent)
	external.Submit().Wants(http.StatusSeeOther).Follow().Says("Saved, here and at Cybersource.")

	secrets := []string{typed}
	for i, body := range sent.all() {
		id, secret := storedCredentials(t, body)
		if i == 2 && (id != "cybersource" || secret != typed) {
			t.Errorf("Cybersource got client %q with another secret", id)
		}
		secrets = append(secrets, secret)
	}
	if len(secrets) != 4 {
		t.Fatalf("credentials were stored %d times, want 3", len(secrets)-1)
	}
	keys, err := srv.Store.OpenMLEKeys(t.Context())
	if err != nil || len(keys) != 1 {
		t.Fatalf("%d certificates, %v", len(keys), err)
	}
	secrets = append(secrets, strings.Split(string(keys[0].PrivateKey), "\n")[1])
	entries, err := srv.Store.ListAudit(t.Context(), store.AuditFilter{Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	places := map[string]string{"log": srv.Logged()}
	for _, e := range entries {
		places["audit row "+e.Action] += e.Detail + string(e.Before) + string(e.After) + e.ObjectName
	}
	list := []string{paths.EditSubscriptionOf(v.ID), paths.ShowSubscription(v.ID), paths.AuditLog, paths.ShowOrganization(srv.Organization.ID)}
	for _, tab := range []string{"configuration", securityTab, "history", "answer"} {
		list = append(list, paths.ShowSubscriptionTab(v.ID, tab))
	}
	for _, path := range list {
		places[path] = editor.Get(path).Wants(http.StatusOK).Body
	}
	for where, text := range places {
		for _, secret := range secrets {
			if secret == "" || strings.Contains(text, secret) {
				t.Errorf("%s has a secret", where)
			}
		}
	}
	if raw, err := json.Marshal(stored(t, srv, v.ID)); err != nil || strings.Contains(string(raw), typed) {
		t.Errorf("the subscription keeps the issuer's secret, %v", err)
	}
}

func TestReviewShowsWhatIsSentAndSendsNothing(t *testing.T) {
	t.Parallel()
	srv, g := withGate(t)
	editor := srv.As(store.RoleEditor)
	form := filledForm(editor).Set(subscriptions.FieldEvent, checkoutResult).Set(subscriptions.FieldSecurity, store.SecurityOAuth)
	var sent posted
	sent.watch(g, "")
	form.Values.Set(subscriptions.FieldIntent, subscriptions.IntentReview)
	page := form.Submit().Wants(http.StatusOK)
	text := page.ByTestID("review").Text()
	for _, call := range []string{"POST /kms/egress/v2/keys-sym", "POST /kms/egress/v2/keys-asym", "POST /notification-subscriptions/v2/webhooks", `"keyId": "KEY-ID"`, "/in/TOKEN", `"oAuthTokenType": "Bearer"`} {
		if !strings.Contains(text, call) {
			t.Errorf("the review does not show %s: %s", call, text)
		}
	}
	if got := sent.all(); len(got) != 0 {
		t.Errorf("the review sent %q", got)
	}
	if list, err := srv.Store.ListSubscriptions(t.Context(), store.SubscriptionFilter{WithDeleted: true}); err != nil || len(list) != 0 || len(clients(t, srv)) != 0 || len(mleKeys(t, srv)) != 0 {
		t.Errorf("the review stored something: %v, %v", list, err)
	}
	v := ready(t, srv, page.Form("subscription-form"))

	edit := editForm(editor, v)
	edit.Values.Set(subscriptions.FieldIntent, subscriptions.IntentReview)
	edit.Submit().Wants(http.StatusOK).Says("Saving sends nothing to Cybersource")
	text = edit.Set(subscriptions.FieldName, "Other").Submit().Wants(http.StatusOK).ByTestID("review").Text()
	if !strings.Contains(text, "PATCH /notification-subscriptions/v2/webhooks/"+v.WebhookID) || strings.Contains(text, "securityPolicy") {
		t.Errorf("the review of a new name says %s", text)
	}
	edit.Set(subscriptions.FieldName, " ").Submit().Wants(http.StatusUnprocessableEntity).Says("Give the subscription a name.")
}
