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
	// Path leads to the value in JSONPath: $.payload.items[0].id; empty where it would be too long to be of use.
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

// JSONOptions bound a tree. Zero values mean 5,000 nodes, depth 64, 512 KiB of text (keys and paths too) and nothing masked.
type JSONOptions struct {
	MaxNodes, MaxDepth, MaxText int
	// FirstLine is the first line's number; zero means 1. A page with several trees numbers them on, since each line is an
	// address.
	FirstLine int
	// Masked says whether the value that stands from one byte up to another holds a mask.
	Masked func(from, to int) bool
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
	if o.MaxText <= 0 {
		o.MaxText = 512 << 10
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return JSONTree{Problem: "The body is empty."}
	}
	first := max(o.FirstLine, 1)
	p := &jsonParser{raw: raw, opts: o, left: o.MaxNodes, text: o.MaxText, line: first}
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
	text  int // bytes that these may still show
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
	text := bytes.TrimLeft(p.raw[from:p.offset()], " \t\r\n,:")
	return tok, cutText(text), nil
}

// maxValueText and maxPath bound what one line of the tree shows; the raw view has the rest.
const (
	maxValueText = 16 << 10
	maxPath      = 512
)

// cutText is the text of one token, with its middle left out where it is long.
func cutText(text []byte) string {
	if len(text) <= maxValueText {
		return strings.ToValidUTF8(string(text), "\uFFFD")
	}
	const tail = 64
	left := len(text) - maxValueText
	return strings.ToValidUTF8(string(text[:maxValueText-tail]), "\uFFFD") + " … " + groupThousands(int64(left)) + " bytes not shown here … " +
		strings.ToValidUTF8(string(text[len(text)-tail:]), "\uFFFD")
}

// childPath is the path of a member or item; none where the parent has none, or it would be too long.
func childPath(parent, step string) string {
	if parent == "" || len(parent)+len(step) > maxPath {
		return ""
	}
	return parent + step
}

// value reads one value. On an error the node holds what was read before it.
func (p *jsonParser) value(key, path string, depth int) (JSONNode, error) {
	n := JSONNode{Key: key, Path: path, Line: p.line, EndLine: p.line}
	p.line++
	p.left--
	from := p.offset()
	tok, text, err := p.token()
	p.text -= len(key) + len(text)
	if key != "" {
		p.text -= 2 * len(path)
	}
	if err != nil {
		n.Kind, n.Text = JSONMore, "unreadable from here on"
		return n, err
	}
	delim, isDelim := tok.(json.Delim)
	if !isDelim {
		n.Kind, n.Text = scalarKind(tok), text
		n.Masked = p.opts.Masked != nil && p.opts.Masked(from, p.offset())
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
		if p.left <= 0 || p.text <= 0 || depth+1 >= p.opts.MaxDepth {
			if err := p.skip(n.Kind == JSONObject); err != nil {
				return err
			}
			more++
			continue
		}
		key, step := "", "["+strconv.Itoa(i)+"]"
		if n.Kind == JSONObject {
			tok, text, err := p.token()
			if err != nil {
				return err
			}
			name, _ := tok.(string)
			key, step = text, pathStep(name)
		}
		child, err := p.value(key, childPath(n.Path, step), depth+1)
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
