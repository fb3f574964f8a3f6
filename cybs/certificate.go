package cybs

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// minRSABits is the shortest key that is accepted; Cybersource makes keys of 2048 bits.
const minRSABits = 2048

// Why a certificate with its key cannot be used; errors.Is finds them in what the parsers, CheckValidity and New return.
var (
	// ErrWrongPassword means that a P12 file does not open with the password given.
	ErrWrongPassword = errors.New("wrong password")
	// ErrNoPrivateKey means that there are certificates, but no private key.
	ErrNoPrivateKey = errors.New("no private key")
	// ErrCertificateMismatch means that no certificate fits the private key.
	ErrCertificateMismatch = errors.New("no certificate fits the private key")
	// ErrCertificateExpired means that the validity has ended.
	ErrCertificateExpired = errors.New("certificate has expired")
	// ErrCertificateNotYetValid means that the validity has not begun: often it is the clock that is wrong.
	ErrCertificateNotYetValid = errors.New("certificate is not valid yet")
)

// requestMLEName is the common name of Cybersource's own certificate in a P12 file, to which requests are encrypted.
const requestMLEName = "CyberSource_SJC_US"

// Certificate is a certificate with its RSA private key: one of Cybersource's ("REST – Certificate"), which signs
// requests, or one made here, to which Cybersource encrypts. It prints without the key.
type Certificate struct {
	leaf   *x509.Certificate
	key    *rsa.PrivateKey
	others []*x509.Certificate // of the same P12 file
}

// ParseP12 opens a P12 file as the Business Center hands it out, in the old or the new encryption. The file may hold
// other certificates too, such as Cybersource's own for message encryption; the one that fits the private key is taken.
// It returns ErrWrongPassword, ErrNoPrivateKey or ErrCertificateMismatch where that is the matter. Validity is not
// judged, see CheckValidity.
func ParseP12(data []byte, password string) (*Certificate, error) {
	key, first, others, err := pkcs12.DecodeChain(data, password)
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return nil, fmt.Errorf("parse P12: %w", ErrWrongPassword)
	case err != nil && strings.HasSuffix(err.Error(), "private key missing"): // the library has no sentinel for it
		return nil, fmt.Errorf("parse P12: %w", ErrNoPrivateKey)
	case err != nil:
		return nil, fmt.Errorf("parse P12: %w", err)
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("parse P12: the key is a %T, want RSA", key)
	}
	all := append([]*x509.Certificate{first}, others...)
	for i, certificate := range all {
		if private.PublicKey.Equal(certificate.PublicKey) {
			return newCertificate(certificate, private, slices.Delete(all, i, i+1))
		}
	}
	return nil, fmt.Errorf("parse P12: %w", ErrCertificateMismatch)
}

// ParseCertificate reads certificate and private key (PKCS #8 or PKCS #1, not encrypted) from PEM. Both may stand in
// one text, given twice. It returns ErrNoPrivateKey or ErrCertificateMismatch where that is the matter.
func ParseCertificate(certificatePEM, keyPEM []byte) (*Certificate, error) {
	key, err := parsePrivateKey(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("parse certificate: %w", err)
	}
	for rest := certificatePEM; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, fmt.Errorf("parse certificate: %w", ErrCertificateMismatch)
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		leaf, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("parse certificate: %w", err)
		}
		if key.PublicKey.Equal(leaf.PublicKey) {
			return newCertificate(leaf, key, nil)
		}
	}
}

func parsePrivateKey(text []byte) (*rsa.PrivateKey, error) {
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, fmt.Errorf("%w in the PEM text", ErrNoPrivateKey)
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

func newCertificate(leaf *x509.Certificate, key *rsa.PrivateKey, others []*x509.Certificate) (*Certificate, error) {
	if bits := key.N.BitLen(); bits < minRSABits {
		return nil, fmt.Errorf("the key has %d bits, want at least %d", bits, minRSABits)
	}
	return &Certificate{leaf: leaf, key: key, others: others}, nil
}

// KeyID is what Cybersource knows the certificate by: the serialNumber in its subject, which is not the serial number
// of the certificate. Empty when the subject has none; such a certificate is of use to JWTP12V1 only.
func (c *Certificate) KeyID() string { return c.leaf.Subject.SerialNumber }

// CommonName is the merchant or portfolio to which the certificate was given.
func (c *Certificate) CommonName() string { return c.leaf.Subject.CommonName }

// NotAfter is when the certificate ends.
func (c *Certificate) NotAfter() time.Time { return c.leaf.NotAfter }

// NotBefore is when the certificate begins.
func (c *Certificate) NotBefore() time.Time { return c.leaf.NotBefore }

// CheckValidity returns ErrCertificateExpired or ErrCertificateNotYetValid, with the date, for a time outside the
// certificate's validity.
func (c *Certificate) CheckValidity(now time.Time) error {
	switch {
	case now.After(c.leaf.NotAfter):
		return fmt.Errorf("%w: on %s", ErrCertificateExpired, c.leaf.NotAfter.UTC().Format(time.DateOnly))
	case now.Before(c.leaf.NotBefore):
		return fmt.Errorf("%w: it begins on %s", ErrCertificateNotYetValid, c.leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// RequestMLE returns Cybersource's own certificate from the same P12 file, to which requests are encrypted; nil if the
// file had none.
func (c *Certificate) RequestMLE() *x509.Certificate {
	for _, other := range c.others {
		if strings.EqualFold(other.Subject.CommonName, requestMLEName) {
			return other
		}
	}
	return nil
}

// DER returns the certificate itself.
func (c *Certificate) DER() []byte { return c.leaf.Raw }

// CertificatePEM returns the certificate as PEM text.
func (c *Certificate) CertificatePEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.leaf.Raw})
}

// PrivateKeyPEM returns the private key in the clear, as PEM text (PKCS #8) that ParseCertificate reads. It exists for
// sealing.
func (c *Certificate) PrivateKeyPEM() (Secret, error) {
	der, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		return nil, fmt.Errorf("write private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// String names the certificate, without its key.
func (c *Certificate) String() string {
	return fmt.Sprintf("certificate %s of %s, key %s", c.KeyID(), c.CommonName(), redacted)
}

// GoString names the certificate, without its key.
func (c *Certificate) GoString() string { return c.String() }

// Format names the certificate, without its key, for every verb.
func (c *Certificate) Format(f fmt.State, _ rune) { writeText(f, c.String()) }
