package jobs_test

import (
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/jobs"
	"github.com/switchboardhq/switchboard/store"
)

// announce has a subscription demand a token besides, as the console does before it tells Cybersource.
func (h *house) announce(t *testing.T, sub store.Subscription) store.Subscription {
	t.Helper()
	client, secret, err := h.store.InsertOAuthClient(t.Context(), store.OAuthClient{OrganizationID: h.org.ID, SubscriptionID: sub.ID, Method: store.ClientSecret})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := h.client.StoreOAuthCredentials(t.Context(), h.org.OrganizationID, cybs.OAuthCredentials{ClientID: client.ClientID, ClientSecret: cybs.Secret(secret)}, cybs.KeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.store.SetOAuthClientKey(t.Context(), client.ID, kept.KeyID, kept.ExpiresAt); err != nil {
		t.Fatal(err)
	}
	p := sub.Policy
	p.Former = &store.FormerDemands{
		SecurityType: store.SecurityOAuth, OAuth: store.OAuthSettings{URL: h.base + "/oauth/token", ClientID: client.ClientID, KeyID: kept.KeyID},
		Announced: true, Until: time.Now().Add(time.Hour),
	}
	if err := h.store.SetSubscriptionPolicy(t.Context(), sub.ID, sub.SecurityType, p); err != nil {
		t.Fatal(err)
	}
	return h.get(t, sub.ID)
}

func TestChangeThatCybersourceHasTakenOverIsKept(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sub := h.announce(t, h.subscribe(t))
	told := jobs.ToldPolicy(store.SecurityOAuth, sub.Policy.Former.OAuth)
	if _, err := h.client.UpdateSubscription(t.Context(), sub.WebhookID, cybs.SubscriptionPatch{SecurityPolicy: &told}); err != nil {
		t.Fatal(err)
	}
	h.start(t)
	h.await(t, "the change", func() bool { return h.get(t, sub.ID).SecurityType == store.SecurityOAuth })
	now := h.get(t, sub.ID)
	if now.Policy.OAuth != sub.Policy.Former.OAuth {
		t.Errorf("what Cybersource was told is %+v, want %+v", now.Policy.OAuth, sub.Policy.Former.OAuth)
	}
	if f := now.Policy.Former; f == nil || f.Announced || f.SecurityType != store.SecurityKey || time.Until(f.Until) < time.Minute {
		t.Errorf("accepted besides is %+v, want what was demanded before", f)
	}
	if !now.UpdatedAt.Equal(sub.UpdatedAt) {
		t.Error("settling counts as a change by a person")
	}
}

func TestChangeThatCybersourceHasNotTakenOverIsDropped(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sub := h.announce(t, h.subscribe(t))
	h.start(t)
	h.await(t, "the end of the announcement", func() bool { return h.get(t, sub.ID).Policy.Former == nil })
	if now := h.get(t, sub.ID); now.SecurityType != store.SecurityKey || now.Policy.OAuth != (store.OAuthSettings{}) {
		t.Errorf("stored is %s with %+v", now.SecurityType, now.Policy.OAuth)
	}
}

func TestChangeUnderWayIsLeftAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sub := h.announce(t, h.subscribe(t))
	unlock, err := h.store.LockOrganization(t.Context(), h.org.ID)
	if err != nil {
		t.Fatal(err)
	}
	j := h.start(t, func(c *jobs.Config) { c.SyncInterval = time.Hour })
	h.awaitStatus(t, sub.ID, store.StatusActive)
	if now := h.get(t, sub.ID); now.Policy.Former == nil || !now.Policy.Former.Announced {
		t.Errorf("while somebody changes it, accepted besides is %+v", now.Policy.Former)
	}
	unlock()
	if err := j.SyncSubscription(t.Context(), sub.ID); err != nil {
		t.Fatal(err)
	}
	h.await(t, "the end of the announcement", func() bool { return h.get(t, sub.ID).Policy.Former == nil })
}

func TestClientsThatNothingNamesAreRetired(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	kept, deleted := h.announce(t, h.subscribe(t)), h.insert(t)
	add := func(sub store.Subscription) store.OAuthClient {
		c, _, err := h.store.InsertOAuthClient(t.Context(), store.OAuthClient{OrganizationID: h.org.ID, SubscriptionID: sub.ID, Method: store.ClientSecret})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	stray, ofDeleted, ofAll := add(kept), add(deleted), add(store.Subscription{})
	if err := h.store.DeleteSubscription(t.Context(), deleted.ID); err != nil {
		t.Fatal(err)
	}
	// The organization is locked, so that nothing is settled meanwhile.
	unlock, err := h.store.LockOrganization(t.Context(), h.org.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	living := func() map[string]bool {
		list, err := h.store.ListLivingOAuthClients(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ids := map[string]bool{}
		for _, c := range list {
			ids[c.ClientID] = true
		}
		return ids
	}
	if n, err := h.store.RetireStrayOAuthClients(t.Context(), 0, time.Now().Add(-10*time.Minute), audit()); n != 0 || err != nil {
		t.Fatalf("%d clients were retired at once, %v; their change may still be under way", n, err)
	}
	h.ahead.Store(int64(time.Hour))
	h.start(t)
	h.await(t, "the end of the strays", func() bool { return len(living()) == 2 })
	got := living()
	if got[stray.ClientID] || got[ofDeleted.ClientID] || !got[ofAll.ClientID] || !got[kept.Policy.Former.OAuth.ClientID] {
		t.Errorf("those that count are %v", got)
	}
	entries, err := h.store.ListAudit(t.Context(), store.AuditFilter{Action: "oauth_client.retire"})
	if err != nil || len(entries) != 2 || entries[0].Actor != "switchboard" {
		t.Errorf("audited are %+v, %v", entries, err)
	}
}
