package web

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

func formOf(values url.Values) *form { return &form{values: values, errors: map[string]string{}} }

func TestFormValuesAreTrimmedAndBounded(t *testing.T) {
	t.Parallel()
	f := formOf(url.Values{
		"a": {"  x y  "}, "lines": {" one\r\ntwo\n"}, "n": {" 7 "}, "word": {"b"}, "box": {"1"}, "list": {"a", " b ", ""}, "secret": {" kept "},
	})
	if got := f.text("a", 10); got != "x y" {
		t.Errorf("text = %q", got)
	}
	if got := f.lines("lines", 10); got != "one\ntwo" {
		t.Errorf("lines = %q", got)
	}
	if got := f.number("n", 1, 9); got != 7 {
		t.Errorf("number = %d", got)
	}
	if got := f.choice("word", "a", "b"); got != "b" {
		t.Errorf("choice = %q", got)
	}
	if got := f.choice("missing", "a", "b"); got != "a" {
		t.Errorf("choice of nothing = %q, want the first", got)
	}
	if !f.checked("box") || f.checked("other") {
		t.Error("checked")
	}
	if got := f.list("list", 3, 10); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("list = %q", got)
	}
	if got := f.secret("secret", 20); got != " kept " {
		t.Errorf("secret = %q", got)
	}
	if !f.ok() || len(f.summary()) != 0 {
		t.Errorf("errors: %v", f.errors)
	}
}

func TestFormErrorsStandBesideTheirFields(t *testing.T) {
	t.Parallel()
	f := formOf(url.Values{
		"utf8": {"a\xff"}, "nul": {"a\x00"}, "bell": {"a\ab"}, "breaks": {"a\nb"}, "long": {strings.Repeat("ä", 11)}, "n": {"1.5"}, "big": {"10"},
		"word": {"c"}, "list": {"a", "b", "c"}, "item": {"x", "y\x00"}, "secret": {"s\x00"}, "fine": {"ok"},
	})
	f.text("utf8", 10)
	f.text("nul", 10)
	f.text("bell", 10)
	f.text("breaks", 10)
	f.text("long", 10)
	f.number("n", 1, 9)
	f.number("big", 1, 9)
	f.choice("word", "a", "b")
	f.list("list", 2, 10)
	f.list("item", 2, 10)
	f.secret("secret", 10)
	f.required("absent", 10, "Type it.")
	f.text("fine", 10)
	want := []string{"utf8", "nul", "bell", "breaks", "long", "n", "big", "word", "list", "item", "secret", "absent"}
	var got []string
	for _, e := range f.summary() {
		got = append(got, e.FieldID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("wrong fields = %q, want %q", got, want)
	}
	f.fail("nul", "another sentence")
	if f.problem("nul") == "another sentence" {
		t.Error("a later error replaced the first")
	}
	for _, name := range []string{"utf8", "nul"} {
		if typed := f.typed(name); !strings.HasPrefix(typed, "a\uFFFD") {
			t.Errorf("%s comes back as %q", name, typed)
		}
	}
}
