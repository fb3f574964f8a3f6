package web

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/rejected"
	"github.com/switchboardhq/switchboard/views/ui"
)

// confirmRelease asks before what passes is released.
func (s *Server) confirmRelease(c echo.Context) error {
	j, err := s.visibleJudgement(c)
	if err != nil {
		return err
	}
	return s.askRelease(c, http.StatusOK, j, emptyForm())
}

func (s *Server) askRelease(c echo.Context, status int, j judgementShown, f *form) error {
	if j.State != store.StateJudged || j.Passing == 0 {
		s.flash(c, ui.Waiting, "Nothing of this judgement waits for its release.")
		return s.redirect(c, paths.ShowJudgement(j.ID))
	}
	number := counted(j.Passing, "delivery", "deliveries")
	return s.render(c, status, rejected.AskView(rejected.Ask{
		Page:   s.page(c, "Release "+number, crumb("Rejected", paths.Rejected), crumb("Judged again", paths.Judgements), crumb(j.result(), paths.ShowJudgement(j.ID)), narrow()),
		Action: paths.ReleaseOfJudgement(j.ID), Title: "This is what happens", Tone: ui.Waiting, What: j.facts(), TestID: "release-form",
		Happens: []string{
			counted(j.Passing, "delivery leaves", "deliveries leave") + " quarantine and become notifications, in the order in which they arrived. Each is verified once more at that moment; what does not pass then stays.",
			"Cybersource was answered 401 for them, so it may have sent them again, or still may. What belongs to the same notification joins it, and the same bytes are recognised as duplicates.",
			"Where an endpoint holds instead of rejecting, Cybersource was answered 200 and does not send them again: releasing is how they arrive.",
			"The verdict of their arrival stays in their history, and in the sums of the minute at which they arrived. It cannot be taken back.",
		},
		Why: s.whyField(f, "It stands in the history of each delivery and in the audit log."), Errors: f.summary(),
		Button: ui.Action{Label: "Release " + number, Kind: ui.Primary, Icon: ui.IconSend, Attrs: templ.Attributes{"data-testid": "confirm-release"}},
		Back:   ui.Action{Label: "Leave them in quarantine", Href: paths.ShowJudgement(j.ID), Kind: ui.Quiet},
	}))
}

// releaseJudgement releases what passes by a judgement.
func (s *Server) releaseJudgement(c echo.Context) error {
	f, err := parseForm(c)
	if err != nil {
		return err
	}
	j, err := s.visibleJudgement(c)
	if err != nil {
		return err
	}
	why := f.required(rejected.FieldWhy, maxWhyRunes, "Say why, for those who read it later.")
	if !f.ok() {
		return s.askRelease(c, http.StatusUnprocessableEntity, j, f)
	}
	u, audit := currentUser(c), s.audit(c, "rejected.release")
	audit.ObjectKind, audit.ObjectID, audit.ObjectName, audit.Detail = "judgement", fmt.Sprint(j.ID), counted(j.Passing, "delivery", "deliveries"), why
	if len(j.Filter.Organizations) == 1 {
		audit.OrganizationID = j.Filter.Organizations[0]
	}
	err = s.store.AskRelease(c.Request().Context(), j.ID, u.ID, u.Email, why, audit)
	switch {
	case errors.Is(err, store.ErrConflict): // somebody was faster, or pressed twice: the page says what is done
		s.flash(c, ui.Waiting, "Nothing of this judgement waits for its release.")
	case err != nil:
		return err
	default:
		s.judgeSoon(c, j.ID)
	}
	return s.redirect(c, paths.ShowJudgement(j.ID))
}
