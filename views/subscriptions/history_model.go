package subscriptions

import "github.com/switchboardhq/switchboard/views/ui"

// steps are the entries as a life-line, newest first.
func (h History) steps() []ui.LifeStep {
	steps := make([]ui.LifeStep, len(h.Entries))
	for i, e := range h.Entries {
		steps[i] = ui.LifeStep{Title: e.Action + " by " + e.Actor, Tone: e.Tone, At: e.At, Detail: e.detail()}
		if e.Before != "" || e.After != "" {
			steps[i].More = beforeAfter(e)
		}
	}
	return steps
}

func (e Entry) detail() string {
	if e.Detail == "" {
		return e.Outcome
	}
	return e.Outcome + ": " + e.Detail
}
