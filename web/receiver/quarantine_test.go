package receiver_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// from posts a body without signature, as one that came from an address.
func (d *door) from(t *testing.T, source string, body []byte, want int) {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, d.url, bytes.NewReader(body))
	req.RemoteAddr = source
	answer := httptest.NewRecorder()
	d.Handler().ServeHTTP(answer, req)
	if answer.Code != want || answer.Body.Len() != 0 {
		t.Errorf("%s was answered %d with %d bytes, want %d and none", source, answer.Code, answer.Body.Len(), want)
	}
}

// unstored waits until so many are counted as not stored.
func (d *door) unstored(t *testing.T, want int64) {
	t.Helper()
	var got int64
	defer func() {
		if t.Failed() {
			t.Logf("%d are counted as not stored, want %d", got, want)
		}
	}()
	d.await(t, "counting what is not stored", func() bool {
		var err error
		if got, err = d.store.RejectedUnstored(t.Context(), store.RejectedFilter{}); err != nil {
			t.Fatal(err)
		}
		return got >= want
	})
	if got != want {
		t.Errorf("%d are counted as not stored, want %d", got, want)
	}
}

// What names a key of ours, or comes from Cybersource's addresses, is kept however much junk came before.
func TestAFloodOfJunkDoesNotHideRealRejections(t *testing.T) {
	t.Parallel()
	d := newDoor(t, proxied, func(c *receiver.Config) {
		c.QuarantineSource, c.QuarantineEndpoint = receiver.Bound{Deliveries: 10}, receiver.Bound{Deliveries: 20}
	})
	for i := range 60 {
		source := fmt.Sprintf("203.0.113.%d", i%4)
		wantStatus(t, d.send(t, fmt.Appendf(nil, `{"junk":%d}`, i), "X-Forwarded-For", source, "v-c-signature", "t=1;keyId=junk;sig=anVuaw=="), http.StatusUnauthorized)
	}
	body := notice{}.body()
	wantStatus(t, d.send(t, body, "X-Forwarded-For", "203.0.113.1", "v-c-signature", cybs.Sign(cybs.Key{ID: d.key.ID, Secret: cybs.Secret("another")}, time.Now(), body)), http.StatusUnauthorized)
	wantStatus(t, d.send(t, []byte(`{"real":1}`), "X-Forwarded-For", "198.241.206.21"), http.StatusUnauthorized)
	if n := d.count(t, "SELECT count(*) FROM deliveries WHERE reason = 'signature_mismatch'"); n != 1 {
		t.Errorf("%d that name a known key are kept, want 1", n)
	}
	if n := d.count(t, "SELECT count(*) FROM deliveries WHERE source = '198.241.206.21'"); n != 1 {
		t.Errorf("%d from Cybersource's addresses are kept, want 1", n)
	}
	if n := d.count(t, "SELECT count(*) FROM deliveries WHERE key_id = 'junk'"); n != 20 {
		t.Errorf("%d of the junk are kept, want 20", n)
	}
}

