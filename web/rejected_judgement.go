package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/rejected"
	"github.com/switchboardhq/switchboard/views/ui"
)

// outcomeParam narrows a judgement's deliveries to one outcome.
const outcomeParam = "outcome"

// judgementShown is a judgement with the state of its page.
type judgementShown struct {
	store.Judgement
	scope   scope
	zone    *time.Location
	outcome store.JudgedOutcome
	page    store.Page
}

// visibleJudgement reads a judgement of the console's environment; others do not exist here.
func (s *Server) visibleJudgement(c echo.Context) (judgementShown, error) {
	id, err := idParam(c)
	if err != nil {
		return judgementShown{}, err
	}
	j, err := s.store.GetJudgement(c.Request().Context(), id)
	if err != nil {
		return judgementShown{}, err
	}
	sc, err := s.readScope(c.Request().Context(), c)
	if err != nil {
		return judgementShown{}, err
	}
	for _, o := range j.Filter.Organizations {
		if _, ok := sc.organization(o); !ok {
			return judgementShown{}, fmt.Errorf("get judgement %d: of another environment: %w", id, store.ErrNotFound)
		}
	}
	return judgementShown{Judgement: j, scope: sc, zone: s.lookOf(c).location}, nil
}

// showJudgement shows what a judgement found, before and after.
func (s *Server) showJudgement(c echo.Context) error {
	j, err := s.visibleJudgement(c)
	if err != nil {
		return err
	}
	if err := j.read(c); err != nil {
		return err
	}
	part, err := s.judgementPart(c, j)
	if err != nil {
		return err
	}
	if s.partial(c) {
		return s.render(c, http.StatusOK, rejected.JudgementPartView(part))
	}
	v := rejected.Judgement{Page: s.page(c, j.title(), crumb("Rejected", paths.Rejected), crumb("Judged again", paths.Judgements)), Part: part}
	if part.Working {
		v.Stream = s.liveURL(c)
	}
	return s.render(c, http.StatusOK, rejected.JudgementView(v))
}

// read takes the page's state from the address.
func (j *judgementShown) read(c echo.Context) error {
	j.outcome = store.JudgedOutcome(c.QueryParam(outcomeParam))
	if j.outcome == "" {
		j.outcome = j.mostTelling()
	}
	if !slices.Contains([]store.JudgedOutcome{store.OutcomePasses, store.OutcomeRejected, store.OutcomeNotJudged}, j.outcome) {
		return userError(http.StatusBadRequest, "This address cannot be read: there is no such outcome.", nil)
	}
	for name, into := range map[string]*store.ID{olderParam: &j.page.OlderThan, newerParam: &j.page.NewerThan} {
		if text := c.QueryParam(name); text != "" {
			if problem := readID(into, text); problem != "" {
				return userError(http.StatusBadRequest, "This address cannot be read. "+problem, nil)
			}
		}
	}
	return nil
}

// mostTelling is the outcome that is shown first: what changed, if anything did.
func (j *judgementShown) mostTelling() store.JudgedOutcome {
	switch {
	case j.Passing > 0 || j.Judged() == 0:
		return store.OutcomePasses
	case j.Failing > 0:
		return store.OutcomeRejected
	}
	return store.OutcomeNotJudged
}

func (j *judgementShown) href(changes ...string) string {
	to := paths.With(paths.ShowJudgement(j.ID), outcomeParam, string(j.outcome))
	for i := 0; i+1 < len(changes); i += 2 {
		to = paths.With(to, changes[i], changes[i+1])
	}
	return to
}

// title is what came out, once it did.
func (j *judgementShown) title() string {
	switch j.State {
	case store.StateJudging:
		return "Judging again"
	case store.StateReleased:
		return fmt.Sprintf("%s of %s released", ui.CountText(int64(j.Released), 0), ui.CountText(int64(j.Judged()), 0))
	case store.StateJudged, store.StateReleasing:
	}
	return j.result()
}

func (j *judgementShown) result() string {
	if j.Judged() == 1 {
		switch {
		case j.Passing == 1:
			return "It passes now"
		case j.NotJudged == 1:
			return "It could not be judged again"
		}
		return "It still fails"
	}
	verb := "pass"
	if j.Passing == 1 {
		verb = "passes"
	}
	return fmt.Sprintf("%s of %s now %s", ui.CountText(int64(j.Passing), 0), ui.CountText(int64(j.Judged()), 0), verb)
}

