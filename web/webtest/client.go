package webtest

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/views/ui"
)

// Client is a browser without script: it keeps cookies and follows nothing by itself.
type Client struct {
	tb     testing.TB
	base   *url.URL
	jar    *cookiejar.Jar
	http   *http.Client
	header http.Header
}

// NewClient is a browser of a console that runs elsewhere. The transport's idle connections are closed at the test's end.
func NewClient(tb testing.TB, consoleURL string, transport *http.Transport) *Client {
	tb.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	base, err := url.Parse(consoleURL)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(transport.CloseIdleConnections)
	return &Client{tb: tb, base: base, jar: jar, http: &http.Client{
		Transport: transport, Jar: jar, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// With is the same browser, sending one more header with each request.
func (c *Client) With(name, value string) *Client {
	other := *c
	other.header = c.header.Clone()
	if other.header == nil {
		other.header = http.Header{}
	}
	other.header.Set(name, value)
	return &other
}

// Partial is the same browser with htmx, asking for parts of pages.
func (c *Client) Partial() *Client {
	return c.With("HX-Request", "true").With("HX-Request-Type", "partial")
}

// HTMX is the same browser with htmx, asking for whole pages, as after a history restore.
func (c *Client) HTMX() *Client { return c.With("HX-Request", "true").With("HX-Request-Type", "full") }

// Get fetches a path.
func (c *Client) Get(path string) *Page {
	c.tb.Helper()
	return c.Do(http.MethodGet, path, nil)
}

// Post sends values as a form, with the CSRF token of this browser's session unless values have one.
func (c *Client) Post(path string, values url.Values) *Page {
	c.tb.Helper()
	sent := url.Values{}
	for name, list := range values {
		sent[name] = list
	}
	if _, ok := sent[ui.CSRFField]; !ok {
		sent.Set(ui.CSRFField, c.CSRFToken())
	}
	return c.Do(http.MethodPost, path, sent)
}

// Do sends a request with a form, which may be nil, and reads the answer.
func (c *Client) Do(method, path string, form url.Values) *Page {
	c.tb.Helper()
	target, err := c.base.Parse(path)
	if err != nil {
		c.tb.Fatal(err)
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(c.tb.Context(), method, target.String(), body)
	if err != nil {
		c.tb.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, list := range c.header {
		req.Header[name] = list
	}
	return c.Send(req)
}

// Send sends a request of the test's own making.
func (c *Client) Send(req *http.Request) *Page {
	c.tb.Helper()
	resp, err := c.http.Do(req)
	if err != nil {
		c.tb.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read to its end
	body, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		c.tb.Fatalf("%s %s: read answer: %v", req.Method, req.URL.Path, err)
	}
	return newPage(c, req, resp, string(body))
}

// Open sends a GET and leaves the answer open, for streams. The caller closes its body.
func (c *Client) Open(path string) *http.Response {
	c.tb.Helper()
	target, err := c.base.Parse(path)
	if err != nil {
		c.tb.Fatal(err)
	}
	req, err := http.NewRequestWithContext(c.tb.Context(), http.MethodGet, target.String(), nil)
	if err != nil {
		c.tb.Fatal(err)
	}
	for name, list := range c.header {
		req.Header[name] = list
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.tb.Fatal(err)
	}
	return resp
}

// CSRFToken is the token that this browser's forms carry, read from a page that everybody has.
func (c *Client) CSRFToken() string {
	c.tb.Helper()
	plain := *c
	plain.header = nil
	page := plain.Get("/sign-in")
	if page.Status == http.StatusSeeOther { // signed in: every page of the frame has it
		page = plain.Get("/team")
	}
	token := page.inputValue(ui.CSRFField)
	if token == "" {
		c.tb.Fatalf("no CSRF token on %s (status %d)", page.Path, page.Status)
	}
	return token
}

// SetCookie plants a cookie.
func (c *Client) SetCookie(name, value string) {
	c.jar.SetCookies(c.base, []*http.Cookie{{Name: name, Value: value, Path: "/"}}) //nolint:gosec // it goes to a jar, not to a browser
}

// Cookie is a cookie's value, or "".
func (c *Client) Cookie(name string) string {
	for _, cookie := range c.jar.Cookies(c.base) {
		if cookie.Name == name {
			return cookie.Value
		}
	}
	return ""
}
