package sandbox

import (
	"fmt"
	mathrand "math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// object is a JSON object in the making.
type object = map[string]any

// generator makes the data of one event.
type generator func(f *fake, event occurrence) any

// fake makes believable values from a seeded source. It is not safe for use by
// several goroutines.
type fake struct {
	*mathrand.Rand
	now func() time.Time
}

func newFake(r *mathrand.Rand, now func() time.Time) *fake { return &fake{r, now} }

func pick[T any](f *fake, from ...T) T { return from[f.IntN(len(from))] }

// chance is true in n of 100 cases.
func (f *fake) chance(n int) bool { return f.IntN(100) < n }

// digits returns n digits, the first not zero. A run as long as a card number is
// never one: its check digit is wrong.
func (f *fake) digits(n int) string {
	const all = "0123456789"
	b := []byte{all[1+f.IntN(9)]}
	for len(b) < n {
		b = append(b, all[f.IntN(len(all))])
	}
	return notCard(string(b))
}

// notCard changes the last digit of a number that could be a card's.
func notCard(s string) string {
	if len(s) < 12 || len(s) > 19 || !luhn(s) {
		return s
	}
	last := s[len(s)-1]
	return s[:len(s)-1] + string('0'+(last-'0'+1)%10)
}

// luhn reports whether digits have a right check digit.
func luhn(s string) bool {
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// hex returns n upper-case hexadecimal digits, with letters among them.
func (f *fake) hex(n int) string {
	const alphabet = "0123456789ABCDEF"
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[f.IntN(len(alphabet))]
	}
	for i := 5; i < n; i += 6 { // no run of digits gets long
		b[i] = alphabet[10+f.IntN(6)]
	}
	return string(b)
}

// tokenID looks like the ids of the token vault.
func (f *fake) tokenID() string { return f.hex(16) + "0000AF59" + f.hex(8) }

// instrumentID is the 19-digit id of an instrument identifier.
func (f *fake) instrumentID() string { return notCard("7" + f.digits(18)) }

// requestID is the 22-digit id of a request.
func (f *fake) requestID() string {
	return strconv.FormatInt(f.now().Unix(), 10)[:6] + f.digits(16)
}

func (f *fake) uuid() string {
	h := strings.ToLower(f.hex(32))
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
}

// money is an amount in a currency that the amount is usual in.
type money struct {
	Amount   string
	Currency string
	cents    int
}

func (f *fake) money() money {
	currency := pick(f, "USD", "USD", "USD", "EUR", "EUR", "GBP", "CAD", "AUD", "PLN", "JPY")
	// Small amounts are more frequent than large ones.
	cents := 199 + int(f.ExpFloat64()*6500)
	if f.chance(50) {
		cents = cents/100*100 + pick(f, 0, 49, 90, 95, 99)
	}
	return newMoney(cents, currency)
}

func newMoney(cents int, currency string) money {
	if currency == "JPY" { // has no minor unit
		return money{strconv.Itoa(cents), currency, cents}
	}
	return money{fmt.Sprintf("%d.%02d", cents/100, cents%100), currency, cents}
}

// part is a fraction of the amount, in percent.
func (m money) part(percent int) money { return newMoney(m.cents*percent/100, m.Currency) }

// person is somebody who does not exist.
type person struct {
	First, Last, Email, Phone string
	Street, City, State, Zip  string
	Country                   string
}

func (p person) name() string { return p.First + " " + p.Last }

func (f *fake) person() person {
	p := person{
		First: pick(f, "Ada", "Amara", "Ben", "Chloé", "Dmitri", "Elif", "Fatima", "Grace", "Hugo", "Ines", "Jonas", "Kenji", "Lena", "Mateo", "Nora", "Oskar", "Priya", "Rosa", "Søren", "Tomás", "Yara", "Zoë"),
		Last:  pick(f, "Abara", "Bauer", "Castillo", "Dubois", "Eriksen", "Fischer", "Garcia", "Haddad", "Ito", "Jensen", "Kowalska", "Lopez", "Müller", "Nguyen", "Okafor", "Patel", "Rossi", "Sato", "Taylor", "Weiss", "Yılmaz"),
	}
	p.Email = strings.ToLower(ascii(p.First)) + "." + strings.ToLower(ascii(p.Last)) + strconv.Itoa(f.IntN(90)+10) + "@example.com"
	p.Phone = "555-01" + strconv.Itoa(f.IntN(90)+10)
	p.Street = strconv.Itoa(f.IntN(899)+1) + " " + pick(f, "Harbour Road", "Mill Lane", "Station Street", "Oak Avenue", "Market Square", "Garden Row")
	place := pick(f, [4]string{"Foster City", "CA", "94404", "US"}, [4]string{"Columbus", "OH", "43004", "US"}, [4]string{"Austin", "TX", "73301", "US"},
		[4]string{"Toronto", "ON", "M5V 2T6", "CA"}, [4]string{"London", "", "EC1A 1BB", "GB"}, [4]string{"Kraków", "", "30-001", "PL"}, [4]string{"Berlin", "", "10115", "DE"})
	p.City, p.State, p.Zip, p.Country = place[0], place[1], place[2], place[3]
	return p
}

// ascii spells a name as its owner would in a mail address.
func ascii(s string) string {
	return strings.NewReplacer("é", "e", "ë", "e", "ø", "o", "á", "a", "ü", "ue", "ı", "i").Replace(s)
}

func (p person) billTo() object {
	o := object{
		"firstName": p.First, "lastName": p.Last, "email": p.Email, "phoneNumber": p.Phone, "address1": p.Street,
		"locality": p.City, "postalCode": p.Zip, "country": p.Country,
	}
	if p.State != "" {
		o["administrativeArea"] = p.State
	}
	return o
}

// card is what a payment may show of one: the first six and the last four
// digits, never the number.
type card struct {
	Type, Scheme, Bin, Last4 string
}

func (f *fake) card() card {
	c := pick(f, card{Type: "001", Scheme: "VISA CREDIT", Bin: "411111"}, card{Type: "001", Scheme: "VISA DEBIT", Bin: "400000"},
		card{Type: "002", Scheme: "MASTERCARD CREDIT", Bin: "555555"}, card{Type: "002", Scheme: "MASTERCARD DEBIT", Bin: "222300"},
		card{Type: "003", Scheme: "AMERICAN EXPRESS", Bin: "378282"})
	c.Last4 = f.digits(4)
	return c
}

func (c card) masked() string {
	if c.Type == "003" {
		return c.Bin + "XXXXX" + c.Last4
	}
	return c.Bin + "XXXXXX" + c.Last4
}

func (f *fake) expiry() (month, year string) {
	return fmt.Sprintf("%02d", f.IntN(12)+1), strconv.Itoa(f.now().Year() + 1 + f.IntN(4))
}

// date is a calendar day that many days from now.
func (f *fake) date(days int) string { return f.now().AddDate(0, 0, days).UTC().Format(time.DateOnly) }

// ago is a moment in the last minutes, as the payment service writes it.
func (f *fake) ago() string {
	return f.now().Add(-time.Duration(f.IntN(600)) * time.Second).UTC().Format("2006-01-02T15:04:05Z")
}

func (f *fake) order() string {
	return pick(f, "ORDER-", "WEB-", "SO", "TC") + strconv.Itoa(10_000+f.IntN(990_000))
}

func (f *fake) organizationName() string {
	return pick(f, "Northwind Outfitters", "Blue Heron Books", "Alder & Finch", "Kestrel Coffee", "Juniper Supply", "Lumen Cycles")
}

func href(method, path string) object { return object{"method": method, "href": path} }
