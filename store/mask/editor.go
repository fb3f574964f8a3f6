package mask

// Kind says what a span hides.
type Kind string

// The kinds of card data.
const (
	CardNumber   Kind = "card number"
	SecurityCode Kind = "security code"
	Track        Kind = "track data"
)

// Span is a part of a masked text that stands for something hidden: the bytes from Start up to End.
type Span struct {
	Start, End int
	Kind       Kind
}

// Result is a masked text.
type Result struct {
	// Text is the text without card data. It is the very slice that was given when Found is 0.
	Text []byte
	// Spans are the replacements in Text, in order.
	Spans []Span
	// Found counts them.
	Found int
}

// editor copies a text with replacements; positions given to it must not decrease.
type editor struct {
	src    []byte
	out    []byte
	copied int // src up to here is in out
	spans  []Span
	codes  bool    // card numbers stay
	groups []group // scratch of numbers
}

func (e *editor) replace(start, end int, with string, kind Kind) {
	e.replaceQuoted(start, end, with, kind, 0)
}

// replaceQuoted is replace for a text that brings its own quotes, which the span leaves out.
func (e *editor) replaceQuoted(start, end int, with string, kind Kind, quotes int) {
	if e.codes && kind == CardNumber {
		return
	}
	if e.out == nil {
		e.out = make([]byte, 0, len(e.src)+16)
	}
	e.out = append(e.out, e.src[e.copied:start]...)
	at := len(e.out)
	e.out = append(e.out, with...)
	e.copied = end
	e.spans = append(e.spans, Span{Start: at + quotes, End: len(e.out) - quotes, Kind: kind})
}

func (e *editor) result() Result {
	if len(e.spans) == 0 {
		return Result{Text: e.src}
	}
	return Result{Text: append(e.out, e.src[e.copied:]...), Spans: e.spans, Found: len(e.spans)}
}
