package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/rejected"
	"github.com/switchboardhq/switchboard/views/ui"
)

const (
	maxWhyRunes    = 500
	judgementsSize = 50
)

// chosenRejected are rejected deliveries that something is to be done with: some that were chosen one by one, or those that filters find.
type chosenRejected struct {
	*filters
	deliveries []store.Delivery // empty: the filters choose
	found      int              // at most one more than store.MaxJudged
}

// maxChosen bounds what is chosen one by one: a page of the list has no more rows.
const maxChosen = 100

func (r chosenRejected) one() bool { return len(r.deliveries) == 1 }

func (r chosenRejected) filter() store.RejectedFilter {
	switch {
	case r.one():
		return store.RejectedFilter{Organizations: []int64{r.deliveries[0].OrganizationID}, DeliveryID: r.deliveries[0].ID}
	case len(r.deliveries) > 0:
		f := store.RejectedFilter{}
		for _, d := range r.deliveries {
			f.DeliveryIDs = append(f.DeliveryIDs, d.ID)
			if !slices.Contains(f.Organizations, d.OrganizationID) {
				f.Organizations = append(f.Organizations, d.OrganizationID)
			}
		}
		return f
	}
	return r.rejected()
}

// chooseRejected reads which deliveries are meant, from an address or from a form that carries it on.
func (s *Server) chooseRejected(c echo.Context, values url.Values) (chosenRejected, error) {
	sc, err := s.readScope(c.Request().Context(), c)
	if err != nil {
		return chosenRejected{}, err
	}
	query, _ := tidy(values)
	r := chosenRejected{filters: readFilters(query, sc, s.now(), s.lookOf(c).location)}
	r.dropForeign()
	if len(r.problems) > 0 {
		return r, userError(http.StatusBadRequest, "Part of this address cannot be read: "+r.problems[0], nil)
	}
	if len(values[deliveryParam]) > maxChosen {
		return r, userError(http.StatusBadRequest, "Choose at most "+strconv.Itoa(maxChosen)+" deliveries at a time.", nil)
	}
	for _, text := range values[deliveryParam] {
		id, err := store.ParseID(text)
		if err != nil {
			return r, userError(http.StatusNotFound, "There is no such delivery.", err)
		}
		d, err := s.visibleDelivery(c, id)
		if errors.Is(err, store.ErrNotFound) && len(values[deliveryParam]) > 1 {
			continue // discarded since the list was drawn
		}
		if err != nil {
			return r, err
		}
		r.deliveries = append(r.deliveries, d)
	}
	if len(values[deliveryParam]) > 0 && len(r.deliveries) == 0 {
		return r, userError(http.StatusNotFound, "None of these deliveries is there any more.", nil)
	}
	if err := s.chooseSearched(c, &r, values); err != nil {
		return r, err
	}
	r.found, err = s.store.CountRejected(c.Request().Context(), r.filter(), store.MaxJudged+1)
	return r, err
}

// chooseSearched turns a search, and a selection of rows, into the deliveries that are meant. Neither may end as "all there are".
func (s *Server) chooseSearched(c echo.Context, r *chosenRejected, values url.Values) error {
	if len(r.deliveries) > 0 {
		return nil
	}
	if values.Get(selectionParam) != "" {
		return userError(http.StatusBadRequest, "No row is selected. Go back, and select the deliveries that are meant.", nil)
	}
	if r.search == "" {
		return nil
	}
	if err := s.searchKey(c.Request().Context(), r.filters); err != nil {
		return err
	}
	if r.search == "" { // it is a key, and so a filter
		r.values.Set(keyParam, r.keyID)
		r.values.Del(searchParam)
		return nil
	}
	f := r.rejected()
	f.Page = store.Page{Limit: maxChosen}
	page, err := s.store.ListRejected(c.Request().Context(), f)
	if err != nil {
		return err
	}
	r.deliveries = page.Items
	if len(page.Items) == 0 {
		return userError(http.StatusNotFound, "No rejected delivery has this id any more.", nil)
	}
	return nil
}

