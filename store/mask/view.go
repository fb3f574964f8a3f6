package mask

import (
	"unicode"
	"unicode/utf8"
)

// view is a part of a text as the search for card numbers reads it: one byte for each character, however the character is written. A digit of
// any script, percent-encoded, as an HTML entity or as a \u escape is '0' to '9'; a letter that is not ASCII is 'x'; any other character
// that is not ASCII is a space, a dash or a dot. Marks and characters without width are left out.
type view struct {
	b []byte
	// pos is where each character began in the text, with the end behind the last; nil when each byte is one character, from base on.
	pos  []int32
	base int
}

// at is the place in the text of character i, or the end of the part when i is behind the last.
func (v *view) at(i int) int {
	if v.pos == nil {
		return v.base + i
	}
	return int(v.pos[i])
}

// look reads src[from:to]. Plain ASCII is not copied.
func look(src []byte, from, to int) view {
	if !isEncoded(src[from:to]) {
		return view{b: src[from:to], base: from}
	}
	v := decode(src, from, to)
	const most = 4 // an entity may be percent-encoded, and that may stand in JSON
	for range most {
		if !isEncoded(v.b) {
			break
		}
		inner := decode(v.b, 0, len(v.b))
		if len(inner.b) == len(v.b) {
			break
		}
		for i, at := range inner.pos {
			inner.pos[i] = v.pos[at]
		}
		v = inner
	}
	return v
}

// isEncoded reports whether a text has characters that stand for others, or are not ASCII.
func isEncoded(text []byte) bool {
	for _, c := range text {
		if c >= utf8.RuneSelf || c == '%' || c == '&' || c == '\\' {
			return true
		}
	}
	return false
}

func decode(src []byte, from, to int) view {
	v := view{b: make([]byte, 0, to-from), pos: make([]int32, 0, to-from+1)}
	for i := from; i < to; {
		r, size := character(src[:to], i)
		if c, shown := classOf(r); shown {
			v.b = append(v.b, c)
			v.pos = append(v.pos, int32(i)) //nolint:gosec // a body is a megabyte at most
		}
		i += size
	}
	v.pos = append(v.pos, int32(to)) //nolint:gosec // as above
	return v
}

// character reads one character and how many bytes it takes.
func character(src []byte, i int) (r rune, size int) {
	switch c := src[i]; {
	case c == '%':
		r, size = percentEncoded(src, i)
	case c == '&':
		r, size = entity(src, i)
	case c == '\\':
		r, size = escape(src, i)
	case c >= utf8.RuneSelf:
		return utf8.DecodeRune(src[i:])
	}
	if size == 0 {
		return rune(src[i]), 1
	}
	return r, size
}

// classOf is what the search takes a character for; false for what has no width.
func classOf(r rune) (class byte, shown bool) {
	if r < utf8.RuneSelf {
		return byte(r), true //nolint:gosec // not negative
	}
	if d, ok := digitOf(r); ok {
		return '0' + d, true
	}
	switch {
	case unicode.IsLetter(r):
		return 'x', true
	case unicode.IsMark(r), unicode.Is(unicode.Cf, r):
		return 0, false
	case unicode.IsSpace(r):
		return ' ', true
	case unicode.Is(unicode.Pd, r), r == '−': // a minus sign
		return '-', true
	}
	return '.', true
}

// otherDigits are digits that Unicode does not count as decimal: the first and the last of a row, and the value of the first.
//
//nolint:gochecknoglobals // never changed
var otherDigits = [...]struct {
	first, last rune
	value       byte
}{
	{'²', '³', 2},
	{'¹', '¹', 1},
	{'⁰', '⁰', 0},
	{'⁴', '⁹', 4},
	{'₀', '₉', 0},
	{'①', '⑨', 1},
	{'⑴', '⑼', 1},
	{'⒈', '⒐', 1},
	{'⓪', '⓪', 0},
	{'⓵', '⓽', 1},
	{'⓿', '⓿', 0},
	{'❶', '❾', 1},
	{'➀', '➈', 1},
	{'➊', '➒', 1},
	{'〇', '〇', 0},
}

