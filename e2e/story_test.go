package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestWholeStory is what an operator does on the first day, from signing in to deleting the subscription again.
func TestWholeStory(t *testing.T) {
	t.Parallel()
	p := startProgram(t)
	b := newBrowser(t, p.Console)
	b.signIn()

	subscription := b.createSubscription("Token events")
	b.waitWord("subscription-status", "active") // by itself, after the health ping
	requireSubscriptionsAtSandbox(t, p, 1)

	// Another tab watches the list. The test notification must appear there without a reload.
	list := b.newTab()
	list.open("/notifications?live=1")
	list.do("wait for the live tail", waitFor(`document.querySelector("[data-testid=live]").dataset.state === "live"`))
	list.do("mark the page", chromedp.Evaluate[chromedp.Void](`window.sameDocument = true`))
	b.follow("send a test notification", testID("test-subscription"))
	list.waitWord("notification-row", "tms.networktoken.updated")
	if !get(list, "look for the mark", chromedp.Evaluate[bool](`window.sameDocument === true`)) {
		t.Error("the list was loaded again; the notification should have appeared by itself")
	}

	list.follow("open the notification", chromedp.CSS(`[data-testid=notification-row] a`))
	if payload := list.text("payload"); !strings.Contains(payload, "testPayload") {
		t.Errorf("the payload shows %q, want the test payload", payload)
	}
	list.do("open how it was verified", chromedp.Click(chromedp.CSS(`main a[href*="tab=verification"]`)), chromedp.WaitVisible(testID("verification")))
	if verdict := list.text("verdict"); !strings.Contains(strings.ToLower(verdict), "verified") {
		t.Errorf("the verdict is %q, want verified", verdict)
	}
	if variant := list.text("variant"); !strings.Contains(strings.ToLower(variant), "body") {
		t.Errorf("the matched variant is %q; test notifications are signed over the body", variant)
	}

	b.sendEvent("tms.networktoken.updated", "bad-signature")
	b.openUntil("/rejected", "rejected-row")
	reason := get(b, "read the reason", chromedp.Evaluate[string](`document.querySelector("[data-testid=rejected-row] [data-reason]").dataset.reason`))
	if reason != "signature_mismatch" {
		t.Errorf("the reason is %q, want signature_mismatch", reason)
	}
	b.follow("open the rejected delivery", chromedp.CSS(`[data-testid=rejected-row] a`))
	b.waitWord("reason", "signature")

	b.open(subscription)
	b.follow("ask to delete", testID("delete-subscription-link"))
	b.follow("delete", testID("confirm-delete"))
	b.open("/subscriptions")
	if get(b, "count subscriptions", chromedp.Evaluate[int](`document.querySelectorAll("[data-testid=subscription-row]").length`)) != 0 {
		t.Error("the deleted subscription is still listed")
	}
	requireSubscriptionsAtSandbox(t, p, 0)
}

// createSubscription fills the form as a person does and returns the path of the new subscription's page.
func (b *browser) createSubscription(name string) string {
	b.tb.Helper()
	b.open("/subscriptions/new")
	b.do("choose an event",
		chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll("details.group")].find(d => d.innerText.includes("tokenManagement")).querySelector("summary").click()`),
		chromedp.Click(chromedp.CSS(`input[name=event][value$="tms.networktoken.updated"]`)),
	)
	b.do("name it",
		chromedp.SendKeys(chromedp.CSS(`input[name=name]`), name),
	)
	b.follow("create the subscription", testID("submit-subscription"))
	return strings.TrimPrefix(get(b, "read the address", chromedp.Location()), b.base)
}

// sendEvent makes the sandbox send an event, whole or with a fault, through the playground's form.
func (b *browser) sendEvent(eventType, fault string) {
	b.tb.Helper()
	b.open("/playground")
	b.do("fill the playground's form",
		chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`(() => {
			const form = document.querySelector("[data-testid=send-event]");
			const event = form.elements.namedItem("event");
			event.value = [...event.options].find(o => o.value.endsWith(%q)).value;
			form.elements.namedItem("fault").value = %q;
		})()`, eventType, fault)))
	b.follow("send "+eventType, testID("send"))
}

// newTab opens another tab of the same browser, signed in as the first.
func (b *browser) newTab() *browser {
	b.tb.Helper()
	ctx, closeTab := chromedp.NewContext(b.ctx)
	b.tb.Cleanup(closeTab)
	tab := &browser{tb: b.tb, ctx: ctx, base: b.base}
	if err := chromedp.Do(ctx); err != nil {
		b.tb.Fatalf("open a tab: %v", err)
	}
	if err := chromedp.Listen(ctx, tab.hear); err != nil {
		b.tb.Fatalf("listen to the page: %v", err)
	}
	return tab
}

// requireSubscriptionsAtSandbox asks the sandbox itself, not the console, how many subscriptions there are.
func requireSubscriptionsAtSandbox(tb testing.TB, p *program, want int) {
	tb.Helper()
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, "http://"+p.Sandbox+"/sandbox/v1/subscriptions", http.NoBody)
	if err != nil {
		tb.Fatal(err)
	}
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }() // read whole below
	var list []struct {
		WebhookID string `json:"webhookId"`
	}
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		tb.Fatalf("read the sandbox's subscriptions: %v", err)
	}
	if len(list) != want {
		tb.Errorf("the sandbox has %d subscriptions, want %d", len(list), want)
	}
}
