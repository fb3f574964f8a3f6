package store_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
)

func addUser(t *testing.T, s *store.Store, email string, role store.Role) store.User {
	t.Helper()
	u, err := s.AddUser(t.Context(), store.User{Email: email, Role: role, PasswordHash: "h"}, store.AuditEntry{Actor: "test", Action: "user.create"})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func addSession(t *testing.T, s *store.Store, u store.User, id string) {
	t.Helper()
	if err := s.SaveSession(t.Context(), store.Session{IDHash: []byte(id), UserID: u.ID, Data: []byte("{}"), ExpiresAt: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
}

func TestOneAdministratorAlwaysStays(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a, b := addUser(t, s, "a@example.com", store.RoleAdministrator), addUser(t, s, "b@example.com", store.RoleAdministrator)
	// Two administrators disable one another at the same time: one of them is too late.
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i, u := range []store.User{a, b} {
		wg.Go(func() {
			errs[i] = s.DisableUser(t.Context(), u, store.AuditEntry{Actor: "test", Action: "user.disable"})
		})
	}
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Fatalf("both ended alike: %v, %v", errs[0], errs[1])
	}
	if err := errors.Join(errs...); !errors.Is(err, store.ErrLastAdministrator) || !errors.Is(err, store.ErrConflict) {
		t.Errorf("the later one: %v, want ErrLastAdministrator", err)
	}
	if list, err := s.ListAudit(t.Context(), store.AuditFilter{Action: "user.disable"}); err != nil || len(list) != 1 {
		t.Errorf("audit = %+v, %v; what was refused is not an entry", list, err)
	}
	last := a
	if errs[0] == nil {
		last = b
	}
	last.Role = store.RoleViewer
	if err := s.UpdateUser(t.Context(), last, store.AuditEntry{Actor: "test", Action: "user.update"}); !errors.Is(err, store.ErrLastAdministrator) {
		t.Errorf("the last one made a viewer: %v, want ErrLastAdministrator", err)
	}
}

func TestDisablingAndNewPasswordsEndSessions(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	addUser(t, s, "admin@example.com", store.RoleAdministrator)
	u := addUser(t, s, "u@example.com", store.RoleViewer)
	addSession(t, s, u, "one")
	addSession(t, s, u, "two")
	if err := s.ReplaceUserPassword(t.Context(), u, "new", []byte("two"), store.AuditEntry{Actor: "test", Action: "user.change_password"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.GetSession(t.Context(), []byte("one")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another session after a new password: %v, want ErrNotFound", err)
	}
	if _, err := s.GetSession(t.Context(), []byte("two")); err != nil {
		t.Errorf("the session kept: %v", err)
	}
	if err := s.DisableUser(t.Context(), u, store.AuditEntry{Actor: "test", Action: "user.disable"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.GetSession(t.Context(), []byte("two")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a session of somebody disabled: %v, want ErrNotFound", err)
	}
	if err := s.EnableUser(t.Context(), u, store.AuditEntry{Actor: "test", Action: "user.enable"}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.GetUser(t.Context(), u.ID); err != nil || !got.DisabledAt.IsZero() || got.PasswordHash != "new" {
		t.Errorf("user = %+v, %v", got, err)
	}
	if err := s.EnableUser(t.Context(), store.User{ID: u.ID + 100}, store.AuditEntry{Actor: "test", Action: "user.enable"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("nobody enabled: %v, want ErrNotFound", err)
	}
}

func TestRehashYieldsToAChangedPassword(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	u := addUser(t, s, "u@example.com", store.RoleViewer)
	for _, step := range []struct{ old, now, want string }{{"h", "stronger", "stronger"}, {"h", "late", "stronger"}} {
		if err := s.RehashUserPassword(t.Context(), u.ID, step.old, step.now); err != nil {
			t.Fatal(err)
		}
		if got, err := s.GetUser(t.Context(), u.ID); err != nil || got.PasswordHash != step.want {
			t.Errorf("after %s for %s: hash %q, %v; want %q", step.now, step.old, got.PasswordHash, err, step.want)
		}
	}
}

func TestSessionThatHasEndedIsNotBroughtBack(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	u := addUser(t, s, "u@example.com", store.RoleViewer)
	addSession(t, s, u, "one")
	if err := s.UpdateSessionData(t.Context(), []byte("one"), []byte("changed")); err != nil {
		t.Fatal(err)
	}
	if got, err := s.GetSession(t.Context(), []byte("one")); err != nil || string(got.Data) != "changed" || got.UserID != u.ID {
		t.Errorf("session = %+v, %v", got, err)
	}
	if err := s.DeleteSession(t.Context(), []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := s.UpdateSessionData(t.Context(), []byte("one"), []byte("back")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an ended session: %v, want ErrNotFound", err)
	}
	if _, err := s.GetSession(t.Context(), []byte("one")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it came back: %v", err)
	}
}

func TestOldFailuresAreForgotten(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := storetest.New(t, func(c *store.Config) { c.Now = func() time.Time { return now } })
	failures := func() (n int) {
		t.Helper()
		if err := s.Pool().QueryRow(t.Context(), "SELECT count(*) FROM sign_in_failures").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := s.RecordSignInFailure(t.Context(), nil, "email:old"); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		later time.Duration
		want  int
	}{{23 * time.Hour, 1}, {2 * time.Hour, 0}} {
		now = now.Add(step.later)
		if _, err := s.DeleteExpiredSessions(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := failures(); got != step.want {
			t.Errorf("after %s more: %d failures remembered, want %d", step.later, got, step.want)
		}
	}
}
