package receiver_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

func TestSignedDeliveryIsStoredAndAnswered200(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	for name, c := range map[string]struct {
		signed   func(notice) []byte
		body     func(notice) []byte
		variant  cybs.Variant
		envelope bool
	}{
		"over the body":             {notice.body, notice.body, cybs.VariantBody, true},
		"over the payload":          {notice.payload, notice.body, cybs.VariantPayloadRaw, false},
		"over the compact payload":  {notice.payload, spaced, cybs.VariantPayloadCompact, false},
		"over a body with newlines": {spaced, spaced, cybs.VariantBody, true},
	} {
		n := notice{trace: "trace " + name, retry: 2}
		signedAt := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
		wantStatus(t, d.send(t, c.body(n), "v-c-signature", cybs.Sign(d.key, signedAt, c.signed(n)), "Content-Type", "application/json"), http.StatusOK)
		got := d.newest(t)
		if got.Verdict != store.Verified || got.Reason != "" || got.Answered != http.StatusOK || got.KeyID != "key-1" {
			t.Errorf("%s: verdict %q %q, answered %d, key %q; want verified by key-1, 200", name, got.Verdict, got.Reason, got.Answered, got.KeyID)
		}
		if got.Variant != string(c.variant) || got.EnvelopeSigned != c.envelope || !got.SignedAt.Equal(signedAt) {
			t.Errorf("%s: variant %q, envelope %t, signed at %s; want %q, %t, %s", name, got.Variant, got.EnvelopeSigned, got.SignedAt, c.variant, c.envelope, signedAt)
		}
		if string(got.Body) != string(c.body(n)) {
			t.Errorf("%s: stored body\n%s\nwant\n%s", name, got.Body, c.body(n))
		}
		if got.EventType != eventType || got.WebhookID != webhookID || got.ProductID != "tokenManagement" || got.TraceID != n.trace || got.RetryNumber != 2 || got.EventDate != "2026-11-22T10:00:00" || got.RequestType != "NEW" {
			t.Errorf("%s: columns %+v do not say what the body says", name, got)
		}
		if got.SubscriptionID != d.sub.ID || got.EndpointID != d.sub.EndpointID || !got.Source.IsLoopback() {
			t.Errorf("%s: subscription %d, endpoint %d, source %s", name, got.SubscriptionID, got.EndpointID, got.Source)
		}
	}
}

// spaced is a notice's body with white space around every token.
func spaced(n notice) []byte {
	return []byte(strings.NewReplacer(`":`, "\" :\n ", `,"`, ` , "`, `{`, "{\t").Replace(string(n.body())))
}

