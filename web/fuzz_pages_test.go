package web_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/ui"
	"github.com/switchboardhq/switchboard/web/webtest"
)

const (
	largestBody = 1 << 20 // that the receiver takes
	mostHeaders = 100     // that it keeps
)

// FuzzPages stores what a stranger may have sent, and looks at every page that shows it: none fails, none is larger than 6 MiB, none takes longer than
// a second, and all their tags are closed. A body is a text, another one repeated, and a third.
func FuzzPages(f *testing.F) {
	for _, s := range []struct {
		before, again, after string
		times                uint32
		header, date         string
	}{
		{`{"payload":{"n":1}}`, "", "", 0, "X-A: 1", "2026-11-22T10:00:00"},
		{"", "[", "1", 9990, "", "9999-12-31T23:59:59"},
		{strings.Repeat("[", 9990) + "1", "]", "", 9990, "", "0000-01-01T00:00:00"},
		{"", "<", "", largestBody, "X: <", "<"},
		{"", `"`, "", largestBody, `X: "`, `"`},
		{"", "'", "", 60 << 10, "X: '", "'"},
		{"", "\x01", "", largestBody, "\x01", "\x01"},
		{"", "\xff\xfea", "", largestBody, "\xff", "\xff"},
		{"[1", ",1", "]", largestBody, "a:b", "x"},
		{`{"k":"4111111111111111"`, `,"number":"4111111111111111"`, "}", 30000, "a:4111111111111111", "x"},
		{`[""`, `,"&"`, "]", largestBody, "", ""},
		{`{"` + strings.Repeat("k", 200000) + `":{"a":1`, `,"b<":2`, "}}", 100000, "", ""},
		{`{"` + strings.Repeat("k", 400), `":{"` + strings.Repeat("l", 400), `":1`, 2000, "", ""},
		{`{"a":"`, `\u0000`, `"}`, 150000, "", ""},
		{`{"a":"`, `\"`, `"}`, 500000, "", ""},
		{`"`, `[`, `"`, 1000000, "", ""},
		{"4", "111-", "1", 260000, "", ""},
		{"", "\u202e\n", "", 100000, strings.Repeat("h: v\n", 200), strings.Repeat("9", 400)},
	} {
		f.Add([]byte(s.before), []byte(s.again), []byte(s.after), s.times, s.header, s.date, uint32(0), int64(0))
	}
	f.Add([]byte("{}"), []byte(nil), []byte(nil), uint32(0), "", "2026-11-22T10:00:00", uint32(1<<31-1), int64(-1<<62))
	a := newArchive(f)
	cookie := a.As(store.RoleAdministrator).Cookie(webtest.SessionCookie)
	f.Fuzz(func(t *testing.T, before, again, after []byte, times uint32, header, date string, retry uint32, skew int64) {
		one := *a // with a test of its own
		one.tb = t
		body := bytes.Join([][]byte{before, bytes.Repeat(again, min(int(times), largestBody/max(len(again), 1))), after}, nil)
		sent := kept{body: body[:min(len(body), largestBody)], header: header, date: storable(date), retry: int(retry % (1 << 31)), skew: time.Duration(skew)}
		for _, path := range one.store(sent) {
			lookAt(t, one.URL+path, cookie)
		}
		one.forget()
	})
}

// kept is one delivery as the fuzzer has it.
type kept struct {
	body         []byte
	header, date string
	retry        int
	skew         time.Duration
}

// storable is text as Postgres keeps it, and as the receiver makes it.
func storable(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
	return strings.ToValidUTF8(text[:min(len(text), 512)], "")
}

