package organizations

import (
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/ui"
)

func noOrganization(canAdd bool) ui.EmptyPlace {
	e := ui.EmptyPlace{
		Kind: ui.NeverHad, Title: "No organization yet",
		Text: "Add the Cybersource organization whose webhooks Switchboard should look after. Its REST key comes from the Business Center, under Payment configuration, Key management.",
	}
	if canAdd {
		e.Actions = []ui.Action{{Label: "Add organization", Href: paths.NewOrganization, Kind: ui.Primary, Icon: ui.IconPlus}}
	} else {
		e.Text += " An administrator can add it."
	}
	return e
}
