package web_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/web"
	"github.com/switchboardhq/switchboard/web/webtest"
)

func editForm(browser *webtest.Client, v store.Subscription) *webtest.Form {
	return browser.Get(paths.EditSubscriptionOf(v.ID)).Wants(http.StatusOK).Form("subscription-form")
}

func TestEditSendsOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	srv, g := withGate(t)
	editor := srv.As(store.RoleEditor)
	v := made(t, srv, editor)
	var sent []string
	g.set(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				panic(err)
			}
			sent = append(sent, string(body))
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		next.ServeHTTP(w, r)
	})
	editForm(editor, v).Submit().Wants(http.StatusSeeOther).Follow().Says("Nothing was different")
	if len(sent) != 0 {
		t.Fatalf("an edit without changes sent %q", sent)
	}
	editForm(editor, v).Set(subscriptions.FieldRetries, "5").Submit().Wants(http.StatusSeeOther)
	if len(sent) != 1 || strings.Contains(sent[0], `"name"`) || !strings.Contains(sent[0], `"numberOfRetries":5`) || strings.Contains(sent[0], "webhookUrl") {
		t.Errorf("sent were %q", sent)
	}
	if there := atCybersource(t, srv, v); there.RetryPolicy.NumberOfRetries != 5 {
		t.Errorf("Cybersource has %+v", there.RetryPolicy)
	}
	e := audited(t, srv, "subscription.update")
	if !strings.Contains(string(e.Before), `"numberOfRetries": 3`) || !strings.Contains(string(e.After), `"numberOfRetries": 5`) {
		t.Errorf("audited are %s and %s", e.Before, e.After)
	}
}

func TestConcurrentEditIsNotOverwrittenUnseen(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleEditor)
	v := made(t, srv, editor)
	late := editForm(editor, v).Set(subscriptions.FieldName, "Mine")
	editForm(srv.As(store.RoleAdministrator), v).Set(subscriptions.FieldName, "Theirs").Submit().Wants(http.StatusSeeOther)

	page := late.Submit().Wants(http.StatusConflict)
	page.Says("administrator@example.com saved other changes while you were editing", "“Theirs”")
	again := page.Form("subscription-form")
	if got := again.Values.Get(subscriptions.FieldName); got != "Mine" {
		t.Errorf("the name came back as %q", got)
	}
	if now := stored(t, srv, v.ID); now.Name != "Theirs" {
		t.Errorf("stored is %q", now.Name)
	}
	again.Submit().Wants(http.StatusSeeOther)
	if there := atCybersource(t, srv, v); there.Name != "Mine" {
		t.Errorf("Cybersource has %q", there.Name)
	}
}

func TestRefusedEditChangesNothingHere(t *testing.T) {
	t.Parallel()
	srv, g := withGate(t)
	editor := srv.As(store.RoleEditor)
	v := made(t, srv, editor)
	form := editForm(editor, v).Set(subscriptions.FieldName, "Other")
	g.answer(http.MethodPatch, v.WebhookID, 400, `{"message":"No.","details":[{"field":"name","reason":"INVALID_DATA"}]}`)
	page := form.Submit().Wants(http.StatusUnprocessableEntity)
	page.Says("Nothing was changed", "Cybersource refused: No.")
	if now := stored(t, srv, v.ID); now.Name != "Token events" || page.Form("subscription-form").Values.Get(subscriptions.FieldName) != "Other" {
		t.Errorf("stored is %q", now.Name)
	}
	g.answer(http.MethodPatch, v.WebhookID, 502, ``)
	form.Submit().Wants(http.StatusUnprocessableEntity).Says("It is not known whether this was changed")
	if e := audited(t, srv, "subscription.update"); e.Outcome != store.OutcomeFailed {
		t.Errorf("audited as %s", e.Outcome)
	}
	form.Set(subscriptions.FieldEvent, "tokenManagement/tms.invented").Submit().Wants(http.StatusUnprocessableEntity).Says("is not among the event types")
}

func TestEditKeepsEventsThatAreNoLongerOffered(t *testing.T) {
	t.Parallel()
	srv, g := withGate(t)
	editor := srv.As(store.RoleEditor)
	v := made(t, srv, editor)
	g.answer(http.MethodGet, "/products/"+srv.Organization.OrganizationID, 200, `[{"productId":"customerInvoicing","eventTypes":[{"eventName":"invoicing.customer.invoice.paid"}]}]`)
	form := editForm(editor, v)
	if got := form.Values[subscriptions.FieldEvent]; len(got) != 1 || got[0] != tokenUpdated {
		t.Fatalf("the form has the event types %q", got)
	}
	form.Set(subscriptions.FieldEvent, tokenUpdated, invoicePaid).Submit().Wants(http.StatusSeeOther)
	if now := stored(t, srv, v.ID); len(now.Products) != 2 {
		t.Errorf("stored are %+v", now.Products)
	}
	g.answer(http.MethodGet, "/products/"+srv.Organization.OrganizationID, 500, ``)
	editForm(editor, v).Set(subscriptions.FieldName, "Without the list").Submit().Wants(http.StatusSeeOther)
	if now := stored(t, srv, v.ID); now.Name != "Without the list" || len(now.Products) != 2 {
		t.Errorf("stored is %+v", now)
	}
}

