package sandbox

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// assertionType says that client_assertion is a JWT (RFC 7523).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// assertionLife is how long an assertion is good for; it is used at once.
const assertionLife = 2 * time.Minute

// assertion is the signed JWT that stands for a client's secret under oAuth_JWT.
// Which key signs it is not published: here the private key that the
// organization stored by keys-asym under that keyId, else the sandbox's own.
type assertion struct {
	key      *rsa.PrivateKey
	keyID    string
	clientID string
	audience string
}

func (a *assertion) sign(now time.Time) (string, error) {
	options := (&jose.SignerOptions{}).WithType("JWT")
	if a.keyID != "" {
		options = options.WithHeader("kid", a.keyID)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: a.key}, options)
	if err != nil {
		return "", fmt.Errorf("client assertion: %w", err)
	}
	claims, err := encodeJSON(struct {
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		Audience string `json:"aud"`
		ID       string `json:"jti"`
		Issued   int64  `json:"iat"`
		Expires  int64  `json:"exp"`
	}{a.clientID, a.clientID, a.audience, newID(), now.Unix(), now.Add(assertionLife).Unix()})
	if err != nil {
		return "", fmt.Errorf("client assertion: %w", err)
	}
	token, err := signer.Sign(claims)
	if err != nil {
		return "", fmt.Errorf("client assertion: %w", err)
	}
	return token.CompactSerialize()
}

// assertionKey is the key that signs for an organization. The caller holds mu.
func (s *Sandbox) assertionKey(organizationID, keyID string) (*rsa.PrivateKey, error) {
	for _, c := range s.certs[organizationID] {
		if c.ID == keyID && c.Private != nil {
			return c.Private, nil
		}
	}
	return s.ownKey()
}

// ownKey is the sandbox's own key, made when it is first needed. The caller
// holds mu.
func (s *Sandbox) ownKey() (*rsa.PrivateKey, error) {
	if s.own == nil {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, fmt.Errorf("make assertion key: %w", err)
		}
		s.own = key
		s.notify()
	}
	return s.own, nil
}

// AssertionCertificate is the certificate of the key that signs the client
// assertions of oAuth_JWT, for receivers to register. It is the same as long as
// its key is kept, to the byte.
func (s *Sandbox) AssertionCertificate() (*x509.Certificate, error) {
	s.mu.Lock()
	key, err := s.ownKey()
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Switchboard sandbox OAuth"},
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make assertion certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// parsePrivateKey reads base64 PKCS #8 or PKCS #1 DER on one line, as the pvt
// member of keys-asym.
func parsePrivateKey(text string) (*rsa.PrivateKey, error) {
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("private key is not base64")
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("private key is neither PKCS #8 nor PKCS #1")
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("private key is not RSA")
	}
	return private, nil
}
