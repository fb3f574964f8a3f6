package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/views/ui"
)

// Bounds of the form. Cybersource publishes none for names and descriptions.
const (
	maxSubscriptionName        = 120
	maxSubscriptionDescription = 1000
	maxEventTypes              = 500
	maxChoice                  = 300
)

// subscriptionDraft is the form as it stands: what was typed, right or wrong.
type subscriptionDraft struct {
	name, description, scope      string
	events                        []string
	algorithm                     string
	firstRetry, interval, retries string
	repeats, repeatWait           string
	deactivate                    bool
	security                      securityDraft
	version                       string // of the subscription that is changed; "" for a new one
}

// newDraft is the empty form: Cybersource's defaults.
func newDraft() subscriptionDraft {
	return draftOf(store.Subscription{Scope: string(cybs.ScopeDescendants), RetryPolicy: storedRetryPolicy(cybs.DefaultRetryPolicy())})
}

// draftOf is the form for changing v.
func draftOf(v store.Subscription) subscriptionDraft {
	d := subscriptionDraft{
		name: v.Name, description: v.Description, scope: v.Scope, events: choices(v.Products), algorithm: v.RetryPolicy.Algorithm,
		firstRetry: strconv.Itoa(v.RetryPolicy.FirstRetry), interval: strconv.Itoa(v.RetryPolicy.Interval),
		retries: strconv.Itoa(v.RetryPolicy.NumberOfRetries), repeats: strconv.Itoa(v.RetryPolicy.RepeatSequenceCount),
		repeatWait: strconv.Itoa(v.RetryPolicy.RepeatSequenceWaitTime), deactivate: v.RetryPolicy.DeactivateFlag, security: securityOf(v),
	}
	if v.ID != 0 {
		d.version = versionOf(v)
	}
	return d
}

// versionOf tells one state of a subscription from the next.
func versionOf(v store.Subscription) string { return v.UpdatedAt.UTC().Format(time.RFC3339Nano) }

// typedDraft is the form as it was sent.
func typedDraft(f *form) subscriptionDraft {
	d := subscriptionDraft{
		name: f.typed(subscriptions.FieldName), description: f.typed(subscriptions.FieldDescription), scope: f.typed(subscriptions.FieldScope),
		algorithm: f.typed(subscriptions.FieldAlgorithm), firstRetry: f.typed(subscriptions.FieldFirstRetry), interval: f.typed(subscriptions.FieldInterval),
		retries: f.typed(subscriptions.FieldRetries), repeats: f.typed(subscriptions.FieldRepeats), repeatWait: f.typed(subscriptions.FieldRepeatWait),
		deactivate: f.checked(subscriptions.FieldDeactivate), security: typedSecurity(f), version: f.typed(subscriptions.FieldVersion),
	}
	values := f.values[subscriptions.FieldEvent]
	for _, v := range values[:min(len(values), maxEventTypes)] {
		one := form{values: map[string][]string{subscriptions.FieldEvent: {v}}}
		d.events = append(d.events, one.typed(subscriptions.FieldEvent))
	}
	return d
}

// readSubscription reads the intent that a form holds, with the credentials that came along, and marks what is wrong with it.
func (s *Server) readSubscription(ctx context.Context, f *form, st formState) (store.Subscription, givenCredentials, error) {
	assertions, err := s.store.ListAssertionCertificates(ctx, st.organization.ID)
	if err != nil {
		return store.Subscription{}, givenCredentials{}, err
	}
	v := store.Subscription{
		Name:        f.required(subscriptions.FieldName, maxSubscriptionName, "Give the subscription a name."),
		Description: f.lines(subscriptions.FieldDescription, maxSubscriptionDescription),
		Scope:       f.choice(subscriptions.FieldScope, string(cybs.ScopeDescendants), string(cybs.ScopeSelf)),
	}
	events := f.list(subscriptions.FieldEvent, maxEventTypes, maxChoice)
	if f.problem(subscriptions.FieldEvent) == "" {
		products, wrong := st.catalogue.take(events)
		if wrong != "" {
			f.fail(subscriptions.FieldEvent, wrong)
		}
		v.Products = products
	}
	given := s.readSecurity(f, &v, assertions)
	if plain := st.catalogue.plain(v.Products); v.Policy.Encrypted && len(plain) > 0 && len(plain) == len(choices(v.Products)) {
		f.fail(subscriptions.FieldEncryption, "Cybersource does not encrypt "+listText(plain)+", so every delivery would be rejected. Choose “As the event types need”.")
	}
	if !st.namesIssuers && !sameIssuer(v, st.editing) {
		f.fail(subscriptions.FieldTokenServer, "A token issuer of your own is an administrator’s to enter or change, since this server asks it for its keys. Ask an administrator.")
	}
	v.RetryPolicy = storedRetryPolicy(readRetryPolicy(f))
	return v, given, nil
}

