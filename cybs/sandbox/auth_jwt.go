package sandbox

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/switchboardhq/switchboard/cybs"
)

// maxTokenLife is the longest exp - iat of a version 2 token.
const maxTokenLife = cybs.TokenLife

// A key id belongs either to a shared secret or to a certificate, and each
// admits its own algorithms only: a certificate must not serve as an HMAC key.
func secretAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512}
}

func certificateAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512}
}

// tokenHeader is the part of the JOSE header that says which key to try.
type tokenHeader struct {
	KeyID      string   `json:"kid"`
	MerchantID string   `json:"v-c-merchant-id"`
	X5C        []string `json:"x5c"`
}

// tokenClaims are the claims of both versions. iat is a number in version 2 and
// an HTTP date in version 1.
type tokenClaims struct {
	Digest          *string         `json:"digest"`
	DigestAlgorithm string          `json:"digestAlgorithm"`
	DigestAlgDashed string          `json:"digest-algorithm"`
	IssuedAt        json.RawMessage `json:"iat"`
	Expires         *json.Number    `json:"exp"`
	Host            string          `json:"request-host"`
	Method          string          `json:"request-method"`
	Path            string          `json:"request-resource-path"`
	Issuer          string          `json:"iss"`
	ID              string          `json:"jti"`
	Version         string          `json:"v-c-jwt-version"`
	MerchantID      string          `json:"v-c-merchant-id"`
	AnswerKeyID     string          `json:"v-c-response-mle-kid"`
}

// token checks a JSON web token of version 2, or of version 1 when it carries
// its certificate in place of a key id.
func (a *authenticator) token(r authRequest, authorization string, now time.Time) (principal, error) {
	raw, ok := strings.CutPrefix(authorization, "Bearer ")
	if !ok {
		return principal{}, unauthenticated("authorization is not a bearer token")
	}
	head, err := readTokenHeader(raw)
	if err != nil {
		return principal{}, err
	}
	if head.KeyID == "" && len(head.X5C) > 0 {
		return a.tokenV1(r, raw, head, now)
	}
	var owner string
	var payload []byte
	if o, secret, found := a.creds.secret(head.KeyID); found {
		owner = o
		payload, err = openToken(raw, []byte(secret), secretAlgorithms())
	} else if o, cert, found := a.creds.certificate(head.KeyID); found {
		owner = o
		payload, err = openToken(raw, cert.PublicKey, certificateAlgorithms())
	} else {
		return principal{}, unauthenticated("unknown kid")
	}
	if err != nil {
		return principal{}, err
	}
	return a.claimsV2(r, owner, payload, now)
}

func readTokenHeader(raw string) (tokenHeader, error) {
	first, _, _ := strings.Cut(raw, ".")
	b, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		return tokenHeader{}, unauthenticated("token header is not base64url")
	}
	var head tokenHeader
	if err := json.Unmarshal(b, &head); err != nil {
		return tokenHeader{}, unauthenticated("token header is not JSON")
	}
	return head, nil
}

func openToken(raw string, key any, algorithms []jose.SignatureAlgorithm) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(raw, algorithms)
	if err != nil {
		return nil, unauthenticated("token does not parse: %v", err)
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return nil, unauthenticated("token signature mismatch")
	}
	return payload, nil
}

func readClaims(payload []byte) (tokenClaims, error) {
	var c tokenClaims
	if err := json.Unmarshal(payload, &c); err != nil {
		return c, unauthenticated("claims do not parse")
	}
	return c, nil
}

func (a *authenticator) claimsV2(r authRequest, owner string, payload []byte, now time.Time) (principal, error) {
	c, err := readClaims(payload)
	if err != nil {
		return principal{}, err
	}
	expires, err := a.checkLife(c, now)
	if err != nil {
		return principal{}, err
	}
	if err := a.checkDigestClaim(c, r.Body); err != nil {
		return principal{}, err
	}
	if err := a.checkBinding(c, r); err != nil {
		return principal{}, err
	}
	strict := !a.config.LenientClaims
	if (strict || c.Issuer != "") && !slices.Contains(a.creds.names(owner), c.Issuer) {
		return principal{}, unauthenticated("iss %q is not the owner of the key", c.Issuer)
	}
	merchantID := c.MerchantID
	if merchantID == "" && !strict {
		merchantID = a.creds.names(owner)[0]
	}
	if err := a.merchant(owner, merchantID); err != nil {
		return principal{}, err
	}
	if strict && c.ID == "" {
		return principal{}, unauthenticated("no jti")
	}
	return principal{Owner: owner, MerchantID: merchantID, tokenID: c.ID, tokenExpires: expires, answerKeyID: c.AnswerKeyID}, nil
}

