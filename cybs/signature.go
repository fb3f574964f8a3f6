package cybs

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"time"
)

// Variant names the bytes over which a v-c-signature was computed. Cybersource's documents do not settle it; each of
// these is used by receivers of Cybersource's own.
type Variant string

// The variants, in the order in which Verify tries them.
const (
	// VariantPayloadRaw covers the bytes of the payload member exactly as they stand in the body.
	VariantPayloadRaw Variant = "payload-raw"
	// VariantPayloadCompact covers the payload member without white space outside its strings.
	VariantPayloadCompact Variant = "payload-compact"
	// VariantBody covers the whole body as received.
	VariantBody Variant = "body"
	// VariantDecrypted covers the decrypted text of an encrypted notification.
	VariantDecrypted Variant = "decrypted"
)

// DefaultTolerance is how far the signing time may lie from now when VerifyInput says nothing.
const DefaultTolerance = 5 * time.Minute

// Why a signature was not accepted; errors.Is finds exactly one of them in what Verify returns.
var (
	ErrSignatureMissing   = errors.New("signature is missing")
	ErrSignatureMalformed = errors.New("signature is malformed")
	ErrKeyUnknown         = errors.New("signature key is unknown")
	ErrKeyEmpty           = errors.New("signature key is empty")
	ErrKeyExpired         = errors.New("signature key has expired")
	ErrKeyRetired         = errors.New("signature key has been retired")
	ErrTimestampTooOld    = errors.New("signature is too old")
	ErrTimestampTooNew    = errors.New("signature is from the future")
	ErrSignatureMismatch  = errors.New("signature does not match")
)

// Key is a digital signature key.
type Key struct {
	ID     string
	Secret Secret
	// ExpiresAt is the end of its validity; zero means it has none.
	ExpiresAt time.Time
	// RetiredAt is when its owner took it back: what arrives from then on is not accepted, whenever it says that it was signed. Zero means never.
	RetiredAt time.Time
}

// VerifyInput is what a verdict needs.
type VerifyInput struct {
	// Signature is the value of v-c-signature, empty when the header was absent.
	Signature string
	// Body is the body as received, before anything was done to it.
	Body []byte
	// Decrypted is the plain text of an encrypted body; nil when it was not encrypted, or is not decrypted yet.
	Decrypted []byte
	// LookupKey finds a key by the id in the signature. The organization's former keys must be found too, since
	// retries may still carry them.
	LookupKey func(keyID string) (Key, bool)
	// Now is the time of the receiver. The zero time makes every signature one from the future.
	Now time.Time
	// Tolerance is how far the signing time may be from Now in either direction; 0 or less means DefaultTolerance.
	Tolerance time.Duration
	// Pinned is tried first: the variant that matched for this product before. Empty means none.
	Pinned Variant
}

// Verification says what was found. When Verify returns an error it holds what could be read until then; a Variant
// together with an error means that the bytes are genuine, but the time or the key's age is not acceptable.
type Verification struct {
	KeyID    string
	Variant  Variant
	SignedAt time.Time
	// Skew is Now - SignedAt: positive for a signature of the past.
	Skew time.Duration
	// EnvelopeSigned is whether the signature covers event type, webhook id and the other members around the payload.
	// When false they are only claims of whoever delivered it.
	EnvelopeSigned bool
}

// Verify checks the signature of a delivery: HMAC-SHA256 over the signing time, a dot and the signed bytes, compared in
// constant time. The reasons it can return are the sentinels of this package, judged in this order: missing,
// malformed, unknown key, empty key, mismatch, retired key, too old or too new, expired key. The time is judged after the bytes,
// because before that it is only somebody's claim.
func Verify(in VerifyInput) (Verification, error) {
	var v Verification
	sig, err := ParseSignatureHeader(in.Signature)
	v.KeyID, v.SignedAt = sig.KeyID, sig.Timestamp
	if !sig.Timestamp.IsZero() {
		v.Skew = in.Now.Sub(sig.Timestamp)
	}
	if err != nil {
		return v, err
	}
	var key Key
	known := false
	if in.LookupKey != nil {
		key, known = in.LookupKey(sig.KeyID)
	}
	if !known {
		return v, ErrKeyUnknown
	}
	if len(key.Secret) == 0 {
		return v, ErrKeyEmpty
	}
	match, ok := findVariant(in, sig, newMAC(key.Secret, sig.time))
	if !ok {
		return v, ErrSignatureMismatch
	}
	v.Variant, v.EnvelopeSigned = match.variant, match.envelope
	return v, judgeTime(in, v, key)
}

