package web_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/rejected"
	"github.com/switchboardhq/switchboard/web"
	"github.com/switchboardhq/switchboard/web/receiver"
	"github.com/switchboardhq/switchboard/web/webtest"
)

// court is a console with a real receiver, and a key that is not stored yet.
type court struct {
	*archive
	door  *httptest.Server
	later cybs.Key
}

func newCourt(t *testing.T, options ...webtest.Option) *court {
	t.Helper()
	var judge atomic.Pointer[receiver.Receiver]
	options = append(options, webtest.WithConsole(func(cfg *web.Config) {
		cfg.JudgeAgain = func(ctx context.Context, id int64) error { return judge.Load().JudgeAgain(ctx, id) }
		cfg.SameNotification = func(ctx context.Context, d store.Delivery) (store.ID, error) {
			return judge.Load().SameNotification(ctx, d)
		}
	}))
	ct := &court{archive: newArchive(t, options...), later: cybs.Key{ID: "key-of-later", Secret: cybs.Secret("thirty-two bytes of a later key.")}}
	r, err := receiver.New(receiver.Config{Store: ct.Store})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	judge.Store(r)
	ct.door = httptest.NewServer(r.Handler())
	t.Cleanup(func() {
		ct.door.Close()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := r.Stop(ctx); err != nil {
			t.Errorf("stop receiver: %v", err)
		}
	})
	return ct
}

// post sends a notification signed with a key and returns what was answered.
func (ct *court) post(key cybs.Key, event, retry int) int {
	ct.tb.Helper()
	body := fmt.Appendf(nil, `{"eventType":"tms.networktoken.updated","webhookId":%q,"productId":"tokenManagement","organizationId":%q,"eventDate":"2026-11-22T10:00:%02d","transactionTraceId":"trace-%d-%d","retryNumber":%d,`+
		`"payload":{"data":{"id":"object-%d"},"organizationId":"child"},"requestType":"NEW"}`, ct.Subscription.WebhookID, ct.Organization.OrganizationID, event, event, retry, retry, event)
	webhookURL, _ := receiver.EndpointURLs(ct.door.URL, ct.Subscription.EndpointToken)
	req, err := http.NewRequestWithContext(ct.tb.Context(), http.MethodPost, webhookURL, bytes.NewReader(body))
	if err != nil {
		ct.tb.Fatal(err)
	}
	req.Header.Set("v-c-signature", cybs.Sign(key, time.Now(), body))
	response, err := ct.door.Client().Do(req)
	if err != nil {
		ct.tb.Fatal(err)
	}
	_ = response.Body.Close() // it has none
	return response.StatusCode
}

// quarantine has deliveries refused: as many as pass once the later key is stored, and as many that never do.
func (ct *court) quarantine(passing, failing int) {
	ct.tb.Helper()
	for i := range passing + failing {
		key := ct.later
		if i >= passing {
			key = cybs.Key{ID: "key-of-nobody", Secret: cybs.Secret("nobody's")}
		}
		if status := ct.post(key, i, 0); status != http.StatusUnauthorized {
			ct.tb.Fatalf("delivery %d is answered %d, want 401", i, status)
		}
	}
}

func (ct *court) addKey() {
	ct.tb.Helper()
	if _, err := ct.Store.InsertSignatureKey(ct.tb.Context(), store.SignatureKey{OrganizationID: ct.Organization.ID, KeyID: ct.later.ID, Key: store.Secret(ct.later.Secret)}); err != nil {
		ct.tb.Fatal(err)
	}
}

func (ct *court) count(sql string) int {
	ct.tb.Helper()
	var n int
	if err := ct.Store.Pool().QueryRow(ct.tb.Context(), sql).Scan(&n); err != nil {
		ct.tb.Fatal(err)
	}
	return n
}

// grouped waits until n notifications are there and nothing waits.
func (ct *court) grouped(n int) {
	ct.tb.Helper()
	(&house{Server: ct.Server, tb: ct.tb}).await(fmt.Sprint(n, " notifications"), func() bool {
		return ct.count("SELECT count(*) FROM grouping_queue") == 0 && ct.count("SELECT count(*) FROM notifications") == n
	})
}

// judge asks for a list's deliveries to be judged again, and returns the judgement's page.
func judge(browser *webtest.Client, list *webtest.Page) *webtest.Page {
	form := browser.Get(list.ByTestID("judge-again").Attr("href")).Wants(http.StatusOK).Form("judge-form")
	return form.Set(rejected.FieldWhy, "The key is stored now.").Submit().Wants(http.StatusSeeOther).Follow().Wants(http.StatusOK)
}

