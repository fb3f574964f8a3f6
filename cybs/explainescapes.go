package cybs

import (
	"bytes"
	"encoding/json"
	"iter"
	"unicode/utf16"
	"unicode/utf8"
)

// escapes is which characters a JSON library writes as escapes although it need not.
type escapes uint16

const (
	escSlash      escapes = 1 << iota // / as \/
	escAngle                          // < > &
	escEquals                         // =
	escApostrophe                     // '
	escPlus                           // + and `
	escQuote                          // " as " and not as \"
	escDelete                         // DEL
	escNextLine                       // U+0085
	escSeparators                     // U+2028 and U+2029
	escNonASCII                       // everything beyond ASCII
	upperHex                          // with capital letters in \u escapes
)

// jsonWriter is how a JSON library writes strings by one of its settings.
type jsonWriter struct {
	escapes escapes
	detail  string
}

// jsonWriters lists those that are known, the likely ones first. Each stands for its twin with the other case of hexadecimal digits too.
func jsonWriters() []jsonWriter {
	return []jsonWriter{
		{0, "Signed was the form without escapes."},
		{escSlash, `Signed was the form with \/, as PHP writes it.`},
		{escAngle | escSeparators, `Signed was the form with \u003c, as Go writes it.`},
		{escAngle | escEquals | escApostrophe | escSeparators, `Signed was the form with \u003d and \u0027, as Gson writes it.`},
		{escAngle | escApostrophe | escPlus | escQuote | escDelete | escNonASCII | upperHex, `Signed was the form with \u002B and \u0022, as .NET writes it.`},
		{escNonASCII, `Signed was the form with \u escapes, as Python and Jackson write it.`},
		{escSlash | escNonASCII, `Signed was the form with \u escapes and \/, as PHP writes it.`},
		{escSeparators, `Signed was the form with \u2028 and \u2029, as Go and Gson write them.`},
		{escSlash | escSeparators, `Signed was the form with \/ and \u2028, as PHP writes it.`},
		{escNextLine | escSeparators, `Signed was the form with \u0085 and \u2028, as Json.NET writes it.`},
		{escAngle | escApostrophe | escQuote | escNextLine | escSeparators, `Signed was the form with \u0022 and \u0027, as Json.NET writes it for HTML.`},
		{escAngle | escNonASCII, `Signed was the form with \u003c and \u escapes, for HTML.`},
		{escAngle | escEquals | escApostrophe | escNonASCII, `Signed was the form with \u003d and \u escapes, as Gson writes it.`},
		{escAngle | escApostrophe | escQuote | escSlash | escNonASCII | upperHex, `Signed was the form with \u0022, \u escapes and \/, as PHP writes it for HTML.`},
		{escAngle | escApostrophe | escQuote | escNonASCII | upperHex, `Signed was the form with \u0022 and \u escapes, for HTML.`},
		{escAngle | escSlash | escNonASCII | upperHex, `Signed was the form with \u003C, \u escapes and \/, as PHP writes it for HTML.`},
	}
}

// class is the set of escapes that a character falls under; upperHex where its escape has a letter.
func class(r rune) escapes {
	switch r {
	case '/':
		return escSlash
	case '<', '>':
		return escAngle | upperHex
	case '&':
		return escAngle
	case '=':
		return escEquals | upperHex
	case '\'':
		return escApostrophe
	case '+':
		return escPlus | upperHex
	case '`':
		return escPlus
	case '"':
		return escQuote
	case 0x7f:
		return escDelete | upperHex
	case 0x85:
		return escNextLine | escNonASCII
	case 0x2028, 0x2029:
		return escSeparators | escNonASCII
	}
	switch {
	case r >= utf8.RuneSelf:
		return escNonASCII | upperHex // nearly all have a letter
	case r < ' ':
		return upperHex // which is escaped by all
	}
	return 0
}

