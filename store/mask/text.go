package mask

// Text masks what is not JSON: form-encoded bodies, XML, broken JSON, header values, plain text. A value belongs to a field when
// the field's name and one of = : > stand before it, with quotes, backslashes and spaces allowed between them.
func Text(raw []byte) Result {
	e := editor{src: raw}
	from := 0 // what is before it is judged
	for i := 0; i < len(raw); {
		encoded := i > 2 && raw[i-3] == '%' // what is before the name is one encoded byte
		if !isLetter(raw[i]) || i > 0 && isNameByte(raw[i-1]) && !encoded {
			i++
			continue
		}
		name, value := assignment(raw, i)
		if value == 0 {
			i = name
			continue
		}
		f := fieldOf(nil, lastPart(raw[i:min(name, i+maxName+1)]))
		if f == plain {
			i = name
			continue
		}
		plainNumbers(&e, from, value, plain)
		end := valueEnd(raw, value, f)
		hideValue(&e, value, end, f)
		from, i = end, end
	}
	plainNumbers(&e, from, len(raw), plain)
	return e.result()
}

func plainNumbers(e *editor, from, to int, f field) {
	if from >= to {
		return
	}
	n := numbers{e: e, from: from, to: to, field: f, encoded: true}
	n.hide()
}

func hideValue(e *editor, start, end int, f field) {
	switch value := e.src[start:end]; {
	case start == end:
	case f == codeField || f == trackField || f == shortCode && isShortCode(value):
		e.replace(start, end, stars, hiddenKind(f))
	default:
		plainNumbers(e, start, end, f)
	}
}

// assignment returns where the name that begins at start ends and where its value begins; value is 0 when none follows.
func assignment(raw []byte, start int) (name, value int) {
	i := start
	for i < len(raw) && isNameByte(raw[i]) {
		i++
	}
	name = i
	i = skipQuotes(raw, i)
	switch {
	case i < len(raw) && (raw[i] == '=' || raw[i] == ':' || raw[i] == '>'):
		i++
	case i+2 < len(raw) && raw[i] == '%' && raw[i+1] == '3' && (raw[i+2] == 'A' || raw[i+2] == 'a' || raw[i+2] == 'D' || raw[i+2] == 'd'):
		i += 3
	default:
		return name, 0
	}
	return name, skipQuotes(raw, i)
}

// skipQuotes goes over what may stand between a name, its sign and its value; at most eight bytes, so that the whole stays linear.
func skipQuotes(raw []byte, i int) int {
	const most = 8
	for end := min(len(raw), i+most); i < end; {
		switch raw[i] {
		case '"', '\'', '\\', ' ', '\t':
			i++
		case '%':
			if i+2 < len(raw) && raw[i+1] == '2' && (raw[i+2] == '2' || raw[i+2] == '0') {
				i += 3
				continue
			}
			return i
		default:
			return i
		}
	}
	return i
}

// valueEnd returns where a value ends. Numbers in groups have spaces in them; other values end there.
func valueEnd(raw []byte, i int, f field) int {
	for ; i < len(raw); i++ {
		switch raw[i] {
		case '&', ';', ',', '"', '\'', '<', '>', '}', ']', '\\', '\n', '\r':
			if f == trackField && raw[i] == ';' {
				continue // track 2 begins with one
			}
			return i
		case ' ', '\t':
			if f != cardField && f != trackField {
				return i
			}
		case '%':
			if i+2 < len(raw) && raw[i+1] == '2' && (raw[i+2] == '2' || raw[i+2] == '6' || raw[i+2]|0x20 == 'c') {
				return i
			}
		}
	}
	return i
}

// lastPart drops what stands before the last dot or bracket: card[cvv] and card.cvv are cvv.
func lastPart(name []byte) []byte {
	end := len(name)
	for end > 0 && (name[end-1] == ']' || name[end-1] == '[') {
		end--
	}
	for i := end - 1; i >= 0; i-- {
		if name[i] == '.' || name[i] == '[' || name[i] == ':' {
			return name[i+1 : end]
		}
	}
	return name[:end]
}

func isNameByte(c byte) bool {
	return isAlphanumeric(c) || c == '_' || c == '-' || c == '.' || c == '[' || c == ']'
}