func TestThirtySevenOfFortyOnePassAndAreReleased(t *testing.T) {
	t.Parallel()
	ct := newCourt(t)
	ct.quarantine(37, 4)
	editor := ct.As(store.RoleEditor)
	if page := editor.Get(paths.Rejected).Wants(http.StatusOK); page.Has("offer-judge") {
		t.Error("judging again is offered before anything has changed")
	}
	ct.addKey()
	list := editor.Get(paths.Rejected).Wants(http.StatusOK).Says("37 rejected deliveries may pass now", ct.later.ID)
	editor.Get(paths.ShowSubscription(ct.Subscription.ID)).Wants(http.StatusOK).Says("37 rejected deliveries may pass now")
	page := judge(editor, list)
	if page.Heading() != "37 of 41 now pass" {
		t.Fatalf("the page says %q", page.Heading())
	}
	page.Says("Nothing is released yet", "The key is stored now.", "editor@example.com")
	var sums []string
	for _, row := range page.AllByTestID("sum-row") {
		sums = append(sums, strings.Join(strings.Fields(row.Text()), " "))
	}
	if got := strings.Join(sums, "; "); got != "Unknown key Passes 37; Unknown key Still fails Unknown key 4" {
		t.Errorf("before and after: %s", got)
	}
	if n := len(rows(page, "judged-row")); n != 37 {
		t.Errorf("%d rows pass, want 37", n)
	}
	if failing := editor.Get(linkTo(page, "Still fail")).Wants(http.StatusOK); len(rows(failing, "judged-row")) != 4 {
		t.Errorf("%d rows fail, want 4", len(rows(failing, "judged-row")))
	}
	if n := ct.count("SELECT count(*) FROM notifications"); n != 0 {
		t.Errorf("%d notifications after judging, want none", n)
	}
	if again := editor.Get(paths.Rejected).Wants(http.StatusOK).Says("37 of 41 now pass"); again.Has("offer-judge") {
		t.Error("what was judged since the key came is offered again")
	}

	confirm := editor.Get(page.ByTestID("release").Attr("href")).Wants(http.StatusOK).Says("37 deliveries leave quarantine", "Cybersource was answered 401", "duplicates")
	done := confirm.Form("release-form").Set(rejected.FieldWhy, "They are ours.").Submit().Wants(http.StatusSeeOther).Follow().Wants(http.StatusOK)
	if done.Heading() != "37 of 41 released" {
		t.Errorf("the page says %q", done.Heading())
	}
	ct.grouped(37)
	if n := len(rows(editor.Get(paths.Rejected), "rejected-row")); n != 4 {
		t.Errorf("%d are in quarantine, want 4", n)
	}
	if again := confirm.Form("release-form").Set(rejected.FieldWhy, "Twice.").Submit().Wants(http.StatusSeeOther).Follow(); again.Heading() != "37 of 41 released" {
		t.Errorf("released twice: %q", again.Heading())
	}
	if n := ct.count("SELECT count(*) FROM released_deliveries"); n != 37 {
		t.Errorf("%d releases, want 37", n)
	}
	for action, detail := range map[string]string{"rejected.judge": "The key is stored now.", "rejected.release": "They are ours."} {
		entries, err := ct.Store.ListAudit(t.Context(), store.AuditFilter{Action: action})
		if err != nil || len(entries) != 1 || entries[0].Detail != detail || entries[0].Actor != "editor@example.com" {
			t.Errorf("audit of %s: %+v, %v", action, entries, err)
		}
	}
}

func TestAReleasedDeliveryTellsItsWholeHistory(t *testing.T) {
	t.Parallel()
	ct := newCourt(t)
	ct.quarantine(1, 0)
	editor := ct.As(store.RoleEditor)
	id := rows(editor.Get(paths.Rejected).Wants(http.StatusOK), "rejected-row")[0]
	show := func() *webtest.Page { return editor.Get(paths.ShowRejected(id)).Wants(http.StatusOK) }
	if page := judge(editor, show()); page.Heading() != "It still fails" {
		t.Errorf("judged before the key came: %q", page.Heading())
	}
	ct.addKey()
	judged := judge(editor, show())
	if judged.Heading() != "It passes now" {
		t.Fatalf("judged after the key came: %q", judged.Heading())
	}
	show().Says("Rejected on arrival: Unknown key", "Judged again: still fails: Unknown key", "Judged again: passes, with key "+ct.later.ID)
	confirm := editor.Get(judged.ByTestID("release").Attr("href")).Wants(http.StatusOK)
	confirm.Form("release-form").Set(rejected.FieldWhy, "It is ours.").Submit().Wants(http.StatusSeeOther)
	ct.grouped(1)
	page := show().Says("Rejected on arrival: Unknown key", "Answered 401", "Released: it is a notification now", "It is ours")
	if page.Heading() != "Unknown key" || page.Has("judge-again") {
		t.Errorf("released, its page is %q", page.Heading())
	}
	editor.Get(linkTo(page, "show the notification")).Wants(http.StatusSeeOther).Follow().Wants(http.StatusOK)
	if got := ct.post(ct.later, 0, 0); got != http.StatusOK {
		t.Errorf("the same delivery again is answered %d", got)
	}
	if n := ct.count("SELECT count(*) FROM deliveries"); n != 1 {
		t.Errorf("%d deliveries, want one and a duplicate", n)
	}
}

