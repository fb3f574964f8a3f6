package web

import (
	"errors"
	"fmt"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/rejected"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/views/ui"
)

// offers say what may be worth doing with what is in quarantine, of organizations or of one subscription (0: all): judging again what a change
// may have healed, and releasing what was found to pass.
func (s *Server) offers(c echo.Context, organizations []int64, subscription int64) ([]rejected.Offer, error) {
	ctx := c.Request().Context()
	var list []rejected.Offer
	healed, err := s.store.MayPass(ctx, organizations, subscription)
	if err != nil {
		return nil, err
	}
	if len(healed) > 0 {
		list = append(list, healedOffer(healed, subscription, whyNotEdit(c)))
	}
	latest, err := s.store.ListJudgements(ctx, organizations, 0, 1)
	if err != nil {
		return nil, err
	}
	if len(latest) > 0 && (latest[0].State == store.StateJudging || latest[0].State == store.StateReleasing) {
		list = append(list, rejected.Offer{
			Tone: ui.Progress, TestID: "offer-working", Title: "Rejected deliveries are being judged again", Text: fmt.Sprintf("Asked by %s: %s", latest[0].Actor, readable(latest[0].Why)),
			Action: ui.Action{Label: "Show how far it is", Href: paths.ShowJudgement(latest[0].ID)},
		})
	}
	waiting, err := s.store.WaitingRelease(ctx, organizations)
	if errors.Is(err, store.ErrNotFound) {
		return list, nil
	}
	if err != nil {
		return nil, err
	}
	return append(list, rejected.Offer{
		Tone: ui.Good, TestID: "offer-release", Title: (&judgementShown{Judgement: waiting}).result(), Text: "Judged again, but not released: in quarantine they are no notifications.",
		Action: ui.Action{Label: "Show them", Href: paths.ShowJudgement(waiting.ID)},
	}), nil
}

func healedOffer(healed []store.Healed, subscription int64, mayNot string) rejected.Offer {
	n, to := 0, paths.NewJudgement
	for _, h := range healed {
		n += h.Deliveries
	}
	text := "A key was added, or the subscription was changed, after they arrived, and they have not been judged since."
	if len(healed) == 1 {
		to = paths.With(to, reasonParam, healed[0].Reason)
		if key := healed[0].KeyID; key != "" {
			to = paths.With(to, keyParam, key)
			text = "They name key " + readable(key) + ", which was added after they arrived, and they have not been judged since."
		}
	}
	if subscription != 0 {
		to = paths.With(to, subscriptionParam, subscriptionWord(subscription))
	}
	return rejected.Offer{
		Tone: ui.Waiting, TestID: "offer-judge", Title: counted(n, "rejected delivery", "rejected deliveries") + " may pass now", Text: text,
		Action: ui.Action{Label: "Judge again", Href: to, Icon: ui.IconRetry, Reason: mayNot, Attrs: templ.Attributes{"data-testid": "offer-judge-again"}},
	}
}

// healedNotices offer on a subscription's page to judge again what a change may have healed.
func (s *Server) healedNotices(c echo.Context, v store.Subscription) ([]subscriptions.Notice, error) {
	healed, err := s.store.MayPass(c.Request().Context(), []int64{v.OrganizationID}, v.ID)
	if err != nil || len(healed) == 0 {
		return nil, err
	}
	o := healedOffer(healed, v.ID, whyNotEdit(c))
	return []subscriptions.Notice{{Tone: o.Tone, Title: o.Title, Text: o.Text, Action: o.Action}}, nil
}

// rejectedActions are what can be done with what the list shows.
func (f *filters) rejectedActions(c echo.Context, empty bool) []ui.Action {
	nothing := ""
	if empty {
		nothing = "Nothing is listed."
	}
	notAdministrator := ""
	if u := currentUser(c); !u.Role.Allows(store.RoleAdministrator) {
		notAdministrator = "Only administrators discard. You are " + withArticle(u.Role) + "."
	}
	return []ui.Action{
		{Label: "Earlier judgements", Href: paths.Judgements, Kind: ui.Quiet, Icon: ui.IconReplays},
		{
			Label: "Discard", Href: f.href(paths.DiscardRejected, sizeParam, "", liveParam, ""), Icon: ui.IconDelete, Reason: firstOf(notAdministrator, nothing),
			Attrs: templ.Attributes{"data-testid": "discard"},
		},
		{
			Label: "Judge again", Href: f.href(paths.NewJudgement, sizeParam, "", liveParam, ""), Icon: ui.IconRetry, Reason: firstOf(whyNotEdit(c), nothing),
			Attrs: templ.Attributes{"data-testid": "judge-again"},
		},
	}
}

// selectionParam says that the deliveries meant are rows that were selected, even when none is.
const selectionParam = "selection"

// selectedActions are what can be done with the rows that are selected; none for those who may do nothing.
func selectedActions(c echo.Context) []ui.Action {
	if whyNotEdit(c) != "" {
		return nil
	}
	attrs := func(path, testID string) templ.Attributes {
		return templ.Attributes{"form": rejected.SelectionForm, "formaction": path, "data-testid": testID}
	}
	list := []ui.Action{{Label: "Judge selected again", Icon: ui.IconRetry, Small: true, Attrs: attrs(paths.NewJudgement, "judge-selected")}}
	if currentUser(c).Role.Allows(store.RoleAdministrator) {
		list = append(list, ui.Action{Label: "Discard selected", Icon: ui.IconDelete, Small: true, Attrs: attrs(paths.DiscardRejected, "discard-selected")})
	}
	return list
}
