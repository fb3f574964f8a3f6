package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web/webtest"
)

func TestANotificationShowsItsWholeLife(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	at := time.Now().Add(-time.Hour)
	second := a.delivery(at, `{"payload":{"id":"1"}}`, func(d *store.Delivery) { d.RetryNumber = 1 })
	a.describe(second, func(d *store.Description) { d.Summary, d.ObjectID = "AUTHORIZED 100.00 USD", "7435188899356405003091" })
	fourth := a.retry(second, at.Add(3*time.Minute), 3)
	again := a.delivery(at, string(second.Body), func(d *store.Delivery) { d.RetryNumber, d.TraceID, d.EventDate = 1, second.TraceID, second.EventDate })
	a.keep(second, fourth)
	a.keep(again)
	viewer := a.As(store.RoleViewer)

	page := viewer.Get(paths.ShowNotification(second.ID.String())).Wants(http.StatusOK)
	page.Says("AUTHORIZED 100.00 USD", "7435188899356405003091", "2 attempts lost", "Token events")
	life := []string{}
	for _, e := range page.ByTestID("life").All(func(e *webtest.Element) bool { return e.Attr("class") == "life-title" }) {
		life = append(life, e.Text())
	}
	want := []string{
		"Occurred", "First attempt lost", "Signed and sent", "Arrived", "Verified", "Stored and answered 200 OK", "Grouped", "Same request again, 1 time",
		"The answer did not reach Cybersource", "Retry 2 lost", "Retry 3 arrived",
	}
	if diff := cmp.Diff(want, life); diff != "" {
		t.Errorf("life-line (-want +got):\n%s", diff)
	}

	tab := viewer.Get(linkTo(page, "Deliveries")).Wants(http.StatusOK)
	if diff := cmp.Diff([]string{second.ID.String(), fourth.ID.String()}, rows(tab, "delivery-row")); diff != "" {
		t.Errorf("deliveries (-want +got):\n%s", diff)
	}
	tab.Says("First attempt, retry 2 never arrived here", "198.51.100.7", "plain HTTP", "200 OK", "3 ms")
	chosen := viewer.Get(linkTo(tab, "Retry 3")).Wants(http.StatusOK)
	if !chosen.Has("verification") || !strings.Contains(chosen.ByTestID("verification").Text(), fmt.Sprintf("%x", fourth.BodySHA256)) {
		t.Error("a delivery's link does not lead to its own verification")
	}
	record := viewer.Get(paths.ShowNotificationTab(second.ID.String(), "record")).Wants(http.StatusOK).ByTestID("record").Text()
	var parsed struct {
		Notification map[string]any
		Deliveries   []map[string]any
	}
	if err := json.Unmarshal([]byte(record[strings.Index(record, "{"):]), &parsed); err != nil || len(parsed.Deliveries) != 2 || parsed.Notification["object_id"] != "7435188899356405003091" {
		t.Errorf("the record is %q (%v)", record, err)
	}
}

func TestNeighboursAreThoseOfTheFilteredList(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	now := time.Now()
	var kept []*store.Delivery
	for i := range 5 {
		d := a.delivery(now.Add(-time.Duration(i+1)*time.Minute), fmt.Sprintf(`{"n":%d}`, i))
		if i%2 == 1 {
			d.EventType = "tms.networktoken.provisioned"
		}
		kept = append(kept, d)
	}
	a.keep(kept...)
	viewer := a.As(store.RoleViewer)
	list := viewer.Get(paths.Notifications + "?type=tms.networktoken.updated&size=25&live=1").Wants(http.StatusOK)
	middle := ""
	for _, link := range list.Links() {
		if strings.Contains(link, kept[2].ID.String()) {
			middle = link
		}
	}
	page := viewer.Get(middle).Wants(http.StatusOK)
	query := "?type=tms.networktoken.updated"
	if got, want := page.ByTestID("neighbour-prev").Attr("href"), paths.ShowNotification(kept[0].ID.String())+query; got != want {
		t.Errorf("newer leads to %q, want %q", got, want)
	}
	if got, want := page.ByTestID("neighbour-next").Attr("href"), paths.ShowNotification(kept[4].ID.String())+query; got != want {
		t.Errorf("older leads to %q, want %q", got, want)
	}
	if linkTo(page, "Notifications") == "" || viewer.Get(page.ByTestID("neighbour-prev").Attr("href")).Has("neighbour-prev") {
		t.Error("the newest has a newer neighbour")
	}
	if end := viewer.Get(paths.ShowNotificationTab(kept[4].ID.String(), "headers") + "&type=tms.networktoken.updated"); !strings.Contains(end.ByTestID("neighbour-prev").Attr("href"), "tab=headers") {
		t.Error("the tab is lost on the way to a neighbour")
	}
}

