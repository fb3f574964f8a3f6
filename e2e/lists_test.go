package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// cutTables names each table that is wider than its place, and each summary of a notification that is cut.
const cutTables = `[
	...[...document.querySelectorAll(".table-frame")].filter(f => f.scrollWidth > f.clientWidth + 1).map(f => f.querySelector("caption").textContent + ": " + f.scrollWidth + " px in " + f.clientWidth),
	...[...document.querySelectorAll(".about-text")].filter(a => a.scrollWidth > a.clientWidth + 1 || a.getBoundingClientRect().right > a.closest("td").getBoundingClientRect().right + 1).map(a => "cut: " + a.textContent),
].join("; ")`

func TestListsFitEveryWidth(t *testing.T) {
	t.Parallel()
	p := startProgram(t)
	b := newBrowser(t, p.Console)
	b.signIn()
	subscription := b.createSubscription("Token events of all merchants in Europe and beyond")
	b.waitWord("subscription-status", "active")
	for range 3 {
		b.sendEvent("tms.networktoken.updated", "")
	}
	b.sendEvent("tms.networktoken.updated", "bad-signature")
	b.openUntil("/rejected", "rejected-row")
	b.openUntil("/notifications", "notification-row")
	paths := []string{"/notifications", "/rejected", "/subscriptions", "/", "/playground", "/audit", "/team", "/organizations", subscription}
	for width := int64(1000); width <= 1600; width += 100 {
		b.screen(width, 900, "light")
		for _, path := range paths {
			b.open(path)
			if cut := get(b, "measure tables", chromedp.Evaluate[string](cutTables)); cut != "" {
				t.Errorf("%s at %d px: %s", path, width, cut)
			}
		}
	}
	for _, width := range []int64{320, 390} {
		b.screen(width, 800, "light")
		for _, path := range []string{"/notifications", "/rejected", "/subscriptions", "/audit"} {
			b.open(path)
			b.checkReflow(path)
			if height := get(b, "measure rows", chromedp.Evaluate[float64](`Math.max(...[...document.querySelectorAll(".row")].map(r => r.getBoundingClientRect().height))`)); height > 140 {
				t.Errorf("%s at %d px: a row is %.0f px high", path, width, height)
			}
		}
	}
}

func TestListsAreWalkedWithTheKeyboard(t *testing.T) {
	t.Parallel()
	p := startProgram(t)
	b := newBrowser(t, p.Console)
	b.signIn()
	b.createSubscription("Token events")
	b.waitWord("subscription-status", "active")
	for range 12 {
		b.sendEvent("tms.networktoken.updated", "")
	}
	b.openUntil("/notifications", "notification-row")
	b.do("wait for all of them", waitFor(`document.querySelectorAll("[data-testid=notification-row]").length >= 12 || (location.reload(), false)`))
	b.screen(1280, 420, "light")
	b.open("/notifications")

	stops := get(b, "count the stops of a row", chromedp.Evaluate[int](`[...document.querySelector(".row").querySelectorAll("a[href], button, summary")].filter(e => e.tabIndex >= 0).length`))
	if stops != 1 {
		t.Errorf("a row has %d tab stops", stops)
	}
	for i := range 8 {
		b.do("press j", chromedp.KeyEvent("j"))
		seen := get(b, "look at the row", chromedp.Evaluate[string](`(() => {
			const row = document.activeElement.closest(".row"), box = row?.getBoundingClientRect();
			const head = document.querySelector(".table-frame thead").getBoundingClientRect();
			return !row ? "no row has the focus" : box.top < head.bottom - 1 || box.bottom > innerHeight + 1 ? "it is at " + box.top + " to " + box.bottom + " of " + innerHeight + ", below a head that ends at " + head.bottom : "";
		})()`))
		if seen != "" {
			t.Errorf("after %d times j: %s", i+1, seen)
		}
	}
	row := get(b, "remember the row", chromedp.Evaluate[string](`document.activeElement.getAttribute("href")`))
	b.follow("open it", chromedp.CSS(fmt.Sprintf(`.row-link[href=%q]`, row)))
	b.do("go back", chromedp.NavigateBack())
	b.do("wait for the row to have the focus", waitFor(fmt.Sprintf(`document.activeElement?.getAttribute("href") === %q`, row)))

	// The list is two stops from the start of the page.
	b.open("/notifications")
	b.do("skip to the list", chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter), chromedp.KeyEvent(kb.Tab))
	if where := get(b, "see where that leads", chromedp.Evaluate[string](`document.activeElement.className`)); !strings.Contains(where, "row-link") {
		t.Errorf("the skip link leads to %q", where)
	}
}

func TestSeriesAreToldApartWithoutColours(t *testing.T) {
	t.Parallel()
	p := startProgram(t)
	b := newBrowser(t, p.Console)
	b.signIn()
	b.createSubscription("Token events")
	b.waitWord("subscription-status", "active")
	b.sendEvent("tms.networktoken.updated", "")
	b.sendEvent("tms.networktoken.updated", "bad-signature")
	b.openUntil("/rejected", "rejected-row")
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "forced-colors", Value: "active"}}}); err != nil {
		t.Fatal(err)
	}
	b.open("/")
	fills := get(b, "read the bars", chromedp.Evaluate[[]string](`[".bar.tone-good", ".bar.tone-bad"].map(s => getComputedStyle(document.querySelector(s)).fill)`))
	if len(fills) != 2 || fills[0] == fills[1] {
		t.Errorf("the bars are filled with %q", fills)
	}
}
