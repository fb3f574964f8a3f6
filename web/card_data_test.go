package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// vault is a console with a receiver in the same process, whose log and metrics the test reads.
type vault struct {
	*archive
	key      cybs.Key
	receiver *receiver.Receiver
	log      *lockedText
	metrics  *prometheus.Registry
	numbers  map[string]string // each card number that was sent, and where
	sent     int
}

type lockedText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newVault(t *testing.T, change ...func(*receiver.Config)) *vault {
	t.Helper()
	v := &vault{
		archive: newArchive(t), key: cybs.Key{ID: "5a3c2b10-0000-4000-8000-00000000c0de", Secret: cybs.Secret("a secret of the vault")},
		log: &lockedText{}, metrics: prometheus.NewRegistry(), numbers: map[string]string{},
	}
	if _, err := v.Store.InsertSignatureKey(t.Context(), store.SignatureKey{OrganizationID: v.Organization.ID, KeyID: v.key.ID, Key: store.Secret(v.key.Secret)}); err != nil {
		t.Fatal(err)
	}
	cfg := receiver.Config{
		Store: v.Store, Metrics: v.metrics, Log: slog.New(slog.NewJSONHandler(v.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		QuarantineSource: receiver.Bound{Deliveries: 100_000, Bytes: 1 << 30}, QuarantineEndpoint: receiver.Bound{Deliveries: 100_000, Bytes: 1 << 30},
	}
	for _, c := range change {
		c(&cfg)
	}
	var err error
	if v.receiver, err = receiver.New(cfg); err != nil {
		t.Fatal(err)
	}
	if err := v.receiver.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.stop(t) })
	return v
}

func (v *vault) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
	defer cancel()
	if err := v.receiver.Stop(ctx); err != nil {
		t.Errorf("stop receiver: %v", err)
	}
}

// number is a card number that nobody else has, and remembers where it goes.
func (v *vault) number(where string) string {
	digits := fmt.Sprintf("411111%09d", len(v.numbers))
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	digits += fmt.Sprint((10 - sum%10) % 10)
	v.numbers[digits] = where
	return digits
}

// post sends a request to the endpoint as Cybersource would, and expects an answer. A request without signature is rejected and kept.
func (v *vault) post(t *testing.T, body []byte, signed bool, header http.Header, host string) {
	t.Helper()
	webhookURL, _ := receiver.EndpointURLs("http://receiver.test", v.Subscription.EndpointToken)
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, webhookURL, bytes.NewReader(body))
	for name, values := range header {
		req.Header[name] = values
	}
	if host != "" {
		req.Host = host
	}
	want := http.StatusUnauthorized
	if signed {
		want = http.StatusOK
		req.Header.Set(cybs.HeaderSignature, cybs.Sign(v.key, time.Now(), body))
	}
	answer := httptest.NewRecorder()
	v.receiver.Handler().ServeHTTP(answer, req)
	v.sent++
	if answer.Code != want {
		t.Errorf("answered %d, want %d, to %q", answer.Code, want, body)
	}
}

// settle waits until everything that was sent is grouped or explained.
func (v *vault) settle() {
	v.tb.Helper()
	ctx, cancel := context.WithTimeout(v.tb.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond) // nobody is notified of an explanation
	defer tick.Stop()
	for open := 1; open > 0; {
		select {
		case <-ctx.Done():
			v.tb.Fatalf("%d deliveries are neither grouped nor explained", open)
		case <-tick.C:
		}
		err := v.Store.Pool().QueryRow(ctx, `SELECT (SELECT count(*) FROM grouping_queue) + (SELECT count(*) FROM deliveries WHERE verdict = 'rejected' AND explain_rung = '')`).Scan(&open)
		if err != nil {
			v.tb.Fatal(err)
		}
	}
}

// writing is a way to write a card number.
type writing struct {
	name  string
	write func(digits string) string
	// escapes says that it stands in JSON as it is: it is made of JSON's escapes.
	escapes bool
}

