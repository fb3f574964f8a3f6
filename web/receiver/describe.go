package receiver

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/mask"
)

// describe reads a verified delivery for grouping. It never fails: what cannot be read is described as unreadable.
func (g *grouper) describe(d store.Delivery) (described store.Description) {
	defer func() {
		if p := recover(); p != nil {
			g.log.Error("a delivery could not be described", "delivery", d.ID.String(), "panic", fmt.Sprintf("%T", p), "stack", stack())
			described = unreadable(d)
		}
		g.expect(&described, d)
	}()
	if d.Body == nil {
		return unreadable(d) // sealed with a key that is gone
	}
	n, err := g.read(d)
	if err != nil || n.Payload == nil {
		described = unreadable(d)
		described.EventOrganization, described.Test = withoutCards(n.EventOrganizationID), n.Test
		if !errors.Is(err, cybs.ErrTooDeep) {
			described.Payload = searchable(d.Body, nil)
		}
		return described
	}
	payload := mask.ValidJSON(n.Payload).Text // parsing has shown that it is
	described = store.Description{
		EventOrganization: withoutCards(n.EventOrganizationID), Test: n.Test,
		Readable: n.Form != cybs.FormUnknown && n.Form != cybs.FormEncrypted,
		Payload:  searchable(n.Payload, payload), Horizon: g.plans.of(g.policy(d)).horizon, EventAt: cybs.PossibleEventTime(n.EventTime, d.ReceivedAt),
	}
	described.Fingerprint, described.Loose = fingerprints(n)
	described.ObjectID, described.Summary = summarize(payload, n.Test)
	return described
}

// read parses a stored delivery, and decrypts it again where it is encrypted: the clear text is kept nowhere.
func (g *grouper) read(d store.Delivery) (*cybs.Notification, error) {
	h := headersOf(d)
	n, err := cybs.ParseNotification(h, d.Body)
	if err != nil || n.Form != cybs.FormEncrypted {
		return n, err
	}
	open := func() error {
		// It was verified: whatever opened it then may open it now, by whatever algorithm was allowed.
		keys := cybs.MLEKeys{Keys: g.endpoints.mleKeysOf(d.OrganizationID, d.SubscriptionID, d.ReceivedAt), AllowOAEP: true}
		n, err = cybs.OpenNotification(h, d.Body, keys)
		return err
	}
	if reason := encryptionReason(open()); reason == ReasonMLEKeyUnknown || reason == ReasonMLEWrongKey {
		// Another replica accepted it with a key that was made just now.
		if g.endpoints.reload(context.Background()) == nil { // reload bounds itself
			err = open()
		}
	}
	return n, err
}

// unreadable describes what is not a notification in a form we know. Its bytes are its identity.
func unreadable(d store.Delivery) store.Description {
	return store.Description{Fingerprint: d.BodySHA256[:], Loose: d.BodySHA256[:]}
}

// fingerprints are what stays the same when a notification is sent again (design.md section 4): webhook id, event type, event date and the
// payload as it was written, without white space. The loose one leaves the date out.
//
// A test's payload never changes and its date has only seconds, so the attempt's trace id takes part in the strict one: two tests are
// two notifications. A retried test is found by the loose one.
func fingerprints(n *cybs.Notification) (strict, loose []byte) {
	payload := cybs.CompactJSON(make([]byte, 0, len(n.Payload)), n.Payload)
	sum := func(parts ...string) []byte {
		h := sha256.New()
		for _, p := range parts {
			// Lengths keep parts apart: no member can be made to look like two.
			_, _ = fmt.Fprintf(h, "%d:%s,", len(p), p) // hashes do not fail
		}
		h.Write(payload)
		return h.Sum(nil)
	}
	loose = sum(n.WebhookID, n.EventType)
	if n.Test {
		return sum(n.WebhookID, n.EventType, n.EventDate, n.TransactionTraceID), loose
	}
	return sum(n.WebhookID, n.EventType, n.EventDate), loose
}

func headersOf(d store.Delivery) http.Header {
	h := make(http.Header, len(d.Headers))
	for _, line := range d.Headers {
		h.Add(line[0], line[1])
	}
	return h
}

// tooDeep reports whether JSON is deeper than is read: then it is not kept for search either.
func tooDeep(text []byte) bool {
	_, err := cybs.ParseNotification(nil, text)
	return errors.Is(err, cybs.ErrTooDeep)
}

// searchable returns a masked copy that Postgres' jsonb takes, nil when there is none. JSON text in a string is opened. masked is raw
// masked; nil: not done yet.
func searchable(raw, masked []byte) json.RawMessage {
	if len(raw) > 0 && raw[0] == '"' {
		var text string
		if err := json.Unmarshal(raw, &text); err == nil && json.Valid([]byte(text)) && !tooDeep([]byte(text)) {
			return storable(mask.JSON([]byte(text)).Text)
		}
	}
	if masked == nil {
		if !json.Valid(raw) {
			return nil
		}
		masked = mask.ValidJSON(raw).Text
	}
	return storable(masked)
}
