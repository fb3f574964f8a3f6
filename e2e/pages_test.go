package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// view is a way to look at a page.
type view struct {
	name          string
	width, height int64
	scheme        string
}

func views() []view {
	return []view{
		{"wide-light", 1440, 900, "light"},
		{"wide-dark", 1440, 900, "dark"},
		{"narrow-light", 320, 640, "light"},
		{"narrow-dark", 320, 640, "dark"},
	}
}

// axeResult is what axe-core says of a page.
type axeResult struct {
	Violations []struct {
		ID    string `json:"id"`
		Help  string `json:"help"`
		Nodes []struct {
			HTML           string `json:"html"`
			FailureSummary string `json:"failureSummary"`
		} `json:"nodes"`
	} `json:"violations"`
}

// checkAccessible runs axe-core on the page as it is.
func (b *browser) checkAccessible(axe, name string) {
	b.tb.Helper()
	b.do("load axe-core", chromedp.Evaluate[chromedp.Void](axe))
	result := get(b, "run axe-core", chromedp.Evaluate[axeResult](`axe.run(document, {resultTypes: ["violations"]})`, chromedp.EvalAwaitPromise))
	for _, v := range result.Violations {
		for _, node := range v.Nodes {
			b.tb.Errorf("%s: %s (%s): %s\n%s", name, v.ID, v.Help, node.FailureSummary, node.HTML)
		}
	}
}

// checkReflow fails when the page is wider than the screen, so that a person would have to scroll both ways (WCAG 2.2, 1.4.10).
func (b *browser) checkReflow(name string) {
	b.tb.Helper()
	excess := get(b, "measure the page", chromedp.Evaluate[string](`(() => {
		const wide = document.documentElement.scrollWidth, screen = document.documentElement.clientWidth;
		if (wide <= screen) return "";
		const worst = [...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > screen + 1).slice(0, 3).map(e => e.outerHTML.slice(0, 160));
		return wide + " px wide on a screen of " + screen + " px: " + worst.join(" | ");
	})()`))
	if excess != "" {
		b.tb.Errorf("%s: %s", name, excess)
	}
}

func readAxe(tb testing.TB) string {
	tb.Helper()
	source, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		tb.Fatalf("read axe-core: %v: `make test` installs it, or run `npm ci` in e2e", err)
	}
	return string(source)
}

// pagePaths are the pages that a signed-in administrator can open by URL alone; those of single things are added by the test.
func pagePaths() []string {
	return []string{
		"/", "/subscriptions", "/subscriptions/new", "/notifications", "/notifications?status=unreadable", "/rejected",
		"/rejected/judgements", "/rejected/judgements/new", "/rejected/discard",
		"/organizations", "/organizations/new", "/organizations/1/keys/new", "/team", "/audit", "/playground", "/no-such-page",
	}
}

func TestEveryPageIsAccessibleAndFitsEveryScreen(t *testing.T) {
	t.Parallel()
	p := startProgram(t)
	b := newBrowser(t, p.Console)
	axe := readAxe(t)
	b.expect("404") // the page that does not exist is one of those looked at
	for _, v := range views() {
		b.screen(v.width, v.height, v.scheme)
		b.open("/sign-in")
		b.lookAt(axe, "sign-in", v)
	}
	b.screen(1440, 900, "light")
	b.signIn()
	paths := append(pagePaths(), b.fillHouse()...)
	for _, path := range paths {
		for _, v := range views() {
			b.screen(v.width, v.height, v.scheme)
			b.open(path)
			b.lookAt(axe, path, v)
		}
	}
}

func (b *browser) lookAt(axe, path string, v view) {
	b.tb.Helper()
	name := fmt.Sprintf("%s %s", path, v.name)
	b.checkAccessible(axe, name)
	b.checkReflow(name)
	b.keep(strings.NewReplacer("/", "_", "?", "_", "=", "-", "&", "_").Replace(strings.Trim(path, "/") + "-" + v.name))
}

// links returns the distinct targets of the page's links that begin with a prefix.
func (b *browser) links(prefix string) []string {
	b.tb.Helper()
	return get(b, "read links", chromedp.Evaluate[[]string](fmt.Sprintf(
		`[...new Set([...document.querySelectorAll("main a[href]")].map(a => a.getAttribute("href")).filter(h => h.startsWith(%q)))]`, prefix)))
}

// fillHouse makes one of everything, so that the pages have something to show, and returns the paths of the pages of single things.
func (b *browser) fillHouse() []string {
	b.tb.Helper()
	subscription := b.createSubscription("Token events")
	b.waitWord("subscription-status", "active")
	b.sendEvent("tms.networktoken.updated", "")
	b.sendEvent("tms.networktoken.updated", "bad-signature")
	b.openUntil("/notifications", "notification-row")
	notification := b.links("/notifications/")[0]
	b.openUntil("/rejected", "rejected-row")
	rejected := "/rejected/" + get(b, "read the id of a rejected delivery", chromedp.Evaluate[string](`document.querySelector("[data-testid=rejected-row]").dataset.id`))
	return []string{
		subscription, subscription + "?tab=configuration", subscription + "?tab=history", subscription + "?tab=answer", subscription + "/edit", subscription + "/delete",
		notification, notification + "?view=raw", notification + "?view=hex", notification + "?tab=headers", notification + "?tab=verification", notification + "?tab=deliveries", notification + "?tab=record",
		rejected, "/", "/notifications", "/rejected", "/subscriptions", "/playground", "/audit",
	}
}