func digitOf(r rune) (byte, bool) {
	if unicode.IsDigit(r) {
		// Decimal digits stand in rows of ten that begin with zero (Unicode Standard, section 4.6).
		for _, row := range unicode.Nd.R16 {
			if rune(row.Lo) <= r && r <= rune(row.Hi) {
				return byte((r - rune(row.Lo)) % 10), true //nolint:gosec // below ten
			}
		}
		for _, row := range unicode.Nd.R32 {
			if rune(row.Lo) <= r && r <= rune(row.Hi) { //nolint:gosec // no character is beyond a rune
				return byte((r - rune(row.Lo)) % 10), true //nolint:gosec // as above
			}
		}
	}
	for _, row := range otherDigits {
		if row.first <= r && r <= row.last {
			return row.value + byte(r-row.first), true //nolint:gosec // below ten
		}
	}
	return 0, false
}

// percentEncoded reads %34, %EF%BC%94, %uFF14 and, encoded again, %2534. size is 0 when it is none of them.
func percentEncoded(src []byte, i int) (r rune, size int) {
	if i+1 < len(src) && src[i+1]|0x20 == 'u' {
		if r, ok := hexRune(src, i+2, 4); ok {
			return r, 6
		}
		return 0, 0
	}
	var raw [utf8.UTFMax]byte
	c, end, ok := percentByte(src, i)
	if !ok {
		return 0, 0
	}
	raw[0] = c
	n := 1
	for next := end; n < len(raw) && !utf8.FullRune(raw[:n]); n++ {
		c, after, ok := percentByte(src, next)
		if !ok {
			break
		}
		raw[n], next, end = c, after, after
	}
	r, length := utf8.DecodeRune(raw[:n])
	if r == utf8.RuneError || n > length {
		return 0, 0 // no UTF-8: the sign says something else, as in %B4111… on a stripe
	}
	return r, end - i
}

// percentByte reads one byte and where the next begins. A percent sign that is encoded itself is followed to what it stands for.
func percentByte(src []byte, i int) (c byte, end int, ok bool) {
	if i+2 >= len(src) || src[i] != '%' {
		return 0, 0, false
	}
	i++
	for i+3 < len(src) && src[i] == '2' && src[i+1] == '5' && isHex(src[i+2]) && isHex(src[i+3]) {
		i += 2
	}
	r, ok := hexRune(src, i, 2)
	return byte(r), i + 2, ok //nolint:gosec // two hexadecimal digits
}

// entity reads &#52; and &#x34;, with and without the semicolon, and takes &nbsp; and its like for a space.
func entity(src []byte, i int) (r rune, size int) {
	const longest = 10
	j := i + 1
	if j < len(src) && src[j] == '#' {
		return numericEntity(src, i)
	}
	for j < len(src) && j-i < longest && isLetter(src[j]) {
		j++
	}
	if j < len(src) && src[j] == ';' && j > i+2 {
		return ' ', j + 1 - i
	}
	return 0, 0
}

func numericEntity(src []byte, i int) (r rune, size int) {
	j, base := i+2, rune(10)
	if j < len(src) && src[j]|0x20 == 'x' {
		j, base = j+1, 16
	}
	first := j
	for ; j < len(src) && j-first < 7; j++ {
		d, ok := hexDigit(src[j])
		if !ok || d >= base {
			break
		}
		r = r*base + d
	}
	if j == first {
		return 0, 0
	}
	if j < len(src) && src[j] == ';' {
		j++
	}
	return r, j - i
}

// escape reads \u0034 behind any number of backslashes, and takes \n and its like for a space.
func escape(src []byte, i int) (r rune, size int) {
	const most = 64 // JSON in JSON doubles them at each level
	j := i
	for j < len(src) && src[j] == '\\' && j-i < most {
		j++
	}
	if j >= len(src) {
		return ' ', j - i
	}
	switch src[j] {
	case 'u', 'U':
		if r, ok := hexRune(src, j+1, 4); ok {
			return r, j + 5 - i
		}
	case 'x':
		if r, ok := hexRune(src, j+1, 2); ok {
			return r, j + 3 - i
		}
	case 'n', 't', 'r', 'f', 'b':
		return ' ', j + 1 - i
	case '/', '"', '\'':
		return rune(src[j]), j + 1 - i
	}
	return '\\', j - i
}

// hexRune reads exactly n hexadecimal digits.
func hexRune(src []byte, i, n int) (rune, bool) {
	if i+n > len(src) {
		return 0, false
	}
	var r rune
	for _, c := range src[i : i+n] {
		d, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		r = r<<4 | d
	}
	return r, true
}

func hexDigit(c byte) (rune, bool) {
	switch {
	case isDigit(c):
		return rune(c - '0'), true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return rune(c|0x20-'a') + 10, true
	}
	return 0, false
}

func isHex(c byte) bool {
	_, ok := hexDigit(c)
	return ok
}
