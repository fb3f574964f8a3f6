package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/switchboardhq/switchboard/store/storetest"
)

func TestLookingForRoomLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	for range 3 {
		if err := s.CheckRoom(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(t, s, "SELECT count(*) FROM pg_class WHERE relname = 'room_probe'"); n != 0 {
		t.Error("the probe is still there")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.CheckRoom(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v, want the context's error", err)
	}
}
