package receiver_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/cybs/sandbox/sandboxtest"
	"github.com/switchboardhq/switchboard/store"
)

// keyMadeElsewhere makes a key at Cybersource that is not stored here.
func (c *counterpart) keyMadeElsewhere(t *testing.T) store.SignatureKey {
	t.Helper()
	key, err := c.client.CreateSignatureKey(t.Context(), sandboxtest.OrganizationID, cybs.SignatureKeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return store.SignatureKey{OrganizationID: c.org.ID, KeyID: key.KeyID, Key: store.Secret(key.Key)}
}

func (c *counterpart) keep(t *testing.T, k store.SignatureKey) {
	t.Helper()
	if _, err := c.store.InsertSignatureKey(t.Context(), k); err != nil {
		t.Fatal(err)
	}
}

// explainAgain has the explainer look at what it explained already.
func (c *counterpart) explainAgain(t *testing.T) {
	t.Helper()
	c.explained(t)
	if _, err := c.store.Pool().Exec(t.Context(), "UPDATE deliveries SET explain_rung = ''"); err != nil {
		t.Fatal(err)
	}
}

// TestEveryRungOfStoredKeysIsReached has Cybersource's side send what only the keys that are stored here explain. With the faults of
// TestEveryFaultOfTheSandboxEndsOnItsRung these are all rungs.
func TestEveryRungOfStoredKeysIsReached(t *testing.T) {
	t.Parallel()
	const event = "tms.networktoken.updated"
	for rung, tc := range map[cybs.Rung]struct {
		prepare func(t *testing.T, c *counterpart, k store.SignatureKey) // k was made at Cybersource and is not stored
		fault   sandbox.Fault
		data    json.RawMessage
		after   func(t *testing.T, c *counterpart, k store.SignatureKey) // nil: it is explained as it arrives
		detail  string
	}{
		cybs.RungKeyOfAnotherOrg: {
			prepare: func(t *testing.T, c *counterpart, k store.SignatureKey) {
				t.Helper()
				k.OrganizationID = c.another(t, "globex", "sandbox").ID
				c.keep(t, k)
			},
			detail: "It belongs to globex. It is genuine",
		},
		cybs.RungKeyOfAnotherEnv: {
			prepare: func(t *testing.T, c *counterpart, k store.SignatureKey) {
				t.Helper()
				k.OrganizationID = c.another(t, sandboxtest.OrganizationID, "production").ID
				c.keep(t, k)
			},
			detail: "It belongs to production. It is genuine",
		},
		cybs.RungWrongEnvironment: {
			prepare: func(t *testing.T, c *counterpart, k store.SignatureKey) {
				t.Helper()
				theirs := k
				theirs.OrganizationID = c.another(t, sandboxtest.OrganizationID, "production").ID
				c.keep(t, theirs)
				k.Key = store.Secret("another secret of the same id")
				c.keep(t, k)
			},
			detail: "production",
		},
		cybs.RungKeyEmpty: {
			prepare: func(t *testing.T, c *counterpart, k store.SignatureKey) {
				t.Helper()
				k.Key = nil
				c.keep(t, k)
			},
		},
		cybs.RungKeyExpired: {
			prepare: func(t *testing.T, c *counterpart, k store.SignatureKey) {
				t.Helper()
				k.ExpiresAt = time.Now().Add(-time.Hour)
				c.keep(t, k)
			},
			detail: "It expired",
		},
		cybs.RungKeyRetired: {
			prepare: func(t *testing.T, c *counterpart, k store.SignatureKey) {
				t.Helper()
				k.RetiredAt = time.Now().Add(-time.Hour)
				c.keep(t, k)
			},
			detail: "It was retired",
		},
		cybs.RungVerifies: {
			prepare: func(*testing.T, *counterpart, store.SignatureKey) {},
			after: func(t *testing.T, c *counterpart, k store.SignatureKey) {
				t.Helper()
				c.keep(t, k)
				c.explainAgain(t)
			},
		},
		cybs.RungKeyReplaced: {
			prepare: func(*testing.T, *counterpart, store.SignatureKey) {},
			after: func(t *testing.T, c *counterpart, k store.SignatureKey) {
				t.Helper()
				c.keep(t, k)
				if _, err := c.store.Pool().Exec(t.Context(), "UPDATE signature_keys SET replaced_at = now() - interval '1 hour' WHERE key_id = $1", k.KeyID); err != nil {
					t.Fatal(err)
				}
				c.explainAgain(t)
			},
			detail: "It was replaced",
		},
		cybs.RungStoppedAtItsLimit: {
			prepare: func(t *testing.T, c *counterpart, _ store.SignatureKey) {
				t.Helper()
				for i := range 40 {
					c.newKey(t, c.org.ID, fmt.Sprint("former-", i))
				}
				c.newSandboxKey(t)
			},
			fault: sandbox.FaultBadSignature, data: json.RawMessage(`{"id":"BBBB0002","text":"` + strings.Repeat("ü/", 300_000) + `"}`),
		},
	} {
		t.Run(string(rung), func(t *testing.T) {
			t.Parallel()
			c := newCounterpart(t)
			c.subscribeTo(t, "tokenManagement", event)
			k := c.keyMadeElsewhere(t)
			tc.prepare(t, c, k)
			if tc.fault == "" {
				tc.fault = sandbox.FaultWrongContentType // harmless, and sent once
			}
			if _, status := c.emit(t, sandbox.EventRequest{EventType: event, Fault: tc.fault, Data: tc.data}); status != 401 {
				t.Fatalf("answered %d, want 401", status)
			}
			c.explained(t)
			if tc.after != nil {
				tc.after(t, c, k)
				c.explained(t)
			}
			if got := c.only(t).Explanation; got.Rung != string(rung) || !strings.Contains(got.Detail, tc.detail) {
				t.Errorf("explained by %q (%s), want %q with %q", got.Rung, got.Detail, rung, tc.detail)
			}
		})
	}
}
