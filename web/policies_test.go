package web_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/cybs/sandbox/sandboxtest"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/web/webtest"
)

const (
	checkoutResult = "unifiedCheckout/uc.orders.transactionresults"
	assertionKeyID = "y-00000000000000-eAZ34pR9Ts"
)

// event is a choice of the form as the sandbox is asked for it.
func event(choice string) sandbox.EventRequest {
	product, eventType, _ := strings.Cut(choice, "/")
	return sandbox.EventRequest{OrganizationID: sandboxtest.OrganizationID, ProductID: product, EventType: eventType}
}

// delivered makes an event happen, waits for the attempt at the subscription and returns it.
func delivered(t *testing.T, srv *webtest.Server, v store.Subscription, choice string) sandbox.Attempt {
	t.Helper()
	before := len(srv.Sandbox.Deliveries(sandbox.DeliveryQuery{WebhookID: v.WebhookID, Kind: sandbox.KindNotification}))
	if _, err := srv.Sandbox.Emit(t.Context(), event(choice)); err != nil {
		t.Fatal(err)
	}
	var list []sandbox.Attempt
	srv.Sandbox.Await(t, "an attempt at "+v.WebhookID, func() bool {
		list = srv.Sandbox.Deliveries(sandbox.DeliveryQuery{WebhookID: v.WebhookID, Kind: sandbox.KindNotification})
		return len(list) > before
	})
	return list[0]
}

// wantsDelivered fails unless an event arrives at the subscription and is verified.
func wantsDelivered(t *testing.T, srv *webtest.Server, v store.Subscription, choice string) sandbox.Attempt {
	t.Helper()
	a := delivered(t, srv, v, choice)
	if a.StatusCode != http.StatusOK {
		t.Errorf("the delivery of %s was answered %d (%s), want 200; rejected: %s", choice, a.StatusCode, a.Error, lastRejected(t, srv))
	}
	return a
}

func lastRejected(t *testing.T, srv *webtest.Server) string {
	t.Helper()
	page, err := srv.Store.ListRejected(t.Context(), store.RejectedFilter{Page: store.Page{Limit: 1}})
	if err != nil || len(page.Items) == 0 {
		return "nothing"
	}
	return page.Items[0].Reason + ": " + page.Items[0].ReasonDetail
}

// assertionPEM is the certificate of the key that signs the sandbox's assertions.
func assertionPEM(t *testing.T, srv *webtest.Server) string {
	t.Helper()
	certificate, err := srv.Sandbox.AssertionCertificate()
	if err != nil {
		t.Fatal(err)
	}
	return pemOf(certificate)
}

