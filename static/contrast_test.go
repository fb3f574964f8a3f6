package static

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"testing"
)

// tokens reads the colours of css/10_tokens.css: name to light and dark.
func tokens(t *testing.T) map[string][2]string {
	t.Helper()
	css, err := os.ReadFile("css/10_tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][2]string{}
	for _, m := range regexp.MustCompile(`(?m)^    --([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);`).FindAllStringSubmatch(string(css), -1) {
		found[m[1]] = [2]string{m[2], m[3]}
	}
	return found
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatalf("colour %q: %v", hex, err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func TestTheFormulaIsTheKnownOne(t *testing.T) {
	t.Parallel()
	if got := contrast(t, "#000000", "#ffffff"); math.Abs(got-21) > 0.001 {
		t.Errorf("black on white: got %.3f, want 21", got)
	}
	if got := contrast(t, "#767676", "#ffffff"); math.Abs(got-4.54) > 0.01 {
		t.Errorf("grey on white: got %.3f, want 4.54", got)
	}
}

func TestColoursCanBeToldApartInBothThemes(t *testing.T) {
	t.Parallel()
	const text, shape = 4.5, 3.0
	type pair struct {
		front, ground string
		least         float64
	}
	var pairs []pair
	add := func(least float64, grounds []string, fronts ...string) {
		for _, f := range fronts {
			for _, g := range grounds {
				pairs = append(pairs, pair{f, g, least})
			}
		}
	}
	grounds := []string{"bg", "sunken", "raised", "hover"}
	add(text, grounds, "text", "text-soft", "text-faint", "accent-text")
	add(text, []string{"press"}, "text", "text-soft")
	add(text, []string{"accent-soft"}, "text", "text-soft", "accent-text")
	add(text, []string{"accent", "accent-strong"}, "on-accent")
	add(text, []string{"bg", "raised"}, "code-key", "code-string", "code-number", "code-word")
	add(shape, []string{"bg", "raised", "sunken"}, "edge", "accent", "focus")
	for _, tone := range []string{"good", "wait", "bad", "progress", "replay", "neutral"} {
		add(text, []string{tone + "-soft", "bg", "raised", "sunken", "hover"}, tone+"-text")
		add(text, []string{tone + "-soft"}, "text")
		add(shape, []string{tone + "-soft", "bg", "raised", "hover"}, tone)
	}
	add(shape, []string{"good"}, "on-solid")
	add(text, []string{"bad"}, "on-solid")
	colours := tokens(t)
	for _, p := range pairs {
		front, ok := colours[p.front]
		ground, ok2 := colours[p.ground]
		if !ok || !ok2 {
			t.Errorf("no token --%s or --%s", p.front, p.ground)
			continue
		}
		for i, theme := range []string{"light", "dark"} {
			if got := contrast(t, front[i], ground[i]); got < p.least {
				t.Errorf("%s: --%s %s on --%s %s has %.2f, want %.1f", theme, p.front, front[i], p.ground, ground[i], got, p.least)
			}
		}
	}
}
