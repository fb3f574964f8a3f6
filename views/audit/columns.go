package audit

import "github.com/switchboardhq/switchboard/views/ui"

func differenceTitle(m Show) string {
	switch {
	case m.Created:
		return "What was made"
	case m.Removed:
		return "What was removed"
	}
	return "What changed"
}

func differenceColumns(m Show) []ui.Column {
	columns := []ui.Column{{Label: "Member"}}
	if !m.Created {
		columns = append(columns, ui.Column{Label: "Before", Wide: m.Removed})
	}
	if !m.Removed {
		columns = append(columns, ui.Column{Label: "After", Wide: true})
	}
	return columns
}
