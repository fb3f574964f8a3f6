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

const assertionKeyID = "y-00000000000000-eAZ34pR9Ts"

// policyStory is a subscription with one security policy, from the form to the notification that arrives by it.
type policyStory struct {
	name, choice string
	// fill answers the questions about the policy.
	fill func(t *testing.T, p *program, b *browser)
	// says is what the page of its credentials shows.
	says []string
}

func policyStories() []policyStory {
	return []policyStory{
		{
			name: "OAuth", choice: "tokenManagement/tms.networktoken.updated",
			fill: func(_ *testing.T, _ *program, b *browser) { b.pick("security", "oAuth") },
			says: []string{"OAuth (oAuth)", "/oauth/token", "In use"},
		},
		{
			name: "OAuth with JWT", choice: "customerInvoicing/invoicing.customer.invoice.paid",
			fill: func(t *testing.T, p *program, b *browser) {
				b.pick("security", "oAuth_JWT")
				b.do("answer what the assertion says",
					chromedp.SendKeys(chromedp.CSS(`input[name=assertion_key]`), assertionKeyID),
					chromedp.SetValue(chromedp.CSS(`textarea[name=assertion_certificate]`), assertionCertificate(t, p)))
			},
			says: []string{"OAuth with JWT (oAuth_JWT)", assertionKeyID, "Counts"},
		},
		{
			name: "Encrypted", choice: "unifiedCheckout/uc.orders.transactionresults",
			fill: func(_ *testing.T, _ *program, b *browser) { b.pick("encryption", "always") },
			says: []string{"Mutual trust (KEY)", "Demanded: plain deliveries are rejected", "In use"},
		},
	}
}

// assertionCertificate asks the sandbox with which certificate its assertions are checked.
func assertionCertificate(tb testing.TB, p *program) string {
	tb.Helper()
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, "http://"+p.Sandbox+"/sandbox/v1/certificates", http.NoBody)
	if err != nil {
		tb.Fatal(err)
	}
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }() // read whole below
	var found struct {
		Assertion string `json:"assertion"`
	}
	if err := json.NewDecoder(response.Body).Decode(&found); err != nil || found.Assertion == "" {
		tb.Fatalf("the sandbox names no certificate for assertions: %v", err)
	}
	return found.Assertion
}

// pick chooses one of a few answers.
func (b *browser) pick(name, value string) {
	b.tb.Helper()
	b.do("choose "+value, chromedp.Click(chromedp.CSS(fmt.Sprintf(`input[name=%s][value=%q]`, name, value))))
}

// choose unfolds a product and ticks one of its event types.
func (b *browser) choose(choice string) {
	b.tb.Helper()
	b.do("choose "+choice,
		chromedp.Click(chromedp.CSS(fmt.Sprintf(`details.group:has(input[value=%q]) summary`, choice))),
		chromedp.Click(chromedp.CSS(fmt.Sprintf(`input[name=event][value=%q]`, choice))))
}

// TestEachPolicyFromFormToNotification makes a subscription by each policy, lets an event arrive by it, and rotates what it uses.
func TestEachPolicyFromFormToNotification(t *testing.T) {
	t.Parallel()
	p := startProgram(t)
	b := newBrowser(t, p.Console)
	axe := readAxe(t)
	b.signIn()
	for _, story := range policyStories() {
		b.open("/subscriptions/new")
		b.choose(story.choice)
		b.do("name it", chromedp.SendKeys(chromedp.CSS(`input[name=name]`), story.name))
		story.fill(t, p, b)
		b.follow("review what is sent", testID("review-subscription"))
		if sent := b.text("review"); !strings.Contains(sent, "securityPolicy") || !strings.Contains(sent, "Nothing has been sent yet") {
			t.Errorf("%s: the review says %q", story.name, sent)
		}
		for _, v := range views() {
			b.screen(v.width, v.height, v.scheme)
			b.checkAccessible(axe, "form for "+story.name+" "+v.name)
			b.checkReflow("form for " + story.name + " " + v.name)
			b.keep("policy-form-" + strings.ReplaceAll(story.name, " ", "-") + "-" + v.name)
		}
		b.screen(1440, 900, "light")
		b.follow("create the subscription", testID("submit-subscription"))
		subscription := strings.TrimPrefix(get(b, "read the address", chromedp.Location()), b.base)
		b.waitWord("subscription-status", "active")

		_, eventType, _ := strings.Cut(story.choice, "/")
		b.sendEvent(eventType, "")
		b.openUntil("/notifications?subscription="+strings.TrimPrefix(subscription, "/subscriptions/"), "notification-row")
		b.open(subscription + "?tab=security")
		shown := b.text("subscription-security")
		for _, text := range story.says {
			if !strings.Contains(shown, text) {
				t.Errorf("%s: its credentials do not show %q: %s", story.name, text, shown)
			}
		}
	}
}

