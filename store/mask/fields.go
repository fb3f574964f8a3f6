package mask

import "bytes"

// field is what the name of a member says about its value.
type field int

const (
	plain     field = iota
	cardField       // a card number, whatever its check digit
	codeField       // a security code
	shortCode       // a security code if it is three or four digits, else anything
	trackField
)

// kind is what is hidden in a field.
func (f field) kind() Kind {
	switch f {
	case cardField:
		return CardNumber
	case trackField:
		return Track
	case plain, codeField, shortCode:
	}
	return SecurityCode
}

const maxName = 64 // longer names are nobody's card field

// fieldOf reads the name of a member and the name of the object that holds it. It is asked for every member that arrives, and allocates
// nothing.
func fieldOf(parent, name []byte) field {
	if len(name) < 2 || len(name) > maxName {
		return plain
	}
	var buffer [maxName]byte
	short := normal(buffer[:0], name)
	switch {
	case string(short) == "number":
		if bytes.Contains(normal(buffer[:0], parent), []byte("card")) {
			return cardField
		}
	case !maybeCard(short):
	case isCardName(short):
		return cardField
	case string(short) == "cid" || string(short) == "pincode": // a customer's id, and a postal code in India
		return shortCode
	case isTrackName(short):
		return trackField
	case isCodeName(short):
		return codeField
	}
	return plain
}

// maybeCard passes over most names at little cost: each name that the functions below know has one of these pairs of letters.
func maybeCard(name []byte) bool {
	for i := 1; i < len(name); i++ {
		switch next := name[i]; name[i-1] {
		case 'c':
			if next == 'a' || next == 'c' || next == 'i' || next == 's' || next == 'v' {
				return true
			}
		case 'p':
			if next == 'a' || next == 'i' {
				return true
			}
		case 's':
			if next == 'e' || next == 'i' || next == 'w' {
				return true
			}
		case 'm':
			if next == 'a' {
				return true
			}
		case 't':
			if next == 'r' {
				return true
			}
		case 'v':
			if next == 'e' {
				return true
			}
		}
	}
	return false
}

func isCardName(name []byte) bool {
	switch string(name) {
	case "pan", "fpan", "dpan", "cardnumber", "cardno", "cardnum", "cardnr", "ccnumber", "ccno", "ccnum", "creditcardnumber", "creditcardno", "creditcard", "debitcardnumber",
		"paymentcardnumber", "primaryaccountnumber", "cardaccountnumber", "cardpan", "pannumber", "tokenpan", "devicepan", "fundingpan":
		return true
	}
	return false
}

// isTrackName takes track, track2, trackData, track_two_data, track2EquivalentData and names of the stripe.
func isTrackName(name []byte) bool {
	name = cutWords(name, bytes.CutSuffix, "data", "value", "raw", "equivalent", "discretionary", "info", "one", "two", "three", "1", "2", "3")
	name = cutWords(name, bytes.CutPrefix, "card", "emv", "raw", "encrypted", "full")
	switch string(name) {
	case "track", "tracks", "magstripe", "magneticstripe", "magstripetrack", "magneticstripetrack", "magtrack", "swipe", "swipe1", "swipe2":
		return true
	}
	return false
}

// isCodeName takes every usual name of a card's security code and of a PIN: cvv, CVC2, cvn, cid, card_cvNumber, securityCode, cardVerificationValue,
// cardCode, pinBlock. What a check of the code resulted in, such as cvvResult, has another ending.
func isCodeName(name []byte) bool {
	core := cutWords(name, bytes.CutPrefix, "creditcard", "debitcard", "paymentcard", "card", "cc", "payment", "encrypted", "dynamic", "customer")
	core = cutWords(core, bytes.CutSuffix, "block", "data", "value", "code", "number", "num", "no", "nr", "digits", "1", "2", "3")
	switch string(core) {
	case "cvv", "cvc", "cvn", "cvd", "csc", "cav", "cve", "cvx", "icvv", "dcvv", "dcvc", "icvc", "cvvcvc", "cvccvv", "pin":
		return true
	case "cv", "sec", "security", "verification", "verif", "validation", "cardverification", "cardsecurity", "cardvalidation", "signaturepanel":
		return !bytes.HasSuffix(name, core) // such a word alone says something else
	case "":
		return string(name) == "cardcode" || string(name) == "cccode"
	}
	return false
}

// cutWords cuts the words off, by bytes.CutPrefix or bytes.CutSuffix, as long as one fits.
func cutWords(name []byte, cut func(s, word []byte) ([]byte, bool), words ...string) []byte {
	for again := true; again; {
		again = false
		for _, w := range words {
			if shorter, ok := cut(name, []byte(w)); ok {
				name, again = shorter, true
			}
		}
	}
	return name
}

// normal appends a name without case and the signs that names are divided by.
func normal(b, name []byte) []byte {
	if len(name) > maxName {
		return b
	}
	for _, c := range name {
		switch {
		case c >= 'A' && c <= 'Z':
			b = append(b, c+'a'-'A')
		case c == '_' || c == '-' || c == ' ' || c == '.' || c == ':' || c == '[' || c == ']' || c == '/' || c == '#':
		default:
			b = append(b, c)
		}
	}
	return b
}
