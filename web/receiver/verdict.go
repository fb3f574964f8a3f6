package receiver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
)

// Reasons for which a delivery is rejected.
const (
	ReasonSignatureMissing   = "signature_missing"
	ReasonSignatureMalformed = "signature_malformed"
	ReasonKeyUnknown         = "key_unknown"
	ReasonKeyEmpty           = "key_empty"
	ReasonKeyExpired         = "key_expired"
	ReasonKeyRetired         = "key_retired"
	ReasonTimestampTooOld    = "timestamp_too_old"
	ReasonTimestampTooNew    = "timestamp_too_new"
	ReasonSignatureMismatch  = "signature_mismatch"
	// ReasonEnvelopeMismatch: the signature is genuine, but header, body and the endpoint's subscription contradict one another.
	ReasonEnvelopeMismatch = "envelope_mismatch"
)

// verdict is what was found about a delivery, with what it says of itself.
type verdict struct {
	verdict      store.Verdict
	reason       string
	detail       string
	verification cybs.Verification
	notification *cybs.Notification
}

// judge verifies the signature and what the envelope claims. An error means that nobody can judge now, because our own keys
// cannot be used.
func (r *Receiver) judge(ctx context.Context, came *arrival, h http.Header, body []byte) (verdict, error) {
	v, err := r.weigh(ctx, *came, h, body)
	if err == nil && (v.reason == ReasonKeyUnknown || v.reason == ReasonMLEKeyUnknown || v.reason == ReasonMLEWrongKey) {
		// Another replica may have made the key just now. When the database does not answer, storing fails too.
		if again, findErr := r.endpoints.findAgain(ctx, came.endpoint.Token); findErr == nil {
			came.endpoint = again
			v, err = r.weigh(ctx, *came, h, body)
		}
	}
	if err == nil && v.verification.Variant != "" && (v.verdict == store.Verified || v.reason == ReasonEnvelopeMismatch) {
		r.variants.pin(variantPlace{came.endpoint.ID, productOf(came.endpoint, h.Get(cybs.HeaderProductName))}, v.verification.Variant)
	}
	return v, err
}

// weigh is judge with what is known of the endpoint, and without any effect: it serves what arrives as well as what is judged again.
func (r *Receiver) weigh(ctx context.Context, came arrival, h http.Header, body []byte) (verdict, error) {
	e, now := came.endpoint, came.at
	pinned := r.variants.pinned(variantPlace{e.ID, productOf(e, h.Get(cybs.HeaderProductName))})
	in := cybs.VerifyInput{Body: body, LookupKey: e.keys.lookup, Now: now, Tolerance: r.cfg.Tolerance, Pinned: pinned}
	verification, err := verify(in, h)
	if errors.Is(err, cybs.ErrKeyEmpty) && e.keys.unreadable[verification.KeyID] {
		return verdict{}, fmt.Errorf("verify with key %s of organization %s: %w", verification.KeyID, e.Organization, store.ErrSealBroken)
	}
	v := verdict{verdict: store.Verified, verification: verification}
	v.notification, _ = cybs.ParseNotification(h, body) // what cannot be read is kept and shown raw
	if v.notification.Form == cybs.FormEncrypted && (err == nil || errors.Is(err, cybs.ErrSignatureMismatch)) {
		// A stranger who knows no key id costs no decryption.
		if errors.Is(err, cybs.ErrSignatureMismatch) {
			end, busy := r.guesses.begin(ctx, came.from.Addr)
			if busy != nil {
				return v, busy
			}
			defer end()
		}
		if err = r.decrypt(&v, in, e, h, err); v.verdict == store.Rejected {
			return v, nil
		}
	}
	if err != nil {
		v.verdict, v.reason, v.detail = store.Rejected, reasonOf(err), r.found(err, e, v.verification, now)
		return v, nil
	}
	if v.notification.Encryption == nil && !v.notification.Test && e.demandsEncryption(now) {
		v.verdict, v.reason = store.Rejected, ReasonMLEMissing
		v.detail = "It came in clear text, and this endpoint demands message-level encryption. " + knownMLEKeys(r.endpoints.mleKeysOf(e.OrganizationID, e.SubscriptionID, now))
		return v, nil
	}
	if contradiction := crossCheck(e, v.notification); contradiction != "" {
		v.verdict, v.reason, v.detail = store.Rejected, ReasonEnvelopeMismatch, contradiction
		return v, nil
	}
	v.detail = claims(e, v)
	return v, nil
}

