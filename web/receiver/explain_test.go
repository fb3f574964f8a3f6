package receiver_test

import (
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

// explained waits until nothing waits for its explanation.
func (d *door) explained(t *testing.T) {
	t.Helper()
	d.await(t, "explaining", func() bool {
		return d.count(t, "SELECT count(*) FROM deliveries WHERE verdict = 'rejected' AND explain_rung = ''") == 0
	})
}

func TestEveryFaultOfTheSandboxEndsOnItsRung(t *testing.T) {
	t.Parallel()
	const event = "tms.networktoken.updated"
	rungs := map[sandbox.Fault]cybs.Rung{
		sandbox.FaultBadSignature:       cybs.RungNoExplanation,
		sandbox.FaultMissingSignature:   cybs.RungSignatureAbsent,
		sandbox.FaultMalformedSignature: cybs.RungSignatureUnread,
		sandbox.FaultUnknownKey:         cybs.RungKeyUnknown,
		sandbox.FaultStaleTimestamp:     cybs.RungTooOld,
		sandbox.FaultFutureTimestamp:    cybs.RungTooNew,
		sandbox.FaultTamperedBody:       cybs.RungNoExplanation,
		sandbox.FaultByteOrderMark:      cybs.RungByteOrderMark,
		sandbox.FaultLineEnd:            cybs.RungLineEnding,
		sandbox.FaultEscapedBody:        cybs.RungReserialised,
		sandbox.FaultCharset:            cybs.RungCharset,
		sandbox.FaultCompressed:         cybs.RungCompressed,
		sandbox.FaultNoTimestamp:        cybs.RungNoTimestamp,
		sandbox.FaultKeyText:            cybs.RungKeyNotDecoded,
		sandbox.FaultSwappedKey:         cybs.RungOtherKey,
		// Taken, and therefore not explained.
		sandbox.FaultReplacedKey: "", sandbox.FaultReencodedBody: "", sandbox.FaultDuplicate: "", sandbox.FaultNotJSON: "",
		sandbox.FaultWrongContentType: "", sandbox.FaultOutOfOrder: "", sandbox.FaultBurst: "", sandbox.FaultSlowSender: "",
		sandbox.FaultLostAttempt: "", sandbox.FaultLostAnswer: "",
		// Refused before there is anything to explain.
		sandbox.FaultOversized: "", sandbox.FaultTruncated: "",
	}
	for _, fault := range sandbox.Faults() {
		want, ok := rungs[fault]
		if !ok {
			t.Errorf("%s is in no list of this test", fault)
			continue
		}
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			c := newCounterpart(t)
			c.newSandboxKey(t) // so that there is a former one
			c.subscribeTo(t, "tokenManagement", event)
			result, err := c.sandbox.Emit(t.Context(), sandbox.EventRequest{ProductID: "tokenManagement", EventType: event, Fault: fault})
			if err != nil || len(result.TraceIDs) == 0 {
				t.Fatalf("emit: %+v, %v", result, err)
			}
			c.sandbox.Await(t, "the answers", func() bool {
				answered := 0
				for _, a := range c.sandbox.Deliveries(sandbox.DeliveryQuery{}) {
					if a.Kind == sandbox.KindNotification && a.Outcome != "" {
						answered++
					}
				}
				return answered >= len(result.TraceIDs)
			})
			c.explained(t)
			if want == "" {
				if n := c.count(t, "SELECT count(*) FROM deliveries WHERE verdict = 'rejected' OR explain_rung <> ''"); n != 0 {
					t.Errorf("%d deliveries are rejected or explained, want none", n)
				}
				return
			}
			if got := c.only(t).Explanation; got.Rung != string(want) {
				t.Errorf("explained by %q (%s), want %q", got.Rung, got.Detail, want)
			}
		})
	}
}

