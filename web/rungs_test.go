package web_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web/receiver"
	"github.com/switchboardhq/switchboard/web/webtest"
)

// explain keeps an explanation with a delivery, as the receiver does.
func (a *archive) explain(d *store.Delivery, e store.Explanation) {
	a.tb.Helper()
	if err := a.Store.InsertExplanations(a.tb.Context(), map[store.ID]store.Explanation{d.ID: e}); err != nil {
		a.tb.Fatal(err)
	}
}

func TestRejectedListShowsAndNarrowsToExplanations(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	now := time.Now()
	theirs := a.delivery(now.Add(-time.Minute), `{"n":1}`, rejectedFor(receiver.ReasonKeyUnknown))
	nobodys := a.delivery(now.Add(-2*time.Minute), `{"n":2}`, rejectedFor(receiver.ReasonKeyUnknown))
	waiting := a.delivery(now.Add(-3*time.Minute), `{"n":3}`, rejectedFor(receiver.ReasonKeyUnknown))
	a.keep(theirs, nobodys, waiting)
	a.explain(theirs, store.Explanation{Rung: string(cybs.RungKeyOfAnotherOrg), Detail: "It belongs to globex."})
	a.explain(nobodys, store.Explanation{Rung: string(cybs.RungKeyUnknown)})
	viewer := a.As(store.RoleViewer)
	viewer.Get(paths.Rejected).Wants(http.StatusOK).Says("Key of another organization", "Unknown key")
	for query, want := range map[string][]*store.Delivery{
		"reason=key_unknown":                                   {theirs, nobodys, waiting},
		"rung=key-of-another-organization":                     {theirs},
		"rung=key-unknown&reason=key_unknown":                  {nobodys},
		"rung=key-unknown&reason=signature_mismatch":           {},
		"rung=key-of-another-organization&organization=nobody": nil,
	} {
		page := viewer.Get(paths.Rejected + "?" + query)
		if want == nil {
			if page.Status != http.StatusBadRequest {
				t.Errorf("%q answers %d", query, page.Status)
			}
			continue
		}
		ids := []string{}
		for _, d := range want {
			ids = append(ids, d.ID.String())
		}
		if diff := cmp.Diff(ids, rows(page, "rejected-row")); diff != "" {
			t.Errorf("list of %q (-want +got):\n%s", query, diff)
		}
	}
}

func TestEveryRungHasItsLadderAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	viewer := a.As(store.RoleViewer)
	ours := []string{
		receiver.RungEnvelopeMismatch, receiver.RungSource, receiver.RungClientCertificate, receiver.RungToken, receiver.RungEncryption, receiver.RungNotWalked,
	}
	rungs := slices.Clone(ours)
	for _, r := range cybs.Rungs() {
		rungs = append(rungs, string(r))
	}
	titles := map[string]string{}
	for _, code := range rungs {
		d := a.delivery(time.Now(), `{"rung":"`+code+`"}`, rejectedFor(receiver.ReasonSignatureMismatch))
		a.keep(d)
		a.explain(d, store.Explanation{Rung: code, Detail: "These are <the> facts.", Expected: "AbCdEfGh…"})
		page := viewer.Get(paths.ShowRejected(d.ID.String())).Wants(http.StatusOK).Says("These are <the> facts.", "What to do next", "AbCdEfGh…")
		title := page.Heading()
		if other, twice := titles[title]; twice || title == strings.ReplaceAll(code, "-", " ") {
			t.Errorf("%s is called %q, as %q is", code, title, other)
		}
		titles[title] = code
		if got := page.ByTestID("reason").Attr("data-rung"); got != code {
			t.Errorf("%s: the page explains by %q", code, got)
		}
		if slices.Contains(ours, code) {
			if page.Has("ladder") {
				t.Errorf("%s: a ladder is shown that nobody walked", code)
			}
			continue
		}
		bad := page.ByTestID("ladder").All(func(e *webtest.Element) bool {
			return strings.Contains(e.Attr("class"), "life-step") && strings.Contains(e.Attr("class"), "tone-bad")
		})
		if len(bad) != 1 || !strings.Contains(bad[0].Text(), title) {
			t.Errorf("%s: %d steps explain it, want one called %q", code, len(bad), title)
		}
	}
}

func TestTheLadderSaysWhatWasRuledOutAndWhatWasNotTried(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	viewer := a.As(store.RoleViewer)
	for code, want := range map[cybs.Rung]struct {
		steps int
		says  string
	}{
		cybs.RungSignatureAbsent: {2, "20 steps more"},
		cybs.RungKeyUnknown:      {6, "nobody else who is stored here has this key"},
		cybs.RungKeyOfAnotherEnv: {6, "the environment is another one already"},
		cybs.RungTooOld:          {10, "the key belongs to this endpoint's organization"},
		cybs.RungNoExplanation:   {22, "the signature does not fit what came, under the key it names"},
	} {
		d := a.delivery(time.Now(), `{"rung":"`+string(code)+`"}`, rejectedFor(receiver.ReasonSignatureMismatch))
		a.keep(d)
		a.explain(d, store.Explanation{Rung: string(code)})
		ladder := viewer.Get(paths.ShowRejected(d.ID.String())).Wants(http.StatusOK).ByTestID("ladder")
		steps := ladder.All(func(e *webtest.Element) bool { return strings.Contains(e.Attr("class"), "life-step") })
		if len(steps) != want.steps || !strings.Contains(ladder.Text(), want.says) {
			t.Errorf("%s: %d steps, want %d with %q: %s", code, len(steps), want.steps, want.says, ladder.Text())
		}
	}
}

func TestRejectedSaysHowManyWereOnlyCounted(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	viewer := a.As(store.RoleViewer)
	if viewer.Get(paths.Rejected).Wants(http.StatusOK).Has("unstored") {
		t.Error("the list tells of deliveries that nobody sent")
	}
	count := func(reason string, n int64) {
		t.Helper()
		err := a.Store.CountUnstored(t.Context(), 7, []store.Unstored{{
			Minute: time.Now().Truncate(time.Minute), SubscriptionID: a.Subscription.ID, OrganizationID: a.Organization.ID, Reason: reason, Deliveries: n, BodyBytes: n, AnswerTime: time.Millisecond,
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	count(receiver.ReasonKeyUnknown, 1)
	count(receiver.ReasonSignatureMissing, 1200)
	count(receiver.ReasonSignatureMissing, 34)
	for query, want := range map[string]string{
		"":                         "1,235 deliveries more",
		"from=-1h":                 "1,235 deliveries more",
		"reason=key_unknown":       "1 delivery more",
		"reason=signature_missing": "1,234 deliveries more",
		"subscription=4711":        "",
		"to=2020-01-01T00:00:00Z":  "",
		"rung=signature-absent":    "",
	} {
		page := viewer.Get(paths.Rejected + "?" + query).Wants(http.StatusOK)
		if want == "" {
			if page.Has("unstored") {
				t.Errorf("%q says %q", query, page.ByTestID("unstored").Text())
			}
			continue
		}
		if got := page.ByTestID("unstored").Text(); !strings.Contains(got, want) {
			t.Errorf("%q says %q, want %q", query, got, want)
		}
	}
}
