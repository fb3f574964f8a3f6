package web

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/overview"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/ungrouped"
)

// listUngrouped shows the deliveries that could not be made into notifications.
func (s *Server) listUngrouped(c echo.Context) error {
	sc, err := s.readScope(c.Request().Context(), c)
	if err != nil {
		return err
	}
	found, err := s.store.ListUngrouped(c.Request().Context(), sc.organizationIDs())
	if err != nil {
		return err
	}
	l := ungrouped.List{
		Page: s.page(c, "Without a notification", crumb("Notifications", paths.Notifications),
			describe("These deliveries were verified, answered 200 and kept, but could not be made into notifications. The others go on. Each is tried again every hour, and when Switchboard starts.")),
		More: len(found) == store.MaxUngrouped,
	}
	for _, u := range found {
		row := ungrouped.Row{
			ID: u.DeliveryID.String(), ReceivedAt: u.ReceivedAt, EventType: u.EventType, Subscription: sc.subscriptionName(u.SubscriptionID), Why: whyUngrouped(u.Code),
			FailedAt: u.FailedAt, BodyHref: paths.DownloadDeliveryBody(u.DeliveryID.String()),
		}
		if _, ok := sc.subscription(u.SubscriptionID); ok {
			row.Href = paths.ShowSubscription(u.SubscriptionID)
		}
		l.Rows = append(l.Rows, row)
	}
	return s.render(c, http.StatusOK, ungrouped.ListPage(l))
}

// whyUngrouped says in words what the database's error code means here.
func whyUngrouped(code string) string {
	if code == "" {
		return "Switchboard cannot read what is stored of it. The log says more."
	}
	why := "The database refused it."
	switch {
	case slices.Contains([]string{"22P05", "0A000", "22021"}, code):
		why = "It contains a character that the database's encoding does not have. The encoding must be UTF8."
	case code == "22003", code == "22008":
		why = "It contains a number or a time that is too large for the database."
	case code[:2] == "22":
		why = "It contains a value that the database does not take."
	case code[:2] == "54":
		why = "It is larger or nested deeper than the database can work with."
	case code[:2] == "23":
		why = "It contradicts something that is stored already."
	case code[:2] == "XX":
		why = "What is stored of it is damaged in the database."
	}
	return why + " (PostgreSQL code " + code + ")"
}

// ungroupedLine counts them for the overview; zero when there are none.
func (h house) ungroupedLine() overview.Ungrouped {
	n := len(h.ungrouped)
	if n == 0 {
		return overview.Ungrouped{}
	}
	text := plural(n, "delivery", "deliveries") + " could not be made into a notification"
	if n == store.MaxUngrouped {
		text = "More than " + plural(n, "delivery", "deliveries") + " could not be made into notifications"
	}
	return overview.Ungrouped{Text: text, Href: paths.Ungrouped}
}
