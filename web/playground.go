package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/playground"
	"github.com/switchboardhq/switchboard/views/ui"
)

const (
	maxEvents          = 100 // that one press makes happen
	maxTrickleSeconds  = 3600
	defaultTrickle     = 5 * time.Second
	shownAttempts      = 50
	onlyEditorsPlay    = "You are a viewer. Only editors and administrators make events happen."
	wordOn, wordOff    = "on", "off"
	switchField        = "switch"
	eventSeparator     = " "
	eventSendAction    = "playground.send"
	trickleAction      = "playground.trickle"
	playgroundObject   = "sandbox"
	maxEventFieldRunes = 200
	pingsParam         = "pings"
)

func (s *Server) showPlayground(c echo.Context) error {
	if err := s.needSandbox(); err != nil {
		return err
	}
	return s.renderPlayground(c, http.StatusOK, &form{errors: map[string]string{}})
}

func (s *Server) needSandbox() error {
	if s.sandbox == nil {
		return userError(http.StatusNotFound, "There is a playground only where the sandbox stands in for Cybersource.", nil)
	}
	return nil
}

// sendEvent makes an event happen in the sandbox. Nothing leaves the building: the sandbox sends to our own receiver.
func (s *Server) sendEvent(c echo.Context) error {
	if err := s.needSandbox(); err != nil {
		return err
	}
	f, err := parseForm(c)
	if err != nil {
		return err
	}
	req := s.eventRequest(f, organizations(c))
	if !f.ok() {
		return s.renderPlayground(c, http.StatusUnprocessableEntity, f)
	}
	entry := s.audit(c, eventSendAction)
	entry.ObjectKind, entry.ObjectID, entry.ObjectName = playgroundObject, req.EventType, req.EventType
	result, err := s.emitAudited(c.Request().Context(), entry, req)
	if err != nil {
		f.fail(playground.EventField, emitProblem(err))
		return s.renderPlayground(c, http.StatusUnprocessableEntity, f)
	}
	s.flashSent(c, req, result)
	return s.redirect(c, paths.With(paths.Playground, playground.OrganizationField, req.OrganizationID,
		playground.EventField, req.ProductID+eventSeparator+req.EventType, playground.FaultField, string(req.Fault)))
}

func (s *Server) eventRequest(f *form, known []store.Organization) sandbox.EventRequest {
	req := sandbox.EventRequest{OrganizationID: f.text(playground.OrganizationField, maxEventFieldRunes), Count: 1}
	if !slices.ContainsFunc(known, func(o store.Organization) bool { return o.OrganizationID == req.OrganizationID }) {
		f.fail(playground.OrganizationField, "Choose one of the organizations offered.")
	}
	event := f.text(playground.EventField, maxEventFieldRunes)
	req.ProductID, req.EventType, _ = strings.Cut(event, eventSeparator)
	if !slices.ContainsFunc(s.sandbox.Catalogue(), func(e sandbox.CatalogueEvent) bool {
		return e.ProductID == req.ProductID && e.EventType == req.EventType
	}) {
		f.fail(playground.EventField, "Choose one of the events offered.")
	}
	req.Fault = sandbox.Fault(f.text(playground.FaultField, maxEventFieldRunes))
	if req.Fault != sandbox.FaultNone && !slices.Contains(sandbox.Faults(), req.Fault) {
		f.fail(playground.FaultField, "Choose one of the faults offered.")
	}
	if f.values.Get(playground.CountField) != "" {
		req.Count = f.number(playground.CountField, 1, maxEvents)
	}
	return req
}

// emitAudited writes the audit row before it acts, and its outcome after it.
func (s *Server) emitAudited(ctx context.Context, entry store.AuditEntry, req sandbox.EventRequest) (sandbox.EventResult, error) {
	entry.Outcome = store.OutcomeStarted
	entry.Detail = fmt.Sprintf("%d × %s at %s, fault: %s", req.Count, req.EventType, req.OrganizationID, orWord(string(req.Fault), "none"))
	id, err := s.store.InsertAudit(ctx, entry)
	if err != nil {
		return sandbox.EventResult{}, err
	}
	result, emitErr := s.sandbox.Emit(ctx, req)
	outcome, detail := store.OutcomeSucceeded, fmt.Sprintf("%s; to %s", entry.Detail, plural(result.Matched, "subscription", "subscriptions"))
	if emitErr != nil {
		outcome, detail = store.OutcomeFailed, entry.Detail+"; "+emitProblem(emitErr)
	}
	finishErr := s.store.FinishAudit(context.WithoutCancel(ctx), id, outcome, detail, "")
	return result, errors.Join(emitErr, finishErr)
}

func emitProblem(err error) string {
	switch {
	case errors.Is(err, sandbox.ErrUnknownOrganization):
		return "The sandbox does not know this organization."
	case errors.Is(err, sandbox.ErrQueueFull):
		return "Too many notifications wait to be sent. Let the sandbox deliver them first."
	case errors.Is(err, sandbox.ErrUnknownEvent):
		return "The sandbox cannot make this event."
	}
	return "The event did not happen. The log says why."
}

