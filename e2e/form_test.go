package e2e

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// TestTheFormSaysHowFarItIs fills the form for a subscription in and looks at what it says of itself.
func TestTheFormSaysHowFarItIs(t *testing.T) {
	t.Parallel()
	p := startProgram(t)
	b := newBrowser(t, p.Console)
	b.expect("422") // a form that is not complete
	b.signIn()
	b.screen(1440, 900, "light")
	b.open("/subscriptions/new")
	b.waitWord("form-state", "Missing: an event type and a")
	inSight := `(() => { const box = document.querySelector("[data-testid=submit-subscription]").getBoundingClientRect(); return box.top > 0 && box.bottom <= innerHeight; })()`
	for _, place := range []string{"0", "document.body.scrollHeight / 2", "document.body.scrollHeight"} {
		if !get(b, "look for the button", chromedp.Evaluate[bool](`(scrollTo(0, `+place+`), `+inSight+`)`)) {
			t.Errorf("the button is out of sight at %s", place)
		}
	}

	b.do("find an event type", chromedp.SendKeys(chromedp.CSS(`[data-group-find]`), "authorization.status.accepted"))
	b.do("wait for one to be left", waitFor(`[...document.querySelectorAll("#subscription-form .group .check")].filter(e => e.checkVisibility()).length === 1`))
	b.do("choose it", chromedp.Click(chromedp.CSS(`input[name=event][value$="payments.authorization.status.accepted"]`)))
	b.waitWord("form-state", "Missing: a")
	// Payments are always encrypted: the list beside the form follows.
	b.waitWord("readiness", "Needed for")
	b.do("name it", chromedp.SendKeys(chromedp.CSS(`#subscription-form input[name=name]`), "Payments"))
	b.do("wait for nothing to be missing", waitFor(`!document.querySelector("[data-testid=form-state]").textContent.includes("Missing")`))

	b.do("empty a number", chromedp.SetValue(chromedp.CSS(`input[name=retries]`), ""))
	b.follow("send it", testID("submit-subscription"))
	b.waitWord("error-summary", "number")

	b.open("/subscriptions/new")
	b.follow("take the longer policy", testID("propose-retries"))
	b.waitWord("retry-schedule", "8 attempts within 12 h")
}
