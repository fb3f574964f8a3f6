package ui_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/a-h/templ"

	"github.com/switchboardhq/switchboard/views/ui"
)

// endless writes until it is stopped.
var endless = templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
	for {
		if _, err := io.WriteString(w, strings.Repeat("x", 1000)); err != nil {
			return err
		}
	}
})

func TestWhatDoesNotFitIsSaidSoAndTheRestIsShown(t *testing.T) {
	t.Parallel()
	page := templ.Join(templ.Raw("<p>before</p>"), ui.Bounded(endless, "/file"), templ.Raw("<p>after</p>"))
	drawn, err := ui.Draw(t.Context(), page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<p>before</p>", "Too large to show", `href="/file"`, "<p>after</p>"} {
		if !strings.Contains(drawn.String(), want) {
			t.Errorf("%q is missing in %.200s", want, drawn)
		}
	}
	if strings.Contains(drawn.String(), "xxx") {
		t.Error("a piece of what does not fit is shown")
	}
	if _, err := ui.Draw(t.Context(), endless); !errors.Is(err, ui.ErrTooLarge) {
		t.Errorf("a page without end: %v, want ErrTooLarge", err)
	}
}

// A page is drawn no longer than somebody waits for it.
func TestDrawingStopsWithTheRequest(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	leave := templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		cancel()
		for {
			if _, err := w.Write(nil); err != nil {
				return err
			}
		}
	})
	for name, c := range map[string]templ.Component{"page": leave, "part": ui.Bounded(leave, "")} {
		if _, err := ui.Draw(ctx, c); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want the request's end", name, err)
		}
	}
}

// The tree of a document has no more text than it may, whatever its names and values are.
func TestATreeIsBoundedByItsText(t *testing.T) {
	t.Parallel()
	key := strings.Repeat("k", 300)
	for name, raw := range map[string]string{
		"long values":      `["` + strings.Repeat("v", 1<<20) + `"]`,
		"long names":       `{"` + strings.Repeat("n", 1<<20) + `":1}`,
		"long paths":       strings.Repeat(`{"`+key+`":`, 60) + "1" + strings.Repeat("}", 60),
		"many short paths": `{"` + key + `":[` + strings.Repeat(`{"`+key+`":1},`, 2000) + `1]}`,
	} {
		drawn, err := ui.Draw(t.Context(), ui.JSONViewer(ui.ParseJSON([]byte(raw), ui.JSONOptions{})))
		if err != nil || drawn.Len() > 3<<20 {
			t.Errorf("%s: %d bytes, %v", name, drawn.Len(), err)
		}
	}
}
