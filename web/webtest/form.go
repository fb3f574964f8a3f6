package webtest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/switchboardhq/switchboard/views/ui"
)

// Form is a form of a page with what a browser would send.
type Form struct {
	Action string
	Method string
	Values url.Values
	page   *Page
	fields []string
}

// Form is the form that has that data-testid, or that the element with it stands in. A button's name and value are sent too.
func (p *Page) Form(testID string) *Form {
	p.tb.Helper()
	e := p.ByTestID(testID)
	for n := e.node; n != nil; n = n.Parent {
		if n.Type == html.ElementNode && n.Data == "form" {
			f := p.readForm(&Element{page: p, node: n})
			if e.Tag() == "button" && e.Attr("name") != "" {
				f.Values.Set(e.Attr("name"), e.Attr("value"))
			}
			return f
		}
	}
	p.tb.Fatalf("%s %s: %q is in no form", p.Method, p.Path, testID)
	return nil
}

// FormTo is the one form that is sent to that address.
func (p *Page) FormTo(action string) *Form {
	p.tb.Helper()
	found := p.whole().All(func(e *Element) bool { return e.Tag() == "form" && e.Attr("action") == action })
	if len(found) != 1 {
		p.tb.Fatalf("%s %s (%d) has %d forms to %s, want one", p.Method, p.Path, p.Status, len(found), action)
	}
	return p.readForm(found[0])
}

func (p *Page) readForm(form *Element) *Form {
	f := &Form{Action: form.Attr("action"), Method: strings.ToUpper(form.Attr("method")), Values: url.Values{}, page: p}
	if f.Method == "" {
		f.Method = http.MethodGet
	}
	if f.Action == "" {
		f.Action = p.Path
	}
	for _, e := range form.All(func(e *Element) bool { return slices.Contains([]string{"input", "select", "textarea"}, e.Tag()) }) {
		name := e.Attr("name")
		if name == "" || e.HasAttr("disabled") {
			continue
		}
		f.fields = append(f.fields, name)
		for _, v := range valuesOf(e) {
			f.Values.Add(name, v)
		}
	}
	return f
}

func valuesOf(e *Element) []string {
	switch {
	case e.Tag() == "textarea":
		return []string{strings.TrimPrefix(rawText(e.node), "\n")}
	case e.Tag() == "select":
		return selected(e)
	case e.Attr("type") == "checkbox" || e.Attr("type") == "radio":
		if !e.HasAttr("checked") {
			return nil
		}
		if !e.HasAttr("value") {
			return []string{"on"}
		}
		return []string{e.Attr("value")}
	case slices.Contains([]string{"submit", "button", "file", "image", "reset"}, e.Attr("type")):
		return nil
	}
	return []string{e.Attr("value")}
}

// selected is what a select sends: what is marked, else its first option.
func selected(e *Element) []string {
	options := e.All(func(o *Element) bool { return o.Tag() == "option" && !o.HasAttr("disabled") })
	var list []string
	for _, o := range options {
		if o.HasAttr("selected") {
			list = append(list, optionValue(o))
		}
	}
	if len(list) == 0 && len(options) > 0 && !e.HasAttr("multiple") {
		list = []string{optionValue(options[0])}
	}
	return list
}

func optionValue(o *Element) string {
	if o.HasAttr("value") {
		return o.Attr("value")
	}
	return o.Text()
}

func rawText(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

// Set fills a field in; no values empty it. The form must have it.
func (f *Form) Set(name string, values ...string) *Form {
	f.page.tb.Helper()
	if !slices.Contains(f.fields, name) {
		f.page.tb.Fatalf("the form to %s has no field %q; it has %q", f.Action, name, f.fields)
	}
	f.Values[name] = values
	return f
}

// Fields are the names of the form's fields that a person fills in.
func (f *Form) Fields() []string {
	var list []string
	for _, name := range f.fields {
		if name != ui.CSRFField && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// Submit sends the form with the browser that has the page.
func (f *Form) Submit() *Page {
	f.page.tb.Helper()
	return f.SubmitAs(f.page.client)
}

// SubmitAs sends the form with another browser, or with the same one plus headers.
func (f *Form) SubmitAs(c *Client) *Page {
	f.page.tb.Helper()
	if f.Method == http.MethodPost {
		return c.Do(http.MethodPost, f.Action, f.Values)
	}
	target := f.Action
	if query := f.Values.Encode(); query != "" {
		target += "?" + query
	}
	return c.Get(target)
}
