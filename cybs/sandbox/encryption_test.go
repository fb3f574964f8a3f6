package sandbox_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/cybs/sandbox/sandboxtest"
)

const (
	checkout      = "unifiedCheckout"
	checkoutEvent = "uc.orders.transactionresults"
)

func toCheckout(in *cybs.SubscriptionInput) {
	in.Products = []cybs.SubscribedProduct{{ProductID: checkout, EventTypes: []string{checkoutEvent}}}
}

func newCertificate(t *testing.T, options cybs.MLECertificateOptions) *cybs.Certificate {
	t.Helper()
	options.CommonName, options.OrganizationID = sandboxtest.KeyID, sandboxtest.OrganizationID
	c, err := cybs.NewMLECertificate(options)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// storeCertificate makes a certificate and stores it.
func (h *house) storeCertificate(t *testing.T) cybs.MLEKey {
	t.Helper()
	c := newCertificate(t, cybs.MLECertificateOptions{})
	stored, err := h.client.StoreMLECertificate(t.Context(), sandboxtest.OrganizationID, c, cybs.KeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !stored.ExpiresAt.Equal(c.NotAfter().Truncate(time.Second)) {
		t.Errorf("stored until %s, certificate ends %s", stored.ExpiresAt, c.NotAfter())
	}
	return cybs.MLEKey{ID: stored.KeyID, Certificate: c}
}

// open decrypts a delivery and verifies it with its clear text at hand.
func (h *house) open(t *testing.T, got received, keys cybs.MLEKeys) (*cybs.Notification, cybs.Verification) {
	t.Helper()
	n, err := cybs.OpenNotification(got.Header, got.Body, keys)
	if err != nil {
		t.Fatalf("open %.80s: %v", got.Body, err)
	}
	v, err := cybs.Verify(cybs.VerifyInput{
		Signature: got.Header.Get(cybs.HeaderSignature), Body: got.Body, Decrypted: n.Encryption.Plain, Now: time.Now(),
		LookupKey: func(id string) (cybs.Key, bool) { return cybs.Key{ID: id, Secret: h.key.Key}, id == h.key.KeyID },
	})
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	return n, v
}

func TestEncryptedNotificationsComeInEveryWireForm(t *testing.T) {
	t.Parallel()
	wraps := map[sandbox.MLEForm]cybs.Wrapping{
		sandbox.MLEEncData: cybs.WrapEncData, sandbox.MLECompact: cybs.WrapBare, sandbox.MLEEncryptedRequest: cybs.WrapEncryptedRequest,
		sandbox.MLEEncryptedPayload: cybs.WrapEncryptedPayload, sandbox.MLEEncryptedResponse: cybs.WrapEncryptedResponse,
		sandbox.MLENested: cybs.WrapPayload,
	}
	for _, form := range sandbox.MLEForms() {
		t.Run("form "+string(form), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, func(c *sandbox.Config) { c.MLE.Form = form })
			key := h.storeCertificate(t)
			sub := h.subscribe(t, toCheckout)
			h.emit(t, sandbox.EventRequest{ProductID: checkout, EventType: checkoutEvent, Data: json.RawMessage(`{"clear":"text <&> é"}`)})
			got := h.receiver.next(t)
			if strings.Contains(string(got.Body), "clear") {
				t.Fatalf("body is readable: %s", got.Body)
			}
			n, v := h.open(t, got, cybs.MLEKeys{Keys: []cybs.MLEKey{key}})
			if v.Variant != cybs.VariantBody {
				t.Errorf("signature covers %s, want the body", v.Variant)
			}
			e := n.Encryption
			if e.Wrapping != wraps[form] || !e.KeyNamed || e.Header.Algorithm != "RSA-OAEP-256" || e.Header.Encryption != "A256GCM" ||
				e.Header.KeyID != key.ID || e.Header.IssuedAt.IsZero() {
				t.Errorf("wrapped as %s with header %+v", e.Wrapping, e.Header)
			}
			if string(n.Payload) != `{"clear":"text <&> é"}` || n.WebhookID != sub.WebhookID || n.EventType != checkoutEvent || len(n.Conflicts) > 0 {
				t.Errorf("opened %+v", n)
			}
		})
	}
}

