package mask

import (
	"bytes"
	"strings"
)

const (
	minCard = 13
	maxCard = 19
	// minNamed is the least number of digits that a field named for a card number must hold to be hidden.
	minNamed = 12
	// minToken is from which length on letters and digits in one piece are taken for an id in which digits mean nothing.
	minToken = 24
	// maxGroups bounds the groups of one number: more of them are no card number in any writing.
	maxGroups = maxCard
)

// group is a run of digits of a text.
type group struct{ start, end int }

// numbers finds the card numbers in src[from:to] and hides them in e.
type numbers struct {
	e        *editor
	from, to int
	field    field
	encoded  bool // + and %20 separate as a space does
	groups   []group
}

// hide looks at every run of digits once, together with the groups that follow it.
func (n *numbers) hide() {
	src := n.e.src
	n.groups = n.e.groups[:0]
	defer func() { n.e.groups = n.groups }()
	tokenStart := n.from
	for i := n.from; i < n.to; {
		c := src[i]
		if !isDigit(c) {
			if !isLetter(c) {
				tokenStart = i + 1
			} else if end, ok := uuidAt(src[:n.to], i, tokenStart); ok {
				i, tokenStart = end, end
				continue
			}
			i++
			continue
		}
		if end, ok := uuidAt(src[:n.to], i, tokenStart); ok {
			i, tokenStart = end, end
			continue
		}
		i = n.sequence(i, tokenStart)
		tokenStart = i
		for tokenStart > n.from && isAlphanumeric(src[tokenStart-1]) && i-tokenStart < minToken {
			tokenStart--
		}
	}
}

// sequence reads the groups of digits from start on, hides what is a card number, and returns where to go on.
func (n *numbers) sequence(start, tokenStart int) int {
	src := n.e.src
	n.groups = n.groups[:0]
	i := start
	for {
		g := group{start: i}
		for i < n.to && isDigit(src[i]) {
			i++
		}
		g.end = i
		n.groups = append(n.groups, g)
		skip := n.separator(i)
		if skip == 0 || i+skip >= n.to || !isDigit(src[i+skip]) || len(n.groups) == maxGroups {
			break
		}
		i += skip
	}
	if len(n.groups) == 1 {
		n.single(n.groups[0], tokenStart)
	} else {
		n.grouped(tokenStart)
	}
	return max(i, n.e.copied) // stripe data goes on after its digits
}

func (n *numbers) separator(i int) int {
	if i >= n.to {
		return 0
	}
	switch c := n.e.src[i]; {
	case c == ' ' || c == '-':
		return 1
	case n.encoded && c == '+':
		return 1
	case n.encoded && c == '%' && i+2 < n.to:
		if code := string(n.e.src[i+1 : i+3]); code == "20" || strings.EqualFold(code, "2d") {
			return 3
		}
	}
	return 0
}

// single judges digits in one piece.
func (n *numbers) single(g group, tokenStart int) {
	src := n.e.src
	digits := src[g.start:g.end]
	if end := n.track(g); end > 0 {
		n.e.replace(g.start, end, stars, Track)
		return
	}
	if n.field == idField {
		return
	}
	named := n.field == cardField && len(digits) >= minNamed && len(digits) <= maxCard
	if named || isCard(digits) && !n.inToken(g, tokenStart) {
		n.e.replace(g.start, g.end, maskDigits(digits), CardNumber)
	}
}

// inToken reports whether the digits are part of a long piece of letters and digits, such as a hash.
func (n *numbers) inToken(g group, tokenStart int) bool {
	end := g.end
	for end < n.to && end-tokenStart < minToken && isAlphanumeric(n.e.src[end]) {
		end++
	}
	return end-tokenStart >= minToken && end-tokenStart > g.end-g.start
}

// grouped judges groups of digits: as a whole when that has the length of a card number, and else each row of groups that
// is written as card numbers are.
func (n *numbers) grouped(tokenStart int) {
	if digits, ok := n.join(n.groups); ok && n.isWritten(digits) {
		n.e.replace(n.groups[0].start, n.groups[len(n.groups)-1].end, maskDigits(digits), CardNumber)
		return
	}
	for first := 0; first < len(n.groups); first++ {
		last := n.cardFrom(first)
		if last > first {
			digits, _ := n.join(n.groups[first : last+1])
			n.e.replace(n.groups[first].start, n.groups[last].end, maskDigits(digits), CardNumber)
			first = last
			continue
		}
		if first > 0 {
			tokenStart = n.groups[first].start
		}
		n.single(n.groups[first], tokenStart)
	}
}

// isWritten reports whether all groups together are one card number. An id has no groups like these.
func (n *numbers) isWritten(digits []byte) bool {
	if n.field == cardField && len(digits) >= minNamed {
		return true
	}
	if !isCard(digits) || n.field == idField && !usual(n.groups) {
		return false
	}
	for i, g := range n.groups {
		if length(g) >= minCard || i > 1 && n.e.src[g.start-1] != n.e.src[n.groups[1].start-1] {
			return false // a number of its own; or a text in which numbers follow one another
		}
	}
	return true
}

