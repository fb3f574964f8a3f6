package web_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web/webtest"
)

// events reads a stream until it ends.
type events struct {
	t    *testing.T
	resp *http.Response
	text chan string
}

func openEvents(t *testing.T, c *webtest.Client, path string) *events {
	t.Helper()
	e := &events{t: t, resp: c.Open(path), text: make(chan string, 100)}
	if e.resp.StatusCode != http.StatusOK || e.resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("stream answered %d, %s", e.resp.StatusCode, e.resp.Header.Get("Content-Type"))
	}
	go func() {
		defer close(e.text)
		lines := bufio.NewScanner(e.resp.Body)
		for lines.Scan() {
			if lines.Text() != "" {
				e.text <- lines.Text()
			}
		}
	}()
	t.Cleanup(e.close)
	return e
}

func (e *events) close() {
	_ = e.resp.Body.Close() // what is left does not matter
	for range e.text {
	}
}

// next is the next line, or "" when the stream has ended.
func (e *events) next() string {
	e.t.Helper()
	select {
	case line := <-e.text:
		return line
	case <-time.After(2 * time.Minute):
		e.t.Fatal("nothing came for two minutes")
		return ""
	}
}

// until reads lines until one is want, and returns those before it.
func (e *events) until(want string) []string {
	e.t.Helper()
	var before []string
	for {
		line := e.next()
		if line == want {
			return before
		}
		if line == "" {
			e.t.Fatalf("the stream ended before %q; it said %q", want, before)
		}
		before = append(before, line)
	}
}

func notify(t *testing.T, srv *webtest.Server, payload string) {
	t.Helper()
	if _, err := srv.Store.Pool().Exec(t.Context(), "SELECT pg_notify('switchboard_live', $1)", payload); err != nil {
		t.Fatal(err)
	}
}

func TestStreamTellsWhatKindOfThingHasChanged(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	stream := openEvents(t, srv.As(store.RoleViewer), paths.LiveNotifications)
	// A page of which nothing is known is told everything once, when the hub has begun to listen.
	stream.until("event: subscriptions")
	notify(t, srv, "notifications:1")
	if before := stream.until("event: notifications"); !strings.HasPrefix(before[len(before)-1], "id: ") {
		t.Errorf("the event has no id: %q", before)
	}
	notify(t, srv, "rejected:1")
	stream.until("event: rejected")
	notify(t, srv, "something new:1")
	notify(t, srv, "health:5")
	for _, line := range stream.until("event: subscriptions") {
		if line == "event: notifications" || line == "event: rejected" {
			t.Errorf("told %q although it did not change", line)
		}
	}
}

func TestManyChangesAreToldTogether(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	stream := openEvents(t, srv.As(store.RoleViewer), paths.LiveNotifications)
	stream.until("event: subscriptions")
	begin := time.Now()
	for range 200 {
		notify(t, srv, "notifications:1")
	}
	notify(t, srv, "rejected:1")
	told := 0
	for _, line := range stream.until("event: rejected") {
		if line == "event: notifications" {
			told++
		}
	}
	if limit := 2 + int(time.Since(begin)/(250*time.Millisecond)); told == 0 || told > limit {
		t.Errorf("told %d times within %s, want 1 to %d", told, time.Since(begin), limit)
	}
}

func TestStreamGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	browser := srv.As(store.RoleViewer)
	first := openEvents(t, browser, paths.LiveNotifications)
	first.until("event: subscriptions")
	notify(t, srv, "notifications:1")
	before := first.until("event: notifications")
	position := strings.TrimPrefix(before[len(before)-1], "id: ")
	first.close()

	again := openEvents(t, browser.With("Last-Event-ID", position), paths.LiveNotifications)
	if got := again.next(); got != "id: "+position {
		t.Errorf("nothing changed, but the first line is %q", got)
	}
	notify(t, srv, "rejected:1")
	if before := again.until("event: rejected"); len(before) != 1 {
		t.Errorf("told again what was known: %q", before)
	}
	again.close()

	missed := openEvents(t, browser.With("Last-Event-ID", position), paths.LiveNotifications)
	missed.until("event: rejected")
	missed.close()

	foreign := openEvents(t, browser.With("Last-Event-ID", "of-another-server-7"), paths.LiveNotifications)
	foreign.until("event: notifications")
}

func TestBrokenListenerTellsPagesToLookAtEverything(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	stream := openEvents(t, srv.As(store.RoleViewer), paths.LiveNotifications)
	stream.until("event: subscriptions")
	notify(t, srv, "rejected:1")
	stream.until("event: rejected")
	if _, err := srv.Store.Pool().Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"); err != nil {
		t.Fatal(err)
	}
	stream.until("event: notifications")
	stream.until("event: subscriptions")
	notify(t, srv, "rejected:1")
	stream.until("event: rejected")
}

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	browser := srv.As(store.RoleViewer)
	for range 12 {
		openEvents(t, browser, paths.LiveNotifications)
	}
	browser.Get(paths.LiveNotifications).Wants(http.StatusTooManyRequests)
	openEvents(t, srv.As(store.RoleEditor), paths.LiveNotifications).until("event: subscriptions")
}

func TestStreamEndsAtShutdown(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	browser := srv.As(store.RoleViewer)
	stream := openEvents(t, browser, paths.LiveNotifications)
	stream.until("event: subscriptions")
	srv.Console.EndStreams()
	for line := stream.next(); line != ""; line = stream.next() {
		if strings.HasPrefix(line, "event: ") {
			t.Errorf("told %q at the end", line)
		}
	}
	browser.Get(paths.LiveNotifications).Wants(http.StatusTooManyRequests)
}

func TestStreamIsForPeopleSignedIn(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	srv.Stranger().Get(paths.LiveNotifications).Wants(http.StatusSeeOther)
	srv.Stranger().HTMX().Get(paths.LiveNotifications).Wants(http.StatusUnauthorized)
	srv.As(store.RoleViewer).Do(http.MethodHead, paths.LiveNotifications, nil).Wants(http.StatusOK)
}

// renameDatabase gives the database another name, ending its connections.
func renameDatabase(t *testing.T, cfg *pgx.ConnConfig, from, to string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }() // it was only needed here
	if _, err := conn.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", from); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(ctx, "ALTER DATABASE "+pgx.Identifier{from}.Sanitize()+" RENAME TO "+pgx.Identifier{to}.Sanitize()); err != nil {
		t.Fatal(err)
	}
}
