package web

import (
	"errors"
	"net/http"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/rejected"
	"github.com/switchboardhq/switchboard/views/ui"
)

// discardWord is typed to confirm a discard in production.
const discardWord = "discard"

// confirmDiscard asks before rejected deliveries are deleted.
func (s *Server) confirmDiscard(c echo.Context) error {
	r, err := s.chooseRejected(c, c.QueryParams())
	if err != nil {
		return err
	}
	return s.askDiscard(c, http.StatusOK, r, emptyForm())
}

func (s *Server) askDiscard(c echo.Context, status int, r chosenRejected, f *form) error {
	a := rejected.Ask{
		Page:   s.page(c, "Discard", crumb("Rejected", r.back("").Href), narrow()),
		Action: paths.DiscardRejected, Hidden: r.carried(s.now()), Title: "This is what happens", Tone: ui.Waiting, What: r.what(), TestID: "discard-form",
		Happens: []string{
			"They are deleted from quarantine, with their bodies and headers. It cannot be undone, and they can never be judged again.",
			"The audit log keeps that it was done, by whom, why, and how many they were. The sums of traffic keep counting them.",
			"Cybersource is told nothing. If it sends one of them again, that arrives and is judged like any other.",
		},
		Why: s.whyField(f, "It stands in the audit log."), Errors: f.summary(),
		Button: ui.Action{Label: "Discard " + r.number(), Kind: ui.Danger, Icon: ui.IconDelete, Attrs: templ.Attributes{"data-testid": "confirm-discard"}}, Back: r.back("Keep them"),
	}
	if r.found == 0 {
		a.Button.Label, a.Button.Reason = "Discard", "Nothing in quarantine matches."
	}
	if s.needsTypedName() {
		a.Confirm = ui.Field{
			Name: rejected.FieldConfirm, Label: "Type the word " + discardWord, Required: true, Autocomplete: "off",
			Error: f.problem(rejected.FieldConfirm), Value: f.typed(rejected.FieldConfirm),
		}
	}
	return s.render(c, status, rejected.AskView(a))
}

// discardRejected deletes rejected deliveries.
func (s *Server) discardRejected(c echo.Context) error {
	f, err := parseForm(c)
	if err != nil {
		return err
	}
	r, err := s.chooseRejected(c, f.values)
	if err != nil {
		return err
	}
	why := f.required(rejected.FieldWhy, maxWhyRunes, "Say why, for those who read it later.")
	if s.needsTypedName() && f.text(rejected.FieldConfirm, maxWhyRunes) != discardWord {
		f.fail(rejected.FieldConfirm, "This is not the word, so nothing was discarded.")
	}
	if !f.ok() {
		return s.askDiscard(c, http.StatusUnprocessableEntity, r, f)
	}
	filter := r.filter()
	if filter.To.IsZero() {
		filter.To = s.now() // not what arrives while this is being done
	}
	audit := s.audit(c, "rejected.discard")
	audit.ObjectKind, audit.ObjectName, audit.OrganizationID, audit.Before = "delivery", "Rejected deliveries", r.organization(), r.audited(min(r.found, store.MaxJudged))
	if r.one() {
		audit.ObjectID, audit.ObjectName = r.deliveries[0].ID.String(), whyText(r.deliveries[0])
	}
	n, err := s.store.DiscardRejected(c.Request().Context(), filter, audit, func(n int) string {
		return counted(n, "delivery", "deliveries") + ": " + why
	})
	if errors.Is(err, store.ErrNotFound) {
		return userError(http.StatusConflict, "Nothing in quarantine matches any more.", err)
	}
	if err != nil {
		return err
	}
	s.flash(c, ui.Good, "Discarded "+counted(n, "rejected delivery", "rejected deliveries")+".", "Show the audit log", paths.AuditLog)
	return s.redirect(c, paths.Rejected)
}
