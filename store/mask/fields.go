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
	idField // an id, a link or a time: digits in one piece stay readable
)

// known are the names that say it all, in the form that normal gives them.
func known(name []byte) field {
	switch string(name) {
	case "cvv", "cvv2", "cvc", "cvc2", "cvn", "csc", "cvd", "cav2", "cvnumber", "cardcvnumber", "cvnum", "cvvnumber", "cvcnumber", "cvvcode", "cvccode", "cardcvv",
		"cardcvn", "cardcvc", "dynamiccvv", "securitycode", "cardsecuritycode", "cardverificationnumber", "cardverificationvalue", "cardverificationcode",
		"verificationvalue", "pinblock", "pindata", "encryptedpin":
		return codeField
	case "cid":
		return shortCode
	case "track", "trackdata", "track1", "track2", "track3", "track1data", "track2data", "trackone", "tracktwo", "magstripe", "magneticstripe", "track2equivalent":
		return trackField
	case "pan", "fpan", "dpan", "cardnumber", "cardno", "cardnum", "ccnumber", "ccnum", "creditcardnumber", "debitcardnumber", "primaryaccountnumber", "cardaccountnumber", "cardpan":
		return cardField
	case "id", "ids", "href", "requestid", "transactionid", "traceid", "transactiontraceid", "webhookid", "reconciliationid", "organizationid", "merchantid", "eventid",
		"notificationid", "paymentid", "instrumentidentifierid", "paymentinstrumentid", "customerid", "keyid", "correlationid", "timestamp":
		return idField
	}
	return plain
}

const maxName = 64 // longer names are nobody's card field

// endings say id or time, in camel or snake case.
func endings() [17]string {
	return [...]string{"Id", "ID", "Ids", "IDs", "_id", "-id", "_ids", "Uuid", "UUID", "Time", "Date", "Timestamp", "_at", "_time", "_date", "Utc", "UTC"}
}

// fieldOf judges a member by its name and the name of the object that holds it. It is asked for every member that arrives, and allocates
// nothing.
func fieldOf(parent, name []byte) field {
	if len(name) > maxName {
		return plain
	}
	var buffer [maxName]byte
	short := normal(buffer[:0], name)
	if f := known(short); f != plain {
		return f
	}
	if string(short) == "number" && bytes.Contains(normal(buffer[:0], parent), []byte("card")) {
		return cardField
	}
	for _, ending := range endings() {
		if len(name) >= len(ending) && string(name[len(name)-len(ending):]) == ending {
			return idField
		}
	}
	return plain
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
		case c == '_' || c == '-' || c == ' ' || c == '.' || c == ':' || c == '[' || c == ']':
		default:
			b = append(b, c)
		}
	}
	return b
}
