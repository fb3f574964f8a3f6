package sandbox

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
)

// minKeyBits is the shortest key a certificate for encryption may have.
const minKeyBits = 2048

// saveAsymmetricKey answers POST /kms/egress/v2/keys-asym: it keeps the
// certificate that notifications are encrypted to or, when its private key comes
// along, the pair that signs client assertions.
func (s *Sandbox) saveAsymmetricKey(c *call) error {
	req, _, err := s.readKeyRequest(c)
	if err != nil {
		return err
	}
	if !strings.EqualFold(req.Action, "STORE") {
		return s.keyProblem(req, fieldError{"clientRequestAction", reasonInvalid})
	}
	if !strings.EqualFold(req.Key.KeyType, "publickey") {
		return s.keyProblem(req, fieldError{"keyInformation.keyType", reasonInvalid})
	}
	if req.Key.Pub == "" {
		return s.keyProblem(req, fieldError{"keyInformation.pub", reasonMissing})
	}
	stored, err := s.readCertificate(req.Key.Pub)
	if err != nil {
		s.cfg.Logger.Info("certificate refused", "err", err)
		p := s.keyAnswer(req, "Key invalid or validity too long", fieldError{"keyInformation.pub", reasonInvalid})
		return &problem{http.StatusBadRequest, p}
	}
	if req.Key.Pvt != "" {
		stored.Private, err = parsePrivateKey(req.Key.Pvt)
		if err != nil || !stored.Private.PublicKey.Equal(stored.Certificate.PublicKey) {
			return s.keyProblem(req, fieldError{"keyInformation.pvt", reasonInvalid})
		}
	}
	key := *req.Key
	key.KeyID, key.Status, key.ExpiryDuration, key.Pvt = newID(), s.cfg.API.KeyState, nil, ""
	key.ExpirationDate = s.keyTime(stored.Certificate.NotAfter)
	stored.ID = key.KeyID
	s.mu.Lock()
	s.certs[req.organization] = append(s.certs[req.organization], stored)
	s.mu.Unlock()
	return s.answerKey(c, req, key)
}

// readCertificate reads base64 DER on one line. Content keys are wrapped with RSA
// of 2048 bits or more, so other keys are refused; so is PEM, and a validity
// beyond the limit.
func (s *Sandbox) readCertificate(pub string) (mleCertificate, error) {
	if strings.ContainsAny(pub, "\r\n") { // which DecodeString would skip
		return mleCertificate{}, errors.New("it is not on one line")
	}
	der, err := base64.StdEncoding.DecodeString(pub)
	if err != nil {
		return mleCertificate{}, errors.New("it is not base64")
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return mleCertificate{}, err
	}
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	now := s.cfg.Now()
	switch {
	case !ok || key.N.BitLen() < minKeyBits:
		return mleCertificate{}, x509.ErrUnsupportedAlgorithm
	case s.cfg.MLE.MaxValidity > 0 && cert.NotAfter.Sub(cert.NotBefore) > s.cfg.MLE.MaxValidity:
		return mleCertificate{}, errors.New("validity is too long")
	case s.cfg.MLE.RefuseExpired && (now.After(cert.NotAfter) || now.Before(cert.NotBefore)):
		return mleCertificate{}, errors.New("it is not valid now")
	}
	return mleCertificate{Certificate: cert}, nil
}
