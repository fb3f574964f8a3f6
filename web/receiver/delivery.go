package receiver

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/forwarded"
)

const (
	maxHeaders     = 100
	maxHeaderValue = 4 << 10
)

// delivery makes the row of a request. Its texts are clean: Postgres takes every one of them.
func (r *Receiver) delivery(req *http.Request, came arrival, body []byte, v verdict) *store.Delivery {
	e := came.endpoint
	d := &store.Delivery{
		ID: store.NewID(came.at), ReceivedAt: came.at, EndpointID: e.ID, SubscriptionID: e.SubscriptionID, OrganizationID: e.OrganizationID,
		Answered: http.StatusOK, Source: came.from.Addr, TLS: tlsFacts(req.TLS, v.certified(e)), Headers: keptHeaders(req), Body: body,
	}
	v.write(d, e)
	r.blank(d, v)
	r.metrics.blanked.Add(float64(d.Blanked))
	if v.verdict == store.Rejected {
		d.Answered = e.rejectedStatus()
	}
	return d
}

// certified reports whether the client certificate was verified: only an endpoint that demands one looks at it, after the source.
func (v verdict) certified(e *endpoint) bool {
	switch v.reason {
	case ReasonSourceNotAllowed, ReasonClientCertificateMissing, ReasonClientCertificateInvalid:
		return false
	}
	return e.Policy.ClientCertificate
}

// write puts what was found into the row. What the delivery says of itself is anybody's text: it has no card numbers then.
func (v verdict) write(d *store.Delivery, e *endpoint) {
	n := v.notification
	d.ProductID, d.EventType, d.WebhookID = withoutCards(n.ProductID), withoutCards(n.EventType), withoutCards(n.WebhookID)
	d.TraceID, d.RequestType, d.EventDate = withoutCards(n.TransactionTraceID), withoutCards(n.RequestType), withoutCards(n.EventDate)
	d.RetryNumber = n.RetryNumber
	d.Verdict, d.Reason, d.ReasonDetail, d.KeyID = v.verdict, v.reason, withoutCards(v.detail), withoutCards(v.verification.KeyID)
	d.Variant, d.EnvelopeSigned, d.SignedAt = string(v.verification.Variant), v.verification.EnvelopeSigned, v.verification.SignedAt
	if d.ProductID == "" {
		d.ProductID = productOf(e, "")
	}
}

// from is where the request came from: the last address that no trusted proxy vouches for.
func (r *Receiver) from(req *http.Request) forwarded.Source {
	return forwarded.Of(req, r.cfg.TrustedProxies)
}

// tlsFacts describes the connection. Anybody can show a certificate with any name: whether this one was verified belongs to the fact.
func tlsFacts(state *tls.ConnectionState, verified bool) string {
	if state == nil {
		return ""
	}
	facts := tls.VersionName(state.Version) + " " + tls.CipherSuiteName(state.CipherSuite)
	if len(state.PeerCertificates) > 0 {
		facts += ", client certificate of " + short(state.PeerCertificates[0].Subject.String())
		if !verified {
			facts += ", not verified"
		}
	}
	return facts
}

// keptHeaders returns the headers in order of their names, without credentials and card numbers.
func keptHeaders(req *http.Request) []store.Header {
	names := make([]string, 0, len(req.Header))
	for name := range req.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	headers := make([]store.Header, 0, len(names)+1)
	headers = append(headers, store.Header{"Host", withoutCards(req.Host)})
	for _, name := range names {
		for _, value := range req.Header[name] {
			if len(headers) == maxHeaders {
				return headers
			}
			if value, keep := keptValue(name, value); keep {
				headers = append(headers, store.Header{withoutCards(name), value})
			}
		}
	}
	return headers
}

// keptValue returns what is kept of a header line. Credentials are told apart by a digest, without their text.
func keptValue(name, value string) (string, bool) {
	switch lower := strings.ToLower(name); {
	case lower == "cookie":
		return "", false
	case lower == "authorization", lower == "proxy-authorization":
		scheme, credentials, both := strings.Cut(value, " ")
		if !both {
			return digest(value), true
		}
		return withoutCards(scheme) + " " + digest(credentials), true
	case strings.Contains(lower, "token"), strings.Contains(lower, "secret"), strings.Contains(lower, "password"), strings.Contains(lower, "api-key"), strings.Contains(lower, "apikey"):
		return digest(value), true
	case lower == "v-c-signature":
		return signatureLine(value), true
	}
	return withoutCards(value), true
}

func digest(credentials string) string {
	sum := sha256.Sum256([]byte(credentials))
	return "sha256:" + hex.EncodeToString(sum[:8])
}

// clean makes a text that Postgres takes and a page can show: valid UTF-8 without control characters, of bounded length.
func clean(s string) string {
	if len(s) > maxHeaderValue {
		s = s[:maxHeaderValue]
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.Map(func(c rune) rune {
		if c < ' ' && c != '\t' || c == 0x7f {
			return utf8.RuneError
		}
		return c
	}, s)
}
