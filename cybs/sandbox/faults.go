package sandbox

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

// Fault is something wrong with a notification, on demand. A faulty
// notification is sent once and not retried unless the request asks for it, or the
// fault is that its first attempt is lost.
type Fault string

// The faults, each with what a receiver sees.
const (
	// FaultNone is an ordinary notification.
	FaultNone Fault = ""
	// FaultBadSignature is a well-formed signature that matches nothing.
	FaultBadSignature Fault = "bad-signature"
	// FaultMissingSignature has no v-c-signature header.
	FaultMissingSignature Fault = "missing-signature"
	// FaultMalformedSignature has a v-c-signature that cannot be read.
	FaultMalformedSignature Fault = "malformed-signature"
	// FaultUnknownKey is signed, rightly, by a key nobody was given.
	FaultUnknownKey Fault = "unknown-key"
	// FaultReplacedKey is signed by the organization's previous key. It needs one.
	FaultReplacedKey Fault = "replaced-key"
	// FaultStaleTimestamp is signed, rightly, two hours ago.
	FaultStaleTimestamp Fault = "stale-timestamp"
	// FaultFutureTimestamp is signed, rightly, two hours ahead.
	FaultFutureTimestamp Fault = "future-timestamp"
	// FaultTamperedBody has one value of its payload changed after signing.
	FaultTamperedBody Fault = "tampered-body"
	// FaultReencodedBody has the same JSON in other bytes (white space added) than
	// were signed, as a meddling proxy makes it.
	FaultReencodedBody Fault = "reencoded-body"
	// FaultDuplicate is sent twice, byte for byte and with the same trace id.
	FaultDuplicate Fault = "duplicate"
	// FaultNotJSON has a rightly signed body that is no JSON.
	FaultNotJSON Fault = "not-json"
	// FaultWrongContentType is announced as text/plain.
	FaultWrongContentType Fault = "wrong-content-type"
	// FaultOversized has a body above one mebibyte, rightly signed.
	FaultOversized Fault = "oversized"
	// FaultTruncated breaks off in the middle of the announced body.
	FaultTruncated Fault = "truncated"
	// FaultOutOfOrder makes several notifications, three unless Count says more, and
	// sends them one after the other, the newest first.
	FaultOutOfOrder Fault = "out-of-order"
	// FaultBurst makes many notifications, fifty unless Count says otherwise, and
	// sends them all at the same moment.
	FaultBurst Fault = "burst"
	// FaultSlowSender sends its body in pieces with pauses.
	FaultSlowSender Fault = "slow-sender"
)

// Faults lists all faults but FaultNone, for menus.
func Faults() []Fault {
	return slices.Concat([]Fault{
		FaultBadSignature, FaultMissingSignature, FaultMalformedSignature, FaultUnknownKey, FaultReplacedKey,
		FaultStaleTimestamp, FaultFutureTimestamp, FaultTamperedBody, FaultReencodedBody, FaultDuplicate,
		FaultNotJSON, FaultWrongContentType, FaultOversized, FaultTruncated,
		FaultOutOfOrder, FaultBurst, FaultSlowSender,
	}, meddledFaults(), interruptedFaults())
}

// Words say in plain words what a receiver sees of a fault.
func (f Fault) Words() string {
	switch f {
	case FaultNone:
		return "None: signed and whole"
	case FaultBadSignature:
		return "Bad signature: well-formed, matches nothing"
	case FaultMissingSignature:
		return "No signature header"
	case FaultMalformedSignature:
		return "Unreadable signature header"
	case FaultUnknownKey:
		return "Signed with a key nobody knows"
	case FaultReplacedKey:
		return "Signed with the organization's former key"
	case FaultStaleTimestamp:
		return "Signed two hours ago"
	case FaultFutureTimestamp:
		return "Signed two hours ahead"
	case FaultTamperedBody:
		return "Body changed after signing"
	case FaultReencodedBody:
		return "Body written out again, as a proxy does"
	case FaultDuplicate:
		return "Sent twice, byte for byte"
	case FaultNotJSON:
		return "Rightly signed, but not JSON"
	case FaultWrongContentType:
		return "Announced as text/plain"
	case FaultOversized:
		return "Body larger than 1 MiB"
	case FaultTruncated:
		return "Breaks off in the middle"
	case FaultOutOfOrder:
		return "Several, the newest first"
	case FaultBurst:
		return "Many at the same moment"
	case FaultSlowSender:
		return "Body sent slowly, piece by piece"
	}
	if f.interrupts() {
		return f.interruptedWords()
	}
	return f.meddledWords()
}

