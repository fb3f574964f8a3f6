package store_test

import (
	"errors"
	"testing"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
)

func TestOrganizationIsLockedForOneAtATime(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	unlock, err := s.LockOrganization(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.LockOrganization(t.Context(), 1); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a second lock gives %v, want ErrConflict", err)
	}
	other, err := s.LockOrganization(t.Context(), 2)
	if err != nil {
		t.Fatalf("another organization is locked too: %v", err)
	}
	other()
	unlock()
	again, err := s.LockOrganization(t.Context(), 1)
	if err != nil {
		t.Fatalf("after unlock: %v", err)
	}
	again()
}