func TestEncryptionSwitches(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change  func(*sandbox.Config)
		alg     string
		named   bool
		variant cybs.Variant
	}{
		"RSA-OAEP":          {func(c *sandbox.Config) { c.MLE.OAEP1 = true }, "RSA-OAEP", true, cybs.VariantBody},
		"no kid":            {func(c *sandbox.Config) { c.MLE.WithoutKeyID = true }, "RSA-OAEP-256", false, cybs.VariantBody},
		"clear text signed": {variantOf(checkout, cybs.VariantDecrypted), "RSA-OAEP-256", true, cybs.VariantDecrypted},
		"clear text signed, nested": {func(c *sandbox.Config) {
			variantOf(checkout, cybs.VariantDecrypted)(c)
			c.MLE.Form = sandbox.MLENested
		}, "RSA-OAEP-256", true, cybs.VariantDecrypted},
		"payload signed, nested": {func(c *sandbox.Config) {
			variantOf(checkout, cybs.VariantPayloadRaw)(c)
			c.MLE.Form = sandbox.MLENested
		}, "RSA-OAEP-256", true, cybs.VariantPayloadRaw},
		"listed by event": {func(c *sandbox.Config) { c.MLE.Events = []string{checkoutEvent} }, "RSA-OAEP-256", true, cybs.VariantBody},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, c.change)
			key := h.storeCertificate(t)
			h.subscribe(t, toCheckout)
			h.emit(t, sandbox.EventRequest{ProductID: checkout, EventType: checkoutEvent})
			n, v := h.open(t, h.receiver.next(t), cybs.MLEKeys{Keys: []cybs.MLEKey{key}, AllowOAEP: true})
			if n.Encryption.Header.Algorithm != c.alg || n.Encryption.KeyNamed != c.named || v.Variant != c.variant {
				t.Errorf("got %+v, named %v, signed %s", n.Encryption.Header, n.Encryption.KeyNamed, v.Variant)
			}
		})
	}
}

func variantOf(productID string, v cybs.Variant) func(*sandbox.Config) {
	return func(c *sandbox.Config) { c.Delivery.Variants = map[string]cybs.Variant{productID: v} }
}

func TestSubjectSerialCanBeTheKeyID(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *sandbox.Config) { c.MLE.SubjectKeyID = true })
	pub, _, private := storedPair(t)
	status, _, body := raw(t, h.Server, http.MethodPost, keysAsym, withPub(pub))
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	h.subscribe(t, toCheckout)
	h.emit(t, sandbox.EventRequest{ProductID: checkout, EventType: checkoutEvent})
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := base64.StdEncoding.DecodeString(pub)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := cybs.ParseCertificate(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: decoded}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	n, _ := h.open(t, h.receiver.next(t), cybs.MLEKeys{Keys: []cybs.MLEKey{{Certificate: certificate}}})
	if got := n.Encryption.Header.KeyID; got != certificate.KeyID() || got == "" {
		t.Errorf("kid is %q, want %q", got, certificate.KeyID())
	}
}

const keysAsym = "/kms/egress/v2/keys-asym"

func withPub(pub string) string {
	return strings.Replace(key2("sandbox_org", "nrtd"), `"keyType"`, `"pub":"`+pub+`","keyType"`, 1)
}

// encryptedEvents lists the events whose payloadEncryption the products call shows as true.
func (h *house) encryptedEvents(t *testing.T) []string {
	t.Helper()
	products, err := h.client.ListProducts(t.Context(), sandboxtest.OrganizationID)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, p := range products {
		for _, e := range p.EventTypes {
			if e.PayloadEncryption {
				list = append(list, e.Name)
			}
		}
	}
	return list
}

func TestPolicyDecidesWhatIsEncrypted(t *testing.T) {
	t.Parallel()
	policy := func(p sandbox.MLEPolicy) func(*sandbox.Config) { return func(c *sandbox.Config) { c.MLE.Policy = p } }
	for name, c := range map[string]struct {
		change    func(*sandbox.Config)
		stored    bool
		shown     int // events with payloadEncryption
		outcome   sandbox.Outcome
		encrypted bool
	}{
		"without certificate":           {policy(sandbox.MLEWithCertificate), false, 0, sandbox.OutcomeDelivered, false},
		"with certificate":              {policy(sandbox.MLEWithCertificate), true, 15, sandbox.OutcomeDelivered, true},
		"required, without certificate": {policy(sandbox.MLERequired), false, 15, sandbox.OutcomeDropped, false},
		"off":                           {policy(sandbox.MLEOff), true, 0, sandbox.OutcomeDelivered, false},
		"another event":                 {func(c *sandbox.Config) { c.MLE.Events = []string{"eCheck"} }, true, 6, sandbox.OutcomeDelivered, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, c.change)
			if c.stored {
				h.storeCertificate(t)
			}
			if got := h.encryptedEvents(t); len(got) != c.shown || c.shown == 15 && !slices.Contains(got, checkoutEvent) {
				t.Errorf("payloadEncryption is shown for %d: %v, want %d", len(got), got, c.shown)
			}
			h.subscribe(t, toCheckout)
			h.emit(t, sandbox.EventRequest{ProductID: checkout, EventType: checkoutEvent})
			var last sandbox.Attempt
			h.Await(t, "the attempt", func() bool {
				list := h.Deliveries(sandbox.DeliveryQuery{Kind: sandbox.KindNotification})
				if len(list) == 1 {
					last = list[0]
				}
				return len(list) == 1
			})
			if last.Outcome != c.outcome || last.Encrypted != c.encrypted {
				t.Errorf("got %s, encrypted %v", last.Outcome, last.Encrypted)
			}
		})
	}
}