// rewritten writes JSON as the usual libraries do. Members that were put into another order cannot be put back. A form may be used until the next one
// is asked for: they share their memory, as there are many and each is as long as the body.
func rewritten(received []byte) iter.Seq[form] {
	return func(yield func(form) bool) {
		s := scanner{data: received}
		if s.document(nil) != nil {
			return
		}
		compact := CompactJSON(nil, received)
		if !yield(form{compact, "Signed was the compact form."}) {
			return
		}
		literal := unescaped(compact)
		if !rewrittenStrings(literal, yield) {
			return
		}
		if !yield(form{spaced(literal), "Signed was the form with spaces, as Python writes it."}) {
			return
		}
		if !yield(form{spaced(escaped(nil, literal, escNonASCII)), `Signed was the form with spaces and \u escapes, as Python writes it.`}) {
			return
		}
		for _, indent := range [...]string{"  ", "    ", "\t"} {
			var b bytes.Buffer
			if json.Indent(&b, literal, "", indent) == nil && !yield(form{b.Bytes(), "Signed was an indented form."}) {
				return
			}
		}
	}
}

// rewrittenStrings yields what every library writes, once where several write the same.
func rewrittenStrings(literal []byte, yield func(form) bool) bool {
	present := classesOf(literal)
	seen := make(map[escapes]bool)
	var scratch []byte
	for _, w := range jsonWriters() {
		for _, set := range [...]escapes{w.escapes, w.escapes ^ upperHex} {
			effect := set & (present | upperHex)
			if present&upperHex == 0 {
				effect &^= upperHex
			}
			if seen[effect] {
				continue
			}
			seen[effect] = true
			scratch = escaped(scratch[:0], literal, set)
			if !yield(form{scratch, w.detail}) {
				return false
			}
		}
	}
	return true
}

// classesOf is what is there to be escaped.
func classesOf(literal []byte) escapes {
	var present escapes
	for i, r := range string(literal) {
		c := class(r)
		if c&escQuote != 0 && (i == 0 || literal[i-1] != '\\') {
			c &^= escQuote // the end of a string, or its beginning
		}
		present |= c
	}
	if bytes.Contains(literal, []byte(`\u`)) {
		present |= upperHex // a control character
	}
	return present
}

// escaped writes literal JSON with more escapes.
func escaped(dst, literal []byte, set escapes) []byte {
	for i := 0; i < len(literal); {
		if literal[i] != '"' {
			dst = append(dst, literal[i])
			i++
			continue
		}
		end := stringEnd(literal, i)
		dst = append(dst, '"')
		dst = escapedText(dst, literal[i+1:max(i+1, end-1)], set)
		dst = append(dst, '"')
		i = end
	}
	return dst
}

// escapedText writes the inside of a string that has the escapes alone that it must have.
func escapedText(dst, inside []byte, set escapes) []byte {
	for i := 0; i < len(inside); {
		if inside[i] == '\\' && i+1 < len(inside) {
			next := inside[i+1]
			switch {
			case next == '"' && set&escQuote != 0:
				dst = appendEscapeIn(dst, '"', set)
			case next == 'u' && i+6 <= len(inside):
				dst = append(dst, '\\', 'u')
				for _, c := range inside[i+2 : i+6] {
					if set&upperHex != 0 && c >= 'a' {
						c -= 'a' - 'A'
					}
					dst = append(dst, c)
				}
				i += 6
				continue
			default:
				dst = append(dst, '\\', next)
			}
			i += 2
			continue
		}
		r, size := utf8.DecodeRune(inside[i:])
		switch c := class(r) &^ upperHex; {
		case c&set == 0:
			dst = append(dst, inside[i:i+size]...)
		case r == '/':
			dst = append(dst, '\\', '/')
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			dst = appendEscapeIn(appendEscapeIn(dst, high, set), low, set)
		default:
			dst = appendEscapeIn(dst, r, set)
		}
		i += size
	}
	return dst
}

// appendEscapeIn writes a \u escape with the digits of the set.
func appendEscapeIn(dst []byte, r rune, set escapes) []byte {
	if set&upperHex == 0 {
		return appendEscape(dst, r)
	}
	const hex = "0123456789ABCDEF"
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}