func TestUnacceptableDeliveryIsStoredAndAnswered401(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	n := notice{}
	now := time.Now()
	other := cybs.Key{ID: "key-9", Secret: cybs.Secret("nobody's")}
	forged := cybs.Key{ID: "key-1", Secret: cybs.Secret("guessed")}
	sign := func(k cybs.Key, at time.Time, over []byte) string { return cybs.Sign(k, at, over) }
	own := cybs.Key{ID: "key-1", Secret: cybs.Secret("secret of key-1")}
	for name, c := range map[string]struct {
		n         notice
		signature []string
		headers   []string
		reason    string
		detail    string // a part of it
	}{
		"no signature":           {n: n, reason: receiver.ReasonSignatureMissing, detail: "no v-c-signature"},
		"empty signature":        {n: notice{trace: "empty"}, signature: []string{" "}, reason: receiver.ReasonSignatureMissing},
		"unreadable signature":   {n: n, signature: []string{"t=soon;keyId=key-1;sig=x"}, reason: receiver.ReasonSignatureMalformed, detail: "t is not a number"},
		"signature without key":  {n: n, signature: []string{"t=1;sig=" + strings.Repeat("A", 43) + "="}, reason: receiver.ReasonSignatureMalformed, detail: "keyId is missing"},
		"two signatures":         {n: n, signature: []string{sign(own, now, n.body()), sign(other, now, n.body())}, reason: receiver.ReasonSignatureMalformed, detail: "2 times"},
		"unknown key":            {n: n, signature: []string{sign(other, now, n.body())}, reason: receiver.ReasonKeyUnknown, detail: "Known for organization acme: key-1"},
		"another key of that id": {n: n, signature: []string{sign(forged, now, n.body())}, reason: receiver.ReasonSignatureMismatch},
		"changed body":           {n: n, signature: []string{sign(own, now, notice{retry: 1}.body())}, reason: receiver.ReasonSignatureMismatch, detail: "changed on its way"},
		"old signature":          {n: n, signature: []string{sign(own, now.Add(-2*time.Hour), n.body())}, reason: receiver.ReasonTimestampTooOld, detail: "2h0m"},
		"signature of tomorrow":  {n: n, signature: []string{sign(own, now.Add(24*time.Hour), n.body())}, reason: receiver.ReasonTimestampTooNew, detail: "clocks"},
		"another webhook id":     {n: notice{webhookID: "other"}, signature: []string{sign(own, now, notice{webhookID: "other"}.body())}, reason: receiver.ReasonEnvelopeMismatch, detail: "webhook id other"},
		"another organization":   {n: notice{organization: "evil"}, signature: []string{sign(own, now, notice{organization: "evil"}.body())}, reason: receiver.ReasonEnvelopeMismatch, detail: "organization evil"},
		"claimed webhook id":     {n: notice{webhookID: "other"}, signature: []string{sign(own, now, n.payload())}, reason: receiver.ReasonEnvelopeMismatch},
		"contradicting header":   {n: n, signature: []string{sign(own, now, n.body())}, headers: []string{"v-c-event-type", "tms.networktoken.provisioned"}, reason: receiver.ReasonEnvelopeMismatch, detail: "different eventType"},
		"contradicting webhook":  {n: n, signature: []string{sign(own, now.Add(-time.Second), n.body())}, headers: []string{"V-C-Webhook-Id", "other"}, reason: receiver.ReasonEnvelopeMismatch},
	} {
		headers := c.headers
		for _, s := range c.signature {
			headers = append(headers, "v-c-signature", s)
		}
		before := d.metric(t, "switchboard_deliveries_total", "verdict", "rejected", "reason", c.reason)
		wantStatus(t, d.send(t, c.n.body(), headers...), http.StatusUnauthorized)
		got := d.newest(t)
		if got.Verdict != store.Rejected || got.Reason != c.reason || got.Answered != http.StatusUnauthorized {
			t.Errorf("%s: stored as %s, %s, %d; want rejected, %s, 401", name, got.Verdict, got.Reason, got.Answered, c.reason)
		}
		if got.ReasonDetail == "" || !strings.Contains(got.ReasonDetail, c.detail) {
			t.Errorf("%s: detail %q does not say %q", name, got.ReasonDetail, c.detail)
		}
		if strings.Contains(got.ReasonDetail, "secret of") {
			t.Errorf("%s: detail %q shows key material", name, got.ReasonDetail)
		}
		if string(got.Body) != string(c.n.body()) || !got.NotificationID.IsZero() {
			t.Errorf("%s: body %q, notification %s; want the body kept and no notification", name, got.Body, got.NotificationID)
		}
		if n := d.metric(t, "switchboard_deliveries_total", "verdict", "rejected", "reason", c.reason); n != before+1 {
			t.Errorf("%s: counted %v times, want 1", name, n-before)
		}
	}
	d.notifications(t, 0)
}

func TestExpiredKeyIsRefused(t *testing.T) {
	t.Parallel()
	d := newHouse(t)
	if _, err := d.store.Pool().Exec(t.Context(), "UPDATE signature_keys SET expires_at = now() - interval '1 day'"); err != nil {
		t.Fatal(err)
	}
	d.open(t)
	wantStatus(t, d.signed(t, notice{}.body()), http.StatusUnauthorized)
	if got := d.only(t); got.Reason != receiver.ReasonKeyExpired || got.Variant != string(cybs.VariantBody) {
		t.Errorf("reason %q, variant %q; want %q and the variant that matched", got.Reason, got.Variant, receiver.ReasonKeyExpired)
	}
}

func TestFormerKeyStillVerifies(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	former := d.key
	d.key = d.newKey(t, d.sub.OrganizationID, "key-2")
	body := notice{}.body()
	wantStatus(t, d.send(t, body, "v-c-signature", cybs.Sign(former, time.Now(), body)), http.StatusOK)
}

func TestKeyMadeAMomentAgoVerifies(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	for i := range 5 {
		d.key = d.newKey(t, d.sub.OrganizationID, fmt.Sprintf("fresh-%d", i))
		// The first signature by it may race with the news of it, which then costs one look into the database a second.
		d.await(t, "a fresh key's acceptance", func() bool {
			return d.signed(t, notice{trace: d.key.ID}.body()).StatusCode == http.StatusOK
		})
	}
}

func TestWebhookIDIsNotKnownWhileASubscriptionIsMade(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	fresh := d.subscribe(t, d.sub.OrganizationID, "")
	address, _ := receiver.EndpointURLs(d.base, fresh.EndpointToken)
	body := notice{webhookID: "just-made"}.body()
	response := d.request(t, http.MethodPost, address, body, "v-c-signature", cybs.Sign(d.key, time.Now(), body))
	wantStatus(t, response, http.StatusOK)
	if got := d.only(t); got.SubscriptionID != fresh.ID || got.WebhookID != "just-made" {
		t.Errorf("stored for subscription %d with webhook id %q; want %d, just-made", got.SubscriptionID, got.WebhookID, fresh.ID)
	}
}