func TestActionsThatCybersourceRefusesAreToldOnThePage(t *testing.T) {
	t.Parallel()
	srv, g := withGate(t)
	editor := srv.As(store.RoleEditor)
	v := made(t, srv, editor)
	srv.Sandbox.AwaitStatus(t, v.WebhookID, cybs.StatusActive)
	editor.Post(paths.RefreshSubscriptionOf(v.ID), nil).Wants(http.StatusSeeOther)

	g.answer(http.MethodPut, "/status", 400, `{"message":"The status cannot be changed"}`)
	for name, browser := range map[string]*webtest.Client{"plain": editor, "htmx": editor.HTMX()} {
		page := browser.Post(paths.DeactivateSubscriptionOf(v.ID), nil).Wants(http.StatusBadGateway)
		page.Says("Cybersource did not do this", "The status cannot be changed", "corr-4711")
		if page.Heading() != "Token events" {
			t.Errorf("%s: the page is %q", name, page.Heading())
		}
	}
	g.answer(http.MethodPost, v.WebhookID, 404, `{"reason":"NOT_FOUND","message":"Webhook not found"}`)
	editor.Post(paths.TestSubscriptionOf(v.ID), nil).Wants(http.StatusBadGateway).Says("Cybersource does not know it")
	if e := audited(t, srv, "subscription.test"); e.Outcome != store.OutcomeFailed {
		t.Errorf("audited as %s", e.Outcome)
	}
	g.open()
	editor.Post(paths.ActivateSubscriptionOf(v.ID), nil).Wants(http.StatusConflict).Says("It is active.")
	editor.HTMX().Post(paths.DeactivateSubscriptionOf(v.ID), nil).Wants(http.StatusNoContent)
	editor.Post(paths.DeactivateSubscriptionOf(v.ID), nil).Wants(http.StatusConflict).Says("It is inactive.")
}

func TestSubscriptionDeletedElsewhereIsSaidToBeGone(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleEditor)
	v := made(t, srv, editor)
	if err := srv.Sandbox.Client(t).DeleteSubscription(t.Context(), v.WebhookID); err != nil {
		t.Fatal(err)
	}
	page := editor.Post(paths.RefreshSubscriptionOf(v.ID), nil).Wants(http.StatusSeeOther).Follow()
	page.Says("Cybersource does not have this subscription any more.", "It may have been deleted in the Business Center")
	editor.Get(paths.DeleteSubscriptionOf(v.ID)).Says("nothing changes there").Form("delete-subscription").Submit().Wants(http.StatusSeeOther)
	if now := stored(t, srv, v.ID); now.Status != store.StatusDeleted {
		t.Errorf("stored is %s", now.Status)
	}
	for _, path := range []string{paths.DeleteSubscriptionOf(v.ID), paths.RefreshSubscriptionOf(v.ID), paths.ActivateSubscriptionOf(v.ID)} {
		editor.Post(path, nil).Wants(http.StatusConflict)
	}
}

func TestReviewIsExplainedAndNothingCanBeForced(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t, webtest.WithSandbox(func(c *sandbox.Config) { c.InstantApproval = false }))
	editor := srv.As(store.RoleEditor)
	v := made(t, srv, editor)
	page := editor.Get(paths.ShowSubscription(v.ID))
	page.Says("1 to 2 business days", "It is no failure")
	if got := page.ByTestID("subscription-status").Text(); got != "Pending review" {
		t.Errorf("it is shown as %q", got)
	}
	editor.Post(paths.ActivateSubscriptionOf(v.ID), nil).Wants(http.StatusConflict).Says("reviews the addresses first")
	if err := srv.Sandbox.Review(v.WebhookID, false); err != nil {
		t.Fatal(err)
	}
	editor.Post(paths.RefreshSubscriptionOf(v.ID), nil).Wants(http.StatusSeeOther).Follow().Says("Blocked", "has rejected an address")
}

func TestDeletionInProductionNeedsTheName(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t, webtest.WithConsole(func(c *web.Config) { c.Environment = "production" }))
	o, err := srv.Store.InsertOrganization(t.Context(), store.Organization{
		OrganizationID: srv.Organization.OrganizationID, Environment: "production", Name: "Live", MerchantID: srv.Organization.MerchantID, KeyID: srv.Organization.KeyID,
	}, srv.Sandbox.Credentials.Secret, store.AuditEntry{Actor: "switchboard", Action: "organization.create"})
	if err != nil {
		t.Fatal(err)
	}
	editor := srv.As(store.RoleEditor)
	v := made(t, srv, editor)
	if v.OrganizationID != o.ID {
		t.Fatalf("it belongs to organization %d", v.OrganizationID)
	}
	form := editor.Get(paths.DeleteSubscriptionOf(v.ID)).Form("delete-subscription")
	page := form.Set(subscriptions.FieldConfirm, "token events").Submit().Wants(http.StatusUnprocessableEntity)
	page.Says("This is not the name of the subscription, so nothing was deleted.")
	if now := stored(t, srv, v.ID); now.Status == store.StatusDeleted {
		t.Error("it was deleted all the same")
	}
	form.Set(subscriptions.FieldConfirm, "Token events").Submit().Wants(http.StatusSeeOther)
}

func TestRefusedDeletionKeepsTheSubscription(t *testing.T) {
	t.Parallel()
	srv, g := withGate(t)
	editor := srv.As(store.RoleEditor)
	v := made(t, srv, editor)
	g.answer(http.MethodDelete, v.WebhookID, 401, `{"response":{"rmsg":"Authentication Failed"}}`)
	form := editor.Get(paths.DeleteSubscriptionOf(v.ID)).Form("delete-subscription")
	form.Submit().Wants(http.StatusBadGateway).Says("Nothing was deleted", "does not accept the credentials")
	g.answer(http.MethodDelete, v.WebhookID, 500, ``)
	form.Submit().Wants(http.StatusBadGateway).Says("It is not known whether this was deleted at Cybersource")
	if now := stored(t, srv, v.ID); now.Status == store.StatusDeleted || now.EndpointToken == "" {
		t.Errorf("stored is %s", now.Status)
	}
}
