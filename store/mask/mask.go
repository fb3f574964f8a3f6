package mask

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

const (
	stars = "***"
	// maxNested bounds how often JSON text inside a JSON string is opened. Quotes double at each level: a body of a megabyte has no more.
	maxNested = 20
	// maxShortCode is the length of the longest security code.
	maxShortCode = 4
)

// JSON masks a body. Valid JSON stays valid: a number that is hidden becomes a string. JSON text inside a string is
// masked as JSON. What is no valid JSON is masked as Text does.
func JSON(raw []byte) Result { return maskBody(raw, false) }

// ValidJSON is JSON for what is known to be valid, which it does not look into again.
func ValidJSON(raw []byte) Result { return maskValid(raw, 0, false) }

// maskBody masks what may be JSON, in any encoding. With codes, card numbers stay.
func maskBody(raw []byte, codes bool) Result {
	if r, ok := maskUTF16(raw, codes); ok {
		return r
	}
	return maskJSON(raw, 0, codes)
}

func maskJSON(raw []byte, nested int, codes bool) Result {
	if nested > maxNested || !json.Valid(raw) {
		return maskText(raw, codes)
	}
	return maskValid(raw, nested, codes)
}

func maskValid(raw []byte, nested int, codes bool) Result {
	w := walker{editor: editor{src: raw, codes: codes}, nested: nested, stack: make([]frame, 0, 16)}
	w.walk()
	return w.result()
}

// frame is an object or array that the walker is in.
type frame struct {
	object bool
	key    bool   // a member's name comes next
	name   []byte // of the member that is being read; for an array that of the member that holds it
	parent []byte // name of the member that holds this
	field  field  // of the member that is being read
	above  field  // what the names above say: everything below a security code is hidden
}

// walker goes over valid JSON once.
type walker struct {
	editor
	stack  []frame
	nested int
}

func (w *walker) walk() {
	for i := 0; i < len(w.src); {
		switch c := w.src[i]; {
		case c == '"':
			end := stringEnd(w.src, i)
			w.text(i, end)
			i = end
		case c == '-' || isDigit(c):
			end := i + 1
			for end < len(w.src) && isNumberByte(w.src[end]) {
				end++
			}
			w.number(i, end)
			i = end
		default:
			w.structure(c)
			i++
		}
	}
}

func (w *walker) top() *frame {
	if len(w.stack) == 0 {
		return &frame{}
	}
	return &w.stack[len(w.stack)-1]
}

func (w *walker) structure(c byte) {
	top := w.top()
	switch c {
	case '{':
		w.stack = append(w.stack, frame{object: true, key: true, parent: top.name, above: top.field})
	case '[':
		w.stack = append(w.stack, frame{name: top.name, parent: top.parent, field: top.field, above: top.above})
	case '}', ']':
		w.stack = w.stack[:len(w.stack)-1]
	case ',':
		top.key = top.object
	case ':':
		top.key = false
	}
}

// text masks a string, quotes included.
func (w *walker) text(start, end int) {
	top := w.top()
	inside := w.src[start+1 : end-1]
	isName := top.object && top.key
	escaped := bytes.IndexByte(inside, '\\') >= 0
	if escaped {
		inside = unescape(w.src[start:end])
	}
	f := top.field
	if isName {
		top.name = inside[:min(len(inside), maxName+1)]
		if top.field = fieldOf(top.parent, top.name); top.field == plain {
			top.field = top.above
		}
		f = plain
		if top.above == codeField {
			f = shortCode // {"cvv":{"123":true}}
		}
	}
	switch {
	case f == codeField || f == trackField || f == shortCode && isShortCode(inside):
		if len(inside) > 0 {
			w.replaceQuoted(start, end, `"`+stars+`"`, f.kind(), 1)
		}
	case escaped || looksLikeJSON(inside):
		w.inner(start, end, inside, f)
	default:
		hideString(&w.editor, start+1, end-1, f)
	}
}

