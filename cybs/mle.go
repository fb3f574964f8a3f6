package cybs

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // RSA-OAEP is defined with it, and it is only accepted on request
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Why an encrypted text could not be opened; errors.Is finds exactly one of them in what DecryptNotification and
// DecryptResponse return.
var (
	// ErrNotEncrypted means: there is no compact JWE in the body.
	ErrNotEncrypted = errors.New("body is not encrypted")
	// ErrJWEMalformed means: there is one, but its parts are not what the standard wants.
	ErrJWEMalformed = errors.New("JWE is malformed")
	// ErrMLEAlgorithm means: it is encrypted by an algorithm that is not accepted.
	ErrMLEAlgorithm = errors.New("encryption algorithm is not accepted")
	// ErrMLEKeyUnknown means: it names a key that is not among those given, and none of these opens it.
	ErrMLEKeyUnknown = errors.New("encryption key is unknown")
	// ErrMLEWrongKey means: the key that it names, or with no name any of those given, does not unwrap the content key
	// ("padding error"). The certificate at Cybersource then belongs to another private key.
	ErrMLEWrongKey = errors.New("private key does not fit")
	// ErrMLETampered means: the key fits, but text or header were changed on the way (the tag does not match).
	ErrMLETampered = errors.New("encrypted text was changed")
	// ErrMLENested means: what was encrypted is itself a signed or encrypted token, which is not opened further.
	ErrMLENested = errors.New("encrypted text holds another token")
)

const (
	maxJWEHeader = 8 << 10 // bytes of base64; a real one has about 150
	maxMLETries  = 16      // keys that are tried on one text, each costing one RSA operation
	gcmTagSize   = 16
	gcmNonceSize = 12
)

// The algorithms, as a JWE names them.
const (
	algOAEP256 = "RSA-OAEP-256"
	algOAEP    = "RSA-OAEP"
	encA256GCM = "A256GCM"
	encA128GCM = "A128GCM"
)

// JWEHeader is what the protected header of an encrypted text says. The texts are whoever's who sent it, and cleaned.
type JWEHeader struct {
	Algorithm   string // alg
	Encryption  string // enc
	KeyID       string // kid, empty when absent
	ContentType string // cty: JWT, though what is inside is JSON
	IssuedAt    time.Time
}

// jwe is a parsed compact JWE.
type jwe struct {
	header                            JWEHeader
	aad, wrappedKey, nonce, text, tag []byte
}

// parseJWE decodes the five parts and the header.
func parseJWE(compact []byte) (jwe, error) {
	var j jwe
	parts := bytes.Split(compact, []byte("."))
	if len(parts) != 5 || len(parts[0]) > maxJWEHeader {
		return j, fmt.Errorf("%w: it has %d parts", ErrJWEMalformed, len(parts))
	}
	j.aad = parts[0]
	header, err := base64.RawURLEncoding.Strict().DecodeString(string(parts[0]))
	if err != nil {
		return j, fmt.Errorf("%w: its header is not base64url", ErrJWEMalformed)
	}
	if err := j.readHeader(header); err != nil {
		return j, err
	}
	for i, part := range [...]struct {
		name string
		to   *[]byte
		size int // 0 for any
	}{{"encrypted key", &j.wrappedKey, 0}, {"initialisation vector", &j.nonce, gcmNonceSize}, {"text", &j.text, 0}, {"tag", &j.tag, gcmTagSize}} {
		if *part.to, err = base64.RawURLEncoding.Strict().DecodeString(string(parts[i+1])); err != nil {
			return j, fmt.Errorf("%w: its %s is not base64url", ErrJWEMalformed, part.name)
		}
		if n := len(*part.to); part.size > 0 && n != part.size {
			return j, fmt.Errorf("%w: its %s has %d bytes", ErrJWEMalformed, part.name, n)
		}
	}
	return j, nil
}

func (j *jwe) readHeader(text []byte) error {
	var h struct {
		Algorithm   looseStr        `json:"alg"`
		Encryption  looseStr        `json:"enc"`
		KeyID       looseStr        `json:"kid"`
		ContentType looseStr        `json:"cty"`
		IssuedAt    looseStr        `json:"iat"`
		Compression looseStr        `json:"zip"`
		Critical    json.RawMessage `json:"crit"`
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return fmt.Errorf("%w: its header is not the JSON of one", ErrJWEMalformed)
	}
	clean := func(s looseStr) string { return cleanText(string(s), maxKeyID) }
	j.header = JWEHeader{
		Algorithm: clean(h.Algorithm), Encryption: clean(h.Encryption), KeyID: clean(h.KeyID), ContentType: clean(h.ContentType),
	}
	if seconds, err := strconv.ParseInt(string(h.IssuedAt), 10, 64); err == nil && seconds > 0 && seconds <= maxSignatureTime/1000 {
		j.header.IssuedAt = time.Unix(seconds, 0).UTC()
	}
	if h.Compression != "" || h.Critical != nil {
		return fmt.Errorf("%w: zip and crit are not", ErrMLEAlgorithm)
	}
	return nil
}