// checkLife checks iat and exp and returns when the token can be forgotten.
func (a *authenticator) checkLife(c tokenClaims, now time.Time) (time.Time, error) {
	if a.config.LenientClaims && c.Expires == nil {
		return now.Add(a.config.ClockTolerance), nil
	}
	var iat json.Number
	if err := json.Unmarshal(c.IssuedAt, &iat); err != nil || c.Expires == nil {
		return time.Time{}, unauthenticated("iat or exp is missing")
	}
	from, err1 := iat.Int64()
	to, err2 := c.Expires.Int64()
	if err1 != nil || err2 != nil {
		return time.Time{}, unauthenticated("iat or exp is not a whole number")
	}
	issued, expires := time.Unix(from, 0), time.Unix(to, 0)
	switch life := expires.Sub(issued); {
	case life <= 0 || life > maxTokenLife:
		return time.Time{}, unauthenticated("token lives %s", life)
	case issued.After(now.Add(a.config.TokenLeeway)):
		return time.Time{}, unauthenticated("token is from the future")
	case expires.Before(now.Add(-a.config.TokenLeeway)):
		return time.Time{}, unauthenticated("token has expired")
	}
	return expires.Add(a.config.TokenLeeway), nil
}

func (a *authenticator) checkDigestClaim(c tokenClaims, body []byte) error {
	if c.Digest == nil {
		if len(body) > 0 {
			return unauthenticated("body without a digest claim")
		}
		return nil
	}
	algorithm := c.DigestAlgorithm
	if algorithm == "" {
		algorithm = c.DigestAlgDashed
	}
	if algorithm != "SHA-256" && (algorithm != "" || !a.config.LenientClaims) {
		return unauthenticated("digest algorithm %q", algorithm)
	}
	if !equal(cybs.DigestPrefix+*c.Digest, cybs.Digest(body)) {
		return unauthenticated("digest does not match the body")
	}
	return nil
}

// checkBinding checks that the token was made for this very request.
func (a *authenticator) checkBinding(c tokenClaims, r authRequest) error {
	strict := !a.config.LenientClaims
	path, _, _ := strings.Cut(r.Target, "?")
	switch {
	case (strict || c.Version != "") && c.Version != "2":
		return unauthenticated("v-c-jwt-version %q", c.Version)
	case (strict || c.Method != "") && !strings.EqualFold(c.Method, r.Method):
		return unauthenticated("token is for method %q", c.Method)
	case (strict || c.Path != "") && c.Path != r.Target && c.Path != path:
		return unauthenticated("token is for another path")
	case (strict || c.Host != "") && !strings.EqualFold(c.Host, r.Host) && !slices.Contains(a.config.Hosts, c.Host):
		return unauthenticated("token is for host %q", c.Host)
	}
	return nil
}

// tokenV1 checks the older form: bound to the body only, with the certificate
// inside, which must be the registered one to the byte.
func (a *authenticator) tokenV1(r authRequest, raw string, head tokenHeader, now time.Time) (principal, error) {
	der, err := base64.StdEncoding.DecodeString(head.X5C[0])
	if err != nil {
		return principal{}, unauthenticated("x5c is not base64")
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return principal{}, unauthenticated("x5c is not a certificate")
	}
	owner, known, ok := a.creds.certificate(cert.Subject.SerialNumber)
	if !ok || !bytes.Equal(known.Raw, der) {
		return principal{}, unauthenticated("certificate is not registered")
	}
	if err := a.merchant(owner, head.MerchantID); err != nil {
		return principal{}, err
	}
	payload, err := openToken(raw, known.PublicKey, certificateAlgorithms())
	if err != nil {
		return principal{}, err
	}
	c, err := readClaims(payload)
	if err != nil {
		return principal{}, err
	}
	var issued string
	if err := json.Unmarshal(c.IssuedAt, &issued); err != nil {
		return principal{}, unauthenticated("iat is not a date")
	}
	t, err := http.ParseTime(issued)
	if err != nil || !within(t, now, a.config.ClockTolerance) {
		return principal{}, unauthenticated("iat is no date near now")
	}
	if err := a.checkDigestClaim(c, r.Body); err != nil {
		return principal{}, err
	}
	return principal{Owner: owner, MerchantID: head.MerchantID, answerKeyID: c.AnswerKeyID}, nil
}
