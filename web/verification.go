package web

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/deliveries"
	"github.com/switchboardhq/switchboard/views/ui"
)

// variantMeaning says which bytes a signature covers (reference §9.2).
func variantMeaning(variant string) string {
	switch cybs.Variant(variant) {
	case cybs.VariantPayloadRaw:
		return "The signature covers the payload member, byte for byte as it stands in the body."
	case cybs.VariantPayloadCompact:
		return "The signature covers the payload member without the white space around its values: somebody on the way, or Cybersource itself, wrote it out again after signing."
	case cybs.VariantBody:
		return "The signature covers the whole body as it was received."
	case cybs.VariantDecrypted:
		return "The signature covers the decrypted text of the encrypted body."
	}
	return ""
}

// verification explains how a delivery was judged, from what was stored with it.
func (s *Server) verification(ctx context.Context, d store.Delivery, o opening, clock ui.Clock) (deliveries.Verification, error) {
	keys, err := s.store.ListSignatureKeys(ctx, d.OrganizationID)
	if err != nil {
		return deliveries.Verification{}, err
	}
	v := deliveries.Verification{Clock: clock, Verdict: ui.Status(d.Verdict), Variant: d.Variant}
	v.Summary = "The signature matches a key of this organization."
	if d.Verdict == store.Rejected {
		v.Summary, v.Ladder = reasonOf(d.Reason).text+".", ladder(d)
	}
	header, headerErr := cybs.ParseSignatureHeader(headerValue(d, cybs.HeaderSignature))
	v.Steps = []ui.LifeStep{{}, headerStep(header, headerErr), keyStep(d, keys), matchStep(d, header), timeStep(d), o.step(), envelopeStep(d)}
	if d.Verdict == store.Rejected {
		markFailed(v.Steps, d)
	}
	// What an endpoint does not ask for is a step only where it failed.
	v.Steps = slices.DeleteFunc(v.Steps, func(step ui.LifeStep) bool { return step.Title == "" })
	v.Facts = []ui.Pair{
		{Name: "Body, SHA-256", Value: hex.EncodeToString(d.BodySHA256[:]), Mono: true, Copy: true, Hint: "Of the bytes as they came, before they were masked for this page."},
		{Name: "Body, size", Value: fmt.Sprintf("%s (%d bytes)", ui.BytesText(int64(d.BodyBytes)), d.BodyBytes)},
		{Name: "Signature received", Value: shortMAC(header.MAC), Mono: true, Hint: "HMAC-SHA256, shortened. Keys are never shown."},
		{Name: "Judged as", Value: orWord(d.Reason, "no objection"), Mono: true},
	}
	if k, ok := keyOf(d, keys); ok && replacedBy(k, d) {
		v.Summary, v.Remark = "The signature matches a replaced key of this organization.", replacedKeyMeaning
	}
	if d.Explanation.Expected != "" {
		v.Facts = slices.Insert(v.Facts, 3, ui.Pair{Name: "Signature expected", Value: d.Explanation.Expected, Mono: true, Hint: "What the key named makes of the bytes that Cybersource usually signs, shortened."})
	}
	if d.ReasonDetail != "" && d.Verdict == store.Verified {
		v.Facts = append(v.Facts, ui.Pair{Name: "Noted", Value: readable(d.ReasonDetail)})
	}
	return v, nil
}

func orWord(s, word string) string {
	if s == "" {
		return word
	}
	return s
}

// headerValue is the first header of that name.
func headerValue(d store.Delivery, name string) string {
	for _, h := range d.Headers {
		if strings.EqualFold(h[0], name) {
			return h[1]
		}
	}
	return ""
}

// shortMAC is the beginning of a signature as it is written in its header: enough to compare two, too little to use one.
func shortMAC(mac []byte) string {
	const shown = 8
	if len(mac) < shown {
		return ""
	}
	return base64.StdEncoding.EncodeToString(mac)[:shown] + "…"
}

// The checks, by their places in a verification.
const (
	stepWayIn = iota // source, client certificate and token
	stepHeader
	stepKey
	stepMatch
	stepTime
	stepEncryption
	stepEnvelope
)

// stepNames name the checks that were not reached.
var stepNames = []string{"Way in", "Signature header", "Key", "Signature", "Signing time", "Encryption", "Envelope"}

// markFailed makes the check that failed say so, in the words kept with the delivery, and marks those behind it as not
// reached. What is known today, such as a key added since, does not change what was judged then.
func markFailed(steps []ui.LifeStep, d store.Delivery) {
	r := reasonOf(d.Reason)
	steps[r.step] = ui.LifeStep{Title: r.text, Tone: ui.Bad, Detail: orWord(readable(d.ReasonDetail), r.meaning)}
	if r.step == stepEncryption && d.Variant == "" {
		steps[stepMatch] = ui.LifeStep{Title: "Signature not decided", Tone: ui.Neutral, Detail: "It does not cover the body as it came, and there is no decrypted text to compare it with."}
	}
	for i := r.step + 1; i < len(steps); i++ {
		if steps[i].Title == "" {
			continue
		}
		steps[i] = ui.LifeStep{Title: stepNames[i], Planned: true, Detail: "Not reached: an earlier check failed."}
	}
}

