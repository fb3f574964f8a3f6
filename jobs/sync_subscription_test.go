package jobs_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/jobs"
	"github.com/switchboardhq/switchboard/store"
)

func TestSubscriptionTurnsActiveByItself(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	// Without the regular round, only the answered health ping tells that something changed.
	h.start(t, func(c *jobs.Config) { c.SyncInterval = time.Hour })
	sub := h.subscribe(t)
	got := h.awaitStatus(t, sub.ID, store.StatusActive)
	if got.WebhookID != sub.WebhookID || len(got.Actual) == 0 || got.CheckedAt.IsZero() {
		t.Errorf("%+v; want the same webhook id, Cybersource's answer and the time of it", got)
	}
}

func TestRegularRoundFindsWhatChangedAtCybersource(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.start(t, func(c *jobs.Config) { c.SyncInterval = time.Second })
	sub := h.subscribe(t)
	h.awaitStatus(t, sub.ID, store.StatusActive)
	if err := h.client.SetSubscriptionStatus(t.Context(), sub.WebhookID, cybs.StatusInactive); err != nil {
		t.Fatal(err)
	}
	h.awaitStatus(t, sub.ID, store.StatusInactive)
	if err := h.client.DeleteSubscription(t.Context(), sub.WebhookID); err != nil {
		t.Fatal(err)
	}
	if got := h.awaitStatus(t, sub.ID, store.StatusUnknown); !strings.Contains(got.StatusDetail, "does not know") {
		t.Errorf("detail %q does not say that it is gone", got.StatusDetail)
	}
}

func TestSyncIsDoneSoonWhenAskedFor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	j := h.start(t, func(c *jobs.Config) { c.SyncInterval = time.Hour })
	sub := h.subscribe(t)
	h.awaitStatus(t, sub.ID, store.StatusActive)
	for _, status := range []cybs.Status{cybs.StatusInactive, cybs.StatusActive, cybs.StatusInactive} {
		if err := h.client.SetSubscriptionStatus(t.Context(), sub.WebhookID, status); err != nil {
			t.Fatal(err)
		}
		// The former look may still wait for its time or be running: neither may swallow this one.
		if err := j.SyncSubscription(t.Context(), sub.ID); err != nil {
			t.Fatal(err)
		}
		h.awaitStatus(t, sub.ID, store.SubscriptionStatus(status))
	}
}

func TestSubscriptionCutOffWhileBeingMadeIsAdopted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sub := h.insert(t)
	made := h.create(t, sub)
	h.start(t)
	if got := h.awaitStatus(t, sub.ID, store.StatusActive); got.WebhookID != made.WebhookID {
		t.Errorf("webhook id %q, want %q", got.WebhookID, made.WebhookID)
	}
}

func TestSubscriptionThatNeverReachedCybersourceIsMarked(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sub := h.insert(t)
	j := h.start(t, func(c *jobs.Config) { c.SyncInterval = time.Hour })
	h.await(t, "a first look", func() bool {
		return h.count(t, "SELECT count(*) FROM river_job WHERE kind = 'sync_subscription' AND metadata ? 'snoozes'") == 1
	})
	if got := h.get(t, sub.ID); got.Status != store.StatusCreating {
		t.Errorf("status %s at once, want CREATING: the console may still be at it", got.Status)
	}
	h.ahead.Store(int64(5 * time.Minute))
	if err := j.SyncSubscription(t.Context(), sub.ID); err != nil {
		t.Fatal(err)
	}
	if got := h.awaitStatus(t, sub.ID, store.StatusUnknown); !strings.Contains(got.StatusDetail, "did not finish") {
		t.Errorf("detail %q does not say what happened", got.StatusDetail)
	}
}

func TestJobsOfTwoReplicasDoNoHarm(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.start(t, func(c *jobs.Config) { c.SyncInterval = time.Second })
	h.start(t, func(c *jobs.Config) { c.SyncInterval = time.Second })
	for range 2 {
		h.awaitStatus(t, h.subscribeAs(t).ID, store.StatusActive)
	}
}

// subscribeAs deletes what is there, since an organization has one subscription a product, and subscribes anew.
func (h *house) subscribeAs(t *testing.T) store.Subscription {
	t.Helper()
	list, err := h.store.ListSubscriptions(t.Context(), store.SubscriptionFilter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, sub := range list {
		if err := h.client.DeleteSubscription(t.Context(), sub.WebhookID); err != nil {
			t.Fatal(err)
		}
		if err := h.store.DeleteSubscription(t.Context(), sub.ID); err != nil {
			t.Fatal(err)
		}
	}
	return h.subscribe(t)
}

func TestSyncOfWhatCannotBeAskedAboutEnds(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sub := h.subscribe(t)
	j := h.start(t, func(c *jobs.Config) {
		c.SyncInterval = time.Hour
		c.Client = func(context.Context, store.Organization) (*cybs.Client, error) {
			return nil, errors.Join(errors.New("no credentials entered"), store.ErrNotFound)
		}
	})
	for _, id := range []int64{sub.ID, 1_000_000} {
		if err := j.SyncSubscription(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	h.await(t, "the end of both jobs", func() bool {
		return h.count(t, "SELECT count(*) FROM river_job WHERE kind = 'sync_subscription' AND state = 'cancelled'") >= 2
	})
	if got := h.get(t, sub.ID); got.Status != sub.Status {
		t.Errorf("status %s, want %s as before", got.Status, sub.Status)
	}
}

func TestSyncOfADeletedSubscriptionChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sub := h.subscribe(t)
	if err := h.store.DeleteSubscription(t.Context(), sub.ID); err != nil {
		t.Fatal(err)
	}
	j := h.start(t, func(c *jobs.Config) { c.SyncInterval = time.Hour })
	if err := j.SyncSubscription(t.Context(), sub.ID); err != nil {
		t.Fatal(err)
	}
	h.await(t, "the job", func() bool {
		return h.count(t, "SELECT count(*) FROM river_job WHERE kind = 'sync_subscription' AND state = 'completed'") > 0
	})
	if got := h.get(t, sub.ID); got.Status != store.StatusDeleted {
		t.Errorf("status %s, want DELETED", got.Status)
	}
}
