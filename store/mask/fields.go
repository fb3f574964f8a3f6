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

// names of fields, in the form that normal gives them.
var fieldNames = map[string]field{
	"cvv": codeField, "cvv2": codeField, "cvc": codeField, "cvc2": codeField, "cvn": codeField, "csc": codeField, "cvd": codeField, "cav2": codeField,
	"cvnumber": codeField, "cardcvnumber": codeField, "cvvcode": codeField, "cvccode": codeField, "cardcvv": codeField, "cardcvn": codeField, "cardcvc": codeField,
	"securitycode": codeField, "cardsecuritycode": codeField, "cardverificationnumber": codeField, "cardverificationvalue": codeField,
	"cardverificationcode": codeField, "verificationvalue": codeField, "dynamiccvv": codeField, "pinblock": codeField, "pindata": codeField, "encryptedpin": codeField,
	"cid": shortCode, "cvnum": codeField, "cvvnumber": codeField, "cvcnumber": codeField,
	"track": trackField, "trackdata": trackField, "track1": trackField, "track2": trackField, "track3": trackField, "track1data": trackField, "track2data": trackField,
	"trackone": trackField, "tracktwo": trackField, "magstripe": trackField, "magneticstripe": trackField, "track2equivalent": trackField,
	"pan": cardField, "fpan": cardField, "dpan": cardField, "cardnumber": cardField, "cardno": cardField, "ccnumber": cardField, "creditcardnumber": cardField,
	"debitcardnumber": cardField, "primaryaccountnumber": cardField, "cardaccountnumber": cardField, "cardpan": cardField, "ccnum": cardField, "cardnum": cardField,
	"href": idField, "requestid": idField, "transactionid": idField, "traceid": idField, "transactiontraceid": idField, "webhookid": idField, "reconciliationid": idField,
	"organizationid": idField, "merchantid": idField, "eventid": idField, "notificationid": idField, "paymentid": idField, "instrumentidentifierid": idField,
	"paymentinstrumentid": idField, "customerid": idField, "keyid": idField, "correlationid": idField, "timestamp": idField,
}

// idEndings are the ends of names that in camel or snake case say id or time.
var idEndings = []string{"Id", "ID", "Ids", "IDs", "_id", "-id", "_ids", "Uuid", "UUID", "Time", "Date", "Timestamp", "_at", "_time", "_date", "Utc", "UTC"}

const maxName = 64 // longer names are nobody's card field

// fieldOf judges a member by its name and the name of the object that holds it.
func fieldOf(parent, name string) field {
	if len(name) > maxName {
		return plain
	}
	short := normal(name)
	if f, ok := fieldNames[short]; ok {
		return f
	}
	if short == "number" && strings.Contains(normal(parent), "card") {
		return cardField
	}
	if short == "id" || short == "ids" {
		return idField
	}
	for _, ending := range idEndings {
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
