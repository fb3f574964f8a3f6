package receiver_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// proxied makes the test's own address a trusted proxy, so that X-Forwarded-For names sources.
func proxied(c *receiver.Config) {
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

// part sends the beginning of a body of 1 MiB and keeps the connection open.
func (d *door) part(t *testing.T, source string, size int) net.Conn {
	t.Helper()
	head := fmt.Sprintf("POST /in/%s HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: %s\r\nContent-Length: %d\r\n\r\n", d.sub.EndpointToken, source, 1<<20)
	return d.dial(t, head+string(bytes.Repeat([]byte("x"), size)))
}

// answer reads the status that the other side sends.
func answer(t *testing.T, conn net.Conn) int {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	_ = response.Body.Close() // it has none
	return response.StatusCode
}

func TestHalfSentBodiesOfOneSourceKeepNobodyElseOut(t *testing.T) {
	t.Parallel()
	d := newDoor(t, proxied, func(c *receiver.Config) { c.BodyPatience = patience })
	other := d.subscribe(t, d.sub.OrganizationID, "99999999-2222-3333-4444-555555555555")
	for range 80 {
		d.part(t, "203.0.113.7", 900<<10)
	}
	d.await(t, "a full share", func() bool {
		return d.metric(t, "switchboard_requests_refused_total", "cause", "memory") > 0
	})
	url, _ := receiver.EndpointURLs(d.base, other.EndpointToken)
	for name, address := range map[string]string{"the same endpoint": d.url, "another endpoint": url} {
		for i := range 20 {
			n := notice{trace: fmt.Sprint(name, i), data: fmt.Sprintf(`{"n":%d}`, i)}
			if address == url {
				n.webhookID = "99999999-2222-3333-4444-555555555555"
			}
			body := n.body()
			response := d.request(t, http.MethodPost, address, body, "X-Forwarded-For", "198.241.206.21", "v-c-signature", cybs.Sign(d.key, time.Now(), body))
			if response.StatusCode != http.StatusOK {
				t.Errorf("%s answers %d, want 200", name, response.StatusCode)
			}
		}
	}
}

func TestRefusedSourcesShareASmallPartOfTheMemory(t *testing.T) {
	t.Parallel()
	d := newHouse(t)
	d.demand(t, store.SecurityKey, store.Policy{Sources: []string{store.SourceCybersource}})
	d.open(t, proxied, func(c *receiver.Config) { c.BodyPatience, c.MaxMemory = patience, 16<<20 })
	for i := range 24 { // each a source of its own, so that no source's share ends them
		d.part(t, fmt.Sprintf("203.0.113.%d", i), 700<<10)
	}
	d.await(t, "a full share", func() bool {
		return d.metric(t, "switchboard_requests_refused_total", "cause", "memory") > 0
	})
	body := append(notice{}.body(), bytes.Repeat([]byte(" "), 900<<10)...) // a large one of somebody who may
	wantStatus(t, d.signed(t, body, "X-Forwarded-For", "198.241.206.21"), http.StatusOK)
}

func TestBodyThatComesTooSlowlyEndsAndLeavesATrace(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(c *receiver.Config) { c.BodyPatience = 300 * time.Millisecond })
	begun := time.Now()
	for _, size := range []int{0, 1, 40 << 10} {
		if status := answer(t, d.part(t, "x", size)); status != http.StatusRequestTimeout {
			t.Errorf("%d bytes and no more: answered %d, want 408", size, status)
		}
	}
	if took := time.Since(begun); took > receiver.ReadTimeout {
		t.Errorf("took %s", took)
	}
	d.await(t, "a record", func() bool {
		list := d.outages(t, store.OutageRefused)
		return len(list) == 1 && list[0].Cause == "too_slow" && list[0].Status == http.StatusRequestTimeout && list[0].Deliveries == 3 && list[0].SubscriptionID == d.sub.ID
	})
	wantStatus(t, d.signed(t, notice{}.body()), http.StatusOK)
}

func TestWhatIsRefusedWithoutBeingKeptLeavesATrace(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	if status := answer(t, d.dial(t, fmt.Sprintf("POST /in/%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", d.sub.EndpointToken, 2<<20))); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a body of 2 MiB is answered %d, want 413", status)
	}
	broken := d.part(t, "x", 10<<10)
	if err := broken.Close(); err != nil {
		t.Fatal(err)
	}
	causes := func() map[string]store.Outage {
		found := map[string]store.Outage{}
		list, err := d.store.ListOutages(t.Context(), time.Now().Add(-patience*10), time.Time{}, d.sub.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range list {
			found[o.Cause] = o
		}
		return found
	}
	d.await(t, "both records", func() bool { return len(causes()) == 2 })
	if o := causes()["too_large"]; o.Status != http.StatusRequestEntityTooLarge || o.Deliveries != 1 || o.SubscriptionID != d.sub.ID {
		t.Errorf("too long: %+v", o)
	}
	if o := causes()["incomplete"]; o.Status != http.StatusBadRequest || o.Deliveries != 1 || o.SubscriptionID != d.sub.ID {
		t.Errorf("broken off: %+v", o)
	}
	// What has no body takes no part in this.
	wantStatus(t, d.send(t, nil), http.StatusOK)
}
