package sandbox

import (
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

// authRequest is all that authentication may look at.
type authRequest struct {
	Method string
	// Target is the request target as on the wire: escaped path and query.
	Target string
	Host   string
	Header http.Header
	Body   []byte
}

// principal is who signed a request.
type principal struct {
	// Owner is the organization that owns the key.
	Owner string
	// MerchantID is the transacting merchant: the owner's, or with a meta key one
	// below it.
	MerchantID string
	// tokenID and tokenExpires let the caller refuse a token used twice; empty for
	// schemes without one.
	tokenID      string
	tokenExpires time.Time
	// answerKeyID names the certificate that answers shall be encrypted to.
	answerKeyID string
}

// credentials answers what is registered. The implementation is the state of
// the sandbox; vectors use a fixed one.
type credentials struct {
	// secret finds a shared secret and its owner.
	secret func(keyID string) (owner string, secret cybs.Secret, ok bool)
	// certificate finds a certificate by the serialNumber attribute of its subject.
	certificate func(kid string) (owner string, cert *x509.Certificate, ok bool)
	// names lists what an organization may call itself: merchant and organization id.
	names func(owner string) []string
	// mayActFor tells whether a merchant is the owner or below it.
	mayActFor func(owner, merchantID string) bool
}

// authenticator judges requests. It is a pure function of request, time and
// credentials, so that recorded requests can be put to it; tokens used twice
// are the affair of replayGuard.
//
// Where Cybersource's rules are not public these hold: the order of signed
// headers and of the signature's parameters is free; a digest that is sent must
// match, be signed, and is required with a body; v-c-date may stand for date;
// (request-target) is refused; dates beyond the tolerance are refused; the
// request-host of a token must be the Host of the request or one of Hosts; its
// resource path may lack the query.
type authenticator struct {
	config AuthConfig
	creds  credentials
}

// errUnauthenticated is the one answer; the wrapped reason is for the log.
var errUnauthenticated = errors.New("authentication failed")

func unauthenticated(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUnauthenticated, fmt.Sprintf(format, args...))
}

// authenticate returns who signed r, or an error that is errUnauthenticated.
func (a *authenticator) authenticate(r authRequest, now time.Time) (principal, error) {
	bearer, hasBearer := single(r.Header, "Authorization")
	signature, hasSignature := single(r.Header, "Signature")
	switch {
	case hasBearer && hasSignature:
		return principal{}, unauthenticated("both a token and a signature")
	case hasBearer:
		return a.token(r, bearer, now)
	case hasSignature:
		return a.httpSignature(r, signature, now)
	}
	return principal{}, unauthenticated("neither a token nor one signature header")
}

// single returns a header that is there exactly once.
func single(h http.Header, name string) (string, bool) {
	v := h.Values(name)
	if len(v) != 1 || v[0] == "" {
		return "", false
	}
	return v[0], true
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func within(t, now time.Time, tolerance time.Duration) bool {
	return t.Sub(now).Abs() <= tolerance
}

// merchant checks which merchant the request is for.
func (a *authenticator) merchant(owner, merchantID string) error {
	if slices.Contains(a.creds.names(owner), merchantID) || a.creds.mayActFor(owner, merchantID) {
		return nil
	}
	return unauthenticated("key of %q used for merchant %q", owner, merchantID)
}

// replayGuard refuses token ids that were seen before they expired.
type replayGuard struct {
	mu   sync.Mutex
	seen map[string]time.Time
}

// maxTokenIDs bounds the memory of replayGuard. Beyond it requests are refused:
// forgetting a token early would let it pass twice.
const maxTokenIDs = 100_000

// use notes a token id and reports whether it is fresh.
func (g *replayGuard) use(id string, expires, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, used := g.seen[id]; used {
		return false
	}
	if len(g.seen) >= maxTokenIDs/2 {
		for k, e := range g.seen {
			if e.Before(now) {
				delete(g.seen, k)
			}
		}
	}
	if len(g.seen) >= maxTokenIDs {
		return false
	}
	g.seen[id] = expires
	return true
}
