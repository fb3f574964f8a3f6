package store_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
)

// quarantine is a store whose clock stands an hour after monday, with deliveries of which some pass when they are judged again.
type quarantine struct {
	*arrivals
	store *store.Store
}

func newQuarantine(t *testing.T) *quarantine {
	t.Helper()
	s := storetest.New(t, func(c *store.Config) { c.Now = func() time.Time { return monday.Add(time.Hour) } })
	return &quarantine{newArrivals(t, s), s}
}

// judge passes what does not have "never" for its key.
func judge(d store.Delivery) store.Judged {
	if d.KeyID == "never" {
		return store.Judged{Outcome: store.OutcomeRejected, Delivery: d, Rung: "no-explanation"}
	}
	d.Verdict, d.Reason, d.ReasonDetail, d.Variant = store.Verified, "", "", "payload"
	return store.Judged{Outcome: store.OutcomePasses, Delivery: d}
}

func withKey(id string) func(*store.Delivery) { return func(d *store.Delivery) { d.KeyID = id } }

// fill puts n deliveries a second apart into quarantine, of which the first few never pass.
func (q *quarantine) fill(t *testing.T, n, never int) []*store.Delivery {
	t.Helper()
	var list []*store.Delivery
	for i := range n {
		key := "later"
		if i < never {
			key = "never"
		}
		list = append(list, q.at(monday.Add(time.Duration(i)*time.Second), rejected("key_unknown"), withKey(key), event(fmt.Sprint("event-", i), 0)))
	}
	insert(t, q.store, list...)
	return list
}