func TestPayloadsAreShownExactly(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	now := time.Now()
	deep := strings.Repeat(`{"d":`, 50) + `"bottom"` + strings.Repeat(`}`, 50)
	for i, c := range []struct {
		name, body string
		says       []string // in the tree
		raw        []string
	}{
		{"numbers", `{"big":123456789012345678901234567890.10,"exp":1E+400,"neg":-0.0}`, []string{"123456789012345678901234567890.10", "1E+400", "-0.0"}, []string{`"big":123456789012345678901234567890.10`}},
		{"deep", deep, []string{`"bottom"`}, []string{deep}},
		{"markup", `{"<script>alert(1)</script>":"</script><img src=x onerror=alert(2)>"}`, []string{`"<script>alert(1)</script>"`, `"</script><img src=x onerror=alert(2)>"`}, nil},
		{"twice", `{"a":1,"a":2}`, []string{`"a" : 1`, `"a" : 2`}, nil},
		{"NUL escaped", `{"a":"x\u0000y"}`, []string{`"x\u0000y"`}, []string{`x\u0000y`}},
		{"NUL raw", "{\"a\":\"x\x00y\"}", []string{"not JSON"}, []string{"x␀y"}},
		{"invalid UTF-8", "{\"a\":\"x\xff\xfey\"}", []string{"not valid UTF-8"}, []string{"\uFFFD"}},
		{"not JSON", "hello <b>world</b>", []string{"not JSON"}, []string{"hello <b>world</b>"}},
	} {
		d := a.delivery(now.Add(-time.Duration(i)*time.Minute), c.body)
		a.keep(d)
		viewer := a.As(store.RoleViewer)
		page := viewer.Get(paths.ShowNotification(d.ID.String())).Wants(http.StatusOK).Says(c.says...)
		if n := len(page.All(func(e *webtest.Element) bool {
			return e.Tag() == "img" || e.Tag() == "b" && e.Attr("aria-current") == ""
		})); n > 0 {
			t.Errorf("%s: the body has become %d elements", c.name, n)
		}
		viewer.Get(paths.ShowNotification(d.ID.String()) + "?view=raw").Wants(http.StatusOK).Says(c.raw...)
		hex := viewer.Get(paths.ShowNotification(d.ID.String()) + "?view=hex").Wants(http.StatusOK)
		if want := fmt.Sprintf("%02x %02x", c.body[0], c.body[1]); !strings.Contains(hex.Text(), want) {
			t.Errorf("%s: the hex view does not begin with %s", c.name, want)
		}
		file := viewer.Get(paths.DownloadDeliveryBody(d.ID.String())).Wants(http.StatusOK)
		if file.Body != c.body {
			t.Errorf("%s: the file is %q, want %q", c.name, file.Body, c.body)
		}
		if got := file.Header; got.Get("Content-Type") != "text/plain; charset=utf-8" || got.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(got.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s: the file comes as %v", c.name, got)
		}
	}
}

func TestMarkupOfStrangersStaysText(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	const evil = `<script>alert("x")</script>`
	d := a.delivery(time.Now(), `{"a":"`+`<script>alert(1)</script>`+`"}`, func(d *store.Delivery) {
		d.Headers = append(d.Headers, store.Header{"X-Evil", evil}, store.Header{evil, "value"}, store.Header{"V-C-Signature", evil})
		d.EventType, d.TraceID, d.ProductID, d.EventDate, d.ReasonDetail, d.KeyID = evil, evil, evil, evil, evil, evil
	})
	a.describe(d, func(x *store.Description) { x.Summary, x.ObjectID, x.EventOrganization = evil, evil, evil })
	refused := a.delivery(time.Now(), `{"b":"<script>alert(2)</script>"}`, rejectedFor("key_unknown"), func(d *store.Delivery) {
		d.EventType, d.TraceID, d.KeyID, d.ReasonDetail, d.TLS, d.Headers = evil, evil, evil, evil, evil, []store.Header{{evil, evil}}
	})
	unknown := a.delivery(time.Now(), `{"c":3}`, rejectedFor(evil))
	a.keep(d, refused, unknown)
	viewer := a.As(store.RoleViewer)
	show, wrong := paths.ShowNotification(d.ID.String()), paths.ShowRejected(refused.ID.String())
	for _, path := range []string{
		paths.Overview, paths.Notifications, paths.Notifications + "?q=" + `%3Cscript%3Ealert(%22x%22)%3C/script%3E`, show, show + "?view=raw", show + "?view=hex", show + "?tab=headers", show + "?tab=verification",
		show + "?tab=deliveries", show + "?tab=record", paths.Rejected, wrong, wrong + "?tab=payload", wrong + "?tab=headers", wrong + "?tab=record",
		paths.ShowRejected(unknown.ID.String()),
	} {
		// Every page is checked by webtest for inline scripts and handlers.
		if page := viewer.Get(path).Wants(http.StatusOK); strings.Contains(page.Body, "<script>alert") {
			t.Errorf("%s has a script of a stranger's", path)
		}
	}
	// A filter that is no reason is refused by its name.
	refusal := viewer.Get(paths.Rejected + "?reason=%3Cscript%3Ealert(1)%3C/script%3E").Wants(http.StatusBadRequest)
	if strings.Contains(refusal.Body, "<script>alert") {
		t.Error("the refusal of a filter has a script of a stranger's")
	}
}