func (s *Server) flashSent(c echo.Context, req sandbox.EventRequest, result sandbox.EventResult) {
	if result.Matched == 0 {
		s.flash(c, ui.Waiting, "It happened, but no active subscription asked for "+req.EventType+", so nothing was sent.", "Subscriptions", paths.Subscriptions)
		return
	}
	text := fmt.Sprintf("Sent %s to %s.", req.EventType, plural(result.Matched, "subscription", "subscriptions"))
	if req.Count > 1 {
		text = fmt.Sprintf("Sent %s %d times to %s.", req.EventType, req.Count, plural(result.Matched, "subscription", "subscriptions"))
	}
	if result.Held > 0 {
		text += fmt.Sprintf(" %d of them held until the subscription is well again.", result.Held)
	}
	if rejectedFault(req.Fault) {
		counted, err := s.store.RejectedUnstored(c.Request().Context(), store.RejectedFilter{From: s.now().Add(-time.Hour)})
		switch {
		case err != nil: // the event did happen, whatever is known of the list
			s.log.WarnContext(c.Request().Context(), "what was only counted cannot be read", "err", err)
		case counted > 0:
			text += " Some rejected deliveries of the last hour were only counted and not kept: it may be missing from the list."
		}
		s.flash(c, ui.Good, text, "See rejected", paths.With(paths.Rejected, fromParam, "-1h"))
		return
	}
	s.flash(c, ui.Good, text, "See notifications", paths.With(paths.Notifications, eventTypeParam, req.EventType, fromParam, "-1h"))
}

// rejectedFault reports whether a fault makes the receiver reject; the others are taken, or never arrive whole.
func rejectedFault(f sandbox.Fault) bool {
	switch f {
	case sandbox.FaultBadSignature, sandbox.FaultMissingSignature, sandbox.FaultMalformedSignature, sandbox.FaultUnknownKey,
		sandbox.FaultStaleTimestamp, sandbox.FaultFutureTimestamp, sandbox.FaultTamperedBody, sandbox.FaultByteOrderMark, sandbox.FaultLineEnd, sandbox.FaultEscapedBody,
		sandbox.FaultCharset, sandbox.FaultCompressed, sandbox.FaultNoTimestamp, sandbox.FaultKeyText, sandbox.FaultSwappedKey:
		return true
	}
	return false
}

// setTrickle switches events that happen by themselves.
func (s *Server) setTrickle(c echo.Context) error {
	if err := s.needSandbox(); err != nil {
		return err
	}
	f, err := parseForm(c)
	if err != nil {
		return err
	}
	interval := time.Duration(0)
	if f.choice(switchField, wordOn, wordOff) == wordOn {
		interval = time.Duration(f.number(playground.IntervalField, 1, maxTrickleSeconds)) * time.Second
	}
	if !f.ok() {
		return s.renderPlayground(c, http.StatusUnprocessableEntity, f)
	}
	entry := s.audit(c, trickleAction)
	entry.ObjectKind, entry.ObjectName, entry.Detail = playgroundObject, "trickle", "off"
	if interval > 0 {
		entry.Detail = "one event about every " + ui.DurationText(interval)
	}
	if _, err := s.store.InsertAudit(c.Request().Context(), entry); err != nil {
		return err
	}
	s.sandbox.SetTrickle(interval)
	s.flash(c, ui.Good, "The trickle is "+entry.Detail+".")
	return s.redirect(c, paths.Playground)
}

func (s *Server) renderPlayground(c echo.Context, status int, f *form) error {
	blocked := ""
	if !currentUser(c).Role.Allows(store.RoleEditor) {
		blocked = onlyEditorsPlay
	}
	p := playground.Page{
		Page:   s.page(c, "Playground", describe("Make events happen in the sandbox, sound or broken, and watch what the receiver makes of them.")),
		Errors: f.summary(), Send: s.sendForm(c, f), Trickle: s.trickleForm(f),
	}
	p.Send.Blocked, p.Trickle.Blocked = blocked, blocked
	pings := c.QueryParam(pingsParam) == "1"
	p.Shown = []ui.Tab{
		{Label: "Notifications", Href: paths.Playground, Current: !pings}, {Label: "Health pings", Href: paths.With(paths.Playground, pingsParam, "1"), Current: pings},
	}
	for _, a := range s.sandbox.Deliveries(sandbox.DeliveryQuery{}) {
		if (a.Kind == sandbox.KindPing) == pings && len(p.Attempts) < shownAttempts {
			p.Attempts = append(p.Attempts, attemptRow(a))
		}
	}
	return s.render(c, status, playground.View(p))
}

