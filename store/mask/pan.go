package mask

import "bytes"

// maxSeparator is how many characters may stand between two groups of a card number.
const maxSeparator = 3

// group is a run of digits of a view.
type group struct{ start, end int }

func (g group) length() int { return g.end - g.start }

// numbers finds the card numbers in a part of a text and hides them in e.
type numbers struct {
	view

	e      *editor
	named  bool // the field is one for card numbers
	groups []group
}

// hideNumbers hides the card numbers in the part of e's text from one place up to another.
func hideNumbers(e *editor, from, to int, f field) {
	if from >= to {
		return
	}
	n := numbers{view: look(e.src, from, to), e: e, named: f == cardField, groups: e.groups}
	n.hide()
	e.groups = n.groups[:0]
}

// hide looks at every run of digits once, together with the groups that follow it.
func (n *numbers) hide() {
	for i := 0; i < len(n.b); {
		if end, ok := uuidAt(n.b, i); ok {
			i = end
			continue
		}
		if !isDigit(n.b[i]) {
			i++
			continue
		}
		i = n.sequence(i)
	}
}

// sequence reads the groups of digits from start on, hides what is a card number, and returns where to go on.
func (n *numbers) sequence(start int) int {
	n.groups = n.groups[:0]
	i := start
	for {
		g := group{start: i}
		for i < len(n.b) && isDigit(n.b[i]) {
			i++
		}
		g.end = i
		n.groups = append(n.groups, g)
		skip := n.separator(i)
		if skip == 0 {
			break
		}
		if _, ok := uuidAt(n.b, i+skip); ok {
			break
		}
		i += skip
	}
	if len(n.groups) == 1 {
		return max(i, n.single(n.groups[0]))
	}
	return max(i, n.grouped())
}

// separator is how many characters stand between a group that ends at i and the next: any single one that is no letter, or up to three of
// which all but one are spaces and dashes, or all the same. 0 when no group follows.
func (n *numbers) separator(i int) int {
	others, same := 0, true
	for k := 0; k <= maxSeparator && i+k < len(n.b); k++ {
		c := n.b[i+k]
		switch {
		case isDigit(c):
			if k > 1 && others > 1 && !same {
				return 0
			}
			return k
		case isLetter(c):
			return 0
		}
		same = same && c == n.b[i]
		if !isBlank(c) {
			others++
		}
	}
	return 0
}

// isBlank takes the plus sign too: in a form it is a space.
func isBlank(c byte) bool { return c <= ' ' || c == '-' || c == '+' }

// replace hides the characters from start up to end, and returns end.
func (n *numbers) replace(start, end int, with string, kind Kind) int {
	n.e.replace(n.at(start), n.at(end), with, kind)
	return end
}

// single hides digits in one piece when they are a card number. It returns where that ends.
func (n *numbers) single(g group) int {
	if g.length() < minNamed {
		return g.end
	}
	if end := n.track(g); end > 0 {
		return n.replace(g.start, end, stars, Track)
	}
	if with := hidden(n.b[g.start:g.end], n.named); with != "" && (n.named || !inDigest(n.b, g.start, g.end)) {
		return n.replace(g.start, g.end, with, CardNumber)
	}
	return g.end
}

// grouped hides the card numbers among the groups: all of them together, or a row of them. It returns where the last one ends.
func (n *numbers) grouped() int {
	end := 0
	if digits, ok := n.join(n.groups); ok && n.isWritten(digits) {
		return n.replace(n.groups[0].start, n.groups[len(n.groups)-1].end, maskDigits(digits), CardNumber)
	}
	for first := 0; first < len(n.groups); first++ {
		g := n.groups[first]
		if g.start < end {
			continue // stripe data went on over it
		}
		before := len(n.e.spans)
		if last, with := n.cardFrom(first); last > first {
			end = n.replace(g.start, n.groups[last].end, with, CardNumber)
			first = last
		} else {
			end = max(end, n.single(g))
		}
		if len(n.e.spans) > before {
			end = max(end, n.codeAfter(first))
		}
	}
	return end
}

// isWritten reports whether all groups together are one card number: in the field for it, or with one separator throughout.
func (n *numbers) isWritten(digits []byte) bool {
	if n.named && len(digits) >= minNamed {
		return true
	}
	if !isCard(digits) || !n.isUniform(n.groups) {
		return false
	}
	for _, g := range n.groups {
		if g.length() >= minCard {
			return false // a number of its own
		}
	}
	return true
}

