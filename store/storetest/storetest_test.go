package storetest_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/switchboardhq/switchboard/migrations"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func TestDatabasesAreMigratedAndApart(t *testing.T) {
	t.Parallel()
	var urls []string
	for range 8 {
		urls = append(urls, storetest.Database(t))
	}
	for _, url := range urls {
		if err := migrations.Check(t.Context(), url); err != nil {
			t.Errorf("schema: %v", err)
		}
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		// Would fail for the second database if it were the first again.
		if _, err := conn.Exec(t.Context(), "CREATE TABLE mine (n int)"); err != nil {
			t.Error(err)
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestDatabaseIsDroppedAtTheEndOfItsTest(t *testing.T) { //nolint:tparallel // the subtest's end is waited for
	t.Parallel()
	var url string
	t.Run("user", func(t *testing.T) {
		url = storetest.Database(t)
		conn, err := pgx.Connect(t.Context(), url) // left open on purpose: dropping is forced
		if err != nil || conn.Ping(t.Context()) != nil {
			t.Fatalf("connect: %v", err)
		}
	})
	if conn, err := pgx.Connect(t.Context(), url); err == nil {
		_ = conn.Close(t.Context()) // the failure below says it all
		t.Error("the database outlived its test")
	}
}

func TestNewOpensAWritableStore(t *testing.T) {
	t.Parallel()
	s := storetest.New(t, func(c *store.Config) { c.MaxConns = 2 })
	if err := s.CheckWritable(t.Context()); err != nil {
		t.Error(err)
	}
	if got := s.Pool().Config().MaxConns; got != 2 {
		t.Errorf("connections = %d, want the option's 2", got)
	}
}

func BenchmarkDatabase(b *testing.B) {
	for b.Loop() {
		storetest.Database(b)
	}
}
