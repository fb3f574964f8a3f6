package receiver_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// abandon sends a delivery and goes away when ctx ends, without an answer.
func (d *door) abandon(ctx context.Context, t *testing.T, body []byte, signature string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	req.Header.Set("v-c-signature", signature)
	response, err := d.client.Do(req)
	if err == nil {
		_ = response.Body.Close() // the assertion below is what counts
		t.Error("answered before the client went away")
	}
}

func TestBadInputIsKeptByteForByte(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	sent := 0
	wrap := func(payload string) []byte {
		return fmt.Appendf(nil, `{"eventType":%q,"webhookId":%q,"organizationId":%q,"payload":%s}`, eventType, webhookID, organization, payload)
	}
	deep := func(n int) string { return strings.Repeat(`{"a":[`, n/2) + "1" + strings.Repeat("]}", n/2) }
	random := make([]byte, 1<<16)
	_, _ = rand.Read(random)
	for name, c := range map[string]struct {
		body     []byte
		readable bool
		payload  string // "": none is kept for search; "…": any
	}{
		"invalid UTF-8":                 {wrap("{\"data\":{\"x\":\"\xff\xfe\"}}"), true, `{"data": {"x": "` + "\uFFFD" + `"}}`},
		"invalid UTF-8 in event type":   {[]byte("{\"eventType\":\"\xff\",\"payload\":{}}"), true, `{}`},
		"raw NUL":                       {[]byte("{\"payload\":\"\x00\"}"), false, ""},
		"escaped NUL":                   {wrap(`{"data":{"x":"a\u0000b","y":"\\u0000"}}`), true, `{"data": {"x": "a` + "\uFFFD" + `b", "y": "\\u0000"}}`},
		"NUL in event type":             {[]byte(`{"eventType":"a\u0000b","payload":{}}`), true, `{}`},
		"lone surrogate":                {wrap(`{"x":"\ud800","y":"\ud83d\ude00"}`), true, `{"x": "` + "\uFFFD" + `", "y": "😀"}`},
		"50 levels":                     {wrap(deep(50)), true, "…"},
		"1,000 levels":                  {wrap(deep(1000)), false, ""},
		"100,000 brackets":              {bytes.Repeat([]byte("["), 100_000), false, ""},
		"numbers beyond 64 bits":        {wrap(`{"n":123456789012345678901234567890.123456789012345678901234567890}`), true, `{"n": 123456789012345678901234567890.123456789012345678901234567890}`},
		"numbers beyond any column":     {wrap(`{"n":1e999999999,"m":-2E-999999}`), true, `{"m": "-2E-999999", "n": "1e999999999"}`},
		"a number of 20,000 digits":     {wrap(`{"n":` + strings.Repeat("9", 20_000) + `}`), true, "…"},
		"unknown event type":            {[]byte(`{"eventType":"no.such.event","payload":{"x":1}}`), true, `{"x": 1}`},
		"unknown members":               {[]byte(`{"eventType":"a","payload":{"x":1,"zz":{"y":[null,true]}},"new":{"a":1}}`), true, `{"x": 1, "zz": {"y": [null, true]}}`},
		"repeated members":              {[]byte(`{"eventType":"a","eventType":"b","payload":{"x":1,"x":2}}`), true, `{"x": 2}`},
		"strings of half a megabyte":    {wrap(`{"x":"` + strings.Repeat("é", 1<<18) + `"}`), true, "…"},
		"an event type of a kilobyte":   {[]byte(`{"eventType":"` + strings.Repeat("e", 1<<10) + `","payload":{}}`), true, `{}`},
		"huge retry number":             {[]byte(`{"retryNumber":99999999999999999999,"payload":{"h":1}}`), true, `{"h": 1}`},
		"negative retry number":         {[]byte(`{"retryNumber":-1,"payload":{}}`), true, `{}`},
		"payload as text":               {wrap(`"{\"data\":{\"status\":\"OK\"}}"`), true, `{"data": {"status": "OK"}}`},
		"payload in a list":             {wrap(`[{"data":{"id":"1"}},{"data":{"id":"2"}}]`), true, `[{"data": {"id": "1"}}, {"data": {"id": "2"}}]`},
		"no payload":                    {[]byte(`{"eventType":"a"}`), false, `{"eventType": "a"}`},
		"null payload":                  {wrap("null"), false, "null"},
		"not an object":                 {[]byte(`[1,2]`), false, `[1, 2]`},
		"a string":                      {[]byte(`"hello"`), false, `"hello"`},
		"cut off":                       {[]byte(`{"eventType":"a","payload":{"x":`), false, ""},
		"form":                          {[]byte("a=b&card=4111111111111111"), false, ""},
		"white space":                   {[]byte("   \n"), false, ""},
		"one NUL":                       {[]byte{0}, false, ""},
		"64 KiB at random":              {random, false, ""},
		"byte order mark":               {append([]byte("\xef\xbb\xbf"), wrap(`{}`)...), false, ""},
		"card numbers":                  {wrap(`{"card":{"number":"4111111111111111"},"n":4111111111111111}`), true, `{"n": "411111******1111", "card": {"number": "411111******1111"}}`},
		"only what jsonb calls numbers": {wrap(`{"a":-0,"b":0e0,"c":1.0,"d":1E+2}`), true, "…"},
	} {
		wantStatus(t, d.signed(t, c.body), http.StatusOK)
		got := d.newest(t)
		// At random, a name of a security code can come about.
		if got.Blanked == 0 && !bytes.Equal(got.Body, c.body) || got.BodyBytes != len(c.body) {
			t.Errorf("%s: stored %d bytes, sent %d; want the same bytes", name, len(got.Body), len(c.body))
		}
		sent++
		d.notifications(t, sent)
		n, err := d.store.GetNotification(t.Context(), got.ID)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if n.Readable != c.readable {
			t.Errorf("%s: readable is %t, want %t", name, n.Readable, c.readable)
		}
		if c.payload == "…" {
			if !json.Valid(n.Payload) {
				t.Errorf("%s: payload for search is %.100q, want JSON", name, n.Payload)
			}
		} else if string(n.Payload) != c.payload {
			t.Errorf("%s: payload for search is\n%.300s\nwant\n%.300s", name, n.Payload, c.payload)
		}
	}
}

