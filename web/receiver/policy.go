package receiver

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/mask"
	"github.com/switchboardhq/switchboard/web/forwarded"
)

// Reasons for which a delivery is rejected before its signature is looked at, in the order in which they are judged.
const (
	ReasonSourceNotAllowed         = "source_not_allowed"
	ReasonClientCertificateMissing = "client_certificate_missing"
	ReasonClientCertificateInvalid = "client_certificate_invalid"
	ReasonTokenMissing             = "token_missing"
	// ReasonTokenInvalid: nobody whose tokens count has issued it, or not for us.
	ReasonTokenInvalid = "token_invalid"
	ReasonTokenExpired = "token_expired"
	// ReasonTokenRevoked: it is ours, and its client has been retired since.
	ReasonTokenRevoked = "token_revoked"
	// ReasonTokenForeign: it is ours, and was issued for another organization or subscription.
	ReasonTokenForeign = "token_foreign"
)

// rejection is why something is refused: one of the reasons, and what was expected and received in words that give nothing secret away. The
// zero rejection refuses nothing.
type rejection struct{ reason, detail string }

// demand is what a token and a body must be like.
type demand struct {
	security  string
	tokens    store.TokenPolicy
	encrypted bool
}

// demands returns what an endpoint asks for, one of which must be met: what its subscription has now, and for a while what it
// had before, or is about to have.
func (e *endpoint) demands(now time.Time) []demand {
	list := []demand{{e.SecurityType, e.Policy.Tokens, e.Policy.Encrypted}}
	if f := e.Policy.Former; f != nil && now.Before(f.Until) {
		list = append(list, demand{f.SecurityType, f.Tokens, f.Encrypted})
	}
	return list
}

// demandsToken reports whether nothing is accepted without a token.
func (e *endpoint) demandsToken(now time.Time) bool {
	return e.SecurityType != store.SecurityKey && !slices.ContainsFunc(e.demands(now), func(d demand) bool { return d.security == store.SecurityKey })
}

// demandsEncryption reports whether nothing is accepted in clear text.
func (e *endpoint) demandsEncryption(now time.Time) bool {
	return e.Policy.Encrypted && !slices.ContainsFunc(e.demands(now), func(d demand) bool { return !d.encrypted })
}

// rejectedStatus is what a rejected delivery is answered that is kept.
func (e *endpoint) rejectedStatus() int {
	if e.Policy.Holds() {
		return http.StatusOK
	}
	return http.StatusUnauthorized
}

// admit judges what a delivery shows besides its body. An error means that nobody can judge now.
func (r *Receiver) admit(req *http.Request, came arrival) (rejection, error) {
	e, now := came.endpoint, came.at
	if refused := r.admitSource(came.from, e); refused.reason != "" {
		return refused, nil
	}
	if refused := r.admitCertificate(req, e, now); refused.reason != "" {
		return refused, nil
	}
	return r.admitToken(req.Context(), req.Header, e, now)
}

// admitSource looks at the address alone. The server's list is a ceiling: an endpoint's own narrows it, and opens nothing. A list that is empty lets
// everybody in.
func (r *Receiver) admitSource(from forwarded.Source, e *endpoint) rejection {
	for _, list := range [...]struct {
		whose   string
		counts  bool
		allowed []netip.Prefix
	}{
		{"of the server (RECEIVER_ALLOW)", len(r.cfg.Allow) > 0, r.cfg.Allow},
		{"of this endpoint", len(e.Policy.Sources) > 0, e.sources},
	} {
		if list.counts && !contains(list.allowed, from.Addr) {
			return rejection{ReasonSourceNotAllowed, fmt.Sprintf("It came from %s. Allowed by the list %s: %s.", sourceText(from), list.whose, listed(list.allowed))}
		}
	}
	return rejection{}
}

// sourceText names where a delivery came from, and what could not be read about it.
func sourceText(from forwarded.Source) string {
	switch {
	case !from.Addr.IsValid():
		return "an address that cannot be told"
	case from.Unread != "":
		return fmt.Sprintf("%s, a trusted proxy whose %s says %q, which is no address", from.Addr, forwarded.Header, short(string(mask.Text([]byte(from.Unread)).Text)))
	case from.Other:
		return fmt.Sprintf("%s, a trusted proxy that sends Forwarded and no %s, which alone is read", from.Addr, forwarded.Header)
	}
	return from.Addr.String()
}

// admitAgain judges by today's policy what was kept of how a delivery came. kept is false where today's policy asks for something that nobody
// looked at then, and of which nothing is kept: a certificate, or a token.
func (r *Receiver) admitAgain(d store.Delivery, e *endpoint) (refused rejection, kept bool) {
	if refused = r.admitSource(forwarded.Source{Addr: d.Source}, e); refused.reason != "" {
		return refused, true
	}
	certificate, token := false, false // what it had not passed then
	if d.ReceivedAt.Before(e.ChangedAt) {
		certificate, token = true, true // perhaps nobody had asked for them yet
	}
	switch d.Reason {
	case ReasonSourceNotAllowed, ReasonClientCertificateMissing, ReasonClientCertificateInvalid:
		certificate, token = true, true
	case ReasonTokenMissing, ReasonTokenInvalid, ReasonTokenExpired, ReasonTokenRevoked, ReasonTokenForeign:
		token = true
	}
	return rejection{}, (!certificate || !e.Policy.ClientCertificate) && (!token || !e.demandsToken(r.now()))
}

