package web_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web"
	"github.com/switchboardhq/switchboard/web/receiver"
	"github.com/switchboardhq/switchboard/web/webtest"
)

// refused is a delivery that was rejected when it came and is released now, as an attempt of that number.
func (a *archive) refused(at time.Time, name string, number int) *store.Delivery {
	d := a.delivery(at, fmt.Sprintf(`{"n":%q}`, name), func(d *store.Delivery) { d.RetryNumber, d.Answered = number, http.StatusUnauthorized })
	a.describe(d, func(described *store.Description) {
		policy := cybs.DefaultRetryPolicy()
		described.Retries = policy.NumberOfRetries
		if next, ok := policy.After(number, at); ok {
			described.Next = store.NextAttempt{At: next.At, OverdueAt: next.LateAt, GivesUpAt: next.GivesUpAt}
		}
	})
	return d
}

// standing keeps a notification in each state; the held one is of a subscription of its own.
func (a *archive) standing() map[store.State]*store.Delivery {
	a.tb.Helper()
	now := time.Now()
	held := a.subscribe(a.Organization, "Suspended events")
	of := map[store.State]*store.Delivery{
		store.StateDelivered: a.delivery(now.Add(-time.Hour), `{"n":"delivered"}`), store.StateRetrying: a.refused(now.Add(-10*time.Second), "retrying", 1),
		store.StateOverdue: a.refused(now.Add(-5*time.Minute), "overdue", 0), store.StateHeld: a.refused(now.Add(-6*time.Minute), "held", 0), store.StateExhausted: a.refused(now.Add(-2*time.Hour), "exhausted", 0),
	}
	of[store.StateHeld].SubscriptionID, of[store.StateHeld].EndpointID = held.ID, held.EndpointID
	for _, d := range of {
		a.keep(d)
	}
	a.status(held, store.StatusSuspended)
	if _, err := a.Store.AdvanceRetryStatus(a.tb.Context(), now, 100); err != nil {
		a.tb.Fatal(err)
	}
	return of
}

func (a *archive) status(v store.Subscription, status store.SubscriptionStatus) {
	a.tb.Helper()
	if _, err := a.Store.RecordActual(a.tb.Context(), v.ID, store.ActualSubscription{WebhookID: v.WebhookID, Status: status}); err != nil {
		a.tb.Fatal(err)
	}
}

func TestEachStateIsListedWithWhatIsExpected(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	of := a.standing()
	viewer := a.As(store.RoleViewer)
	for state, want := range map[store.State][]string{
		store.StateDelivered: {"Delivered"},
		store.StateRetrying:  {"Retrying · retry 2 of 3", "expected in 4"},
		store.StateOverdue:   {"Overdue · retry 1 of 3", "was expected 4 min ago"},
		store.StateHeld:      {"Held · retry 1 of 3", "until the subscription is active"},
		store.StateExhausted: {"Exhausted"},
	} {
		page := viewer.Get(paths.With(paths.Notifications, "status", string(state))).Wants(http.StatusOK)
		if diff := cmp.Diff([]string{of[state].ID.String()}, rows(page, "notification-row")); diff != "" {
			t.Errorf("list of %s (-want +got):\n%s", state, diff)
			continue
		}
		text := strings.Join(strings.Fields(page.ByTestID("notification-row").Text()), " ")
		for _, part := range want {
			if !strings.Contains(text, part) {
				t.Errorf("the row of %s says %q, want %q", state, text, part)
			}
		}
		// Whoever does not see colours sees the shape and the word.
		if badge := page.ByTestID("notification-row").All(func(e *webtest.Element) bool { return e.Tag() == "svg" }); len(badge) == 0 {
			t.Errorf("the row of %s has no icon", state)
		}
	}
	open := rows(viewer.Get(paths.With(paths.Notifications, "status", "open")).Wants(http.StatusOK), "notification-row")
	if len(open) != 4 {
		t.Errorf("%d are listed as not delivered, want 4", len(open))
	}
}

func TestNotificationSaysWhereItStands(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	of := a.standing()
	last := a.refused(time.Now().Add(-time.Minute), "last", 3)
	a.keep(last)
	viewer := a.As(store.RoleViewer)
	for name, c := range map[string]struct {
		d    *store.Delivery
		want []string
	}{
		"retrying":      {of[store.StateRetrying], []string{"is expected to send it again as retry 2", "Next attempt", "Retry 2 of 3", "Expected about", "First attempt", "Never arrived"}},
		"overdue":       {of[store.StateOverdue], []string{"Retry 1 should have come and did not", "Was expected about", "4 min ago"}},
		"held":          {of[store.StateHeld], []string{"The subscription is suspended since", "Was expected about"}},
		"exhausted":     {of[store.StateExhausted], []string{"the time for all retries is over", "Last attempt"}},
		"the last one":  {last, []string{"Its last retry was not answered 200", "Retry 3 of 3", "First attempt and retries 1 to 2"}},
		"in all states": {of[store.StateOverdue], []string{"3 retries, the first after 1 min, then every 1 min", "Worked out from the subscription's retry policy at the time; Cybersource tells no schedule.", "What is not known"}},
	} {
		panel := viewer.Get(paths.ShowNotification(c.d.ID.String())).Wants(http.StatusOK).ByTestID("retry")
		text := strings.Join(strings.Fields(panel.Text()), " ")
		for _, part := range c.want {
			if !strings.Contains(text, part) {
				t.Errorf("%s: the panel says %q, want %q", name, text, part)
			}
		}
	}
	if viewer.Get(paths.ShowNotification(of[store.StateDelivered].ID.String())).Wants(http.StatusOK).Has("retry") {
		t.Error("what was delivered at once has a panel on retries")
	}
}