// number is how many deliveries are meant, in words.
func (r chosenRejected) number() string {
	if r.found > store.MaxJudged {
		return "the oldest " + ui.CountText(store.MaxJudged, 0) + " rejected deliveries"
	}
	return counted(r.found, "rejected delivery", "rejected deliveries")
}

// counted is plural for numbers that may have thousands.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return ui.CountText(int64(n), 0) + " " + many
}

// what says which deliveries are meant.
func (r chosenRejected) what() []ui.Pair {
	if r.one() {
		return []ui.Pair{
			{Name: "Delivery", Value: r.deliveries[0].ID.String(), Mono: true, Href: paths.ShowRejected(r.deliveries[0].ID.String())},
			{Name: "Received", Value: r.local(r.deliveries[0].ReceivedAt).Format("2 Jan 2006, 15:04:05 MST")},
			{Name: "Reason", Value: whyText(r.deliveries[0])},
		}
	}
	if len(r.deliveries) > 0 {
		return r.whatChosen()
	}
	pairs := []ui.Pair{{Name: "How many", Value: ui.CountText(int64(min(r.found, store.MaxJudged)), 0), Href: r.href(paths.Rejected, sizeParam, "", liveParam, "")}}
	for _, chip := range r.chips(paths.Rejected) {
		pairs = append(pairs, ui.Pair{Name: chip.Label, Value: chip.Value})
	}
	if len(pairs) == 1 {
		pairs = append(pairs, ui.Pair{Name: "Filters", Value: "None: all that is in quarantine"})
	}
	if r.found > store.MaxJudged {
		pairs[0].Value = "More than " + pairs[0].Value + "; the oldest " + pairs[0].Value + " are taken"
	}
	return pairs
}

// whatChosen names deliveries that were chosen one by one.
func (r chosenRejected) whatChosen() []ui.Pair {
	pairs := []ui.Pair{{Name: "How many", Value: strconv.Itoa(r.found) + ", chosen one by one"}}
	for _, d := range r.deliveries {
		pairs = append(pairs, ui.Pair{Name: r.local(d.ReceivedAt).Format("2 Jan 2006, 15:04:05 MST"), Value: whyText(d), Href: paths.ShowRejected(d.ID.String())})
	}
	return pairs
}

// carried are the fields by which a form says again what is meant. Times are fixed, and an open end becomes now: what was counted is what is done.
func (r chosenRejected) carried(now time.Time) []ui.Pair {
	var list []ui.Pair
	for _, d := range r.deliveries {
		list = append(list, ui.Pair{Name: deliveryParam, Value: d.ID.String()})
	}
	if len(list) > 0 {
		return list
	}
	for _, name := range []string{organizationParam, subscriptionParam, productParam, eventTypeParam, reasonParam, rungParam, keyParam} {
		if value := r.values.Get(name); value != "" {
			list = append(list, ui.Pair{Name: name, Value: value})
		}
	}
	to := r.to
	if to.IsZero() {
		to = now
	}
	for _, t := range []struct {
		name string
		at   time.Time
	}{{fromParam, r.from}, {toParam, to}} {
		if !t.at.IsZero() {
			list = append(list, ui.Pair{Name: t.name, Value: t.at.UTC().Format(time.RFC3339Nano)})
		}
	}
	return list
}

// back is where a form's second button leads.
func (r chosenRejected) back(label string) ui.Action {
	href := r.href(paths.Rejected, sizeParam, "", liveParam, "")
	if r.one() {
		href = paths.ShowRejected(r.deliveries[0].ID.String())
	}
	return ui.Action{Label: label, Href: href, Kind: ui.Quiet}
}

