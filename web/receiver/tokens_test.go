package receiver_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

func TestTokensAreGivenWithoutTheDatabaseButAssertionsWaitForIt(t *testing.T) {
	t.Parallel()
	d, a := newAssertionDoor(t)
	client, secret := d.newClient(t, d.sub.OrganizationID, 0)
	if reply := d.ask(t, credentials(client, secret)); reply.Status != http.StatusOK { // the door knows the client
		t.Fatalf("answered %d %q", reply.Status, reply.Error)
	}
	bringBack := d.takeAway(t)
	if reply := d.ask(t, credentials(client, secret)); reply.Status != http.StatusOK || reply.Token == "" {
		t.Errorf("a secret without the database: answered %d %q", reply.Status, reply.Error)
	}
	assertion := a.sign(t, a.claims())
	if reply := d.ask(t, assertionForm(assertion)); reply.Status != http.StatusServiceUnavailable || reply.Token != "" || reply.Header.Get("Retry-After") == "" {
		t.Errorf("an assertion without the database: answered %d %q", reply.Status, reply.Error)
	}
	bringBack()
	d.await(t, "the database", func() bool { return d.store.CheckWritable(t.Context()) == nil })
	// It was not used up.
	if reply := d.ask(t, assertionForm(assertion)); reply.Status != http.StatusOK {
		t.Errorf("the same assertion with the database back: answered %d %q", reply.Status, reply.Error)
	}
}

func TestCybersourceMayAskByBasicAndSendTokensWithPings(t *testing.T) {
	t.Parallel()
	w := newWorld(t, viaTLS, func(c *sandbox.Config) { c.OAuth.Basic, c.OAuth.Pings = true, true })
	w.secure(t, withOwn)
	w.subscribe(t)
	if status := w.happen(t); status != http.StatusOK {
		t.Errorf("answered %d, want 200; %s", status, w.newest(t).ReasonDetail)
	}
}

func TestARefusedTokenIsAskedForAgainAndTheDeliveryComesThrough(t *testing.T) {
	t.Parallel()
	w := newWorld(t, viaProxy)
	w.secure(t, withOwn)
	w.subscribe(t)
	if status := w.happen(t); status != http.StatusOK {
		t.Fatalf("answered %d", status)
	}
	// The client in use is retired, and other credentials are stored in its place, as a rotation that went wrong would.
	clients, err := w.store.ListOAuthClients(t.Context(), w.org.ID)
	if err != nil || len(clients) != 1 {
		t.Fatal(clients, err)
	}
	if err := w.store.RetireOAuthClient(t.Context(), clients[0].ID, time.Now(), audit()); err != nil {
		t.Fatal(err)
	}
	tries := 0
	w.await(t, "the refusal", func() bool {
		tries++
		w.happen(t)
		return w.newest(t).Reason == receiver.ReasonTokenRevoked
	})
	next, secret := w.newClient(t, w.org.ID, 0)
	w.security.OAuth.KeyID = w.storeCredentials(t, next, secret)
	if _, err := w.client.UpdateSubscription(t.Context(), w.webhookID(t), cybs.SubscriptionPatch{SecurityPolicy: &w.security}); err != nil {
		t.Fatal(err)
	}
	// The change has the sandbox ping anew before it sends.
	w.await(t, "the delivery after the rotation", func() bool { return w.happen(t) == http.StatusOK })
}

func TestAnotherOrganizationsKeyOpensNothing(t *testing.T) {
	t.Parallel()
	d := newHouse(t)
	other, err := d.store.InsertOrganization(t.Context(), store.Organization{OrganizationID: "globex", Environment: "sandbox", Name: "Globex", MerchantID: "globex"}, nil, audit())
	if err != nil {
		t.Fatal(err)
	}
	theirs, _ := d.newMLEKey(t, other.ID, "theirs")
	d.open(t)
	wantStatus(t, d.signed(t, d.sealed(t, theirs, "theirs", notice{}.body())), http.StatusUnauthorized)
	if got := d.only(t); got.Reason != receiver.ReasonMLEKeyUnknown {
		t.Errorf("reason = %q (%s)", got.Reason, got.ReasonDetail)
	}
}