// isUniform reports whether the same separator stands between all groups.
func (n *numbers) isUniform(groups []group) bool {
	if len(groups) < 3 {
		return true
	}
	first := n.b[groups[0].end:groups[1].start]
	for i := 2; i < len(groups); i++ {
		if !bytes.Equal(first, n.b[groups[i-1].end:groups[i].start]) {
			return false
		}
	}
	return true
}

// cardFrom returns the last group of the longest card number that begins with the given group, and what is shown instead; -1 when none does.
func (n *numbers) cardFrom(first int) (last int, with string) {
	last = -1
	if g := n.groups[first]; g.length() > maxCard || isCard(n.b[g.start:g.end]) {
		return last, ""
	}
	var digits [maxCard]byte
	total := 0
	for i := first; i < len(n.groups); i++ {
		g := n.groups[i]
		if total+g.length() > maxCard {
			break
		}
		total += copy(digits[total:], n.b[g.start:g.end])
		if total < minCard || !isCard(digits[:total]) || !n.isRow(n.groups[first:i+1]) {
			continue
		}
		if last >= 0 {
			// Which of the two it is cannot be known: the end of the longer one may be a security code.
			return i, string(digits[:6]) + stars
		}
		last, with = i, maskDigits(digits[:total])
	}
	return last, with
}

// isRow reports whether groups that have others beside them look like one number: as on cards, or a few long ones, or digit by digit.
func (n *numbers) isRow(groups []group) bool {
	if isUsual(groups) {
		return true
	}
	const few, long = 4, 4
	shortest, longest := maxCard, 0
	for _, g := range groups {
		shortest, longest = min(shortest, g.length()), max(longest, g.length())
	}
	return shortest >= long && len(groups) <= few || longest == 1 && n.isUniform(groups)
}

// isUsual reports whether groups are as long as on cards: fours with a rest, or 4-6-5 and 4-6-4.
func isUsual(groups []group) bool {
	if len(groups) == 3 && groups[0].length() == 4 && groups[1].length() == 6 {
		return groups[2].length() == 5 || groups[2].length() == 4
	}
	for _, g := range groups[:len(groups)-1] {
		if g.length() != 4 {
			return false
		}
	}
	return groups[len(groups)-1].length() <= 4
}

// codeAfter hides the security code in number|month|year|code and number|expiry|code, where the number's last group is given.
func (n *numbers) codeAfter(last int) int {
	rest := n.groups[last+1:]
	digits := func(i int) []byte { return n.b[rest[i].start:rest[i].end] }
	switch {
	case len(rest) > 1 && rest[0].length() == 4 && isExpiry(digits(0), 4) && isShortCode(digits(1)):
		return n.replace(rest[1].start, rest[1].end, stars, SecurityCode)
	case len(rest) > 2 && rest[0].length() == 2 && isMonth(digits(0)) && (rest[1].length() == 2 || rest[1].length() == 4) && isYear(digits(1)) && isShortCode(digits(2)):
		return n.replace(rest[2].start, rest[2].end, stars, SecurityCode)
	}
	return 0
}

func (n *numbers) join(groups []group) ([]byte, bool) {
	var digits []byte
	for _, g := range groups {
		if len(digits)+g.length() > maxCard {
			return nil, false
		}
		digits = append(digits, n.b[g.start:g.end]...)
	}
	return digits, true
}

// track returns the end of magnetic stripe data that begins with the digits, 0 when it is none: the number is followed by = or D and
// year, month and service code, or by ^, a name, ^ and the same.
func (n *numbers) track(g group) int {
	digits := n.b[g.start:g.end]
	if len(digits) > maxCard || !luhn(digits) || g.end >= len(n.b) {
		return 0
	}
	i := g.end
	switch c := n.b[i]; {
	case c == '=' || c|0x20 == 'd' && issued(digits) && !inDigest(n.b, g.start, g.end):
		i++
	case c == '^':
		const maxHolder = 40 // ISO/IEC 7813 allows 26
		holder := bytes.IndexByte(n.b[i+1:min(len(n.b), i+1+maxHolder)], '^')
		if holder < 0 {
			return 0
		}
		i += holder + 2
	default:
		return 0
	}
	const expiryAndService = 7
	end := i
	for end < len(n.b) && isAlphanumeric(n.b[end]) {
		end++
	}
	if end-i < expiryAndService || !allDigits(n.b[i:i+4]) {
		return 0
	}
	return end
}
