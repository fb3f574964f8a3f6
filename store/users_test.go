package store_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
)

func TestRolesAllowWhatTheWeakerOnesMay(t *testing.T) {
	t.Parallel()
	roles := []store.Role{store.RoleViewer, store.RoleEditor, store.RoleAdministrator}
	for i, role := range roles {
		for j, needed := range roles {
			if got, want := role.Allows(needed), i >= j; got != want {
				t.Errorf("%s.Allows(%s) = %v, want %v", role, needed, got, want)
			}
		}
	}
	if store.Role("").Allows("") || store.RoleAdministrator.Allows("root") {
		t.Error("an unknown role is allowed")
	}
}

func TestUsersAreFoundByEmailWhateverItsCase(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	made, err := s.InsertUser(t.Context(), store.User{Email: " Ann@Example.com ", Name: "Ann", Role: store.RoleEditor, PasswordHash: "h"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.GetUserByEmail(t.Context(), "ANN@example.COM")
	if err != nil || got.ID != made.ID || got.Email != "ann@example.com" || !got.LastSignInAt.IsZero() {
		t.Errorf("GetUserByEmail = %+v, %v; want user %d, who never signed in", got, err, made.ID)
	}
	if _, err := s.InsertUser(t.Context(), store.User{Email: "ann@EXAMPLE.com", Role: store.RoleViewer}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a second user with the address: %v, want ErrConflict", err)
	}
	if _, err := s.InsertUser(t.Context(), store.User{Email: "bob@example.com", Role: "root"}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("an unknown role: %v, want ErrInvalid", err)
	}
	if _, err := s.GetUser(t.Context(), made.ID+1); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown id: %v, want ErrNotFound", err)
	}
}

func TestSetupLinkMakesOneAdministratorOnce(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	hash := []byte("hash of the token")
	if err := s.InsertSetupLink(t.Context(), hash, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := s.CheckSetupLink(t.Context(), hash); err != nil {
		t.Errorf("a fresh link: %v", err)
	}
	// Many people follow the link at once; one of them becomes the administrator.
	var wait sync.WaitGroup
	results := make(chan error, 8)
	for i := range cap(results) {
		wait.Go(func() {
			_, err := s.UseSetupLink(t.Context(), hash, store.User{Email: string(rune('a'+i)) + "@example.com", PasswordHash: "h"}, store.AuditEntry{Action: "user.set-up"})
			results <- err
		})
	}
	wait.Wait()
	close(results)
	succeeded := 0
	for err := range results {
		switch {
		case err == nil:
			succeeded++
		case !errors.Is(err, store.ErrNotFound):
			t.Errorf("a second use: %v, want ErrNotFound", err)
		}
	}
	if succeeded != 1 {
		t.Errorf("the link was used %d times, want once", succeeded)
	}
	users, err := s.ListUsers(t.Context())
	if err != nil || len(users) != 1 || users[0].Role != store.RoleAdministrator {
		t.Errorf("users = %+v, %v; want one administrator", users, err)
	}
	audit, err := s.ListAudit(t.Context(), store.AuditFilter{ObjectKind: "user"})
	if err != nil || len(audit) != 1 || audit[0].Actor != users[0].Email {
		t.Errorf("audit = %+v, %v; want one row by the new administrator", audit, err)
	}
}

func TestSetupLinkEnds(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	if err := s.InsertSetupLink(t.Context(), []byte("late"), time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := s.CheckSetupLink(t.Context(), []byte("late")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an expired link: %v, want ErrNotFound", err)
	}
	if err := s.InsertSetupLink(t.Context(), []byte("first"), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := s.InsertSetupLink(t.Context(), []byte("second"), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := s.CheckSetupLink(t.Context(), []byte("first")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a replaced link: %v, want ErrNotFound", err)
	}
	if err := s.CheckSetupLink(t.Context(), []byte("second")); err != nil {
		t.Errorf("the newest link: %v", err)
	}
}

func TestFailedSignInsLockForLongerAndLonger(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	user, err := s.InsertUser(t.Context(), store.User{Email: "ann@example.com", Role: store.RoleViewer})
	if err != nil {
		t.Fatal(err)
	}
	locked := func() time.Duration {
		until, err := s.SignInLockedUntil(t.Context(), "ann@example.com", "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		if until.IsZero() {
			return 0
		}
		return time.Until(until)
	}
	fail := func() {
		if err := s.RecordSignInFailure(t.Context(), nil, "ann@example.com"); err != nil {
			t.Fatal(err)
		}
	}
	for range 4 {
		fail()
	}
	if locked() != 0 {
		t.Error("locked after four failures, want after five")
	}
	fail()
	first := locked()
	fail()
	second := locked()
	if first <= 0 || second <= first {
		t.Errorf("locks last %v, then %v; want the second to be longer", first, second)
	}
	for range 20 {
		fail()
	}
	if longest := locked(); longest > 15*time.Minute {
		t.Errorf("locked for %v, want at most 15 minutes", longest)
	}
	if err := s.RecordSignIn(t.Context(), user.ID, "ann@example.com"); err != nil {
		t.Fatal(err)
	}
	if locked() != 0 {
		t.Error("still locked after a successful sign-in")
	}
}

func TestOneOfManyStartsMakesTheFirstAdministrator(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	var made atomic.Int32
	var starting sync.WaitGroup
	for i := range 8 {
		starting.Go(func() {
			one, err := s.InsertFirstAdministrator(t.Context(), fmt.Sprintf("root%d@example.com", i), "hash")
			if err != nil {
				t.Error(err)
			}
			if one {
				made.Add(1)
			}
		})
	}
	starting.Wait()
	list, err := s.ListUsers(t.Context())
	if err != nil || made.Load() != 1 || len(list) != 1 || list[0].Role != store.RoleAdministrator {
		t.Errorf("%d starts made one, people are %+v, %v", made.Load(), list, err)
	}
}
