package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
)

func newSubscription(t *testing.T, s *store.Store, organizationID int64, name string) store.Subscription {
	t.Helper()
	v, _, err := s.InsertSubscription(t.Context(), store.Subscription{
		OrganizationID: organizationID, Name: name, Scope: "DESCENDANTS", SecurityType: "KEY",
		Products:    []store.SubscribedProduct{{ProductID: "tokenManagement", EventTypes: []string{"tms.networktoken.updated", "tms.networktoken.provisioned"}}},
		RetryPolicy: store.RetryPolicy{Algorithm: "ARITHMETIC", FirstRetry: 1, Interval: 1, NumberOfRetries: 3},
	}, strings.Repeat("t", 30)+strings.ToLower(name)+"-token", store.AuditEntry{Actor: "test", Action: "subscription.create", Outcome: store.OutcomeStarted})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSubscriptionLives(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	o := newOrganization(t, s, "acme")
	v := newSubscription(t, s, o.ID, "tokens")
	if v.Status != store.StatusCreating || v.WebhookID != "" || v.EndpointToken == "" {
		t.Fatalf("inserted = %+v; want CREATING with an endpoint and no webhook id", v)
	}
	answer := store.ActualSubscription{WebhookID: "w-1", Status: store.StatusInactive, Raw: json.RawMessage(`{"status": "INACTIVE"}`)}
	if changed, err := s.RecordActual(t.Context(), v.ID, answer); err != nil || !changed {
		t.Errorf("RecordActual = %v, %v; want a change", changed, err)
	}
	if changed, err := s.RecordActual(t.Context(), v.ID, answer); err != nil || changed {
		t.Errorf("the same answer again = %v, %v; want no change", changed, err)
	}
	got, err := s.GetSubscription(t.Context(), v.ID)
	if err != nil || got.WebhookID != "w-1" || got.Status != store.StatusInactive || got.CheckedAt.IsZero() || len(got.Products[0].EventTypes) != 2 {
		t.Errorf("GetSubscription = %+v, %v", got, err)
	}
	if err := s.DeleteSubscription(t.Context(), v.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteSubscription(t.Context(), v.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleting twice: %v, want ErrNotFound", err)
	}
	if err := s.UpdateSubscription(t.Context(), got); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("updating a deleted one: %v, want ErrNotFound", err)
	}
	got, err = s.GetSubscription(t.Context(), v.ID)
	if err != nil || got.Status != store.StatusDeleted || got.EndpointToken != "" {
		t.Errorf("deleted = %+v, %v; want it kept, DELETED, its endpoint revoked", got, err)
	}
	if endpoints, err := s.ListEndpoints(t.Context()); err != nil || len(endpoints) != 0 {
		t.Errorf("endpoints = %+v, %v; want none", endpoints, err)
	}
}

func TestLateAnswerDoesNotReviveADeletedSubscription(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	v := newSubscription(t, s, newOrganization(t, s, "acme").ID, "tokens")
	if err := s.DeleteSubscription(t.Context(), v.ID); err != nil {
		t.Fatal(err)
	}
	if changed, err := s.RecordActual(t.Context(), v.ID, store.ActualSubscription{Status: store.StatusActive}); err != nil || changed {
		t.Fatalf("RecordActual = %v, %v; want no change", changed, err)
	}
	if got, err := s.GetSubscription(t.Context(), v.ID); err != nil || got.Status != store.StatusDeleted {
		t.Errorf("status = %s, %v; want DELETED", got.Status, err)
	}
}

func TestStatusIsKeptWhateverTheAnswerHolds(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	v := newSubscription(t, s, newOrganization(t, s, "acme").ID, "tokens")
	for i, raw := range []string{`{"a":"\u0000"}`, `{"a":"\ud800"}`, "{\"a\":\"\xff\"}", `{"a":1e999999}`} {
		status := []store.SubscriptionStatus{store.StatusActive, store.StatusInactive}[i%2]
		changed, err := s.RecordActual(t.Context(), v.ID, store.ActualSubscription{WebhookID: "w", Status: status, Raw: []byte(raw)})
		if err != nil || !changed {
			t.Errorf("RecordActual with %q = %v, %v", raw, changed, err)
		}
		if got, err := s.GetSubscription(t.Context(), v.ID); err != nil || got.Status != status {
			t.Errorf("after %q the status is %s, %v; want %s", raw, got.Status, err, status)
		}
	}
}

func TestListSubscriptionsIsNarrowed(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acme, other := newOrganization(t, s, "acme"), newOrganization(t, s, "other")
	tokens := newSubscription(t, s, acme.ID, "Tokens")
	newSubscription(t, s, other.ID, "else")
	gone := newSubscription(t, s, acme.ID, "gone")
	if err := s.DeleteSubscription(t.Context(), gone.ID); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		filter store.SubscriptionFilter
		want   int
	}{
		"nothing":         {store.SubscriptionFilter{}, 2},
		"deleted ones":    {store.SubscriptionFilter{WithDeleted: true}, 3},
		"organization":    {store.SubscriptionFilter{OrganizationID: acme.ID}, 1},
		"product":         {store.SubscriptionFilter{ProductID: "tokenManagement"}, 2},
		"another product": {store.SubscriptionFilter{ProductID: "payByLink"}, 0},
		"event type":      {store.SubscriptionFilter{EventType: "tms.networktoken.updated"}, 2},
		"another event":   {store.SubscriptionFilter{EventType: "tms.networktoken.binding"}, 0},
		"text, any case":  {store.SubscriptionFilter{Text: "tOKEN"}, 1},
		"text, literally": {store.SubscriptionFilter{Text: "%"}, 0},
		"status":          {store.SubscriptionFilter{Status: store.StatusActive}, 0},
	} {
		list, err := s.ListSubscriptions(t.Context(), c.filter)
		if err != nil || len(list) != c.want {
			t.Errorf("by %s: %d, %v; want %d", name, len(list), err, c.want)
		}
	}
	list, err := s.ListSubscriptions(t.Context(), store.SubscriptionFilter{OrganizationID: acme.ID})
	if err != nil || list[0].ID != tokens.ID {
		t.Errorf("acme's = %+v, %v; want %d", list, err, tokens.ID)
	}
}