// namesIssuers tells whether whoever asks may enter a token issuer: it makes this server call an address.
func namesIssuers(c echo.Context) bool { return currentUser(c).Role.Allows(store.RoleAdministrator) }

// sameIssuer tells whether v names no token issuer of the operator's own that stored does not.
func sameIssuer(v, stored store.Subscription) bool {
	t, was := v.Policy.Tokens, stored.Policy.Tokens
	return !t.External() || t.JWKSURL == was.JWKSURL && t.Issuer == was.Issuer && v.Policy.OAuth.URL == stored.Policy.OAuth.URL
}

// formState is all that the form's page is made of.
type formState struct {
	draft        subscriptionDraft
	catalogue    catalogue
	organization store.Organization
	editing      store.Subscription // zero for a new one
	fields       *form              // holds what is wrong; nil when nothing was checked
	notices      []subscriptions.Notice
	review       *subscriptions.Review // what would be sent; nil when nobody asked
	checksOnly   bool                  // htmx asks for what is known before saving alone
	namesIssuers bool                  // whoever asks may enter the addresses of a token issuer
}

// answering is the form after a button that does not save.
func (s *Server) answering(st formState, intent string) formState {
	switch intent {
	case subscriptions.IntentSources:
		st.draft.security.sources = withSenders(st.draft.security.sources, s.senders())
	case subscriptions.IntentRetries:
		st.draft = st.draft.withProposedRetries()
	case subscriptions.IntentChecks:
		st.checksOnly = true
	}
	return st
}

func (st formState) problem(name string) string {
	if st.fields == nil {
		return ""
	}
	return st.fields.problem(name)
}

// showSubscriptionForm answers with the form.
func (s *Server) showSubscriptionForm(c echo.Context, status int, st formState) error {
	f := subscriptions.Form{
		Organization: st.organization.Name, Notices: st.notices,
		Name: ui.Field{
			Name: subscriptions.FieldName, Label: "Name", Value: st.draft.name, Required: true, Error: st.problem(subscriptions.FieldName), Autocomplete: "off",
			Hint: "For people: here and in Cybersource’s Business Center.", Attrs: templ.Attributes{"maxlength": maxSubscriptionName},
		},
		Description: ui.Field{
			Name: subscriptions.FieldDescription, Label: "Description", Value: st.draft.description, Rows: 2, Error: st.problem(subscriptions.FieldDescription),
			Hint: "Cybersource’s guide calls it required; its own examples leave it empty.",
		},
		Scope:  scopeField(st),
		Events: ui.Field{Name: subscriptions.FieldEvent, Label: "Event types", Hint: "Open a product and tick what Cybersource shall send.", Error: st.problem(subscriptions.FieldEvent), Required: true},
		Retry:  retryFields(st), Review: st.review,
	}
	if st.fields != nil {
		f.Errors = st.fields.summary()
	}
	st.catalogue.fill(&f, st.draft.events)
	if err := s.fillReadiness(c, &f, st); err != nil {
		return err
	}
	f.Action = paths.Subscriptions
	if st.editing.ID != 0 {
		f.Action = paths.EditSubscriptionOf(st.editing.ID)
	}
	if st.checksOnly && s.partial(c) {
		return s.render(c, http.StatusOK, subscriptions.ChecksPart(f))
	}
	if st.editing.ID != 0 {
		return s.renderEditForm(c, status, f, st)
	}
	f.OrganizationID, f.CancelHref = st.organization.ID, paths.Subscriptions
	if len(organizations(c)) > 1 {
		f.ChangeHref = paths.NewSubscription
	}
	f.Submit = ui.Action{Label: "Create subscription", Kind: ui.Primary, Attrs: templ.Attributes{"data-testid": "submit-subscription"}}
	p := s.page(c, "Create subscription", crumb("Subscriptions", paths.Subscriptions),
		describe("Cybersource will send the events you choose to an endpoint that Switchboard makes for this subscription alone."))
	return s.render(c, status, subscriptions.FormPage(p, f))
}

