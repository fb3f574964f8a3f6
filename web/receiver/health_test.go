package receiver_test

import (
	"log/slog"
	"net/http"
	"net/netip"
	"testing"

	"github.com/switchboardhq/switchboard/store"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func loopback() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

func TestHealthPingsAreAnsweredOnBothURLs(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	for _, address := range []string{d.url, d.health} {
		for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodHead} {
			wantStatus(t, d.request(t, method, address, nil), http.StatusOK)
		}
	}
	var pings []store.HealthPing
	d.await(t, "a recorded ping", func() bool {
		var err error
		pings, err = d.store.ListHealthPings(t.Context(), d.sub.EndpointID, 10)
		if err != nil {
			t.Fatal(err)
		}
		return len(pings) > 0
	})
	if len(pings) > 2 || pings[0].Answered != http.StatusOK || !pings[0].Source.IsLoopback() {
		t.Errorf("recorded %+v; want one a minute, answered 200", pings)
	}
	if n := d.deliveries(t); n != 0 {
		t.Errorf("%d deliveries stored, want none", n)
	}
	if n := d.metric(t, "switchboard_health_pings_total", "answered", "200"); n != 6 {
		t.Errorf("counted %v, want 6", n)
	}
}

func TestHealthURLTellsWhenTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	wantStatus(t, d.request(t, http.MethodPost, d.health, nil), http.StatusOK)
	bringBack := d.takeAway(t)
	d.await(t, "503", func() bool {
		return d.request(t, http.MethodPost, d.health, nil).StatusCode == http.StatusServiceUnavailable
	})
	bringBack()
	d.await(t, "200 again", func() bool { return d.request(t, http.MethodPost, d.health, nil).StatusCode == http.StatusOK })
	d.await(t, "the record of what was answered meanwhile", func() bool {
		return d.count(t, "SELECT count(DISTINCT answered) FROM health_pings") == 2
	})
}

// A database that answers questions but takes no rows is what a full disk is.
func TestHealthURLGoesByWhetherWritesSucceed(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	exec := func(sql string) {
		t.Helper()
		if _, err := d.store.Pool().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE FUNCTION disk_is_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$`)
	exec("CREATE TRIGGER full_digests BEFORE INSERT ON delivery_digests EXECUTE FUNCTION disk_is_full()")
	exec("CREATE TRIGGER full_pings BEFORE INSERT ON health_pings EXECUTE FUNCTION disk_is_full()")
	wantStatus(t, d.signed(t, notice{}.body()), http.StatusServiceUnavailable)
	wantStatus(t, d.request(t, http.MethodPost, d.health, nil), http.StatusServiceUnavailable)
	exec("DROP TRIGGER full_digests ON delivery_digests")
	exec("DROP TRIGGER full_pings ON health_pings")
	d.await(t, "200 again", func() bool { return d.request(t, http.MethodPost, d.health, nil).StatusCode == http.StatusOK })
	wantStatus(t, d.signed(t, notice{}.body()), http.StatusOK)
}
