package cybs

import (
	"strings"
	"unicode"
)

// NormalID returns the one spelling under which an id is kept and compared. White space, invisible characters and quotation marks around it are taken off, and so
// are urn:uuid: and braces around a UUID, which becomes lower case with its hyphens. An id of another form keeps its case: there it may count.
func NormalID(text string) string {
	id := strings.TrimFunc(text, isAroundID)
	bare := id
	if len(bare) > 9 && strings.EqualFold(bare[:9], "urn:uuid:") {
		bare = bare[9:]
	}
	if len(bare) > 2 && bare[0] == '{' && bare[len(bare)-1] == '}' {
		bare = bare[1 : len(bare)-1]
	}
	if isUUID(bare) {
		return strings.ToLower(bare)
	}
	if len(bare) == 32 && countHex(bare) == 32 && bare != id {
		return strings.ToLower(bare[:8] + "-" + bare[8:12] + "-" + bare[12:16] + "-" + bare[16:20] + "-" + bare[20:])
	}
	return id
}

// SameID reports whether two texts name the same thing.
func SameID(a, b string) bool { return a == b || NormalID(a) == NormalID(b) }

// isUUID reports whether text is a UUID with its hyphens.
func isUUID(text string) bool {
	return len(text) == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-' && countHex(text) == 32
}

func countHex(text string) int {
	n := 0
	for i := range len(text) {
		if c := text[i]; c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' {
			n++
		}
	}
	return n
}

func isAroundID(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune("\"'`“”„‘’«»", r)
}
