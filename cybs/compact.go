package cybs

import "bytes"

// CompactJSON appends src to dst without the white space outside strings. Everything else stays byte for byte: order
// and repetition of members, the text of numbers, escapes. It does not check that src is JSON; two texts that are equal
// after it mean the same. dst must not overlap src, but may be src[:0].
func CompactJSON(dst, src []byte) []byte {
	for start := 0; ; {
		end := nextSpace(src, start)
		dst = append(dst, src[start:end]...)
		if end == len(src) {
			return dst
		}
		start = end + 1
	}
}

// nextSpace returns where the next white space outside strings is, len(src) if there is none. It starts at from, which
// is outside a string.
func nextSpace(src []byte, from int) int {
	for i := from; i < len(src); {
		switch {
		case src[i] == '"':
			i = stringEnd(src, i)
		case isSpace(src[i]):
			return i
		default:
			i++
		}
	}
	return len(src)
}

// stringEnd returns what follows the string that starts with the quote at start; len(src) if it does not end.
func stringEnd(src []byte, start int) int {
	for i := start + 1; ; {
		quote := bytes.IndexByte(src[i:], '"')
		if quote < 0 {
			return len(src)
		}
		quote += i
		backslashes := 0
		for quote-1-backslashes > start && src[quote-1-backslashes] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return quote + 1
		}
		i = quote + 1
	}
}
