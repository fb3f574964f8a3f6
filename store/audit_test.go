package store_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"testing"

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
