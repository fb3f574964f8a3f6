// Package mask hides card data in texts that people read or that are searched: card numbers keep their first six and last
// four digits, security codes and magnetic stripe data become ***.
//
// A run of digits is taken for a card number when its length (13 to 19), its issuer's prefix and its check digit (Luhn) agree,
// in one piece or in groups with single spaces or dashes between them. Names of fields decide where digits alone cannot: what a
// field like cardNumber holds is hidden even when its check digit is wrong, and what a field like requestId or href holds
// stays readable, because Cybersource's ids are long numbers of which one in ten passes the check.
//
// The functions are pure, never fail, take time linear in the text, and leave every byte alone that is not card data. They know
// no encryption: what must not be lost is kept sealed elsewhere.
package mask