func TestBodyAboveTheLimitIsRefused(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	large := bytes.Repeat([]byte(" "), 10<<20)
	wantStatus(t, d.signed(t, large), http.StatusRequestEntityTooLarge)
	// Without a length told beforehand, the limit is met while reading.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.url, io.MultiReader(bytes.NewReader(large[:1<<20]), strings.NewReader("x")))
	if err != nil {
		t.Fatal(err)
	}
	response, err := d.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	wantStatus(t, response, http.StatusRequestEntityTooLarge)
	exact := notice{}.body()
	exact = append(exact, large[:1<<20-len(exact)]...)
	wantStatus(t, d.signed(t, exact), http.StatusOK)
	if got := d.only(t); len(got.Body) != 1<<20 {
		t.Errorf("stored %d bytes, want 1 MiB", len(got.Body))
	}
	if n := d.metric(t, "switchboard_requests_refused_total", "cause", "too_large"); n != 2 {
		t.Errorf("counted %v, want 2", n)
	}
}

func TestHalfABodyIsNoDelivery(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	u, err := url.Parse(d.url)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{\"half\":", u.Path); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, response, http.StatusBadRequest)
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if n := d.deliveries(t); n != 0 {
		t.Errorf("%d stored, want none", n)
	}
}

// panicking is a body that no code is ready for.
type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("unforeseen") }

func TestPanicIsAnswered503(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/in/"+d.sub.EndpointToken, panicking{}))
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(d.log.String(), "panicked") {
		t.Errorf("answered %d, log %q; want 503 and a record of it", w.Code, d.log)
	}
	if n := d.metric(t, "switchboard_requests_refused_total", "cause", "panic"); n != 1 {
		t.Errorf("counted %v, want 1", n)
	}
	wantStatus(t, d.signed(t, notice{}.body()), http.StatusOK)
}

func TestSlowBodyIsGivenUp(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	server := receiver.NewHTTPServer(d.Handler(), discard())
	server.ReadTimeout = 100 * time.Millisecond
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "POST /in/%s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{", d.sub.EndpointToken); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, response, http.StatusRequestTimeout)
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}

func TestMemoryOfBodiesIsBounded(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(c *receiver.Config) { c.MaxBodyBytes, c.MaxMemory, c.CommitTimeout = 1000, 1500, patience })
	release := d.hold(t)
	first := append(notice{}.body(), bytes.Repeat([]byte(" "), 1000-len(notice{}.body()))...)
	answered := make(chan int, 2)
	for _, end := range []byte(" \n") {
		go func() { answered <- d.signed(t, append(bytes.Clone(first[:999]), end)).StatusCode }()
	}
	if status := <-answered; status != http.StatusServiceUnavailable {
		t.Errorf("two that do not fit together: one was answered %d, want 503", status)
	}
	release()
	if status := <-answered; status != http.StatusOK {
		t.Errorf("the other was answered %d, want 200", status)
	}
	d.await(t, "memory given back", func() bool { return d.signed(t, first).StatusCode == http.StatusOK })
}