// decrypt opens an encrypted delivery, and compares the signature with the decrypted text where it does not fit what came (mismatch). It returns
// what the signature's verdict is then.
func (r *Receiver) decrypt(v *verdict, in cybs.VerifyInput, e *endpoint, h http.Header, mismatch error) error {
	o := r.open(e, h, in.Body, in.Now)
	v.notification = o.notification
	if o.err != nil && (mismatch == nil || !errors.Is(o.err, cybs.ErrMLETampered)) {
		v.verdict, v.reason, v.detail = store.Rejected, encryptionReason(o.err), undecryptable(o.err, o.notification.Encryption, o.keys, mismatch != nil)
	}
	if o.err != nil || mismatch == nil {
		return mismatch
	}
	in.Decrypted = o.plain
	var err error
	v.verification, err = verify(in, h)
	return err
}

// verify takes the one signature of the headers; several that differ prove nothing.
func verify(in cybs.VerifyInput, h http.Header) (cybs.Verification, error) {
	lines := h.Values(cybs.HeaderSignature)
	for _, line := range lines {
		if line != lines[0] {
			return cybs.Verification{}, fmt.Errorf("%w: the header came %d times, with different values", cybs.ErrSignatureMalformed, len(lines))
		}
	}
	in.Signature = h.Get(cybs.HeaderSignature)
	return cybs.Verify(in)
}

func reasonOf(err error) string {
	for _, known := range [...]struct {
		err    error
		reason string
	}{
		{cybs.ErrSignatureMissing, ReasonSignatureMissing},
		{cybs.ErrSignatureMalformed, ReasonSignatureMalformed},
		{cybs.ErrKeyUnknown, ReasonKeyUnknown},
		{cybs.ErrKeyEmpty, ReasonKeyEmpty},
		{cybs.ErrKeyExpired, ReasonKeyExpired},
		{cybs.ErrKeyRetired, ReasonKeyRetired},
		{cybs.ErrTimestampTooOld, ReasonTimestampTooOld},
		{cybs.ErrTimestampTooNew, ReasonTimestampTooNew},
	} {
		if errors.Is(err, known.err) {
			return known.reason
		}
	}
	return ReasonSignatureMismatch // the only other that cybs.Verify returns
}

