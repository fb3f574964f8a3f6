package receiver

import (
	"strings"

	"github.com/switchboardhq/switchboard/store/mask"
)

// withoutCards is a text that a request brought, as it is stored, logged and shown. Every such text goes through here: a number may stand
// where nobody expects one, and anybody who knows an endpoint's address can put it there. It is masked before it is cut, or a part of a number would
// be left.
func withoutCards(text string) string { return clean(mask.String(text)) }

// signatureLine is the value of a v-c-signature header as it is kept. A signature is needed to verify the delivery again, and its base64 may look like anything:
// it stays as it came where it has the form of one.
func signatureLine(value string) string {
	parts := strings.Split(value, ";")
	const most = 8
	if len(parts) > most {
		return withoutCards(value)
	}
	for i, part := range parts {
		name, text, _ := strings.Cut(part, "=")
		if strings.TrimSpace(name) != "sig" || !isSignature(strings.TrimSpace(text)) {
			parts[i] = withoutCards(part)
		}
	}
	return strings.Join(parts, ";")
}

// isSignature reports whether text has the form of a SHA-256 in base64. That has no thirteen digits in a row: one in thirty thousand million would.
func isSignature(text string) bool {
	const size, tooMany = 44, 13
	if len(text) != size || text[size-1] != '=' {
		return false
	}
	digits := 0
	for _, c := range []byte(text[:size-1]) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			digits = 0
		case c >= '0' && c <= '9':
			if digits++; digits == tooMany {
				return false
			}
		case c != '+' && c != '/':
			return false
		}
	}
	return true
}