func contains(networks []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// listed names the first few networks.
func listed(networks []netip.Prefix) string {
	const most = 8
	if len(networks) == 0 {
		return "nobody"
	}
	names := make([]string, 0, most)
	for i, p := range networks {
		if i == most {
			return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), len(networks)-most)
		}
		if p.IsSingleIP() {
			names = append(names, p.Addr().String())
		} else {
			names = append(names, p.String())
		}
	}
	return strings.Join(names, ", ")
}

// ParseSources reads addresses, networks and the word cybersource, which stands for Cybersource's published addresses. store.ErrInvalid.
func ParseSources(words []string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, word := range words {
		word = strings.TrimSpace(word)
		texts := []string{word}
		switch {
		case word == "":
			continue
		case strings.EqualFold(word, store.SourceCybersource):
			texts = cybs.DeliverySources()
		}
		for _, text := range texts {
			prefix, err := store.ParseSource(text)
			if err != nil {
				return nil, err
			}
			list = append(list, prefix)
		}
	}
	return list, nil
}

// admitCertificate verifies the client certificate of an endpoint that demands one. The connection proved already that its sender has
// the private key.
func (r *Receiver) admitCertificate(req *http.Request, e *endpoint, now time.Time) rejection {
	if !e.Policy.ClientCertificate {
		return rejection{}
	}
	var authorities *x509.CertPool
	if r.tls != nil {
		authorities = r.tls.authorities()
	}
	switch {
	case authorities == nil:
		return rejection{ReasonClientCertificateMissing, "This endpoint demands a client certificate, but the server has no authorities to check one against: RECEIVER_TLS_CERT and RECEIVER_CLIENT_CA must be set."}
	case req.TLS == nil || len(req.TLS.PeerCertificates) == 0:
		return rejection{ReasonClientCertificateMissing, "The connection came without a client certificate. This endpoint demands one that an authority in RECEIVER_CLIENT_CA has signed."}
	}
	leaf := req.TLS.PeerCertificates[0]
	if err := verifyClient(req.TLS.PeerCertificates, authorities, now); err != nil {
		return rejection{ReasonClientCertificateInvalid, fmt.Sprintf("The client certificate of %q, issued by %q, valid from %s to %s, was not accepted: %v.",
			short(leaf.Subject.String()), short(leaf.Issuer.String()), instant(leaf.NotBefore), instant(leaf.NotAfter), err)}
	}
	return rejection{}
}

// short cuts a stranger's text for a sentence.
func short(s string) string {
	const most = 120
	s = withoutCards(s)
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// admitToken checks the bearer token of an endpoint with OAuth.
func (r *Receiver) admitToken(ctx context.Context, h http.Header, e *endpoint, now time.Time) (rejection, error) {
	if !e.demandsToken(now) {
		return rejection{}, nil
	}
	demands := e.demands(now)
	token, refused := bearer(h)
	if refused.reason != "" {
		return refused, nil
	}
	var first rejection
	for i, d := range demands {
		refused, err := r.judgeToken(ctx, token, e, d, now)
		if err != nil || refused.reason == "" {
			return refused, err
		}
		if i == 0 {
			first = refused
		}
	}
	return first, nil
}

func (r *Receiver) judgeToken(ctx context.Context, token string, e *endpoint, d demand, now time.Time) (rejection, error) {
	if d.tokens.External() {
		return r.issuers.judge(ctx, token, d.tokens, now)
	}
	return r.judgeOwnToken(ctx, token, e, now)
}

// bearer takes the one token out of the headers.
func bearer(h http.Header) (string, rejection) {
	const want = "Expected Authorization: Bearer and a token."
	lines := h.Values("Authorization")
	if len(lines) == 0 {
		return "", rejection{ReasonTokenMissing, "The request has no Authorization header. " + want}
	}
	for _, line := range lines {
		if line != lines[0] {
			return "", rejection{ReasonTokenInvalid, fmt.Sprintf("The Authorization header came %d times, with different values.", len(lines))}
		}
	}
	scheme, token, _ := strings.Cut(strings.TrimSpace(lines[0]), " ")
	token = strings.TrimSpace(token)
	switch {
	case !strings.EqualFold(scheme, "Bearer"):
		// What stands there may be a credential without its scheme: only known words are repeated.
		return "", rejection{ReasonTokenMissing, fmt.Sprintf("The Authorization header has %s. %s", schemeWord(scheme), want)}
	case token == "":
		return "", rejection{ReasonTokenMissing, "The Authorization header says Bearer and has no token."}
	}
	return token, rejection{}
}

func schemeWord(scheme string) string {
	for _, known := range [...]string{"Basic", "Digest", "Negotiate"} {
		if strings.EqualFold(scheme, known) {
			return "the scheme " + known
		}
	}
	return "another scheme"
}