// found says what came and what was expected. It names ids of keys and never what they are made of.
func (r *Receiver) found(err error, e *endpoint, v cybs.Verification, now time.Time) string {
	arrived := now.UTC().Format(time.RFC3339)
	switch reasonOf(err) {
	case ReasonSignatureMissing:
		return "The request has no v-c-signature header. Expected t=<milliseconds>;keyId=<id>;sig=<base64>."
	case ReasonSignatureMalformed:
		return fmt.Sprintf("The v-c-signature header cannot be read: %v. Expected t=<milliseconds>;keyId=<id>;sig=<base64>.", err)
	case ReasonKeyUnknown:
		return fmt.Sprintf("It is signed with key %s. %s", v.KeyID, knownKeys(e))
	case ReasonKeyEmpty:
		return fmt.Sprintf("It is signed with key %s, of which no secret is kept here.", v.KeyID)
	case ReasonKeyExpired:
		key, _ := e.keys.lookup(v.KeyID)
		return fmt.Sprintf("It was signed at %s with key %s, which expired at %s. The signature itself is right.", instant(v.SignedAt), v.KeyID, instant(key.ExpiresAt))
	case ReasonKeyRetired:
		key, _ := e.keys.lookup(v.KeyID)
		return fmt.Sprintf("It is signed with key %s, which was retired here at %s. The signature itself is right.", v.KeyID, instant(key.RetiredAt))
	case ReasonTimestampTooOld:
		return fmt.Sprintf("It was signed at %s and arrived at %s, %s later. At most %s is accepted. The signature itself is right.", instant(v.SignedAt), arrived, v.Skew.Round(time.Second), r.cfg.Tolerance)
	case ReasonTimestampTooNew:
		return fmt.Sprintf("It was signed at %s and arrived at %s, %s earlier. At most %s is accepted: one of the clocks is wrong. The signature itself is right.", instant(v.SignedAt), arrived, (-v.Skew).Round(time.Second), r.cfg.Tolerance)
	}
	return fmt.Sprintf("Key %s is known, but gives another signature over the payload, over the payload without white space and over the whole body: the body was changed on its way, or it was signed with another key of that id.", v.KeyID)
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func knownKeys(e *endpoint) string {
	ids := make([]string, 0, len(e.keys.keys))
	for id := range e.keys.keys {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	const most = 8
	switch {
	case len(ids) == 0:
		return fmt.Sprintf("No digital signature key of organization %s is known here.", e.Organization)
	case len(ids) > most:
		return fmt.Sprintf("Known for organization %s are %s and %d more.", e.Organization, strings.Join(ids[:most], ", "), len(ids)-most)
	}
	return fmt.Sprintf("Known for organization %s: %s.", e.Organization, strings.Join(ids, ", "))
}

// crossCheck returns how a genuine delivery contradicts itself or its endpoint, "" when it does not. While the subscription is
// being created its webhook id may not be known yet.
func crossCheck(e *endpoint, n *cybs.Notification) string {
	for _, member := range []string{"webhookId", "organizationId", "eventType"} {
		if slices.Contains(n.Conflicts, member) {
			return fmt.Sprintf("Header and body name a different %s; the body says %s.", member, said(n, member))
		}
	}
	switch {
	case e.WebhookID != "" && n.WebhookID != "" && !strings.EqualFold(cybs.NormalID(n.WebhookID), e.WebhookID):
		return fmt.Sprintf("It is for webhook id %s, but this endpoint belongs to %s.", n.WebhookID, e.WebhookID)
	case n.OrganizationID != "" && !strings.EqualFold(n.OrganizationID, e.Organization):
		return fmt.Sprintf("It is for organization %s, but this endpoint belongs to %s.", n.OrganizationID, e.Organization)
	}
	return ""
}

func said(n *cybs.Notification, member string) string {
	switch member {
	case "webhookId":
		return n.WebhookID
	case "organizationId":
		return n.OrganizationID
	}
	return n.EventType
}

// claims notes what a verified delivery says that its signature does not cover and its subscription does not confirm. It is kept
// and shown as said, because event names differ between Cybersource's own lists, and nothing is decided by it.
func claims(e *endpoint, v verdict) string {
	n := v.notification
	var notes []string
	if !v.verification.EnvelopeSigned && n.EventType != "" && !covers(e, n.EventType) {
		notes = append(notes, fmt.Sprintf("The signature does not cover the event type, and the subscription does not name %s.", n.EventType))
	}
	if o := n.Encryption; o != nil && o.Header.KeyID != "" && !o.KeyNamed {
		notes = append(notes, fmt.Sprintf("It names the encryption key %q, which is unknown here; another one opened it.", short(o.Header.KeyID)))
	}
	for _, member := range n.Conflicts {
		notes = append(notes, fmt.Sprintf("Header and body differ in %s; the body counts.", member))
	}
	for _, member := range n.Duplicates {
		notes = append(notes, fmt.Sprintf("The body has %s more than once; the last one counts.", member))
	}
	return strings.Join(notes, " ")
}

func covers(e *endpoint, eventType string) bool {
	for _, p := range e.Products {
		for _, name := range p.EventTypes {
			if strings.EqualFold(name, eventType) {
				return true
			}
		}
	}
	return false
}

// productOf returns the subscribed product that a header names, or the first one: a bounded set, whatever the header says.
func productOf(e *endpoint, name string) string {
	for _, p := range e.Products {
		if strings.EqualFold(p.ProductID, name) {
			return p.ProductID
		}
	}
	if len(e.Products) > 0 {
		return e.Products[0].ProductID
	}
	return ""
}

// variantPlace is where a matched variant is remembered.
type variantPlace struct {
	endpointID int64
	product    string
}

// variants remembers which bytes a product's signatures covered last, so that they are tried first.
type variants struct{ byPlace sync.Map }

func (v *variants) pinned(p variantPlace) cybs.Variant {
	found, _ := v.byPlace.Load(p)
	variant, _ := found.(cybs.Variant)
	return variant
}

func (v *variants) pin(p variantPlace, variant cybs.Variant) {
	if v.pinned(p) != variant {
		v.byPlace.Store(p, variant)
	}
}