func pemOf(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// withJWT fills in what the policy oAuth_JWT asks for.
func withJWT(t *testing.T, srv *webtest.Server, f *webtest.Form) *webtest.Form {
	t.Helper()
	return f.Set(subscriptions.FieldSecurity, store.SecurityOAuthJWT).Set(subscriptions.FieldAssertionKey, assertionKeyID).
		Set(subscriptions.FieldAssertionCertificate, assertionPEM(t, srv))
}

// ready submits a form and waits until Cybersource has made the new subscription active.
func ready(t *testing.T, srv *webtest.Server, f *webtest.Form) store.Subscription {
	t.Helper()
	f.Submit().Wants(http.StatusSeeOther)
	v := newest(t, srv)
	srv.Sandbox.AwaitStatus(t, v.WebhookID, cybs.StatusActive)
	return v
}

func clients(t *testing.T, srv *webtest.Server) []store.OAuthClient {
	t.Helper()
	list, err := srv.Store.ListOAuthClients(t.Context(), srv.Organization.ID)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func mleKeys(t *testing.T, srv *webtest.Server) []store.MLEKey {
	t.Helper()
	list, err := srv.Store.ListMLEKeys(t.Context(), srv.Organization.ID)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestEachPolicyIsMadeThroughTheFormAndDelivers(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		fill      func(t *testing.T, srv *webtest.Server, f *webtest.Form) *webtest.Form
		choice    string
		security  cybs.SecurityType
		encrypted bool
		clients   int
	}{
		"mutual trust": {
			fill: func(_ *testing.T, _ *webtest.Server, f *webtest.Form) *webtest.Form { return f }, choice: tokenUpdated, security: cybs.SecurityKey,
		},
		"oAuth": {
			fill: func(_ *testing.T, _ *webtest.Server, f *webtest.Form) *webtest.Form {
				return f.Set(subscriptions.FieldSecurity, store.SecurityOAuth)
			}, choice: tokenUpdated, security: cybs.SecurityOAuth, clients: 1,
		},
		"oAuth_JWT": {fill: withJWT, choice: tokenUpdated, security: cybs.SecurityOAuthJWT, clients: 1},
		"encrypted": {
			fill: func(_ *testing.T, _ *webtest.Server, f *webtest.Form) *webtest.Form {
				return f.Set(subscriptions.FieldEncryption, subscriptions.EncryptionAlways)
			}, choice: checkoutResult, security: cybs.SecurityKey, encrypted: true,
		},
		"oAuth, encrypted": {
			fill: func(_ *testing.T, _ *webtest.Server, f *webtest.Form) *webtest.Form {
				return f.Set(subscriptions.FieldSecurity, store.SecurityOAuth)
			}, choice: checkoutResult, security: cybs.SecurityOAuth, encrypted: true, clients: 1,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := webtest.New(t, webtest.WithSandbox(func(c *sandbox.Config) { c.API.RequireOAuthDetails = true }))
			editor := srv.As(store.RoleEditor)
			v := ready(t, srv, tc.fill(t, srv, filledForm(editor).Set(subscriptions.FieldEvent, tc.choice)))
			there := atCybersource(t, srv, v)
			if there.SecurityPolicy.Type != tc.security || v.SecurityType != string(tc.security) {
				t.Errorf("Cybersource has %q, stored is %q; want %q", there.SecurityPolicy.Type, v.SecurityType, tc.security)
			}
			a := wantsDelivered(t, srv, v, tc.choice)
			if a.Encrypted != tc.encrypted || (a.TokenRequests > 0) != (tc.clients > 0) {
				t.Errorf("the delivery was encrypted: %t, asked for %d tokens", a.Encrypted, a.TokenRequests)
			}
			if got := clients(t, srv); len(got) != tc.clients {
				t.Errorf("%d clients were made, want %d", len(got), tc.clients)
			}
			if got := mleKeys(t, srv); (len(got) == 1) != tc.encrypted {
				t.Errorf("%d certificates were made", len(got))
			}
			// The form for changing it holds the same answers.
			editForm(editor, v).Submit().Wants(http.StatusSeeOther).Follow().Says("Nothing was different, so nothing was sent.")
		})
	}
}

func TestPolicyAnswersAreCheckedBesideTheirFields(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleAdministrator) // who may enter an issuer
	external := func(f *webtest.Form) *webtest.Form {
		return f.Set(subscriptions.FieldSecurity, store.SecurityOAuth).Set(subscriptions.FieldTokenServer, store.TokensExternal).
			Set(subscriptions.FieldTokenURL, "https://login.example.com/token").Set(subscriptions.FieldIssuer, "https://login.example.com").
			Set(subscriptions.FieldTokenAudience, "switchboard").Set(subscriptions.FieldJWKSURL, "https://login.example.com/keys").Set(subscriptions.FieldStoredKeyID, "kid-1")
	}
	jwt := func(f *webtest.Form) *webtest.Form { return withJWT(t, srv, f) }
	plain := func(f *webtest.Form) *webtest.Form { return f }
	cases := map[string]struct {
		base               func(*webtest.Form) *webtest.Form
		field, value, says string
	}{
		"unknown policy":                      {plain, subscriptions.FieldSecurity, "none", "Choose one of the answers"},
		"unknown source":                      {plain, subscriptions.FieldSources, "198.241.206.21\nnowhere", "“nowhere” is neither an address nor a network"},
		"too many sources":                    {plain, subscriptions.FieldSources, manySources(), "This list is too long"},
		"client certificate without TLS":      {plain, subscriptions.FieldClientCertificate, "1", "RECEIVER_CLIENT_CA"},
		"unknown answer":                      {plain, subscriptions.FieldRejected, "ignore", "Choose one of the answers"},
		"token URL missing":                   {external, subscriptions.FieldTokenURL, "", "Type the address at which Cybersource gets tokens."},
		"token URL with a password":           {external, subscriptions.FieldTokenURL, "https://a:b@login.example.com/token", "Leave name and password out"},
		"key set that is no address":          {external, subscriptions.FieldJWKSURL, "file:///etc/passwd", "This is not an address"},
		"issuer missing":                      {external, subscriptions.FieldIssuer, "", "Type the issuer"},
		"audience missing":                    {external, subscriptions.FieldTokenAudience, "", "Type the audience"},
		"neither secret nor key id":           {external, subscriptions.FieldStoredKeyID, "", "Type the client secret, or the key id"},
		"secret without client id":            {external, subscriptions.FieldClientSecret, "s3cret-of-issuer", "Type the client id that the secret belongs to."},
		"assertion without key id":            {jwt, subscriptions.FieldAssertionKey, "", "Type the id of the certificate"},
		"assertion without scope":             {jwt, subscriptions.FieldAssertionScope, "", "It must name one"},
		"assertion without certificate":       {jwt, subscriptions.FieldAssertionCertificate, "", "Paste the certificate whose key signs"},
		"certificate that is none":            {jwt, subscriptions.FieldAssertionCertificate, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "not a certificate in PEM form"},
		"private key in place of certificate": {jwt, subscriptions.FieldAssertionCertificate, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "This holds a private key"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := tc.base(filledForm(editor))
			f.Values[tc.field] = []string{tc.value} // a disabled box is in no form, and may be sent all the same
			page := f.Submit().Wants(http.StatusUnprocessableEntity)
			page.ByTestID("error-summary")
			page.Says(tc.says)
			values := page.Form("subscription-form").Values
			if values.Get(subscriptions.FieldName) != "Token events" || tc.field != subscriptions.FieldSecurity && values.Get(subscriptions.FieldSecurity) != f.Values.Get(subscriptions.FieldSecurity) {
				t.Errorf("the form came back with %v", values)
			}
			if strings.Contains(page.Body, "s3cret-of-issuer") {
				t.Error("the page repeats a secret")
			}
		})
	}
}

