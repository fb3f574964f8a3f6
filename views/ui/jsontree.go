package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// JSONKind is what a node of a JSON tree is.
type JSONKind string

// The kinds of nodes. JSONMore stands for values left out by a limit.
const (
	JSONObject JSONKind = "object"
	JSONArray  JSONKind = "array"
	JSONString JSONKind = "string"
	JSONNumber JSONKind = "number"
	JSONWord   JSONKind = "word" // true, false, null
	JSONMore   JSONKind = "more"
)

// JSONNode is one value. Text is the exact text of the bytes: no number is rounded
// and no escape resolved.
type JSONNode struct {
	// Key is the member's name as written, in quotes; empty for array items and the root.
	Key  string
	Kind JSONKind
	// Text of a string includes its quotes; of a container it is empty.
	Text     string
	Children []JSONNode
	// Masked says that the value was replaced before it was stored for view.
	Masked bool
	// Path leads to the value in JSONPath: $.payload.items[0].id
	Path string
	// Line and EndLine are where the value stands in the viewer.
	Line, EndLine int
}

// JSONTree is what ParseJSON found. Problem says in words what stopped it; what was
// read before is kept.
type JSONTree struct {
	Root    JSONNode
	Problem string
	// Lines is how many lines the tree has.
	Lines int
}

// JSONOptions bound a tree. Zero values mean 5,000 nodes, depth 64 and nothing masked.
type JSONOptions struct {
	MaxNodes, MaxDepth int
	// FirstLine is the first line's number; zero means 1. A page with several trees numbers them on, since each line is an
	// address.
	FirstLine int
	// Masked says whether the value at a path, with this text, is a mask.
	Masked func(path, text string) bool
}

// ParseJSON makes a tree of raw. It never fails: what is not JSON gives a tree as far
// as it goes and a Problem. Members that come twice are kept twice.
func ParseJSON(raw []byte, o JSONOptions) JSONTree {
	if o.MaxNodes <= 0 {
		o.MaxNodes = 5000
	}
	if o.MaxDepth <= 0 {
		o.MaxDepth = 64
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return JSONTree{Problem: "The body is empty."}
	}
	first := max(o.FirstLine, 1)
	p := &jsonParser{raw: raw, opts: o, left: o.MaxNodes, line: first}
	if bytes.HasPrefix(raw, []byte("\xef\xbb\xbf")) {
		p.start = 3
	}
	p.dec = json.NewDecoder(bytes.NewReader(raw[p.start:]))
	p.dec.UseNumber()
	root, err := p.value("", "$", 0)
	t := JSONTree{Root: root, Lines: p.line - first}
	switch {
	case err != nil:
		t.Problem = p.problem(err)
	case len(bytes.TrimSpace(raw[p.offset():])) > 0:
		t.Problem = "More text follows the JSON value, from byte " + strconv.Itoa(p.offset()) + "."
	case p.start > 0:
		t.Problem = "A byte order mark stands before the JSON value."
	case !utf8.Valid(raw):
		t.Problem = "Some bytes are not valid UTF-8; they are shown as \uFFFD. The raw view has them as they came."
	}
	return t
}

type jsonParser struct {
	raw   []byte
	start int // bytes before the decoder's first
	dec   *json.Decoder
	opts  JSONOptions
	left  int // nodes that may still be made
	line  int // the next line's number
}

func (p *jsonParser) offset() int { return p.start + int(p.dec.InputOffset()) }

// token reads one token and its exact text.
func (p *jsonParser) token() (json.Token, string, error) {
	from := p.offset()
	tok, err := p.dec.Token()
	if err != nil {
		return nil, "", err
	}
	text := strings.TrimLeft(string(p.raw[from:p.offset()]), " \t\r\n,:")
	return tok, strings.ToValidUTF8(text, "\uFFFD"), nil
}

// value reads one value. On an error the node holds what was read before it.
func (p *jsonParser) value(key, path string, depth int) (JSONNode, error) {
	n := JSONNode{Key: key, Path: path, Line: p.line, EndLine: p.line}
	p.line++
	p.left--
	tok, text, err := p.token()
	if err != nil {
		n.Kind, n.Text = JSONMore, "unreadable from here on"
		return n, err
	}
	delim, isDelim := tok.(json.Delim)
	if !isDelim {
		n.Kind, n.Text = scalarKind(tok), text
		n.Masked = p.opts.Masked != nil && p.opts.Masked(path, text)
		return n, nil
	}
	n.Kind = JSONArray
	if delim == '{' {
		n.Kind = JSONObject
	}
	return n, p.members(&n, depth)
}

// members reads the children of n and its closing bracket, which has a line of its
// own when there are children.
func (p *jsonParser) members(n *JSONNode, depth int) error {
	more := 0
	for i := 0; p.dec.More(); i++ {
		if p.left <= 0 || depth+1 >= p.opts.MaxDepth {
			if err := p.skip(n.Kind == JSONObject); err != nil {
				return err
			}
			more++
			continue
		}
		key, path := "", n.Path+"["+strconv.Itoa(i)+"]"
		if n.Kind == JSONObject {
			tok, text, err := p.token()
			if err != nil {
				return err
			}
			name, _ := tok.(string)
			key, path = text, n.Path+pathStep(name)
		}
		child, err := p.value(key, path, depth+1)
		n.Children = append(n.Children, child)
		if err != nil {
			n.EndLine = p.line
			p.line++
			return err
		}
	}
	if more > 0 {
		n.Children = append(n.Children, JSONNode{Kind: JSONMore, Text: moreText(more), Path: n.Path, Line: p.line, EndLine: p.line})
		p.line++
	}
	if _, _, err := p.token(); err != nil {
		return err
	}
	if len(n.Children) > 0 {
		n.EndLine = p.line
		p.line++
	}
	return nil
}

// skip reads one member or item without making nodes of it.
func (p *jsonParser) skip(member bool) error {
	if member {
		if _, err := p.dec.Token(); err != nil {
			return err
		}
	}
	for open := 0; ; {
		tok, err := p.dec.Token()
		if err != nil {
			return err
		}
		switch tok {
		case json.Delim('{'), json.Delim('['):
			open++
		case json.Delim('}'), json.Delim(']'):
			open--
		}
		if open == 0 {
			return nil
		}
	}
}

func (p *jsonParser) problem(err error) string {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "The JSON ends too early, at byte " + strconv.Itoa(len(p.raw)) + "."
	case errors.As(err, &syntax):
		return "This is not JSON from byte " + strconv.FormatInt(int64(p.start)+syntax.Offset, 10) + " on: " + strings.TrimPrefix(syntax.Error(), "json: ") + "."
	default:
		return "This is not JSON: " + err.Error() + "."
	}
}

func scalarKind(tok json.Token) JSONKind {
	switch tok.(type) {
	case string:
		return JSONString
	case json.Number:
		return JSONNumber
	default:
		return JSONWord
	}
}

// pathStep is one member in a JSONPath: .name, or ['odd name'].
func pathStep(name string) string {
	for i, r := range name {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return "['" + strings.ReplaceAll(strings.ReplaceAll(name, `\`, `\\`), "'", `\'`) + "']"
		}
	}
	if name == "" {
		return "['']"
	}
	return "." + name
}

func moreText(n int) string {
	if n == 1 {
		return "1 more, not shown here"
	}
	return groupThousands(int64(n)) + " more, not shown here"
}
