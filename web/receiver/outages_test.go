package receiver_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// outages returns those of a kind since the test began.
func (d *door) outages(t *testing.T, kind store.OutageKind) []store.Outage {
	t.Helper()
	list, err := d.store.ListOutages(t.Context(), time.Now().Add(-patience*10), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var found []store.Outage
	for _, o := range list {
		if o.Kind == kind {
			found = append(found, o)
		}
	}
	return found
}

func TestWhatWasAnswered503IsKeptOnceTheDatabaseIsBack(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	begun := time.Now()
	bringBack := d.takeAway(t)
	for i := range 3 {
		wantStatus(t, d.signed(t, notice{trace: fmt.Sprint(i)}.body()), http.StatusServiceUnavailable)
	}
	for range 2 {
		wantStatus(t, d.request(t, http.MethodGet, d.health, nil), http.StatusServiceUnavailable)
	}
	bringBack()
	d.await(t, "the record", func() bool { return len(d.outages(t, store.OutageRefused)) > 0 })
	list := d.outages(t, store.OutageRefused)
	o := list[0]
	if len(list) != 1 || o.Cause != "database" || o.Deliveries != 3 || o.HealthChecks != 2 {
		t.Errorf("outages %+v, want one of the database with 3 deliveries and 2 health checks", list)
	}
	if o.From.Before(begun.Add(-time.Second)) || o.To.Before(o.From) || o.To.After(time.Now()) {
		t.Errorf("from %s to %s, want within the test, which began at %s", o.From, o.To, begun)
	}
}

func TestFullQueueIsAnOutageOfItsOwn(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(c *receiver.Config) { c.QueueSize, c.Writers, c.MaxBatch, c.CommitTimeout = 1, 1, 1, patience })
	release := d.occupy(t)
	waiting := make(chan int, 1)
	go func() { waiting <- d.signed(t, notice{trace: "waits"}.body()).StatusCode }()
	d.await(t, "a full queue", func() bool { return d.gauge(t, "switchboard_queue_length") == 1 })
	wantStatus(t, d.signed(t, notice{trace: "too many"}.body()), http.StatusServiceUnavailable)
	d.await(t, "the record, while the queue is still full", func() bool { return len(d.outages(t, store.OutageRefused)) == 1 })
	if o := d.outages(t, store.OutageRefused)[0]; o.Cause != "queue_full" || o.Deliveries != 1 {
		t.Errorf("outage %+v, want one delivery that found the queue full", o)
	}
	release()
	if status := <-waiting; status != http.StatusOK {
		t.Errorf("what waited was answered %d, want 200", status)
	}
}

func TestTimeBetweenStopAndStartIsAnOutage(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.stop(t)
	stopped := time.Now()
	d.metrics = prometheus.NewRegistry()
	d.open(t)
	d.await(t, "the record", func() bool { return len(d.outages(t, store.OutageAbsent)) == 1 })
	o := d.outages(t, store.OutageAbsent)[0]
	if o.Unexpected || o.From.After(stopped) || o.To.Before(stopped.Truncate(time.Millisecond)) {
		t.Errorf("outage %+v, want from before %s until after it, as it was stopped", o, stopped)
	}
}

// What a process leaves that is killed is a run that nobody ended.
func TestKilledReceiverIsFoundOutByTheNext(t *testing.T) {
	t.Parallel()
	d := newHouse(t)
	last := time.Now().Add(-time.Hour)
	if _, err := d.store.BeginRun(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	d.open(t)
	d.await(t, "the record", func() bool { return len(d.outages(t, store.OutageAbsent)) == 1 })
	if o := d.outages(t, store.OutageAbsent)[0]; !o.Unexpected || !o.From.Equal(last.Truncate(time.Microsecond)) {
		t.Errorf("outage %+v, want an unexpected one from %s", o, last)
	}
}

func TestTokenRequestsAreNoDeliveriesOfAnOutage(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	for _, path := range []string{"/in/" + d.sub.EndpointToken, "/oauth/token"} {
		w := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, panicking{})
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		d.Handler().ServeHTTP(w, req)
		if w.Code != http.StatusServiceUnavailable {
			t.Fatalf("%s answered %d, want 503", path, w.Code)
		}
	}
	d.await(t, "the record", func() bool { return len(d.outages(t, store.OutageRefused)) > 0 })
	d.stop(t)
	if list := d.outages(t, store.OutageRefused); len(list) != 1 || list[0].Deliveries != 1 || list[0].HealthChecks != 0 {
		t.Errorf("outages %+v, want one of one delivery", list)
	}
}