// cardFrom returns the last group of a card number that begins with the given one, or -1. The longest wins.
func (n *numbers) cardFrom(first int) int {
	found, total := -1, 0
	for last := first; last < len(n.groups) && total <= maxCard; last++ {
		g := n.groups[last]
		total += g.end - g.start
		if total < minCard || total > maxCard || !usual(n.groups[first:last+1]) {
			continue
		}
		if digits, ok := n.join(n.groups[first : last+1]); ok && isCard(digits) {
			found = last
		}
	}
	return found
}

// usual reports whether groups are as long as on cards: fours with a rest, or 4-6-5 and 4-6-4.
func usual(groups []group) bool {
	if len(groups) == 3 && length(groups[0]) == 4 && length(groups[1]) == 6 {
		return length(groups[2]) == 5 || length(groups[2]) == 4
	}
	for _, g := range groups[:len(groups)-1] {
		if length(g) != 4 {
			return false
		}
	}
	return length(groups[len(groups)-1]) <= 4
}

func (n *numbers) join(groups []group) ([]byte, bool) {
	digits := make([]byte, 0, maxCard)
	for _, g := range groups {
		if len(digits)+length(g) > maxCard {
			return nil, false
		}
		digits = append(digits, n.e.src[g.start:g.end]...)
	}
	return digits, true
}

func length(g group) int { return g.end - g.start }

// track returns the end of magnetic stripe data that begins with the digits, 0 when it is none: the number is followed by = or D and
// year, month and service code, or by ^, a name, ^ and the same.
func (n *numbers) track(g group) int {
	digits := n.e.src[g.start:g.end]
	if len(digits) < minNamed || len(digits) > maxCard || !luhn(digits) || g.end >= n.to {
		return 0
	}
	i := g.end
	switch c := n.e.src[i]; {
	case c == '=' || c|0x20 == 'd' && issued(digits):
		i++
	case c == '^':
		const maxHolder = 40 // ISO/IEC 7813 allows 26
		holder := bytes.IndexByte(n.e.src[i+1:min(n.to, i+1+maxHolder)], '^')
		if holder < 0 {
			return 0
		}
		i += holder + 2
	default:
		return 0
	}
	const expiryAndService = 7
	end := i
	for end < n.to && isAlphanumeric(n.e.src[end]) {
		end++
	}
	if end-i < expiryAndService || !allDigits(n.e.src[i:i+4]) {
		return 0
	}
	return end
}

// maskDigits keeps the first six and the last four.
func maskDigits(digits []byte) string {
	return string(digits[:6]) + strings.Repeat("*", len(digits)-10) + string(digits[len(digits)-4:])
}

func isCard(digits []byte) bool {
	return len(digits) >= minCard && len(digits) <= maxCard && issued(digits) && luhn(digits)
}

// luhn checks the last digit (ISO/IEC 7812-1, annex B).
func luhn(digits []byte) bool {
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// issued knows the first four digits and the lengths of the schemes that Cybersource processes, and of national ones whose cards turn up
// beside them.
func issued(digits []byte) bool {
	prefix := 0
	for _, c := range digits[:4] {
		prefix = prefix*10 + int(c-'0')
	}
	n := len(digits)
	from := func(low, high int) bool { return prefix >= low && prefix <= high }
	switch {
	case from(4000, 4999): // Visa
		return n == 13 || n == 16 || n >= 18
	case from(5100, 5599), from(2221, 2720): // Mastercard
		return n == 16
	case from(3400, 3499), from(3700, 3799): // American Express
		return n == 15
	case from(5000, 5099), from(5600, 5899), from(6000, 6999): // Maestro, Discover, UnionPay, RuPay, Elo, Hipercard, Verve
		return true
	case from(3000, 3059), prefix == 3095, from(3600, 3699), from(3800, 3999): // Diners Club
		return n >= 14
	case from(3528, 3589), from(2200, 2205), from(8100, 8299): // JCB, Mir and Borica, UnionPay and RuPay
		return n >= 16
	case from(1000, 1999): // UATP
		return n == 15
	case prefix == 8600, prefix == 9792, prefix == 9860: // Uzcard, Troy, Humo
		return n == 16
	}
	return false
}

// uuidAt recognises a UUID that begins at i, where a piece of letters and digits begins. Its groups are no card number.
func uuidAt(src []byte, i, tokenStart int) (end int, ok bool) {
	const size = 36
	if i != tokenStart || i+size > len(src) {
		return 0, false
	}
	for j := range size {
		c := src[i+j]
		switch j {
		case 8, 13, 18, 23:
			if c != '-' {
				return 0, false
			}
		default:
			if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
				return 0, false
			}
		}
	}
	if i+size < len(src) && isAlphanumeric(src[i+size]) {
		return 0, false
	}
	return i + size, true
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isAlphanumeric(c byte) bool { return isDigit(c) || isLetter(c) }

func allDigits(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) {
			return false
		}
	}
	return true
}
