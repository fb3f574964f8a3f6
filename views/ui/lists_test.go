package ui_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/views/ui"
)

func TestAPagerWithoutMoreIsNoLink(t *testing.T) {
	t.Parallel()
	doc := parse(t, ui.Pager(ui.PageLinks{Older: "/notifications?cursor=x", Target: "#list"}))
	older := one(t, doc, "a")
	if attr(older, "rel") != "next" || attr(older, "href") != "/notifications?cursor=x" || attr(older, "hx-target") != "#list" {
		t.Errorf("got %v", older.Attr)
	}
	for _, end := range all(parse(t, ui.Pager(ui.PageLinks{})), "span") {
		if attr(end, "role") == "link" && (attr(end, "aria-disabled") != "true" || attr(end, "tabindex") != "0" || attr(end, "title") == "") {
			t.Errorf("want an end that can be reached and says why, got %v", end.Attr)
		}
	}
	if !strings.Contains(text(t, ui.Pager(ui.PageLinks{})), "aria-disabled") {
		t.Error("what is not possible is not marked")
	}
}

func TestTheWayToANeighbourEndsWithAReason(t *testing.T) {
	t.Parallel()
	link := one(t, parse(t, ui.Neighbour("Older", "next", "/notifications/7", "This is the oldest notification.")), "a")
	if attr(link, "rel") != "next" || attr(link, "href") != "/notifications/7" || content(link) != "Older" {
		t.Errorf("got %v", link.Attr)
	}
	end := parse(t, ui.Neighbour("Older", "next", "", "This is the oldest notification."))
	if len(all(end, "a")) != 0 || !strings.Contains(content(end), "This is the oldest notification.") {
		t.Errorf("got %q", content(end))
	}
}

func TestAChartOfNothingSaysSo(t *testing.T) {
	t.Parallel()
	for name, points := range map[string][]ui.ChartPoint{"no point": nil, "zeros": {{Label: "12:00", Values: []float64{0, 0}}}} {
		doc := parse(t, ui.BarChart(ui.ChartData{Title: "Deliveries", Series: []ui.ChartSeries{{Name: "verified"}, {Name: "rejected"}}, Points: points}))
		if !strings.Contains(content(doc), "Nothing in this range") || len(all(doc, "table")) != 0 {
			t.Errorf("%s: got %q", name, content(doc))
		}
	}
}

func TestAScheduleKeepsEarlyAttemptsApart(t *testing.T) {
	t.Parallel()
	schedule := func(offsets ...time.Duration) ui.RetrySchedule {
		s := ui.RetrySchedule{Attempts: []ui.RetryAttempt{{}}}
		for _, o := range offsets {
			s.Attempts = append(s.Attempts, ui.RetryAttempt{Offset: o})
		}
		return s
	}
	even := parse(t, ui.RetryTimes(ui.Clock{}, schedule(time.Minute, 2*time.Minute)))
	if got := attr(all(even, "circle")[1], "cx"); got != "50%" || strings.Contains(content(even), "drawn wider") {
		t.Errorf("even waits: got the second attempt at %s in %q", got, content(even))
	}
	crowded := parse(t, ui.RetryTimes(ui.Clock{}, schedule(time.Minute, 100*time.Minute)))
	if got := attr(all(crowded, "circle")[1], "cx"); got != "10.8%" || !strings.Contains(content(crowded), "drawn wider") {
		t.Errorf("crowded waits: got the second attempt at %s in %q", got, content(crowded))
	}
}

func TestTabsAreLinksAndOneIsCurrent(t *testing.T) {
	t.Parallel()
	links := all(parse(t, ui.Tabs("Views", []ui.Tab{{Label: "A", Href: "?v=a"}, {Label: "B", Href: "?v=b", Current: true, Count: "3"}})), "a")
	if has(links[0], "aria-current") || attr(links[1], "aria-current") != "page" || content(links[1]) != "B 3" {
		t.Errorf("got %v and %v", links[0].Attr, links[1].Attr)
	}
}

func TestTheLifeLineShowsGapsAndUnfoldsFailures(t *testing.T) {
	t.Parallel()
	doc := parse(t, ui.LifeLine(ui.Clock{Now: noon}, []ui.LifeStep{
		{Title: "Sent", At: noon.Add(-2 * time.Minute)},
		{Title: "Refused", At: noon.Add(-2*time.Minute + 9*time.Millisecond), Tone: ui.Bad, More: ui.Tag("why")},
		{Title: "Retry", Planned: true, More: ui.Tag("later")},
	}))
	steps := all(doc, "li")
	if got := content(steps[1]); got != "Refused Details why 11:58:00.009 UTC +9 ms" {
		t.Errorf("got %q", got)
	}
	if !has(all(steps[1], "details")[0], "open") || has(all(steps[2], "details")[0], "open") {
		t.Error("want the failure unfolded and nothing else")
	}
	if len(all(steps[2], "time")) != 0 {
		t.Error("what has not happened has a time")
	}
}

func TestTheLifeLineNamesTheDayWhereItChanges(t *testing.T) {
	t.Parallel()
	steps := all(parse(t, ui.LifeLine(ui.Clock{Now: noon}, []ui.LifeStep{
		{Title: "Sent", At: noon.Add(-13 * time.Hour)},
		{Title: "Verified"},
		{Title: "Retry", At: noon.Add(-11 * time.Hour)},
		{Title: "Answered", At: noon.Add(-10 * time.Hour)},
	})), "li")
	date := noon.Format("2 Jan 2006")
	for i, want := range []bool{false, false, true, false} {
		if got := strings.Contains(content(steps[i]), date); got != want {
			t.Errorf("step %d says %q; want the date in it: %t", i, content(steps[i]), want)
		}
	}
}

