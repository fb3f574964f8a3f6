package store_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
)

func TestAuditEntryIsClosedOnce(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	id, err := s.InsertAudit(t.Context(), store.AuditEntry{
		Actor: "ann@example.com", Action: "subscription.create", ObjectKind: "subscription", Outcome: store.OutcomeStarted,
		After: json.RawMessage(`{"name": "tokens"}`), RequestID: "r-1", Source: netip.MustParseAddr("192.0.2.1"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.FinishAudit(t.Context(), id, store.OutcomeSucceeded, "done", "7"); err != nil {
		t.Fatal(err)
	}
	if err := s.FinishAudit(t.Context(), id, store.OutcomeFailed, "no", ""); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("closing twice: %v, want ErrNotFound", err)
	}
	list, err := s.ListAudit(t.Context(), store.AuditFilter{ObjectKind: "subscription", ObjectID: "7"})
	if err != nil || len(list) != 1 {
		t.Fatalf("ListAudit = %+v, %v; want the entry by its object", list, err)
	}
	got := list[0]
	if got.Outcome != store.OutcomeSucceeded || got.Detail != "done" || got.RequestID != "r-1" || got.Source.String() != "192.0.2.1" || string(got.After) != `{"name": "tokens"}` || got.Before != nil {
		t.Errorf("entry = %+v", got)
	}
}

func TestAuditIsPagedNewestFirst(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	var ids []int64
	for _, action := range []string{"a", "b", "a"} {
		id, err := s.InsertAudit(t.Context(), store.AuditEntry{Actor: "x", Action: action})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	page, err := s.ListAudit(t.Context(), store.AuditFilter{Limit: 2})
	if err != nil || len(page) != 2 || page[0].ID != ids[2] {
		t.Fatalf("first page = %+v, %v; want the newest two", page, err)
	}
	page, err = s.ListAudit(t.Context(), store.AuditFilter{BeforeID: page[1].ID})
	if err != nil || len(page) != 1 || page[0].ID != ids[0] {
		t.Errorf("second page = %+v, %v; want the oldest", page, err)
	}
	page, err = s.ListAudit(t.Context(), store.AuditFilter{Action: "a"})
	if err != nil || len(page) != 2 {
		t.Errorf("by action = %+v, %v; want two", page, err)
	}
}

func TestAuditIsPagedBothWaysAndFiltered(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	var ids []int64
	for _, e := range []store.AuditEntry{
		{Action: "b.x", Outcome: store.OutcomeFailed}, {Action: "a.x"}, {Action: "b.x"}, {Action: "c.x"}, {Action: "a.x"},
	} {
		e.Actor = "test"
		id, err := s.InsertAudit(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	cases := []struct {
		name   string
		filter store.AuditFilter
		want   []int64
	}{
		{"newer than, nearest first", store.AuditFilter{AfterID: ids[0], Limit: 2}, []int64{ids[2], ids[1]}},
		{"older wins over newer", store.AuditFilter{BeforeID: ids[1], AfterID: ids[3]}, []int64{ids[0]}},
		{"outcome", store.AuditFilter{Outcome: store.OutcomeFailed}, []int64{ids[0]}},
		{"from a time to come", store.AuditFilter{From: time.Now().Add(time.Hour)}, nil},
		{"to a time to come", store.AuditFilter{To: time.Now().Add(time.Hour), Action: "c.x"}, []int64{ids[3]}},
		{"another organization", store.AuditFilter{OrganizationID: 7}, nil},
	}
	for _, c := range cases {
		list, err := s.ListAudit(t.Context(), c.filter)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var got []int64
		for _, e := range list {
			got = append(got, e.ID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if actions, err := s.ListAuditActions(t.Context()); err != nil || !slices.Equal(actions, []string{"a.x", "b.x", "c.x"}) {
		t.Errorf("ListAuditActions = %q, %v", actions, err)
	}
	if e, err := s.GetAudit(t.Context(), ids[3]); err != nil || e.Action != "c.x" {
		t.Errorf("GetAudit = %+v, %v", e, err)
	}
	if _, err := s.GetAudit(t.Context(), ids[4]+1); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown id: %v, want ErrNotFound", err)
	}
}
