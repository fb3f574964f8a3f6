package web_test

import (
	"bytes"
	"crypto/sha256"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// stored returns the deliveries in order of arrival.
func (v *vault) stored(t *testing.T) []store.Delivery {
	t.Helper()
	rows, _ := v.Store.Pool().Query(t.Context(), "SELECT id FROM deliveries ORDER BY id")
	ids, err := pgx.CollectRows(rows, pgx.RowTo[store.ID])
	if err != nil {
		t.Fatal(err)
	}
	list := make([]store.Delivery, len(ids))
	for i, id := range ids {
		if list[i], err = v.Store.GetDelivery(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if list[i].Body, err = v.Store.DeliveryBody(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func (v *vault) notification(member string) []byte {
	return []byte(`{"webhookId":"` + v.Subscription.WebhookID + `","eventType":"tms.networktoken.updated","productId":"tokenManagement","eventDate":"2026-03-04T05:06:07",` +
		`"payload":[{"data":{"number":"4111111111111111",` + member + `},"organizationId":"child_org"}]}`)
}

func TestSecurityCodesAreNotEvenStoredSealed(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	codes := []string{`"cvv":"98765"`, `"cvc2":98765`, `"securityCode":{"value":"98765"}`, `"pinBlock":["98765"]`, `"note":"a=1&cvv=98765"`, `"text":"{\"cvn\":\"98765\"}"`, `"track2":"4111111111111111=29121010000098765"`}
	for _, member := range codes {
		v.post(t, v.notification(member), true, http.Header{}, "")
		v.post(t, v.notification(member), true, http.Header{}, "") // a repeated one is known by the digest of what arrived
		unknown := cybs.Sign(cybs.Key{ID: "11111111-0000-4000-8000-000000000000", Secret: cybs.Secret("another")}, time.Now(), v.notification(member))
		v.post(t, v.notification(member), false, http.Header{cybs.HeaderSignature: {unknown}}, "")
	}
	v.settle()
	list := v.stored(t)
	if len(list) != 2*len(codes) {
		t.Errorf("%d deliveries are stored, want %d: what is sent twice is stored once", len(list), 2*len(codes))
	}
	viewer := v.As(store.RoleViewer)
	for i, d := range list {
		arrived := v.notification(codes[i/2])
		if d.Blanked != 1 || bytes.Contains(d.Body, []byte("98765")) || !bytes.Contains(d.Body, []byte(`"number":"4111111111111111"`)) {
			t.Errorf("%d codes were removed from %s, and %s is kept", d.Blanked, arrived, d.Body)
		}
		if d.BodySHA256 != sha256.Sum256(arrived) || d.BodyBytes != len(arrived) {
			t.Errorf("size and digest of %s are not those of what arrived", d.Body)
		}
		page := paths.ShowNotification(d.ID.String())
		if d.Verdict == store.Rejected {
			page = paths.With(paths.ShowRejected(d.ID.String()), "tab", "payload")
		}
		viewer.Get(page).Wants(http.StatusOK).Says("1 security code or piece of track data was removed before the body was stored")
	}
	v.judgedAgain(t)
}

// judgedAgain shows that a rejected delivery without its codes says why it cannot be verified again.
func (v *vault) judgedAgain(t *testing.T) {
	t.Helper()
	j, err := v.Store.InsertJudgement(t.Context(), store.Judgement{Actor: "test", Why: "a key was added", Filter: store.RejectedFilter{Organizations: []int64{v.Organization.ID}}},
		store.AuditEntry{Actor: "test", Action: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.receiver.JudgeAgain(t.Context(), j.ID); err != nil {
		t.Fatal(err)
	}
	page, err := v.Store.ListJudged(t.Context(), j.ID, "", store.Page{})
	if err != nil || len(page.Items) == 0 {
		t.Fatalf("%d were judged again: %v", len(page.Items), err)
	}
	for _, d := range page.Items {
		if d.Outcome != store.OutcomeNotJudged || d.Reason != receiver.NotKeptCodes {
			t.Errorf("judged again, a delivery without its codes is %s for %s", d.Outcome, d.Reason)
		}
	}
}

func TestSecurityCodesAreKeptWhereThatIsAskedFor(t *testing.T) {
	t.Parallel()
	v := newVault(t, func(c *receiver.Config) { c.KeepSecurityCodes = true })
	body := v.notification(`"cvv":"987"`)
	v.post(t, body, true, http.Header{}, "")
	v.settle()
	if d := v.stored(t)[0]; d.Blanked != 0 || !bytes.Equal(d.Body, body) {
		t.Errorf("%d codes were removed, and %s is kept", d.Blanked, d.Body)
	}
	if page := v.As(store.RoleViewer).Get(paths.Notifications); bytes.Contains([]byte(page.Body), []byte("987")) {
		t.Error("a code is shown")
	}
}
