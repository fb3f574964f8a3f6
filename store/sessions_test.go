package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
)

func TestSessionsExpire(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	save := func(id string, expires time.Time) {
		if err := s.SaveSession(t.Context(), store.Session{IDHash: []byte(id), Data: []byte("d"), ExpiresAt: expires}); err != nil {
			t.Fatal(err)
		}
	}
	save("living", time.Now().Add(time.Hour))
	save("over", time.Now().Add(-time.Second))
	if got, err := s.GetSession(t.Context(), []byte("living")); err != nil || string(got.Data) != "d" || got.UserID != 0 {
		t.Errorf("GetSession = %+v, %v; want the data of nobody signed in", got, err)
	}
	if _, err := s.GetSession(t.Context(), []byte("over")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an expired session: %v, want ErrNotFound", err)
	}
	if n, err := s.DeleteExpiredSessions(t.Context()); err != nil || n != 1 {
		t.Errorf("DeleteExpiredSessions = %d, %v; want 1", n, err)
	}
	if err := s.TouchSession(t.Context(), []byte("living"), time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.GetSession(t.Context(), []byte("living")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a session whose end was moved: %v, want ErrNotFound", err)
	}
}

func TestSavingASessionAgainKeepsWhenItBegan(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	v := store.Session{IDHash: []byte("x"), Data: []byte("one"), ExpiresAt: time.Now().Add(time.Hour)}
	if err := s.SaveSession(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	first, err := s.GetSession(t.Context(), v.IDHash)
	if err != nil {
		t.Fatal(err)
	}
	v.Data = []byte("two")
	if err := s.SaveSession(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	again, err := s.GetSession(t.Context(), v.IDHash)
	if err != nil || string(again.Data) != "two" || !again.CreatedAt.Equal(first.CreatedAt) {
		t.Errorf("saved again = %+v, %v; want new data and the same beginning %v", again, err, first.CreatedAt)
	}
	if err := s.DeleteSession(t.Context(), v.IDHash); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteSession(t.Context(), v.IDHash); err != nil {
		t.Errorf("deleting what is gone: %v, want no error", err)
	}
}
