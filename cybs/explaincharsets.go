package cybs

import (
	"bytes"
	"iter"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// windows1252 has the characters of the bytes 0x80 to 0x9f in Windows-1252. The five bytes that mean nothing stand for themselves, as decoders of the web have it.
// Everything else is as in ISO 8859-1.
var windows1252 = [32]rune{
	0x20ac, 0x81, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8d, 0x017d, 0x8f,
	0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d, 0x017e, 0x0178,
}

// recoded undoes conversions between UTF-8, the two 8-bit charsets and UTF-16, of the body as it came and of what its escapes stand for.
func recoded(received []byte) iter.Seq[form] {
	return func(yield func(form) bool) {
		bases := [][]byte{received}
		s := scanner{data: received}
		if bytes.IndexByte(received, '\\') >= 0 && s.document(nil) == nil {
			bases = append(bases, unescaped(CompactJSON(nil, received)))
		}
		for _, base := range bases {
			for f := range recodedForms(base) {
				if !yield(f) {
					return
				}
			}
		}
	}
}

func recodedForms(received []byte) iter.Seq[form] {
	return func(yield func(form) bool) {
		if isASCII(received) && bytes.IndexByte(received, 0) < 0 {
			return // the same in all of them but UTF-16
		}
		latin, windows := "It was converted from UTF-8 to Latin-1.", "It was converted from UTF-8 to Windows-1252."
		if utf8.Valid(received) {
			latin, windows = "Signed was the text as it looks when UTF-8 is read as Latin-1.", "Signed was the text as it looks when UTF-8 is read as Windows-1252."
		}
		if !yield(form{fromLatin1(received), latin}) || !yield(form{fromWindows1252(received), windows}) ||
			!yield(form{[]byte(strings.ToValidUTF8(string(received), "\ufffd")), "It had bytes that are no UTF-8."}) {
			return
		}
		if text, ok := toLatin1(received); ok && !yield(form{text, "It was read as Latin-1 and written as UTF-8."}) {
			return
		}
		if text, ok := toWindows1252(received); ok && !yield(form{text, "It was read as Windows-1252 and written as UTF-8."}) {
			return
		}
		if text, ok := fromUTF16(received); ok {
			yield(form{text, "It was converted from UTF-8 to UTF-16."})
		}
	}
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func fromLatin1(b []byte) []byte {
	dst := make([]byte, 0, len(b)+len(b)/8)
	for _, c := range b {
		dst = utf8.AppendRune(dst, rune(c))
	}
	return dst
}

func fromWindows1252(b []byte) []byte {
	dst := make([]byte, 0, len(b)+len(b)/8)
	for _, c := range b {
		r := rune(c)
		if c >= 0x80 && c < 0xa0 {
			r = windows1252[c-0x80]
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// toLatin1 fails for what has other characters, and for what would not change.
func toLatin1(b []byte) ([]byte, bool) {
	dst := make([]byte, 0, len(b))
	for _, r := range string(b) {
		if r > 0xff {
			return nil, false
		}
		dst = append(dst, byte(r)) //nolint:gosec // at most 0xff
	}
	return dst, len(dst) < len(b)
}

// toWindows1252 fails for what has other characters, and for what would not change.
func toWindows1252(b []byte) ([]byte, bool) {
	dst := make([]byte, 0, len(b))
	for _, r := range string(b) {
		c, ok := windows1252Byte(r)
		if !ok {
			return nil, false
		}
		dst = append(dst, c)
	}
	return dst, len(dst) < len(b)
}

func windows1252Byte(r rune) (byte, bool) {
	if r <= 0xff {
		return byte(r), true //nolint:gosec // at most 0xff
	}
	for i, known := range windows1252 {
		if r == known {
			return byte(0x80 + i), true
		}
	}
	return 0, false
}

// fromUTF16 reads either order, with or without a mark.
func fromUTF16(b []byte) ([]byte, bool) {
	if len(b) < 2 || len(b)%2 != 0 || b[0] != 0 && b[1] != 0 && !bytes.HasPrefix(b, []byte{0xfe, 0xff}) && !bytes.HasPrefix(b, []byte{0xff, 0xfe}) {
		return nil, false
	}
	big := b[0] == 0 || b[0] == 0xfe && b[1] == 0xff
	units := make([]uint16, len(b)/2)
	for i := range units {
		high, low := b[2*i], b[2*i+1]
		if !big {
			high, low = low, high
		}
		units[i] = uint16(high)<<8 | uint16(low)
	}
	return []byte(strings.TrimPrefix(string(utf16.Decode(units)), "\ufeff")), true
}
