package ui_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/switchboardhq/switchboard/views/ui"
)

func TestJSONKeepsTheTextOfTheBytes(t *testing.T) {
	t.Parallel()
	tree := ui.ParseJSON([]byte(`{"n": 12345678901234567890.10, "e": 1E400, "s": "\u0000\t<é", "n": "again", "": null}`), ui.JSONOptions{})
	if tree.Problem != "" {
		t.Fatalf("got problem %q", tree.Problem)
	}
	want := []struct{ key, text, path string }{
		{`"n"`, "12345678901234567890.10", "$.n"},
		{`"e"`, "1E400", "$.e"},
		{`"s"`, `"\u0000\t<é"`, "$.s"},
		{`"n"`, `"again"`, "$.n"},
		{`""`, "null", "$['']"},
	}
	if len(tree.Root.Children) != len(want) {
		t.Fatalf("got %d members, want %d", len(tree.Root.Children), len(want))
	}
	for i, w := range want {
		got := tree.Root.Children[i]
		if got.Key != w.key || got.Text != w.text || got.Path != w.path {
			t.Errorf("member %d: got %q %q %q, want %q", i, got.Key, got.Text, got.Path, w)
		}
	}
}

func TestJSONLinesCountLikeTheViewerDraws(t *testing.T) {
	t.Parallel()
	tree := ui.ParseJSON([]byte(`{"a":[1,{"b":2}],"c":{},"d":[]}`), ui.JSONOptions{})
	// 1 {  2 a:[  3 1  4 {  5 b  6 }  7 ]  8 c  9 d  10 }
	if tree.Lines != 10 || tree.Root.EndLine != 10 || tree.Root.Children[0].EndLine != 7 || tree.Root.Children[1].Line != 8 {
		t.Errorf("got %d lines: %+v", tree.Lines, tree.Root)
	}
	ids := map[string]bool{}
	for d := range parse(t, ui.JSONViewer(tree)).Descendants() {
		if id := attr(d, "id"); id != "" {
			if ids[id] {
				t.Errorf("id %s comes twice", id)
			}
			ids[id] = true
		}
	}
	for n := 1; n <= 10; n++ {
		if !ids[fmt.Sprintf("L%d", n)] {
			t.Errorf("line %d has no address", n)
		}
	}
}

func TestJSONNeverFails(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 20000) + strings.Repeat("]", 20000)
	for name, c := range map[string]struct{ raw, problem string }{
		"empty":           {" \n", "The body is empty."},
		"not JSON":        {"hello", "This is not JSON from byte"},
		"cut":             {`{"a": [1, 2`, "The JSON ends too early, at byte 11."},
		"cut key":         {`{"a`, "The JSON ends too early"},
		"trailing":        {`{"a":1} {"b":2}`, "More text follows the JSON value, from byte 7."},
		"byte order mark": {"\xef\xbb\xbf{}", "A byte order mark stands before the JSON value."},
		"invalid UTF-8":   {"{\"a\": \"\xff\"}", "Some bytes are not valid UTF-8"},
		"NUL":             {"\x00", "This is not JSON from byte"},
		"very deep":       {deep, ""},
		"unmatched":       {`[1}`, "This is not JSON"},
		"raw newline":     {"{\"a\": \"x\ny\"}", "This is not JSON"},
		"fine":            {`[0]`, ""},
	} {
		tree := ui.ParseJSON([]byte(c.raw), ui.JSONOptions{})
		if (c.problem == "") != (tree.Problem == "") || !strings.HasPrefix(tree.Problem, c.problem) {
			t.Errorf("%s: got problem %q, want %q", name, tree.Problem, c.problem)
		}
		if got := text(t, ui.JSONViewer(tree)); got == "" {
			t.Errorf("%s: nothing is shown", name)
		}
	}
}

func TestJSONKeepsWhatCameBeforeTheFault(t *testing.T) {
	t.Parallel()
	got := content(parse(t, ui.JSONViewer(ui.ParseJSON([]byte(`{"a": 1, "b": [true, nope`), ui.JSONOptions{}))))
	for _, want := range []string{`"a"`, "1", `"b"`, "true", "unreadable from here on"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %q", want, got)
		}
	}
}

func TestJSONLimits(t *testing.T) {
	t.Parallel()
	wide := ui.ParseJSON([]byte("["+strings.Repeat("[1],", 50)+"0]"), ui.JSONOptions{MaxNodes: 11})
	last := wide.Root.Children[len(wide.Root.Children)-1]
	if last.Kind != ui.JSONMore || last.Text != "46 more, not shown here" || wide.Problem != "" {
		t.Errorf("got %q, problem %q", last.Text, wide.Problem)
	}
	deep := ui.ParseJSON([]byte(strings.Repeat(`{"a":`, 50)+"1"+strings.Repeat("}", 50)), ui.JSONOptions{MaxDepth: 3})
	inner := deep.Root.Children[0].Children[0].Children[0]
	if inner.Kind != ui.JSONMore || inner.Text != "1 more, not shown here" || deep.Problem != "" {
		t.Errorf("got %+v, problem %q", inner, deep.Problem)
	}
}

func TestMaskedValuesSaySo(t *testing.T) {
	t.Parallel()
	tree := ui.ParseJSON([]byte(`{"card": {"number": "411111xxxxxx1111"}}`), ui.JSONOptions{
		Masked: func(from, to int) bool { return from <= 21 && 21 < to },
	})
	if got := content(parse(t, ui.JSONViewer(tree))); !strings.Contains(got, `masked: "411111xxxxxx1111"`) {
		t.Errorf("got %q", got)
	}
}

func TestRawTextShowsWhatCannotBeSeen(t *testing.T) {
	t.Parallel()
	got := content(one(t, parse(t, ui.Payload(ui.PayloadView{Mode: "raw", Raw: []byte("a\x00b\x1b[31m\xff\u202e")})), "code"))
	if want := "a␀b␛[31m\uFFFD\uFFFD"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHexHasABound(t *testing.T) {
	t.Parallel()
	got := content(one(t, parse(t, ui.Payload(ui.PayloadView{Mode: "hex", Raw: make([]byte, 20<<10)})), "code"))
	if !strings.HasSuffix(got, "… 4096 more bytes, not shown here") {
		t.Errorf("ends with %q", got[len(got)-60:])
	}
}

func FuzzParseJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":null}]}`, `[`, "\xef\xbb\xbf{}", `{"a":1}x`, `"\u0000"`, "[1,,2]", "{]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		tree := ui.ParseJSON(raw, ui.JSONOptions{MaxNodes: 100, MaxDepth: 8})
		if tree.Lines == 0 && tree.Problem == "" {
			t.Error("nothing is shown and nothing said")
		}
		text(t, ui.JSONViewer(tree))
	})
}