// TestCredentialsAreRotated looks at the pages about credentials as an operator who rotates them.
func TestCredentialsAreRotated(t *testing.T) {
	t.Parallel()
	p := startProgram(t)
	b := newBrowser(t, p.Console)
	axe := readAxe(t)
	b.signIn()
	b.open("/subscriptions/new")
	b.choose("unifiedCheckout/uc.orders.transactionresults")
	b.do("name it", chromedp.SendKeys(chromedp.CSS(`input[name=name]`), "Checkout"))
	b.pick("security", "oAuth")
	b.follow("create the subscription", testID("submit-subscription"))
	subscription := strings.TrimPrefix(get(b, "read the address", chromedp.Location()), b.base)
	b.waitWord("subscription-status", "active")
	for _, deed := range []string{"rotate-client", "rotate-certificate", "rotate-key"} {
		b.open(subscription + "?tab=security")
		b.follow("ask to "+deed, testID(deed))
		for _, v := range views() {
			b.screen(v.width, v.height, v.scheme)
			b.lookAt(axe, subscription+"/security/"+deed, v)
		}
		b.screen(1440, 900, "light")
		b.follow(deed, testID("confirm-deed"))
	}
	b.waitWord("subscription-security", "Being replaced")
	b.waitWord("subscription-security", "still opens")
	for _, v := range views() {
		b.screen(v.width, v.height, v.scheme)
		b.lookAt(axe, subscription+"?tab=security", v)
	}
	b.screen(1440, 900, "light")
	b.sendEvent("uc.orders.transactionresults", "")
	b.openUntil("/notifications", "notification-row")
	b.open("/rejected")
	if rows := get(b, "count rejected", chromedp.Evaluate[int](`document.querySelectorAll("[data-testid=rejected-row]").length`)); rows != 0 {
		t.Errorf("%d deliveries were rejected", rows)
	}
}

// TestPolicyIsChosenWithoutScript makes a subscription with OAuth while scripts are switched off.
func TestPolicyIsChosenWithoutScript(t *testing.T) {
	t.Parallel()
	p := startProgram(t)
	b := newBrowser(t, p.Console)
	b.script(false)
	b.signIn()
	b.open("/subscriptions/new")
	b.choose("tokenManagement/tms.networktoken.updated")
	b.do("name it", chromedp.SendKeys(chromedp.CSS(`input[name=name]`), "No script"))
	b.pick("security", "oAuth")
	b.follow("fill in Cybersource's addresses", testID("preset-sources"))
	if got := get(b, "read the sources", chromedp.Value(chromedp.CSS(`textarea[name=sources]`))); !strings.Contains(got, "198.241.206.21") {
		t.Errorf("the preset gave %q", got)
	}
	b.follow("create the subscription", testID("submit-subscription"))
	subscription := strings.TrimPrefix(get(b, "read the address", chromedp.Location()), b.base)
	b.follow("activate it", testID("activate-subscription"))
	b.follow("send a test notification", testID("test-subscription"))
	b.openUntil("/notifications", "notification-row")
	b.open(subscription + "?tab=security")
	b.follow("ask to rotate", testID("rotate-client"))
	b.follow("rotate", testID("confirm-deed"))
	if shown := b.text("subscription-security"); !strings.Contains(shown, "Being replaced") {
		t.Errorf("after the rotation the page shows %s", shown)
	}
}

// TestRefusedPolicyFormIsAccessible looks at a form of which many answers about an issuer are missing.
func TestRefusedPolicyFormIsAccessible(t *testing.T) {
	t.Parallel()
	p := startProgram(t, "RECEIVER_ALLOW=127.0.0.1,cybersource")
	b := newBrowser(t, p.Console)
	axe := readAxe(t)
	b.expect("422") // the form is refused
	b.signIn()
	b.open("/subscriptions/new")
	b.choose("tokenManagement/tms.networktoken.updated")
	b.do("name it", chromedp.SendKeys(chromedp.CSS(`input[name=name]`), "Own issuer"))
	b.pick("security", "oAuth")
	b.pick("token_server", "external")
	b.follow("create the subscription", testID("submit-subscription"))
	if said := b.text("error-summary"); !strings.Contains(said, "Type the address at which Cybersource gets tokens.") {
		t.Errorf("the summary says %q", said)
	}
	for _, v := range views() {
		b.screen(v.width, v.height, v.scheme)
		b.checkAccessible(axe, "refused form "+v.name)
		b.checkReflow("refused form " + v.name)
		b.keep("policy-form-refused-" + v.name)
	}
	if checks := b.text("readiness"); !strings.Contains(checks, "By the server’s list: 127.0.0.1, 198.241.206.21, 198.241.207.21") {
		t.Errorf("the list of what is known does not name the server's sources: %s", checks)
	}
}
