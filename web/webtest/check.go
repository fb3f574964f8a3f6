package webtest

import (
	"slices"
	"strings"

	"github.com/switchboardhq/switchboard/views/ui"
)

// check looks for what no page of the console may have, and for what each must have.
func (p *Page) check() {
	p.tb.Helper()
	if policy := p.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		p.wrong("its policy is %q", policy)
	}
	if n := len(p.All(func(e *Element) bool { return e.Tag() == "h1" })); n != 1 {
		p.wrong("it has %d h1, want one", n)
	}
	ids := map[string]bool{}
	for _, e := range p.All(func(*Element) bool { return true }) {
		if id := e.Attr("id"); id != "" {
			if ids[id] {
				p.wrong("id %q stands twice", id)
			}
			ids[id] = true
		}
		p.checkElement(e)
	}
	p.checkReferences(ids)
}

func (p *Page) checkElement(e *Element) {
	p.tb.Helper()
	for _, a := range e.node.Attr {
		if strings.HasPrefix(a.Key, "on") || strings.HasPrefix(a.Key, "hx-on") || a.Key == "style" || strings.HasPrefix(strings.TrimSpace(strings.ToLower(a.Val)), "javascript:") {
			p.wrong("<%s> has %s=%q", e.Tag(), a.Key, a.Val)
		}
	}
	switch e.Tag() {
	case "style":
		p.wrong("it has an inline style")
	case "script":
		if e.Attr("src") == "" {
			p.wrong("it has an inline script")
		}
	case "form":
		p.checkForm(e)
	}
}

func (p *Page) checkForm(form *Element) {
	p.tb.Helper()
	if !strings.EqualFold(form.Attr("method"), "post") {
		return
	}
	tokens := form.All(func(e *Element) bool { return e.Attr("name") == ui.CSRFField && e.Attr("value") != "" })
	if len(tokens) != 1 {
		p.wrong("the form to %q carries %d CSRF tokens, want one", form.Attr("action"), len(tokens))
	}
}

// checkReferences looks whether labels and descriptions lead to something.
func (p *Page) checkReferences(ids map[string]bool) {
	p.tb.Helper()
	for _, e := range p.All(func(*Element) bool { return true }) {
		for _, name := range []string{"for", "aria-describedby", "aria-labelledby", "aria-controls", "popovertarget"} {
			for _, id := range strings.Fields(e.Attr(name)) {
				if !ids[id] {
					p.wrong("<%s %s=%q> leads to no id", e.Tag(), name, id)
				}
			}
		}
		if slices.Contains([]string{"input", "select", "textarea"}, e.Tag()) && e.Attr("type") != "hidden" && !p.labelled(e) {
			p.wrong("<%s name=%q> has no label", e.Tag(), e.Attr("name"))
		}
	}
}

func (p *Page) labelled(field *Element) bool {
	if field.Attr("aria-label") != "" || field.Attr("aria-labelledby") != "" {
		return true
	}
	for n := field.node.Parent; n != nil; n = n.Parent {
		if n.Data == "label" {
			return true
		}
	}
	id := field.Attr("id")
	return id != "" && len(p.All(func(e *Element) bool { return e.Tag() == "label" && e.Attr("for") == id })) > 0
}

func (p *Page) wrong(format string, args ...any) {
	p.tb.Helper()
	p.tb.Errorf("%s %s: "+format, append([]any{p.Method, p.Path}, args...)...)
}
