package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web/receiver"
	"github.com/switchboardhq/switchboard/web/webtest"
)

func TestEachFilterOfRejectedListsWhatItSays(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	now := time.Now()
	other := a.subscribe(a.Organization, "Other events")
	unknown := a.delivery(now.Add(-time.Minute), `{"n":1}`, rejectedFor(receiver.ReasonKeyUnknown))
	mismatch := a.delivery(now.Add(-2*time.Minute), `{"n":2}`, rejectedFor(receiver.ReasonSignatureMismatch))
	elsewhere := a.delivery(now.Add(-3*time.Minute), `{"n":3}`, rejectedFor(receiver.ReasonKeyUnknown), func(d *store.Delivery) { d.SubscriptionID, d.EndpointID = other.ID, other.EndpointID })
	old := a.delivery(now.Add(-30*time.Hour), `{"n":4}`, rejectedFor(receiver.ReasonTimestampTooOld))
	a.keep(unknown, mismatch, elsewhere, old, a.delivery(now, `{"n":5}`))
	viewer := a.As(store.RoleViewer)
	for query, want := range map[string][]*store.Delivery{
		"":                                    {unknown, mismatch, elsewhere, old},
		"organization=sandbox_org":            {unknown, mismatch, elsewhere, old},
		"reason=key_unknown":                  {unknown, elsewhere},
		"from=-24h":                           {unknown, mismatch, elsewhere},
		"from=-24h&reason=timestamp_too_old":  {},
		fmt.Sprint("subscription=", other.ID): {elsewhere},
		"type=x":                              {},
		"type=tms.networktoken.updated&product=tokenManagement": {unknown, mismatch, elsewhere, old},
		"product=x": {},
	} {
		ids := []string{}
		for _, d := range want {
			ids = append(ids, d.ID.String())
		}
		page := viewer.Get(paths.Rejected + "?" + query).Wants(http.StatusOK)
		if diff := cmp.Diff(ids, rows(page, "rejected-row")); diff != "" {
			t.Errorf("list of %q (-want +got):\n%s", query, diff)
		}
	}
	page := viewer.Get(paths.Rejected + "?reason=key_unknown").Wants(http.StatusOK)
	page.Says("Unknown key", "tms.networktoken.updated", "198.51.100.7", "Token events", "7 B")
	if got := viewer.Get(paths.Rejected + "?from=yesterday"); got.Status != http.StatusBadRequest || got.Has("rejected-row") {
		t.Errorf("a time that is none answers %d", got.Status)
	}
}

func TestRejectedPageBothWaysAndGoLive(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	moment := time.Now().Add(-time.Minute)
	var list []*store.Delivery
	for i := range 30 {
		list = append(list, a.delivery(moment, fmt.Sprintf(`{"n":%d}`, i), rejectedFor(receiver.ReasonKeyUnknown), func(d *store.Delivery) { d.ID = store.NewID(moment) }))
	}
	a.keep(list...)
	viewer := a.As(store.RoleViewer)
	first := viewer.Get(paths.Rejected + "?size=25").Wants(http.StatusOK)
	last := viewer.Get(linkTo(first, "Older")).Wants(http.StatusOK)
	if len(rows(first, "rejected-row")) != 25 || len(rows(last, "rejected-row")) != 5 {
		t.Fatalf("pages of %d and %d rows, want 25 and 5", len(rows(first, "rejected-row")), len(rows(last, "rejected-row")))
	}
	if again := viewer.Get(linkTo(last, "Newer")).Follow(); !cmp.Equal(rows(again, "rejected-row"), rows(first, "rejected-row")) {
		t.Error("back from the second page is not the first")
	}
	count := first.ByTestID("new-rows").Attr("data-count")
	part := viewer.Partial().Get(count + rows(first, "rejected-row")[0]).Wants(http.StatusOK)
	if strings.Contains(part.Body, "<html") || !part.ByTestID("new-rows").HasAttr("hidden") {
		t.Errorf("with nothing new the bar is %q", part.Body)
	}
	if part := viewer.Partial().Get(paths.Rejected); len(rows(part, "rejected-row")) != 30 || strings.Contains(part.Body, "<html") {
		t.Error("htmx does not get the list alone")
	}
	if live := viewer.Get(paths.Rejected + "?live=1").ByTestID("live"); live.Attr("data-event") != "rejected" || live.Attr("data-live") != "on" {
		t.Errorf("live=1 listens for %q and is %q", live.Attr("data-event"), live.Attr("data-live"))
	}
}