// another makes another organization.
func (d *door) another(t *testing.T, name, environment string) store.Organization {
	t.Helper()
	o, err := d.store.InsertOrganization(t.Context(), store.Organization{OrganizationID: name, Environment: environment, Name: name, MerchantID: name}, nil, audit())
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// neighbour makes another organization with a key.
func (d *door) neighbour(t *testing.T, name, environment, keyID string) cybs.Key {
	t.Helper()
	return d.newKey(t, d.another(t, name, environment).ID, keyID)
}

func TestRejectedDeliveriesAreExplainedByWhatIsStored(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	other, live := d.neighbour(t, "globex", "sandbox", "globex-key"), d.neighbour(t, organization, "production", "live-key")
	now := time.Now()
	for i, tc := range []struct {
		name   string
		key    cybs.Key
		change func(body []byte) []byte
		rung   cybs.Rung
		detail string
	}{
		{"key of another organization", other, nil, cybs.RungKeyOfAnotherOrg, "It belongs to globex. It is genuine under that key."},
		{"key of another environment", live, nil, cybs.RungKeyOfAnotherEnv, "It belongs to production. It is genuine under that key."},
		{"our id, their secret", cybs.Key{ID: d.key.ID, Secret: live.Secret}, nil, cybs.RungWrongEnvironment, "live-key"},
		{"mark added", d.key, func(b []byte) []byte { return append([]byte("\ufeff"), b...) }, cybs.RungByteOrderMark, "It was added on the way."},
		{"nobody's key", cybs.Key{ID: "nobody", Secret: cybs.Secret("x")}, nil, cybs.RungKeyUnknown, ""},
	} {
		body := notice{trace: fmt.Sprint("trace-", i)}.body()
		signature := cybs.Sign(tc.key, now, body)
		if tc.change != nil {
			body = tc.change(body)
		}
		wantStatus(t, d.send(t, body, "v-c-signature", signature), http.StatusUnauthorized)
		d.explained(t)
		got := d.newest(t).Explanation
		if got.Rung != string(tc.rung) || !strings.Contains(got.Detail, tc.detail) {
			t.Errorf("%s: %s %q, want %s with %q", tc.name, got.Rung, got.Detail, tc.rung, tc.detail)
		}
		for _, secret := range []cybs.Secret{d.key.Secret, other.Secret, live.Secret} {
			if strings.Contains(fmt.Sprint(got), string(secret)) {
				t.Errorf("%s: the explanation holds a key", tc.name)
			}
		}
		if len(got.Expected) > 12 {
			t.Errorf("%s: the expected signature is kept with %d characters", tc.name, len(got.Expected))
		}
	}
}

func TestAContradictionOfAGenuineDeliveryNeedsNoLadder(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	wantStatus(t, d.signed(t, notice{organization: "somebody-else"}.body()), http.StatusUnauthorized)
	d.explained(t)
	if got := d.only(t); got.Explanation.Rung != receiver.RungEnvelopeMismatch || got.Explanation.Detail != got.ReasonDetail {
		t.Errorf("explained by %+v", got.Explanation)
	}
}

func TestSignaturesThatContradictOneAnotherAreUnreadable(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	body := notice{}.body()
	wantStatus(t, d.send(t, body, "v-c-signature", cybs.Sign(d.key, time.Now(), body), "v-c-signature", "t=1;keyId=k;sig=AAAA"), http.StatusUnauthorized)
	d.explained(t)
	if got := d.only(t).Explanation; got.Rung != string(cybs.RungSignatureUnread) || !strings.Contains(got.Detail, "2 times") {
		t.Errorf("explained by %+v", got)
	}
}

func TestWhatAStoppedProcessLeftIsExplainedByTheNext(t *testing.T) {
	t.Parallel()
	d := newHouse(t)
	for i := range 20 { // more than one round takes
		row := &store.Delivery{
			ID: store.NewID(time.Now()), ReceivedAt: time.Now(), EndpointID: d.sub.EndpointID, SubscriptionID: d.sub.ID, OrganizationID: d.sub.OrganizationID,
			Verdict: store.Rejected, Reason: receiver.ReasonSignatureMissing, Answered: http.StatusUnauthorized, Body: fmt.Appendf(nil, `{"n":%d}`, i),
		}
		if i == 0 {
			row.Reason = receiver.ReasonSignatureMismatch // and yet no header was kept
		}
		if _, err := d.store.InsertDeliveries(t.Context(), 1, []*store.Delivery{row}); err != nil {
			t.Fatal(err)
		}
	}
	d.open(t)
	d.explained(t)
	if n := d.count(t, "SELECT count(*) FROM deliveries WHERE explain_rung = '"+string(cybs.RungSignatureAbsent)+"'"); n != 19 {
		t.Errorf("%d deliveries are explained by the missing header, want 19", n)
	}
	if n := d.count(t, "SELECT count(*) FROM deliveries WHERE explain_rung = '"+receiver.RungNotWalked+"'"); n != 1 {
		t.Errorf("%d deliveries cannot be explained, want 1", n)
	}
}
