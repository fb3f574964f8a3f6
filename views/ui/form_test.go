package ui_test

import (
	"strings"
	"testing"

	"github.com/switchboardhq/switchboard/views/ui"
)

func TestAFieldIsTiedToItsLabelHintAndError(t *testing.T) {
	t.Parallel()
	doc := parse(t, ui.TextField(ui.Field{Name: "url", Label: "Address", Hint: "Port 443.", Error: "Too short", Value: "x", Required: true}))
	input := one(t, doc, "input")
	if got := attr(one(t, doc, "label"), "for"); got != attr(input, "id") || got != "url" {
		t.Errorf("label is for %q, input is %q", got, attr(input, "id"))
	}
	if got := attr(input, "aria-describedby"); got != "url-hint url-error" {
		t.Errorf("got aria-describedby %q", got)
	}
	ids := map[string]string{}
	for _, p := range all(doc, "p") {
		ids[attr(p, "id")] = content(p)
	}
	if ids["url-hint"] != "Port 443." || ids["url-error"] != "Too short" {
		t.Errorf("got notes %v", ids)
	}
	if attr(input, "aria-invalid") != "true" || !has(input, "required") || attr(input, "value") != "x" {
		t.Errorf("got attributes %v", input.Attr)
	}
}

func TestAFieldWithoutErrorClaimsNone(t *testing.T) {
	t.Parallel()
	doc := parse(t, ui.TextField(ui.Field{Name: "name", Label: "Name"}))
	input := one(t, doc, "input")
	if has(input, "aria-invalid") || has(input, "aria-describedby") || has(input, "required") {
		t.Errorf("got attributes %v", input.Attr)
	}
	if got := content(one(t, doc, "label")); got != "Name optional" {
		t.Errorf("got label %q", got)
	}
}

func TestChoicesKeepWhatWasChosen(t *testing.T) {
	t.Parallel()
	options := []ui.Option{{Value: "a", Label: "A"}, {Value: "b", Label: "B", Selected: true}, {Value: "c", Label: "C", Reason: "not yet"}}
	radios := all(parse(t, ui.RadioCards(ui.Field{Name: "r", Label: "R", Options: options})), "input")
	for i, want := range []struct{ checked, disabled bool }{{}, {checked: true}, {disabled: true}} {
		if has(radios[i], "checked") != want.checked || has(radios[i], "disabled") != want.disabled || attr(radios[i], "name") != "r" {
			t.Errorf("radio %d: got %v", i, radios[i].Attr)
		}
	}
	selected := all(parse(t, ui.SelectField(ui.Field{Name: "s", Label: "S", Options: options})), "option")
	if !has(selected[1], "selected") || has(selected[0], "selected") || !has(selected[2], "disabled") {
		t.Error("the select does not keep its choice")
	}
}

func TestASelectTakesAnEmptyAnswer(t *testing.T) {
	t.Parallel()
	doc := parse(t, ui.SelectField(ui.Field{Name: "fault", Label: "Fault", Required: true, Options: []ui.Option{{Label: "None"}, {Value: "late", Label: "Late"}}}))
	if has(one(t, doc, "select"), "required") {
		t.Error("the browser would refuse the empty answer")
	}
	if got := content(one(t, doc, "label")); got != "Fault" {
		t.Errorf("got label %q", got)
	}
}

func TestAGroupWithAChoiceIsUnfoldedAndCounted(t *testing.T) {
	t.Parallel()
	doc := parse(t, ui.CheckboxGroups(ui.Field{Name: "events", Label: "Events"}, []ui.OptionGroup{
		{Label: "One", Options: []ui.Option{{Value: "a"}, {Value: "b", Selected: true}}},
		{Label: "Two", Options: []ui.Option{{Value: "c"}}},
	}))
	groups := all(doc, "details")
	if !has(groups[0], "open") || has(groups[1], "open") {
		t.Error("want the first group open, the second closed")
	}
	if got := content(all(groups[0], "summary")[0]); got != "One 1 of 2" {
		t.Errorf("got summary %q", got)
	}
}

func TestErrorSummaryLinksToTheFields(t *testing.T) {
	t.Parallel()
	doc := parse(t, ui.ErrorSummary([]ui.FieldError{{FieldID: "url", Text: "Too short"}, {Text: "Cybersource refused it"}}))
	link := one(t, doc, "a")
	if attr(link, "href") != "#url" || content(link) != "Too short" {
		t.Errorf("got %q to %q", content(link), attr(link, "href"))
	}
	if got := len(all(doc, "li")); got != 2 {
		t.Errorf("got %d lines, want 2", got)
	}
	if got := text(t, ui.ErrorSummary(nil)); got != "" {
		t.Errorf("without errors: got %q", got)
	}
}