func TestARejectedDeliveryTellsWhatComesAfterIt(t *testing.T) {
	t.Parallel()
	ct := newCourt(t)
	ct.quarantine(1, 0)
	editor := ct.As(store.RoleEditor)
	id := rows(editor.Get(paths.Rejected), "rejected-row")[0]
	page := editor.Get(paths.ShowRejected(id)).Wants(http.StatusOK).Says("Retry 1 of 3 is expected")
	if strings.Contains(page.Text(), "Arrived otherwise") {
		t.Error("another attempt is told of before there is one")
	}
	ct.addKey()
	if got := ct.post(ct.later, 0, 1); got != http.StatusOK {
		t.Fatalf("the retry is answered %d", got)
	}
	ct.grouped(1)
	page = editor.Get(paths.ShowRejected(id)).Wants(http.StatusOK).Says("Arrived otherwise")
	var notification string
	if err := ct.Store.Pool().QueryRow(t.Context(), "SELECT id::text FROM notifications").Scan(&notification); err != nil {
		t.Fatal(err)
	}
	editor.Get(linkTo(page, notification)).Wants(http.StatusOK).Says("tms.networktoken.updated")
}

func TestAJudgementNeedsAReasonAndDeliveries(t *testing.T) {
	t.Parallel()
	ct := newCourt(t)
	editor := ct.As(store.RoleEditor)
	if page := editor.Get(paths.NewJudgement).Wants(http.StatusOK); !strings.Contains(page.ByTestID("judge").Text(), "Nothing in quarantine matches") {
		t.Error("nothing can be judged, and the button does not say so")
	}
	editor.Post(paths.Judgements, url.Values{rejected.FieldWhy: {"x"}}).Wants(http.StatusConflict)
	ct.quarantine(2, 0)
	form := editor.Get(paths.With(paths.NewJudgement, "key", ct.later.ID)).Wants(http.StatusOK).Says("Judge 2 rejected deliveries again").Form("judge-form")
	form.Set(rejected.FieldWhy, "  ").Submit().Wants(http.StatusUnprocessableEntity).Says("Say why")
	if n := ct.count("SELECT count(*) FROM judgements"); n != 0 {
		t.Errorf("%d judgements without a reason", n)
	}
	editor.Get(paths.NewJudgement + "?from=yesterday").Wants(http.StatusBadRequest)
	editor.Get(paths.NewJudgement + "?delivery=nothing").Wants(http.StatusNotFound)
	editor.Get(paths.ShowJudgement(4711)).Wants(http.StatusNotFound)
}

func TestNothingIsReleasedThatDoesNotPass(t *testing.T) {
	t.Parallel()
	ct := newCourt(t)
	ct.quarantine(0, 2)
	editor := ct.As(store.RoleEditor)
	page := judge(editor, editor.Get(paths.Rejected))
	if page.Heading() != "0 of 2 now pass" || page.Has("release") {
		t.Errorf("%q, and a release is offered: %v", page.Heading(), page.Has("release"))
	}
	editor.Post(page.Path+"/release", url.Values{rejected.FieldWhy: {"I insist."}}).Wants(http.StatusSeeOther)
	editor.Get(page.Path + "/release").Wants(http.StatusSeeOther)
	if n := ct.count("SELECT count(*) FROM deliveries WHERE verdict = 'rejected'"); n != 2 {
		t.Errorf("%d are in quarantine, want both", n)
	}
}

