package jobs_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/jobs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// judging lets jobs judge by the house's receiver.
func (h *house) judging(c *jobs.Config) { c.JudgeAgain = h.door.JudgeAgain }

// quarantine keeps rejected deliveries that pass once their key, which it returns, is stored.
func (h *house) quarantine(t *testing.T, n int) cybs.Key {
	t.Helper()
	sub := h.subscribe(t)
	key := cybs.Key{ID: "later", Secret: cybs.Secret("secret of later")}
	batch := make([]*store.Delivery, n)
	for i := range batch {
		at := time.Now()
		body := fmt.Appendf(nil, `{"eventType":"tms.networktoken.updated","webhookId":%q,"organizationId":%q,"eventDate":"2026-11-22T10:00:00","payload":{"n":%d}}`, sub.WebhookID, h.org.OrganizationID, i)
		batch[i] = &store.Delivery{
			ID: store.NewID(at), ReceivedAt: at, EndpointID: sub.EndpointID, SubscriptionID: sub.ID, OrganizationID: sub.OrganizationID, KeyID: key.ID,
			Verdict: store.Rejected, Reason: receiver.ReasonKeyUnknown, Answered: http.StatusUnauthorized, Body: body,
			Headers: []store.Header{{"V-C-Signature", cybs.Sign(key, at, body)}},
		}
	}
	if _, err := h.store.InsertDeliveries(t.Context(), 1, batch); err != nil {
		t.Fatal(err)
	}
	if _, err := h.store.InsertSignatureKey(t.Context(), store.SignatureKey{OrganizationID: h.org.ID, KeyID: key.ID, Key: store.Secret(key.Secret)}); err != nil {
		t.Fatal(err)
	}
	return key
}

func (h *house) askToJudge(t *testing.T) int64 {
	t.Helper()
	j, err := h.store.InsertJudgement(t.Context(), store.Judgement{Actor: "ann", Why: "test", Filter: store.RejectedFilter{Organizations: []int64{h.org.ID}}}, audit())
	if err != nil {
		t.Fatal(err)
	}
	return j.ID
}

func (h *house) judgement(t *testing.T, id int64) store.Judgement {
	t.Helper()
	j, err := h.store.GetJudgement(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func (h *house) askToRelease(t *testing.T, id int64) {
	t.Helper()
	if err := h.store.AskRelease(t.Context(), id, 0, "ann", "test", audit()); err != nil {
		t.Fatal(err)
	}
}

func TestASmallJudgementIsDoneAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.quarantine(t, 3)
	j := h.start(t, h.judging)
	id := h.askToJudge(t)
	if err := j.JudgeAgain(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if got := h.judgement(t, id); got.State != store.StateJudged || got.Passing != 3 {
		t.Errorf("at once: %+v", got)
	}
	h.askToRelease(t, id)
	if err := j.JudgeAgain(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if got := h.judgement(t, id); got.State != store.StateReleased || got.Released != 3 {
		t.Errorf("released at once: %+v", got)
	}
}

func TestALargeJudgementIsDoneByJobsOfAnyProcess(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const many = 500
	h.quarantine(t, many)
	first, second := h.start(t, h.judging), h.start(t, h.judging)
	id := h.askToJudge(t)
	for _, j := range []*jobs.Jobs{first, second} { // twice does no harm
		if err := j.JudgeAgain(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	h.await(t, "judging", func() bool { return h.judgement(t, id).State == store.StateJudged })
	if got := h.judgement(t, id); got.Passing != many {
		t.Errorf("%d pass, want %d", got.Passing, many)
	}
	h.askToRelease(t, id)
	if err := second.JudgeAgain(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	h.await(t, "releasing", func() bool { return h.judgement(t, id).State == store.StateReleased })
	h.await(t, "grouping", func() bool { return h.count(t, "SELECT count(*) FROM notifications") == many })
	if n := h.count(t, "SELECT count(*) FROM released_deliveries"); n != many {
		t.Errorf("%d released, want %d", n, many)
	}
}

func TestAJudgementThatACrashLeftIsFinished(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.quarantine(t, 5)
	id := h.askToJudge(t) // and the process ends before anybody is told
	h.start(t, h.judging)
	h.await(t, "judging", func() bool { return h.judgement(t, id).State == store.StateJudged })
}
