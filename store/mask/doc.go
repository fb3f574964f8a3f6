// Package mask hides card data in texts that people read or that are searched: card numbers keep their first six and last
// four digits, security codes and magnetic stripe data become ***.
//
// A run of digits is taken for a card number when its length (13 to 19), its issuer's prefix and its check digit (Luhn) agree, in one piece, in
// groups with a separator between them, or with an expiry date attached, in whichever way a character is written (view.go). Names of
// fields decide where digits alone cannot: what a field like cardNumber holds is hidden even when its check digit is wrong, and everything
// below a field like cvv is hidden. No name makes a number readable. Cybersource's ids are long numbers of which one in ten has the right check
// digit: those of 22 digits, UUIDs and hexadecimal digests are known by their form and stay readable.
//
// The functions are pure, never fail, take time linear in the text, and leave every byte alone that is not card data; only a body in UTF-16
// with card data in it comes back in UTF-8. What they cannot see is in docs/threat-model.md. They know no encryption: what must not be
// lost is kept sealed elsewhere.
package mask
