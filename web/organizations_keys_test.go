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
)

func TestAKeyMadeElsewhereIsAddedAndHealsWhatItSigned(t *testing.T) {
	t.Parallel()
	ct := newCourt(t)
	ct.quarantine(2, 1)
	administrator := ct.As(store.RoleAdministrator)
	ids := rows(administrator.Get(paths.Rejected), "rejected-row")
	rejected := administrator.Get(paths.ShowRejected(ids[len(ids)-1])).Wants(http.StatusOK)
	form := administrator.Get(rejected.ByTestID("add-its-key").Attr("href")).Wants(http.StatusOK).Form("key-form")
	if got := form.Values.Get("key_id"); got != ct.later.ID {
		t.Errorf("the form has key id %q, want that of the delivery", got)
	}
	organization := form.Set("secret", ct.later.Secret.Base64()).Set("ends", "2030-01-31").Submit().Wants(http.StatusSeeOther).Follow().Wants(http.StatusOK)
	organization.Says("The key is stored", ct.later.ID, "In use")
	if page := judge(administrator, administrator.Get(paths.Rejected).Says("2 rejected deliveries may pass now")); page.Heading() != "2 of 3 now pass" {
		t.Errorf("judged again: %q", page.Heading())
	}
	if status := ct.post(ct.later, 7, 0); status != http.StatusOK {
		t.Errorf("what the key signs now is answered %d", status)
	}
	keys, err := ct.Store.SignatureKeys(t.Context(), ct.Organization.ID)
	if err != nil || len(keys) != 1 || string(keys[0].Key) != string(ct.later.Secret) || !keys[0].ExpiresAt.Equal(time.Date(2030, 1, 31, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("stored: %d keys, %v", len(keys), err)
	}
	entries, err := ct.Store.ListAudit(t.Context(), store.AuditFilter{Action: "signature_key.add"})
	if err != nil || len(entries) != 1 || entries[0].ObjectID != ct.later.ID || strings.Contains(string(entries[0].After), ct.later.Secret.Base64()) {
		t.Errorf("audit: %+v, %v", entries, err)
	}
	if strings.Contains(ct.Logged(), ct.later.Secret.Base64()) {
		t.Error("the log holds the key")
	}
}

func TestAFormerKeyDoesNotReplaceThePresentOne(t *testing.T) {
	t.Parallel()
	ct := newCourt(t)
	ct.addKey()
	administrator := ct.As(store.RoleAdministrator)
	administrator.Get(paths.NewSignatureKeyOf(ct.Organization.ID)).Wants(http.StatusOK).Form("key-form").
		Set("key_id", "former").Set("secret", cybs.Secret(strings.Repeat("f", 32)).Base64()).Set("state", "former").Submit().Wants(http.StatusSeeOther)
	keys, err := ct.Store.ListSignatureKeys(t.Context(), ct.Organization.ID)
	if err != nil || len(keys) != 2 || keys[0].KeyID != "former" || keys[0].ReplacedAt.IsZero() || !keys[1].ReplacedAt.IsZero() {
		t.Errorf("keys: %+v, %v", keys, err)
	}
}

func TestAKeyThatCannotBeOneIsRefused(t *testing.T) {
	t.Parallel()
	ct := newCourt(t)
	ct.addKey()
	good := cybs.Secret(strings.Repeat("g", 32)).Base64()
	for name, change := range map[string][2]string{
		"no id": {"key_id", ""}, "an id with spaces": {"key_id", "a b"}, "an id that is there": {"key_id", ct.later.ID}, "no secret": {"secret", ""},
		"not base64": {"secret", "???"}, "a short secret": {"secret", "AAAA"}, "no state": {"state", "frog"}, "no date": {"ends", "tomorrow"},
	} {
		values := url.Values{"key_id": {"new"}, "secret": {good}, "state": {"current"}, "ends": {""}}
		values.Set(change[0], change[1])
		page := ct.As(store.RoleAdministrator).Post(paths.SignatureKeysOf(ct.Organization.ID), values).Wants(http.StatusUnprocessableEntity)
		if !page.Has("error-summary") || strings.Contains(page.Body, good) {
			t.Errorf("%s: no error is shown, or the key is sent back", name)
		}
	}
	for _, role := range []store.Role{store.RoleViewer, store.RoleEditor} {
		ct.As(role).Get(paths.NewSignatureKeyOf(ct.Organization.ID)).Wants(http.StatusForbidden)
		ct.As(role).Post(paths.SignatureKeysOf(ct.Organization.ID), url.Values{"key_id": {"new"}, "secret": {good}, "state": {"current"}}).Wants(http.StatusForbidden)
		if ct.As(role).Get(paths.ShowOrganization(ct.Organization.ID)).Wants(http.StatusOK).ByTestID("new-key").Attr("aria-disabled") != "true" {
			t.Errorf("%s may press it", role)
		}
	}
	keys, err := ct.Store.ListSignatureKeys(t.Context(), ct.Organization.ID)
	if err != nil || len(keys) != 1 {
		t.Errorf("%d keys, %v; want the one that was there", len(keys), err)
	}
}