func (s *Server) judgementPart(c echo.Context, j judgementShown) (rejected.JudgementPart, error) {
	ctx := c.Request().Context()
	p := rejected.JudgementPart{Clock: s.clock(c), Refresh: j.href(), Facts: j.facts(), Tabs: j.tabs()}
	j.headline(&p, whyNotEdit(c))
	sums, err := s.store.JudgedSums(ctx, j.ID)
	if err != nil {
		return p, err
	}
	for _, sum := range sums {
		p.Sums = append(p.Sums, rejected.SumRow{Before: reasonOf(sum.FirstReason).text, After: outcomeOf(sum.Outcome, sum.Reason, ""), Deliveries: ui.CountText(int64(sum.Deliveries), 0)})
	}
	return p, s.fillJudged(ctx, &p, j)
}

// headline says how far it is, what it means, and what can be done.
func (j *judgementShown) headline(p *rejected.JudgementPart, mayNot string) {
	release := ui.Action{
		Label: "Release " + counted(j.Passing, "delivery", "deliveries"), Href: paths.ReleaseOfJudgement(j.ID), Kind: ui.Primary, Icon: ui.IconSend, Reason: mayNot,
		Attrs: templ.Attributes{"data-testid": "release"},
	}
	switch j.State {
	case store.StateJudging:
		p.Working, p.Done, p.Whole, p.Tone = true, j.Judged(), j.Found, ui.Progress
		p.Headline = fmt.Sprintf("%s of %s judged", ui.CountText(int64(j.Judged()), 0), ui.CountText(int64(j.Found), 0))
		p.Lines = []string{"This goes on by itself, also when you leave. Nothing is released by it."}
	case store.StateReleasing:
		p.Working, p.Done, p.Whole, p.Tone = true, j.Released+j.Withheld, j.Passing, ui.Progress
		p.Headline = fmt.Sprintf("%s of %s released", ui.CountText(int64(j.Released), 0), ui.CountText(int64(j.Passing), 0))
		p.Lines = []string{"They become notifications in the order in which they arrived. This goes on by itself, also when you leave."}
	case store.StateReleased:
		p.Tone, p.Headline = ui.Good, counted(j.Released, "delivery was released", "deliveries were released")
		p.Lines = []string{"They are attempts of notifications now, with the time at which they arrived. The verdict of their arrival stays in their history."}
		if j.Withheld > 0 {
			p.Lines = append(p.Lines, counted(j.Withheld, "one stays behind: it did not pass any more, or was released or discarded already.", "stay behind: they did not pass any more, or were released or discarded already."))
		}
		p.Actions = []ui.Action{{Label: "Show notifications", Href: paths.Notifications, Icon: ui.IconNotifications}}
	case store.StateJudged:
		p.Tone, p.Headline = ui.Waiting, j.result()
		switch {
		case j.Passing > 0:
			p.Tone = ui.Good
			p.Lines = []string{"Nothing is released yet. What passes can become notifications, in the order in which it arrived."}
			p.Actions = []ui.Action{release}
		case j.Failing > 0:
			p.Lines = []string{"Nothing can be released: each that was judged still fails, for the reason below."}
		}
	}
	if j.NotJudged > 0 {
		p.Lines = append(p.Lines, counted(j.NotJudged, "delivery could not be judged", "deliveries could not be judged")+": something that is needed for it was not kept.")
	}
	if j.Beyond {
		p.Lines = append(p.Lines, "There were more than "+ui.CountText(store.MaxJudged, 0)+": the oldest were taken.")
		if j.State != store.StateJudging {
			p.Actions = append(p.Actions, ui.Action{Label: "Judge the next ones", Href: j.restHref(), Icon: ui.IconRetry, Reason: mayNot})
		}
	}
}

// restHref asks for what this judgement had no room for.
func (j *judgementShown) restHref() string {
	f := j.Filter
	to := paths.With(paths.NewJudgement, fromParam, j.JudgedThrough.Time().Add(time.Millisecond).Format(time.RFC3339Nano))
	if len(f.Organizations) == 1 {
		to = paths.With(to, organizationParam, fmt.Sprint(f.Organizations[0]))
	}
	if f.SubscriptionID != 0 {
		to = paths.With(to, subscriptionParam, subscriptionWord(f.SubscriptionID))
	}
	for name, value := range map[string]string{reasonParam: f.Reason, rungParam: f.Rung, keyParam: f.KeyID, productParam: f.ProductID, eventTypeParam: f.EventType} {
		if value != "" {
			to = paths.With(to, name, value)
		}
	}
	return to
}

