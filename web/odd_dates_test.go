package web_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
)

// Event dates come from outside, and with most signatures are not even signed. Whatever they say, each page is shown, and what cannot be right takes no
// place among the times.
func TestNoEventDateEndsAPage(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	viewer := a.As(store.RoleViewer)
	at := time.Now().Add(-time.Hour)
	for _, date := range []string{
		"9999-12-31T23:59:59", "9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00", "0000-01-01T00:00:00+23:59", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999999Z",
		"292277026596-12-04T15:30:08Z", "-9999-01-01T00:00:00", "2262-04-11T23:47:16.854775808Z", "1677-09-21T00:12:43Z", "253402300800000", "NaN", "\u202e2026", "<b>now</b>",
	} {
		at = at.Add(time.Second)
		d := a.delivery(at, `{"date":`+strconv.Quote(date)+`}`, func(d *store.Delivery) { d.EventDate = date })
		at = at.Add(time.Second)
		refused := a.delivery(at, `{"refused":`+strconv.Quote(date)+`}`, rejectedFor("unknown_key"), func(d *store.Delivery) { d.EventDate = date })
		a.keep(d, refused)
		for _, tab := range []string{"", "headers", "verification", "deliveries", "record"} {
			viewer.Get(paths.ShowNotificationTab(d.ID.String(), tab)).Wants(http.StatusOK)
			viewer.Get(paths.With(paths.ShowRejected(refused.ID.String()), "tab", tab)).Wants(http.StatusOK)
		}
		life := viewer.Get(paths.ShowNotification(d.ID.String())).ByTestID("life")
		if strings.Contains(life.Text(), "292 years") {
			t.Errorf("%q: the life-line counts from it: %s", date, life.Text())
		}
	}
	for _, list := range []string{paths.Overview, paths.Notifications, paths.Rejected, paths.With(paths.Notifications, "from", "0000-01-01T00:00:00Z", "to", "9999-12-31T23:59:59Z")} {
		viewer.Get(list).Wants(http.StatusOK)
	}
}