func TestAFloodFromOneSourceIsCountedAndLeavesRoomForOthers(t *testing.T) {
	t.Parallel()
	noon := time.Now().UTC().Truncate(time.Hour).Add(30 * time.Minute) // it takes less than half an hour
	started := time.Now()
	d := newDoor(t, func(c *receiver.Config) { c.Now = func() time.Time { return noon.Add(time.Since(started)) } })
	const flood, senders, bound = 20_000, 16, 1_000
	var sending sync.WaitGroup
	for sender := range senders {
		sending.Go(func() {
			for i := range flood / senders {
				d.from(t, "198.51.100.66:1234", fmt.Appendf(nil, `{"n":"%d-%d"}`, sender, i), http.StatusUnauthorized)
			}
		})
	}
	sending.Wait()
	d.from(t, "203.0.113.5:1234", []byte(`{"n":"of somebody else"}`), http.StatusUnauthorized)
	genuine := notice{}.body()
	wantStatus(t, d.send(t, genuine, "v-c-signature", cybs.Sign(d.key, noon, genuine)), http.StatusOK)
	d.unstored(t, flood-bound)
	for source, want := range map[string]int{"198.51.100.66": bound, "203.0.113.5": 1} {
		if n := d.count(t, "SELECT count(*) FROM deliveries WHERE verdict = 'rejected' AND source = '"+source+"'"); n != want {
			t.Errorf("%d rejected deliveries of %s are stored, want %d", n, source, want)
		}
	}
	if n := d.count(t, "SELECT sum(deliveries) FROM traffic_minutes WHERE verdict = 'rejected'"); n != flood+1 {
		t.Errorf("traffic counts %d rejected deliveries, want %d", n, flood+1)
	}
	if n := d.count(t, "SELECT sum(deliveries) FROM traffic_hours WHERE verdict = 'rejected'"); n != flood+1 {
		t.Errorf("hours count %d rejected deliveries, want %d", n, flood+1)
	}
	if n := d.metric(t, "switchboard_requests_refused_total", "cause", "quarantine"); n != flood-bound {
		t.Errorf("%v requests are measured as refused, want %d", n, flood-bound)
	}
	if n := strings.Count(d.log.String(), "only counted for the rest of the hour"); n != 1 {
		t.Errorf("the log tells of it %d times, want once", n)
	}
}

func TestQuarantineHasABoundForEachEndpointAndForBytes(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now := time.Date(2025, 11, 23, 22, 30, 0, 0, time.UTC)
	pass := func(d time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(d) }
	d := newDoor(t, func(c *receiver.Config) {
		c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
		c.QuarantineSource = receiver.Bound{Deliveries: 2, Bytes: 100}
		c.QuarantineEndpoint = receiver.Bound{Deliveries: 5}
	})
	sent := 0
	send := func(source string, size, wantStored int) {
		t.Helper()
		sent++
		d.from(t, source, fmt.Appendf(nil, `{"n":%*d}`, size-6, sent), http.StatusUnauthorized)
		if n := d.deliveries(t); n != wantStored {
			t.Errorf("after request %d from %s %d are stored, want %d", sent, source, n, wantStored)
		}
	}
	send("198.51.100.1:1", 60, 1)
	send("198.51.100.1:1", 60, 1) // more bytes than this source may have stored
	send("198.51.100.1:1", 30, 2)
	send("198.51.100.1:1", 10, 2) // more deliveries
	send("[2001:db8::1]:1", 10, 3)
	send("[2001:db8::2]:1", 10, 4)
	send("[2001:db8::3]:1", 10, 4) // the same network
	pass(time.Hour)
	send("198.51.100.1:1", 10, 5) // a new hour
	send("198.51.100.2:1", 10, 5) // more than the endpoint may have stored
	pass(time.Hour)
	send("198.51.100.2:1", 10, 6) // a new day
	d.unstored(t, 4)
}

func TestWhatCouldNotBeStoredTakesNoRoomInQuarantine(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(c *receiver.Config) { c.QuarantineSource = receiver.Bound{Deliveries: 1} })
	exec := func(sql string) {
		t.Helper()
		if _, err := d.store.Pool().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$`)
	exec("CREATE TRIGGER full_disk BEFORE INSERT ON deliveries FOR EACH ROW EXECUTE FUNCTION full_disk()")
	d.from(t, "198.51.100.1:1", []byte(`{"n":1}`), http.StatusServiceUnavailable)
	exec("DROP TRIGGER full_disk ON deliveries")
	d.from(t, "198.51.100.1:1", []byte(`{"n":1}`), http.StatusUnauthorized)
	if n := d.deliveries(t); n != 1 {
		t.Errorf("%d deliveries stored, want 1", n)
	}
}

func TestCountsThatWaitAreWrittenAtTheEnd(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(c *receiver.Config) { c.QuarantineSource = receiver.Bound{Deliveries: 1} })
	for i := range 5 {
		d.from(t, "198.51.100.1:1", fmt.Appendf(nil, `{"n":%d}`, i), http.StatusUnauthorized)
	}
	d.stop(t)
	if n, err := d.store.RejectedUnstored(t.Context(), store.RejectedFilter{}); err != nil || n != 4 {
		t.Errorf("%d counted after the end, %v; want 4", n, err)
	}
}