func TestAStripSpeaks(t *testing.T) {
	t.Parallel()
	steps := []ui.LifeStep{{Title: "Sent", Tone: ui.Good}, {Title: "Retry", Planned: true}}
	if got := text(t, ui.LifeStrip(steps)); !strings.Contains(got, `aria-label="Sent, then Retry (expected)"`) {
		t.Errorf("got %s", got)
	}
	probes := []ui.Probe{{Tone: ui.Good}, {Tone: ui.Bad}, {Tone: ui.Bad}}
	if got := text(t, ui.ProbeStrip("Last hour", probes)); !strings.Contains(got, `aria-label="Last hour: 3 checks, 2 failed"`) {
		t.Errorf("got %s", got)
	}
}

func TestAChartHasItsNumbersAsATable(t *testing.T) {
	t.Parallel()
	data := ui.ChartData{Title: "Deliveries", Unit: "per hour", Series: []ui.ChartSeries{{Name: "verified", Tone: ui.Good}, {Name: "rejected", Tone: ui.Bad}}}
	for i := range 400 {
		data.Points = append(data.Points, ui.ChartPoint{Label: fmt.Sprint(i), Values: []float64{float64(i), 1.5}})
	}
	doc := parse(t, ui.BarChart(data))
	rows := all(one(t, doc, "tbody"), "tr")
	if len(rows) != 300 {
		t.Fatalf("got %d rows, want the newest 300", len(rows))
	}
	if got := content(rows[299]); got != "399 399 1.5" {
		t.Errorf("got last row %q", got)
	}
	if got := len(all(doc, "rect")); got != 600 {
		t.Errorf("got %d bars, want 600", got)
	}
	if got := content(one(t, doc, "figcaption")); got != "Deliveries per hour verified rejected" {
		t.Errorf("got legend %q", got)
	}
}

func TestAChartOfOddNumbersIsDrawn(t *testing.T) {
	t.Parallel()
	for name, points := range map[string][]ui.ChartPoint{
		"none": nil, "zero": {{Values: []float64{0}}}, "negative": {{Values: []float64{-4}}}, "too many values": {{Values: []float64{1, 2, 3}}},
		"too few": {{}}, "huge": {{Values: []float64{1e18}}},
	} {
		got := text(t, ui.BarChart(ui.ChartData{Series: []ui.ChartSeries{{Name: "a"}}, Points: points}))
		if strings.Contains(got, "NaN") || strings.Contains(got, "Inf") || strings.Contains(got, `height="-`) {
			t.Errorf("%s: got %s", name, got)
		}
	}
	if got := text(t, ui.Sparkline([]float64{0, 0})); strings.Contains(got, "NaN") {
		t.Errorf("a flat line: got %s", got)
	}
	if got := text(t, ui.Sparkline([]float64{1})); got != "" {
		t.Errorf("one value: got %s", got)
	}
}

func TestTheScheduleListsEveryAttemptWithItsTime(t *testing.T) {
	t.Parallel()
	doc := parse(t, ui.RetryTimes(ui.Clock{Now: noon}, ui.RetrySchedule{Start: noon, Attempts: []ui.RetryAttempt{{}, {Offset: 10 * time.Minute, Planned: true}, {Offset: time.Hour, Planned: true}}}))
	var got []string
	for _, li := range all(doc, "li") {
		got = append(got, content(li))
	}
	want := "First attempt at once 22 Nov, 12:00:00 UTC; Retry 1 +10 min 22 Nov, 12:10:00 UTC; Retry 2 +1 h 22 Nov, 13:00:00 UTC"
	if strings.Join(got, "; ") != want {
		t.Errorf("got %q", got)
	}
	if got := attr(one(t, doc, "svg"), "aria-label"); got != "3 attempts within 1 h" {
		t.Errorf("got %q", got)
	}
}

func TestTheFiveEmptyPlacesDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]ui.EmptyKind{}
	for _, kind := range []ui.EmptyKind{ui.NeverHad, ui.NothingMatches, ui.NotAllowed, ui.CouldNotLoad, ui.Purged} {
		var picture strings.Builder
		for _, part := range all(parse(t, ui.Empty(ui.EmptyPlace{Kind: kind})), "use") {
			picture.WriteString(attr(part, "href"))
		}
		if other, same := seen[picture.String()]; same {
			t.Errorf("%s has the picture of %s", kind, other)
		}
		seen[picture.String()] = kind
	}
}

func TestStepsShowOneAction(t *testing.T) {
	t.Parallel()
	doc := parse(t, ui.Steps([]ui.SetupStep{
		{Title: "One", Done: true, Action: ui.Action{Label: "Again", Href: "/a"}},
		{Title: "Two", Current: true, Action: ui.Action{Label: "Go", Href: "/b"}},
		{Title: "Three", Action: ui.Action{Label: "Later", Href: "/c"}},
	}))
	if got := attr(one(t, doc, "a"), "href"); got != "/b" {
		t.Errorf("got %q", got)
	}
	if got := attr(all(doc, "li")[1], "aria-current"); got != "step" {
		t.Errorf("got aria-current %q", got)
	}
}