// count is how many notifications an event with the fault makes.
func (f Fault) count(asked int) int {
	switch {
	case f == FaultOutOfOrder && asked < 2:
		return 3
	case f == FaultBurst && asked == 0:
		return 50
	}
	return max(asked, 1)
}

// ErrUnknownFault is returned for a fault that Faults does not list.
var ErrUnknownFault = errors.New("unknown fault")

func (f Fault) check() error {
	if f != FaultNone && !slices.Contains(Faults(), f) {
		return fmt.Errorf("%w: %q", ErrUnknownFault, string(f))
	}
	return nil
}

// draft is an attempt before and after signing, for faults to spoil.
type draft struct {
	key      cybs.Key
	previous cybs.Key
	at       time.Time
	signed   []byte
	sign     func(key cybs.Key, t time.Time, signed []byte) string // nil: as Cybersource does
	out      outgoing
}

func (d *draft) signature() string {
	if d.sign == nil {
		return cybs.Sign(d.key, d.at, d.signed)
	}
	return d.sign(d.key, d.at, d.signed)
}

// oversize is just above what receivers must take.
const oversize = 1<<20 + 1

// timeFault is beyond every tolerance that was seen, 5 and 60 minutes.
const timeFault = 2 * time.Hour

// before spoils what is signed.
func (f Fault) before(d *draft) error {
	switch f {
	case FaultUnknownKey:
		d.key = cybs.Key{ID: newID(), Secret: randomSecret()}
	case FaultReplacedKey:
		if d.previous.ID == "" {
			return errNoPrevious
		}
		d.key = d.previous
	case FaultBadSignature:
		d.key.Secret = randomSecret()
	case FaultStaleTimestamp:
		d.at = d.at.Add(-timeFault)
	case FaultFutureTimestamp:
		d.at = d.at.Add(timeFault)
	case FaultNotJSON:
		d.out.body = slices.Concat([]byte("not json: "), d.out.body)
		d.signed = d.out.body
	case FaultOversized:
		// White space after the envelope changes neither its meaning nor the payload.
		whole := bytes.Equal(d.signed, d.out.body)
		d.out.body = append(d.out.body, bytes.Repeat([]byte(" "), oversize)...)
		if whole {
			d.signed = d.out.body
		}
	case FaultWrongContentType:
		d.out.header.Set("Content-Type", "text/plain")
	case FaultNone, FaultMissingSignature, FaultMalformedSignature, FaultTamperedBody, FaultReencodedBody,
		FaultDuplicate, FaultTruncated, FaultOutOfOrder, FaultBurst, FaultSlowSender:
	default:
		return f.signDifferently(d)
	}
	return nil
}

// after spoils what was signed.
func (f Fault) after(d *draft, signatureHeader string) {
	switch f {
	case FaultMissingSignature:
		delete(d.out.header, signatureHeader)
	case FaultMalformedSignature:
		d.out.header[signatureHeader] = []string{"t=yesterday;keyId=;sig=???"}
	case FaultTamperedBody:
		d.out.body = tamper(d.out.body)
	case FaultReencodedBody:
		var buf bytes.Buffer
		if json.Indent(&buf, d.out.body, "", "  ") == nil {
			d.out.body = buf.Bytes()
		}
	case FaultDuplicate:
		d.out.twice = true
	case FaultTruncated:
		d.out.truncated = true
	case FaultNone, FaultBadSignature, FaultUnknownKey, FaultReplacedKey, FaultStaleTimestamp, FaultFutureTimestamp,
		FaultNotJSON, FaultWrongContentType, FaultOversized, FaultOutOfOrder, FaultBurst, FaultSlowSender:
	default:
		d.out.body = f.meddle(d.out.body)
	}
}

// tamper changes one character inside the payload, keeping the JSON valid: the
// first letter or digit of the first text value there.
func tamper(body []byte) []byte {
	body = slices.Clone(body)
	i := firstOfText(body)
	switch {
	case i < 0:
		return append(body, ' ') // no text value: at least the bytes differ
	case body[i] == 'z', body[i] == 'Z', body[i] == '9':
		body[i]--
	default:
		body[i]++
	}
	return body
}

// firstOfText finds the first letter or digit of the payload's first text value that
// begins with one; -1 when there is none.
func firstOfText(body []byte) int {
	start := max(bytes.Index(body, []byte(`"payload`)), 0)
	for i := start; i+2 < len(body); i++ {
		if body[i] != ':' || body[i+1] != '"' {
			continue
		}
		if c := body[i+2]; c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return i + 2
		}
	}
	return -1
}

func randomSecret() cybs.Secret {
	secret := make(cybs.Secret, 32)
	rand.Read(secret) // never fails
	return secret
}
