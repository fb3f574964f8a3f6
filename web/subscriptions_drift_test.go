package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/web/webtest"
)

func TestWhatDiffersAtCybersourceIsSaidAndRepaired(t *testing.T) {
	t.Parallel()
	other, word := "https://elsewhere.example.com/hook", "Changed elsewhere"
	retries := cybs.DefaultRetryPolicy()
	retries.NumberOfRetries = 2
	for _, tc := range []struct {
		name, says string
		patch      cybs.SubscriptionPatch
	}{
		{"webhook url", "webhook URL", cybs.SubscriptionPatch{WebhookURL: &other}},
		{"health check url", "health check URL", cybs.SubscriptionPatch{HealthCheckURL: &other}},
		{"name", "name", cybs.SubscriptionPatch{Name: &word}},
		{"description", "description", cybs.SubscriptionPatch{Description: &word}},
		{"retry policy", "retry policy", cybs.SubscriptionPatch{RetryPolicy: &retries}},
		{"scope", "scope", cybs.SubscriptionPatch{Scope: &cybs.Scope{Kind: cybs.ScopeSelf}}},
		{"products", "products and events", cybs.SubscriptionPatch{Products: []cybs.SubscribedProduct{{ProductID: "customerInvoicing", EventTypes: []string{"invoicing.customer.invoice.paid"}}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			srv := webtest.New(t)
			editor := srv.As(store.RoleEditor)
			v := made(t, srv, editor)
			says := "Different at Cybersource: " + tc.says
			if page := editor.Get(paths.ShowSubscription(v.ID)).Body; strings.Contains(page, "Different at Cybersource") {
				t.Fatal("a new subscription is said to differ")
			}
			if _, err := srv.Sandbox.Client(t).UpdateSubscription(t.Context(), v.WebhookID, tc.patch); err != nil {
				t.Fatal(err)
			}
			form := editForm(editor, v)
			form.Values.Set(subscriptions.FieldIntent, subscriptions.IntentReview)
			form.Submit().Wants(http.StatusOK).Says("Change the subscription")
			for _, path := range []string{paths.ShowSubscription(v.ID), paths.Subscriptions, paths.Overview, paths.EditSubscriptionOf(v.ID)} {
				editor.Get(path).Wants(http.StatusOK).Says(says)
			}
			editForm(editor, v).Submit().Wants(http.StatusSeeOther)
			if page := editor.Get(paths.ShowSubscription(v.ID)).Body; strings.Contains(page, "Different at Cybersource") {
				t.Error("it is still said to differ after the repair")
			}
		})
	}
}