func (s *Server) renderEditForm(c echo.Context, status int, f subscriptions.Form, st formState) error {
	v := st.editing
	f.Version, f.CancelHref = st.draft.version, paths.ShowSubscription(v.ID)
	f.Submit = ui.Action{Label: "Save changes", Kind: ui.Primary, Attrs: templ.Attributes{"data-testid": "submit-subscription"}}
	p := s.page(c, "Edit subscription", crumb("Subscriptions", paths.Subscriptions), crumb(v.Name, paths.ShowSubscription(v.ID)),
		describe("Only what you change is sent to Cybersource."))
	return s.render(c, status, subscriptions.FormPage(p, f))
}

func scopeField(st formState) ui.Field {
	f := ui.Field{
		Name: subscriptions.FieldScope, Label: "Whose events", Error: st.problem(subscriptions.FieldScope),
		Options: []ui.Option{
			{Value: string(cybs.ScopeDescendants), Label: "This organization and all below it", Hint: "DESCENDANTS, Cybersource’s default. For network tokens it must be the owner of the vault."},
			{Value: string(cybs.ScopeSelf), Label: "This organization only", Hint: "SELF. Events of organizations below it are not sent."},
		},
	}
	for i := range f.Options {
		f.Options[i].Selected = f.Options[i].Value == st.draft.scope
	}
	return f
}

// retryFields are the questions about the retry policy, with the schedule that the answers make.
func retryFields(st formState) subscriptions.Retry {
	d := st.draft
	minutes := func(name, label, value, hint string) ui.Field {
		return ui.Field{
			Name: name, Label: label, Value: value, Hint: hint, Error: st.problem(name), Required: true, Unit: "min", Min: "0", Max: strconv.Itoa(maxRetryMinutes), Step: "1",
		}
	}
	count := func(name, label, value, hint string) ui.Field {
		f := minutes(name, label, value, hint)
		f.Unit, f.Max = "", strconv.Itoa(maxRetries)
		return f
	}
	r := subscriptions.Retry{
		Algorithm: ui.Field{
			Name: subscriptions.FieldAlgorithm, Label: "How the waits grow", Error: st.problem(subscriptions.FieldAlgorithm),
			Options: []ui.Option{
				{Value: string(cybs.Arithmetic), Label: "Even", Hint: "ARITHMETIC: the same wait between all retries.", Selected: d.algorithm != string(cybs.Geometric)},
				{Value: string(cybs.Geometric), Label: "Growing", Hint: "GEOMETRIC: each retry comes a factor later than the one before.", Selected: d.algorithm == string(cybs.Geometric)},
			},
		},
		FirstRetry: minutes(subscriptions.FieldFirstRetry, "First retry after", d.firstRetry, ""),
		Interval:   minutes(subscriptions.FieldInterval, "Step", d.interval, "Even: minutes between retries. Growing: the factor."),
		Retries:    count(subscriptions.FieldRetries, "Retries", d.retries, ""),
		Repeats:    count(subscriptions.FieldRepeats, "Repeat the sequence", d.repeats, "So many times more."),
		RepeatWait: minutes(subscriptions.FieldRepeatWait, "Wait before each repeat", d.repeatWait, ""),
		Deactivate: ui.Field{
			Name: subscriptions.FieldDeactivate, Label: "Suspend the subscription when all retries have failed", Checked: d.deactivate,
			Hint: "deactivateFlag. On: Cybersource holds new notifications and sends them once the health check answers. Off: each notification is given up by itself and the subscription stays active. " +
				"The guide of 2023 says nearly the opposite: off suspends the subscription and loses the notifications. The current guide and the specification say it as here, and the sandbox does so.",
		},
	}
	r.Interval.Unit = ""
	r.Schedule = scheduleOfDraft(d)
	if r.Schedule.Problem == "" && r.Schedule.Cover < shortCover {
		r.Proposal = "It gives up after " + ui.DurationText(r.Schedule.Cover) + ", and what it gives up is lost. A restart or a night takes longer. " +
			"Growing waits outlast " + ui.DurationText(proposedRetryPolicy().Cover()) + " with no more than 8 requests: after 1, 3, 9, 27, 81, 243 and 729 minutes."
	}
	return r
}

