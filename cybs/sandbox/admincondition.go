package sandbox

import (
	_ "embed"
	"encoding/pem"
	"net/http"
	"time"
)

// openAPI is what openapi.md tells of.
//
//go:embed openapi.json
var openAPI []byte

func adminOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPI) // the client may have gone
}

// conditionBody is a Condition with durations as text.
type conditionBody struct {
	Trouble    Trouble `json:"trouble"`
	StatusCode int     `json:"statusCode,omitempty"`
	RetryAfter string  `json:"retryAfter,omitempty"`
	Delay      string  `json:"delay,omitempty"`
	Requests   int     `json:"requests,omitempty"`
}

func (s *Sandbox) adminShowCondition(w http.ResponseWriter, _ *http.Request) {
	c := s.Condition()
	body := conditionBody{Trouble: c.Trouble, Requests: c.Requests}
	switch c.Trouble {
	case TroubleServerError, TroubleThrottled:
		body.RetryAfter = c.RetryAfter.String()
		if c.Trouble == TroubleServerError {
			body.StatusCode = c.StatusCode
		}
	case TroubleSlow:
		body.Delay = c.Delay.String()
	case TroubleNone, TroubleOutage:
	}
	writeJSON(w, http.StatusOK, body)
}

func (s *Sandbox) adminSetCondition(w http.ResponseWriter, r *http.Request) {
	var body conditionBody
	if !readAdmin(w, r, &body) {
		return
	}
	c := Condition{Trouble: body.Trouble, StatusCode: body.StatusCode, Requests: body.Requests}
	for _, d := range []struct {
		name, text string
		to         *time.Duration
	}{{"retryAfter", body.RetryAfter, &c.RetryAfter}, {"delay", body.Delay, &c.Delay}} {
		if d.text == "" {
			continue
		}
		var err error
		if *d.to, err = time.ParseDuration(d.text); err != nil {
			adminError(w, http.StatusBadRequest, d.name+` must be a duration like "5s"`)
			return
		}
	}
	if err := s.SetCondition(c); err != nil {
		adminError(w, http.StatusBadRequest, err.Error())
		return
	}
	s.adminShowCondition(w, r)
}

// adminCertificates hands out what a receiver may want to trust: the certificate
// of client assertions, and the one shown to receivers with its chain.
func (s *Sandbox) adminCertificates(w http.ResponseWriter, _ *http.Request) {
	assertion, err := s.AssertionCertificate()
	if err != nil {
		adminError(w, http.StatusInternalServerError, err.Error())
		return
	}
	encode := func(ders ...[]byte) string {
		var text []byte
		for _, der := range ders {
			text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
		}
		return string(text)
	}
	answer := struct {
		Assertion string `json:"assertion"`
		Client    string `json:"client,omitempty"`
	}{Assertion: encode(assertion.Raw)}
	if c := s.cfg.ClientCertificate; c != nil {
		answer.Client = encode(c.Certificate...)
	}
	writeJSON(w, http.StatusOK, answer)
}
