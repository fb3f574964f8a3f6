package ui_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/views/ui"
)

func TestRelativeTimes(t *testing.T) {
	t.Parallel()
	clock := ui.Clock{Now: noon}
	for _, c := range []struct {
		ago  time.Duration
		want string
	}{
		{0, "just now"},
		{4999 * time.Millisecond, "just now"},
		{42 * time.Second, "42 s ago"},
		{time.Minute, "1 min ago"},
		{59*time.Minute + 59*time.Second, "59 min ago"},
		{47 * time.Hour, "47 h ago"},
		{48 * time.Hour, "2 days ago"},
		{32 * 24 * time.Hour, "21 Oct 2026"},
		{-3 * time.Hour, "in 3 h"},
	} {
		if got := clock.Relative(noon.Add(-c.ago)); got != c.want {
			t.Errorf("%v ago: got %q, want %q", c.ago, got, c.want)
		}
	}
}

func TestATimeSaysItsZone(t *testing.T) {
	t.Parallel()
	clock := ui.Clock{Now: noon, Zone: time.FixedZone("CET", 3600)}
	el := one(t, parse(t, ui.Time(clock, noon.Add(-4*time.Minute))), "time")
	if got := attr(el, "datetime"); got != "2026-11-22T11:56:00Z" {
		t.Errorf("got datetime %q", got)
	}
	if got := attr(el, "title"); got != "22 Nov 2026, 12:56:00.000 CET" {
		t.Errorf("got title %q", got)
	}
	if got := content(el); got != "4 min ago" {
		t.Errorf("got %q", got)
	}
	if got := text(t, ui.Time(clock, time.Time{})); strings.Contains(got, "<time") {
		t.Errorf("no time is shown as %q", got)
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0 µs", 800 * time.Microsecond: "800 µs", 42 * time.Millisecond: "42 ms", 3250 * time.Millisecond: "3.2 s", 3 * time.Second: "3 s",
		math.MinInt64: "−more than 292 years", math.MaxInt64 - 1: "106751 d 23 h", math.MaxInt64: "more than 292 years",
		42 * time.Second: "42 s", 250 * time.Second: "4 min 10 s", time.Hour: "1 h", 29 * time.Hour: "1 d 5 h", -6 * time.Millisecond: "−6 ms",
	} {
		if got := ui.DurationText(d); got != want {
			t.Errorf("%d: got %q, want %q", d, got, want)
		}
	}
}

func TestCountsAndSizes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{ui.CountText(0, 0), "0"},
		{ui.CountText(999, 0), "999"},
		{ui.CountText(1234567, 0), "1,234,567"},
		{ui.CountText(-1234, 0), "-1,234"},
		{ui.CountText(9999, 10000), "9,999"},
		{ui.CountText(10000, 10000), "10,000+"},
		{ui.BytesText(1023), "1023 B"},
		{ui.BytesText(1024), "1 KiB"},
		{ui.BytesText(2418), "2.4 KiB"},
		{ui.BytesText(1 << 20), "1 MiB"},
		{ui.BytesText(1 << 50), "1024 TiB"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestAStatusIsAWordAShapeAndAMeaning(t *testing.T) {
	t.Parallel()
	badge := one(t, parse(t, ui.StatusDetail(ui.StatusRejected, "unknown key")), "svg").Parent
	if got := content(badge); got != "Rejected · unknown key" {
		t.Errorf("got %q", got)
	}
	if got := attr(badge, "class"); got != "badge tone-bad" {
		t.Errorf("got class %q", got)
	}
	if attr(badge, "title") == "" {
		t.Error("the badge does not say what it means")
	}
}

func TestStatusWordsOfOthers(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]ui.Status{"ACTIVE": ui.StatusActive, "decrypt_failed": ui.StatusDecryptFailed, " Suspended ": ui.StatusSuspended} {
		if got := ui.StatusFrom(word); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
	if got := content(parse(t, ui.StatusBadge("made up"))); got != "Made up" {
		t.Errorf("an unknown word is shown as %q", got)
	}
	if got := ui.Status("made up").Tone(); got != ui.Neutral {
		t.Errorf("an unknown word has the tone %q", got)
	}
}

func TestALongIDIsCutForTheEyeOnly(t *testing.T) {
	t.Parallel()
	const id = "01K9XW7T2Q8V4N0R6M3C5B1D7F"
	doc := parse(t, ui.ID(id))
	if got := content(doc); !strings.HasPrefix(got, id) || !strings.Contains(got, "01K9XW7T … 5B1D7F") {
		t.Errorf("got %q", got)
	}
	if got := attr(one(t, doc, "button"), "data-copy"); got != id {
		t.Errorf("copies %q", got)
	}
	if got := content(parse(t, ui.ID("tok_9f2c"))); got != "tok_9f2c" {
		t.Errorf("a short one is shown as %q", got)
	}
	if got := content(parse(t, ui.ID("ααααααααααααααααααααααααα"))); strings.Contains(got, "\uFFFD") {
		t.Errorf("a letter was cut in two: %q", got)
	}
}
