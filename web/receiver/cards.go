package receiver

import (
	"strings"

	"github.com/switchboardhq/switchboard/store/mask"
)

// withoutCards is a text that a request brought, as it is stored, logged and shown. Every such text goes through here: a number may stand
// where nobody expects one, and anybody who knows an endpoint's address can put it there. It is masked before it is cut, or a part of a number would
// be left.
func withoutCards(text string) string { return clean(mask.String(text)) }

// signatureLine is the value of a v-c-signature header as it is kept. Verifying the delivery again needs the signature, whose base64 may look like
// anything: that part stays as it came where it has the form of one.
func signatureLine(value string) string {
	start := strings.Index(value, "sig=")
	if start < 0 {
		return withoutCards(value)
	}
	start += len("sig=")
	length := strings.IndexByte(value[start:], ';')
	if length < 0 {
		length = len(value) - start
	}
	signature := value[start : start+length]
	if !isSignature(signature) {
		return withoutCards(value)
	}
	return withoutCards(value[:start]) + signature + withoutCards(value[start+length:])
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
