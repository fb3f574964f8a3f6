package cybs

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxInflated bounds what a compressed body is unpacked to.
const maxInflated = 4 << 20

// change is one way in which a body is changed between the one who signs and the one who verifies.
type change struct {
	rung  Rung
	forms func(received []byte) iter.Seq[form]
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
		{RungByteOrderMark, listed(marked)},
		{RungLineEnding, listed(lineEndings)},
		{RungReserialised, rewritten},
		{RungCharset, recoded},
		{RungCompressed, listed(inflated)},
	}
}

// listed makes a sequence of a few forms that are made together.
func listed(forms func([]byte) []form) func([]byte) iter.Seq[form] {
	return func(received []byte) iter.Seq[form] { return slices.Values(forms(received)) }
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
