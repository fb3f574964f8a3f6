package cybs

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	maxExplainBytes = 64 << 20 // hashed for one explanation, a fraction of a second's work
	maxExplainKeys  = 64       // tried for one explanation
	maxListedKeys   = 20       // ids named in an explanation
	shownDigest     = 8        // characters of a digest that are shown
)

// KnownKey is a key that is stored here, with what is known about it.
type KnownKey struct {
	Key
	OrganizationID string
	Environment    Environment
	// ReplacedAt is when a newer key took its place; zero for the one in use.
	ReplacedAt time.Time
}

// ExplainInput is a delivery that was not accepted, and everything that may explain it.
type ExplainInput struct {
	Signature string // the value of v-c-signature, empty when the header was absent
	Body      []byte // as received
	Decrypted []byte // see VerifyInput
	Now       time.Time
	Tolerance time.Duration // 0 or less means DefaultTolerance
	Pinned    Variant       // what is usually signed for this product; empty means the body
	// OrganizationID and Environment are those for which the delivery came in. Empty ones fit every key.
	OrganizationID string
	Environment    Environment
	// Keys are all keys that are stored: former ones, and those of other organizations and environments. At most 64 are
	// tried, those of this organization and environment first.
	Keys []KnownKey
}

// KeyFacts are what may be shown about a key.
type KeyFacts struct {
	ID             string
	OrganizationID string
	Environment    Environment
	ExpiresAt      time.Time
	ReplacedAt     time.Time
}

// Explanation says why a signature was not accepted. It holds no key, and of digests only their beginning.
type Explanation struct {
	Rung Rung
	// Detail adds the facts to the rung's sentence; it may be empty.
	Detail string
	// KeyID is the id in the signature; Key is the stored key of that id, or the one with which it was really made. Nil
	// when there is none.
	KeyID string
	Key   *KeyFacts
	// KnownKeyIDs are this organization's keys, for RungKeyUnknown; the newest as given, at most 20.
	KnownKeyIDs []string
	// Variant is what was signed, where that was found.
	Variant  Variant
	SignedAt time.Time
	// Skew is Now - SignedAt.
	Skew time.Duration
	// Received and Expected are the beginnings of the two digests; Expected is what the named key makes of what is signed
	// by ExplainInput.Pinned, and empty without that key.
	Received, Expected string
}

// Sentence is the rung's sentence with the detail.
func (e Explanation) Sentence() string {
	if e.Detail == "" {
		return e.Rung.Sentence()
	}
	return e.Rung.Sentence() + " " + e.Detail
}

// Explain finds out why a delivery was not accepted, by trying what is known to go wrong, from the likely to the odd; the
// first rung that fits is the answer. A genuine signature is only ever explained by what Verify refuses it for. The work
// is bounded whatever the delivery is. Nothing of this makes a delivery acceptable: it is for people to read.
func Explain(in ExplainInput) Explanation {
	c := climb{in: in, budget: maxExplainBytes}
	sig, err := ParseSignatureHeader(in.Signature)
	c.sig = sig
	c.out = Explanation{KeyID: sig.KeyID, SignedAt: sig.Timestamp, Received: shorten(sig.MAC)}
	if !sig.Timestamp.IsZero() {
		c.out.Skew = in.Now.Sub(sig.Timestamp)
	}
	switch {
	case errors.Is(err, ErrSignatureMissing):
		return c.stop(RungSignatureAbsent, "")
	case err != nil:
		return c.stop(RungSignatureUnread, "In it, "+strings.TrimPrefix(err.Error(), ErrSignatureMalformed.Error()+": ")+".")
	}
	c.sortKeys()
	return c.up()
}

// climb is the state of one explanation.
type climb struct {
	in     ExplainInput
	sig    SignatureHeader
	out    Explanation
	ours   []KnownKey // of this organization and environment
	others []KnownKey
	budget int // bytes that may still be hashed
}

