package main

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

func TestBodiesAreNotificationsOfOneSize(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for number := range int64(1000) {
		for attempt := range 2 {
			body := notice{number: number << (number % 40), attempt: attempt}.body()
			if len(body) != bodyBytes || !json.Valid(body) {
				t.Fatalf("number %d: %d bytes, valid %t; want valid JSON of %d bytes", number, len(body), json.Valid(body), bodyBytes)
			}
			seen[string(body)] = true
		}
	}
	n, err := cybs.ParseNotification(nil, notice{number: 7, attempt: 1}.body())
	if err != nil || n.WebhookID != webhookID || n.EventType != eventType || n.RetryNumber != 1 {
		t.Errorf("parsed %+v, %v", n, err)
	}
	if len(seen) < 1900 {
		t.Errorf("%d different bodies of 2000", len(seen))
	}
}

func TestMixedLoadHasTheSharesItPromises(t *testing.T) {
	t.Parallel()
	shares := make(map[kind]int)
	for n := range 1000 {
		shares[kindOf(n)]++
	}
	if shares[good] != 800 || shares[badSignature] != 100 || shares[duplicate] != 50 || shares[retry] != 50 {
		t.Errorf("good, rejected, duplicate and retried of 1000: %v", shares)
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i))
	}
	for _, c := range []struct {
		of   []time.Duration
		p    float64
		want time.Duration
	}{{hundred, 0.5, 50}, {hundred, 0.99, 99}, {hundred, 1, 99}, {hundred[:1], 0.99, 0}, {nil, 0.5, 0}} {
		if got := percentile(c.of, c.p); got != c.want {
			t.Errorf("percentile %v of %d: %d, want %d", c.p, len(c.of), got, c.want)
		}
	}
}

func TestProcessorTimeIsReadWhateverTheProgramIsCalled(t *testing.T) {
	t.Parallel()
	got, err := parseStat([]byte("42 (a) b (c) S 7 42 42 0 -1 4194560 100 200 0 0 150 50 30 20 20 0 1 0 100 1000 100"))
	if want := (procStat{parent: 7, own: 2 * time.Second, children: 500 * time.Millisecond}); err != nil || got != want {
		t.Errorf("read %+v, %v; want %+v", got, err, want)
	}
	for _, text := range []string{"", "42 (a) S 7", "42 (a) S x 42 42 0 -1 4194560 100 200 0 0 150 50 30 20"} {
		if _, err := parseStat([]byte(text)); err == nil {
			t.Errorf("%q was read without error", text)
		}
	}
}

func TestRatiosAreOfOneRoundAndTheirMedianDecides(t *testing.T) {
	t.Parallel()
	measured := map[string][]float64{"a": {10, 30, 100}, "b": {10, 10, 200}}
	g := goal{of: "a", to: "b", must: 1, least: true}
	values := g.values(measured)
	if want := []float64{1, 3, 0.5}; !slices.Equal(values, want) {
		t.Errorf("ratios %v, want %v", values, want)
	}
	if m := median(values); m != 1 || !g.reached(m) || g.reached(0.99) {
		t.Errorf("median %v, reached %t", m, g.reached(m))
	}
	if most := (goal{must: 1}); most.reached(1.01) || !most.reached(1) {
		t.Error("a most is not kept as one")
	}
	if m := median([]float64{4, 1, 2, 3}); m != 2.5 {
		t.Errorf("median of four is %v, want 2.5", m)
	}
}

// Every ratio that is judged is measured.
func TestGoalsNameWhatIsMeasured(t *testing.T) {
	t.Parallel()
	names := []string{"pgbench"}
	for _, m := range (&bench{}).runs() {
		for _, value := range []string{"rate", "p50", "p99", "cpu", "lag", "idle", "peak"} {
			names = append(names, m.name+" "+value)
		}
	}
	for _, g := range goals() {
		if !slices.Contains(names, g.of) || g.to != "" && !slices.Contains(names, g.to) {
			t.Errorf("%s: %q or %q is not measured", g.what, g.of, g.to)
		}
	}
}