// mleRules say what is accepted beyond RSA-OAEP-256 with A256GCM.
type mleRules struct{ oaep, a128 bool }

// primitives returns the hash of the key wrapping and the size of the content key.
func (r mleRules) primitives(h JWEHeader) (func() hash.Hash, int, error) {
	var digest func() hash.Hash
	switch {
	case h.Algorithm == algOAEP256:
		digest = sha256.New
	case h.Algorithm == algOAEP && r.oaep:
		digest = sha1.New
	default:
		return nil, 0, fmt.Errorf("%w: alg is %q", ErrMLEAlgorithm, h.Algorithm)
	}
	switch {
	case h.Encryption == encA256GCM:
		return digest, 32, nil
	case h.Encryption == encA128GCM && r.a128:
		return digest, 16, nil
	}
	return nil, 0, fmt.Errorf("%w: enc is %q", ErrMLEAlgorithm, h.Encryption)
}

// open decrypts with one of the keys and says with which.
func (j jwe) open(keys []MLEKey, rules mleRules) ([]byte, *MLEKey, error) {
	digest, size, err := rules.primitives(j.header)
	if err != nil {
		return nil, nil, err
	}
	named, rest := sortMLEKeys(keys, j.header.KeyID)
	for i, key := range append(named, rest...) {
		if i == maxMLETries {
			break
		}
		contentKey, err := rsa.DecryptOAEP(digest(), nil, key.Certificate.key, j.wrappedKey, nil)
		if err != nil || len(contentKey) != size {
			continue
		}
		plain, err := j.unseal(contentKey)
		if err != nil {
			return nil, &key, ErrMLETampered
		}
		return plain, &key, nil
	}
	if len(named) == 0 && (j.header.KeyID != "" || len(keys) == 0) {
		return nil, nil, fmt.Errorf("%w: %q", ErrMLEKeyUnknown, j.header.KeyID)
	}
	return nil, nil, ErrMLEWrongKey
}

// unseal decrypts the text; the header is authenticated with it.
func (j jwe) unseal(contentKey []byte) ([]byte, error) {
	block, err := aes.NewCipher(contentKey)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	sealed := append(bytes.Clone(j.text), j.tag...)
	plain, err := gcm.Open(sealed[:0], j.nonce, sealed, j.aad)
	if plain == nil && err == nil {
		plain = []byte{}
	}
	return plain, err
}

// isToken reports whether text is a compact JWS or JWE.
func isToken(text []byte) bool {
	text = bytes.TrimSpace(text)
	dots := bytes.Count(text, []byte("."))
	return bytes.HasPrefix(text, []byte("eyJ")) && (dots == 2 || dots == 4) && !bytes.ContainsAny(text, "{}\" \n")
}

// EncryptMLE encrypts plain to a certificate, as Cybersource does with notifications and its SDKs do with requests:
// a compact JWE by RSA-OAEP-256 and A256GCM whose header has cty JWT, the key id and the time. An empty keyID sends
// none.
func EncryptMLE(certificate *x509.Certificate, keyID string, plain []byte, now time.Time) (string, error) {
	public, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		return "", fmt.Errorf("encrypt: the certificate has a %T, want RSA", certificate.PublicKey)
	}
	options := (&jose.EncrypterOptions{}).WithContentType("JWT").WithHeader("iat", now.Unix())
	encrypter, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.RSA_OAEP_256, Key: public, KeyID: keyID}, options)
	if err != nil {
		return "", fmt.Errorf("encrypt: %w", err)
	}
	object, err := encrypter.Encrypt(plain)
	if err != nil {
		return "", fmt.Errorf("encrypt: %w", err)
	}
	compact, err := object.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("encrypt: %w", err)
	}
	return compact, nil
}

// randomSerial makes the serial number of a certificate.
func randomSerial() []byte {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	b[0] &= 0x7f
	return b[:]
}