func TestAPostButtonIsAFormWithTheToken(t *testing.T) {
	t.Parallel()
	doc := parse(t, ui.PostButton(ui.Action{Label: "Activate", Href: "/subscriptions/7/activate"}, "token-1"))
	form, input := one(t, doc, "form"), one(t, doc, "input")
	if attr(form, "method") != "post" || attr(form, "action") != "/subscriptions/7/activate" {
		t.Errorf("got form %v", form.Attr)
	}
	if attr(input, "name") != ui.CSRFField || attr(input, "value") != "token-1" {
		t.Errorf("got input %v", input.Attr)
	}
	if got := attr(one(t, doc, "button"), "type"); got != "submit" {
		t.Errorf("got type %q", got)
	}
}

func TestWhatCannotBeDoneSaysWhyAndDoesNothing(t *testing.T) {
	t.Parallel()
	act := ui.Action{Label: "Send test", Href: "/x", Reason: "It is suspended."}
	for name, doc := range map[string]string{
		"Button": text(t, ui.Button(act)), "LinkButton": text(t, ui.LinkButton(act)), "PostButton": text(t, ui.PostButton(act, "t")),
		"MenuPost": text(t, ui.MenuPost(act, "t")), "DialogLink": text(t, ui.DialogLink(act, "d")),
	} {
		if !strings.Contains(doc, "It is suspended.") || !strings.Contains(doc, `aria-disabled="true"`) {
			t.Errorf("%s: no reason in %s", name, doc)
		}
		if strings.Contains(doc, "/x") || strings.Contains(doc, "submit") {
			t.Errorf("%s still leads somewhere: %s", name, doc)
		}
	}
}

func TestAFilterSendsEveryQuestionByItsName(t *testing.T) {
	t.Parallel()
	doc := parse(t, ui.Filter(ui.FilterForm{
		Action: "/notifications", Search: ui.Field{Name: "q", Label: "Search", Value: "tok"},
		Selects: []ui.Field{{Name: "status", Label: "Status", Options: []ui.Option{{Value: "rejected", Selected: true}}}},
		Range:   ui.Field{Name: "from", Label: "From", Options: []ui.Option{{Value: "-24h"}}},
		Hidden:  []ui.Pair{{Name: "tz", Value: "UTC"}},
		Chips:   []ui.Chip{{Label: "Status", Value: "Rejected", RemoveHref: "/notifications?q=tok"}},
	}))
	form := one(t, doc, "form")
	if attr(form, "method") != "get" || attr(form, "action") != "/notifications" {
		t.Errorf("got form %v", form.Attr)
	}
	var names []string
	for d := range form.Descendants() {
		if d.Data == "input" || d.Data == "select" {
			names = append(names, attr(d, "name"))
		}
	}
	if got := strings.Join(names, " "); got != "tz q status from" {
		t.Errorf("got names %q", got)
	}
	chip := one(t, doc, "a")
	if attr(chip, "href") != "/notifications?q=tok" || attr(chip, "aria-label") != "Remove filter Status Rejected" {
		t.Errorf("got chip %v", chip.Attr)
	}
	if len(all(form, "button")) != 1 {
		t.Error("without script, the form needs its button")
	}
}

func TestAGroupSaysOnceWhyNothingCanBeChosen(t *testing.T) {
	t.Parallel()
	taken := "“Payments” has this product."
	doc := parse(t, ui.CheckboxGroups(ui.Field{Name: "events", Label: "Events"}, []ui.OptionGroup{
		{Label: "Taken", Options: []ui.Option{{Value: "a", Reason: taken}, {Value: "b", Reason: taken}, {Value: "c", Reason: taken}}},
		{Label: "Free", Options: []ui.Option{{Value: "d"}, {Value: "e"}, {Value: "f", Reason: "Not here."}}},
	}))
	groups := all(doc, "details")
	if got := strings.Count(content(groups[0]), taken); got != 1 {
		t.Errorf("the reason is said %d times", got)
	}
	for _, input := range all(groups[0], "input") {
		if !has(input, "disabled") {
			t.Error("what cannot be chosen can be ticked")
		}
	}
	if got := content(groups[0]); strings.Contains(got, "Select all") {
		t.Error("all of nothing can be selected")
	}
	if got := content(groups[1]); !strings.Contains(got, "Select all") || !strings.Contains(got, "Not here.") {
		t.Errorf("the other group says %q", got)
	}
}
