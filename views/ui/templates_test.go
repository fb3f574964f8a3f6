package ui_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// refused is what no template may hold, and why.
var refused = []struct {
	pattern *regexp.Regexp
	why     string
}{
	{regexp.MustCompile(`\sstyle\s*=`), "the policy of the pages refuses style attributes"},
	{regexp.MustCompile(`(?i)<style[\s>]`), "the policy of the pages refuses inline styles"},
	{regexp.MustCompile(`<script(?:\s+[^>]*)?>[^<\s]`), "the policy of the pages refuses inline scripts"},
	{regexp.MustCompile(`\son[a-z]+\s*=`), "the policy of the pages refuses inline handlers"},
	{regexp.MustCompile(`hx-on`), "hx-on needs eval"},
	{regexp.MustCompile(`hx-vals\s*=\s*["'{]+\s*js:`), "js: needs eval"},
	{regexp.MustCompile(`hx-trigger\s*=\s*"[^"]*\[`), "a trigger's filter needs eval"},
	{regexp.MustCompile(`hx-boost`), "the house does not use hx-boost"},
	{regexp.MustCompile(`(?m)^(script|css)\s+\w+\(`), "templ's script and css blocks are inline"},
	{regexp.MustCompile(`templ\.(Raw|JSFuncCall|JSUnsafeFuncCall|ComponentScript)`), "markup goes through templ"},
	{regexp.MustCompile(`hx-(vars|params|prompt|ext|disinherit|inherit|request|history|disabled-elt)\b`), "gone since htmx 4"},
	{regexp.MustCompile(`\s(sse|ws)-(connect|swap|close|send)\b`), "gone since htmx 4: hx-sse:connect"},
	{regexp.MustCompile(`htmx:[a-z]+[A-Z]`), "events have been htmx:after:swap since htmx 4"},
	{regexp.MustCompile(`hx-(get|post|put|patch|delete)\s*=\s*"/`), "addresses come from views/paths"},
}

func TestTemplatesHoldNothingThatThePolicyOrHtmx4Refuses(t *testing.T) {
	t.Parallel()
	seen := 0
	views := os.DirFS("..")
	err := fs.WalkDir(views, ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".templ" {
			return err
		}
		seen++
		text, err := fs.ReadFile(views, path)
		if err != nil {
			return err
		}
		code := withoutComments(string(text))
		for _, r := range refused {
			if found := r.pattern.FindString(code); found != "" {
				t.Errorf("%s holds %q: %s", path, found, r.why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 20 {
		t.Errorf("looked at %d templates only", seen)
	}
}

func withoutComments(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "//") {
			lines[i] = ""
		}
	}
	return strings.Join(lines, "\n")
}

func TestRefusedPatternsFindWhatTheyLookFor(t *testing.T) {
	t.Parallel()
	planted := []string{
		`<p style="color:red">`, `<style>p{}</style>`, `<script>alert(1)</script>`, `<a onclick="x()">`, `<a hx-on:click="x">`,
		`hx-vals='js:{a:1}'`, `hx-trigger="click[ctrlKey]"`, `hx-boost="true"`, "script hello() {", `templ.Raw(x)`,
		`hx-disabled-elt="this"`, `<div sse-connect="/x">`, `htmx:afterSwap`, `hx-get="/notifications"`,
	}
	for i, text := range planted {
		if !refused[i].pattern.MatchString(text) {
			t.Errorf("pattern %d does not find %q", i, text)
		}
	}
	if len(planted) != len(refused) {
		t.Errorf("%d patterns, %d samples", len(refused), len(planted))
	}
	if refused[2].pattern.MatchString(`<script src={ static.URL("app.js") } defer></script>`) {
		t.Error("a script of ours counts as inline")
	}
}

// The script listens to htmx by name; these are the names of htmx 4.
func TestTheScriptUsesHtmx4Events(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("../../static/app.js")
	if err != nil {
		t.Fatal(err)
	}
	library := ""
	for _, name := range []string{"htmx.min.js", "hx-sse.min.js"} {
		text, err := os.ReadFile("../../static/third_party/" + name)
		if err != nil {
			t.Fatal(err)
		}
		library += string(text)
	}
	names := regexp.MustCompile(`"(htmx:[a-z:]+)"`).FindAllStringSubmatch(string(script), -1)
	if len(names) < 5 {
		t.Fatalf("found %d events only", len(names))
	}
	for _, m := range names {
		if !strings.Contains(library, m[1]) {
			t.Errorf("%s is no event of the pinned htmx", m[1])
		}
	}
}