func TestAttemptsThatDidNotArriveStandBetweenThoseThatDid(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	at := time.Now().Add(-time.Hour)
	second := a.delivery(at, `{"payload":{"id":"1"}}`, func(d *store.Delivery) { d.RetryNumber = 1 })
	fourth := a.retry(second, at.Add(2*time.Minute), 3)
	a.keep(second, fourth)
	waits := a.refused(time.Now(), "waits", 0)
	a.keep(waits)
	viewer := a.As(store.RoleViewer)
	attempts := func(id store.ID) []string {
		var list []string
		page := viewer.Get(paths.ShowNotificationTab(id.String(), "deliveries")).Wants(http.StatusOK)
		for _, row := range page.ByTestID("deliveries").All(func(e *webtest.Element) bool { return e.Tag() == "tr" && e.Attr("class") == "row" }) {
			fields := strings.Fields(row.Text())
			list = append(list, strings.Join(fields[:min(len(fields), 6)], " "))
		}
		if !page.Has("schedule") {
			t.Errorf("notification %s shows no schedule", id)
		}
		return list
	}
	got := attempts(second.ID)
	want := []string{"First attempt due 1 h ago", "Retry 1 1 h ago", "Retry 2 due", "Retry 3"}
	for i, prefix := range want {
		if i >= len(got) || !strings.HasPrefix(got[i], prefix) {
			t.Errorf("attempts %q, want them to begin with %q", got, want)
			break
		}
	}
	if got := attempts(waits.ID); len(got) != 2 || !strings.HasPrefix(got[1], "Retry 1 due in") {
		t.Errorf("attempts %q, want the first and the one that is expected", got)
	}
}