func TestEveryReasonSaysWhatItMeansAndWhatToDo(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	viewer := a.As(store.RoleViewer)
	for i, code := range []string{
		receiver.ReasonSignatureMissing, receiver.ReasonSignatureMalformed, receiver.ReasonKeyUnknown, receiver.ReasonKeyEmpty, receiver.ReasonKeyExpired, receiver.ReasonKeyRetired,
		receiver.ReasonTimestampTooOld, receiver.ReasonTimestampTooNew, receiver.ReasonSignatureMismatch, receiver.ReasonEnvelopeMismatch,
		receiver.ReasonSourceNotAllowed, receiver.ReasonClientCertificateMissing, receiver.ReasonClientCertificateInvalid,
		receiver.ReasonTokenMissing, receiver.ReasonTokenInvalid, receiver.ReasonTokenExpired, receiver.ReasonTokenRevoked, receiver.ReasonTokenForeign,
		receiver.ReasonMLEMissing, receiver.ReasonMLEKeyUnknown, receiver.ReasonMLEWrongKey, receiver.ReasonMLEUndecryptable,
	} {
		d := a.delivery(time.Now(), fmt.Sprintf(`{"n":%d}`, i), rejectedFor(code))
		a.keep(d)
		page := viewer.Get(paths.ShowRejected(d.ID.String())).Wants(http.StatusOK).Says("What was found in this very delivery.", "What to do next")
		if title := page.Heading(); title == strings.ReplaceAll(code, "_", " ") {
			t.Errorf("%s has no words of its own", code)
		}
		if bad := page.ByTestID("verification").All(func(e *webtest.Element) bool {
			return strings.Contains(e.Attr("class"), "life-step") && strings.Contains(e.Attr("class"), "tone-bad")
		}); len(bad) != 1 {
			t.Errorf("%s: %d checks failed, want one", code, len(bad))
		}
	}
	strange := a.delivery(time.Now(), `{}`, rejectedFor("of_tomorrow"))
	a.keep(strange)
	viewer.Get(paths.ShowRejected(strange.ID.String())).Wants(http.StatusOK).Says("of tomorrow")
}

func TestFaultsOfTheSandboxAreFoundAmongRejected(t *testing.T) {
	t.Parallel()
	h := newHouse(t, []string{"tokenManagement/tms.networktoken.updated"})
	faults := map[sandbox.Fault]string{
		sandbox.FaultBadSignature: receiver.ReasonSignatureMismatch, sandbox.FaultMissingSignature: receiver.ReasonSignatureMissing,
		sandbox.FaultMalformedSignature: receiver.ReasonSignatureMalformed, sandbox.FaultUnknownKey: receiver.ReasonKeyUnknown,
		sandbox.FaultStaleTimestamp: receiver.ReasonTimestampTooOld, sandbox.FaultFutureTimestamp: receiver.ReasonTimestampTooNew,
	}
	for fault := range faults {
		h.emit(fault)
	}
	viewer := h.As(store.RoleViewer)
	h.await("all faults", func() bool { return len(rows(viewer.Get(paths.Rejected), "rejected-row")) == len(faults) })
	for fault, reason := range faults {
		page := viewer.Get(paths.With(paths.Rejected, "reason", reason)).Wants(http.StatusOK)
		found := rows(page, "rejected-row")
		if len(found) != 1 {
			t.Errorf("%s: %d rows for %s, want one", fault, len(found), reason)
			continue
		}
		show := viewer.Get(paths.ShowRejected(found[0])).Wants(http.StatusOK)
		if show.ByTestID("reason").Attr("data-reason") != reason || show.ByTestID("verdict").Text() != "Rejected" {
			t.Errorf("%s: its page says %q", fault, show.ByTestID("reason").Text())
		}
		viewer.Get(paths.ShowRejected(found[0]) + "?tab=payload").Wants(http.StatusOK).Says(`"tms.networktoken.updated"`)
	}
}
