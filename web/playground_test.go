package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/playground"
	"github.com/switchboardhq/switchboard/web"
	"github.com/switchboardhq/switchboard/web/webtest"
)

const tokenEvent = "tokenManagement tms.networktoken.updated"

func TestAnEventGoesThroughTheRealDoor(t *testing.T) {
	t.Parallel()
	h := newHouse(t, []string{"tokenManagement/tms.networktoken.updated"})
	editor := h.As(store.RoleEditor)
	form := editor.Get(paths.Playground).Wants(http.StatusOK).Form("send-event")
	sent := form.Set(playground.EventField, tokenEvent).Set(playground.CountField, "2").Submit().Wants(http.StatusSeeOther)
	page := sent.Follow().Wants(http.StatusOK).Says("Sent tms.networktoken.updated 2 times to 1 subscription.")
	to := linkTo(page, "See notifications")
	h.await("both notifications", func() bool { return len(rows(editor.Get(to), "notification-row")) == 2 })
	if again := editor.Get(sent.Header.Get("Location")).Form("send-event"); again.Values.Get(playground.EventField) != tokenEvent {
		t.Errorf("the form offers %q, want what was sent last", again.Values.Get(playground.EventField))
	}

	broken := editor.Get(paths.Playground).Form("send-event").Set(playground.EventField, tokenEvent).Set(playground.FaultField, string(sandbox.FaultUnknownKey)).Submit()
	list := linkTo(broken.Wants(http.StatusSeeOther).Follow(), "See rejected")
	h.await("the rejected one", func() bool { return len(rows(editor.Get(list), "rejected-row")) == 1 })
	attempts := editor.Get(paths.Playground).Wants(http.StatusOK).Says("Signed with a key nobody knows", "401 Unauthorized", "Not taken, as wanted", "200 OK")
	if n := len(attempts.AllByTestID("attempt-row")); n != 3 {
		t.Errorf("%d attempts, want 3", n)
	}
	editor.Get(paths.With(paths.Playground, "pings", "1")).Wants(http.StatusOK).Says("Health ping", "Healthy")

	entry := audited(t, h.Server, "playground.send")
	if entry.Outcome != store.OutcomeSucceeded || entry.Actor != h.Person(store.RoleEditor).Email || !strings.Contains(entry.Detail, "fault: unknown-key; to 1 subscription") {
		t.Errorf("the audit row is %+v", entry)
	}
}

func TestAnEventNobodyAskedForSaysSo(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	form := srv.As(store.RoleEditor).Get(paths.Playground).Wants(http.StatusOK).Form("send-event")
	form.Set(playground.EventField, tokenEvent).Submit().Wants(http.StatusSeeOther).Follow().Says("no active subscription asked for tms.networktoken.updated")
}

func TestTheTrickleIsSwitched(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleEditor)
	editor.Get(paths.Playground).Form("trickle-on").Set(playground.IntervalField, "120").Submit().Wants(http.StatusSeeOther)
	if got := srv.Sandbox.Trickle(); got != 2*time.Minute {
		t.Errorf("the trickle is %s, want 2 min", got)
	}
	on := editor.Get(paths.Playground).Says("A random event about every 2 min.")
	if entry := audited(t, srv, "playground.trickle"); !strings.Contains(entry.Detail, "about every 2 min") {
		t.Errorf("the audit row is %+v", entry)
	}
	on.Form("trickle-off").Submit().Wants(http.StatusSeeOther)
	if got := srv.Sandbox.Trickle(); got != 0 {
		t.Errorf("the trickle is %s after it was switched off", got)
	}
	for _, interval := range []string{"0", "-1", "3601", "x", ""} {
		page := editor.Get(paths.Playground).Form("trickle-on").Set(playground.IntervalField, interval).Submit().Wants(http.StatusUnprocessableEntity)
		if !page.Has("error-summary") || srv.Sandbox.Trickle() != 0 {
			t.Errorf("an interval of %q is taken", interval)
		}
	}
}

func TestWrongAnswersInThePlaygroundAreSaid(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleEditor)
	good := url.Values{playground.OrganizationField: {"sandbox_org"}, playground.EventField: {tokenEvent}, playground.FaultField: {""}, playground.CountField: {"1"}}
	for field, values := range map[string][]string{
		playground.OrganizationField: {"", "nobody", "\x00", "\xff"}, playground.EventField: {"", "x", "tokenManagement tms.nothing", "tms.networktoken.updated"},
		playground.FaultField: {"nice", "\x00"}, playground.CountField: {"0", "101", "x"},
	} {
		for _, value := range values {
			wrong := url.Values{}
			for k, v := range good {
				wrong[k] = v
			}
			wrong.Set(field, value)
			page := editor.Post(paths.Playground, wrong).Wants(http.StatusUnprocessableEntity)
			if !page.Has("error-summary") || page.ByID(field).Attr("aria-invalid") != "true" {
				t.Errorf("%s=%q is not said to be wrong beside its field", field, value)
			}
		}
	}
	if n := len(srv.Sandbox.Deliveries(sandbox.DeliveryQuery{})); n != 0 {
		t.Errorf("the sandbox made %d attempts", n)
	}
}

func TestViewersDoNotPlay(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	viewer := srv.As(store.RoleViewer)
	viewer.Get(paths.Playground).Wants(http.StatusOK).Says("You are a viewer.")
	for _, path := range []string{paths.Playground, paths.Trickle} {
		viewer.Post(path, url.Values{"switch": {"on"}, playground.IntervalField: {"1"}}).Wants(http.StatusForbidden)
		if page := srv.Stranger().Post(path, url.Values{}); page.Status != http.StatusSeeOther && page.Status != http.StatusForbidden {
			t.Errorf("%s answers a stranger %d", path, page.Status)
		}
	}
	if srv.Sandbox.Trickle() != 0 {
		t.Error("a viewer has switched the trickle on")
	}
}

func TestThereIsNoPlaygroundWithoutASandbox(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t, webtest.WithConsole(func(cfg *web.Config) { cfg.Sandbox = nil }))
	srv.As(store.RoleAdministrator).Get(paths.Playground).Wants(http.StatusNotFound)
	srv.As(store.RoleAdministrator).Post(paths.Playground, url.Values{}).Wants(http.StatusNotFound)
}

func TestTheSandboxSaysThatWhatItSentMayOnlyBeCounted(t *testing.T) {
	t.Parallel()
	h := newHouse(t, []string{"tokenManagement/tms.networktoken.updated"})
	editor := h.As(store.RoleEditor)
	send := func() string {
		form := editor.Get(paths.Playground).Form("send-event").Set(playground.EventField, tokenEvent).Set(playground.FaultField, string(sandbox.FaultUnknownKey))
		return form.Submit().Wants(http.StatusSeeOther).Follow().Wants(http.StatusOK).Text()
	}
	const says = "may be missing from the list"
	if strings.Contains(send(), says) {
		t.Error("it is said to be only counted, and all is kept")
	}
	v := h.Subscription
	err := h.Store.CountUnstored(t.Context(), 1, []store.Unstored{{
		Minute: time.Now().Truncate(time.Minute), SubscriptionID: v.ID, OrganizationID: v.OrganizationID, Reason: "key_unknown", Deliveries: 1,
	}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(send(), says) {
		t.Error("nothing says that it may be missing")
	}
}