func (c *climb) stop(r Rung, detail string) Explanation {
	c.out.Rung, c.out.Detail = r, detail
	return c.out
}

// up climbs from the key on.
func (c *climb) up() Explanation {
	key, ok := find(c.ours, c.sig.KeyID)
	if !ok {
		return c.unknownKey()
	}
	c.out.Key = facts(key)
	if len(key.Secret) == 0 {
		return c.stop(RungKeyEmpty, "")
	}
	c.out.Expected = c.expected(key)
	if variant, ok := c.verifies(key.Secret); ok {
		c.out.Variant = variant
		return c.genuine(key)
	}
	for _, other := range c.ours {
		if c.budget < maxExplainBytes/2 {
			break // the rest is for what may have been changed
		}
		if variant, ok := c.verifies(other.Secret); ok {
			c.out.Key, c.out.Variant = facts(other), variant
			return c.stop(RungOtherKey, fmt.Sprintf("It names %s and was made with %s.", c.sig.KeyID, other.ID))
		}
	}
	return c.changed(key)
}

// unknownKey explains a key id that is none of this endpoint's.
func (c *climb) unknownKey() Explanation {
	detail := ""
	for _, key := range c.ours {
		if variant, ok := c.verifies(key.Secret); ok {
			c.out.Variant = variant
			detail = fmt.Sprintf("It was really made with the key %s.", key.ID)
			break
		}
	}
	key, ok := find(c.others, c.sig.KeyID)
	if !ok {
		return c.stop(RungKeyUnknown, detail)
	}
	c.out.Key = facts(key)
	if variant, ok := c.verifies(key.Secret); ok {
		c.out.Variant = variant
		detail = "It is genuine under that key."
	}
	if !c.sameEnvironment(key) {
		return c.stop(RungKeyOfAnotherEnv, strings.TrimSpace("It belongs to "+string(key.Environment)+". "+detail))
	}
	return c.stop(RungKeyOfAnotherOrg, strings.TrimSpace("It belongs to "+key.OrganizationID+". "+detail))
}

// genuine explains a signature that fits.
func (c *climb) genuine(key KnownKey) Explanation {
	err := judgeTime(VerifyInput{Tolerance: c.in.Tolerance}, Verification{SignedAt: c.sig.Timestamp, Skew: c.out.Skew}, key.Key)
	clock := fmt.Sprintf("Signed %s, judged %s.", stamp(c.sig.Timestamp), stamp(c.in.Now))
	switch {
	case !key.ExpiresAt.IsZero() && c.sig.Timestamp.After(key.ExpiresAt):
		return c.stop(RungKeyExpired, "It expired "+stamp(key.ExpiresAt)+".")
	case !key.RetiredAt.IsZero() && !c.in.Now.Before(key.RetiredAt):
		return c.stop(RungKeyRetired, "It was retired "+stamp(key.RetiredAt)+".")
	case errors.Is(err, ErrTimestampTooOld):
		return c.stop(RungTooOld, clock)
	case errors.Is(err, ErrTimestampTooNew):
		return c.stop(RungTooNew, clock)
	case !key.ReplacedAt.IsZero() && c.sig.Timestamp.After(key.ReplacedAt):
		return c.stop(RungKeyReplaced, "It was replaced "+stamp(key.ReplacedAt)+".")
	}
	return c.stop(RungVerifies, "")
}