func (j *judgementShown) facts() []ui.Pair {
	at := func(t time.Time) string { return (&filters{zone: j.zone}).local(t).Format("2 Jan 2006, 15:04:05 MST") }
	pairs := []ui.Pair{
		{Name: "Asked by", Value: j.Actor},
		{Name: "Asked at", Value: at(j.CreatedAt)},
		{Name: "Why", Value: readable(j.Why)},
		{Name: "Which", Value: filterText(j.Filter, j.scope)},
		{Name: "Received until", Value: at(j.Filter.To)},
	}
	if !j.Filter.From.IsZero() {
		pairs = slices.Insert(pairs, 4, ui.Pair{Name: "Received from", Value: at(j.Filter.From)})
	}
	if !j.JudgedAt.IsZero() {
		pairs = append(pairs, ui.Pair{Name: "Judged", Value: fmt.Sprintf("%s, in %s", ui.CountText(int64(j.Judged()), 0), ui.DurationText(j.JudgedAt.Sub(j.CreatedAt)))})
	} else {
		pairs = append(pairs, ui.Pair{Name: "Last progress", Value: at(j.ProgressAt)})
	}
	if !j.ReleaseAskedAt.IsZero() {
		pairs = append(pairs, ui.Pair{Name: "Released by", Value: j.ReleaseActor}, ui.Pair{Name: "Released at", Value: at(j.ReleaseAskedAt)}, ui.Pair{Name: "Why released", Value: readable(j.ReleaseWhy)})
	}
	return pairs
}

func (j *judgementShown) tabs() []ui.Tab {
	var tabs []ui.Tab
	for _, t := range []struct {
		label   string
		outcome store.JudgedOutcome
		n       int
	}{{"Pass now", store.OutcomePasses, j.Passing}, {"Still fail", store.OutcomeRejected, j.Failing}, {"Not judged", store.OutcomeNotJudged, j.NotJudged}} {
		tabs = append(tabs, ui.Tab{
			Label: t.label, Count: ui.CountText(int64(t.n), 0), Current: t.outcome == j.outcome, Href: paths.With(paths.ShowJudgement(j.ID), outcomeParam, string(t.outcome)),
		})
	}
	return tabs
}

// outcomeOf words an outcome; where it is known what explains a rejection, by that.
func outcomeOf(outcome store.JudgedOutcome, reason, rung string) rejected.Outcome {
	switch {
	case outcome == store.OutcomePasses:
		return rejected.Outcome{Tone: ui.Good, Word: "Passes"}
	case outcome == store.OutcomeNotJudged:
		return rejected.Outcome{Word: "Not judged", Text: notJudgedText(reason)}
	case rung != "":
		return rejected.Outcome{Tone: ui.Bad, Word: "Still fails", Text: rungOf(rung).text}
	}
	return rejected.Outcome{Tone: ui.Bad, Word: "Still fails", Text: reasonOf(reason).text}
}

// notJudgedText words why something cannot be judged again; the codes are the receiver's.
func notJudgedText(code string) string {
	switch code {
	case "body_not_kept":
		return "Body cannot be opened"
	case "codes_not_kept":
		return "Security codes were removed"
	case "header_not_kept":
		return "Signature not kept"
	case "endpoint_gone":
		return "Endpoint removed"
	case "keys_not_open":
		return "Keys cannot be opened"
	case "credentials_not_kept":
		return "Token or certificate not kept"
	}
	return readable(code)
}

func (s *Server) fillJudged(ctx context.Context, p *rejected.JudgementPart, j judgementShown) error {
	page, err := s.store.ListJudged(ctx, j.ID, j.outcome, j.page)
	if err != nil {
		return err
	}
	p.Empty = ui.EmptyPlace{Kind: ui.NothingMatches, Title: "None", Text: "No delivery came out like this."}
	if len(page.Items) == 0 {
		return nil
	}
	for _, d := range page.Items {
		p.Rows = append(p.Rows, j.row(d))
	}
	p.Pager.Summary = counted(len(page.Items), "delivery", "deliveries")
	if page.HasNewer {
		p.Pager.Newer = j.href(newerParam, page.Items[0].DeliveryID.String())
	}
	if page.HasOlder {
		p.Pager.Older = j.href(olderParam, page.Items[len(page.Items)-1].DeliveryID.String())
	}
	return nil
}

func (j *judgementShown) row(d store.JudgedDelivery) rejected.JudgedRow {
	id := d.DeliveryID.String()
	r := rejected.JudgedRow{
		ID: id, ReceivedAt: d.DeliveryID.Time(), EventType: d.EventType, Before: reasonOf(d.FirstReason).text, Detail: readable(d.Detail),
		After: outcomeOf(d.Outcome, d.Reason, d.Rung), KeyID: d.KeyID, Where: "In quarantine",
	}
	if d.FirstRung != "" {
		r.Before = rungOf(d.FirstRung).text
	}
	if d.Gone {
		r.Where = "Gone: discarded, or purged by retention"
		return r
	}
	r.Href, r.Subscription = paths.ShowRejected(id), j.scope.subscriptionName(d.SubscriptionID)
	if !d.NotificationID.IsZero() {
		r.Where, r.WhereHref = "Released", paths.ShowDelivery(id)
	}
	return r
}
