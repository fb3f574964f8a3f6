package mask

import "strings"

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
func known(name string) field {
	switch name {
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

// fieldOf judges a member by its name and the name of the object that holds it.
func fieldOf(parent, name string) field {
	if len(name) > maxName {
		return plain
	}
	short := normal(name)
	if f := known(short); f != plain {
		return f
	}
	if short == "number" && strings.Contains(normal(parent), "card") {
		return cardField
	}
	// In camel or snake case these say id or time.
	for _, ending := range [...]string{"Id", "ID", "Ids", "IDs", "_id", "-id", "_ids", "Uuid", "UUID", "Time", "Date", "Timestamp", "_at", "_time", "_date", "Utc", "UTC"} {
		if strings.HasSuffix(name, ending) {
			return idField
		}
	}
	return plain
}

// normal drops case and the signs that names are divided by.
func normal(name string) string {
	if len(name) > maxName {
		return ""
	}
	b := make([]byte, 0, len(name))
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'A' && c <= 'Z':
			b = append(b, c+'a'-'A')
		case c == '_' || c == '-' || c == ' ' || c == '.' || c == ':' || c == '[' || c == ']':
		default:
			b = append(b, c)
		}
	}
	return string(b)
}
