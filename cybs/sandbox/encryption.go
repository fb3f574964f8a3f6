package sandbox

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/switchboardhq/switchboard/cybs"
)

// errNoCertificate and errCertificateExpired say why a notification that must be
// encrypted is not sent.
var (
	errNoCertificate      = errors.New("organization has no encryption certificate")
	errCertificateExpired = errors.New("organization's encryption certificate has expired")
)

// mleCertificate is what keys-asym keeps.
type mleCertificate struct {
	ID          string
	Certificate *x509.Certificate
	// Private came along with the certificate. Such a pair signs client assertions
	// and encrypts nothing.
	Private *rsa.PrivateKey
}

// encryptable reports whether an event is one of those that are encrypted at all.
func (s *Sandbox) encryptable(productID, eventType string) bool {
	if list := s.cfg.MLE.Events; list != nil {
		return slices.Contains(list, productID) || slices.Contains(list, eventType)
	}
	return slices.ContainsFunc(catalogue(), func(e CatalogueEvent) bool {
		return e.Encrypted && e.ProductID == productID && e.EventType == eventType
	})
}

// encrypts is the payloadEncryption of an event at an organization. The caller
// holds mu.
func (s *Sandbox) encrypts(organizationID, productID, eventType string) bool {
	switch s.cfg.MLE.Policy {
	case MLEOff:
		return false
	case MLERequired:
		return s.encryptable(productID, eventType)
	}
	stored := slices.ContainsFunc(s.certs[organizationID], mleCertificate.encrypts)
	return stored && s.encryptable(productID, eventType)
}

func (c mleCertificate) encrypts() bool { return c.Private == nil }

// encryptionCertificate is the newest that has not expired. The caller holds mu.
func (s *Sandbox) encryptionCertificate(organizationID string) (mleCertificate, error) {
	err := errNoCertificate
	for _, c := range slices.Backward(s.certs[organizationID]) {
		if !c.encrypts() {
			continue
		}
		if s.cfg.Now().Before(c.Certificate.NotAfter) {
			return c, nil
		}
		err = errCertificateExpired
	}
	return mleCertificate{}, err
}

// seal makes the compact JWE of a text.
func (s *Sandbox) seal(c mleCertificate, text []byte) (string, error) {
	keyID := c.ID
	switch {
	case s.cfg.MLE.WithoutKeyID:
		keyID = ""
	case s.cfg.MLE.SubjectKeyID:
		keyID = c.Certificate.Subject.SerialNumber
	}
	if !s.cfg.MLE.OAEP1 {
		return cybs.EncryptMLE(c.Certificate, keyID, text, s.cfg.Now())
	}
	options := (&jose.EncrypterOptions{}).WithContentType("JWT").WithHeader("iat", s.cfg.Now().Unix())
	to := jose.Recipient{Algorithm: jose.RSA_OAEP, Key: c.Certificate.PublicKey, KeyID: keyID}
	encrypter, err := jose.NewEncrypter(jose.A256GCM, to, options)
	if err != nil {
		return "", fmt.Errorf("encrypt notification: %w", err)
	}
	sealed, err := encrypter.Encrypt(text)
	if err != nil {
		return "", fmt.Errorf("encrypt notification: %w", err)
	}
	return sealed.CompactSerialize()
}

// wire is what is sent, and what of it is signed.
type wire struct {
	body      []byte
	signed    []byte
	encrypted bool
}

// plainWire is a notification in clear text.
func (s *Sandbox) plainWire(m *message, body []byte, payload json.RawMessage) wire {
	w := wire{body: body, signed: body}
	switch s.VariantOf(m.ProductID) {
	case cybs.VariantPayloadRaw, cybs.VariantPayloadCompact:
		w.signed = payload
	case cybs.VariantBody, cybs.VariantDecrypted:
	}
	return w
}

// sealedWire is a notification encrypted. What is signed is the body as sent,
// unless Config.Delivery.Variants names another variant for the product: the
// decrypted text, or the payload member, which in forms without one is that of
// the decrypted text.
func (s *Sandbox) sealedWire(m *message, c mleCertificate, body []byte, payload json.RawMessage,
	envelope func(json.RawMessage) ([]byte, error),
) (wire, error) {
	text, member := body, payload
	if s.cfg.MLE.Form == MLENested {
		text = payload
	}
	jwe, err := s.seal(c, text)
	if err != nil {
		return wire{}, err
	}
	w := wire{encrypted: true}
	switch form := s.cfg.MLE.Form; form {
	case MLECompact:
		w.body = []byte(jwe)
	case MLENested:
		if member, err = encodeJSON(jwe); err != nil {
			return wire{}, err
		}
		w.body, err = envelope(member)
	case MLEEncData:
		w.body, err = encodeJSON(map[string]string{"encData": jwe})
	case MLEEncryptedRequest, MLEEncryptedPayload, MLEEncryptedResponse:
		w.body, err = encodeJSON(map[string]string{string(form): jwe})
	}
	w.signed = w.body
	switch s.cfg.Delivery.Variants[m.ProductID] {
	case cybs.VariantDecrypted:
		w.signed = text
	case cybs.VariantPayloadRaw, cybs.VariantPayloadCompact:
		w.signed = member
	case cybs.VariantBody:
	}
	return w, err
}