// store keeps a delivery as verified and as rejected, the body as an audit difference and as Cybersource's answer too where it is JSON, and returns the
// addresses of all that shows them.
func (a *archive) store(s kept) []string {
	a.tb.Helper()
	at := time.Now().Add(-time.Minute)
	change := func(d *store.Delivery) {
		d.EventDate, d.RetryNumber, d.SignedAt, d.Headers = s.date, s.retry, time.UnixMilli(min(max(s.skew.Milliseconds(), 0), 253402300799999)), nil
		for line := range strings.SplitSeq(s.header, "\n") {
			name, value, _ := strings.Cut(line, ":")
			if len(d.Headers) < mostHeaders {
				d.Headers = append(d.Headers, store.Header{storable(name), storable(value)})
			}
		}
	}
	verified, rejected := a.delivery(at, string(s.body), change), a.delivery(at.Add(time.Second), string(s.body), rejectedFor("unknown_key"), change)
	rejected.ReasonDetail, rejected.EventType, rejected.KeyID = s.date, s.date, s.date
	a.describe(verified, func(d *store.Description) { d.Summary, d.ObjectID = s.date, s.date })
	a.keep(verified, rejected)
	addresses := []string{paths.Notifications, paths.Rejected, paths.DownloadDeliveryBody(verified.ID.String()), paths.DownloadDeliveryRecord(verified.ID.String())}
	for _, page := range []string{paths.ShowNotification(verified.ID.String()), paths.ShowRejected(rejected.ID.String())} {
		for _, tab := range []string{"headers", "verification", "deliveries", "record", "payload", "payload&view=raw", "payload&view=hex", "payload&as=received"} {
			addresses = append(addresses, page+"?tab="+tab)
		}
	}
	return append(addresses, a.storeJSON(s.body)...)
}

// storeJSON keeps JSON where Switchboard keeps that of others beside deliveries.
func (a *archive) storeJSON(text []byte) []string {
	a.tb.Helper()
	if !json.Valid(text) || bytes.Contains(text, []byte(`\u0000`)) {
		return nil
	}
	id, err := a.Store.InsertAudit(a.tb.Context(), store.AuditEntry{Actor: "test", Action: "test", Before: json.RawMessage(`{"a":1}`), After: text})
	if err != nil {
		return nil // Postgres refuses what is too deep
	}
	addresses := []string{paths.ShowAuditEntry(id), paths.AuditLog}
	_, err = a.Store.RecordActual(a.tb.Context(), a.Subscription.ID, store.ActualSubscription{WebhookID: a.Subscription.WebhookID, Status: store.StatusActive, Raw: text})
	if err == nil {
		for _, tab := range []string{"configuration", "history", "activity"} {
			addresses = append(addresses, paths.ShowSubscriptionTab(a.Subscription.ID, tab), paths.With(paths.ShowSubscriptionTab(a.Subscription.ID, tab), "view", "raw"))
		}
	}
	return addresses
}

// forget empties what store has filled, so that the same body is new the next time.
func (a *archive) forget() {
	a.tb.Helper()
	for _, table := range []string{"deliveries", "notifications", "notification_keys", "delivery_digests"} {
		if _, err := a.Store.Pool().Exec(a.tb.Context(), "DELETE FROM "+table); err != nil {
			a.tb.Fatal(err)
		}
	}
}

// processorTime is what this process has used so far. Nothing else runs in it beside a fuzz target, and other programs do not count.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// lookAt fetches a page. The best of three counts: the collector of garbage may have worked for others meanwhile.
func lookAt(t *testing.T, address, cookie string) {
	t.Helper()
	client := &http.Client{Timeout: time.Minute}
	var took time.Duration
	for range 3 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.AddCookie(&http.Cookie{Name: webtest.SessionCookie, Value: cookie}) //nolint:gosec // of a test
		begin := processorTime(t)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		page, err := io.ReadAll(resp.Body)
		took = processorTime(t) - begin
		_ = resp.Body.Close() // it was read to its end
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d, %v", address, resp.StatusCode, err)
		}
		if len(page) > ui.MaxPageBytes {
			t.Fatalf("%s: %d bytes", address, len(page))
		}
		if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
			if err := balanced(page); err != nil {
				t.Fatalf("%s: %v", address, err)
			}
		}
		if took <= longestPage {
			return
		}
	}
	t.Errorf("%s takes %s", address, took)
}

var withoutEnd = []string{"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}

// balanced reports the first tag that is not closed where it should be.
func balanced(page []byte) error {
	var open []string
	z := html.NewTokenizer(bytes.NewReader(page))
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			if errors.Is(z.Err(), io.EOF) && len(open) == 0 {
				return nil
			}
			return fmt.Errorf("%w with %v open", z.Err(), open)
		case html.StartTagToken:
			if name, _ := z.TagName(); !slices.Contains(withoutEnd, string(name)) {
				open = append(open, string(name))
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				return fmt.Errorf("</%s> closes %v", name, open)
			}
			open = open[:len(open)-1]
		case html.TextToken, html.SelfClosingTagToken, html.CommentToken, html.DoctypeToken:
		}
	}
}
