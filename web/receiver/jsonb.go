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
// numeric become strings of their text. Nil when it is nested too deeply.
func storable(text []byte) json.RawMessage {
	if !utf8.Valid(text) {
		text = bytes.ToValidUTF8(text, []byte("\uFFFD"))
	}
	var out []byte
	copied, depth := 0, 0
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '{' || c == '[':
			if depth++; depth > maxJSONDepth {
				return nil
			}
			i++
		case c == '}' || c == ']':
			depth--
			i++
		case c == '"':
			i++
			for text[i] != '"' {
				if text[i] != '\\' {
					i++
					continue
				}
				size, fine := escapeAt(text[i:])
				if !fine {
					out = append(append(out, text[copied:i]...), `\ufffd`...)
					copied = i + size
				}
				i += size
			}
			i++
		case c == '-' || c >= '0' && c <= '9':
			end := i
			for end < len(text) && bytes.IndexByte([]byte("+-.eE0123456789"), text[end]) >= 0 {
				end++
			}
			if tooLarge(text[i:end]) {
				out = append(append(out, text[copied:i]...), '"')
				out = append(append(out, text[i:min(end, i+maxNumberLength)]...), '"')
				copied = end
			}
			i = end
		default:
			i++
		}
	}
	return append(out, text[copied:]...)
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
