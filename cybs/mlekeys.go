package cybs

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// Validities of a certificate for encryption.
const (
	// DefaultMLEValidity is the longest that the guide suggests.
	DefaultMLEValidity = 365 * 24 * time.Hour
	// ShortMLEValidity is for when Cybersource refuses the default with ErrValidityTooLong.
	ShortMLEValidity = 90 * 24 * time.Hour
)

// MLEKey opens what was encrypted to its certificate. It prints without the private key.
type MLEKey struct {
	// ID is what Cybersource knows it by: the KeyID that storing it returned. It may be empty; the numbers in the
	// certificate are compared with a kid too, as nobody has published which of them Cybersource sends.
	ID string
	// Certificate holds the private key. A key without it is passed over.
	Certificate *Certificate
}

// matches reports whether kid can mean this key.
func (k MLEKey) matches(kid string) bool {
	if kid == "" {
		return false
	}
	serial := k.Certificate.leaf.SerialNumber
	for _, id := range [...]string{k.ID, k.Certificate.KeyID(), serial.String(), serial.Text(16)} {
		if id != "" && strings.EqualFold(NormalID(id), NormalID(kid)) {
			return true
		}
	}
	return false
}

// sortMLEKeys puts apart the keys that kid can mean. The others are tried after them: a kid that means nothing here is no
// reason to lose a notification that can be opened.
func sortMLEKeys(keys []MLEKey, kid string) (named, rest []MLEKey) {
	for _, key := range keys {
		switch {
		case key.Certificate == nil:
		case key.matches(kid):
			named = append(named, key)
		default:
			rest = append(rest, key)
		}
	}
	return named, rest
}

// MLEKeys are the keys of a receiver, and what it accepts.
type MLEKeys struct {
	// Keys are tried after those that the encrypted text names, in this order: the newest first, the former ones after
	// it, because late retries may still need them. At most 16 are tried.
	Keys []MLEKey
	// AllowOAEP accepts RSA-OAEP with SHA-1 too, which is the guide's literal wording. Receivers of Cybersource's own
	// insist on RSA-OAEP-256, which is always accepted.
	AllowOAEP bool
}

// MLECertificateOptions say what a new certificate is like; the zero value makes one that Cybersource takes, but for the
// names.
type MLECertificateOptions struct {
	// CommonName is the id of the REST API key, as the guide wants it. Required.
	CommonName string
	// OrganizationID is the organization (O). Required.
	OrganizationID string
	// Country is C. Empty means US.
	Country string
	// Validity is how long it lasts. 0 means DefaultMLEValidity.
	Validity time.Duration
	// NotBefore is when it begins. Zero means now.
	NotBefore time.Time
}

// NewMLECertificate makes an RSA key of 2048 bits and a self-signed certificate for it, as the guide's openssl command
// does. Store it with [Client.StoreMLECertificate] and keep its PrivateKeyPEM sealed. Each subscription that is encrypted
// should have a certificate of its own, says the guide.
func NewMLECertificate(opts MLECertificateOptions) (*Certificate, error) {
	var v ValidationError
	if opts.CommonName == "" {
		v.add("common name", "is missing")
	}
	if opts.OrganizationID == "" {
		v.add("organization id", "is missing")
	}
	if opts.Validity < 0 {
		v.add("validity", "must not be negative")
	}
	if len(v.Fields) > 0 {
		return nil, fmt.Errorf("new MLE certificate: %w", &v)
	}
	key, err := rsa.GenerateKey(rand.Reader, minRSABits)
	if err != nil {
		return nil, fmt.Errorf("new MLE certificate: %w", err)
	}
	from := opts.NotBefore
	if from.IsZero() {
		from = time.Now()
	}
	validity := opts.Validity
	if validity == 0 {
		validity = DefaultMLEValidity
	}
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(randomSerial()),
		Subject: pkix.Name{
			CommonName: opts.CommonName, Organization: []string{opts.OrganizationID}, Country: []string{firstOf(opts.Country, "US")},
		},
		NotBefore: from, NotAfter: from.Add(validity), BasicConstraintsValid: true, IsCA: true, // as openssl req -x509
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("new MLE certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("new MLE certificate: %w", err)
	}
	return newCertificate(leaf, key, nil)
}
