package sandbox

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"net/http"

	"github.com/switchboardhq/switchboard/cybs"
)

// Message-level encryption of REST calls: the platform has it, no webhook call
// requires it, and Config.API.PlatformCertificate switches it on.

// openBody decrypts {"encryptedRequest": JWE}. Other bodies are taken as they are.
func (s *Sandbox) openBody(body []byte) ([]byte, error) {
	var sealed struct {
		Text *string `json:"encryptedRequest"`
	}
	if s.cfg.API.PlatformCertificate == nil || json.Unmarshal(body, &sealed) != nil || sealed.Text == nil {
		return body, nil //nolint:nilerr // what is no such object is for the handler to judge
	}
	opened, err := cybs.DecryptNotification(body, cybs.MLEKeys{Keys: []cybs.MLEKey{{Certificate: s.cfg.API.PlatformCertificate}}})
	if err != nil {
		return nil, s.badRequest("The encrypted request could not be decrypted.", fieldError{"encryptedRequest", reasonInvalid})
	}
	return opened.Plain, nil
}

// responseCertificate finds the certificate that the claim v-c-response-mle-kid
// names, among those of the organization's P12 files and those it stored. Nil: the
// answer stays plain.
func (s *Sandbox) responseCertificate(owner, keyID string) *x509.Certificate {
	if s.cfg.API.PlatformCertificate == nil || keyID == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.orgs[owner]; o != nil {
		for _, c := range o.Certificates {
			if c.Subject.SerialNumber == keyID {
				return c
			}
		}
	}
	for _, c := range s.certs[owner] {
		if c.ID == keyID || c.Certificate.Subject.SerialNumber == keyID {
			return c.Certificate
		}
	}
	return nil
}

// sealAnswer runs a handler and encrypts what it answers, errors too.
func (s *Sandbox) sealAnswer(w http.ResponseWriter, to *x509.Certificate, keyID string, run func(http.ResponseWriter)) {
	plain := &heldAnswer{header: w.Header(), status: http.StatusOK}
	run(plain)
	if plain.body.Len() == 0 {
		w.WriteHeader(plain.status)
		return
	}
	jwe, err := cybs.EncryptMLE(to, keyID, plain.body.Bytes(), s.cfg.Now())
	if err != nil {
		s.answer(w, err)
		return
	}
	writeJSON(w, plain.status, map[string]string{"encryptedResponse": jwe})
}

// heldAnswer keeps an answer back. Its header is that of the answer to come.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) Header() http.Header         { return h.header }
func (h *heldAnswer) WriteHeader(status int)      { h.status = status }
func (h *heldAnswer) Write(b []byte) (int, error) { return h.body.Write(b) }
