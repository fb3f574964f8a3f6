package cybs

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// minRSABits is the shortest key that is accepted; Cybersource makes keys of 2048 bits.
const minRSABits = 2048

// ErrWrongPassword means that a P12 file does not open with the password given.
var ErrWrongPassword = errors.New("wrong password")

// Certificate is a certificate of Cybersource's ("REST – Certificate") with its private key, which signs requests. It
// prints without the key.
type Certificate struct {
	leaf *x509.Certificate
	key  *rsa.PrivateKey
}

// ParseP12 opens a P12 file as the Business Center hands it out, in the old or the new encryption. The file may hold
// other certificates too, such as Cybersource's own for message encryption; the one that fits the private key is taken.
// It returns ErrWrongPassword when the password does not fit.
func ParseP12(data []byte, password string) (*Certificate, error) {
	key, first, others, err := pkcs12.DecodeChain(data, password)
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return nil, fmt.Errorf("parse P12: %w", ErrWrongPassword)
	}
	if err != nil {
		return nil, fmt.Errorf("parse P12: %w", err)
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("parse P12: the key is a %T, want RSA", key)
	}
	for _, certificate := range append([]*x509.Certificate{first}, others...) {
		if private.PublicKey.Equal(certificate.PublicKey) {
			return newCertificate(certificate, private)
		}
	}
	return nil, errors.New("parse P12: no certificate fits the private key")
}

// ParseCertificate reads certificate and private key (PKCS #8 or PKCS #1, not encrypted) from PEM. Both may stand in
// one text, given twice.
func ParseCertificate(certificatePEM, keyPEM []byte) (*Certificate, error) {
	key, err := parsePrivateKey(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("parse certificate: %w", err)
	}
	for rest := certificatePEM; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New("parse certificate: no certificate fits the private key")
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		leaf, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("parse certificate: %w", err)
		}
		if key.PublicKey.Equal(leaf.PublicKey) {
			return newCertificate(leaf, key)
		}
	}
}

func parsePrivateKey(text []byte) (*rsa.PrivateKey, error) {
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New("no private key in PEM")
		}
		switch block.Type {
		case "RSA PRIVATE KEY":
			return x509.ParsePKCS1PrivateKey(block.Bytes)
		case "PRIVATE KEY":
			key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return nil, err
			}
			private, ok := key.(*rsa.PrivateKey)
			if !ok {
				return nil, fmt.Errorf("the key is a %T, want RSA", key)
			}
			return private, nil
		case "ENCRYPTED PRIVATE KEY":
			return nil, errors.New("the private key is encrypted; use the P12 file instead")
		}
	}
}

func newCertificate(leaf *x509.Certificate, key *rsa.PrivateKey) (*Certificate, error) {
	if bits := key.N.BitLen(); bits < minRSABits {
		return nil, fmt.Errorf("the key has %d bits, want at least %d", bits, minRSABits)
	}
	return &Certificate{leaf: leaf, key: key}, nil
}

// KeyID is what Cybersource knows the certificate by: the serialNumber in its subject, which is not the serial number
// of the certificate. Empty when the subject has none; such a certificate is of use to JWTP12V1 only.
func (c *Certificate) KeyID() string { return c.leaf.Subject.SerialNumber }

// CommonName is the merchant or portfolio to which the certificate was given.
func (c *Certificate) CommonName() string { return c.leaf.Subject.CommonName }

// NotAfter is when the certificate ends.
func (c *Certificate) NotAfter() time.Time { return c.leaf.NotAfter }

// DER returns the certificate itself.
func (c *Certificate) DER() []byte { return c.leaf.Raw }

// String names the certificate, without its key.
func (c *Certificate) String() string {
	return fmt.Sprintf("certificate %s of %s, key %s", c.KeyID(), c.CommonName(), redacted)
}

// GoString names the certificate, without its key.
func (c *Certificate) GoString() string { return c.String() }

// Format names the certificate, without its key, for every verb.
func (c *Certificate) Format(f fmt.State, _ rune) { writeText(f, c.String()) }