// audited is what the audit log keeps of the choice.
func (r chosenRejected) audited(done int) json.RawMessage {
	kept := map[string]any{"deliveries": done}
	for _, p := range r.carried(time.Time{}) {
		if had, ok := kept[p.Name].(string); ok && p.Name == deliveryParam {
			p.Value = had + " " + p.Value
		}
		kept[p.Name] = p.Value
	}
	raw, err := json.Marshal(kept)
	if err != nil {
		return nil // numbers and texts always marshal
	}
	return raw
}

// organization is the one that all deliveries belong to, 0 when there may be several.
func (r chosenRejected) organization() int64 {
	if list := r.filter().Organizations; len(list) == 1 {
		return list[0]
	}
	return 0
}

// newJudgement asks whether rejected deliveries are to be judged again, and why.
func (s *Server) newJudgement(c echo.Context) error {
	r, err := s.chooseRejected(c, c.QueryParams())
	if err != nil {
		return err
	}
	return s.askJudgement(c, http.StatusOK, r, emptyForm())
}

func (s *Server) askJudgement(c echo.Context, status int, r chosenRejected, f *form) error {
	a := rejected.Ask{
		Page:   s.page(c, "Judge again", crumb("Rejected", r.back("").Href), narrow()),
		Action: paths.Judgements, Hidden: r.carried(s.now()), Title: "This is what happens", What: r.what(), TestID: "judge-form",
		Happens: []string{
			"Each is verified again from the bytes and headers that were kept, with the keys and policies of today, as of the moment at which it arrived.",
			"Nothing leaves quarantine by it. You see what passes now; releasing it is a second step.",
			"The verdict of its arrival stays in its history, whatever comes out.",
			"Bearer tokens and client certificates are not kept. What was refused for one of them is judged again only where its endpoint does not ask for it any more.",
		},
		Why: s.whyField(f, "A key was added, for example. It stands in the history and in the audit log."), Errors: f.summary(),
		Button: ui.Action{Label: "Judge " + r.number() + " again", Kind: ui.Primary, Icon: ui.IconRetry, Attrs: templ.Attributes{"data-testid": "judge"}}, Back: r.back("Leave it"),
	}
	if r.found == 0 {
		a.Button.Label, a.Button.Reason = "Judge again", "Nothing in quarantine matches."
	}
	return s.render(c, status, rejected.AskView(a))
}

func (s *Server) whyField(f *form, hint string) ui.Field {
	return ui.Field{Name: rejected.FieldWhy, Label: "Why", Hint: hint, Required: true, Autocomplete: "off", Value: f.typed(rejected.FieldWhy), Error: f.problem(rejected.FieldWhy)}
}

// createJudgement has rejected deliveries judged again.
func (s *Server) createJudgement(c echo.Context) error {
	f, err := parseForm(c)
	if err != nil {
		return err
	}
	r, err := s.chooseRejected(c, f.values)
	if err != nil {
		return err
	}
	why := f.required(rejected.FieldWhy, maxWhyRunes, "Say why, for those who read it later.")
	if !f.ok() {
		return s.askJudgement(c, http.StatusUnprocessableEntity, r, f)
	}
	ctx, u := c.Request().Context(), currentUser(c)
	audit := s.audit(c, "rejected.judge")
	audit.ObjectKind, audit.ObjectName, audit.OrganizationID, audit.Detail, audit.After = "judgement", "Rejected deliveries", r.organization(), why, r.audited(min(r.found, store.MaxJudged))
	j, err := s.store.InsertJudgement(ctx, store.Judgement{UserID: u.ID, Actor: u.Email, Why: why, Filter: r.filter()}, audit)
	if errors.Is(err, store.ErrNotFound) {
		return userError(http.StatusConflict, "Nothing in quarantine matches any more.", err)
	}
	if err != nil {
		return err
	}
	s.judgeSoon(c, j.ID)
	return s.redirect(c, paths.ShowJudgement(j.ID))
}

// judgeSoon never fails: what is not done now a job does, and the page says how far it is.
func (s *Server) judgeSoon(c echo.Context, id int64) {
	if err := s.judgeAgain(c.Request().Context(), id); err != nil {
		s.log.WarnContext(c.Request().Context(), "a judgement was not finished at once; a job goes on with it", "judgement", id, "err", err)
	}
}