func headerStep(header cybs.SignatureHeader, err error) ui.LifeStep {
	if err != nil { // when that was the reason, markFailed says so
		return ui.LifeStep{Title: "Signature header was read", Tone: ui.Good, Detail: "It is not among the headers that were kept."}
	}
	return ui.LifeStep{
		Title: "Signature header found and read", Tone: ui.Good,
		Detail: fmt.Sprintf("t=%d (%s), keyId=%s, sig=%s", header.Timestamp.UnixMilli(), header.Timestamp.UTC().Format("2006-01-02T15:04:05.000Z"), readable(header.KeyID), shortMAC(header.MAC)),
	}
}

func keyStep(d store.Delivery, keys []store.SignatureKey) ui.LifeStep {
	k, ok := keyOf(d, keys)
	if !ok {
		return ui.LifeStep{Title: "Key was known", Tone: ui.Good, Detail: "Key " + orWord(readable(d.KeyID), "not recorded") + "; it is not kept here any more."}
	}
	step := ui.LifeStep{Title: "Key found", Tone: ui.Good, Detail: fmt.Sprintf("Key %s, made %s", k.KeyID, k.CreatedAt.UTC().Format("2 Jan 2006"))}
	if !k.ReplacedAt.IsZero() {
		step.Detail += ", replaced " + k.ReplacedAt.UTC().Format("2 Jan 2006") + "; retries may still carry it"
	}
	if replacedBy(k, d) {
		step.Title, step.Tone = "Key found, but it had been replaced", ui.Waiting
	}
	if !k.ExpiresAt.IsZero() {
		step.Detail += ", ends " + k.ExpiresAt.UTC().Format("2 Jan 2006")
	}
	if !k.RetiredAt.IsZero() {
		step.Detail += ", retired from " + k.RetiredAt.UTC().Format("2 Jan 2006")
	}
	if k.RetireReason != "" {
		step.Detail += " (" + readable(k.RetireReason) + ")"
	}
	step.Detail += "."
	return step
}

// keyOf is the stored key that a delivery names.
func keyOf(d store.Delivery, keys []store.SignatureKey) (store.SignatureKey, bool) {
	i := slices.IndexFunc(keys, func(k store.SignatureKey) bool { return cybs.SameID(k.KeyID, d.KeyID) })
	if i < 0 {
		return store.SignatureKey{}, false
	}
	return keys[i], true
}

// replacedBy tells whether a key had been replaced when the delivery arrived that it verified.
func replacedBy(k store.SignatureKey, d store.Delivery) bool {
	return d.Verdict == store.Verified && !k.ReplacedAt.IsZero() && !k.ReplacedAt.After(d.ReceivedAt)
}

// replacedKeyMeaning says what to make of what a replaced key verified.
const replacedKeyMeaning = "It is signed with a key that had been replaced when it arrived: a late retry, or somebody who got hold of the former key. Compare it with Cybersource where that matters."

func matchStep(d store.Delivery, header cybs.SignatureHeader) ui.LifeStep {
	step := ui.LifeStep{Title: "Signature matches: " + orWord(d.Variant, "variant not recorded"), Tone: ui.Good, Detail: variantMeaning(d.Variant)}
	if mac := shortMAC(header.MAC); mac != "" {
		step.Detail += " Expected and received: " + mac
	}
	return step
}

func timeStep(d store.Delivery) ui.LifeStep {
	if d.SignedAt.IsZero() {
		return ui.LifeStep{Title: "Signing time not known", Planned: true, Detail: "No time could be read."}
	}
	skew := d.ReceivedAt.Sub(d.SignedAt)
	text := "Signed " + ui.DurationText(skew.Abs().Round(time.Millisecond)) + " before it arrived"
	if skew < 0 {
		text = "Signed " + ui.DurationText(skew.Abs().Round(time.Millisecond)) + " after it arrived, by the clocks"
	}
	if skew.Abs() > cybs.DefaultTolerance {
		return ui.LifeStep{Title: "Signing time is out of bounds", Tone: ui.Bad, Detail: text + "; at most " + ui.DurationText(cybs.DefaultTolerance) + " are allowed in either direction."}
	}
	return ui.LifeStep{Title: "Signing time is close enough", Tone: ui.Good, Detail: text + "; " + ui.DurationText(cybs.DefaultTolerance) + " are allowed in either direction."}
}

func envelopeStep(d store.Delivery) ui.LifeStep {
	if d.EnvelopeSigned {
		return ui.LifeStep{Title: "Envelope signed", Tone: ui.Good, Detail: "Event type, subscription and organization are covered by the signature."}
	}
	return ui.LifeStep{
		Title: "Envelope not signed", Tone: ui.Neutral,
		Detail: "The signature covers the payload alone. Event type, subscription and organization are believed because they agree with the endpoint's subscription.",
	}
}
