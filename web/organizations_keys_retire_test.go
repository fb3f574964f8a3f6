package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web/webtest"
)

// answersUntil posts notifications until one is answered as wanted: a change of keys reaches the receiver by a message of the database.
func (ct *court) answersUntil(key cybs.Key, event, want int) {
	ct.tb.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		got := ct.post(key, event, 0)
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			ct.tb.Fatalf("answered %d, want %d", got, want)
		}
		event++
	}
}

func (ct *court) keyNamed(id string) store.SignatureKey {
	ct.tb.Helper()
	keys, err := ct.Store.ListSignatureKeys(ct.tb.Context(), ct.Organization.ID)
	if err != nil {
		ct.tb.Fatal(err)
	}
	for _, k := range keys {
		if k.KeyID == id {
			return k
		}
	}
	ct.tb.Fatalf("no key %s", id)
	return store.SignatureKey{}
}

func TestASignatureKeyIsRetiredAtOnce(t *testing.T) {
	t.Parallel()
	ct := newCourt(t)
	ct.addKey()
	ct.answersUntil(ct.later, 100, http.StatusOK)
	administrator := ct.As(store.RoleAdministrator)
	page := administrator.Get(paths.ShowOrganization(ct.Organization.ID)).Wants(http.StatusOK)
	ask := administrator.Get(page.ByTestID("retire-key").Attr("href")).Wants(http.StatusOK).Says("Cybersource signs with this key now")
	ask.Form("retire-form").Submit().Wants(http.StatusUnprocessableEntity).Says("Say why")
	ask.Form("retire-form").Set("why", "It stood in a chat").Submit().Wants(http.StatusSeeOther).Follow().Says("Retired", "It stood in a chat")
	ct.answersUntil(ct.later, 1000, http.StatusUnauthorized)
	administrator.Get(paths.Rejected).Wants(http.StatusOK).Says("Retired key")
	entries, err := ct.Store.ListAudit(t.Context(), store.AuditFilter{Action: "signature_key.retire"})
	if err != nil || len(entries) != 1 || entries[0].ObjectID != ct.later.ID || entries[0].Detail != "It stood in a chat" || entries[0].OrganizationID != ct.Organization.ID {
		t.Errorf("audit: %+v, %v", entries, err)
	}
	k := ct.keyNamed(ct.later.ID)
	administrator.Get(paths.RetireSignatureKeyOf(ct.Organization.ID, k.ID)).Wants(http.StatusConflict)
	administrator.Post(paths.RetireSignatureKeyOf(ct.Organization.ID, k.ID), url.Values{"why": {"again"}}).Wants(http.StatusConflict)
}

func TestASignatureKeyRetiresAtATime(t *testing.T) {
	t.Parallel()
	ct := newCourt(t)
	ct.addKey()
	k := ct.keyNamed(ct.later.ID)
	path := paths.RetireSignatureKeyOf(ct.Organization.ID, k.ID)
	at := time.Now().UTC().Add(48 * time.Hour).Truncate(time.Minute)
	for name, wrong := range map[string]string{"no time": "", "no date": "tomorrow", "a time gone by": "2001-01-01T00:00", "a time too far": "2999-01-01T00:00"} {
		ct.As(store.RoleAdministrator).Post(path, url.Values{"why": {name}, "when": {"later"}, "at": {wrong}}).Wants(http.StatusUnprocessableEntity)
	}
	ct.As(store.RoleAdministrator).Post(path, url.Values{"why": {"moving"}, "when": {"later"}, "at": {at.Format("2006-01-02T15:04")}}).Wants(http.StatusSeeOther).Follow().Says("In use, retires soon")
	if got := ct.keyNamed(ct.later.ID).RetiredAt; !got.Equal(at) {
		t.Errorf("retires at %s, want %s", got, at)
	}
	ct.answersUntil(ct.later, 10, http.StatusOK)
	for _, role := range []store.Role{store.RoleViewer, store.RoleEditor} {
		ct.As(role).Get(path).Wants(http.StatusForbidden)
		ct.As(role).Post(path, url.Values{"why": {"x"}}).Wants(http.StatusForbidden)
		if ct.As(role).Get(paths.ShowOrganization(ct.Organization.ID)).ByTestID("retire-key").Attr("aria-disabled") != "true" {
			t.Errorf("%s may press it", role)
		}
	}
	other, err := ct.Store.InsertOrganization(t.Context(), store.Organization{OrganizationID: "elsewhere", Environment: ct.Organization.Environment, Name: "E", MerchantID: "elsewhere"}, nil, store.AuditEntry{Actor: "t", Action: "organization.create"})
	if err != nil {
		t.Fatal(err)
	}
	ct.As(store.RoleAdministrator).Post(paths.RetireSignatureKeyOf(other.ID, k.ID), url.Values{"why": {"x"}}).Wants(http.StatusNotFound)
}

