package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
)

// SealingKey is a 32-byte master key. It never prints.
type SealingKey struct{ bytes [32]byte }

// ParseSealingKey reads a key of 32 bytes in standard base64.
func ParseSealingKey(text string) (SealingKey, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return SealingKey{}, errors.New("encryption key is not standard base64")
	}
	if len(raw) != 32 {
		return SealingKey{}, fmt.Errorf("encryption key has %d bytes, wanted 32", len(raw))
	}
	var k SealingKey
	copy(k.bytes[:], raw)
	return k, nil
}

// String hides the key.
func (SealingKey) String() string { return redacted }

// GoString hides the key.
func (SealingKey) GoString() string { return redacted }

// LogValue hides the key.
func (SealingKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON hides the key.
func (SealingKey) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// ErrSealBroken means that sealed bytes cannot be opened: a byte changed, they were moved to another place, or their key is gone.
var ErrSealBroken = errors.New("sealed value cannot be opened")

// Sealer seals values at rest with AES-256-GCM. Each purpose has a key of its own, derived with HKDF (RFC 5869) from the newest master
// key; the older ones only open. The place a value is stored at is authenticated with it, so that a moved value does not open.
type Sealer struct {
	newest string
	order  []string // ids of the keys, newest first
	keys   map[string]SealingKey
	aeads  map[string]cipher.AEAD
	// tokenKeys are derived like the others, newest first.
	tokenKeys []Secret
}

const (
	sealVersion  = 1
	keyIDBytes   = 8
	sealOverhead = 1 + keyIDBytes
)

// Purposes of sealed values. They separate the keys: a body cannot be passed off as a credential.
const (
	sealBodies      = "deliveries.body"
	sealCredentials = "organizations.secret"
	sealSignature   = "signature_keys.key"
	sealMLE         = "mle_keys.private_key"
	sealForms       = "kept_forms.content"
)

// tokenPurpose separates the keys that sign tokens from those that seal.
const tokenPurpose = "oauth.token" //nolint:gosec // G101: what a key is for, not the key

// NewSealer takes the master keys, newest first.
func NewSealer(keys ...SealingKey) (*Sealer, error) {
	if len(keys) == 0 {
		return nil, errors.New("make sealer: no encryption key given")
	}
	s := &Sealer{keys: make(map[string]SealingKey, len(keys)), aeads: make(map[string]cipher.AEAD)}
	for i, k := range keys {
		sum := sha256.Sum256(append([]byte("switchboard key id\x00"), k.bytes[:]...))
		id := string(sum[:keyIDBytes])
		if i == 0 {
			s.newest = id
		}
		if _, twice := s.keys[id]; twice {
			continue
		}
		s.keys[id] = k
		s.order = append(s.order, id)
		for _, purpose := range []string{sealBodies, sealCredentials, sealSignature, sealMLE, sealForms} {
			aead, err := deriveAEAD(k, purpose)
			if err != nil {
				return nil, err
			}
			s.aeads[id+purpose] = aead
		}
		tokenKey, err := deriveKey(k, tokenPurpose)
		if err != nil {
			return nil, err
		}
		s.tokenKeys = append(s.tokenKeys, tokenKey)
	}
	return s, nil
}

func deriveKey(k SealingKey, purpose string) ([]byte, error) {
	derived, err := hkdf.Key(sha256.New, k.bytes[:], nil, "switchboard:"+purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("derive key for %s: %w", purpose, err)
	}
	return derived, nil
}

func deriveAEAD(k SealingKey, purpose string) (cipher.AEAD, error) {
	derived, err := deriveKey(k, purpose)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("derive key for %s: %w", purpose, err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("derive key for %s: %w", purpose, err)
	}
	return aead, nil
}

// ids returns the ids of the keys, newest first.
func (s *Sealer) ids() [][]byte {
	list := make([][]byte, len(s.order))
	for i, id := range s.order {
		list[i] = []byte(id)
	}
	return list
}

// knows reports whether a key of that hexadecimal id is configured.
func (s *Sealer) knows(keyID string) bool {
	raw, err := hex.DecodeString(keyID)
	_, ok := s.keys[string(raw)]
	return err == nil && ok
}

// isCurrent reports whether a value, or its head, is sealed with the newest key.
func (s *Sealer) isCurrent(sealed []byte) bool {
	return len(sealed) >= sealOverhead && sealed[0] == sealVersion && string(sealed[1:sealOverhead]) == s.newest
}

// seal returns version, key id, nonce and ciphertext in one piece. place is where the value will be stored, e.g. its row id.
func (s *Sealer) seal(purpose, place string, plain []byte) []byte {
	aead := s.aeads[s.newest+purpose]
	out := make([]byte, sealOverhead, sealOverhead+len(plain)+aead.Overhead())
	out[0] = sealVersion
	copy(out[1:], s.newest)
	return aead.Seal(out, nil, plain, []byte(place)) //nolint:gosec // G407: the AEAD of cipher.NewGCMWithRandomNonce takes no nonce, it makes one
}

// open undoes seal. Every failure is ErrSealBroken.
func (s *Sealer) open(purpose, place string, sealed []byte) ([]byte, error) {
	if len(sealed) < sealOverhead || sealed[0] != sealVersion {
		return nil, fmt.Errorf("open %s: unknown form: %w", purpose, ErrSealBroken)
	}
	aead, ok := s.aeads[string(sealed[1:sealOverhead])+purpose]
	if !ok {
		return nil, fmt.Errorf("open %s: its encryption key is not among those configured: %w", purpose, ErrSealBroken)
	}
	plain, err := aead.Open(nil, nil, sealed[sealOverhead:], []byte(place))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", purpose, ErrSealBroken)
	}
	return plain, nil
}
