package main

import (
	"fmt"
	"slices"
	"strings"
)

// goal is a ratio, or a memory in MiB, that must be kept. There are no absolute speeds among them: machines differ.
type goal struct {
	what   string
	of, to string // names of what was measured; to is "" for memory
	must   float64
	aim    float64
	least  bool // whether must is the least or the most
}

func goals() []goal {
	return []goal{
		{"deliveries/s at 64 ÷ pgbench, the same row one a transaction, 64 clients", "64 rate", "pgbench", 0.65, 0.9, true},
		{"the same, sustained, with all work after the commit keeping up", "sustained rate", "pgbench", 0.45, 0.6, true},
		{"seconds until all was grouped after the sustained load", "sustained lag", "", 2, 2, false},
		{"deliveries/s at 64 ÷ each committed alone", "64 rate", "64/alone rate", 1.5, 1.8, true},
		{"deliveries/s at 256 ÷ each committed alone", "256 rate", "256/alone rate", 2.2, 2.7, true},
		{"p99 at 64 ÷ each committed alone", "64 p99", "64/alone p99", 0.6, 0.5, false},
		{"processor time a delivery, receiver + PostgreSQL ÷ each committed alone", "64 cpu", "64/alone cpu", 0.6, 0.5, false},
		{"p50 at one connection ÷ each committed alone", "1 p50", "1/alone p50", 1.1, 1.05, false},
		{"p99 at a steady 3,000/s, open loop ÷ each committed alone", "3000 p99", "3000/alone p99", 0.7, 0.45, false},
		{"deliveries/s with 10 % rejected, 5 % duplicates, 5 % retries ÷ all good", "mixed rate", "64 rate", 0.8, 0.9, true},
		{"deliveries/s with 3 million stored ÷ with none", "full rate", "64 rate", 0.8, 0.85, true},
		{"MiB resident when idle", "64 idle", "", 40, 25, false},
		{"MiB resident at most, 64 connections", "64 peak", "", 80, 64, false},
		{"MiB resident at most, 256 connections", "256 peak", "", 96, 80, false},
	}
}

// values are one a round: ratios of what was measured in the same round.
func (g goal) values(measured map[string][]float64) []float64 {
	values := slices.Clone(measured[g.of])
	for i := range values {
		if g.to != "" {
			values[i] /= measured[g.to][i]
		}
	}
	return values
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

func (g goal) reached(value float64) bool {
	if g.least {
		return value >= g.must
	}
	return value <= g.must
}

// report prints the ratios and fails when one is missed.
func (b *bench) report() error {
	if err := b.print("\n%-82s %8s %6s %6s   each round\n", "", "median", "must", "aim"); err != nil {
		return err
	}
	var missed []string
	for _, g := range goals() {
		if len(b.measured[g.of]) == 0 || g.to != "" && len(b.measured[g.to]) == 0 {
			continue // -only left it out
		}
		values := g.values(b.measured)
		sign, mark := "≤", ""
		if g.least {
			sign = "≥"
		}
		if !g.reached(median(values)) {
			missed, mark = append(missed, g.what), "  MISSED"
		}
		each := make([]string, len(values))
		for i, v := range values {
			each[i] = fmt.Sprintf("%.2f", v)
		}
		if err := b.print("%-82s %8.2f %s%5.2f %6.2f   %s%s\n", g.what, median(values), sign, g.must, g.aim, strings.Join(each, " · "), mark); err != nil {
			return err
		}
	}
	if err := b.print("other programs used %.2f cores in the middle, %.2f at most\n", median(b.foreign), slices.Max(b.foreign)); err != nil {
		return err
	}
	if len(missed) > 0 && !b.printOnly {
		return fmt.Errorf("%d of %d goals are missed: %s", len(missed), len(goals()), strings.Join(missed, "; "))
	}
	return nil
}
