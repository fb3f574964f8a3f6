package cybs

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// MLE is the message-level encryption of REST calls. Cybersource requires it for none of the calls in this package; it is
// here for accounts that are told to use it everywhere. It needs a JWT scheme.
type MLE struct {
	// Encrypt sends every body as {"encryptedRequest": JWE}.
	Encrypt bool
	// Certificate is Cybersource's own, to which requests are encrypted. Nil means the one with the common name
	// CyberSource_SJC_US in the P12 file of the credentials.
	Certificate *x509.Certificate
	// KeyID names that certificate. Empty means the serialNumber in its subject.
	KeyID string
	// ResponseKey asks for encrypted answers, by the claim v-c-response-mle-kid, and opens them. Its ID is sent, or
	// where that is empty the serialNumber in the certificate's subject. Nil asks for none.
	ResponseKey *MLEKey
}

// requestMLE is the checked form of MLE.
type requestMLE struct {
	certificate   *x509.Certificate // nil for plain requests
	keyID         string
	response      *MLEKey // nil for plain answers
	responseKID   string
	responseRules mleRules
}

// newRequestMLE checks the configuration; nil means that neither requests nor answers are encrypted.
func newRequestMLE(m MLE, credentials Credentials) (*requestMLE, error) {
	if !m.Encrypt && m.ResponseKey == nil {
		return nil, nil
	}
	if credentials.Scheme == HTTPSignature {
		return nil, errors.New("message-level encryption needs a JWT scheme, not HTTP Signature")
	}
	r := &requestMLE{responseRules: mleRules{oaep: true, a128: true}} // what the official SDKs decrypt
	if m.Encrypt {
		r.certificate, r.keyID = m.Certificate, m.KeyID
		if r.certificate == nil && credentials.Certificate != nil {
			r.certificate = credentials.Certificate.RequestMLE()
		}
		if r.certificate == nil {
			return nil, errors.New("message-level encryption: Cybersource's certificate is missing")
		}
		if _, ok := r.certificate.PublicKey.(*rsa.PublicKey); !ok {
			return nil, fmt.Errorf("message-level encryption: the certificate has a %T, want RSA", r.certificate.PublicKey)
		}
		r.keyID = firstOf(r.keyID, r.certificate.Subject.SerialNumber)
	}
	if key := m.ResponseKey; key != nil {
		if key.Certificate == nil {
			return nil, fmt.Errorf("message-level encryption of answers: %w", ErrNoPrivateKey)
		}
		r.response, r.responseKID = key, firstOf(key.ID, key.Certificate.KeyID())
		if r.responseKID == "" {
			return nil, errors.New("message-level encryption of answers: the key has no id")
		}
	}
	return r, nil
}

// responseKeyID is the key to which answers are asked to be encrypted.
func (r *requestMLE) responseKeyID() string {
	if r == nil {
		return ""
	}
	return r.responseKID
}

// seal encrypts a request's body; what is signed is the result.
func (r *requestMLE) seal(body []byte, now time.Time) ([]byte, error) {
	if r == nil || r.certificate == nil || body == nil {
		return body, nil
	}
	text, err := EncryptMLE(r.certificate, r.keyID, body, now)
	if err != nil {
		return nil, err
	}
	return encodeJSON(struct {
		Text string `json:"encryptedRequest"`
	}{text})
}

// unseal opens an encrypted answer; a plain one stays as it is, also where encryption was asked for, as Cybersource
// answers some errors before it looks at the claim.
func (r *requestMLE) unseal(answer []byte) ([]byte, error) {
	var sealed struct {
		Text string `json:"encryptedResponse"`
	}
	if err := json.Unmarshal(answer, &sealed); err != nil || sealed.Text == "" {
		return answer, nil //nolint:nilerr // it is for the caller to read what is no encrypted answer
	}
	var keys []MLEKey
	rules := mleRules{}
	if r != nil && r.response != nil {
		keys, rules = []MLEKey{*r.response}, r.responseRules
	}
	opened, err := decryptJWE([]byte(sealed.Text), keys, rules)
	return opened.Plain, err
}

// DecryptResponse opens an encrypted answer of Cybersource's REST API, {"encryptedResponse": JWE}, which may also use
// RSA-OAEP and A128GCM. A [Client] with [MLE] does it by itself.
func DecryptResponse(answer []byte, key MLEKey) ([]byte, error) {
	text, _, err := findJWE(answer)
	if err != nil {
		return nil, fmt.Errorf("decrypt answer: %w", err)
	}
	opened, err := decryptJWE(text, []MLEKey{key}, mleRules{oaep: true, a128: true})
	if err != nil {
		return nil, fmt.Errorf("decrypt answer: %w", err)
	}
	return opened.Plain, nil
}
