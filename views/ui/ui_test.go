package ui_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
	"golang.org/x/net/html"

	"github.com/switchboardhq/switchboard/static"
	"github.com/switchboardhq/switchboard/views/ui"
)

const evil = `<script>alert("x")</script>'"><img src=x>`

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func text(t *testing.T, c templ.Component) string {
	t.Helper()
	var b strings.Builder
	if err := c.Render(templ.WithChildren(t.Context(), templ.NopComponent), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func parse(t *testing.T, c templ.Component) *html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(text(t, c)))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// all are the elements of that tag, in the order of the page.
func all(n *html.Node, tag string) []*html.Node {
	var found []*html.Node
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && d.Data == tag {
			found = append(found, d)
		}
	}
	return found
}

// one is the only element of that tag.
func one(t *testing.T, n *html.Node, tag string) *html.Node {
	t.Helper()
	found := all(n, tag)
	if len(found) != 1 {
		t.Fatalf("got %d <%s>, want 1", len(found), tag)
	}
	return found[0]
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// content is the text below n, one space between its parts.
func content(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// everyPiece is each piece with what is given in every text it takes.
func everyPiece(s string) map[string]templ.Component {
	clock := ui.Clock{Now: noon}
	act := ui.Action{Label: s, Href: s, Name: s, Value: s, Icon: ui.IconPlus}
	off := ui.Action{Label: s, Reason: s}
	field := ui.Field{
		ID: s, Name: s, Label: s, Hint: s, Error: s, Value: s, Placeholder: s, Unit: s, Min: s, Max: s, Step: s, Autocomplete: s,
		Options: []ui.Option{{Value: s, Label: s, Hint: s, Tag: s, Reason: s}},
	}
	chips := []ui.Chip{{Label: s, Value: s, RemoveHref: s}}
	steps := []ui.LifeStep{{Title: s, Detail: s, At: noon, Tone: ui.Bad, More: ui.Tag(s)}, {Title: s, Planned: true}}
	tree := ui.ParseJSON([]byte(`{"<script>": "<script>", "a": [1, {"b": null}]}`), ui.JSONOptions{})
	return map[string]templ.Component{
		"Button": ui.Button(act), "LinkButton": ui.LinkButton(act), "PostButton": ui.PostButton(act, s), "refused": ui.Button(off),
		"TextField": ui.TextField(field), "NumberField": ui.NumberField(field), "SelectField": ui.SelectField(field), "TextAreaField": ui.TextAreaField(field),
		"Checkbox": ui.Checkbox(field), "RadioCards": ui.RadioCards(field), "CheckboxGroups": ui.CheckboxGroups(field, []ui.OptionGroup{{Label: s, Hint: s, Options: field.Options}}),
		"ErrorSummary": ui.ErrorSummary([]ui.FieldError{{FieldID: s, Text: s}, {Text: s}}), "CSRF": ui.CSRF(s),
		"StatusBadge": ui.StatusBadge(ui.Status(s)), "StatusDetail": ui.StatusDetail(ui.StatusRejected, s), "Badge": ui.Badge(ui.Good, s), "Tag": ui.Tag(s),
		"Time": ui.Time(clock, noon), "TimeFull": ui.TimeFull(clock, noon), "ID": ui.ID(s), "IDLink": ui.IDLink(s, s), "CopyField": ui.CopyField(s, s), "CodeBlock": ui.CodeBlock(s, s), "Kbd": ui.Kbd(s),
		"Table": ui.Table(ui.TableHead{Caption: s, TestID: s, Columns: []ui.Column{{Label: s}}}), "RowLink": ui.RowLink(s, s), "Cell": ui.Cell(s), "NewRows": ui.NewRows(s, s),
		"Pager":  ui.Pager(ui.PageLinks{Newer: s, Older: s, Summary: s, Target: s}),
		"Filter": ui.Filter(ui.FilterForm{Action: s, Search: field, Selects: []ui.Field{field}, Range: field, Chips: chips, ClearHref: s, Hidden: []ui.Pair{{Name: s, Value: s}}, Target: s}),
		"Card":   ui.Card(s, ui.Tag(s)), "CardFlush": ui.CardFlush(s, nil), "Section": ui.Section(s, s),
		"KeyValues": ui.KeyValues([]ui.Pair{{Name: s, Value: s, Hint: s, Copy: true, Href: s}, {Name: s, Value: s, Mono: true}}),
		"Alert":     ui.Alert(ui.Bad, s), "Toast": ui.Toast(ui.Flash{Text: s, Href: s, LinkLabel: s}), "Tip": ui.Tip(s),
		"Empty": ui.Empty(ui.EmptyPlace{Kind: ui.NothingMatches, Title: s, Text: s, Actions: []ui.Action{act}, Chips: chips}),
		"Steps": ui.Steps([]ui.SetupStep{{Title: s, Text: s, Current: true, Action: act}, {Title: s, Done: true}}),
		"Tabs":  ui.Tabs(s, []ui.Tab{{Label: s, Href: s, Count: s, Target: s}}), "Menu": ui.Menu(act), "MenuLink": ui.MenuLink(act), "MenuPost": ui.MenuPost(act, s), "MenuPost refused": ui.MenuPost(off, s),
		"Dialog": ui.Dialog(s, s), "DialogLink": ui.DialogLink(act, s),
		"LifeLine": ui.LifeLine(clock, steps), "LifeStrip": ui.LifeStrip(steps), "ProbeStrip": ui.ProbeStrip(s, []ui.Probe{{Text: s}}),
		"Stat":        ui.Stat(ui.StatTile{Label: s, Value: s, Unit: s, Note: s, Href: s, Spark: []float64{1, 2}}),
		"BarChart":    ui.BarChart(ui.ChartData{Title: s, Unit: s, Series: []ui.ChartSeries{{Name: s}}, Points: []ui.ChartPoint{{Label: s, Values: []float64{1}, Href: s}}}),
		"RetryTimes":  ui.RetryTimes(clock, ui.RetrySchedule{Warning: s, Attempts: []ui.RetryAttempt{{}, {Offset: time.Hour}}}),
		"Payload":     ui.Payload(ui.PayloadView{Label: s, Tree: tree, TreeHref: s, RawHref: s, DownloadHref: s, Note: s, Target: s}),
		"Payload raw": ui.Payload(ui.PayloadView{Mode: "raw", Raw: []byte(s)}), "Payload hex": ui.Payload(ui.PayloadView{Mode: "hex", Raw: []byte(s)}),
		"Live": ui.Live(ui.LiveTail{Stream: s, Event: s, Refresh: s, Target: s}), "LiveNew": ui.LiveNew(ui.LiveTail{Refresh: s, Count: s}, ui.NewRowsCount{Count: 2, One: s, Many: s}),
	}
}

func TestEveryPieceEscapesWhatItIsGiven(t *testing.T) {
	t.Parallel()
	for name, piece := range everyPiece(evil) {
		doc := parse(t, piece)
		for _, tag := range []string{"script", "img"} {
			if len(all(doc, tag)) > 0 {
				t.Errorf("%s lets a <%s> through", name, tag)
			}
		}
	}
}

func TestNoPieceLinksToAScript(t *testing.T) {
	t.Parallel()
	for name, piece := range everyPiece("javascript:alert(1)") {
		for d := range parse(t, piece).Descendants() {
			for _, key := range []string{"href", "action", "formaction"} {
				if v := attr(d, key); strings.HasPrefix(v, "javascript:") {
					t.Errorf("%s: <%s> has %s=%q", name, d.Data, key, v)
				}
			}
		}
	}
}

func TestNoPieceNeedsWhatThePolicyRefuses(t *testing.T) {
	t.Parallel()
	for name, piece := range everyPiece("plain") {
		for d := range parse(t, piece).Descendants() {
			for _, a := range d.Attr {
				if a.Key == "style" || strings.HasPrefix(a.Key, "on") || strings.HasPrefix(a.Key, "hx-on") {
					t.Errorf("%s: <%s> has %s", name, d.Data, a.Key)
				}
			}
		}
	}
}

func TestEveryIconIsDrawn(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("icon.go")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`Icon = "([^"]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(names) < 50 {
		t.Fatalf("%d icons were found in icon.go", len(names))
	}
	answer := httptest.NewRecorder()
	static.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, static.URL("icons.svg"), http.NoBody))
	sprite := answer.Body.String()
	for _, name := range names {
		icon := ui.Icon(name[1])
		drawing := one(t, parse(t, ui.IconOf(icon)), "svg")
		if use := one(t, drawing, "use"); attr(use, "href") != static.URL("icons.svg")+"#"+name[1] {
			t.Errorf("%s uses %q", icon, attr(use, "href"))
		}
		if !regexp.MustCompile(`<symbol id="` + name[1] + `" viewBox="0 0 24 24"><(path|rect|circle|polyline|ellipse|line)`).MatchString(sprite) {
			t.Errorf("%s is not drawn in icons.svg", icon)
		}
		if attr(drawing, "aria-hidden") != "true" {
			t.Errorf("%s speaks", icon)
		}
	}
}
