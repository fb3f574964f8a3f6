package web_test

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
)

// TestCardNumbersAreNowhereInClearText sends a card number in every writing and in every place, and then reads the whole database, the logs, the metrics and
// the pages for its digits. It shares no code with what masks.
func TestCardNumbersAreNowhereInClearText(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	v.sendEverything(t)
	v.settle()
	if len(v.numbers) < 300 {
		t.Errorf("%d combinations of writing and place were sent, want 300 or more", len(v.numbers))
	}
	s := search{v: v, t: t, found: map[string]bool{}}
	s.database()
	s.read("the log", v.log.String()+v.Logged())
	s.measured()
	s.pages()
	t.Logf("%d numbers in %d requests", len(v.numbers), v.sent)
}

func TestWhatOnlyLooksLikeCardDataStaysReadable(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	values := []string{
		"7123456789012345678901", "4111111111111111111111", "0d4f1e2a-5b6c-4d7e-8f90-123456789abc", "41111111-1111-4111-8111-111111111111", "2026-03-04T05:06:07.123Z", "1772600767123", "1234567.50",
		"+44 20 7946 0958", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "order-2026-000123", "AUTHORIZED", "198.241.206.21",
	}
	for _, value := range values {
		body := v.notification(`"some":"` + value + `"`)
		v.post(t, body, true, http.Header{"V-C-Transaction-Trace-Id": {value}, "X-Request-Id": {value}}, "")
	}
	v.settle()
	viewer := v.As(store.RoleViewer)
	for i, d := range v.stored(t) {
		show := paths.ShowNotification(d.ID.String())
		viewer.Get(show).Says(values[i])
		if d.TraceID != values[i] || d.KeyID != v.key.ID {
			t.Errorf("%q is stored as trace id %q, and %q as key id", values[i], d.TraceID, d.KeyID)
		}
		if d.Headers[0][0] != "Host" || !strings.Contains(fmt.Sprint(d.Headers), values[i]) {
			t.Errorf("%q is not among the headers %v", values[i], d.Headers)
		}
	}
}

// search looks for the numbers that were sent.
type search struct {
	v     *vault
	t     *testing.T
	found map[string]bool
	most  int
}

// database reads every column that can hold text or bytes.
func (s *search) database() {
	s.t.Helper()
	ctx := s.t.Context()
	rows, _ := s.v.Store.Pool().Query(ctx, `SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c JOIN pg_class k ON k.oid = (quote_ident(c.table_schema) || '.' || quote_ident(c.table_name))::regclass
		WHERE c.table_schema = current_schema() AND k.relkind IN ('r', 'p') AND NOT k.relispartition AND (c.data_type IN ('text', 'character varying', 'json', 'jsonb', 'bytea', 'ARRAY', 'name', 'bigint', 'numeric'))`)
	columns, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c [3]string, err error) {
		err = row.Scan(&c[0], &c[1], &c[2])
		return c, err
	})
	if err != nil || len(columns) < 50 {
		s.t.Fatalf("%d columns were found: %v", len(columns), err)
	}
	for _, c := range columns {
		s.column(ctx, c[0], c[1], c[2])
	}
}

func (s *search) column(ctx context.Context, table, column, dataType string) {
	s.t.Helper()
	name := pgx.Identifier{column}.Sanitize()
	text := name + "::text"
	if dataType == "bytea" {
		text = "encode(" + name + ", 'escape')"
	}
	rows, _ := s.v.Store.Pool().Query(ctx, "SELECT "+text+" FROM "+pgx.Identifier{table}.Sanitize()+" WHERE "+name+" IS NOT NULL")
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		s.t.Fatalf("read %s.%s: %v", table, column, err)
	}
	for _, text := range texts {
		s.read("column "+table+"."+column, text)
	}
}

func (s *search) measured() {
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(s.v.metrics, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequestWithContext(s.t.Context(), http.MethodGet, "/metrics", http.NoBody))
	s.read("the metrics", answer.Body.String())
}

