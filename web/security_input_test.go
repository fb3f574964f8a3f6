package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/web/webtest"
)

func TestPolicyTextsAreShownAsText(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleAdministrator)
	const evil = `<script>alert("x")</script>`
	i := newIssuer(t)
	form := i.fill(filledForm(editor), store.SecurityOAuthJWT)
	for _, name := range []string{
		subscriptions.FieldIssuer, subscriptions.FieldTokenAudience, subscriptions.FieldTokenScope, subscriptions.FieldAssertionKey,
		subscriptions.FieldAssertionClient, subscriptions.FieldAssertionAudience, subscriptions.FieldAssertionScope,
	} {
		form.Set(name, evil)
	}
	form.Submit().Wants(http.StatusSeeOther)
	v := newest(t, srv)
	if v.Policy.Tokens.Issuer != evil || v.Policy.OAuth.ClientID != evil {
		t.Fatalf("stored is %+v", v.Policy)
	}
	withJWT(t, srv, editForm(editor, v)).Set(subscriptions.FieldTokenServer, store.TokensOwn).Set(subscriptions.FieldAssertionClient, evil+"2").Submit().Wants(http.StatusSeeOther)
	own := clients(t, srv)[0]
	for _, path := range []string{
		paths.ShowSubscriptionTab(v.ID, securityTab), paths.ShowSubscriptionTab(v.ID, "history"), paths.EditSubscriptionOf(v.ID), paths.AuditLog,
		paths.SubscriptionSecurityDeed(v.ID, "rotate-client"), paths.With(paths.SubscriptionSecurityDeed(v.ID, "retire-client"), "item", "1"),
	} {
		if page := editor.Get(path); strings.Contains(page.Body, "<script>alert") {
			t.Errorf("%s shows markup as markup", path)
		}
	}
	if own.ClientID != evil+"2" {
		t.Errorf("the client is called %q", own.ClientID)
	}
	review := editForm(editor, v).Set(subscriptions.FieldName, evil)
	review.Values.Set(subscriptions.FieldIntent, subscriptions.IntentReview)
	if page := review.Submit().Wants(http.StatusOK); strings.Contains(page.Body, "<script>alert") {
		t.Error("the review shows markup as markup")
	}
	for field, value := range map[string]string{subscriptions.FieldSources: evil, subscriptions.FieldTokenURL: evil, subscriptions.FieldAssertionCertificate: evil} {
		f := withJWT(t, srv, i.fill(filledForm(editor), store.SecurityOAuthJWT)).Set(subscriptions.FieldEvent, invoicePaid)
		if field == subscriptions.FieldAssertionCertificate {
			f.Set(subscriptions.FieldTokenServer, store.TokensOwn)
		}
		page := f.Set(field, value).Submit().Wants(http.StatusUnprocessableEntity)
		if strings.Contains(page.Body, "<script>alert") || page.Form("subscription-form").Values.Get(field) != value {
			t.Errorf("%s comes back as markup, or not at all", field)
		}
	}
}

func TestCredentialPagesWorkWithHTMX(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleEditor)
	v := withOAuth(t, srv, editor, tokenUpdated)
	for name, browser := range map[string]*webtest.Client{"whole": editor.HTMX(), "plain": editor} {
		browser.Get(paths.ShowSubscriptionTab(v.ID, securityTab)).Wants(http.StatusOK).Says("What deliveries must show")
		page := browser.Get(paths.SubscriptionSecurityDeed(v.ID, "rotate-client")).Wants(http.StatusOK)
		if page.Heading() == "" || !page.Has("deed-happens") {
			t.Errorf("%s: the question is not a page", name)
		}
	}
	done := editor.HTMX().Post(paths.SubscriptionSecurityDeed(v.ID, "rotate-client"), url.Values{})
	if to := done.Header.Get("HX-Redirect"); to != paths.ShowSubscriptionTab(v.ID, securityTab) {
		t.Errorf("htmx is led to %q, status %d", to, done.Status)
	}
	if len(clients(t, srv)) != 2 {
		t.Error("nothing was rotated")
	}
}

func TestDemandForEncryptionOfPlainEventsIsWarnedOf(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	form := filledForm(srv.As(store.RoleEditor)).Set(subscriptions.FieldEvent, checkoutResult, tokenUpdated).Set(subscriptions.FieldEncryption, subscriptions.EncryptionAlways)
	form.Values.Set(subscriptions.FieldIntent, subscriptions.IntentReview)
	form.Submit().Wants(http.StatusOK).Says("Plain deliveries would be rejected", "one event type of those chosen comes plain", "Needed for uc.orders.transactionresults", "its list for this organization does not say so")
	form.Set(subscriptions.FieldEvent, checkoutResult)
	page := form.Submit().Wants(http.StatusOK)
	if strings.Contains(page.Text(), "Plain deliveries would be rejected") {
		t.Error("the warning stays although all chosen event types are encrypted")
	}
}
