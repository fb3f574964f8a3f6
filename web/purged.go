package web

import (
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/problem"
	"github.com/switchboardhq/switchboard/views/ui"
)

// purgedProblem is the page of what retention removed.
func purgedProblem(e *store.PurgedError) (int, problem.Problem) {
	return http.StatusGone, problem.Problem{
		Kind: ui.Purged, Title: "Purged by retention on " + dayText(e.At),
		Text: "It arrived on " + dayText(e.ID.Time()) + ". Notifications and deliveries are removed by whole weeks once they are older than Switchboard is told to keep them. " +
			"The sums on the overview and the audit log stay. Cybersource may still know it in the Business Center.",
		Actions: []ui.Action{{Label: "Go to the notifications", Href: paths.Notifications}},
	}
}

// dayText is a day for a sentence, in UTC, as retention counts weeks.
func dayText(t time.Time) string { return t.UTC().Format("2 January 2006") + " (UTC)" }

// tellPurged says at the end of a list, or where it is empty, that what is asked for was removed. pager is nil for an empty list.
func (s *Server) tellPurged(c echo.Context, f *filters, empty *ui.EmptyPlace, pager *ui.PageLinks) error {
	if pager != nil && pager.Older != "" {
		return nil // what follows is not the end
	}
	last, err := s.store.LastPurge(c.Request().Context())
	if err != nil || last.Before.IsZero() {
		return err
	}
	switch {
	case pager != nil && f.from.Before(last.Before):
		pager.Summary += "; those of before " + dayText(last.Before) + " were purged by retention"
	case pager == nil && f.onlyBefore(last.Before):
		*empty = ui.EmptyPlace{
			Kind: ui.Purged, Title: "Purged by retention on " + dayText(last.At), Chips: empty.Chips,
			Text: "What arrived before " + dayText(last.Before) + " is no longer kept. The sums on the overview and the audit log stay.",
		}
	}
	return nil
}

// onlyBefore reports whether all that the filters ask for arrived before a time: by its range, or by the time that is in an id.
func (f *filters) onlyBefore(t time.Time) bool {
	if !f.to.IsZero() && !f.to.After(t) {
		return true
	}
	id, err := store.ParseID(f.search)
	const version7 = 7
	return err == nil && id[6]>>4 == version7 && id.Time().Before(t)
}

// keptText says how long notifications are kept.
func keptText(retention time.Duration) string {
	if retention <= 0 {
		return "for ever"
	}
	return fmt.Sprintf("%d days, then whole weeks go", int(retention.Hours()/24))
}