// judgeTime refuses what is genuine but not of now.
func judgeTime(in VerifyInput, v Verification, key Key) error {
	tolerance := in.Tolerance
	if tolerance <= 0 {
		tolerance = DefaultTolerance
	}
	switch {
	case !key.RetiredAt.IsZero() && !in.Now.Before(key.RetiredAt):
		return fmt.Errorf("%w: on %s", ErrKeyRetired, key.RetiredAt.UTC().Format(time.DateOnly))
	case v.Skew > tolerance:
		return fmt.Errorf("%w: signed %s ago", ErrTimestampTooOld, v.Skew.Round(time.Second))
	case v.Skew < -tolerance:
		return fmt.Errorf("%w: signed %s ahead", ErrTimestampTooNew, -v.Skew.Round(time.Second))
	case !key.ExpiresAt.IsZero() && v.SignedAt.After(key.ExpiresAt):
		return fmt.Errorf("%w: on %s", ErrKeyExpired, key.ExpiresAt.UTC().Format(time.DateOnly))
	}
	return nil
}

// signedBytes computes signatures that share key and time.
type signedBytes struct {
	mac    hash.Hash
	prefix []byte
	sum    [sha256.Size]byte
}

func newMAC(secret Secret, timeText string) *signedBytes {
	prefix := make([]byte, 0, 24)
	prefix = append(append(prefix, timeText...), '.')
	return &signedBytes{mac: hmac.New(sha256.New, secret), prefix: prefix}
}

// newBareMAC signs without a time, as nobody should.
func newBareMAC(secret Secret) *signedBytes { return &signedBytes{mac: hmac.New(sha256.New, secret)} }

func equalMAC(a, b []byte) bool { return hmac.Equal(a, b) }

// of returns the signature of p; the slice is valid until the next call.
func (s *signedBytes) of(p []byte) []byte {
	s.mac.Reset()
	s.mac.Write(s.prefix)
	s.mac.Write(p)
	return s.mac.Sum(s.sum[:0])
}

// candidate is one reading of which bytes were signed.
type candidate struct {
	variant  Variant
	signed   []byte
	envelope bool
}

// findVariant tries the pinned variant first and the others after it.
func findVariant(in VerifyInput, sig SignatureHeader, mac *signedBytes) (candidate, bool) {
	order := [...]Variant{in.Pinned, VariantPayloadRaw, VariantPayloadCompact, VariantBody, VariantDecrypted}
	var payloads payloadBytes
	for i, variant := range order {
		if variant == "" || i > 0 && variant == in.Pinned {
			continue
		}
		for _, c := range payloads.candidates(in, variant) {
			if c.variant != "" && hmac.Equal(mac.of(c.signed), sig.MAC) {
				return c, true
			}
		}
	}
	return candidate{}, false
}

// payloadBytes finds the payload members of body and plain text, once.
type payloadBytes struct {
	scanned         bool
	body, decrypted []byte
}

func (p *payloadBytes) scan(in VerifyInput) {
	if p.scanned {
		return
	}
	p.scanned = true
	p.body = payloadMember(in.Body)
	if len(in.Decrypted) > 0 {
		p.decrypted = payloadMember(in.Decrypted)
	}
}

// candidates lists what variant can mean for this delivery; unused places have no variant.
func (p *payloadBytes) candidates(in VerifyInput, variant Variant) [2]candidate {
	var list [2]candidate
	switch variant {
	case VariantBody:
		list[0] = candidate{VariantBody, in.Body, true}
	case VariantDecrypted:
		if in.Decrypted != nil {
			list[0] = candidate{VariantDecrypted, in.Decrypted, isEnvelope(in.Decrypted)}
		}
	case VariantPayloadRaw, VariantPayloadCompact:
		p.scan(in)
		for i, payload := range [2][]byte{p.body, p.decrypted} {
			if payload == nil {
				continue
			}
			if variant == VariantPayloadRaw {
				list[i] = candidate{variant, payload, false}
			} else if nextSpace(payload, 0) < len(payload) { // else it is the raw variant
				list[i] = candidate{variant, CompactJSON(make([]byte, 0, len(payload)), payload), false}
			}
		}
	}
	return list
}

// payloadMember returns the bytes of the member that stands for the event's data, nil if there is none.
func payloadMember(body []byte) []byte {
	env, err := scanEnvelope(body)
	if err != nil {
		return nil
	}
	return env.data()
}

// isEnvelope reports whether text is a whole notification, and not its payload alone.
func isEnvelope(text []byte) bool {
	env, err := scanEnvelope(text)
	return err == nil && env.data() != nil && env.webhookID != nil
}

// Sign returns the value of v-c-signature for signed, as Cybersource writes it. Which bytes to sign is the caller's
// choice of Variant.
func Sign(key Key, t time.Time, signed []byte) string {
	ms := strconv.FormatInt(t.UnixMilli(), 10)
	sum := newMAC(key.Secret, ms).of(signed)
	return "t=" + ms + ";keyId=" + key.ID + ";sig=" + base64.StdEncoding.EncodeToString(sum)
}