func TestRequestsThatAreNoDeliveries(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	token := d.sub.EndpointToken
	for name, c := range map[string]struct {
		method, path string
		want         int
		allow        string
	}{
		"unknown token":   {http.MethodPost, "/in/" + store.NewEndpointToken(), http.StatusNotFound, ""},
		"no token":        {http.MethodPost, "/in/", http.StatusNotFound, ""},
		"root":            {http.MethodPost, "/", http.StatusNotFound, ""},
		"another door":    {http.MethodGet, "/metrics", http.StatusNotFound, ""},
		"deeper":          {http.MethodPost, "/in/" + token + "/other", http.StatusNotFound, ""},
		"dots":            {http.MethodPost, "/in/../in/" + token, http.StatusNotFound, ""},
		"PUT":             {http.MethodPut, "/in/" + token, http.StatusMethodNotAllowed, "GET, HEAD, POST"},
		"DELETE":          {http.MethodDelete, "/in/" + token, http.StatusMethodNotAllowed, "GET, HEAD, POST"},
		"OPTIONS unknown": {http.MethodOptions, "/in/x", http.StatusNotFound, ""},
	} {
		response := d.request(t, c.method, d.base+c.path, []byte("body"))
		if response.StatusCode != c.want || response.Header.Get("Allow") != c.allow {
			t.Errorf("%s: %d, Allow %q; want %d, %q", name, response.StatusCode, response.Header.Get("Allow"), c.want, c.allow)
		}
	}
	if n := d.deliveries(t); n != 0 {
		t.Errorf("%d stored, want none", n)
	}
}

func TestTokenInUpperCaseAndHealthURLTakeDeliveriesToo(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	for i, address := range []string{d.base + "/in/" + strings.ToUpper(d.sub.EndpointToken), d.health} {
		body := notice{trace: fmt.Sprint(i)}.body()
		wantStatus(t, d.request(t, http.MethodPost, address, body, "v-c-signature", cybs.Sign(d.key, time.Now(), body)), http.StatusOK)
	}
	if n := d.deliveries(t); n != 2 {
		t.Errorf("%d stored, want 2", n)
	}
}

func TestDeletedSubscriptionReceivesNothing(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	if err := d.store.DeleteSubscription(t.Context(), d.sub.ID); err != nil {
		t.Fatal(err)
	}
	d.await(t, "the endpoint's end", func() bool { return d.signed(t, notice{}.body()).StatusCode == http.StatusNotFound })
}

func TestEndpointMadeAMomentAgoReceives(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	for i := range 5 {
		fresh := d.subscribe(t, d.sub.OrganizationID, fmt.Sprintf("webhook-%d", i))
		_, health := receiver.EndpointURLs(d.base, fresh.EndpointToken)
		d.await(t, "a fresh endpoint's answer", func() bool { return d.request(t, http.MethodPost, health, nil).StatusCode == http.StatusOK })
	}
}

func TestHeadersAreKeptWithoutCredentials(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(c *receiver.Config) { c.TrustedProxies = loopback() })
	wantStatus(t, d.signed(t, notice{}.body(), "Authorization", "Bearer very-secret", "Cookie", "session=very-secret", "X-Api-Key", "very-secret", "X-Odd", "caf\xe9",
		"X-Card", "4111 1111 1111 1111", "X-Twice", "1", "X-Twice", "2", "X-Forwarded-For", "10.0.0.1, 203.0.113.9, 127.0.0.1", "v-c-retry-count", "0"), http.StatusOK)
	got := d.only(t)
	text := fmt.Sprint(got.Headers)
	if strings.Contains(text, "very-secret") || strings.Contains(text, "Cookie") || strings.Contains(text, "4111 1111") {
		t.Errorf("headers %s keep a credential or a card number", text)
	}
	want := map[string][]string{"X-Odd": {"caf\uFFFD"}, "X-Card": {"411111******1111"}, "X-Twice": {"1", "2"}, "V-C-Retry-Count": {"0"}}
	for name, values := range want {
		var have []string
		for _, h := range got.Headers {
			if h[0] == name {
				have = append(have, h[1])
			}
		}
		if fmt.Sprint(have) != fmt.Sprint(values) {
			t.Errorf("%s is %q, want %q", name, have, values)
		}
	}
	if !hasHeader(got, "Authorization", "Bearer sha256:") || !hasHeader(got, "X-Api-Key", "sha256:") || !hasHeader(got, "V-C-Signature", "t=") {
		t.Errorf("headers %s lack the scheme, the digest or the signature", text)
	}
	if got.Source.String() != "203.0.113.9" {
		t.Errorf("source is %s, want the last address before the trusted proxies", got.Source)
	}
}

func TestForwardedForCountsOnlyFromTrustedProxies(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	wantStatus(t, d.signed(t, notice{}.body(), "X-Forwarded-For", "203.0.113.9"), http.StatusOK)
	if got := d.only(t); !got.Source.IsLoopback() {
		t.Errorf("source is %s, want the peer", got.Source)
	}
}

func hasHeader(d store.Delivery, name, prefix string) bool {
	for _, h := range d.Headers {
		if h[0] == name && strings.HasPrefix(h[1], prefix) {
			return true
		}
	}
	return false
}
