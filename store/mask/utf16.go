package mask

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// fromWide returns a text in UTF-16 or UTF-32, of so many bytes a character, as UTF-8.
func fromWide(raw []byte, width int, order binary.ByteOrder) []byte {
	text := make([]byte, 0, len(raw)/width*2)
	units := make([]uint16, 0, 2)
	for ; len(raw) >= width; raw = raw[width:] {
		if width == 4 {
			text = utf8.AppendRune(text, rune(order.Uint32(raw))) //nolint:gosec // what is no character becomes U+FFFD
			continue
		}
		units = append(units, order.Uint16(raw))
		if len(units) == 1 && utf16.IsSurrogate(rune(units[0])) && len(raw) >= 2*width {
			continue // the other half comes next
		}
		for _, r := range utf16.Decode(units) {
			text = utf8.AppendRune(text, r)
		}
		units = units[:0]
	}
	if len(text) >= 3 && string(text[:3]) == "\ufeff" {
		text = text[3:]
	}
	return text
}

// wideEncoding tells how many bytes a character has, and in which order.
func wideEncoding(raw []byte) (width int, order binary.ByteOrder, ok bool) {
	const enough = 8
	if len(raw) < enough {
		return 0, nil, false
	}
	switch mark := string(raw[:2]); {
	case string(raw[:4]) == "\xff\xfe\x00\x00":
		return 4, binary.LittleEndian, true
	case string(raw[:4]) == "\x00\x00\xfe\xff":
		return 4, binary.BigEndian, true
	case mark == "\xff\xfe" && raw[2] != 0xff:
		return 2, binary.LittleEndian, isWide(raw[2:], 1)
	case mark == "\xfe\xff":
		return 2, binary.BigEndian, isWide(raw[2:], 0)
	}
	zeros := [4]int{}
	sample := raw[:min(len(raw), 256)]
	for i, c := range sample {
		if c == 0 {
			zeros[i%4]++
		}
	}
	most := func(i int) bool { return zeros[i]*5 > len(sample) } // four of five bytes in that place
	few := func(i int) bool { return zeros[i]*8 <= max(zeros[0], zeros[1], zeros[2], zeros[3]) }
	switch {
	case most(0) && most(1) && most(2) && few(3):
		return 4, binary.BigEndian, true
	case most(1) && most(2) && most(3) && few(0):
		return 4, binary.LittleEndian, true
	case (zeros[0]+zeros[2])*16 > len(sample) && zeros[0]+zeros[2] >= zeros[1]+zeros[3]:
		return 2, binary.BigEndian, true
	case (zeros[1]+zeros[3])*16 > len(sample) && zeros[1]+zeros[3] > zeros[0]+zeros[2]:
		return 2, binary.LittleEndian, true
	}
	return 0, nil, false
}

// isWide reports whether a text behind a byte order mark has the zero bytes of UTF-16, in the given place of each pair, at least now and then:
// two bytes that look like the mark can begin anything.
func isWide(raw []byte, place int) bool {
	zeros := 0
	sample := raw[:min(len(raw), 256)]
	for i := place; i < len(sample); i += 2 {
		if sample[i] == 0 {
			zeros++
		}
	}
	return zeros > 0
}

// maskUTF16 masks a body in UTF-16 or UTF-32; the result is in UTF-8. It goes by the byte order mark or by zero bytes, which ASCII text has none of:
// a body in another encoding is not JSON as Cybersource sends it, but it is stored and shown all the same. False when it is none, or
// when nothing is found in it: then its bytes are looked at as they are.
func maskUTF16(raw []byte, codes bool) (Result, bool) {
	width, order, ok := wideEncoding(raw)
	if !ok {
		return Result{}, false
	}
	r := maskJSON(fromWide(raw, width, order), 0, codes)
	if r.Found > 0 || width != 2 {
		return r, r.Found > 0
	}
	// Characters whose lower byte is zero make the order look like the other one.
	if order == binary.ByteOrder(binary.LittleEndian) {
		order = binary.BigEndian
	} else {
		order = binary.LittleEndian
	}
	r = maskJSON(fromWide(raw, width, order), 0, codes)
	return r, r.Found > 0
}
