package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/web"
	"github.com/switchboardhq/switchboard/web/webtest"
)

const (
	tokenUpdated     = "tokenManagement/tms.networktoken.updated"
	tokenProvisioned = "tokenManagement/tms.networktoken.provisioned"
	invoicePaid      = "customerInvoicing/invoicing.customer.invoice.paid"
)

// filledForm is the form for a new subscription, filled in.
func filledForm(browser *webtest.Client) *webtest.Form {
	return browser.Get(paths.NewSubscription).Wants(http.StatusOK).Form("subscription-form").
		Set(subscriptions.FieldName, "Token events").Set(subscriptions.FieldEvent, tokenUpdated)
}

// made creates a subscription through the form.
func made(t *testing.T, srv *webtest.Server, browser *webtest.Client) store.Subscription {
	t.Helper()
	filledForm(browser).Submit().Wants(http.StatusSeeOther)
	return newest(t, srv)
}

func newest(t *testing.T, srv *webtest.Server) store.Subscription {
	t.Helper()
	list, err := srv.Store.ListSubscriptions(t.Context(), store.SubscriptionFilter{WithDeleted: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Fatal("no subscription is stored")
	}
	return list[0]
}

func stored(t *testing.T, srv *webtest.Server, id int64) store.Subscription {
	t.Helper()
	v, err := srv.Store.GetSubscription(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// atCybersource is what the sandbox has of a subscription.
func atCybersource(t *testing.T, srv *webtest.Server, v store.Subscription) *cybs.Subscription {
	t.Helper()
	found, err := srv.Sandbox.Client(t).GetSubscription(t.Context(), v.WebhookID)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// audited is the newest audit row of an action.
func audited(t *testing.T, srv *webtest.Server, action string) store.AuditEntry {
	t.Helper()
	list, err := srv.Store.ListAudit(t.Context(), store.AuditFilter{Action: action})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Fatalf("no audit row for %s", action)
	}
	return list[0]
}

// gate stands between the console and the sandbox and may answer in its place.
type gate struct {
	url  string
	hook atomic.Pointer[func(next http.Handler, w http.ResponseWriter, r *http.Request)]
}

func (g *gate) set(hook func(next http.Handler, w http.ResponseWriter, r *http.Request)) {
	g.hook.Store(&hook)
}

func (g *gate) open() { g.hook.Store(nil) }

// answer answers requests of a method whose path ends so, and lets the others through.
func (g *gate) answer(method, pathEnd string, status int, body string) {
	g.set(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		if r.Method != method || !strings.HasSuffix(r.URL.Path, pathEnd) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("V-C-Correlation-Id", "corr-4711")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // the client's side reports a broken answer
	})
}

// withGate is a console that reaches the sandbox through a gate.
func withGate(t *testing.T) (*webtest.Server, *gate) {
	t.Helper()
	g := &gate{}
	var srv *webtest.Server
	srv = webtest.New(t, webtest.WithConsole(func(cfg *web.Config) {
		cfg.Client = func(ctx context.Context, o store.Organization) (*cybs.Client, error) {
			secret, err := srv.Store.OrganizationSecret(ctx, o.ID)
			if err != nil {
				return nil, err
			}
			credentials := srv.Sandbox.Credentials
			credentials.OrganizationID, credentials.MerchantID, credentials.KeyID, credentials.Secret = o.OrganizationID, o.MerchantID, o.KeyID, cybs.Secret(secret)
			return cybs.New(cybs.Config{BaseURL: g.url, Credentials: credentials, MaxAttempts: 1})
		}
	}))
	target, err := url.Parse(srv.Sandbox.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host // the signed host stays
		r.Out.Host = r.In.Host
	}}
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hook := g.hook.Load(); hook != nil {
			(*hook)(proxy, w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(door.Close)
	g.url = door.URL + target.Path
	return srv, g
}

func TestSubscriptionLivesFromCreateToDelete(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleEditor)

	page := filledForm(editor).Set(subscriptions.FieldEvent, tokenUpdated, invoicePaid).Set(subscriptions.FieldDescription, "For the night shift").
		Submit().Wants(http.StatusSeeOther).Follow().Wants(http.StatusOK)
	page.Says("Created. Cybersource says:", "For the night shift")
	v := newest(t, srv)
	if page.Heading() != "Token events" || v.WebhookID == "" || len(v.Products) != 2 {
		t.Fatalf("the page shows %q, stored is %+v", page.Heading(), v)
	}
	there := atCybersource(t, srv, v)
	if there.Name != "Token events" || there.SecurityPolicy.Type != cybs.SecurityKey || !strings.Contains(there.WebhookURL, v.EndpointToken) || there.HealthCheckURL == "" {
		t.Errorf("Cybersource has %+v", there)
	}

	srv.Sandbox.AwaitStatus(t, v.WebhookID, cybs.StatusActive)
	page = page.Form("refresh-subscription").Submit().Wants(http.StatusSeeOther).Follow()
	if got := page.ByTestID("subscription-status").Text(); got != "Active" {
		t.Errorf("after the health check the page says %q", got)
	}
	page.Form("test-subscription").Submit().Wants(http.StatusSeeOther).Follow().Says("Cybersource has sent a test notification of type tms.networktoken.updated")

	page = editor.Get(paths.EditSubscriptionOf(v.ID)).Wants(http.StatusOK).Form("subscription-form").
		Set(subscriptions.FieldName, "Token updates").Set(subscriptions.FieldEvent, tokenUpdated).Submit().Wants(http.StatusSeeOther).Follow()
	page.Says("Saved, here and at Cybersource.")
	there = atCybersource(t, srv, v)
	if page.Heading() != "Token updates" || there.Name != "Token updates" || len(there.Products) != 1 {
		t.Errorf("after the edit the page shows %q and Cybersource has %+v", page.Heading(), there)
	}

	page = editor.Get(paths.DeactivateSubscriptionOf(v.ID)).Wants(http.StatusOK).Says("are lost").Form("security-deed").Submit().Wants(http.StatusSeeOther).Follow()
	page.Says("Done. Cybersource says: Inactive.", "Switched off by editor@example.com")
	page = page.Form("activate-subscription").Submit().Wants(http.StatusSeeOther).Follow()
	page.Says("Done. Cybersource says: Active.")

	ask := editor.Get(paths.DeleteSubscriptionOf(v.ID)).Wants(http.StatusOK)
	ask.Says("Cybersource deletes the subscription", "What was received stays here", "It cannot be undone")
	list := ask.Form("delete-subscription").Submit().Wants(http.StatusSeeOther).Follow()
	if list.Path != paths.Subscriptions || list.Has("subscription-row") {
		t.Errorf("after the deletion %s still lists it", list.Path)
	}
	if _, err := srv.Sandbox.Client(t).GetSubscription(t.Context(), v.WebhookID); err == nil {
		t.Error("Cybersource still has the subscription")
	}
	gone := editor.Get(paths.ShowSubscription(v.ID)).Wants(http.StatusOK)
	if got := gone.ByTestID("subscription-status").Text(); got != "Deleted" {
		t.Errorf("a deleted subscription is shown as %q", got)
	}
	history := editor.Get(paths.ShowSubscriptionTab(v.ID, "history")).Wants(http.StatusOK)
	history.Says("editor@example.com Created", "editor@example.com Changed", "editor@example.com Deactivated", "editor@example.com Deleted", `Name: Token events → Token updates`)
	for _, action := range []string{"subscription.create", "subscription.update", "subscription.activate", "subscription.deactivate", "subscription.test", "subscription.delete", "signature_key.create"} {
		if e := audited(t, srv, action); e.Outcome != store.OutcomeSucceeded || e.Actor != "editor@example.com" {
			t.Errorf("%s is audited as %s by %s", action, e.Outcome, e.Actor)
		}
	}
}

func TestSubscriptionListStartsWithTheFourSteps(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	page := srv.As(store.RoleViewer).Get(paths.Subscriptions).Wants(http.StatusOK)
	page.Says("Add an organization", "Create a subscription", "Let it become active", "Send a test notification")
	if page.Has("subscription-row") {
		t.Error("an empty house lists a subscription")
	}
}

func TestSubscriptionListIsNarrowedByItsURL(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleEditor)
	made(t, srv, editor)
	filledForm(editor).Set(subscriptions.FieldName, "Invoices").Set(subscriptions.FieldEvent, invoicePaid).Submit().Wants(http.StatusSeeOther)
	for query, want := range map[string]string{
		"":                         "Invoices, Token events",
		"?product=tokenManagement": "Token events",
		"?q=INVOICE.paid":          "Invoices",
		"?status=BLOCKED":          "",
		"?q=%00%ff":                "Invoices, Token events",
		"?organization=nonsense":   "Invoices, Token events",
		"?organization=999":        "",
	} {
		for name, browser := range map[string]*webtest.Client{"plain": editor, "htmx": editor.HTMX(), "partial": editor.Partial()} {
			page := browser.Get(paths.Subscriptions + query).Wants(http.StatusOK)
			var names []string
			for _, row := range page.AllByTestID("subscription-row") {
				names = append(names, row.Text())
			}
			if got := strings.Join(names, ", "); got != want {
				t.Errorf("%s, %q lists %q, want %q", name, query, got, want)
			}
			if whole := page.Heading() != ""; whole == (name == "partial") {
				t.Errorf("%s, %q: a whole page is %t", name, query, whole)
			}
		}
	}
	editor.Get(paths.Subscriptions+"?status=BLOCKED").Says("No subscription matches", "Status Blocked")
	editor.Get(paths.Subscriptions+"?status=%C3%A9tat").Says("No subscription matches", "Status État")
}

func TestViewersSeeWhatTheyMayNotDo(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	v := made(t, srv, srv.As(store.RoleEditor))
	viewer := srv.As(store.RoleViewer)
	page := viewer.Get(paths.ShowSubscription(v.ID)).Wants(http.StatusOK)
	for _, id := range []string{"activate-subscription", "test-subscription", "refresh-subscription", "edit-subscription", "delete-subscription-link"} {
		if e := page.ByTestID(id); e.Attr("aria-disabled") != "true" || !strings.Contains(e.Text(), "You are a viewer") {
			t.Errorf("%s says %q to a viewer", id, e.Text())
		}
	}
	for _, path := range []string{paths.NewSubscription, paths.EditSubscriptionOf(v.ID), paths.DeleteSubscriptionOf(v.ID)} {
		viewer.Get(path).Wants(http.StatusForbidden).Says("This needs another role")
		srv.Stranger().Get(path).Wants(http.StatusSeeOther)
	}
	for _, path := range []string{
		paths.Subscriptions, paths.EditSubscriptionOf(v.ID), paths.ActivateSubscriptionOf(v.ID), paths.DeactivateSubscriptionOf(v.ID),
		paths.TestSubscriptionOf(v.ID), paths.RefreshSubscriptionOf(v.ID), paths.DeleteSubscriptionOf(v.ID),
	} {
		viewer.Post(path, nil).Wants(http.StatusForbidden)
		viewer.HTMX().Post(path, nil).Wants(http.StatusForbidden)
		srv.As(store.RoleEditor).Post(path, url.Values{"_csrf": {"wrong"}}).Wants(http.StatusForbidden)
	}
	if now := stored(t, srv, v.ID); now.UpdatedAt != v.UpdatedAt || now.Status == store.StatusDeleted {
		t.Errorf("a viewer changed the subscription: %+v", now)
	}
}

func TestEveryTabOfASubscriptionIsAPage(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleEditor)
	v := made(t, srv, editor)
	for tab, says := range map[string]string{
		"": "Last notifications", "activity": "Nothing has arrived yet", "configuration": v.EndpointToken, "history": "editor@example.com Created",
		"answer": "notificationScope", "answer&view=raw": "nrtdCentral", "nonsense": "Last notifications",
	} {
		editor.Get(paths.ShowSubscription(v.ID) + "?tab=" + tab).Wants(http.StatusOK).Says(says)
		editor.HTMX().Get(paths.ShowSubscription(v.ID) + "?tab=" + tab).Wants(http.StatusOK).Says(says)
	}
	for part, id := range map[string]string{"state": "subscription-state", "activity": "subscription-activity"} {
		page := editor.Partial().Get(paths.ShowSubscription(v.ID) + "?part=" + part).Wants(http.StatusOK)
		if !page.Has(id) || page.Heading() != "" {
			t.Errorf("part %s is not the part alone: %s", part, page.Text())
		}
	}
	editor.Get("/subscriptions/999").Wants(http.StatusNotFound)
	editor.Get("/subscriptions/nonsense").Wants(http.StatusNotFound)
}

func TestSubscriptionPagesShowMarkupAsText(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleEditor)
	const evil = `<script>alert("x")</script>`
	filledForm(editor).Set(subscriptions.FieldName, evil).Set(subscriptions.FieldDescription, evil).Submit().Wants(http.StatusSeeOther)
	v := newest(t, srv)
	for _, path := range []string{
		paths.Subscriptions, paths.Subscriptions + "?q=" + url.QueryEscape(evil), paths.ShowSubscription(v.ID), paths.ShowSubscriptionTab(v.ID, "configuration"), paths.ShowSubscriptionTab(v.ID, "history"),
		paths.ShowSubscriptionTab(v.ID, "answer"), paths.EditSubscriptionOf(v.ID), paths.DeleteSubscriptionOf(v.ID),
	} {
		if page := editor.Get(path).Wants(http.StatusOK); strings.Contains(page.Body, "<script>alert") {
			t.Errorf("%s shows markup as markup", path)
		}
	}
}
