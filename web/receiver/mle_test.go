package receiver_test

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

func TestEveryFormOfEncryptionIsOpenedAndRead(t *testing.T) {
	t.Parallel()
	for _, form := range sandbox.MLEForms() {
		variants := []cybs.Variant{cybs.VariantBody}
		if form == sandbox.MLEEncData || form == sandbox.MLENested { // around the envelope, and within it
			variants = append(variants, cybs.VariantDecrypted, cybs.VariantPayloadRaw)
		}
		for _, variant := range variants {
			t.Run(fmt.Sprintf("%q signed over %s", form, variant), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, viaProxy, func(c *sandbox.Config) {
					c.MLE.Form = form
					c.Delivery.Variants = map[string]cybs.Variant{"tokenManagement": variant}
				})
				w.policy.Encrypted = true
				w.encrypt(t)
				w.subscribe(t)
				const data = `{"id":"OBJ1","status":"OK","card":{"number":"4111111111111111","securityCode":"123"}}`
				_, status := w.emit(t, sandbox.EventRequest{ProductID: "tokenManagement", EventType: eventType, Data: json.RawMessage(data)})
				got := w.only(t)
				if status != http.StatusOK || got.Verdict != store.Verified || got.EventType != eventType {
					t.Fatalf("answered %d, %s %s (%s), event type %q", status, got.Verdict, got.Reason, got.ReasonDetail, got.EventType)
				}
				n, err := w.store.GetNotification(t.Context(), w.notifications(t, 1)[0].ID)
				if err != nil {
					t.Fatal(err)
				}
				text := string(n.Payload)
				if !n.Readable || n.ObjectID != "OBJ1" || !strings.Contains(text, "411111******1111") || strings.Contains(text, "4111111111111111") || strings.Contains(text, `"123"`) {
					t.Errorf("readable %t, object %q, payload %s; want it read and masked", n.Readable, n.ObjectID, text)
				}
				if strings.Contains(string(got.Body), "4111") {
					t.Error("the stored body is not the encrypted one")
				}
				opened, err := w.OpenDelivery(got)
				if err != nil || got.Blanked != 1 || opened.Encryption == nil || !strings.Contains(string(opened.Encryption.Plain), "4111111111111111") || strings.Contains(string(opened.Encryption.Plain), `"123"`) {
					t.Errorf("%d codes were removed, and what is stored opens to %+v, %v; want all but the security code", got.Blanked, opened.Encryption, err)
				}
			})
		}
	}
}

func TestARetryIsFoundThoughItsEncryptionIsAnother(t *testing.T) {
	t.Parallel()
	d, key := newEncryptedDoor(t, store.Policy{Encrypted: true})
	plain := notice{}.body()
	retry := notice{retry: 1, trace: "trace-1"}.body()
	for _, text := range [][]byte{plain, retry} {
		wantStatus(t, d.signed(t, d.sealed(t, key, "kid-1", text)), http.StatusOK)
	}
	if n := d.notifications(t, 1)[0]; n.DeliveryCount != 2 || n.LastRetryNumber != 1 {
		t.Errorf("%d deliveries, last retry %d; want both in one notification", n.DeliveryCount, n.LastRetryNumber)
	}
}

// newMLEKey makes a key for an organization, known to Cybersource by an id.
func (d *door) newMLEKey(t *testing.T, organizationID int64, id string) (*cybs.Certificate, store.MLEKey) {
	t.Helper()
	certificate, err := cybs.NewMLECertificate(cybs.MLECertificateOptions{CommonName: "rest-key", OrganizationID: organization})
	if err != nil {
		t.Fatal(err)
	}
	private, err := certificate.PrivateKeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	key, err := d.store.InsertMLEKey(t.Context(), store.MLEKey{OrganizationID: organizationID, Certificate: certificate.DER(), PrivateKey: store.Secret(private)})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.store.RegisterMLEKey(t.Context(), key.ID, id); err != nil {
		t.Fatal(err)
	}
	return certificate, key
}