func writings() []writing {
	groups := func(between string, sizes ...int) func(string) string {
		return func(digits string) string {
			var parts []string
			for _, n := range sizes {
				parts = append(parts, digits[:n])
				digits = digits[n:]
			}
			return strings.Join(parts, between)
		}
	}
	list := []writing{{name: "in one piece", write: func(d string) string { return d }}}
	for _, sign := range " !\"#$'()*+,-./:;<>?@[]^_`{|}~=" {
		list = append(list, writing{name: fmt.Sprintf("between %q", sign), write: groups(string(sign), 4, 4, 4, 4)})
	}
	for _, between := range []string{"\t", "\n", "\u00a0", "\u2009", "\u202f", "\u3000", "–", "—", "‑", "−", "·", "•", "\u200b", "  ", " - ", "\ufeff", "／", "€"} {
		list = append(list, writing{name: fmt.Sprintf("between %q", between), write: groups(between, 4, 4, 4, 4)})
	}
	list = append(list,
		writing{name: "digit by digit", write: groups(" ", 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)},
		writing{name: "in two", write: groups("-", 8, 8)},
		writing{name: "first six apart", write: groups(" ", 6, 6, 4)},
	)
	for name, zero := range map[string]rune{"full-width": '０', "Arabic-Indic": '٠', "extended Arabic-Indic": '۰', "Devanagari": '०', "bold": '𝟎', "monospace": '𝟶', "Thai": '๐'} {
		other := func(digits string) string {
			return strings.Map(func(r rune) rune {
				if r >= '0' && r <= '9' {
					return zero + r - '0'
				}
				return r
			}, digits)
		}
		list = append(list, writing{name: name, write: other}, writing{name: name + " with spaces", write: func(d string) string { return other(groups(" ", 4, 4, 4, 4)(d)) }})
	}
	each := func(format string) func(string) string {
		return func(digits string) string {
			var b strings.Builder
			for _, c := range digits {
				fmt.Fprintf(&b, format, c)
			}
			return b.String()
		}
	}
	return append(list,
		writing{name: "percent-encoded", write: each("%%%x")},
		writing{name: "percent-encoded twice", write: each("%%25%x")},
		writing{name: "decimal entities", write: each("&#%d;")},
		writing{name: "hexadecimal entities", write: each("&#x%x;")},
		writing{name: "JSON escapes", write: each(`\u%04x`), escapes: true},
		writing{name: "with its expiry date", write: func(d string) string { return d + "1229" }},
		writing{name: "with its expiry date apart", write: func(d string) string { return d + " 12/29" }},
		writing{name: "as track 2", write: func(d string) string { return d + "=29121010000000000" }},
		writing{name: "as track 1", write: func(d string) string { return "B" + d + "^DOE/JANE^29121010000000000" }},
		writing{name: "in a sentence", write: func(d string) string { return "paid with " + d + ", thanks" }},
		writing{name: "in a form", write: func(d string) string { return "a=1&card=" + d + "&b=2" }},
	)
}

// quoted is a text as a JSON string.
func (w writing) quoted(text string) string {
	if w.escapes {
		return `"` + text + `"`
	}
	b, _ := json.Marshal(text) // strings always encode
	return string(b)
}

// nested is a text inside JSON text inside JSON text, so many levels deep.
func (w writing) nested(text string, levels int) string {
	inner := `{"deep":` + w.quoted(text) + `}`
	for range levels {
		b, _ := json.Marshal(inner)
		inner = `{"text":` + string(b) + `}`
	}
	return inner
}

