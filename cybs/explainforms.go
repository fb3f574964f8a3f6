package cybs

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxInflated bounds what a compressed body is unpacked to.
const maxInflated = 4 << 20

// change is one way in which a body is changed between the one who signs and the one who verifies.
type change struct {
	rung  Rung
	forms func(received []byte) []form
}

// form is what may have been signed before the change.
type form struct {
	bytes  []byte
	detail string
}

// changes lists the ways, from the particular to the general: writing JSON anew also drops white space at its ends, so a line end that was
// added must be looked for before.
func changes() []change {
	return []change{
		{RungByteOrderMark, marked},
		{RungLineEnding, lineEndings},
		{RungReserialised, rewritten},
		{RungCharset, recoded},
		{RungCompressed, inflated},
	}
}

// rewritten writes JSON as the usual libraries do. Members that were put into another order cannot be put back.
func rewritten(received []byte) []form {
	s := scanner{data: received}
	if s.document(nil) != nil {
		return nil
	}
	compact := CompactJSON(nil, received)
	literal := unescaped(compact)
	forms := []form{
		{compact, "Signed was the compact form."},
		{literal, "Signed was the form without escapes."},
		{escapedSlashes(literal), `Signed was the form with \/, as PHP writes it.`},
		{escapedHTML(literal), `Signed was the form with \u003c, as Go writes it.`},
		{escapedASCII(literal), `Signed was the form with \u escapes, as Python writes it.`},
		{escapedSlashes(escapedASCII(literal)), `Signed was the form with \u escapes and \/, as PHP writes it.`},
		{spaced(literal), "Signed was the form with spaces, as Python writes it."},
		{spaced(escapedASCII(literal)), `Signed was the form with spaces and \u escapes, as Python writes it.`},
	}
	for _, indent := range [...]string{"  ", "    ", "\t"} {
		var b bytes.Buffer
		if json.Indent(&b, literal, "", indent) == nil {
			forms = append(forms, form{b.Bytes(), "Signed was an indented form."})
		}
	}
	return forms
}

// unescaped writes characters instead of escapes where JSON allows it.
func unescaped(compact []byte) []byte {
	return mapStrings(compact, func(dst []byte, text string) []byte {
		for _, r := range text {
			switch {
			case r == '"' || r == '\\':
				dst = utf8.AppendRune(append(dst, '\\'), r)
			case r < ' ':
				dst = appendControl(dst, r)
			default:
				dst = utf8.AppendRune(dst, r)
			}
		}
		return dst
	})
}

func appendControl(dst []byte, r rune) []byte {
	if i := strings.IndexRune("\b\f\n\r\t", r); i >= 0 {
		return append(dst, '\\', "bfnrt"[i])
	}
	return appendEscape(dst, r)
}

// mapStrings writes every string of compact JSON anew.
func mapStrings(compact []byte, write func(dst []byte, text string) []byte) []byte {
	dst := make([]byte, 0, len(compact)+len(compact)/8)
	for i := 0; i < len(compact); {
		if compact[i] != '"' {
			dst = append(dst, compact[i])
			i++
			continue
		}
		end := stringEnd(compact, i)
		dst = append(dst, '"')
		dst = write(dst, unquote(compact[i+1:max(i+1, end-1)]))
		dst = append(dst, '"')
		i = end
	}
	return dst
}

// spaced puts a space after each colon and comma outside strings.
func spaced(compact []byte) []byte {
	dst := make([]byte, 0, len(compact)+len(compact)/8)
	for i := 0; i < len(compact); {
		if compact[i] == '"' {
			end := stringEnd(compact, i)
			dst = append(dst, compact[i:end]...)
			i = end
			continue
		}
		dst = append(dst, compact[i])
		if compact[i] == ':' || compact[i] == ',' {
			dst = append(dst, ' ')
		}
		i++
	}
	return dst
}

func escapedSlashes(literal []byte) []byte {
	return bytes.ReplaceAll(literal, []byte("/"), []byte(`\/`))
}

func escapedHTML(literal []byte) []byte {
	var b bytes.Buffer
	json.HTMLEscape(&b, literal)
	return b.Bytes()
}

func escapedASCII(literal []byte) []byte {
	dst := make([]byte, 0, len(literal)+len(literal)/8)
	for _, r := range string(literal) {
		switch {
		case r < utf8.RuneSelf:
			dst = utf8.AppendRune(dst, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			dst = appendEscape(appendEscape(dst, high), low)
		default:
			dst = appendEscape(dst, r)
		}
	}
	return dst
}

func appendEscape(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

// marked takes a byte order mark away, or adds one.
func marked(received []byte) []form {
	const mark = "\ufeff"
	if rest, ok := bytes.CutPrefix(received, []byte(mark)); ok {
		return []form{{rest, "It was added on the way."}}
	}
	return []form{{append([]byte(mark), received...), "It was removed on the way."}}
}

// lineEndings changes the white space at the end, and the line ends within.
func lineEndings(received []byte) []form {
	trimmed := bytes.TrimRight(received, " \t\r\n")
	unix := bytes.ReplaceAll(received, []byte("\r\n"), []byte("\n"))
	dos := bytes.ReplaceAll(unix, []byte("\n"), []byte("\r\n"))
	return []form{
		{trimmed, "White space was added at the end."},
		{append(bytes.Clone(trimmed), '\n'), "A line end was removed at the end."},
		{append(bytes.Clone(trimmed), '\r', '\n'), "A line end was removed at the end."},
		{bytes.TrimSpace(received), "White space was added around it."},
		{unix, "Its lines ended in LF."},
		{dos, "Its lines ended in CR LF."},
	}
}

// recoded undoes conversions between UTF-8, Latin-1 and UTF-16.
func recoded(received []byte) []form {
	forms := []form{
		{fromLatin1(received), "It was converted from UTF-8 to Latin-1."},
		{[]byte(strings.ToValidUTF8(string(received), "\ufffd")), "It had bytes that are no UTF-8."},
	}
	if latin, ok := toLatin1(received); ok {
		forms = append(forms, form{latin, "It was read as Latin-1 and written as UTF-8."})
	}
	if text, ok := fromUTF16(received); ok {
		forms = append(forms, form{text, "It was converted from UTF-8 to UTF-16."})
	}
	return forms
}

func fromLatin1(b []byte) []byte {
	dst := make([]byte, 0, len(b)+len(b)/8)
	for _, c := range b {
		dst = utf8.AppendRune(dst, rune(c))
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

// inflated unpacks gzip and zlib.
func inflated(received []byte) []form {
	if len(received) < 2 {
		return nil
	}
	var r io.Reader
	var err error
	name := "gzip"
	switch {
	case received[0] == 0x1f && received[1] == 0x8b:
		r, err = gzip.NewReader(bytes.NewReader(received))
	case received[0] == 0x78:
		name = "deflate"
		r, err = zlib.NewReader(bytes.NewReader(received))
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxInflated))
	if err != nil && len(plain) == 0 {
		return nil
	}
	return []form{{plain, "It is packed by " + name + "."}}
}
