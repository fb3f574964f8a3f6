package web

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/deliveries"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/rejected"
	"github.com/switchboardhq/switchboard/views/ui"
)

// verdicts are all that was ever said of a delivery that was rejected on arrival.
type verdicts struct {
	first   store.Delivery // with its verdict on arrival
	later   []store.JudgedDelivery
	release store.Release // zero: it is in quarantine
}

func (v verdicts) released() bool { return !v.release.At.IsZero() }

func (s *Server) verdictsOf(ctx context.Context, d store.Delivery) (verdicts, error) {
	v := verdicts{first: d}
	var err error
	if v.later, err = s.store.ListJudgementsOf(ctx, d.ID); err != nil || d.Verdict == store.Rejected {
		return v, err
	}
	v.release, err = s.store.GetRelease(ctx, d.ID)
	if errors.Is(err, store.ErrNotFound) {
		return v, nil
	}
	v.first.Verdict, v.first.Reason, v.first.ReasonDetail, v.first.KeyID = store.Rejected, v.release.FirstReason, v.release.FirstDetail, v.release.FirstKeyID
	return v, err
}

// history tells how a delivery was judged, first and later, what became of it, and what can be done.
func (s *Server) history(c echo.Context, r rejectedShown, v verdicts) (rejected.History, error) {
	h := rejected.History{Clock: s.clock(c), Steps: verdictSteps(v)}
	if v.released() {
		h.Facts = append(h.Facts, ui.Pair{Name: "Notification", Value: r.NotificationID.String(), Mono: true, Href: paths.ShowDelivery(r.ID.String())})
		return h, nil
	}
	others, err := s.store.ListRefusedWith(c.Request().Context(), r.ID)
	if err != nil {
		return h, err
	}
	last := r.Delivery
	for _, d := range others {
		h.Facts = append(h.Facts, ui.Pair{Name: attemptName(d), Value: "rejected too, " + answerText(d.Answered), Href: paths.ShowRejected(d.ID.String())})
		if d.RetryNumber > last.RetryNumber {
			last = d
		}
	}
	switch expected, err := s.expectedAfter(c.Request().Context(), last); {
	case err == nil:
		h.Next = deliveries.ExpectedPart(h.Clock, expected)
	case !errors.Is(err, store.ErrNotFound): // without its subscription nothing can be said
		return h, err
	}
	same, err := s.sameNotification(c.Request().Context(), r.Delivery)
	switch {
	case err == nil:
		h.Facts = append(h.Facts, ui.Pair{
			Name: "Arrived otherwise", Value: same.String(), Mono: true, Href: paths.ShowNotification(same.String()),
			Hint: "Another attempt with the same content was verified. Released, this one joins it.",
		})
	case !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrSealBroken):
		return h, err
	}
	notAdministrator := ""
	if u := currentUser(c); !u.Role.Allows(store.RoleAdministrator) {
		notAdministrator = "Only administrators discard. You are " + withArticle(u.Role) + "."
	}
	h.Actions = []ui.Action{
		{
			Label: "Judge again", Href: paths.With(paths.NewJudgement, deliveryParam, r.ID.String()), Icon: ui.IconRetry, Reason: whyNotEdit(c),
			Attrs: templ.Attributes{"data-testid": "judge-again"},
		},
		{
			Label: "Discard", Href: paths.With(paths.DiscardRejected, deliveryParam, r.ID.String()), Icon: ui.IconDelete, Reason: notAdministrator,
			Attrs: templ.Attributes{"data-testid": "discard"},
		},
	}
	if r.Reason == "key_unknown" && r.KeyID != "" {
		h.Actions = slices.Insert(h.Actions, 1, ui.Action{
			Label: "Add its key", Href: paths.With(paths.NewSignatureKeyOf(r.OrganizationID), keyParam, r.KeyID), Icon: ui.IconKeys, Reason: whyNotAddKey(c),
			Attrs: templ.Attributes{"data-testid": "add-its-key"},
		})
	}
	if i := slices.IndexFunc(v.later, func(j store.JudgedDelivery) bool { return j.Outcome == store.OutcomePasses }); i == 0 {
		release := ui.Action{Label: "Show what passes with it", Href: paths.ShowJudgement(v.later[0].JudgementID), Kind: ui.Primary, Attrs: templ.Attributes{"data-testid": "show-judgement"}}
		h.Actions = append([]ui.Action{release}, h.Actions...)
	}
	return h, nil
}

// verdictSteps are the verdicts, oldest first.
func verdictSteps(v verdicts) []ui.LifeStep {
	first := ui.LifeStep{Title: "Rejected on arrival: " + whyText(v.first), Tone: ui.Bad, At: v.first.ReceivedAt, Detail: "Answered " + answerText(v.first.Answered) + "."}
	if v.released() { // the page of what is in quarantine says it at its top
		first.Detail += " " + readable(v.first.ReasonDetail)
	}
	steps := []ui.LifeStep{first}
	for _, j := range slices.Backward(v.later) {
		found := outcomeOf(j.Outcome, j.Reason, j.Rung)
		step := ui.LifeStep{Tone: found.Tone, At: j.JudgedAt, Detail: whoAndWhy(j.Actor, j.Why)}
		switch j.Outcome {
		case store.OutcomePasses:
			step.Title = "Judged again: passes, with key " + orWord(readable(j.KeyID), "unknown")
		case store.OutcomeRejected:
			step.Title = "Judged again: still fails: " + found.Text
		case store.OutcomeNotJudged:
			step.Title = "Not judged again: " + found.Text
		}
		if detail := readable(j.Detail); detail != "" && j.Outcome != store.OutcomePasses {
			step.Detail += " " + detail
		}
		steps = append(steps, step)
	}
	if v.released() {
		steps = append(steps, ui.LifeStep{
			Title: "Released: it is a notification now", Tone: ui.Good, At: v.release.At, Detail: whoAndWhy(v.release.Actor, v.release.Why),
		})
	}
	return steps
}

// whoAndWhy is a sentence about who did something, in their own words.
func whoAndWhy(actor, why string) string {
	return fmt.Sprintf("By %s: “%s”.", actor, strings.TrimRight(readable(why), "."))
}