// body is a notification that has a number in each place of its payload, and with all true in each member of the envelope.
func (v *vault) body(w writing, verdict string, all bool) []byte {
	put := func(place string) string { return w.write(v.number(w.name + ", " + place + ", " + verdict)) }
	member := func(name, other string) string {
		if all {
			other = put(name)
		}
		return fmt.Sprintf("%q:%s,", name, w.quoted(other))
	}
	envelope := `"webhookId":"` + v.Subscription.WebhookID + `",` + `"organizationId":"` + v.Organization.OrganizationID + `",`
	if verdict == "rejected" {
		envelope = member("webhookId", "x") + member("organizationId", "x")
	}
	return []byte(`{` + envelope + member("eventType", "tms.networktoken.updated") + member("productId", "tokenManagement") + member("transactionTraceId", "x") +
		member("requestType", "NEW") + member("eventDate", "2026-03-04T05:06:07") + `"retryNumber":0,"payload":[{"data":{` +
		`"id":` + w.quoted(put("payload id")) + `,"note":` + w.quoted(put("payload string")) + `,` + w.quoted(put("member name")) + `:true,` +
		`"href":` + w.quoted(put("link")) + `,"submitTime":` + w.quoted(put("time")) + `,"list":[[` + w.quoted(put("list")) + `]],` +
		`"number":` + v.number(w.name+", number, "+verdict) + `,"scientific":` + scientific(v.number(w.name+", scientific number, "+verdict)) + `,` +
		`"one":` + w.nested(put("nested JSON"), 1) + `,"three":` + w.nested(put("deeply nested JSON"), 3) + `},"organizationId":` + w.quoted(put("event organization")) + `}]}`)
}

func scientific(digits string) string { return digits[:1] + "." + digits[1:] + "e15" }

// headers have a number in each value, and in their names where the writing is made of what names may have.
func (v *vault) headers(w writing, verdict string) (http.Header, string) {
	put := func(place string) string { return w.write(v.number(w.name + ", header " + place + ", " + verdict)) }
	h := http.Header{}
	names := []string{"User-Agent", "X-Request-Id", "V-C-Custom", "Referer", "X-Forwarded-For", "Traceparent"}
	if verdict == "rejected" {
		names = append(names, cybs.HeaderSignature, "V-C-Event-Type", "V-C-Webhook-Id", "V-C-Organization-Id", "V-C-Product-Name", "V-C-Request-Type", "V-C-Transaction-Trace-Id", "V-C-Retry-Count", "V-C-Event-Date")
	}
	for _, name := range names {
		h.Set(name, put(name))
	}
	name := put("name")
	if strings.Trim(name, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&'*+-.^_`|~") == "" {
		h[http.CanonicalHeaderKey("X-"+name)] = []string{"1"}
		h[name] = []string{"1"}
	}
	return h, put("Host")
}

// wide is text in UTF-16.
func wide(text string, big, mark bool) []byte {
	var b []byte
	if mark {
		text = "\ufeff" + text
	}
	for _, r := range text {
		if r > 0xffff {
			r -= 0x10000
			b = append(b, unit(0xd800+uint16(r>>10), big)...)
			r = 0xdc00 + r&0x3ff
		}
		b = append(b, unit(uint16(r), big)...)
	}
	return b
}

func unit(u uint16, big bool) []byte {
	if big {
		return []byte{byte(u >> 8), byte(u)}
	}
	return []byte{byte(u), byte(u >> 8)}
}

// sendEverything sends each writing in each place, verified and rejected.
func (v *vault) sendEverything(t *testing.T) {
	t.Helper()
	for i, w := range writings() {
		for _, verdict := range []string{"verified", "rejected"} {
			signed := verdict == "verified"
			h, host := v.headers(w, verdict)
			v.post(t, v.body(w, verdict, false), signed, h, host)
			v.post(t, v.body(w, verdict, true), signed, http.Header{}, "")
			put := func(place string) string { return w.write(v.number(w.name + ", " + place + ", " + verdict)) }
			v.post(t, []byte("a=1&number="+put("form")+"&b="+url.QueryEscape(put("escaped form"))), signed, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, "")
			v.post(t, []byte(`{"eventType":"x","payload":{"a":`+w.quoted(put("broken JSON"))+`,"b":`), signed, http.Header{}, "")
			v.post(t, []byte("plain "+put("plain text")), signed, http.Header{}, "")
			big, mark := i%2 == 1, i%4 > 1
			text := `{"note":` + w.quoted(put(fmt.Sprintf("UTF-16, big %t, mark %t", big, mark))) + `}`
			v.post(t, wide(text, big, mark), signed, http.Header{}, "")
		}
	}
}