func (q *quarantine) ask(t *testing.T, change ...func(*store.RejectedFilter)) store.Judgement {
	t.Helper()
	j := store.Judgement{Actor: "ann", Why: "the key is here", Filter: store.RejectedFilter{Organizations: []int64{q.sub.OrganizationID}}}
	for _, c := range change {
		c(&j.Filter)
	}
	j, err := q.store.InsertJudgement(t.Context(), j, store.AuditEntry{Actor: "ann", Action: "rejected.judge"})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func (q *quarantine) judgeAll(t *testing.T, id int64, limit int) store.Judgement {
	t.Helper()
	for more := true; more; {
		var err error
		if more, err = q.store.JudgeNext(t.Context(), id, limit, judge); err != nil {
			t.Fatal(err)
		}
	}
	return q.get(t, id)
}

func (q *quarantine) get(t *testing.T, id int64) store.Judgement {
	t.Helper()
	j, err := q.store.GetJudgement(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func (q *quarantine) release(t *testing.T, id int64, judge func(store.Delivery) store.Judged) store.Judgement {
	t.Helper()
	if err := q.store.AskRelease(t.Context(), id, 0, "bob", "they are ours", store.AuditEntry{Actor: "bob", Action: "rejected.release"}); err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		var err error
		if more, err = q.store.ReleaseNext(t.Context(), id, 10, judge); err != nil {
			t.Fatal(err)
		}
	}
	return q.get(t, id)
}

func TestJudgingCountsAndChangesNothingElse(t *testing.T) {
	t.Parallel()
	q := newQuarantine(t)
	list := q.fill(t, 41, 4)
	before, err := q.store.GetDelivery(t.Context(), list[40].ID)
	if err != nil {
		t.Fatal(err)
	}
	j := q.ask(t)
	if j.Found != 41 || j.Beyond || j.State != store.StateJudging || j.Why != "the key is here" || j.Filter.To.IsZero() {
		t.Fatalf("asked: %+v", j)
	}
	j = q.judgeAll(t, j.ID, 7)
	if j.State != store.StateJudged || j.Passing != 37 || j.Failing != 4 || j.NotJudged != 0 || j.JudgedAt.IsZero() {
		t.Errorf("judged: %+v", j)
	}
	after, err := q.store.GetDelivery(t.Context(), list[40].ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("judging changed a delivery (-before +after):\n%s", diff)
	}
	if n := count(t, q.store, "SELECT count(*) FROM grouping_queue"); n != 0 {
		t.Errorf("%d wait for grouping, want none", n)
	}
	sums, err := q.store.JudgedSums(t.Context(), j.ID)
	want := []store.JudgedSum{{"key_unknown", store.OutcomePasses, "", 37}, {"key_unknown", store.OutcomeRejected, "key_unknown", 4}}
	if diff := cmp.Diff(want, sums); diff != "" || err != nil {
		t.Errorf("sums: %v (-want +got):\n%s", err, diff)
	}
	failing, err := q.store.ListJudged(t.Context(), j.ID, store.OutcomeRejected, store.Page{Limit: 3})
	if err != nil || len(failing.Items) != 3 || !failing.HasOlder || failing.Items[0].DeliveryID != list[3].ID || failing.Items[0].Rung != "no-explanation" {
		t.Errorf("still failing: %+v, %v", failing, err)
	}
	if more, err := q.store.JudgeNext(t.Context(), j.ID, 10, judge); more || err != nil || !cmp.Equal(q.get(t, j.ID), j) {
		t.Errorf("judging what is judged: %v, %v", more, err)
	}
}

func TestJudgementTakesWhatItsFilterFoundWhenItWasAskedFor(t *testing.T) {
	t.Parallel()
	q := newQuarantine(t)
	list := q.fill(t, 3, 0)
	insert(t, q.store, q.at(monday, rejected("signature_missing")))
	j := q.ask(t, func(f *store.RejectedFilter) { f.Reason = "key_unknown" })
	insert(t, q.store, q.at(monday.Add(2*time.Hour), rejected("key_unknown")))
	if j = q.judgeAll(t, j.ID, 2); j.Found != 3 || j.Judged() != 3 {
		t.Errorf("judged %d of %d, want the 3 with that reason", j.Judged(), j.Found)
	}
	one := q.ask(t, func(f *store.RejectedFilter) { f.DeliveryID = list[1].ID })
	if one = q.judgeAll(t, one.ID, 2); one.Found != 1 || one.Passing != 1 {
		t.Errorf("judged one: %+v", one)
	}
	_, err := q.store.InsertJudgement(t.Context(), store.Judgement{Actor: "ann", Why: "x", Filter: store.RejectedFilter{Organizations: []int64{q.sub.OrganizationID + 1}}}, store.AuditEntry{Actor: "ann", Action: "x"})
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("nothing to judge: %v, want not found", err)
	}
}

func TestJudgementIsBounded(t *testing.T) {
	t.Parallel()
	q := newQuarantine(t)
	if _, err := q.store.Pool().Exec(t.Context(), `INSERT INTO deliveries (id, received_at, endpoint_id, subscription_id, organization_id, verdict, reason, answered, answer_micros, headers, body, body_sha256, body_bytes)
		SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, now(), 1, 1, $1, 'rejected', 'key_unknown', 401, 1, '[]', '', sha256(i::text::bytea), 0 FROM generate_series(1, $2) i`,
		q.sub.OrganizationID, store.MaxJudged+1); err != nil {
		t.Fatal(err)
	}
	if j := q.ask(t); j.Found != store.MaxJudged || !j.Beyond {
		t.Errorf("found %d, beyond %v; want the bound, and that there is more", j.Found, j.Beyond)
	}
}

func TestProcessesThatJudgeAtOnceJudgeEachOnce(t *testing.T) {
	t.Parallel()
	q := newQuarantine(t)
	q.fill(t, 60, 20)
	j := q.ask(t)
	var wait sync.WaitGroup
	for range 6 {
		wait.Go(func() {
			for more := true; more; {
				var err error
				if more, err = q.store.JudgeNext(t.Context(), j.ID, 3, judge); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	if j = q.get(t, j.ID); j.Passing != 40 || j.Failing != 20 {
		t.Errorf("%d pass and %d fail, want 40 and 20", j.Passing, j.Failing)
	}
}

func TestReleasedDeliveriesBecomeNotificationsInOrder(t *testing.T) {
	t.Parallel()
	q := newQuarantine(t)
	list := q.fill(t, 41, 4)
	j := q.judgeAll(t, q.ask(t).ID, 10)
	j = q.release(t, j.ID, judge)
	if j.State != store.StateReleased || j.Released != 37 || j.Withheld != 0 || j.ReleaseActor != "bob" || j.ReleasedAt.IsZero() {
		t.Fatalf("released: %+v", j)
	}
	var order []store.ID
	n, err := q.store.GroupNext(t.Context(), 100, func(d store.Delivery) store.Description {
		order = append(order, d.ID)
		return describe(d)
	})
	if err != nil || n != 37 {
		t.Fatalf("grouped %d, %v; want 37", n, err)
	}
	if !slices.IsSortedFunc(order, func(a, b store.ID) int { return strings.Compare(a.String(), b.String()) }) {
		t.Error("they are not grouped in order of arrival")
	}
	d, err := q.store.GetDelivery(t.Context(), list[4].ID)
	if err != nil || d.Verdict != store.Verified || d.Reason != "" || d.Answered != 401 || d.Variant != "payload" || d.NotificationID != d.ID {
		t.Errorf("released delivery: %+v, %v", d, err)
	}
	r, err := q.store.GetRelease(t.Context(), d.ID)
	if err != nil || r.FirstReason != "key_unknown" || r.FirstDetail != "why" || r.FirstKeyID != "later" || r.Actor != "bob" || r.Why != "they are ours" || r.JudgementID != j.ID {
		t.Errorf("its first verdict: %+v, %v", r, err)
	}
	if _, err := q.store.GetRelease(t.Context(), list[0].ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("release of what was not: %v", err)
	}
	if err := q.store.AskRelease(t.Context(), j.ID, 0, "bob", "again", store.AuditEntry{Actor: "bob", Action: "x"}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("released twice: %v, want a conflict", err)
	}
	history, err := q.store.ListJudgementsOf(t.Context(), d.ID)
	if err != nil || len(history) != 1 || history[0].Outcome != store.OutcomePasses || history[0].FirstReason != "key_unknown" || history[0].NotificationID != d.ID {
		t.Errorf("history: %+v, %v", history, err)
	}
}

func TestSumsOfTrafficSayWhatWasFoundAtArrival(t *testing.T) {
	t.Parallel()
	q := newQuarantine(t)
	list := q.fill(t, 5, 2)
	j := q.judgeAll(t, q.ask(t).ID, 10)
	q.release(t, j.ID, judge)
	if _, err := q.store.DiscardRejected(t.Context(), store.RejectedFilter{Organizations: []int64{q.sub.OrganizationID}, DeliveryID: list[0].ID}, store.AuditEntry{Actor: "ann", Action: "rejected.discard"},
		func(int) string { return "" }); err != nil {
		t.Fatal(err)
	}
	sum := func(verdict string) int {
		return count(t, q.store, "SELECT coalesce(sum(deliveries), 0)::int FROM traffic_minutes WHERE verdict = $1", verdict)
	}
	if sum("rejected") != 5 || sum("verified") != 0 {
		t.Errorf("%d rejected and %d verified in the sums, want 5 and none", sum("rejected"), sum("verified"))
	}
	still, released := count(t, q.store, "SELECT count(*) FROM deliveries WHERE verdict = 'rejected'"), count(t, q.store, "SELECT count(*) FROM released_deliveries")
	const discarded = 1
	if still+released+discarded != sum("rejected") {
		t.Errorf("%d in quarantine, %d released, %d discarded: that is not %d", still, released, discarded, sum("rejected"))
	}
}

func TestWhatPassesNoMoreIsWithheld(t *testing.T) {
	t.Parallel()
	q := newQuarantine(t)
	list := q.fill(t, 3, 0)
	j := q.judgeAll(t, q.ask(t).ID, 10)
	if _, err := q.store.DiscardRejected(t.Context(), store.RejectedFilter{Organizations: []int64{q.sub.OrganizationID}, DeliveryID: list[0].ID}, store.AuditEntry{Actor: "ann", Action: "rejected.discard"},
		func(int) string { return "" }); err != nil {
		t.Fatal(err)
	}
	j = q.release(t, j.ID, func(d store.Delivery) store.Judged {
		if d.ID == list[1].ID { // its key was taken away meanwhile
			return store.Judged{Outcome: store.OutcomeRejected, Delivery: d}
		}
		return judge(d)
	})
	if j.Released != 1 || j.Withheld != 2 {
		t.Errorf("%d released, %d withheld, want 1 and 2", j.Released, j.Withheld)
	}
	if d, err := q.store.GetDelivery(t.Context(), list[1].ID); err != nil || d.Verdict != store.Rejected || d.Reason != "key_unknown" {
		t.Errorf("withheld: %+v, %v", d, err)
	}
}

func TestReleasesAtOnceReleaseEachOnce(t *testing.T) {
	t.Parallel()
	q := newQuarantine(t)
	q.fill(t, 40, 0)
	var ids []int64
	for range 2 { // two people judged the same
		j := q.judgeAll(t, q.ask(t).ID, 100)
		if err := q.store.AskRelease(t.Context(), j.ID, 0, "bob", "x", store.AuditEntry{Actor: "bob", Action: "rejected.release"}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, j.ID)
	}
	var wait sync.WaitGroup
	for i := range 6 {
		wait.Go(func() {
			for more := true; more; {
				var err error
				if more, err = q.store.ReleaseNext(t.Context(), ids[i%2], 3, judge); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	a, b := q.get(t, ids[0]), q.get(t, ids[1])
	if a.Released+b.Released != 40 || a.Withheld+b.Withheld != 40 {
		t.Errorf("released %d and %d, withheld %d and %d; want 40 released once", a.Released, b.Released, a.Withheld, b.Withheld)
	}
	if n := group(t, q.store, describe); n != 40 {
		t.Errorf("%d wait for grouping, want 40", n)
	}
}

func TestReleasedDeliveryJoinsTheNotificationOfItsRetry(t *testing.T) {
	t.Parallel()
	q := newQuarantine(t)
	refused := q.at(monday, rejected("key_unknown"), withKey("later"), event("a", 0))
	retry := q.at(monday.Add(time.Minute), event("a", 1))
	insert(t, q.store, refused, retry)
	group(t, q.store, describe)
	q.release(t, q.judgeAll(t, q.ask(t).ID, 10).ID, judge)
	// The very bytes once more: a duplicate of what was released.
	again := q.at(monday.Add(2*time.Minute), event("a", 0), func(d *store.Delivery) { d.Body = refused.Body })
	if results := insert(t, q.store, again); results[0].Stored {
		t.Error("the same request is stored again after its release")
	}
	group(t, q.store, describe)
	n, err := q.store.GetNotification(t.Context(), retry.ID)
	if err != nil || n.DeliveryCount != 2 || n.FirstRetryNumber != 0 || n.LastRetryNumber != 1 {
		t.Errorf("notification: %+v, %v", n, err)
	}
	if n := count(t, q.store, "SELECT count(*) FROM notifications"); n != 1 {
		t.Errorf("%d notifications, want one", n)
	}
	if d, err := q.store.GetDelivery(t.Context(), refused.ID); err != nil || d.NotificationID != retry.ID || d.Duplicates != 1 {
		t.Errorf("released: %+v, %v", d, err)
	}
}

func TestDiscardedDeliveriesAreGoneAndMayComeAgain(t *testing.T) {
	t.Parallel()
	q := newQuarantine(t)
	list := q.fill(t, 5, 2)
	filter := store.RejectedFilter{Organizations: []int64{q.sub.OrganizationID}, To: list[2].ReceivedAt}
	n, err := q.store.DiscardRejected(t.Context(), filter, store.AuditEntry{Actor: "ann", Action: "rejected.discard", ObjectKind: "delivery"}, func(n int) string { return fmt.Sprintf("%d discarded", n) })
	if err != nil || n != 2 {
		t.Fatalf("discarded %d, %v; want 2", n, err)
	}
	if left := count(t, q.store, "SELECT count(*) FROM deliveries"); left != 3 {
		t.Errorf("%d left, want 3", left)
	}
	audit, err := q.store.ListAudit(t.Context(), store.AuditFilter{Action: "rejected.discard"})
	if err != nil || len(audit) != 1 || audit[0].Detail != "2 discarded" {
		t.Errorf("audit: %+v, %v", audit, err)
	}
	again := *list[0]
	again.ID = store.NewID(monday.Add(time.Minute))
	if results := insert(t, q.store, &again); !results[0].Stored {
		t.Error("a discarded request that comes again is not stored")
	}
	if _, err := q.store.DiscardRejected(t.Context(), filter, store.AuditEntry{Actor: "ann", Action: "rejected.discard"}, func(int) string { return "" }); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("nothing to discard: %v, want not found", err)
	}
	verified := q.at(monday)
	insert(t, q.store, verified)
	if _, err := q.store.DiscardRejected(t.Context(), store.RejectedFilter{DeliveryID: verified.ID}, store.AuditEntry{Actor: "ann", Action: "rejected.discard"}, func(int) string { return "" }); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("discarding a verified delivery: %v, want not found", err)
	}
}

func TestWhatANewKeyMayHealIsCountedUntilItIsJudged(t *testing.T) {
	t.Parallel()
	q := newQuarantine(t)
	organizations := []int64{q.sub.OrganizationID}
	list := q.fill(t, 6, 2)
	insert(t, q.store, q.at(monday.Add(2*time.Hour), rejected("key_unknown"), withKey("later")), q.at(monday, rejected("signature_mismatch"), withKey("later"))) // after the key, and not for want of it
	mayPass := func(subscription int64) []store.Healed {
		t.Helper()
		h, err := q.store.MayPass(t.Context(), organizations, subscription)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	if got := mayPass(0); len(got) != 0 {
		t.Errorf("%+v may pass before there is a key", got)
	}
	if _, err := q.store.InsertSignatureKey(t.Context(), store.SignatureKey{OrganizationID: q.sub.OrganizationID, KeyID: "later", Key: store.Secret("bytes")}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]store.Healed{{"key_unknown", "later", 4}}, mayPass(0)); diff != "" {
		t.Errorf("with the new key may pass (-want +got):\n%s", diff)
	}
	if got := mayPass(q.sub.ID + 1); len(got) != 0 {
		t.Errorf("%+v may pass of another subscription", got)
	}
	q.judgeAll(t, q.ask(t, func(f *store.RejectedFilter) { f.DeliveryID = list[2].ID }).ID, 10)
	if diff := cmp.Diff([]store.Healed{{"key_unknown", "later", 3}}, mayPass(q.sub.ID)); diff != "" {
		t.Errorf("after one was judged may pass (-want +got):\n%s", diff)
	}
	j, err := q.store.WaitingRelease(t.Context(), organizations)
	if err != nil || j.Passing != 1 {
		t.Errorf("waits for its release: %+v, %v", j, err)
	}
	q.release(t, j.ID, judge)
	if _, err := q.store.WaitingRelease(t.Context(), organizations); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("waits after its release: %v", err)
	}
	if ids, err := q.store.UnfinishedJudgements(t.Context()); err != nil || len(ids) != 0 {
		t.Errorf("unfinished: %v, %v", ids, err)
	}
}

func TestWhatAChangedPolicyMayHealIsCountedUntilItIsJudged(t *testing.T) {
	t.Parallel()
	now := monday
	s := storetest.New(t, func(c *store.Config) { c.Now = func() time.Time { return now } })
	q := &quarantine{newArrivals(t, s), s}
	insert(t, s, q.at(monday.Add(time.Second), rejected("source_not_allowed")), q.at(monday.Add(2*time.Second), rejected("signature_mismatch")), q.at(monday.Add(3*time.Second), rejected("mle_key_unknown")))
	mayPass := func(want ...store.Healed) {
		t.Helper()
		got, err := s.MayPass(t.Context(), nil, 0)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("may pass: %v (-want +got):\n%s", err, diff)
		}
	}
	mayPass()
	now = monday.Add(time.Hour)
	if _, err := s.Pool().Exec(t.Context(), "UPDATE subscriptions SET updated_at = $1", now); err != nil {
		t.Fatal(err)
	}
	mayPass(store.Healed{Reason: "source_not_allowed", Deliveries: 1})
	if _, err := s.Pool().Exec(t.Context(), `INSERT INTO mle_keys (organization_id, certificate, sealed_key, fingerprint, serial, not_before, not_after, created_at)
		VALUES ($1, '', '', sha256(''), '1', $2, $2, $2)`, q.sub.OrganizationID, now); err != nil {
		t.Fatal(err)
	}
	mayPass(store.Healed{Reason: "mle_key_unknown", Deliveries: 1}, store.Healed{Reason: "source_not_allowed", Deliveries: 1})
	q.judgeAll(t, q.ask(t).ID, 10)
	mayPass()
}

// A delivery that was released and comes again byte for byte is answered 200: Cybersource does not send it again, so nothing is expected any more.
func TestARepeatedReleasedDeliveryEndsTheRetriesOfItsNotification(t *testing.T) {
	t.Parallel()
	q := newQuarantine(t)
	first := q.at(monday, rejected("key_unknown"), withKey("later"), event("event-0", 0), func(d *store.Delivery) { d.Answered = 401 })
	insert(t, q.store, first)
	j := q.judgeAll(t, q.ask(t).ID, 10)
	q.release(t, j.ID, judge)
	group(t, q.store, describe)
	again := q.at(monday.Add(time.Minute), event("event-0", 0))
	again.Body = first.Body
	results, err := q.store.InsertDeliveries(t.Context(), 1, []*store.Delivery{again})
	if err != nil || results[0].Stored {
		t.Fatalf("the same bytes are stored again: %+v, %v", results, err)
	}
	if n, err := q.store.GetNotification(t.Context(), first.ID); err != nil || n.State == store.StateDelivered {
		t.Fatalf("before: %+v, %v", n.State, err)
	}
	if err := q.store.CountDuplicates(t.Context(), []store.Duplicate{store.NewDuplicate(again)}); err != nil {
		t.Fatal(err)
	}
	n, err := q.store.GetNotification(t.Context(), first.ID)
	if err != nil || n.State != store.StateDelivered || !n.Next.At.IsZero() {
		t.Errorf("after: state %q, next %s, %v; want delivered and nothing expected", n.State, n.Next.At, err)
	}
	if d, err := q.store.GetDelivery(t.Context(), first.ID); err != nil || d.DuplicateAnswered != 200 || d.Answered != 401 {
		t.Errorf("answers %d and %d, %v; want 401 and 200", d.Answered, d.DuplicateAnswered, err)
	}
}