func TestWhoMayJudgeReleaseAndDiscard(t *testing.T) {
	t.Parallel()
	ct := newCourt(t)
	ct.quarantine(2, 0)
	ct.addKey()
	page := judge(ct.As(store.RoleEditor), ct.As(store.RoleEditor).Get(paths.Rejected))
	for _, tc := range []struct {
		path   string
		needed store.Role
	}{{paths.Judgements, store.RoleEditor}, {page.Path + "/release", store.RoleEditor}, {paths.DiscardRejected, store.RoleAdministrator}} {
		for _, role := range []store.Role{store.RoleViewer, store.RoleEditor} {
			if role.Allows(tc.needed) {
				continue
			}
			ct.As(role).Post(tc.path, url.Values{rejected.FieldWhy: {"because"}}).Wants(http.StatusForbidden)
		}
		if got := ct.Stranger().Post(tc.path, url.Values{rejected.FieldWhy: {"because"}}); got.Status != http.StatusSeeOther || !strings.HasPrefix(got.Header.Get("Location"), "/sign-in") {
			t.Errorf("a stranger at %s is answered %d", tc.path, got.Status)
		}
		ct.As(store.RoleAdministrator).Post(tc.path, url.Values{"_csrf": {"forged"}, rejected.FieldWhy: {"because"}}).Wants(http.StatusForbidden)
	}
	if n := ct.count("SELECT count(*) FROM deliveries WHERE verdict = 'rejected'"); n != 2 {
		t.Errorf("%d are in quarantine, want both", n)
	}
	viewer := ct.As(store.RoleViewer)
	list := viewer.Get(paths.Rejected).Wants(http.StatusOK)
	for _, id := range []string{"judge-again", "discard"} {
		if list.ByTestID(id).Attr("aria-disabled") != "true" {
			t.Errorf("a viewer may press %s", id)
		}
	}
	if viewer.Get(page.Path).Wants(http.StatusOK).ByTestID("release").Attr("aria-disabled") != "true" {
		t.Error("a viewer may press release")
	}
	viewer.Get(paths.Judgements).Wants(http.StatusOK).Says("Waits for release")
}

func TestDiscardDeletesAndTellsTheAuditLog(t *testing.T) {
	t.Parallel()
	ct := newCourt(t)
	ct.quarantine(2, 3)
	administrator := ct.As(store.RoleAdministrator)
	ids := rows(administrator.Get(paths.Rejected), "rejected-row")
	discard := func(query string) *webtest.Page {
		form := administrator.Get(paths.DiscardRejected + "?" + query).Wants(http.StatusOK).Says("It cannot be undone").Form("discard-form")
		return form.Set(rejected.FieldWhy, "A stranger's.").Submit().Wants(http.StatusSeeOther).Follow().Wants(http.StatusOK)
	}
	discard("delivery=" + ids[0]).Says("Discarded 1 rejected delivery")
	administrator.Get(paths.ShowRejected(ids[0])).Wants(http.StatusNotFound)
	if left := rows(discard("key=key-of-nobody"), "rejected-row"); len(left) != 2 {
		t.Errorf("%d are left, want 2", len(left))
	}
	entries, err := ct.Store.ListAudit(t.Context(), store.AuditFilter{Action: "rejected.discard"})
	if err != nil || len(entries) != 2 || entries[0].Detail != "2 deliveries: A stranger's." || entries[1].ObjectID != ids[0] {
		t.Errorf("audit: %+v, %v", entries, err)
	}
	administrator.Post(paths.DiscardRejected, url.Values{"delivery": {ids[0]}, rejected.FieldWhy: {"x"}}).Wants(http.StatusNotFound)
	administrator.Post(paths.DiscardRejected, url.Values{"key": {"key-of-nobody"}, rejected.FieldWhy: {"x"}}).Wants(http.StatusConflict)
}

func TestInProductionTheSourceIsNamedAndDiscardNeedsAWord(t *testing.T) {
	t.Parallel()
	ct := newCourt(t, webtest.WithConsole(func(cfg *web.Config) { cfg.Environment, cfg.Sandbox = "production", nil }))
	if _, err := ct.Store.Pool().Exec(t.Context(), "UPDATE organizations SET environment = 'production'"); err != nil {
		t.Fatal(err)
	}
	ct.quarantine(1, 0)
	for source, note := range map[string]string{"198.241.206.21": "One of Cybersource’s addresses", "203.0.113.9": "Not one of Cybersource’s published addresses"} {
		if _, err := ct.Store.Pool().Exec(t.Context(), "UPDATE deliveries SET source = $1::inet", source); err != nil {
			t.Fatal(err)
		}
		viewer := ct.As(store.RoleViewer)
		viewer.Get(paths.ShowRejected(rows(viewer.Get(paths.Rejected), "rejected-row")[0])).Wants(http.StatusOK).Says(note)
	}
	form := ct.As(store.RoleAdministrator).Get(paths.DiscardRejected).Wants(http.StatusOK).Form("discard-form").Set(rejected.FieldWhy, "x")
	form.Submit().Wants(http.StatusUnprocessableEntity).Says("nothing was discarded")
	form.Set(rejected.FieldConfirm, "discard").Submit().Wants(http.StatusSeeOther)
	if n := ct.count("SELECT count(*) FROM deliveries"); n != 0 {
		t.Errorf("%d are left", n)
	}
}