func manySources() string {
	var b strings.Builder
	for i := range 101 {
		fmt.Fprintf(&b, "10.%d.0.0/16\n", i)
	}
	return b.String()
}

func TestPresetFillsInCybersourcesAddresses(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	f := filledForm(srv.As(store.RoleEditor)).Set(subscriptions.FieldSources, "10.1.0.0/16")
	f.Values.Set(subscriptions.FieldIntent, subscriptions.IntentSources) // what its button sends
	page := f.Submit().Wants(http.StatusOK)
	got := strings.Fields(page.Form("subscription-form").Values.Get(subscriptions.FieldSources))
	// The sandbox sends from this machine: without its addresses, all that it sends would be rejected.
	if want := append(append([]string{"10.1.0.0/16"}, cybs.DeliverySources()...), "127.0.0.1", "::1"); !slices.Equal(got, want) {
		t.Errorf("the list is %q, want %q", got, want)
	}
	v := newestAfter(t, srv, page.Form("subscription-form"))
	if !slices.Equal(v.Policy.Sources, got) {
		t.Errorf("stored is %q", v.Policy.Sources)
	}
}

func newestAfter(t *testing.T, srv *webtest.Server, f *webtest.Form) store.Subscription {
	t.Helper()
	f.Submit().Wants(http.StatusSeeOther)
	return newest(t, srv)
}