func TestCardNumbersAreMaskedEverywhere(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	const pan = "4111111111111111"
	d := a.delivery(time.Now(), `{"payload":{"card":{"number":"`+pan+`","securityCode":"123"},"text":"paid with `+pan+`"}}`)
	a.keep(d)
	viewer := a.As(store.RoleAdministrator)
	show := paths.ShowNotification(d.ID.String())
	for _, path := range []string{show, show + "?view=raw", show + "?view=hex", show + "?tab=record", paths.DownloadDeliveryBody(d.ID.String()), paths.Notifications} {
		page := viewer.Get(path).Wants(http.StatusOK)
		if strings.Contains(page.Body, pan) || strings.Contains(page.Body, `"123"`) || strings.Contains(page.Body, "34 31 31 31 31 31 31 31  31 31 31 31 31 31 31 31") {
			t.Errorf("%s shows a whole card number or a security code", path)
		}
	}
	page := viewer.Get(show).Says("are masked")
	if n := len(page.All(func(e *webtest.Element) bool { return e.Attr("class") == "json-masked" })); n != 3 {
		t.Errorf("%d values are marked as masked, want 3", n)
	}
	if file := viewer.Get(paths.DownloadDeliveryBody(d.ID.String())); file.Body != masked(string(d.Body)) {
		t.Errorf("the file is %q", file.Body)
	}
}

func TestCopiesHoldNothingThatProvesAnything(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	d := a.delivery(time.Now(), `{"it's":"4111111111111111"}`, func(d *store.Delivery) {
		d.Headers = append(d.Headers, store.Header{"V-C-Signature", "t=1;keyId=key-1;sig=abc"}, store.Header{"Authorization", "Bearer digest"}, store.Header{"Host", "x"})
	})
	large := a.delivery(time.Now(), `{"a":"`+strings.Repeat("x", 70<<10)+`"}`)
	binary := a.delivery(time.Now(), "{\"a\":\"\xff\"}")
	a.keep(d, large, binary)
	viewer := a.As(store.RoleViewer)
	copies := map[string]string{}
	for _, e := range viewer.Get(paths.ShowNotification(d.ID.String())).ByTestID("copy-as").All(func(e *webtest.Element) bool { return e.HasAttr("data-copy") }) {
		copies[e.Text()] = e.Attr("data-copy")
	}
	want := map[string]string{
		"Copy raw":    `{"it's":"411111******1111"}`,
		"Copy pretty": "{\n  \"it's\": \"411111******1111\"\n}",
		"Copy curl":   "curl -sS -X POST \"$ENDPOINT_URL\" \\\n  -H 'Content-Type: application/json' \\\n  -H 'V-C-Event-Type: tms.networktoken.updated' \\\n  --data-binary '{\"it'\\''s\":\"411111******1111\"}'",
	}
	if diff := cmp.Diff(want, copies); diff != "" {
		t.Errorf("copies (-want +got):\n%s", diff)
	}
	viewer.Get(paths.ShowNotification(large.ID.String())).Says("Too large to copy")
	viewer.Get(paths.ShowNotification(binary.ID.String())).Says("bytes that are not text, which a clipboard would change")
}

