package styleguide_test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/switchboardhq/switchboard/views/layout"
	"github.com/switchboardhq/switchboard/views/styleguide"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func page(t *testing.T) *html.Node {
	t.Helper()
	var b strings.Builder
	if err := styleguide.Page(styleguide.SampleFrame(noon)).Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func classes(doc *html.Node) map[string]int {
	seen := map[string]int{}
	for d := range doc.Descendants() {
		for _, class := range strings.Fields(attr(d, "class")) {
			seen[class]++
		}
	}
	return seen
}

func TestEveryPieceIsShown(t *testing.T) {
	t.Parallel()
	seen := classes(page(t))
	for _, class := range []string{
		"btn-primary", "btn-danger", "btn-quiet", "refused", "menu", "tabs", "dialog", "input", "select", "choice", "group", "error-summary",
		"badge", "time", "time-full", "id", "table", "filter", "chip", "pager", "new-rows", "skeleton", "stat", "spark", "chart", "card", "life",
		"strip", "probes", "schedule", "steps", "payload", "json", "raw", "raw-hex", "pairs", "code", "copy-field", "alert-bad", "toast", "tip",
		"empty-never", "empty-no-match", "empty-not-allowed", "empty-failed", "empty-purged", "live",
		"tone-good", "tone-wait", "tone-bad", "tone-progress", "tone-replay", "tone-neutral",
	} {
		if seen[class] == 0 {
			t.Errorf("nothing has the class %q", class)
		}
	}
}

// Lines of the three payloads share their addresses here; a real page shows one.
func TestIDsAreUnique(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for d := range page(t).Descendants() {
		id := attr(d, "id")
		if id == "" || strings.HasPrefix(id, "L") {
			continue
		}
		if seen[id] {
			t.Errorf("id %q comes twice", id)
		}
		seen[id] = true
	}
}

func TestBothThemesStandSideBySide(t *testing.T) {
	t.Parallel()
	themes := map[string]int{}
	for d := range page(t).Descendants() {
		if theme := attr(d, "data-theme"); theme != "" {
			themes[theme]++
		}
	}
	if themes["light"] == 0 || themes["light"] != themes["dark"] {
		t.Errorf("got %v", themes)
	}
}

func TestTheBareSampleIsASignIn(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := styleguide.BareSample(layout.Page{CSRFToken: "token-1"}).Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<h1>Sign in</h1>", `value="token-1"`, `type="password"`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s", want)
		}
	}
}
