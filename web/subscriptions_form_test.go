package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/web"
	"github.com/switchboardhq/switchboard/web/webtest"
)

func TestSubscriptionFormRefusesBadInputBesideItsField(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleEditor)
	cases := map[string]struct {
		field, value, says string
	}{
		"no name":                  {subscriptions.FieldName, " ", "Give the subscription a name."},
		"NUL in the name":          {subscriptions.FieldName, "a\x00b", "cannot be stored"},
		"invalid UTF-8":            {subscriptions.FieldName, "a\xff\xfeb", "not text"},
		"name too long":            {subscriptions.FieldName, strings.Repeat("é", 121), "at most 120 characters"},
		"description too long":     {subscriptions.FieldDescription, strings.Repeat("x", 1001), "at most 1000 characters"},
		"unknown event type":       {subscriptions.FieldEvent, "tokenManagement/tms.invented", "is not among the event types"},
		"event type without slash": {subscriptions.FieldEvent, "nonsense", "is not among the event types"},
		"NUL in the event type":    {subscriptions.FieldEvent, "\x00", "cannot be stored"},
		"event type too long":      {subscriptions.FieldEvent, strings.Repeat("x", 301), "at most 300 characters"},
		"unknown scope":            {subscriptions.FieldScope, "EVERYTHING", "Choose one of the answers"},
		"unknown algorithm":        {subscriptions.FieldAlgorithm, "EXPONENTIAL", "Choose one of the answers"},
		"negative retry":           {subscriptions.FieldFirstRetry, "-1", "whole number from 0"},
		"no number":                {subscriptions.FieldInterval, "soon", "whole number from 0"},
		"number beyond 64 bits":    {subscriptions.FieldRetries, "99999999999999999999", "whole number from 0"},
		"absurdly long number":     {subscriptions.FieldRetries, strings.Repeat("9", 400), "at most 20 characters"},
		"too many retries":         {subscriptions.FieldRepeats, "101", "whole number from 0 to 100"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := filledForm(editor).Set(tc.field, tc.value).Submit().Wants(http.StatusUnprocessableEntity)
			page.ByTestID("error-summary")
			page.Says(tc.says)
			if got := page.Form("subscription-form").Values.Get(subscriptions.FieldName); tc.field != subscriptions.FieldName && got != "Token events" {
				t.Errorf("the name came back as %q", got)
			}
		})
	}
	t.Cleanup(func() {
		list, err := srv.Store.ListSubscriptions(context.WithoutCancel(t.Context()), store.SubscriptionFilter{WithDeleted: true})
		if err != nil || len(list) > 0 {
			t.Errorf("%d subscriptions were stored, %v; want none", len(list), err)
		}
	})
}

// A Cybersource that does not answer must leave the request time to say so: it has 30 s.
func TestQuestionsToCybersourceEndBeforeTheRequest(t *testing.T) {
	t.Parallel()
	left := make(chan time.Duration, 10)
	srv := webtest.New(t, webtest.WithConsole(func(cfg *web.Config) {
		cfg.Client = func(ctx context.Context, _ store.Organization) (*cybs.Client, error) {
			deadline, _ := ctx.Deadline()
			left <- time.Until(deadline)
			return nil, context.DeadlineExceeded
		}
	}))
	admin := srv.As(store.RoleAdministrator)
	admin.Get(paths.NewSubscription).Wants(http.StatusOK).Says("did not answer in time")
	admin.Get(paths.ShowOrganization(srv.Organization.ID)).Form("check-form").Submit().Wants(http.StatusOK).Says("did not answer in time")
	if len(left) != 2 {
		t.Fatalf("asked %d times, want twice", len(left))
	}
	for range 2 {
		if d := <-left; d <= 0 || d > 20*time.Second {
			t.Errorf("a question may take %v of the 30 s", d)
		}
	}
}

func TestSubscriptionNeedsAnEventType(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	filledForm(srv.As(store.RoleEditor)).Set(subscriptions.FieldEvent).Submit().Wants(http.StatusUnprocessableEntity).Says("Choose at least one event type.")
}

func TestImpossibleScheduleIsRefused(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	form := filledForm(srv.As(store.RoleEditor)).Set(subscriptions.FieldAlgorithm, "GEOMETRIC").Set(subscriptions.FieldInterval, "10").Set(subscriptions.FieldRetries, "90")
	form.Submit().Wants(http.StatusUnprocessableEntity).Says("go beyond")
	form.Set(subscriptions.FieldInterval, "0").Submit().Wants(http.StatusUnprocessableEntity).Says("at least 1 for GEOMETRIC")
}

func TestScheduleIsDrawnWithAndWithoutScript(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleEditor)
	fresh := editor.Get(paths.NewSubscription)
	fresh.Says("With this policy an outage longer than 3 min loses events", "+1 min", "+2 min", "+3 min")

	form := func() *webtest.Form {
		f := filledForm(editor).Set(subscriptions.FieldFirstRetry, "10").Set(subscriptions.FieldInterval, "30").Set(subscriptions.FieldDeactivate, "1")
		f.Values.Set(subscriptions.FieldIntent, subscriptions.IntentPreview)
		return f
	}
	page := form().Submit().Wants(http.StatusOK)
	page.Says("an outage longer than 1 h 10 min suspends the subscription", "+40 min")
	if values := page.Form("subscription-form").Values; values.Get(subscriptions.FieldName) != "Token events" || values.Get(subscriptions.FieldEvent) != tokenUpdated || page.Has("error-summary") {
		t.Errorf("the preview changed the form: %v", values)
	}
	part := form().SubmitAs(editor.Partial()).Wants(http.StatusOK)
	part.Says("+40 min")
	if part.Heading() != "" || !part.Has("retry-schedule") || part.Has("subscription-form") {
		t.Error("htmx did not get the schedule alone")
	}
	form().Set(subscriptions.FieldRetries, "many").SubmitAs(editor.Partial()).Wants(http.StatusOK).Says("cannot be drawn yet")
	form().Set(subscriptions.FieldRetries, "0").SubmitAs(editor.Partial()).Wants(http.StatusOK).Says("Nothing is tried again")
	form().Set(subscriptions.FieldRetries, "100").SubmitAs(editor.Partial()).Wants(http.StatusOK).Says("The first 41 of 101 attempts are drawn")
}

func TestFormTellsWhatIsReady(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleEditor)
	page := editor.Get(paths.NewSubscription)
	text := page.ByTestID("readiness").Text()
	for _, want := range []string{"Entered", "Will be made", "Private address"} {
		if !strings.Contains(text, want) {
			t.Errorf("the form does not say %q: %s", want, text)
		}
	}
	made(t, srv, editor)
	if text := editor.Get(paths.NewSubscription).ByTestID("readiness").Text(); !strings.Contains(text, "One key signs all subscriptions") {
		t.Errorf("with a key the form says: %s", text)
	}
}
