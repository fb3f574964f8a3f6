package main

import (
	"log/slog"
	"strings"
	"testing"
)

func TestPoolFitsWhatTheDatabaseAllows(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		url         string
		asked, room int32
		want        int32 // 0: refused
	}{
		"plenty":                   {room: 97, want: 24},
		"asked by the variable":    {asked: 60, room: 97, want: 60},
		"asked by the URL":         {url: "postgres://h/d?pool_max_conns=4", room: 97, want: 4},
		"the variable comes first": {url: "postgres://h/d?pool_max_conns=4", asked: 9, room: 97, want: 9},
		"more than is allowed":     {asked: 60, room: 30, want: 23},
		"few":                      {room: 17, want: 10},
		"fewer":                    {room: 10, want: 5},
		"fewest":                   {room: 8, want: 3},
		"too few":                  {room: 7},
	} {
		d := &database{url: tc.url}
		err := d.fit(Config{DatabaseMaxConns: tc.asked}, tc.room, "DATABASE_URL", slog.New(slog.DiscardHandler))
		if d.maxConns != tc.want || (err != nil) != (tc.want == 0) {
			t.Errorf("%s: a pool of %d, %v; want %d", name, d.maxConns, err, tc.want)
		}
	}
}

func TestSizeOfThePoolIsChecked(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"0", "2", "-4", "many", "4.5", "100000", "99999999999"} {
		if got := failsWith(t, testEnv(t, env{"DATABASE_MAX_CONNS": value})); !strings.Contains(got, "DATABASE_MAX_CONNS") {
			t.Errorf("%q: error = %q, want one that names the variable", value, got)
		}
	}
	if got := failsWith(t, testEnv(t, env{"DATABASE_DIRECT_URL": "postgres://h/d"})); !strings.Contains(got, "DATABASE_DIRECT_URL") || !strings.Contains(got, "DATABASE_URL as well") {
		t.Errorf("a direct URL alone: %q", got)
	}
}