func TestNoMoreIsDiscardedThanWasCounted(t *testing.T) {
	t.Parallel()
	ct := newCourt(t)
	ct.quarantine(0, 2)
	form := ct.As(store.RoleAdministrator).Get(paths.DiscardRejected).Wants(http.StatusOK).Form("discard-form").Set(rejected.FieldWhy, "A stranger's.")
	if status := ct.post(cybs.Key{ID: "key-of-nobody", Secret: cybs.Secret("nobody's")}, 7, 0); status != http.StatusUnauthorized {
		t.Fatalf("answered %d, want 401", status)
	}
	form.Submit().Wants(http.StatusSeeOther).Follow().Says("Discarded 2 rejected deliveries")
	if n := ct.count("SELECT count(*) FROM deliveries"); n != 1 {
		t.Errorf("%d are left, want the one that came while the question was open", n)
	}
}

func TestJudgementsOfAnotherEnvironmentDoNotExist(t *testing.T) {
	t.Parallel()
	ct := newCourt(t)
	ct.quarantine(1, 0)
	editor := ct.As(store.RoleEditor)
	page := judge(editor, editor.Get(paths.Rejected))
	if _, err := ct.Store.Pool().Exec(t.Context(), "UPDATE judgements SET organizations = '{4711}'"); err != nil {
		t.Fatal(err)
	}
	editor.Get(page.Path).Wants(http.StatusNotFound)
	editor.Get(page.Path + "/release").Wants(http.StatusNotFound)
	if list := editor.Get(paths.Judgements).Wants(http.StatusOK); list.Has("judgement-row") {
		t.Error("a judgement of another environment is listed")
	}
}

func TestAJudgementThatIsStillWorkedOnFollows(t *testing.T) {
	t.Parallel()
	ct := newCourt(t)
	ct.quarantine(3, 0)
	ct.addKey()
	j, err := ct.Store.InsertJudgement(t.Context(), store.Judgement{Actor: "ann", Why: "<script>alert(1)</script>", Filter: store.RejectedFilter{Organizations: []int64{ct.Organization.ID}}}, store.AuditEntry{Actor: "ann", Action: "rejected.judge"})
	if err != nil {
		t.Fatal(err)
	}
	viewer := ct.As(store.RoleViewer)
	page := viewer.Get(paths.ShowJudgement(j.ID)).Wants(http.StatusOK).Says("0 of 3 judged", "<script>alert(1)</script>")
	if part := page.ByTestID("judgement"); !strings.Contains(part.Attr("hx-trigger"), "rejected") || part.Attr("hx-get") == "" {
		t.Error("the page does not follow")
	}
	viewer.Get(paths.Rejected).Wants(http.StatusOK).ByTestID("offer-working")
	part := viewer.Partial().Get(page.ByTestID("judgement").Attr("hx-get")).Wants(http.StatusOK)
	if strings.Contains(part.Body, "<html") || !part.Has("headline") {
		t.Error("htmx does not get the part alone")
	}
}

func TestPagesAboutJudgingShowNoSecret(t *testing.T) {
	t.Parallel()
	ct := newCourt(t)
	ct.quarantine(1, 1)
	ct.addKey()
	editor := ct.As(store.RoleEditor)
	page := judge(editor, editor.Get(paths.Rejected))
	id := rows(page, "judged-row")[0]
	for _, address := range []string{paths.Rejected, paths.Judgements, page.Path, page.Path + "/release", paths.ShowRejected(id), paths.AuditLog, paths.With(paths.NewJudgement, "delivery", id)} {
		body := editor.Get(address).Wants(http.StatusOK).Body
		for _, secret := range []string{string(ct.later.Secret), ct.later.Secret.Base64(), "object-0"} {
			if strings.Contains(body, secret) {
				t.Errorf("%s shows %q", address, secret)
			}
		}
	}
	if logged := ct.Logged(); strings.Contains(logged, string(ct.later.Secret)) || strings.Contains(logged, "object-0") {
		t.Error("the log holds a secret")
	}
}
