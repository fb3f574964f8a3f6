package web_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/web/receiver"
	"github.com/switchboardhq/switchboard/web/webtest"
)

// explained makes a rejected delivery whose cause was found.
func explained(reason, happened, rung, detail string) func(*store.Delivery) {
	return func(d *store.Delivery) {
		rejectedFor(reason)(d)
		d.ReasonDetail = happened
		d.Explanation = store.Explanation{Rung: rung, Detail: detail}
	}
}

// keepExplained stores a rejected delivery with its explanation.
func (a *archive) keepExplained(d *store.Delivery) {
	a.tb.Helper()
	found := d.Explanation
	a.keep(d)
	a.explain(d, found)
}

// The box of a rejected delivery leads with the cause that was found, and nothing in it contradicts that.
func TestRejectedDeliveryLeadsWithItsCause(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	viewer := a.As(store.RoleViewer)
	const guess = "Key k is known, but gives another signature: the body was changed on its way, or it was signed with another key of that id."
	for name, c := range map[string]struct {
		delivery      *store.Delivery
		title, first  string
		says, advises []string
		not           []string
	}{
		"written anew": {
			a.delivery(time.Now(), `{"n":1}`, explained(receiver.ReasonSignatureMismatch, guess, string(cybs.RungReserialised), "Signed was the compact form.")),
			"Rejected: Body written anew", "The signature fits the same JSON written differently",
			[]string{"Signed was the compact form."},
			[]string{"it must pass bodies on untouched"},
			[]string{"another key of that id"},
		},
		"another key": {
			a.delivery(time.Now(), `{"n":2}`, explained(receiver.ReasonSignatureMismatch, guess, string(cybs.RungOtherKey), "It names a and was made with b.")),
			"Rejected: Made with another key", "The signature was made with another key",
			[]string{"It names a and was made with b."},
			[]string{"two of them are mixed up"},
			[]string{"the body was changed"},
		},
		"no explanation": {
			a.delivery(time.Now(), `{"n":3}`, explained(receiver.ReasonSignatureMismatch, guess, string(cybs.RungNoExplanation), "")),
			"Rejected: No explanation", "Nothing explains the signature",
			[]string{guess},
			[]string{"Look at the source address"},
			nil,
		},
		"clear text of an event type that is never encrypted": {
			a.delivery(time.Now(), `{"n":4}`, explained(receiver.ReasonMLEMissing, "It came in clear text, and this endpoint demands message-level encryption.", receiver.RungEncryption, "")),
			"Rejected: Not encrypted", "it came in clear text", nil,
			[]string{"set encryption to “As the event types need”", "judge this delivery again"},
			[]string{"cannot be opened with the keys"},
		},
		"clear text of an encrypted one": {
			a.delivery(time.Now(), `{"n":5}`, explained(receiver.ReasonMLEMissing, "", receiver.RungEncryption, ""), func(d *store.Delivery) { d.ProductID = "payments" }),
			"Rejected: Not encrypted", "it came in clear text", nil,
			[]string{"whether the encryption certificate is registered"},
			nil,
		},
		"wrong private key": {
			a.delivery(time.Now(), `{"n":6}`, explained(receiver.ReasonMLEWrongKey, "", receiver.RungEncryption, "")),
			"Rejected: Private key does not fit", "belongs to another private key", nil,
			[]string{"Make a new encryption certificate"},
			[]string{"clear text"},
		},
		"expired token": {
			a.delivery(time.Now(), `{"n":7}`, explained(receiver.ReasonTokenExpired, "", receiver.RungToken, "")),
			"Rejected: Expired token", "had ended when the delivery arrived", nil,
			[]string{"compare the clock"},
			nil,
		},
		"no client certificate": {
			a.delivery(time.Now(), `{"n":8}`, explained(receiver.ReasonClientCertificateMissing, "", receiver.RungClientCertificate, "")),
			"Rejected: No client certificate", "the connection came without one", nil,
			[]string{"If a proxy ends TLS"},
			[]string{"Compare its issuer"},
		},
	} {
		a.keepExplained(c.delivery)
		page := viewer.Get(paths.ShowRejected(c.delivery.ID.String())).Wants(http.StatusOK)
		box := page.ByTestID("reason")
		paragraphs := box.All(func(e *webtest.Element) bool { return e.Tag() == "p" })
		text := box.Text()
		if !strings.Contains(text, c.title) {
			t.Errorf("%s: the box says %q, want %q", name, text, c.title)
		}
		i := slices.IndexFunc(paragraphs, func(e *webtest.Element) bool { return strings.Contains(e.Text(), c.first) })
		if i < 0 || i > 1 || i == 1 && strings.Contains(paragraphs[0].Text(), "Key k is known") {
			t.Errorf("%s: the box is %q, want it to begin with %q", name, text, c.first)
		}
		for _, want := range c.says {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the box is %q, want %q in it", name, text, want)
			}
		}
		page.Says(c.advises...)
		for _, wrong := range c.not {
			if strings.Contains(page.ByTestID("reason").Text(), wrong) {
				t.Errorf("%s: the box says %q", name, wrong)
			}
		}
	}
}

// Each fault that the sandbox can produce leads to its cause, and that to advice that fits.
func TestAdviceFitsTheFaultThatProducesIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, []string{"tokenManagement/tms.networktoken.updated"})
	faults := map[sandbox.Fault]struct {
		rung   cybs.Rung
		advice string
	}{
		sandbox.FaultBadSignature:       {cybs.RungNoExplanation, "take it for a forgery"},
		sandbox.FaultMissingSignature:   {cybs.RungSignatureAbsent, "let it pass headers that begin with v-c-"},
		sandbox.FaultMalformedSignature: {cybs.RungSignatureUnread, "something on the way may have cut, joined or quoted it"},
		sandbox.FaultUnknownKey:         {cybs.RungKeyUnknown, "Compare the key id with those in the Business Center"},
		sandbox.FaultStaleTimestamp:     {cybs.RungTooOld, "Compare the clock of this machine"},
		sandbox.FaultFutureTimestamp:    {cybs.RungTooNew, "Compare the clock of this machine"},
	}
	for fault := range faults {
		h.emit(fault)
	}
	viewer := h.As(store.RoleViewer)
	for fault, want := range faults {
		address := paths.With(paths.Rejected, "rung", string(want.rung))
		h.await("the explanation of "+string(fault), func() bool { return len(rows(viewer.Get(address), "rejected-row")) == 1 })
		page := viewer.Get(paths.ShowRejected(rows(viewer.Get(address), "rejected-row")[0])).Wants(http.StatusOK)
		page.Says(want.advice)
	}
}

func TestAlwaysEncryptedIsRefusedForEventTypesThatNeverAre(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	form := filledForm(srv.As(store.RoleEditor)).Set(subscriptions.FieldEvent, tokenUpdated).Set(subscriptions.FieldEncryption, subscriptions.EncryptionAlways)
	form.Submit().Wants(http.StatusUnprocessableEntity).Says("Cybersource does not encrypt tms.networktoken.updated", "As the event types need")
	form.Set(subscriptions.FieldEvent, checkoutResult).Submit().Wants(http.StatusSeeOther)
}
