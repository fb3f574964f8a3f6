package mask

import "strings"

const (
	minCard = 13
	maxCard = 19
	// minNamed is the least number of digits that a field named for a card number must hold to be hidden.
	minNamed = 12
	// maxRun is the longest run of digits that is looked into: a card number with its expiry date and security code attached.
	maxRun = maxCard + 8
	// requestIDLength is how many digits a request id of Cybersource has (reference section 5). It begins as card numbers do.
	requestIDLength = 22
)

// hidden is what is shown instead of digits in one piece, or "" when they are no card number. named says that their field is one for
// card numbers, whatever the check digit.
func hidden(digits []byte, named bool) string {
	if named && len(digits) >= minNamed && len(digits) <= maxCard || isCard(digits) {
		return maskDigits(digits)
	}
	if n := withExpiry(digits); n > 0 {
		return maskDigits(digits[:n]) + stars
	}
	return ""
}

// maskDigits keeps the first six and the last four.
func maskDigits(digits []byte) string {
	return string(digits[:6]) + strings.Repeat("*", len(digits)-10) + string(digits[len(digits)-4:])
}

func isCard(digits []byte) bool {
	return len(digits) >= minCard && len(digits) <= maxCard && issued(digits) && luhn(digits)
}

// withExpiry returns the length of the card number that the digits begin with, when an expiry date, and at most a security or service code,
// follows it; else 0.
func withExpiry(digits []byte) int {
	if len(digits) <= maxCard-2 || len(digits) > maxRun {
		return 0
	}
	for _, n := range [...]int{16, 15, 14, 19, 18} {
		if len(digits) <= n || !isCard(digits[:n]) {
			continue
		}
		rest := digits[n:]
		short, long := isExpiry(rest, 4), isExpiry(rest, 6)
		switch {
		case len(digits) == requestIDLength:
			if n == 16 && long {
				return n
			}
		case len(rest) == 4 && short, len(rest) == 6 && long, (len(rest) == 7 || len(rest) == 8) && short:
			return n
		}
	}
	return 0
}

// isExpiry reports whether digits begin with a month and a year, in either order: of four digits in all, or of six with the century.
func isExpiry(digits []byte, length int) bool {
	if len(digits) < length {
		return false
	}
	year := length - 2
	return isMonth(digits[:2]) && isYear(digits[2:length]) || isYear(digits[:year]) && isMonth(digits[year:length])
}

func isMonth(d []byte) bool { return number(d) >= 1 && number(d) <= 12 }

// isYear takes years from which a stored number may be, until cards that are issued now have long ended.
func isYear(d []byte) bool {
	y := number(d)
	if len(d) == 2 {
		y += 2000
	}
	return y >= 2015 && y <= 2049
}

// number is the value of a few digits.
func number(digits []byte) int {
	n := 0
	for _, c := range digits {
		n = n*10 + int(c-'0')
	}
	return n
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
	prefix := number(digits[:4])
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