// changed explains a signature that fits no key of this endpoint: the body was changed, or was signed in another way, or
// with a key of somebody else.
func (c *climb) changed(key KnownKey) Explanation {
	parts := c.signedParts()
	for _, step := range changes() {
		for _, part := range parts {
			if variant, detail, ok := c.try(step, part, newMAC(key.Secret, c.sig.time)); ok {
				c.out.Variant = variant
				return c.stop(step.rung, detail)
			}
		}
	}
	for _, misuse := range [...]struct {
		rung Rung
		mac  *signedBytes
	}{
		{RungNoTimestamp, newBareMAC(key.Secret)}, {RungKeyNotDecoded, newMAC(Secret(key.Secret.Base64()), c.sig.time)},
	} {
		for _, part := range parts {
			if c.fits(misuse.mac, part.bytes) {
				c.out.Variant = part.variant
				return c.stop(misuse.rung, "")
			}
		}
	}
	for _, other := range c.others {
		if variant, ok := c.verifies(other.Secret); ok {
			c.out.Key, c.out.Variant = facts(other), variant
			return c.stop(RungWrongEnvironment, strings.Join(strings.Fields(fmt.Sprintf("The key %s belongs to %s %s.",
				other.ID, other.OrganizationID, other.Environment)), " "))
		}
	}
	if c.budget <= 0 {
		return c.stop(RungStoppedAtItsLimit, "")
	}
	return c.stop(RungNoExplanation, "")
}

// try undoes one kind of change to one part. Of a body that was restored, the payload may have been signed too.
func (c *climb) try(step change, part signedPart, mac *signedBytes) (Variant, string, bool) {
	if !c.spend(4 * len(part.bytes)) { // what making the forms costs
		return "", "", false
	}
	for f := range step.forms(part.bytes) {
		if !c.spend(len(f.bytes)) { // what making it cost
			return "", "", false
		}
		if c.fits(mac, f.bytes) {
			return part.variant, f.detail, true
		}
		if part.variant != VariantBody || step.rung == RungReserialised {
			continue
		}
		if payload := payloadMember(f.bytes); payload != nil && c.fits(mac, payload) {
			return VariantPayloadRaw, f.detail, true
		}
	}
	return "", "", false
}

// signedPart is something that may have been signed.
type signedPart struct {
	variant Variant
	bytes   []byte
}

// signedParts lists what Verify tries, without what is the same twice.
func (c *climb) signedParts() []signedPart {
	var list []signedPart
	var payloads payloadBytes
	in := VerifyInput{Body: c.in.Body, Decrypted: c.in.Decrypted}
	for _, variant := range [...]Variant{VariantPayloadRaw, VariantBody, VariantDecrypted} {
		for _, candidate := range payloads.candidates(in, variant) {
			if candidate.variant != "" {
				list = append(list, signedPart{candidate.variant, candidate.signed})
			}
		}
	}
	return list
}

// expected is the digest that the key makes of what is usually signed.
func (c *climb) expected(key KnownKey) string {
	signed := c.in.Body
	for _, part := range c.signedParts() {
		if part.variant == c.in.Pinned {
			signed = part.bytes
		}
	}
	if !c.spend(len(signed)) {
		return ""
	}
	return shorten(newMAC(key.Secret, c.sig.time).of(signed))
}

// verifies tries every variant with a key.
func (c *climb) verifies(secret Secret) (Variant, bool) {
	cost := 3*len(c.in.Body) + 3*len(c.in.Decrypted)
	if len(secret) == 0 || !c.spend(cost) {
		return "", false
	}
	in := VerifyInput{Body: c.in.Body, Decrypted: c.in.Decrypted}
	found, ok := findVariant(in, c.sig, newMAC(secret, c.sig.time))
	return found.variant, ok
}

// fits compares one signature.
func (c *climb) fits(mac *signedBytes, signed []byte) bool {
	return c.spend(len(signed)) && equalMAC(mac.of(signed), c.sig.MAC)
}

// spend takes from the budget; when that is used up, it stays so.
func (c *climb) spend(n int) bool {
	if c.budget -= n + 64; c.budget <= 0 {
		c.budget = 0
		return false
	}
	return true
}

// shorten shows the beginning of a digest: enough to compare two, too little to use one.
func shorten(mac []byte) string {
	if len(mac) == 0 {
		return ""
	}
	return base64.StdEncoding.EncodeToString(mac)[:shownDigest] + "…"
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000 UTC") }