// sendForm keeps what was typed, or what was sent last, so that the same can be sent again.
func (s *Server) sendForm(c echo.Context, f *form) playground.SendForm {
	value := func(name string) string {
		if f.values != nil {
			return f.typed(name)
		}
		return queryText(c, name)
	}
	send := playground.SendForm{Action: paths.Playground}
	send.Organization = ui.Field{Name: playground.OrganizationField, Label: "Organization", Required: true, Error: f.problem(playground.OrganizationField), Hint: "Where it happens."}
	for _, o := range organizations(c) {
		send.Organization.Options = append(send.Organization.Options, ui.Option{Value: o.OrganizationID, Label: o.Name, Selected: o.OrganizationID == value(playground.OrganizationField)})
	}
	send.Event = ui.Field{Name: playground.EventField, Label: "Product and event type", Required: true, Error: f.problem(playground.EventField)}
	for _, e := range s.sandbox.Catalogue() {
		word := e.ProductID + eventSeparator + e.EventType
		send.Event.Options = append(send.Event.Options, ui.Option{Value: word, Label: e.ProductName + ": " + e.EventType, Selected: word == value(playground.EventField)})
	}
	send.Fault = ui.Field{Name: playground.FaultField, Label: "Fault", Required: true, Error: f.problem(playground.FaultField), Hint: "What is wrong with the request. A faulty one is sent once."}
	for _, fault := range append([]sandbox.Fault{sandbox.FaultNone}, sandbox.Faults()...) {
		send.Fault.Options = append(send.Fault.Options, ui.Option{Value: string(fault), Label: fault.Words(), Selected: string(fault) == value(playground.FaultField)})
	}
	send.Count = ui.Field{
		Name: playground.CountField, Label: "How often", Required: true, Value: orWord(value(playground.CountField), "1"), Min: "1", Max: strconv.Itoa(maxEvents),
		Unit: "times", Error: f.problem(playground.CountField),
	}
	return send
}

func (s *Server) trickleForm(f *form) playground.Trickle {
	interval := s.sandbox.Trickle()
	t := playground.Trickle{Action: paths.Trickle, On: interval > 0, Telling: "No event happens by itself."}
	shown := defaultTrickle
	if t.On {
		t.Telling, shown = "A random event about every "+ui.DurationText(interval)+".", interval
	}
	t.Interval = ui.Field{
		Name: playground.IntervalField, Label: "One event about every", Unit: "seconds", Required: true, Min: "1", Max: strconv.Itoa(maxTrickleSeconds),
		Value: strconv.Itoa(int(max(shown, time.Second) / time.Second)), Error: f.problem(playground.IntervalField),
		Hint: "At a random active subscription, until it is switched off.",
	}
	if f.values != nil && f.values.Has(playground.IntervalField) {
		t.Interval.Value = f.typed(playground.IntervalField)
	}
	return t
}

func attemptRow(a sandbox.Attempt) playground.Attempt {
	row := playground.Attempt{
		At: a.At, What: a.EventType, Outcome: outcomeText(a.Outcome), Answered: sandboxAnswer(a), Duration: a.Duration, NextRetry: a.NextRetry, TraceID: a.TraceID,
	}
	if a.Fault != sandbox.FaultNone {
		row.Fault = a.Fault.Words()
	}
	switch a.Kind {
	case sandbox.KindPing:
		row.What = "Health ping"
	case sandbox.KindTest:
		row.What = orWord(a.EventType, "notification") + " (test)"
	case sandbox.KindNotification:
		if a.RetryNumber > 0 {
			row.What += fmt.Sprintf(" (retry %d)", a.RetryNumber)
		}
	}
	if a.TraceID != "" && a.Outcome == sandbox.OutcomeDelivered {
		row.Href = paths.With(paths.Notifications, searchParam, a.TraceID)
	}
	switch a.Outcome {
	case sandbox.OutcomeDelivered, sandbox.OutcomeHealthy:
		row.Tone = ui.Good
	case sandbox.OutcomeRetrying, sandbox.OutcomeHeld:
		row.Tone = ui.Waiting
	case sandbox.OutcomeFailed, sandbox.OutcomeUnhealthy, sandbox.OutcomeDropped:
		row.Tone = ui.Bad
	case sandbox.OutcomeFaulted:
		row.Tone = ui.Replayed
	}
	return row
}

// outcomeText says what an attempt led to.
func outcomeText(o sandbox.Outcome) string {
	if o == sandbox.OutcomeFaulted {
		return "Not taken, as wanted"
	}
	return strings.ToUpper(string(o[:1])) + string(o[1:])
}

// sandboxAnswer is what the receiver answered, or why there is no answer.
func sandboxAnswer(a sandbox.Attempt) string {
	switch {
	case a.StatusCode != 0:
		return answerText(a.StatusCode)
	case a.Error != "":
		return "no answer: " + transportWords(a.Error)
	}
	return "not sent"
}

// transportWords says in words why a request of the sandbox had no answer. The error itself names the endpoint's whole address.
func transportWords(cause string) string {
	for _, known := range []struct{ part, words string }{
		{"refused", "nobody listens at the address"},
		{"deadline exceeded", "it took too long"},
		{"timeout", "it took too long"},
		{"no such host", "the host has no address"},
		{"certificate", "the TLS certificate was not accepted"},
		{"tls:", "TLS could not be agreed"},
		{"reset", "the connection broke off"},
		{"EOF", "the connection broke off"},
	} {
		if strings.Contains(cause, known.part) {
			return known.words
		}
	}
	return "the request could not be sent"
}
