package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestConsoleWorksWithoutScript does the main story with scripts switched off: links and forms are enough.
func TestConsoleWorksWithoutScript(t *testing.T) {
	t.Parallel()
	p := startProgram(t)
	b := newBrowser(t, p.Console)
	b.script(false)
	b.signIn()

	b.open("/subscriptions/new")
	b.do("unfold a product", chromedp.Click(chromedp.CSS(`details.group summary`)))
	event := get(b, "choose its first event", chromedp.AttributeValue(chromedp.CSS(`details.group[open] input[name=event]:not([disabled])`), "value"))
	b.do("fill the form",
		chromedp.Click(chromedp.CSS(`details.group[open] input[name=event]:not([disabled])`)),
		chromedp.SendKeys(chromedp.CSS(`input[name=name]`), "No script"),
	)
	b.follow("preview the schedule", testID("preview-schedule"))
	if got := get(b, "read the name again", chromedp.Value(chromedp.CSS(`input[name=name]`))); got != "No script" {
		t.Errorf("after the preview the name is %q, want it kept", got)
	}
	b.follow("create the subscription", testID("submit-subscription"))
	subscription := strings.TrimPrefix(get(b, "read the address", chromedp.Location()), b.base)

	b.follow("activate it", testID("activate-subscription"))
	b.open(subscription)
	if status := b.text("subscription-status"); !strings.Contains(status, "Active") {
		t.Errorf("the status is %q, want Active", status)
	}
	b.follow("send a test notification", testID("test-subscription"))
	b.openUntil("/notifications", "notification-row")
	b.follow("open the notification", chromedp.CSS(`[data-testid=notification-row] a`))
	if _, eventType, found := strings.Cut(event.Value, "/"); found && !strings.Contains(b.text("payload"), eventType) {
		t.Errorf("the payload of a test of %s does not name it", event.Value)
	}
	for _, tab := range []string{"headers", "verification", "deliveries", "record"} {
		b.follow("open the tab "+tab, chromedp.CSS(`main a[href*="tab=`+tab+`"]`))
	}

	b.open(subscription)
	b.follow("ask to delete", testID("delete-subscription-link"))
	b.follow("delete", testID("confirm-delete"))
	requireSubscriptionsAtSandbox(t, p, 0)
	b.do("open the person's menu", chromedp.Click(chromedp.CSS(`summary.person`)))
	b.follow("sign out", testID("sign-out"))
	if path := strings.TrimPrefix(get(b, "read the address", chromedp.Location()), b.base); !strings.HasPrefix(path, "/sign-in") {
		t.Errorf("after signing out the page is %s, want the sign-in page", path)
	}
}
