package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web/receiver"
)

func TestARejectedDeliveryIsFoundByEachOfItsIDs(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	now := time.Now()
	d := a.delivery(now.Add(-time.Minute), `{"n":1}`, rejectedFor(receiver.ReasonKeyUnknown), func(d *store.Delivery) { d.KeyID = "key-of-nobody" })
	other := a.delivery(now.Add(-2*time.Minute), `{"n":2}`, rejectedFor(receiver.ReasonSignatureMismatch))
	a.keep(d, other)
	if err := a.Store.InsertExplanations(t.Context(), map[store.ID]store.Explanation{d.ID: {Rung: receiver.RungNotWalked, ObjectID: "object-7"}}); err != nil {
		t.Fatal(err)
	}
	viewer := a.As(store.RoleViewer)
	for name, id := range map[string]string{"delivery": d.ID.String(), "upper case": strings.ToUpper(d.ID.String()), "trace": d.TraceID, "key": d.KeyID, "object": "object-7"} {
		page := viewer.Get(paths.With(paths.Notifications, "q", id)).Wants(http.StatusOK).Says("Found among rejected deliveries", "1 rejected delivery has this id")
		to := linkTo(page, "Show rejected deliveries")
		if to != paths.With(paths.Rejected, "q", id) {
			t.Errorf("%s: the search leads to %q", name, to)
		}
		if got := rows(viewer.Get(to).Wants(http.StatusOK), "rejected-row"); !cmp.Equal(got, []string{d.ID.String()}) {
			t.Errorf("%s: %s lists %v, want the one delivery", name, to, got)
		}
	}
	page := viewer.Get(paths.Rejected + "?q=nothing").Wants(http.StatusOK).Says("No rejected delivery has this id")
	if got := linkTo(page, "Search notifications"); got != paths.Notifications+"?q=nothing" {
		t.Errorf("back to notifications leads to %q", got)
	}
}

func TestASearchFindsOnBothLists(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	now := time.Now()
	first := a.delivery(now.Add(-3*time.Minute), `{"n":1}`, func(d *store.Delivery) { d.Answered = http.StatusServiceUnavailable })
	retry := a.retry(first, now.Add(-2*time.Minute), 1)
	refused := a.delivery(now.Add(-time.Minute), `{"n":2}`, rejectedFor(receiver.ReasonSignatureMismatch), func(d *store.Delivery) { d.TraceID = first.TraceID })
	a.keep(first, retry, refused)
	viewer := a.As(store.RoleViewer)
	page := viewer.Get(paths.With(paths.Notifications, "q", first.TraceID)).Wants(http.StatusOK)
	if page.ByTestID("found-rejected").Text(); len(rows(page, "notification-row")) != 1 || !page.Has("found-rejected") {
		t.Errorf("a trace id of both lists finds %v", rows(page, "notification-row"))
	}
	if got := rows(viewer.Get(paths.With(paths.Notifications, "q", retry.ID.String())), "notification-row"); !cmp.Equal(got, []string{first.ID.String()}) {
		t.Errorf("the id of a later delivery finds %v, want its notification", got)
	}
}

// What a list does not understand must never look like a list of everything.
func TestListsRefuseWhatTheyDoNotUnderstand(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.fill(1)
	a.keep(a.delivery(time.Now(), `{"n":1}`, rejectedFor(receiver.ReasonKeyUnknown)))
	viewer := a.As(store.RoleViewer)
	for _, address := range []string{
		paths.Notifications + "?status=opne", paths.Notifications + "?reason=key_unknown", paths.Notifications + "?rung=x", paths.Notifications + "?key=k",
		paths.Rejected + "?status=open", paths.Rejected + "?reason=key_unheard_of", paths.Rejected + "?rung=nonsense",
	} {
		page := viewer.Get(address)
		if page.Status != http.StatusBadRequest || len(rows(page, "rejected-row"))+len(rows(page, "notification-row")) > 0 || !strings.Contains(page.Text(), "Part of this address cannot be read") {
			t.Errorf("%s answers %d and lists rows", address, page.Status)
		}
	}
	for _, address := range []string{paths.Notifications + "?stauts=open", paths.Rejected + "?stauts=open"} {
		if page := viewer.Get(address).Wants(http.StatusOK); !strings.Contains(page.ByTestID("ignored").Text(), "stauts") {
			t.Errorf("%s does not say what it left out", address)
		}
	}
	// The status that leads to the other list takes the filters along.
	to := viewer.Get(paths.Notifications + "?status=rejected&product=p&type=t&q=x&from=-24h")
	if got, want := to.Header.Get("Location"), paths.Rejected+"?from=-24h&product=p&q=x&type=t"; got != want {
		t.Errorf("status=rejected leads to %q, want %q", got, want)
	}
}

func TestOnlySelectedRejectedDeliveriesAreMeant(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	now := time.Now()
	var list []*store.Delivery
	for i := range 4 {
		list = append(list, a.delivery(now.Add(-time.Duration(i+1)*time.Minute), fmt.Sprintf(`{"n":%d}`, i), rejectedFor(receiver.ReasonKeyUnknown)))
	}
	a.keep(list...)
	admin := a.As(store.RoleAdministrator)
	page := admin.Get(paths.Rejected).Wants(http.StatusOK)
	if page.ByTestID("judge-selected").Attr("formaction") != paths.NewJudgement || page.ByTestID("discard-selected").Attr("formaction") != paths.DiscardRejected {
		t.Error("selected rows lead nowhere")
	}
	if a.As(store.RoleViewer).Get(paths.Rejected).Has("selection") {
		t.Error("a viewer can select rows")
	}
	chosen := "?selection=1&delivery=" + list[1].ID.String() + "&delivery=" + list[3].ID.String()
	if none := admin.Get(paths.DiscardRejected + "?selection=1"); none.Status != http.StatusBadRequest || !strings.Contains(none.Text(), "No row is selected") {
		t.Errorf("discarding without a selected row answers %d", none.Status)
	}
	admin.Get(paths.NewJudgement+chosen).Wants(http.StatusOK).Says("Judge 2 rejected deliveries again").Form("judge-form").Set("why", "these two").Submit().Wants(http.StatusSeeOther)
	jobs, err := a.Store.ListJudgements(t.Context(), []int64{a.Organization.ID}, 0, 10)
	if err != nil || len(jobs) != 1 || jobs[0].Found != 2 || len(jobs[0].Filter.DeliveryIDs) != 2 {
		t.Fatalf("judgements: %+v, %v; want one of two deliveries", jobs, err)
	}
	searched := admin.Get(paths.With(paths.DiscardRejected, "q", list[0].TraceID)).Wants(http.StatusOK).Says("Discard 1 rejected delivery")
	searched.Form("discard-form").Set("why", "found by its id").Submit().Wants(http.StatusSeeOther)
	admin.Get(paths.DiscardRejected+chosen).Wants(http.StatusOK).Says("Discard 2 rejected deliveries").Form("discard-form").Set("why", "these two").Submit().Wants(http.StatusSeeOther)
	if got := rows(admin.Get(paths.Rejected), "rejected-row"); !cmp.Equal(got, []string{list[2].ID.String()}) {
		t.Errorf("after discarding there is %v, want the one that nobody chose", got)
	}
}
