package mask

// Text masks what is not JSON: form-encoded bodies, XML, broken JSON, header values, plain text. A value belongs to a field when
// the field's name and one of = : > stand before it, with quotes, backslashes and spaces allowed between them; a security code of three or
// four digits also when only spaces and the like stand between. A name can be of up to three words.
func Text(raw []byte) Result {
	if r, ok := maskUTF16(raw, false); ok {
		return r
	}
	return maskText(raw, false)
}

func maskText(raw []byte, codes bool) Result {
	e := editor{src: raw, codes: codes}
	hideText(&e, 0, len(raw), plain)
	return e.result()
}

// hideText hides card data in the part of e's text from one place up to another. f is the field that the part is the value of.
func hideText(e *editor, from, to int, f field) {
	raw := e.src[:to]
	done := from // what is before it is dealt with
	var words names
	for i := from; i < to; {
		encoded := i > from+2 && raw[i-3] == '%' // what is before the name is one encoded byte
		if !isLetter(raw[i]) || i > from && isNameByte(raw[i-1]) && !encoded {
			i++
			continue
		}
		end := nameEnd(raw, i)
		words.add(raw, i, end)
		of, start, stop := words.value(raw, end)
		if of == plain {
			i = end
			continue
		}
		hideNumbers(e, done, start, f)
		hideValue(e, start, stop, of)
		done, i = stop, stop
	}
	hideNumbers(e, done, to, f)
}

func hideValue(e *editor, start, end int, f field) {
	switch {
	case start == end:
	case f == codeField || f == trackField || f == shortCode && isShortCode(e.src[start:end]):
		e.replace(start, end, stars, f.kind())
	default:
		hideNumbers(e, start, end, f)
	}
}

// names are where the last words begin of which a name can be made.
type names struct {
	starts [3]int // the last first
	count  int
	end    int // of the last word
}

// add takes the word raw[start:end]. Words belong together when one space is between them.
func (n *names) add(raw []byte, start, end int) {
	if n.count > 0 && (start != n.end+1 || raw[n.end] != ' ') {
		n.count = 0
	}
	copy(n.starts[1:], n.starts[:])
	n.starts[0], n.end, n.count = start, end, min(n.count+1, len(n.starts))
}

// value finds the value that belongs to a name of the last word, or of the last two or three, if such a name says something.
func (n *names) value(raw []byte, end int) (f field, start, stop int) {
	start, assigned := assignment(raw, end)
	if !assigned {
		if end, start, stop = looseCode(raw, n.starts[0], end); stop == 0 {
			return plain, 0, 0
		}
	}
	for _, first := range n.starts[:n.count] {
		if end-first > maxName {
			break
		}
		name := raw[first:end]
		if first == n.starts[0] {
			name = lastPart(name)
		}
		if f = fieldOf(nil, name); f != plain {
			break
		}
	}
	switch {
	case assigned && f != plain:
		return f, start, valueEnd(raw, start, f)
	case !assigned && f == codeField:
		return f, start, stop
	}
	return plain, 0, 0
}

func nameEnd(raw []byte, i int) int {
	for i < len(raw) && isNameByte(raw[i]) {
		i++
	}
	return i
}

// assignment returns where the value begins of the name that ends at i, and false when none follows.
func assignment(raw []byte, i int) (value int, ok bool) {
	i = skipQuotes(raw, i)
	switch {
	case i < len(raw) && isSign(raw[i]):
		const most = 3 // := and => are signs, too
		for end := min(len(raw), i+most); i < end && isSign(raw[i]); {
			i++
		}
	case i+2 < len(raw) && raw[i] == '%' && raw[i+1] == '3' && (raw[i+2]|0x20 == 'a' || raw[i+2]|0x20 == 'd'):
		i += 3
	default:
		return 0, false
	}
	return skipQuotes(raw, i), true
}

func isSign(c byte) bool { return c == '=' || c == ':' || c == '>' }

// looseCode returns three or four digits that follow a name with no sign between, as in "CVV 123", "cvc2 #123", "cvn-123" and "security code is 123", and
// where the name really ends; stop is 0 when there are none.
func looseCode(raw []byte, first, end int) (name, start, stop int) {
	for k := end; k > first && k >= end-maxShortCode; k-- {
		if c := raw[k-1]; !isDigit(c) {
			if c != '-' && c != '_' && c != '.' || !isShortCode(raw[k:end]) {
				break
			}
			return k - 1, k, end
		}
	}
	const most = 6
	i := end
	for limit := min(len(raw), end+most); i < limit && !isDigit(raw[i]); i++ {
		switch c := raw[i]; {
		case c == ' ' || c == '#' || c == '-' || c == '(' || c == '[' || c == '+' || c == '/' || c == '|' || c == '_' || c == '\t' || c == '\n':
		case c == 'i' && i+2 < limit && raw[i-1] == ' ' && raw[i+1] == 's' && raw[i+2] == ' ':
			i++
		default:
			return 0, 0, 0
		}
	}
	start, stop = i, i
	for stop < len(raw) && isDigit(raw[stop]) {
		stop++
	}
	if !isShortCode(raw[start:stop]) || stop < len(raw) && isAlphanumeric(raw[stop]) {
		return 0, 0, 0
	}
	return end, start, stop
}

// skipQuotes goes over what may stand between a name, its sign and its value; a bounded number of bytes, so that the whole stays linear.
func skipQuotes(raw []byte, i int) int {
	const most = 64 // backslashes double with each level of JSON in JSON
	for end := min(len(raw), i+most); i < end; {
		switch raw[i] {
		case '"', '\'', '\\', ' ', '\t', '[', '{', '(':
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
			if f == trackField && raw[i] == ';' || raw[i] == '&' && i+1 < len(raw) && raw[i+1] == '#' || raw[i] == '\\' && i+1 < len(raw) && raw[i+1] == 'u' {
				continue // track 2 begins with one; entities and escapes are characters of the value
			}
			if raw[i] == ';' && isEntityEnd(raw[:i]) {
				continue
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

// isEntityEnd reports whether a semicolon behind the text would end a numeric entity.
func isEntityEnd(raw []byte) bool {
	const longest = 8
	for i := len(raw) - 1; i > 0 && i >= len(raw)-longest; i-- {
		if raw[i] == '#' {
			return raw[i-1] == '&' && i < len(raw)-1
		}
		if !isHex(raw[i]) && raw[i]|0x20 != 'x' {
			return false
		}
	}
	return false
}

// lastPart drops what stands before the last dot or bracket: card[cvv] and card.cvv are cvv.
func lastPart(name []byte) []byte {
	end := len(name)
	for end > 0 && (name[end-1] == ']' || name[end-1] == '[' || name[end-1] == '.') {
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
