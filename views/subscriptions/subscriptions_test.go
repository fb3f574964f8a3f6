package subscriptions_test

import (
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/views/layout"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/views/ui"
)

func TestRowNamesItsProductsInOneLine(t *testing.T) {
	t.Parallel()
	product := func(name string, events int) subscriptions.ProductCount {
		return subscriptions.ProductCount{Name: name, Events: events}
	}
	for want, products := range map[string][]subscriptions.ProductCount{
		"no products · 0":            nil,
		"Token management · 2":       {product("Token management", 2)},
		"Token management + 2 · 6":   {product("Token management", 2), product("eCheck", 1), product("Payments", 3)},
		"&lt;b&gt; (1), eCheck (12)": {product("<b>", 1), product("eCheck", 12)},
	} {
		var html strings.Builder
		list := subscriptions.List{Items: []subscriptions.Item{{Name: "n", Href: "/", Products: products, Status: ui.StatusActive, Cover: 3 * time.Minute}}}
		if err := subscriptions.ListPart(layout.Page{}, list).Render(t.Context(), &html); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(html.String(), want) {
			t.Errorf("%d products are not shown as %q:\n%s", len(products), want, html.String())
		}
	}
}

func TestSchedulePartSaysWhatIsNotDrawn(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		schedule subscriptions.Schedule
		want     string
		never    string
	}{
		"all drawn":   {subscriptions.Schedule{Attempts: make([]ui.RetryAttempt, 4), Total: 4, Sentence: "It covers."}, "It covers.", "attempts are drawn"},
		"part drawn":  {subscriptions.Schedule{Attempts: make([]ui.RetryAttempt, 4), Total: 40, Cover: time.Hour}, "The first 4 of 40 attempts are drawn; the last comes 1 h after the first.", "No schedule"},
		"no schedule": {subscriptions.Schedule{Problem: "Use a number."}, "Use a number.", "<svg class=\"schedule-plot"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var html strings.Builder
			if err := subscriptions.SchedulePart(tc.schedule).Render(t.Context(), &html); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(html.String(), tc.want) || strings.Contains(html.String(), tc.never) {
				t.Errorf("want %q and not %q in:\n%s", tc.want, tc.never, html.String())
			}
		})
	}
}