func TestABodyThatCannotBeOpenedIsSaidSo(t *testing.T) {
	t.Parallel()
	var databaseURL string
	a := newArchive(t, webtest.WithStore(func(cfg *store.Config) { databaseURL = cfg.URL }))
	stranger, err := store.Open(t.Context(), store.Config{URL: databaseURL, Sealer: storetest.Sealer(t), MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stranger.Close)
	verified, refused := a.delivery(time.Now(), `{"n":1}`), a.delivery(time.Now(), `{"n":2}`, rejectedFor("key_unknown"))
	if _, err := stranger.InsertDeliveries(t.Context(), 1, []*store.Delivery{verified, refused}); err != nil {
		t.Fatal(err)
	}
	a.keep()
	viewer := a.As(store.RoleViewer)
	viewer.Get(paths.ShowNotification(verified.ID.String())).Wants(http.StatusOK).Says("The body cannot be opened", "ENCRYPTION_KEY")
	viewer.Get(paths.ShowRejected(refused.ID.String()) + "?tab=payload").Wants(http.StatusOK).Says("The body cannot be opened")
	viewer.Get(paths.DownloadDeliveryBody(verified.ID.String())).Wants(http.StatusGone).Says("cannot be opened")
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	waiting := a.delivery(time.Now(), `{"n":1}`)
	refused := a.delivery(time.Now(), `{"n":2}`, rejectedFor("key_unknown"))
	if _, err := a.Store.InsertDeliveries(t.Context(), 1, []*store.Delivery{waiting, refused}); err != nil {
		t.Fatal(err)
	}
	viewer := a.As(store.RoleViewer)
	for _, id := range []string{"1", "x", "00000000-0000-7000-8000-000000000000", "%00", store.NewID(time.Now()).String()} {
		for _, room := range []string{paths.Notifications, paths.Rejected, "/deliveries"} {
			viewer.Get(room + "/" + id).Wants(http.StatusNotFound)
		}
		viewer.Get("/deliveries/" + id + "/body").Wants(http.StatusNotFound)
	}
	viewer.Get(paths.ShowNotification(waiting.ID.String())).Wants(http.StatusNotFound).Says("is being filed")
	viewer.Get(paths.ShowNotification(refused.ID.String())).Wants(http.StatusNotFound).Says("was rejected")
	a.keep()
	to := viewer.Get(paths.ShowDelivery(waiting.ID.String())).Wants(http.StatusSeeOther)
	if to.Follow().Wants(http.StatusOK); !strings.HasPrefix(to.Header.Get("Location"), paths.ShowNotification(waiting.ID.String())) {
		t.Errorf("a verified delivery leads to %q", to.Header.Get("Location"))
	}
	viewer.Get(paths.ShowDelivery(refused.ID.String())).Wants(http.StatusSeeOther).Follow().Wants(http.StatusOK).Says("Unknown key")
	viewer.Get(paths.ShowRejected(waiting.ID.String())).Wants(http.StatusSeeOther)
}

func TestVerificationTellsWhatTheSandboxSigned(t *testing.T) {
	t.Parallel()
	h := newHouse(t, []string{"tokenManagement/tms.networktoken.updated", "unifiedCheckout/uc.orders.transactionresults"})
	h.emit(sandbox.FaultNone)
	_, err := h.Sandbox.Emit(t.Context(), sandbox.EventRequest{OrganizationID: h.Organization.OrganizationID, ProductID: "unifiedCheckout", EventType: "uc.orders.transactionresults"})
	if err != nil {
		t.Fatal(err)
	}
	viewer := h.As(store.RoleViewer)
	h.await("two notifications", func() bool { return len(rows(viewer.Get(paths.Notifications), "notification-row")) == 2 })
	for eventType, want := range map[string]struct {
		variant cybs.Variant
		says    string
	}{
		"tms.networktoken.updated":     {cybs.VariantPayloadRaw, "Envelope not signed"},
		"uc.orders.transactionresults": {cybs.VariantBody, "Envelope signed"},
	} {
		id := rows(viewer.Get(paths.With(paths.Notifications, "type", eventType)), "notification-row")[0]
		page := viewer.Get(paths.ShowNotificationTab(id, "verification")).Wants(http.StatusOK)
		if got := page.ByTestID("variant").Text(); got != string(want.variant) {
			t.Errorf("%s: variant %q, want %q", eventType, got, want.variant)
		}
		page.Says("Verified", "Signature header found and read", "Key found", "Signing time is close enough", want.says, "Expected and received:")
		headers := viewer.Get(paths.ShowNotificationTab(id, "headers")).Wants(http.StatusOK).Says("V-C-Event-Type " + eventType)
		if !strings.Contains(headers.Body, "every retry has its own") {
			t.Error("Cybersource's headers are not explained")
		}
	}
}
