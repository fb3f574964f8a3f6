package storetest

import (
	"crypto/rand"
	"encoding/base64"
	"testing"

	"github.com/switchboardhq/switchboard/store"
)

// New opens a store on a database of its own for one test. Options change its configuration, for example the clock.
func New(tb testing.TB, options ...func(*store.Config)) *store.Store {
	tb.Helper()
	cfg := store.Config{URL: Database(tb), Sealer: Sealer(tb), MaxConns: 6}
	for _, option := range options {
		option(&cfg)
	}
	s, err := store.Open(tb.Context(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// Sealer returns one with a new random key.
func Sealer(tb testing.TB) *store.Sealer {
	tb.Helper()
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		tb.Fatal(err)
	}
	key, err := store.ParseSealingKey(base64.StdEncoding.EncodeToString(raw))
	if err != nil {
		tb.Fatal(err)
	}
	sealer, err := store.NewSealer(key)
	if err != nil {
		tb.Fatal(err)
	}
	return sealer
}
