package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/jobs"
	"github.com/switchboardhq/switchboard/store"
)

func TestPartitionsAreThereBeforeTheFirstDelivery(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.start(t)
	const weeks = 10 // last, this and eight to come
	if n := h.count(t, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'deliveries'::regclass"); n != weeks+1 {
		t.Errorf("%d partitions of deliveries, want %d and the default one", n, weeks)
	}
	if n := h.count(t, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'notifications'::regclass"); n != weeks+1 {
		t.Errorf("%d partitions of notifications, want %d and the default one", n, weeks)
	}
	h.await(t, "the periodic run", func() bool {
		return h.count(t, "SELECT count(*) FROM river_job WHERE kind = 'keep_partitions' AND state = 'completed'") > 0
	})
}

func TestExpiredSessionsAreDeleted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for hash, end := range map[string]time.Time{"old": time.Now().Add(-time.Hour), "new": time.Now().Add(time.Hour)} {
		if err := h.store.SaveSession(t.Context(), store.Session{IDHash: []byte(hash), Data: []byte("x"), ExpiresAt: end}); err != nil {
			t.Fatal(err)
		}
	}
	h.start(t)
	h.await(t, "deletion", func() bool { return h.count(t, "SELECT count(*) FROM sessions") == 1 })
	if _, err := h.store.GetSession(t.Context(), []byte("new")); err != nil {
		t.Errorf("the session that goes on: %v", err)
	}
}

func TestJobsRefuseAConfigurationThatCannotWork(t *testing.T) {
	t.Parallel()
	if _, err := jobs.New(jobs.Config{}); err == nil {
		t.Error("jobs without store and client: no error")
	}
}

func TestJobsStopBeforeTheyStarted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	j, err := jobs.New(jobs.Config{Store: h.store, Client: func(context.Context, store.Organization) (*cybs.Client, error) { return h.client, nil }})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Stop(t.Context()); err != nil {
		t.Errorf("stop: %v", err)
	}
}
