package webtest

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// Page is an answer of the console, parsed if it is HTML.
type Page struct {
	Status int
	Header http.Header
	Body   string
	// Method and Path are those of the request.
	Method, Path string

	tb     testing.TB
	client *Client
	root   *html.Node
}

func newPage(c *Client, req *http.Request, resp *http.Response, body string) *Page {
	c.tb.Helper()
	p := &Page{Status: resp.StatusCode, Header: resp.Header, Body: body, Method: req.Method, Path: req.URL.RequestURI(), tb: c.tb, client: c}
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		c.tb.Fatalf("%s %s: parse answer: %v", p.Method, p.Path, err)
	}
	p.root = root
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") && strings.HasPrefix(strings.ToLower(strings.TrimSpace(body)), "<!doctype") {
		p.check()
	}
	return p
}

// Wants fails the test unless the answer has this status.
func (p *Page) Wants(status int) *Page {
	p.tb.Helper()
	if p.Status != status {
		p.tb.Fatalf("%s %s answered %d, want %d; location %q; it says: %s", p.Method, p.Path, p.Status, status, p.Header.Get("Location"), shorten(p.Text(), 600))
	}
	return p
}

// Follow fetches the page that a redirect leads to, also one told to htmx.
func (p *Page) Follow() *Page {
	p.tb.Helper()
	to := p.Header.Get("Location")
	if to == "" {
		to = p.Header.Get("HX-Redirect")
	}
	if to == "" {
		p.tb.Fatalf("%s %s answered %d and leads nowhere: %s", p.Method, p.Path, p.Status, shorten(p.Text(), 600))
	}
	plain := *p.client
	plain.header = nil
	return plain.Get(to)
}

// Element is a part of a page.
type Element struct {
	page *Page
	node *html.Node
}

// ByTestID is the one element with that data-testid; none or several fail the test.
func (p *Page) ByTestID(id string) *Element {
	p.tb.Helper()
	return p.whole().ByTestID(id)
}

// AllByTestID are the elements with that data-testid, in order.
func (p *Page) AllByTestID(id string) []*Element { return p.whole().AllByTestID(id) }

// Has reports whether an element with that data-testid is there.
func (p *Page) Has(id string) bool { return len(p.AllByTestID(id)) > 0 }

// ByID is the element with that id; none fails the test.
func (p *Page) ByID(id string) *Element {
	p.tb.Helper()
	found := p.whole().All(func(e *Element) bool { return e.Attr("id") == id })
	if len(found) != 1 {
		p.tb.Fatalf("%s %s has %d elements with id %q, want one", p.Method, p.Path, len(found), id)
	}
	return found[0]
}

// Heading is the text of the h1.
func (p *Page) Heading() string {
	for _, e := range p.whole().All(func(e *Element) bool { return e.Tag() == "h1" }) {
		return e.Text()
	}
	return ""
}

// Text is all text of the page, each run of white space as one space.
func (p *Page) Text() string { return p.whole().Text() }

// Says fails the test unless the page's text contains each of these.
func (p *Page) Says(texts ...string) *Page {
	p.tb.Helper()
	for _, text := range texts {
		if !strings.Contains(p.Text(), text) {
			p.tb.Errorf("%s %s does not say %q; it says: %s", p.Method, p.Path, text, shorten(p.Text(), 1200))
		}
	}
	return p
}

// Links are the addresses of all links, in order.
func (p *Page) Links() []string {
	var list []string
	for _, a := range p.whole().All(func(e *Element) bool { return e.Tag() == "a" && e.HasAttr("href") }) {
		list = append(list, a.Attr("href"))
	}
	return list
}

// All are the elements of the page for which keep holds, in order.
func (p *Page) All(keep func(*Element) bool) []*Element { return p.whole().All(keep) }

func (p *Page) whole() *Element { return &Element{page: p, node: p.root} }

func (p *Page) inputValue(name string) string {
	for _, e := range p.whole().All(func(e *Element) bool { return e.Tag() == "input" && e.Attr("name") == name }) {
		return e.Attr("value")
	}
	return ""
}

// ByTestID is the one element with that data-testid inside e; none or several fail the test.
func (e *Element) ByTestID(id string) *Element {
	e.page.tb.Helper()
	found := e.AllByTestID(id)
	if len(found) != 1 {
		e.page.tb.Fatalf("%s %s (%d) has %d elements with data-testid %q, want one; it says: %s",
			e.page.Method, e.page.Path, e.page.Status, len(found), id, shorten(e.page.Text(), 600))
	}
	return found[0]
}

// AllByTestID are the elements with that data-testid inside e, in order.
func (e *Element) AllByTestID(id string) []*Element {
	return e.All(func(x *Element) bool { return x.Attr("data-testid") == id })
}

// All are the elements inside e for which keep holds, in order.
func (e *Element) All(keep func(*Element) bool) []*Element {
	var list []*Element
	for n := range e.node.Descendants() {
		if x := (&Element{page: e.page, node: n}); n.Type == html.ElementNode && keep(x) {
			list = append(list, x)
		}
	}
	return list
}

// Tag is the element's name.
func (e *Element) Tag() string { return e.node.Data }

// Attr is an attribute's value, or "".
func (e *Element) Attr(name string) string {
	for _, a := range e.node.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// HasAttr reports whether the attribute is there, empty or not.
func (e *Element) HasAttr(name string) bool {
	return slices.ContainsFunc(e.node.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// Text is the text inside e, each run of white space as one space.
func (e *Element) Text() string {
	var b strings.Builder
	for n := range e.node.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "script" && n.Parent.Data != "style" {
			b.WriteString(n.Data)
			b.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func shorten(text string, runes int) string {
	if r := []rune(text); len(r) > runes {
		return string(r[:runes]) + "…"
	}
	return text
}
