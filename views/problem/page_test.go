package problem_test

import (
	"strings"
	"testing"

	"github.com/a-h/templ"

	"github.com/switchboardhq/switchboard/views/layout"
	"github.com/switchboardhq/switchboard/views/problem"
	"github.com/switchboardhq/switchboard/views/ui"
)

func text(t *testing.T, c templ.Component) string {
	t.Helper()
	var b strings.Builder
	if err := c.Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAProblemSaysWhatHappenedAndWhatToDo(t *testing.T) {
	t.Parallel()
	p := problem.Problem{
		Title: "Something went wrong", Text: "It was not your doing.", RequestID: "req-1",
		Actions: []ui.Action{{Label: "Try again", Href: "/notifications"}},
	}
	for name, c := range map[string]templ.Component{
		"framed": problem.Page(layout.Page{Title: "Problem"}, p), "bare": problem.BarePage(layout.Page{Title: "Problem"}, p), "part": problem.Body(p),
	} {
		got := text(t, c)
		for _, want := range []string{`data-testid="problem"`, `data-testid="empty-failed"`, "Something went wrong", "It was not your doing.", "req-1", `href="/notifications"`} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q", name, want)
			}
		}
	}
}

func TestAProblemWithoutRequestShowsNone(t *testing.T) {
	t.Parallel()
	got := text(t, problem.Body(problem.Problem{Kind: ui.NotAllowed, Title: "Not for you"}))
	if strings.Contains(got, "Request") || !strings.Contains(got, "empty-not-allowed") {
		t.Errorf("got %s", got)
	}
}

func TestAProblemEscapes(t *testing.T) {
	t.Parallel()
	const evil = "<script>alert(1)</script>"
	got := text(t, problem.Body(problem.Problem{Title: evil, Text: evil, RequestID: evil, Actions: []ui.Action{{Label: evil, Href: evil}}}))
	if strings.Contains(got, "<script") {
		t.Errorf("got %s", got)
	}
}