// scheduleOfDraft draws what is typed, if it makes a policy.
func scheduleOfDraft(d subscriptionDraft) subscriptions.Schedule {
	f := &form{errors: map[string]string{}, values: map[string][]string{
		subscriptions.FieldAlgorithm: {d.algorithm}, subscriptions.FieldFirstRetry: {d.firstRetry}, subscriptions.FieldInterval: {d.interval},
		subscriptions.FieldRetries: {d.retries}, subscriptions.FieldRepeats: {d.repeats}, subscriptions.FieldRepeatWait: {d.repeatWait},
	}}
	p := readRetryPolicy(f)
	p.DeactivateFlag = d.deactivate
	if !f.ok() {
		return brokenSchedule(f)
	}
	return retrySchedule(p)
}

// previewSchedule answers a change of the retry policy with its schedule.
func (s *Server) previewSchedule(c echo.Context, f *form) error {
	return s.render(c, http.StatusOK, subscriptions.SchedulePart(scheduleOfDraft(typedDraft(f))))
}

// intentOf is set when a button asks for something other than saving.
func intentOf(f *form) string {
	switch intent := f.values.Get(subscriptions.FieldIntent); intent {
	case subscriptions.IntentPreview, subscriptions.IntentReload, subscriptions.IntentSources, subscriptions.IntentReview, subscriptions.IntentRetries, subscriptions.IntentChecks:
		return intent
	default:
		return ""
	}
}

// newSubscription shows the empty form, or first asks for which organization.
func (s *Server) newSubscription(c echo.Context) error {
	known := organizations(c)
	if len(known) == 0 {
		return userError(http.StatusConflict, "There is no organization yet. An administrator can add one on the Organizations page; then come back.", nil)
	}
	id := queryText(c, "organization")
	if id == "" && len(known) > 1 {
		return s.chooseOrganization(c, known)
	}
	o, err := organizationOf(c, id)
	if err != nil {
		return err
	}
	k, err := s.loadCatalogue(c.Request().Context(), o, store.Subscription{})
	if err != nil {
		return err
	}
	return s.showSubscriptionForm(c, http.StatusOK, formState{draft: newDraft(), catalogue: k, organization: o, namesIssuers: namesIssuers(c)})
}

func (s *Server) chooseOrganization(c echo.Context, known []store.Organization) error {
	current, _ := currentOrganization(c)
	field := ui.Field{Name: "organization", Label: "For which organization", Required: true}
	for _, o := range known {
		option := ui.Option{Value: strconv.FormatInt(o.ID, 10), Label: o.Name, Hint: o.OrganizationID, Selected: o.ID == current.ID && o.KeyID != ""}
		if o.KeyID == "" {
			option.Reason = "No REST credentials yet. An administrator can enter them."
		}
		field.Options = append(field.Options, option)
	}
	p := s.page(c, "Create subscription", crumb("Subscriptions", paths.Subscriptions), narrow(),
		describe("A subscription belongs to one Cybersource organization and is signed with its key."))
	return s.render(c, http.StatusOK, subscriptions.ChoosePage(p, subscriptions.Choose{Action: paths.NewSubscription, Organizations: field, CancelHref: paths.Subscriptions}))
}

// organizationOf is the organization of that id; the only one when id is empty.
func organizationOf(c echo.Context, id string) (store.Organization, error) {
	known := organizations(c)
	if id == "" && len(known) == 1 {
		return known[0], nil
	}
	for _, o := range known {
		if strconv.FormatInt(o.ID, 10) == id {
			return o, nil
		}
	}
	return store.Organization{}, userError(http.StatusNotFound, "There is no such organization in this environment.", fmt.Errorf("no organization %q", id))
}