func TestUnsignedEventTypeIsMarkedAsAClaim(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	n := notice{eventType: "tms.invented"}
	wantStatus(t, d.send(t, n.body(), "v-c-signature", cybs.Sign(d.key, time.Now(), n.payload())), http.StatusOK)
	got := d.only(t)
	if got.Verdict != store.Verified || got.EnvelopeSigned || !strings.Contains(got.ReasonDetail, "does not cover the event type") {
		t.Errorf("%s, envelope signed %t, detail %q; want it verified and the event type marked", got.Verdict, got.EnvelopeSigned, got.ReasonDetail)
	}
}

func TestVariantIsRememberedForTheProduct(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	// Signed over the payload, whose bytes are also a body of their own: which variant is tried first decides what is recorded.
	for i := range 3 {
		n := notice{trace: fmt.Sprint(i)}
		wantStatus(t, d.send(t, n.body(), "v-c-signature", cybs.Sign(d.key, time.Now(), n.body()), "v-c-product-name", "tokenManagement"), http.StatusOK)
	}
	n := notice{trace: "other"}
	wantStatus(t, d.send(t, n.body(), "v-c-signature", cybs.Sign(d.key, time.Now(), n.payload())), http.StatusOK)
	if got := d.count(t, "SELECT count(*) FROM deliveries WHERE variant = 'body'"); got != 3 {
		t.Errorf("%d matched over the body, want 3", got)
	}
	if got := d.count(t, "SELECT count(*) FROM deliveries WHERE variant = 'payload-raw'"); got != 1 {
		t.Errorf("%d matched over the payload, want 1: the remembered variant is only tried first", got)
	}
}

func TestKeysThatCannotBeOpenedAreNobodysForgery(t *testing.T) {
	t.Parallel()
	d := newHouse(t)
	if _, err := d.store.Pool().Exec(t.Context(), "UPDATE signature_keys SET sealed_key = '\\x01020304'"); err != nil {
		t.Fatal(err)
	}
	d.open(t)
	wantStatus(t, d.signed(t, notice{}.body()), http.StatusServiceUnavailable)
	if n := d.deliveries(t); n != 0 {
		t.Errorf("%d deliveries stored, want none: Cybersource sends them again", n)
	}
	if strings.Contains(d.log.String(), "sealed_key") || !strings.Contains(d.log.String(), "signature keys cannot be used") {
		t.Errorf("log: %s", d.log)
	}
}

func TestRetiredKeyVerifiesNothingWhateverItsTime(t *testing.T) {
	t.Parallel()
	for name, retired := range map[string]struct {
		at   time.Duration
		want int
	}{
		"a moment ago": {-time.Millisecond, http.StatusUnauthorized}, "long ago": {-48 * time.Hour, http.StatusUnauthorized}, "in an hour": {time.Hour, http.StatusOK},
	} {
		d := newHouse(t)
		if _, err := d.store.Pool().Exec(t.Context(), "UPDATE signature_keys SET retired_at = $1", time.Now().Add(retired.at)); err != nil {
			t.Fatal(err)
		}
		d.open(t)
		wantStatus(t, d.signed(t, notice{}.body()), retired.want)
		if got := d.only(t); retired.want == http.StatusUnauthorized && (got.Reason != receiver.ReasonKeyRetired || got.Variant != string(cybs.VariantBody)) {
			t.Errorf("%s: reason %q, variant %q", name, got.Reason, got.Variant)
		}
	}
}

func TestOneKeyThatCannotBeOpenedStopsOnlyWhatItSigned(t *testing.T) {
	t.Parallel()
	d := newHouse(t)
	if _, err := d.store.Pool().Exec(t.Context(), `INSERT INTO signature_keys (organization_id, key_id, sealed_key, created_at, replaced_at)
		SELECT organization_id, 'sealed-elsewhere', '\x010000000000000000aa', now(), now() FROM signature_keys LIMIT 1`); err != nil {
		t.Fatal(err)
	}
	d.open(t)
	wantStatus(t, d.signed(t, notice{}.body()), http.StatusOK)
	body := notice{}.body()
	other := cybs.Key{ID: "sealed-elsewhere", Secret: cybs.Secret("whatever it may be, nobody knows")}
	wantStatus(t, d.send(t, body, cybs.HeaderSignature, cybs.Sign(other, time.Now(), body)), http.StatusServiceUnavailable)
	if n := d.deliveries(t); n != 1 {
		t.Errorf("%d deliveries are stored, want that of the other key alone", n)
	}
}