func TestNewestCertificateEncryptsAndAnExpiredOneDoesNot(t *testing.T) {
	t.Parallel()
	clock := newClock()
	h := newHouse(t, func(c *sandbox.Config) { c.Now = clock.now })
	h.subscribe(t, toCheckout)
	old, newer := h.storeCertificate(t), h.storeCertificate(t)
	keys := cybs.MLEKeys{Keys: []cybs.MLEKey{old, newer}}
	h.emit(t, sandbox.EventRequest{ProductID: checkout, EventType: checkoutEvent})
	if n, _ := h.open(t, h.receiver.next(t), keys); n.Encryption.Key.ID != newer.ID {
		t.Error("encrypted to the older certificate")
	}
	clock.advance(400 * 24 * time.Hour)
	h.emit(t, sandbox.EventRequest{ProductID: checkout, EventType: checkoutEvent})
	h.Await(t, "the dropped event", func() bool {
		list := h.Deliveries(sandbox.DeliveryQuery{Kind: sandbox.KindNotification, Limit: 1})
		return len(list) == 1 && list[0].Outcome == sandbox.OutcomeDropped && strings.Contains(list[0].Error, "expired")
	})
}

func TestCertificatesThatAreRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *sandbox.Config) { c.MLE.MaxValidity, c.MLE.RefuseExpired = 90*24*time.Hour, true })
	_, err := h.client.StoreMLECertificate(t.Context(), sandboxtest.OrganizationID, newCertificate(t, cybs.MLECertificateOptions{}), cybs.KeyOptions{})
	if !errors.Is(err, cybs.ErrValidityTooLong) {
		t.Errorf("365 days: got %v, want ErrValidityTooLong", err)
	}
	const days = 24 * time.Hour
	good := newCertificate(t, cybs.MLECertificateOptions{Validity: 90 * days})
	if _, err := h.client.StoreMLECertificate(t.Context(), sandboxtest.OrganizationID, good, cybs.KeyOptions{}); err != nil {
		t.Errorf("90 days: %v", err)
	}
	text := base64.StdEncoding.EncodeToString(good.DER())
	expired := newCertificate(t, cybs.MLECertificateOptions{Validity: days, NotBefore: time.Now().Add(-2 * days)})
	early := newCertificate(t, cybs.MLECertificateOptions{Validity: days, NotBefore: time.Now().Add(2 * days)})
	_, pvt, _ := storedPair(t)
	for name, c := range map[string]struct{ body, want string }{
		"expired":                {withPub(base64.StdEncoding.EncodeToString(expired.DER())), "Key invalid or validity too long"},
		"not yet valid":          {withPub(base64.StdEncoding.EncodeToString(early.DER())), "Key invalid or validity too long"},
		"elliptic curve":         {withPub(curve(t)), "Key invalid or validity too long"},
		"short key":              {withPub(shortKey(t)), "Key invalid or validity too long"},
		"with line breaks":       {withPub(text[:64] + `\n` + text[64:]), "Key invalid or validity too long"},
		"PEM":                    {withPub("-----BEGIN CERTIFICATE-----" + text), "Key invalid or validity too long"},
		"another's private key":  {strings.Replace(withPub(text), `"pub"`, `"pvt":"`+pvt+`","pub"`, 1), `"keyInformation.pvt"`},
		"private key that isn't": {strings.Replace(withPub(text), `"pub"`, `"pvt":"AAAA","pub"`, 1), `"keyInformation.pvt"`},
		"no certificate":         {key2("sandbox_org", "nrtd"), `{"field":"keyInformation.pub","reason":"MISSING_FIELD"}`},
	} {
		status, _, body := raw(t, h.Server, http.MethodPost, keysAsym, c.body)
		if status != http.StatusBadRequest || !strings.Contains(body, c.want) {
			t.Errorf("%s: got %d %s, want 400 with %s", name, status, body, c.want)
		}
	}
}

// curve is a certificate of a key that cannot wrap.
func curve(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return selfSigned(t, key)
}

// shortKey is a certificate of a key that is too short.
func shortKey(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // G403: that is the point
	if err != nil {
		t.Fatal(err)
	}
	return selfSigned(t, key)
}

func selfSigned(t *testing.T, key crypto.Signer) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

func TestExpiredCertificateIsStoredAsPublishedExampleShows(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const days = 24 * time.Hour
	c := newCertificate(t, cybs.MLECertificateOptions{Validity: days, NotBefore: time.Now().Add(-2 * days)})
	status, _, body := raw(t, h.Server, http.MethodPost, keysAsym, withPub(base64.StdEncoding.EncodeToString(c.DER())))
	if status != http.StatusCreated || !strings.Contains(body, c.NotAfter().UTC().Format("2006-01-02T15:04:05Z")) {
		t.Errorf("got %d %s", status, body)
	}
}