func TestOwnSettingsAreSavedWithoutAskingCybersource(t *testing.T) {
	t.Parallel()
	srv, g := withGate(t)
	editor := srv.As(store.RoleEditor)
	v := ready(t, srv, filledForm(editor))
	form := editForm(editor, v).Set(subscriptions.FieldSources, "cybersource, 203.0.113.0/24").Set(subscriptions.FieldRejected, store.AnswerHold)
	g.answer(http.MethodPatch, v.WebhookID, 500, `{}`)
	form.Submit().Wants(http.StatusSeeOther).Follow().Says("Saved. Nothing of it concerns Cybersource")
	if p := stored(t, srv, v.ID).Policy; !p.Holds() || !slices.Equal(p.Sources, []string{"cybersource", "203.0.113.0/24"}) {
		t.Errorf("stored is %+v", p)
	}
	// The receiver hears of it a moment later.
	for range 500 {
		a := delivered(t, srv, v, tokenUpdated)
		if a.StatusCode != http.StatusOK {
			t.Fatalf("a delivery from elsewhere was answered %d, want it held", a.StatusCode)
		}
		if kept := lastRejected(t, srv); strings.HasPrefix(kept, "source_not_allowed") {
			return
		} else if kept != "nothing" {
			t.Fatalf("it was kept as %s", kept)
		}
	}
	t.Error("deliveries from elsewhere are still accepted")
}

func TestChangedPolicyIsAcceptedBeforeCybersourceHearsOfIt(t *testing.T) {
	t.Parallel()
	srv, g := withGate(t)
	editor := srv.As(store.RoleEditor)
	v := ready(t, srv, filledForm(editor))
	form := editForm(editor, v).Set(subscriptions.FieldSecurity, store.SecurityOAuth)
	during := make(chan store.Subscription, 1)
	g.set(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			during <- stored(t, srv, v.ID)
		}
		next.ServeHTTP(w, r)
	})
	form.Submit().Wants(http.StatusSeeOther).Follow().Says("Saved, here and at Cybersource.")
	then := <-during
	if f := then.Policy.Former; then.SecurityType != store.SecurityKey || f == nil || !f.Announced || f.SecurityType != store.SecurityOAuth {
		t.Errorf("while Cybersource was told, stored was %s with %+v besides", then.SecurityType, f)
	}
	now := stored(t, srv, v.ID)
	f := now.Policy.Former
	if now.SecurityType != store.SecurityOAuth || f == nil || f.Announced || f.SecurityType != store.SecurityKey {
		t.Fatalf("afterwards stored is %s with %+v besides", now.SecurityType, f)
	}
	if cover := 3 * time.Minute; time.Until(f.Until) < cover || time.Until(f.Until) > cover+2*time.Hour {
		t.Errorf("what was demanded before counts until %s", f.Until)
	}
	if a := wantsDelivered(t, srv, now, tokenUpdated); a.TokenRequests == 0 {
		t.Error("no token was asked for")
	}
}

