package receiver

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

const (
	// maxJSONDepth keeps far from Postgres' own bound, which depends on its stack.
	maxJSONDepth = 512
	// maxNumberLength and maxExponent keep within Postgres' numeric: 131,072 digits before the point and 16,383 after it.
	maxNumberLength = 10_000
	maxExponent     = 5_000
)

// storable makes valid JSON that Postgres' jsonb takes: \u0000, lone surrogates and invalid UTF-8 become U+FFFD, and numbers beyond its
// numeric become strings of their text. Nil when it is nested too deeply; the very text when nothing is replaced.
func storable(text []byte) json.RawMessage {
	if !utf8.Valid(text) {
		text = bytes.ToValidUTF8(text, []byte("\uFFFD"))
	}
	c := copier{text: text}
	depth := 0
	for i := 0; i < len(text); {
		switch text[i] {
		case '{', '[':
			if depth++; depth > maxJSONDepth {
				return nil
			}
			i++
		case '}', ']':
			depth--
			i++
		case '"':
			i = c.string(i)
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			i = c.number(i)
		default:
			i++
		}
	}
	if c.out == nil {
		return text
	}
	return append(c.out, text[c.copied:]...)
}

// copier copies valid JSON with replacements.
type copier struct {
	text, out []byte
	copied    int // text up to here is in out
}

func (c *copier) replace(start, end int, with ...[]byte) {
	c.out = append(c.out, c.text[c.copied:start]...)
	for _, w := range with {
		c.out = append(c.out, w...)
	}
	c.copied = end
}

// string goes over the string that begins at i and returns where it ends.
func (c *copier) string(i int) int {
	i++
	for c.text[i] != '"' {
		if c.text[i] != '\\' {
			i++
			continue
		}
		size, fine := escapeAt(c.text[i:])
		if !fine {
			c.replace(i, i+size, []byte(`\ufffd`))
		}
		i += size
	}
	return i + 1
}

// number goes over the number that begins at i and returns where it ends.
func (c *copier) number(i int) int {
	end := i
	for end < len(c.text) && bytes.IndexByte([]byte("+-.eE0123456789"), c.text[end]) >= 0 {
		end++
	}
	if tooLarge(c.text[i:end]) {
		c.replace(i, end, []byte{'"'}, c.text[i:min(end, i+maxNumberLength)], []byte{'"'})
	}
	return end
}

// escapeAt measures the escape at the start of a valid string's rest, and reports whether jsonb takes it. A surrogate pair is one.
func escapeAt(s []byte) (size int, fine bool) {
	const short, long = 2, 6
	if s[1] != 'u' {
		return short, true
	}
	first := hexValue(s[2:6])
	if first == 0 {
		return long, false
	}
	if first < 0xD800 || first > 0xDFFF {
		return long, true
	}
	if first < 0xDC00 && len(s) >= 2*long && s[6] == '\\' && s[7] == 'u' {
		if second := hexValue(s[8:12]); second >= 0xDC00 && second <= 0xDFFF {
			return 2 * long, true
		}
	}
	return long, false
}

func hexValue(digits []byte) uint64 {
	v, err := strconv.ParseUint(string(digits), 16, 32)
	if err != nil {
		return 0 // json.Valid has accepted the digits, so this does not happen
	}
	return v
}

func tooLarge(number []byte) bool {
	if len(number) > maxNumberLength {
		return true
	}
	i := bytes.IndexAny(number, "eE")
	if i < 0 {
		return false
	}
	exponent, err := strconv.Atoi(string(number[i+1:]))
	return err != nil || exponent > maxExponent || exponent < -maxExponent
}
