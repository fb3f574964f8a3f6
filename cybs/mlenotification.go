package cybs

import (
	"bytes"
	"errors"
	"net/http"
)

// Wrapping is how an encrypted text stood in a body.
type Wrapping string

// The wrappings that receivers were seen to accept. Which one Cybersource sends is published nowhere; encData around the
// whole envelope is Visa's usual one.
const (
	WrapBare              Wrapping = "body"              // the body is the JWE
	WrapEncData           Wrapping = "encData"           // {"encData": JWE}
	WrapEncryptedRequest  Wrapping = "encryptedRequest"  // {"encryptedRequest": JWE}
	WrapEncryptedPayload  Wrapping = "encryptedPayload"  // {"encryptedPayload": JWE}
	WrapEncryptedResponse Wrapping = "encryptedResponse" // {"encryptedResponse": JWE}
	WrapPayload           Wrapping = "payload"           // a plain envelope whose payload is the JWE
)

// Opened is what is known about an encrypted text.
type Opened struct {
	// Plain is the decrypted text, never nil after a success: the whole envelope, or with WrapPayload the payload.
	Plain    []byte
	Wrapping Wrapping
	Header   JWEHeader
	// Key is the key that opened it, or that fitted when the text was changed; nil if none did. KeyNamed is whether the
	// header named it.
	Key      *MLEKey
	KeyNamed bool
}

// DecryptNotification finds the encrypted text of a notification in any of its wire forms and decrypts it. Accepted are
// RSA-OAEP-256 (with MLEKeys.AllowOAEP also RSA-OAEP) and A256GCM.
//
// The result is never nil: with an error (one of the sentinels ErrNotEncrypted, ErrJWEMalformed, ErrMLEAlgorithm,
// ErrMLEKeyUnknown, ErrMLEWrongKey, ErrMLETampered and ErrMLENested, or ErrNotJSON and ErrTooDeep of a body that cannot
// be searched) it holds what could be read. No such failure may be taken as a reason to process the body as plain text.
func DecryptNotification(body []byte, keys MLEKeys) (*Opened, error) {
	text, wrapping, err := findJWE(body)
	if err != nil {
		return &Opened{}, err
	}
	opened, err := decryptJWE(text, keys.Keys, mleRules{oaep: keys.AllowOAEP})
	opened.Wrapping = wrapping
	return opened, err
}

// findJWE returns the encrypted text of a body.
func findJWE(body []byte) ([]byte, Wrapping, error) {
	if text := bareJWE(body); text != nil {
		return text, WrapBare, nil
	}
	env, err := scanEnvelope(body)
	if err != nil {
		return nil, "", err
	}
	form, text := env.form()
	switch {
	case form != FormEncrypted:
		return nil, "", ErrNotEncrypted
	case bytes.Equal(text, bytes.Trim(env.payload, `"`)):
		return text, WrapPayload, nil
	}
	return text, Wrapping(env.jweMember), nil
}

// bareJWE returns the JWE that is the whole body, nil if it is none. It looks for the JWE's own beginning, so that an
// object with four dots in it is not taken for one.
func bareJWE(body []byte) []byte {
	if text := bytes.Trim(body, " \t\r\n\""); isCompactJWE(text) {
		return text
	}
	return nil
}

// Replace returns a body in which another text is encrypted, to the certificate that it was opened with and under the same key id and time. It is for keeping a
// notification without what must not be kept: no signature covers the result.
func (o *Opened) Replace(body, plain []byte) ([]byte, error) {
	text, _, err := findJWE(body)
	if err != nil {
		return nil, err
	}
	if o.Key == nil || !bytes.Contains(body, text) {
		return nil, errors.New("replace encrypted text: it was not opened, or is written with escapes")
	}
	fresh, err := EncryptMLE(o.Key.Certificate.leaf, o.Header.KeyID, plain, o.Header.IssuedAt)
	if err != nil {
		return nil, err
	}
	return bytes.Replace(body, text, []byte(fresh), 1), nil
}

// decryptJWE opens a compact JWE.
func decryptJWE(text []byte, keys []MLEKey, rules mleRules) (*Opened, error) {
	j, err := parseJWE(text)
	opened := &Opened{Header: j.header}
	if err != nil {
		return opened, err
	}
	opened.Plain, opened.Key, err = j.open(keys, rules)
	if opened.Key != nil {
		opened.KeyNamed = opened.Key.matches(j.header.KeyID)
	}
	if err == nil && isToken(opened.Plain) {
		return opened, ErrMLENested
	}
	return opened, err
}

// OpenNotification reads a delivery as [ParseNotification] does, and decrypts it where it is encrypted. Form, payload and
// all members are then those of the plain text (and of the envelope around an encrypted payload), Encryption says how it was
// encrypted, and Body stays as received. Hand Encryption.Plain to [Verify] as Decrypted.
//
// The notification is never nil. With an error of DecryptNotification its Form is FormEncrypted and it holds what headers
// and envelope say; with ErrNotJSON or ErrTooDeep the body, or the decrypted text, is not readable.
func OpenNotification(h http.Header, body []byte, keys MLEKeys) (*Notification, error) {
	n, err := ParseNotification(h, body)
	if err != nil || n.Form != FormEncrypted {
		return n, err
	}
	opened, err := DecryptNotification(body, keys)
	n.Encryption = opened
	if err != nil {
		return n, err
	}
	if opened.Wrapping == WrapPayload {
		return n, n.openPayload(opened.Plain)
	}
	plain, err := ParseNotification(h, opened.Plain)
	plain.Encryption, plain.Body = opened, body
	return plain, err
}

// openPayload puts the plain payload in the place of the encrypted one.
func (n *Notification) openPayload(plain []byte) error {
	s := scanner{data: plain}
	if err := s.document(nil); err != nil {
		return err
	}
	inner := envelope{payload: bytes.Trim(plain, " \t\r\n")}
	n.Form, n.JWE = inner.form()
	n.Payload = inner.payload
	n.EventOrganizationID = payloadOrganization(n.Payload)
	return nil
}
