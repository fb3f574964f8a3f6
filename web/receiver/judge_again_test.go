package receiver_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// later is a key that signs before it is stored.
func later() cybs.Key { return cybs.Key{ID: "later", Secret: cybs.Secret("secret of later")} }

// signedBy posts a body signed with a key at a time, and wants that answer.
func (d *door) signedBy(t *testing.T, key cybs.Key, at time.Time, body []byte, want int) {
	t.Helper()
	wantStatus(t, d.send(t, body, "v-c-signature", cybs.Sign(key, at, body)), want)
}

// askToJudge asks for all that is in quarantine.
func (d *door) askToJudge(t *testing.T) store.Judgement {
	t.Helper()
	j, err := d.store.InsertJudgement(t.Context(), store.Judgement{Actor: "ann", Why: "test", Filter: store.RejectedFilter{Organizations: []int64{d.sub.OrganizationID}}}, audit())
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// judged has all that is in quarantine judged again.
func (d *door) judged(t *testing.T) store.Judgement {
	t.Helper()
	return d.work(t, d.askToJudge(t).ID)
}

func (d *door) work(t *testing.T, id int64) store.Judgement {
	t.Helper()
	if err := d.JudgeAgain(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	j, err := d.store.GetJudgement(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func (d *door) released(t *testing.T, id int64) store.Judgement {
	t.Helper()
	if err := d.store.AskRelease(t.Context(), id, 0, "ann", "test", audit()); err != nil {
		t.Fatal(err)
	}
	return d.work(t, id)
}

// outcomes are the reasons that a judgement found, "" for what passes, in order of arrival.
func (d *door) outcomes(t *testing.T, id int64) []string {
	t.Helper()
	page, err := d.store.ListJudged(t.Context(), id, "", store.Page{Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	list := make([]string, len(page.Items))
	for i, item := range page.Items {
		list[len(list)-1-i] = item.Reason
	}
	return list
}

func TestWhatWasSignedWithANewKeyPassesOnceItIsStored(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	for i := range 41 {
		key := later()
		if i >= 37 {
			key.ID = "nobody's"
		}
		d.signedBy(t, key, time.Now(), notice{date: fmt.Sprintf("2026-11-22T10:00:%02d", i), trace: fmt.Sprint("trace-", i)}.body(), http.StatusUnauthorized)
	}
	if j := d.judged(t); j.Passing != 0 || j.Failing != 41 {
		t.Errorf("before the key is stored %d pass and %d fail, want none and 41", j.Passing, j.Failing)
	}
	d.newKey(t, d.sub.OrganizationID, later().ID)
	j := d.judged(t)
	if j.Passing != 37 || j.Failing != 4 || j.NotJudged != 0 {
		t.Fatalf("%d pass, %d fail, %d are not judged; want 37, 4 and none", j.Passing, j.Failing, j.NotJudged)
	}
	if j = d.released(t, j.ID); j.Released != 37 {
		t.Fatalf("%d are released, want 37", j.Released)
	}
	list := d.notifications(t, 37)
	for i, n := range list { // newest first, as they arrived
		if want := fmt.Sprintf("2026-11-22T10:00:%02d", 36-i); n.EventDate != want || n.State == store.StateDelivered {
			t.Errorf("notification %d has date %s and is %s; want %s, and not delivered: it was answered 401", i, n.EventDate, n.State, want)
		}
	}
	first := d.delivery(t, list[36].ID)
	if first.Verdict != store.Verified || first.KeyID != later().ID || first.Variant != string(cybs.VariantBody) || first.Answered != http.StatusUnauthorized {
		t.Errorf("released: %+v", first)
	}
}

func TestWhatIsJudgedAgainIsJudgedAsOfItsArrival(t *testing.T) {
	t.Parallel()
	var clock offsetClock
	d := newDoor(t, func(c *receiver.Config) { c.Now = clock.now })
	d.signedBy(t, later(), time.Now(), notice{trace: "in time"}.body(), http.StatusUnauthorized)
	d.signedBy(t, later(), time.Now().Add(-time.Hour), notice{trace: "too late then"}.body(), http.StatusUnauthorized)
	d.newKey(t, d.sub.OrganizationID, later().ID)
	clock.set(24 * time.Hour)
	j := d.judged(t)
	if got := fmt.Sprint(d.outcomes(t, j.ID)); got != "[ "+receiver.ReasonTimestampTooOld+"]" {
		t.Errorf("a day later: %s; want the first to pass and the second too old", got)
	}
}

func TestWhatIsNotKeptIsNotJudged(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	insert := func(change func(*store.Delivery)) store.ID {
		t.Helper()
		row := &store.Delivery{
			ID: store.NewID(time.Now()), ReceivedAt: time.Now(), EndpointID: d.sub.EndpointID, SubscriptionID: d.sub.ID, OrganizationID: d.sub.OrganizationID,
			Verdict: store.Rejected, Reason: receiver.ReasonKeyUnknown, Answered: http.StatusUnauthorized, Body: notice{trace: "x"}.body(),
			Headers: []store.Header{{"V-C-Signature", cybs.Sign(d.key, time.Now(), []byte("something else"))}},
		}
		change(row)
		if _, err := d.store.InsertDeliveries(t.Context(), 1, []*store.Delivery{row}); err != nil {
			t.Fatal(err)
		}
		return row.ID
	}
	insert(func(row *store.Delivery) { row.Headers = nil })
	insert(func(row *store.Delivery) { row.SubscriptionID = 4711 })
	sealed := insert(func(row *store.Delivery) { row.Reason = receiver.ReasonSignatureMismatch })
	if _, err := d.store.Pool().Exec(t.Context(), "UPDATE deliveries SET body = 'sealed with a key that is gone' WHERE id = $1", sealed); err != nil {
		t.Fatal(err)
	}
	j := d.judged(t)
	if got, want := fmt.Sprint(d.outcomes(t, j.ID)), fmt.Sprint([]string{receiver.NotKeptHeader, receiver.NoEndpointNow, receiver.NotKeptBody}); got != want || j.NotJudged != 3 {
		t.Errorf("judged again: %s, %d not judged; want %s", got, j.NotJudged, want)
	}
	if _, err := d.store.Pool().Exec(t.Context(), "UPDATE signature_keys SET sealed_key = 'x'"); err != nil {
		t.Fatal(err)
	}
	insert(func(row *store.Delivery) { row.Reason, row.Body = receiver.ReasonSignatureMissing, []byte("{}") })
	j = d.judged(t)
	if got := d.outcomes(t, j.ID); got[len(got)-1] != receiver.NoKeysNow {
		t.Errorf("without keys that open: %s", got)
	}
}

func TestJudgingLeavesTheDoorAsItIs(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	body := notice{trace: "a"}
	d.signedBy(t, later(), time.Now(), body.body(), http.StatusUnauthorized)
	d.explained(t)
	before := d.only(t)
	d.judged(t)
	after := d.only(t)
	if before.Reason != after.Reason || before.ReasonDetail != after.ReasonDetail || before.Explanation != after.Explanation || after.Verdict != store.Rejected {
		t.Errorf("judging changed the first verdict: %+v became %+v", before, after)
	}
}

// TestRetriesReleasesAndDuplicatesEndInOneNotification has attempts of each notification refused and others taken, in any order and through two
// doors on one store, and everything sent once more.
func TestRetriesReleasesAndDuplicatesEndInOneNotification(t *testing.T) {
	t.Parallel()
	const events = 12
	d := newDoor(t)
	second := &door{store: d.store, sub: d.sub, key: d.key, log: d.log, metrics: nil, changes: d.changes}
	second.open(t, func(c *receiver.Config) { c.Metrics = nil })
	type attempt struct {
		key  cybs.Key
		body []byte
	}
	var attempts []attempt
	for event := range events {
		for retry := range 4 {
			key := d.key
			if (event+retry)%2 == 0 {
				key = later()
			}
			// Every other event changes its date with each attempt, as a sender that writes it anew does.
			n := notice{
				date: fmt.Sprintf("2026-11-22T10:%02d:00", event), trace: fmt.Sprintf("trace-%d-%d", event, retry), retry: retry,
				data: fmt.Sprintf(`{"id":"object-%d"}`, event),
			}
			if event%2 == 1 {
				n.date = fmt.Sprintf("2026-11-22T10:%02d:%02d", event, retry)
			}
			attempts = append(attempts, attempt{key, n.body()})
		}
	}
	rand.Shuffle(len(attempts), func(i, j int) { attempts[i], attempts[j] = attempts[j], attempts[i] })
	for i, a := range attempts {
		want, at := http.StatusOK, d
		if a.key.ID == later().ID {
			want = http.StatusUnauthorized
		}
		if i%2 == 1 {
			at = second
		}
		at.signedBy(t, a.key, time.Now(), a.body, want)
	}
	d.newKey(t, d.sub.OrganizationID, later().ID)
	j := d.judged(t)
	if j.Passing != events*2 {
		t.Fatalf("%d pass, want %d", j.Passing, events*2)
	}
	if err := d.store.AskRelease(t.Context(), j.ID, 0, "ann", "test", audit()); err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for _, at := range []*door{d, second, d, second} {
		wait.Go(func() {
			if err := at.JudgeAgain(t.Context(), j.ID); err != nil {
				t.Error(err)
			}
		})
	}
	for _, a := range attempts { // Cybersource sends all of it again meanwhile
		wait.Go(func() { d.signedBy(t, a.key, time.Now(), a.body, http.StatusOK) })
	}
	wait.Wait()
	for _, n := range d.notifications(t, events) {
		list, err := d.store.ListNotificationDeliveries(t.Context(), n.ID)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[int]bool{}
		for _, a := range list {
			seen[a.RetryNumber] = true
		}
		if len(seen) != 4 || n.FirstRetryNumber != 0 || n.LastRetryNumber != 3 || n.State != store.StateDelivered || n.DeliveryCount != len(list) {
			t.Errorf("notification %s has attempts %v in %d deliveries (%d counted), retries %d to %d, and is %s", n.EventDate, seen, len(list), n.DeliveryCount, n.FirstRetryNumber, n.LastRetryNumber, n.State)
		}
	}
	if n := d.count(t, "SELECT count(*) FROM deliveries WHERE verdict = 'rejected'"); n != 0 {
		t.Errorf("%d are still in quarantine", n)
	}
}

// offsetClock is ahead of ours by what a test sets.
type offsetClock struct{ ahead atomic.Int64 }

func (c *offsetClock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *offsetClock) set(ahead time.Duration) { c.ahead.Store(int64(ahead)) }
