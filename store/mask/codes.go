package mask

import "unicode/utf8"

// Codes removes security codes and magnetic stripe data from a body and leaves card numbers as they are: it is for what is sealed. Everything else is as with
// JSON. Most bodies hold nothing that could be a code, and are looked at only once and quickly.
func Codes(raw []byte) Result {
	if !mayHoldCode(raw) {
		return Result{Text: raw}
	}
	return maskBody(raw, true)
}

// mayHoldCode reports whether a body has a part of a name that security codes have, or what magnetic stripe data cannot do without. Of what is written in
// an unusual way it says that it may.
func mayHoldCode(raw []byte) bool {
	letters := uint32(0) // the last four, in lower case, the last one lowest
	digits := 0
	for i, c := range raw {
		switch {
		case isDigit(c):
			digits++
			if letters&0xffff == 'c'<<8|'v' || letters&0xffffff == 's'<<16|'e'<<8|'c' {
				return true // cv2, sec1
			}
			continue
		case isLetter(c):
			letters = letters<<8 | uint32(c|0x20)
			if namesCode(letters) || c|0x20 == 'd' && digits >= minNamed {
				return true
			}
		case c == '=' && digits >= minNamed, c == '^', c == '%', c == 0, c >= utf8.RuneSelf:
			return true
		case c == '\\' && i+1 < len(raw) && raw[i+1]|0x20 == 'u', c == '&' && i+1 < len(raw) && raw[i+1] == '#':
			return true
		case c == '"' || c == ',' || c == '{':
			letters = 0
		}
		digits = 0
	}
	return false
}

// namesCode reports whether the last letters are part of the name of a security code, a PIN or the magnetic stripe.
func namesCode(letters uint32) bool {
	four := [...]byte{byte(letters >> 24), byte(letters >> 16), byte(letters >> 8), byte(letters)} //nolint:gosec // each is one of its bytes
	switch string(four[:]) {
	case "veri", "vali", "sign", "dcod", "ccod", "rack", "stri", "swip", "secc", "secu", "secn", "secv", "secd", "secb":
		return true
	}
	switch string(four[1:]) {
	case "cvv", "cvc", "cvn", "cvd", "cve", "cvx", "csc", "cav", "cid", "pin":
		return true
	}
	return false
}