func newEncryptedDoor(t *testing.T, p store.Policy) (*door, *cybs.Certificate) {
	t.Helper()
	d := newHouse(t)
	d.demand(t, store.SecurityKey, p)
	key, _ := d.newMLEKey(t, d.sub.OrganizationID, "kid-1")
	d.open(t)
	return d, key
}

// sealed encrypts as Cybersource does, around the whole envelope.
func (d *door) sealed(t *testing.T, key *cybs.Certificate, kid string, plain []byte) []byte {
	t.Helper()
	certificate, err := x509.ParseCertificate(key.DER())
	if err != nil {
		t.Fatal(err)
	}
	text, err := cybs.EncryptMLE(certificate, kid, plain, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return []byte(`{"encData":"` + text + `"}`)
}

func TestWhatCannotBeOpenedIsKeptWithItsReason(t *testing.T) {
	t.Parallel()
	d, key := newEncryptedDoor(t, store.Policy{Encrypted: true})
	stranger, err := cybs.NewMLECertificate(cybs.MLECertificateOptions{CommonName: "x", OrganizationID: "x"})
	if err != nil {
		t.Fatal(err)
	}
	right := d.sealed(t, key, "kid-1", notice{}.body())
	tampered := []byte(strings.Replace(string(right), string(right[len(right)-12:len(right)-8]), "AAAA", 1))
	nested := d.sealed(t, key, "kid-1", []byte("eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln"))
	for name, c := range map[string]struct {
		body         []byte
		signed       []byte // nil: the body
		reason, says string
	}{
		"right":                      {right, nil, "", ""},
		"an unknown name, our key":   {d.sealed(t, key, "other", notice{trace: "2"}.body()), nil, "", "other"},
		"no name, our key":           {d.sealed(t, key, "", notice{trace: "3"}.body()), nil, "", ""},
		"a stranger's key":           {d.sealed(t, stranger, "theirs", notice{}.body()), nil, receiver.ReasonMLEKeyUnknown, "theirs"},
		"our name, a stranger's key": {d.sealed(t, stranger, "kid-1", notice{}.body()), nil, receiver.ReasonMLEWrongKey, "another private key"},
		"nobody's name and key":      {d.sealed(t, stranger, "", notice{}.body()), nil, receiver.ReasonMLEWrongKey, "none of ours"},
		"changed, then signed":       {tampered, nil, receiver.ReasonMLEUndecryptable, "changed after it was encrypted"},
		"signed, then changed":       {tampered, right, receiver.ReasonSignatureMismatch, ""},
		"a token inside":             {nested, nil, receiver.ReasonMLEUndecryptable, "itself a token"},
		"another algorithm":          {[]byte(`{"encData":"eyJhbGciOiJSU0EifQ.QQ.QUFBQUFBQUFBQUFB.QQ.QUFBQUFBQUFBQUFBQUFBQQ"}`), nil, receiver.ReasonMLEUndecryptable, "RSA-OAEP-256"},
		"plain":                      {notice{trace: "4"}.body(), nil, receiver.ReasonMLEMissing, "clear text"},
		"signed in clear, stranger's": {
			d.sealed(t, stranger, "theirs", notice{trace: "5"}.body()), notice{trace: "5"}.body(), receiver.ReasonMLEKeyUnknown, "does not cover it",
		},
		"for another subscription": {d.sealed(t, key, "kid-1", notice{webhookID: "another"}.body()), nil, receiver.ReasonEnvelopeMismatch, "another"},
	} {
		signed := c.signed
		if signed == nil {
			signed = c.body
		}
		response := d.send(t, c.body, "v-c-signature", cybs.Sign(d.key, time.Now(), signed))
		wantStatus(t, response, statusOf(c.reason))
		got := d.newest(t)
		if got.Reason != c.reason || !strings.Contains(got.ReasonDetail, c.says) || string(got.Body) != string(c.body) {
			t.Errorf("%s: reason %q (%s), want %q with %q and its bytes kept", name, got.Reason, got.ReasonDetail, c.reason, c.says)
		}
	}
	d.await(t, "explanations", func() bool {
		return d.count(t, "SELECT count(*) FROM deliveries WHERE verdict = 'rejected' AND explain_rung = ''") == 0
	})
	if n := d.count(t, "SELECT count(*) FROM deliveries WHERE (reason LIKE 'mle_%') <> (explain_rung = 'encryption')"); n != 0 {
		t.Errorf("%d deliveries are explained by something else", n)
	}
}

func TestTestNotificationsComeInClearText(t *testing.T) {
	t.Parallel()
	d, _ := newEncryptedDoor(t, store.Policy{Encrypted: true})
	body := fmt.Appendf(nil, `{"eventType":%q,"webhookId":%q,"organizationId":%q,"eventDate":"2026-11-22T10:00:00","transactionTraceId":"t","payloads":{"testPayload":"yes"}}`, eventType, webhookID, organization)
	wantStatus(t, d.signed(t, body), http.StatusOK)
}

func TestARotatedKeyOpensLateRetriesUntilItIsRetired(t *testing.T) {
	t.Parallel()
	d := newHouse(t)
	former, formerKey := d.newMLEKey(t, d.sub.OrganizationID, "kid-1")
	d.open(t)
	second := d.second(t)
	wantStatus(t, d.signed(t, d.sealed(t, former, "kid-1", notice{}.body())), http.StatusOK)
	// A certificate made on one replica opens at the other one at once.
	next, _ := d.newMLEKey(t, d.sub.OrganizationID, "kid-2")
	for i, at := range []*door{second, d} {
		wantStatus(t, at.signed(t, at.sealed(t, next, "kid-2", notice{trace: fmt.Sprint("new ", i), date: fmt.Sprint(i)}.body())), http.StatusOK)
		wantStatus(t, at.signed(t, at.sealed(t, former, "kid-1", notice{trace: fmt.Sprint("late ", i), retry: i + 1}.body())), http.StatusOK)
	}
	d.await(t, "grouping", func() bool { return d.count(t, "SELECT count(*) FROM grouping_queue") == 0 })
	if n := d.count(t, "SELECT count(*) FROM notifications WHERE NOT readable"); n != 0 {
		t.Errorf("%d notifications were not read", n)
	}
	if err := d.store.RetireMLEKey(t.Context(), formerKey.ID, time.Now(), audit()); err != nil {
		t.Fatal(err)
	}
	for name, at := range map[string]*door{"first": d, "second": second} {
		tries := 0
		at.await(t, "the end of the key at the "+name, func() bool {
			tries++
			at.signed(t, at.sealed(t, former, "kid-1", notice{trace: fmt.Sprint(name, tries)}.body()))
			return at.newest(t).Reason == receiver.ReasonMLEKeyUnknown
		})
	}
}

func TestOAEPWithSHA1IsOpenedWhereItIsAllowed(t *testing.T) {
	t.Parallel()
	for allowed, want := range map[bool]string{true: "", false: receiver.ReasonMLEUndecryptable} {
		w := newWorld(t, viaProxy, func(c *sandbox.Config) { c.MLE.OAEP1 = true })
		w.policy.AllowOAEP = allowed
		w.encrypt(t)
		w.subscribe(t)
		if status := w.happen(t); status != statusOf(want) || w.newest(t).Reason != want {
			t.Errorf("allowed %t: answered %d, %q (%s)", allowed, status, w.newest(t).Reason, w.newest(t).ReasonDetail)
		}
	}
}

func TestAWrongSignatureOverTheDecryptedTextIsExplainedByIt(t *testing.T) {
	t.Parallel()
	d, key := newEncryptedDoor(t, store.Policy{})
	other := d.newKey(t, d.sub.OrganizationID, "key-2")
	plain := notice{}.body()
	signature := cybs.Sign(cybs.Key{ID: d.key.ID, Secret: other.Secret}, time.Now(), plain)
	wantStatus(t, d.send(t, d.sealed(t, key, "kid-1", plain), "v-c-signature", signature), http.StatusUnauthorized)
	if got := d.only(t); got.Reason != receiver.ReasonSignatureMismatch {
		t.Errorf("reason = %q (%s)", got.Reason, got.ReasonDetail)
	}
	d.await(t, "the explanation", func() bool { return d.only(t).Explanation.Rung == string(cybs.RungOtherKey) })
}