// pages reads the lists, and all that is said about each delivery.
func (s *search) pages() {
	viewer := s.v.As(store.RoleAdministrator)
	for _, path := range []string{paths.Overview, paths.Notifications, paths.Rejected, paths.AuditLog, paths.Ungrouped, paths.ShowSubscription(s.v.Subscription.ID)} {
		s.read("page "+path, viewer.Get(path).Body)
	}
	rows, _ := s.v.Store.Pool().Query(s.t.Context(), "SELECT id::text, verdict, object_id FROM deliveries LEFT JOIN notifications USING (id) ORDER BY id")
	type delivery struct {
		ID, Verdict string
		ObjectID    *string
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[delivery])
	if err != nil || len(list) == 0 {
		s.t.Fatalf("%d deliveries are stored: %v", len(list), err)
	}
	for i, d := range list {
		show, tabs := paths.ShowRejected(d.ID), []string{"verification", "payload", "headers", "record"}
		if d.Verdict == "verified" {
			show, tabs = paths.ShowNotification(d.ID), []string{"", "deliveries", "headers", "verification", "record"}
			if *d.ObjectID != "" && i%16 == 0 {
				s.read("a search's results", withoutInput(viewer.Get(paths.WithQuery(paths.Notifications, url.Values{"q": {*d.ObjectID}})).Body))
			}
		}
		if i%3 != 0 {
			continue // the columns were read above; the pages of some show how they are shown
		}
		for j, tab := range tabs {
			if j > 1 && i%9 > 1 {
				continue // its headers are the same as others'
			}
			s.read("page "+d.Verdict+" "+tab, viewer.Get(paths.With(show, "tab", tab)).Body)
		}
		if i%9 > 4 || i%9 == 0 {
			s.read("raw view", viewer.Get(paths.With(show, "tab", "payload", "view", "raw")).Body)
			s.read("hex view", viewer.Get(paths.With(show, "tab", "payload", "view", "hex")).Body)
			s.read("download", viewer.Get(paths.DownloadDeliveryBody(d.ID)).Body)
		}
	}
}

// withoutInput leaves out what a person has typed.
func withoutInput(page string) string {
	return regexp.MustCompile(`value="[^"]*"`).ReplaceAllString(page, "")
}

// read reports each number that a text has, however it is written.
func (s *search) read(where, text string) {
	s.t.Helper()
	for _, variant := range readings(text) {
		run := make([]byte, 0, len(variant))
		for _, r := range variant {
			d, ok := decimal(r)
			switch {
			case unicode.IsLetter(r):
				run = run[:0]
				continue
			case !ok:
				continue
			}
			if run = append(run, '0'+d); len(run) >= 16 {
				s.check(where, string(run[len(run)-16:]))
			}
		}
	}
}

func (s *search) check(where, digits string) {
	s.t.Helper()
	what, sent := s.v.numbers[digits]
	if !sent || s.found[where+what] {
		return
	}
	s.found[where+what] = true
	if s.most++; s.most <= 40 {
		s.t.Errorf("%s shows %s", where, what)
	}
}

// readings are a text as it stands, as a browser shows it, and as its escapes are meant. Three stars are a mask, and part what stands around them.
func readings(text string) []string {
	text = strings.ReplaceAll(text, "***", "x")
	shown := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(text, "")
	list := []string{text, shown}
	for range 4 {
		next := unescaped(shown)
		if next == shown {
			break
		}
		shown = next
		list = append(list, shown)
	}
	return list
}

func unescaped(text string) string {
	text = html.UnescapeString(text)
	text = regexp.MustCompile(`\\+u[0-9a-fA-F]{4}`).ReplaceAllStringFunc(text, func(e string) string {
		n, _ := strconv.ParseUint(e[len(e)-4:], 16, 32) // four hexadecimal digits
		return string(rune(n))
	})
	text = regexp.MustCompile(`\\+[nrtbf]`).ReplaceAllString(text, " ")
	return regexp.MustCompile(`(%[0-9a-fA-F]{2})+`).ReplaceAllStringFunc(text, func(e string) string {
		plain, err := url.PathUnescape(e)
		if err != nil {
			return e
		}
		return plain
	})
}

// decimal is the value of a decimal digit of any script: they stand in rows of ten.
func decimal(r rune) (byte, bool) {
	if r < 0x80 {
		return byte(r - '0'), r >= '0' && r <= '9'
	}
	if !unicode.Is(unicode.Nd, r) {
		return 0, false
	}
	first := r
	for unicode.Is(unicode.Nd, first-1) {
		first--
	}
	return byte((r - first) % 10), true
}