func TestReplacedAndFormerKeysEndAfterTheLastRetry(t *testing.T) {
	t.Parallel()
	ct := newCourt(t)
	ct.addKey()
	administrator := ct.As(store.RoleAdministrator)
	for id, state := range map[string]string{"newer": "current", "older": "former"} {
		administrator.Get(paths.NewSignatureKeyOf(ct.Organization.ID)).Wants(http.StatusOK).Form("key-form").
			Set("key_id", id).Set("secret", cybs.Secret(strings.Repeat(id[:1], 32)).Base64()).Set("state", state).Submit().Wants(http.StatusSeeOther)
	}
	for _, id := range []string{ct.later.ID, "older"} {
		k := ct.keyNamed(id)
		// The subscription's policy has three retries, a minute apart; a day is added to the last one.
		if left := time.Until(k.RetiredAt); left < 24*time.Hour || left > 25*time.Hour {
			t.Errorf("%s retires in %s", id, left)
		}
	}
	administrator.Get(paths.ShowOrganization(ct.Organization.ID)).Wants(http.StatusOK).Says("Replaced, verifies late retries", "In use")
	if k := ct.keyNamed("newer"); !k.RetiredAt.IsZero() || !k.ReplacedAt.IsZero() {
		t.Errorf("the newer key: %+v", k)
	}
}

func TestWhatAReplacedKeyVerifiedIsMarked(t *testing.T) {
	t.Parallel()
	ct := newCourt(t)
	ct.addKey()
	ct.answersUntil(ct.later, 1, http.StatusOK)
	before := ct.notificationIDs(1)
	newer := store.SignatureKey{OrganizationID: ct.Organization.ID, KeyID: "newer", Key: store.Secret("thirty-two bytes of a newer key.")}
	if _, err := ct.Store.InsertSignatureKey(t.Context(), newer); err != nil {
		t.Fatal(err)
	}
	if got := ct.post(ct.later, 50, 0); got != http.StatusOK {
		t.Fatalf("a late retry is answered %d", got)
	}
	after := ct.notificationIDs(2)
	viewer := ct.As(store.RoleViewer)
	marked := viewer.Get(paths.Notifications).Wants(http.StatusOK).ByTestID("notifications").All(func(e *webtest.Element) bool {
		return e.Attr("data-testid") == "notification-row" && strings.Contains(e.Text(), "Replaced key")
	})
	if len(marked) != 1 || marked[0].Attr("data-id") != after[0] {
		t.Errorf("%d rows are marked, want the late one", len(marked))
	}
	viewer.Get(paths.ShowNotification(after[0])).Wants(http.StatusOK).Says("Replaced key")
	if !viewer.Get(paths.ShowNotificationTab(after[0], "verification")).Wants(http.StatusOK).Has("replaced-key") {
		t.Error("the verification does not say it")
	}
	if viewer.Get(paths.ShowNotificationTab(before[0], "verification")).Wants(http.StatusOK).Has("replaced-key") {
		t.Error("what came before the replacement is marked")
	}
}

// notificationIDs waits for so many notifications and returns their ids, newest first.
func (ct *court) notificationIDs(n int) []string {
	ct.tb.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		list, err := ct.Store.ListNotifications(ct.tb.Context(), store.NotificationFilter{})
		if err != nil || time.Now().After(deadline) {
			ct.tb.Fatalf("%d notifications, want %d: %v", len(list.Items), n, err)
		}
		if len(list.Items) >= n {
			ids := make([]string, len(list.Items))
			for i, item := range list.Items {
				ids[i] = item.ID.String()
			}
			return ids
		}
	}
}