func TestFailedStepsLeaveNothingThatASecondTryCannotFinish(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"keys-sym": "/kms/egress/v2/keys-sym", "keys-asym": "/kms/egress/v2/keys-asym", "subscription": "/v2/webhooks"} {
		for trouble, answer := range map[string]func(g *gate, path string){
			"refused": func(g *gate, path string) {
				g.answer(http.MethodPost, path, 400, `{"reason":"INVALID_DATA","message":"No."}`)
			},
			"trouble": func(g *gate, path string) { g.answer(http.MethodPost, path, 502, `{}`) },
		} {
			t.Run(name+", "+trouble, func(t *testing.T) {
				t.Parallel()
				srv, g := withGate(t)
				editor := srv.As(store.RoleEditor)
				made(t, srv, editor) // with the signature key, which the second one uses
				form := filledForm(editor).Set(subscriptions.FieldEvent, checkoutResult).Set(subscriptions.FieldName, "Checkout").Set(subscriptions.FieldSecurity, store.SecurityOAuth)
				answer(g, path)
				page := form.Submit().Wants(http.StatusUnprocessableEntity)
				page.Says("Nothing was created")
				if v := newest(t, srv); v.Name == "Checkout" && v.Status != store.StatusDeleted {
					t.Errorf("it is still %s", v.Status)
				}
				for _, c := range clients(t, srv) {
					if c.RetiredAt.IsZero() {
						t.Errorf("client %s still gets tokens", c.ClientID)
					}
				}
				g.open()
				v := ready(t, srv, page.Form("subscription-form"))
				if keys := mleKeys(t, srv); len(keys) != 1 || keys[0].RegisteredAt.IsZero() {
					t.Errorf("after the second try there are %d certificates", len(keys))
				}
				wantsDelivered(t, srv, v, checkoutResult)
			})
		}
	}
}

func TestRefusedPolicyIsTakenBack(t *testing.T) {
	t.Parallel()
	srv, g := withGate(t)
	editor := srv.As(store.RoleEditor)
	v := ready(t, srv, filledForm(editor))
	form := editForm(editor, v).Set(subscriptions.FieldSecurity, store.SecurityOAuth)
	g.answer(http.MethodPatch, v.WebhookID, 400, `{"message":"No."}`)
	page := form.Submit().Wants(http.StatusUnprocessableEntity)
	page.Says("Nothing was changed")
	if now := stored(t, srv, v.ID); now.SecurityType != store.SecurityKey || now.Policy.Former != nil {
		t.Errorf("stored is %s with %+v besides", now.SecurityType, now.Policy.Former)
	}
	if list := clients(t, srv); len(list) != 1 || list[0].RetiredAt.IsZero() {
		t.Errorf("the client that was made for it is %+v", list)
	}
	g.open()
	page.Form("subscription-form").Submit().Wants(http.StatusSeeOther)
	wantsDelivered(t, srv, stored(t, srv, v.ID), tokenUpdated)
}

func TestLostAnswerToAPolicyKeepsBothAccepted(t *testing.T) {
	t.Parallel()
	srv, g := withGate(t)
	editor := srv.As(store.RoleEditor)
	v := ready(t, srv, filledForm(editor))
	form := editForm(editor, v).Set(subscriptions.FieldSecurity, store.SecurityOAuth)
	g.set(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			next.ServeHTTP(&deaf{}, r)
			panic(http.ErrAbortHandler) // done there, and nobody was told
		}
		next.ServeHTTP(w, r)
	})
	form.Submit().Wants(http.StatusUnprocessableEntity).Says("It is not known whether this was changed")
	g.open()
	now := stored(t, srv, v.ID)
	if f := now.Policy.Former; now.SecurityType != store.SecurityKey || f == nil || !f.Announced {
		t.Fatalf("stored is %s with %+v besides", now.SecurityType, f)
	}
	wantsDelivered(t, srv, now, tokenUpdated)
	editor.Get(paths.ShowSubscriptionTab(v.ID, "security")).Wants(http.StatusOK).Says("not known whether Cybersource has taken over")
	// Saving again tells Cybersource again, whatever it has.
	editForm(editor, now).Submit().Wants(http.StatusSeeOther).Follow().Says("Saved, here and at Cybersource.")
	if there := atCybersource(t, srv, v); there.SecurityPolicy.Type != cybs.SecurityKey {
		t.Errorf("Cybersource has %s, the form said KEY", there.SecurityPolicy.Type)
	}
	wantsDelivered(t, srv, stored(t, srv, v.ID), tokenUpdated)
}
