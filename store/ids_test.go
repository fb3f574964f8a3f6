package store_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
)

func TestIDsSortByTimeOfArrival(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	previous := store.NewID(start)
	for _, step := range []time.Duration{time.Microsecond, time.Millisecond, time.Second, 365 * 24 * time.Hour} {
		start = start.Add(step)
		next := store.NewID(start)
		if bytes.Compare(previous[:], next[:]) >= 0 {
			t.Errorf("id made %v later sorts before: %s, %s", step, previous, next)
		}
		previous = next
	}
}

func TestIDTellsItsTimeAndTextForm(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 10, 11, 12, 345_678_000, time.UTC)
	id := store.NewID(at)
	if got, want := id.Time(), at.Truncate(time.Millisecond); !got.Equal(want) {
		t.Errorf("Time() = %v, want %v", got, want)
	}
	text := id.String()
	if text[14] != '7' || (text[19] != '8' && text[19] != '9' && text[19] != 'a' && text[19] != 'b') {
		t.Errorf("%s is not a version 7 UUID of the RFC's variant", text)
	}
	parsed, err := store.ParseID(text)
	if err != nil || parsed != id {
		t.Errorf("ParseID(%q) = %v, %v; want the same id", text, parsed, err)
	}
	floor := store.FloorID(at)
	if bytes.Compare(floor[:], id[:]) > 0 {
		t.Errorf("FloorID %s is above an id of its millisecond, %s", floor, id)
	}
}

func TestParseIDRefusesWhatIsNoUUID(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "7", "01a205ab-3668-73b8-8a41-c668c765436", "01a205ab-3668-73b8-8a41-c668c765436dd", "01a205ab_3668-73b8-8a41-c668c765436d", "zza205ab-3668-73b8-8a41-c668c765436d"} {
		if id, err := store.ParseID(text); err == nil {
			t.Errorf("ParseID(%q) = %s, want an error", text, id)
		}
	}
}

func TestZeroIDHasNoText(t *testing.T) {
	t.Parallel()
	if got := (store.ID{}).String(); got != "" {
		t.Errorf("String() = %q, want empty", got)
	}
}