func TestLifeLineTellsWhatHappenedAround(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	now := time.Now()
	first := a.refused(now.Add(-12*time.Minute), "around", 0)
	a.keep(first)
	for minute := range 3 {
		at := now.Add(time.Duration(minute-5) * time.Minute)
		if err := a.Store.RecordHealthPing(t.Context(), store.HealthPing{EndpointID: a.Subscription.EndpointID, At: at, Method: http.MethodPost, Answered: http.StatusServiceUnavailable}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Store.RecordRefusals(t.Context(), []store.Refusals{{ID: store.NewID(now.Add(-8 * time.Minute)), Cause: "database", First: now.Add(-8 * time.Minute), Last: now.Add(-7 * time.Minute), Deliveries: 4}}); err != nil {
		t.Fatal(err)
	}
	a.status(a.Subscription, store.StatusSuspended)
	a.status(a.Subscription, store.StatusActive)
	titles := func(d *store.Delivery) []string {
		list := []string{}
		for _, e := range a.As(store.RoleViewer).Get(paths.ShowNotification(d.ID.String())).Wants(http.StatusOK).ByTestID("life").All(func(e *webtest.Element) bool { return e.Attr("class") == "life-title" }) {
			list = append(list, e.Text())
		}
		return list
	}
	want := []string{
		"Occurred", "Signed and sent", "Arrived", "Rejected, stored and answered 401 Unauthorized", "Retry 1 of 3 did not come", "Switchboard answered 503", "Health checks answered 503 Service Unavailable",
		"Subscription suspended", "Subscription active again",
	}
	if diff := cmp.Diff(want, titles(first)); diff != "" {
		t.Errorf("life-line (-want +got):\n%s", diff)
	}
	retry := a.retry(first, now, 1)
	a.keep(retry)
	want = []string{
		"Occurred", "Signed and sent", "Arrived", "Rejected, stored and answered 401 Unauthorized", "Switchboard answered 503", "Health checks answered 503 Service Unavailable",
		"Retry 1 arrived",
	}
	if diff := cmp.Diff(want, titles(first)[:len(want)]); diff != "" {
		t.Errorf("life-line once a retry came (-want +got):\n%s", diff)
	}
	old := a.refused(now.Add(-2*time.Hour), "given up", 0)
	a.keep(old)
	want = []string{"Occurred", "Signed and sent", "Arrived", "Rejected, stored and answered 401 Unauthorized", "Retry 1 did not come", "Given up"}
	if diff := cmp.Diff(want, titles(old)); diff != "" {
		t.Errorf("life-line of what was given up before all that (-want +got):\n%s", diff)
	}
	plain := a.delivery(now.Add(-8*time.Minute), `{"n":"plain"}`)
	a.keep(plain)
	want = []string{"Occurred", "Signed and sent", "Arrived", "Verified", "Stored and answered 200 OK", "Grouped"}
	if diff := cmp.Diff(want, titles(plain)); diff != "" {
		t.Errorf("life-line of what was delivered at once (-want +got):\n%s", diff)
	}
}

func TestReleasedDeliveryTellsOfItsQuarantine(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	d := a.refused(time.Now().Add(-time.Minute), "released", 0)
	a.keep(d)
	if _, err := a.Store.Pool().Exec(t.Context(), `WITH j AS (INSERT INTO judgements (created_at, actor, why, organizations, to_at, found, beyond, state, passing, progress_at, judged_at, release_asked_at, release_actor, release_why, released, released_at)
			VALUES (now(), 'ann@example.com', 'w', '{}', now(), 1, false, 'released', 1, now(), now(), now(), 'ann@example.com', 'w', 1, now()) RETURNING id)
		INSERT INTO released_deliveries (delivery_id, judgement_id, released_at, first_reason, first_detail, first_key_id) SELECT $1, id, now(), $2, 'detail', 'key-9' FROM j`, d.ID, receiver.ReasonKeyUnknown); err != nil {
		t.Fatal(err)
	}
	life := a.As(store.RoleViewer).Get(paths.ShowNotification(d.ID.String())).Wants(http.StatusOK).ByTestID("life").Text()
	for _, want := range []string{"First attempt released", "By ann@example.com", "It had been rejected: "} {
		if !strings.Contains(life, want) {
			t.Errorf("the life-line says %q, want %q", life, want)
		}
	}
	a.As(store.RoleViewer).Get(paths.ShowNotificationTab(d.ID.String(), "deliveries")).Wants(http.StatusOK).Says("Verified · released", "401 Unauthorized")
}

// An attempt in quarantine arrived: it is neither lost, nor is its retry overdue, as far as anybody can say.
func TestRejectedAttemptsAreNotCalledLost(t *testing.T) {
	t.Parallel()
	var same atomic.Pointer[store.ID]
	a := newArchive(t, webtest.WithConsole(func(cfg *web.Config) {
		cfg.SameNotification = func(context.Context, store.Delivery) (store.ID, error) {
			if id := same.Load(); id != nil {
				return *id, nil
			}
			return store.ID{}, store.ErrNotFound
		}
	}))
	now := time.Now()
	in := func(number int) func(*store.Delivery) { return func(d *store.Delivery) { d.RetryNumber = number } }
	first := a.delivery(now.Add(-7*time.Minute), `{"n":"first"}`, rejectedFor(receiver.ReasonKeyUnknown))
	second := a.refused(now.Add(-6*time.Minute), "second", 1)
	third := a.delivery(now.Add(-5*time.Minute), `{"n":"third"}`, rejectedFor(receiver.ReasonKeyUnknown), in(2))
	another := a.delivery(now.Add(-5*time.Minute), `{"n":"another"}`, rejectedFor(receiver.ReasonKeyUnknown), in(3), func(d *store.Delivery) { d.EventType = "tms.networktoken.provisioned" })
	a.keep(first, second, third, another)
	viewer := a.As(store.RoleViewer)
	show := func() *webtest.Page {
		return viewer.Get(paths.ShowNotificationTab(second.ID.String(), "deliveries")).Wants(http.StatusOK)
	}
	show().Says("First attempt never arrived here", "Retry 2 should have come and did not")

	id := second.ID
	same.Store(&id)
	page := show().Says("Retry 2 came and was rejected", "In quarantine")
	if strings.Contains(page.Text(), "never arrived") || strings.Contains(page.Text(), "lost") || strings.Contains(page.Text(), "did not come") {
		t.Error("an attempt in quarantine is called lost")
	}
	if diff := cmp.Diff([]string{first.ID.String(), second.ID.String(), third.ID.String()}, rows(page, "delivery-row")); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
	life := strings.Join(strings.Fields(page.ByTestID("life").Text()), " ")
	for _, want := range []string{"First attempt rejected", "Retry 2 rejected", "nothing proves it"} {
		if !strings.Contains(life, want) {
			t.Errorf("the life-line says %q, want %q", life, want)
		}
	}
	for _, d := range []*store.Delivery{first, third} {
		if !strings.Contains(page.Body, paths.ShowRejected(d.ID.String())) {
			t.Errorf("nothing leads to rejected delivery %s", d.ID)
		}
	}
}