// hideString hides card data in the text of a string. What holds for a form or a line of text holds for the same in a string.
func hideString(e *editor, from, to int, f field) {
	if letters, digits := contents(e.src[from:to]); letters && digits {
		hideText(e, from, to, f)
		return
	}
	hideNumbers(e, from, to, f)
}

// contents reports whether a text has a letter, and whether it has a digit or something that can stand for one.
func contents(text []byte) (letters, digits bool) {
	for _, c := range text {
		switch {
		case isLetter(c):
			letters = true
		case isDigit(c), c == '*', c >= utf8.RuneSelf:
			digits = true
		}
	}
	return letters, digits
}

// inner masks the decoded text of a string and encodes it again only when something was found.
func (w *walker) inner(start, end int, inside []byte, f field) {
	var masked Result
	if looksLikeJSON(inside) && w.nested < maxNested {
		masked = maskJSON(inside, w.nested+1, w.codes)
	} else {
		e := editor{src: inside, codes: w.codes}
		hideString(&e, 0, len(inside), f)
		masked = e.result()
	}
	if masked.Found > 0 {
		w.replaceQuoted(start, end, quote(masked.Text), masked.Spans[0].Kind, 1)
	}
}

func (w *walker) number(start, end int) {
	literal := w.src[start:end]
	switch f := w.top().field; f {
	case codeField, trackField:
		w.replaceQuoted(start, end, `"`+stars+`"`, f.kind(), 1)
	case shortCode:
		if isShortCode(literal) {
			w.replaceQuoted(start, end, `"`+stars+`"`, SecurityCode, 1)
		}
	case plain, cardField:
		if with := hidden(wholeDigits(literal), f == cardField); with != "" {
			w.replaceQuoted(start, end, `"`+with+`"`, CardNumber, 1)
		}
	}
}

func isShortCode(text []byte) bool {
	return (len(text) == 3 || len(text) == maxShortCode) && allDigits(text)
}

// wholeDigits writes a JSON number out in digits: 4.1e3 is 4100. Nil for what is no whole number of card length.
func wholeDigits(literal []byte) []byte {
	if literal[0] == '-' {
		literal = literal[1:]
	}
	mantissa, exponent, _ := bytes.Cut(bytes.ToLower(literal), []byte("e"))
	whole, fraction, _ := bytes.Cut(mantissa, []byte("."))
	if len(whole) > maxRun {
		return nil
	}
	shift := 0
	if len(exponent) > 0 {
		exponent = bytes.TrimPrefix(exponent, []byte("+"))
		if len(exponent) == 0 || len(exponent) > 2 || !allDigits(exponent) {
			return nil // negative, or far longer than a card number
		}
		for _, c := range exponent {
			shift = shift*10 + int(c-'0')
		}
	}
	fraction = bytes.TrimRight(fraction, "0")
	if len(fraction) > shift || len(whole)+shift > maxRun+1 {
		return nil
	}
	digits := make([]byte, 0, maxRun+1)
	digits = append(append(digits, whole...), fraction...)
	for range shift - len(fraction) {
		digits = append(digits, '0')
	}
	digits = bytes.TrimLeft(digits, "0")
	return digits
}

func isNumberByte(c byte) bool {
	return isDigit(c) || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-'
}

// stringEnd returns the place after the closing quote of the string that begins at start.
func stringEnd(src []byte, start int) int {
	for i := start + 1; i < len(src); i++ {
		switch src[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(src)
}

func unescape(quoted []byte) []byte {
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return quoted[1 : len(quoted)-1] // the text around it is valid, so this does not happen
	}
	return []byte(s)
}

func quote(text []byte) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(string(text)); err != nil {
		return `"` + stars + `"` // strings always encode
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

func looksLikeJSON(text []byte) bool {
	for i, c := range text {
		switch c {
		case ' ', '\t', '\r', '\n':
		case '{', '[', '"':
			return i+1 < len(text)
		default:
			return false
		}
	}
	return false
}
