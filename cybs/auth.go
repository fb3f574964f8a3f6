package cybs

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"time"
)

// authenticator adds what proves the caller's identity to a request that is otherwise complete. Its implementations
// keep secrets in functions, which package fmt cannot look into.
type authenticator interface {
	// authenticate signs the request for host at now. Body is what the request will send, nil for none.
	authenticate(req *http.Request, body []byte, host string, now time.Time) error
}

// newAuthenticator makes the authenticator of a scheme. A token asks for an encrypted answer where responseMLEKeyID is
// not empty.
func newAuthenticator(c Credentials, responseMLEKeyID string, newID func() string) (authenticator, error) {
	switch c.Scheme {
	case HTTPSignature:
		if err := checkSharedSecret(c); err != nil {
			return nil, err
		}
		return newHTTPSignature(c), nil
	case JWTSharedSecret, "", JWTP12:
		check, build := checkSharedSecret, newSharedSecretJWT
		if c.Scheme == JWTP12 {
			check, build = checkCertificate, newP12JWT
		}
		if err := check(c); err != nil {
			return nil, err
		}
		a, err := build(c)
		if err != nil {
			return nil, err
		}
		a.responseMLEKeyID, a.newID = responseMLEKeyID, newID
		return a, nil
	case JWTP12V1:
		if err := checkCertificate(c); err != nil {
			return nil, err
		}
		a, err := newJWTv1(c)
		if err != nil {
			return nil, err
		}
		a.responseMLEKeyID = responseMLEKeyID
		return a, nil
	}
	return nil, fmt.Errorf("authentication scheme %q is unknown", c.Scheme)
}

// checkSharedSecret reports all that is missing together.
func checkSharedSecret(c Credentials) error {
	var v ValidationError
	if c.merchant() == "" {
		v.add("merchant id", "is missing")
	}
	if c.KeyID == "" {
		v.add("key id", "is missing")
	}
	if len(c.Secret) == 0 {
		v.add("shared secret", "is missing")
	}
	if len(v.Fields) > 0 {
		return &v
	}
	return nil
}

// checkCertificate reports all that is missing together.
func checkCertificate(c Credentials) error {
	var v ValidationError
	if c.merchant() == "" {
		v.add("merchant id", "is missing")
	}
	switch {
	case c.Certificate == nil:
		v.add("certificate", "is missing")
	case c.Scheme == JWTP12 && c.KeyID == "" && c.Certificate.KeyID() == "":
		v.add("key id", "is missing, and the certificate's subject has no serialNumber")
	}
	if len(v.Fields) > 0 {
		return &v
	}
	return nil
}

// DigestPrefix precedes the hash in a digest header; the digest claim of a token goes without it.
const DigestPrefix = "SHA-256="

// Digest returns the value of the digest header for a body: DigestPrefix and the base64 of its SHA-256.
func Digest(body []byte) string {
	sum := sha256.Sum256(body)
	return DigestPrefix + base64.StdEncoding.EncodeToString(sum[:])
}

// HasDigest reports whether requests of that method carry a digest: those that can have a body, even when it is empty.
func HasDigest(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}