// listJudgements lists the times that rejected deliveries were judged again.
func (s *Server) listJudgements(c echo.Context) error {
	before, err := strconv.ParseInt(orWord(c.QueryParam(olderParam), "0"), 10, 64)
	if err != nil || before < 0 {
		return userError(http.StatusBadRequest, "This address cannot be read: older is a number.", err)
	}
	sc, err := s.readScope(c.Request().Context(), c)
	if err != nil {
		return err
	}
	list, err := s.store.ListJudgements(c.Request().Context(), sc.organizationIDs(), before, judgementsSize+1)
	if err != nil {
		return err
	}
	v := rejected.Judgements{
		Page: s.page(c, "Judged again", crumb("Rejected", paths.Rejected), describe("Each time that rejected deliveries were verified again, with what came out and what was released.")),
		Empty: ui.EmptyPlace{
			Kind: ui.NeverHad, Title: "Nothing was judged again yet", Text: "When a key was added or a policy has changed, choose Judge again above the list of rejected deliveries.",
			Actions: []ui.Action{{Label: "Show rejected deliveries", Href: paths.Rejected, Icon: ui.IconRejected}},
		},
	}
	if len(list) > judgementsSize {
		list = list[:judgementsSize]
		v.Older = paths.With(paths.Judgements, olderParam, strconv.FormatInt(list[len(list)-1].ID, 10))
	}
	for _, j := range list {
		state, tone := judgementState(j)
		v.Rows = append(v.Rows, rejected.JudgementRow{
			Href: paths.ShowJudgement(j.ID), At: j.CreatedAt, Actor: j.Actor, Why: j.Why, What: filterText(j.Filter, sc), State: state, Tone: tone,
			Found: ui.CountText(int64(j.Found), 0), Passing: ui.CountText(int64(j.Passing), 0), Failing: ui.CountText(int64(j.Failing+j.NotJudged), 0),
		})
	}
	return s.render(c, http.StatusOK, rejected.JudgementsView(v))
}

// judgementState is how far a judgement has come, in a few words.
func judgementState(j store.Judgement) (string, ui.Tone) {
	switch {
	case j.State == store.StateJudging:
		return "Judging", ui.Progress
	case j.State == store.StateReleasing:
		return "Releasing", ui.Progress
	case j.State == store.StateReleased:
		return counted(j.Released, "released", "released"), ui.Good
	case j.Passing > 0:
		return "Waits for release", ui.Waiting
	}
	return "Judged", ui.Neutral
}

// filterText says what was judged, in one line.
func filterText(f store.RejectedFilter, sc scope) string {
	if !f.DeliveryID.IsZero() {
		return "One delivery"
	}
	if f.DeliveryIDs != nil {
		return plural(len(f.DeliveryIDs), "chosen delivery", "chosen deliveries")
	}
	var parts []string
	if len(f.Organizations) == 1 && len(sc.organizations) > 1 {
		parts = append(parts, sc.organizationName(f.Organizations[0]))
	}
	if f.SubscriptionID != 0 {
		parts = append(parts, sc.subscriptionName(f.SubscriptionID))
	}
	if f.ProductID != "" {
		parts = append(parts, productName(f.ProductID))
	}
	if f.EventType != "" {
		parts = append(parts, readable(f.EventType))
	}
	if f.Reason != "" {
		parts = append(parts, reasonOf(f.Reason).text)
	}
	if f.Rung != "" {
		parts = append(parts, rungOf(f.Rung).text)
	}
	if f.KeyID != "" {
		parts = append(parts, "key "+readable(f.KeyID))
	}
	return joinOr(parts, "All")
}

func joinOr(parts []string, none string) string {
	if len(parts) == 0 {
		return none
	}
	text := parts[0]
	for _, p := range parts[1:] {
		text += ", " + p
	}
	return text
}