func TestHealthPingsAreKeptOnceAMinuteAndAnswer(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	v := newSubscription(t, s, newOrganization(t, s, "acme").ID, "tokens")
	minute := time.Date(2026, 11, 22, 10, 30, 0, 0, time.UTC)
	for _, ping := range []store.HealthPing{
		{At: minute, Answered: 200}, {At: minute.Add(20 * time.Second), Answered: 200}, {At: minute.Add(30 * time.Second), Answered: 503}, {At: minute.Add(time.Minute), Answered: 200},
	} {
		ping.EndpointID, ping.Method = v.EndpointID, "POST"
		if err := s.RecordHealthPing(t.Context(), ping); err != nil {
			t.Fatal(err)
		}
	}
	pings, err := s.ListHealthPings(t.Context(), v.EndpointID, 10)
	if err != nil || len(pings) != 3 {
		t.Fatalf("pings = %+v, %v; want three", pings, err)
	}
	if !pings[0].At.Equal(minute.Add(time.Minute)) || !pings[1].At.Equal(minute.Add(20*time.Second)) || pings[2].Answered != 503 {
		t.Errorf("pings = %+v; want newest first, the later of the two of one minute, then the 503", pings)
	}
}

func TestListenersHearOfCommittedChanges(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	o := newOrganization(t, s, "acme")
	ctx, cancel := context.WithCancel(t.Context())
	ready, changes, ended := make(chan struct{}), make(chan store.Change, 10), make(chan error, 1)
	go func() {
		ended <- s.Listen(ctx, func() { close(ready) }, func(c store.Change) { changes <- c })
	}()
	<-ready
	v := newSubscription(t, s, o.ID, "tokens")
	if got, want := <-changes, (store.Change{Topic: store.TopicSubscriptions, ID: v.ID}); got != want {
		t.Errorf("heard %+v, want %+v", got, want)
	}
	if _, err := s.InsertSignatureKey(t.Context(), store.SignatureKey{OrganizationID: o.ID, KeyID: "k", Key: store.Secret("k")}); err != nil {
		t.Fatal(err)
	}
	if got, want := <-changes, (store.Change{Topic: store.TopicKeys, ID: o.ID}); got != want {
		t.Errorf("heard %+v, want %+v", got, want)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Listen ended with %v, want context.Canceled", err)
	}
}
