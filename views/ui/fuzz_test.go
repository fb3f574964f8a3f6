package ui_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/a-h/templ"
	"golang.org/x/net/html"

	"github.com/switchboardhq/switchboard/views/ui"
)

// years at which dates of senders and of mistakes lie: in a form that can be written, and in none.
var oddSeconds = []int64{math.MinInt64, -62167219200, -62135596801, -1, 0, 1795262400, 253402300799, 253402300800, 1 << 55, math.MaxInt64}

// Whatever two times and a duration are, every helper has words for them, and ends.
func FuzzTimes(f *testing.F) {
	for i, s := range oddSeconds {
		for _, d := range []int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, math.MaxInt64} {
			f.Add(s, oddSeconds[(i+3)%len(oddSeconds)], d)
		}
	}
	f.Fuzz(func(t *testing.T, now, then, d int64) {
		clock := ui.Clock{Now: time.Unix(now, then), Zone: time.FixedZone("ODD", int(now%(14*3600)))}
		at, length := time.Unix(then, now), time.Duration(d)
		words := []string{clock.Absolute(at), clock.Relative(at), clock.Relative(clock.Now.Add(length)), ui.DurationText(length)}
		if i := slices.Index(words, ""); i >= 0 {
			t.Errorf("now %d, then %d, length %d: word %d is empty", now, then, d, i)
		}
		steps := []ui.LifeStep{{Title: "a", At: at}, {Title: "b"}, {Title: "c", At: clock.Now}, {Title: "d", At: at.Add(length)}}
		schedule := ui.RetrySchedule{Start: at, Elapsed: length, Attempts: []ui.RetryAttempt{{Offset: -length}, {Offset: length}, {Offset: length / 2}}}
		for _, part := range []templ.Component{
			ui.Time(clock, at), ui.TimeFull(clock, at), ui.Duration(length), ui.LifeLine(clock, steps), ui.LifeStrip(steps), ui.RetryTimes(clock, schedule),
		} {
			drawn(t, part)
		}
	})
}

// Whatever numbers are drawn, no coordinate is none.
func FuzzNumbers(f *testing.F) {
	for _, v := range []float64{0, -1, 1, 3.5, 1e300, math.MaxFloat64, math.Inf(1), math.Inf(-1), math.NaN()} {
		f.Add(v, int64(v))
	}
	f.Add(0.1, int64(math.MinInt64))
	f.Fuzz(func(t *testing.T, v float64, n int64) {
		series := []ui.ChartSeries{{Name: "a", Tone: ui.Good}, {Name: "b", Tone: ui.Bad}}
		for _, part := range []templ.Component{
			ui.BarChart(ui.ChartData{Title: "t", Series: series, Points: []ui.ChartPoint{{Label: "x", Values: []float64{v, v}}, {Label: "y", Values: []float64{1, v, v}}}}),
			ui.Sparkline([]float64{v, 1}), ui.Sparkline([]float64{v}), ui.Count(n, 10), ui.Count(n, 0), ui.Bytes(n),
		} {
			for d := range drawn(t, part).Descendants() {
				for _, a := range d.Attr {
					if slices.Contains([]string{"x", "y", "width", "height", "d"}, a.Key) && (strings.Contains(a.Val, "NaN") || strings.Contains(a.Val, "Inf")) {
						t.Errorf("%v is drawn with %s=%q", v, a.Key, a.Val)
					}
				}
			}
		}
	})
}

// Whatever the bytes are, they become text that can be shown.
func FuzzTexts(f *testing.F) {
	for _, s := range []string{"", "a", evil, "\x00\xff\u202e", strings.Repeat("é", 30), `{"a":[1,2,{"b":null}]}`, strings.Repeat("[", 200), `{"` + strings.Repeat("k", 600) + `":{"` + strings.Repeat("l", 600) + `":1}}`} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, raw []byte, bound uint8) {
		tree := ui.ParseJSON(raw, ui.JSONOptions{MaxNodes: int(bound), MaxDepth: int(bound)})
		id := strings.ToValidUTF8(string(raw), "?") // ids come from the database, which keeps UTF-8
		for _, part := range []templ.Component{
			ui.ID(id), ui.Payload(ui.PayloadView{Tree: tree}), ui.Payload(ui.PayloadView{Mode: "raw", Raw: raw}), ui.Payload(ui.PayloadView{Mode: "hex", Raw: raw}),
		} {
			drawn(t, part)
		}
	})
}

// drawn renders a part and reads it again: it is UTF-8, whatever it was made of.
func drawn(t *testing.T, part templ.Component) *html.Node {
	t.Helper()
	drawn := text(t, part)
	if !utf8.ValidString(drawn) {
		t.Errorf("%q is no UTF-8", drawn)
	}
	doc, err := html.Parse(strings.NewReader(drawn))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}
