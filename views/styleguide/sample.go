package styleguide

import (
	"math"
	"strings"
	"time"

	"github.com/switchboardhq/switchboard/views/layout"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/ui"
)

// SampleFrame is a frame with everything in it, for when no server fills one.
func SampleFrame(now time.Time) layout.Page {
	return layout.Page{
		Title: "Style guide", Description: "Every piece the console is made of, in every state.",
		Environment: layout.Sandbox, Organization: "Harbour Coffee",
		Organizations: []layout.OrganizationChoice{
			{Name: "Harbour Coffee", Href: paths.SwitchToOrganization(1), Environment: layout.Sandbox, Current: true},
			{Name: "Harbour Coffee Europe", Href: paths.SwitchToOrganization(2), Environment: layout.Sandbox},
		},
		Nav:  sampleNav(),
		User: &layout.User{Name: "Ada Okafor", Email: "ada@example.com", Role: "Administrator"},
		Zone: layout.Zone{Choice: "utc", Label: "UTC", Options: []layout.ZoneOption{
			{Value: "utc", Label: "UTC"}, {Value: "browser", Label: "This browser’s zone"},
		}},
		Clock: ui.Clock{Now: now, Zone: time.UTC},
		Path:  paths.Styleguide,
	}
}

func sampleNav() []layout.NavGroup {
	return []layout.NavGroup{
		{Title: "Watch", Items: []layout.NavItem{
			{Label: "Overview", Href: paths.Overview, Icon: ui.IconOverview, Key: "o", Current: true},
			{Label: "Notifications", Href: paths.Notifications, Icon: ui.IconNotifications, Key: "n"},
			{Label: "Rejected", Href: paths.Rejected, Icon: ui.IconRejected, Key: "r", Count: "4"},
		}},
		{Title: "Operate", Items: []layout.NavItem{
			{Label: "Subscriptions", Href: paths.Subscriptions, Icon: ui.IconSubscriptions, Key: "s"},
		}},
		{Title: "Administer", Items: []layout.NavItem{
			{Label: "Organizations", Href: paths.Organizations, Icon: ui.IconOrganizations},
			{Label: "Team", Href: paths.Team, Icon: ui.IconTeam},
			{Label: "Audit log", Href: paths.AuditLog, Icon: ui.IconAudit, Key: "l"},
		}},
		{Title: "Sandbox", Items: []layout.NavItem{
			{Label: "Playground", Href: paths.Playground, Icon: ui.IconPlayground},
		}},
	}
}

// statuses is the whole vocabulary.
func statuses() []ui.Status {
	return []ui.Status{
		ui.StatusReceived, ui.StatusVerified, ui.StatusRejected, ui.StatusDuplicate, ui.StatusDecryptFailed,
		ui.StatusProcessed, ui.StatusProcessingFailed, ui.StatusForwarded, ui.StatusForwardFailed, ui.StatusReplayed,
		ui.StatusTest, ui.StatusNew, ui.StatusDelivered, ui.StatusRetrying, ui.StatusOverdue, ui.StatusExhausted,
		ui.StatusHeld, ui.StatusFailed, ui.StatusActive, ui.StatusInactive, ui.StatusSuspended, ui.StatusPending,
		ui.StatusDrifted, ui.StatusUnknown, "something new",
	}
}

// A row of the sample table.
type row struct {
	at           time.Time
	event, id    string
	organization string
	status       ui.Status
	detail       string
	took         time.Duration
	size         int64
	steps        []ui.LifeStep
}

func rows(c ui.Clock) []row {
	done := []ui.LifeStep{{Title: "Sent", Tone: ui.Good}, {Title: "Verified", Tone: ui.Good}, {Title: "Processed", Tone: ui.Good}}
	refused := []ui.LifeStep{{Title: "Sent", Tone: ui.Good}, {Title: "Refused", Tone: ui.Bad}, {Title: "Retry", Planned: true}}
	replay := []ui.LifeStep{{Title: "Sent", Tone: ui.Replayed}, {Title: "Verified", Tone: ui.Good}, {Title: "Processed", Tone: ui.Good}}
	return []row{
		{c.Now.Add(-12 * time.Second), "payments.payments.accept", "01K9XW7T2Q8V4N0R6M3C5B1D7F", "Harbour Coffee", ui.StatusVerified, "", 42 * time.Millisecond, 2418, done},
		{c.Now.Add(-4 * time.Minute), "tms.networktoken.updated", "01K9XW5P9D3H7J2K8Z1Q4S6T0A", "Harbour Coffee", ui.StatusRejected, "unknown key", 9 * time.Millisecond, 1830, refused},
		{c.Now.Add(-51 * time.Minute), "payouts.payouts.accept", "01K9XT0C4E8F2G6H9J3K5M7N1P", "Harbour Coffee", ui.StatusReplayed, "", 61 * time.Millisecond, 3120, replay},
		{c.Now.Add(-3 * time.Hour), "risk.casemanagement.decision.accept", "01K9XJ2R5T8U1V4W7X0Y3Z6A9B", "Harbour Coffee Europe", ui.StatusRetrying, "2 of 3", 1300 * time.Millisecond, 98304, refused},
		{c.Now.Add(-26 * time.Hour), "payments.refunds.accept", "01K9V5Q3W6E9R2T5Y8U1I4O7P0", "Harbour Coffee", ui.StatusProcessed, "", 38 * time.Millisecond, 2290, done},
	}
}

func lifeSteps(c ui.Clock) []ui.LifeStep {
	at := c.Now.Add(-4 * time.Minute)
	return []ui.LifeStep{
		{Title: "Happened at Cybersource", Tone: ui.Neutral, At: at.Add(-1900 * time.Millisecond), Detail: "tms.networktoken.updated"},
		{Title: "First attempt arrived", Tone: ui.Progress, At: at, Detail: "from 203.0.113.7, TLS 1.3, 1.8 KiB"},
		{Title: "Refused: the key id is not known here", Tone: ui.Bad, At: at.Add(6 * time.Millisecond), Detail: "keyId 8f2c41e0 belongs to no key of this organization", More: lifeMore()},
		{Title: "Answered 401", Tone: ui.Bad, At: at.Add(9 * time.Millisecond)},
		{Title: "Retry 1 arrived", Tone: ui.Progress, At: at.Add(60 * time.Second), Detail: "a key with that id was added 14 s earlier"},
		{Title: "Verified", Tone: ui.Good, At: at.Add(60*time.Second + 4*time.Millisecond), Detail: "whole body, HMAC-SHA-256"},
		{Title: "Processing", Planned: true, Detail: "waits for a worker"},
	}
}

const sampleJSON = `{
  "eventType": "tms.networktoken.updated",
  "eventDate": "2026-11-22T22:41:07.318Z",
  "webhookId": "0a9c4c52-7d2f-4a3f-a1c9-6f0d6b1e2f11",
  "retryNumber": 0,
  "payload": [
    {
      "data": {
        "_links": {"self": {"href": "/tms/v2/tokenized-cards/7010000000016241111"}},
        "id": "7010000000016241111",
        "type": "tokenizedCard",
        "amount": 12345678901234567890.10,
        "card": {"number": "411111xxxxxx1111", "expirationMonth": "12"},
        "active": true,
        "metadata": null,
        "empty": {},
        "note": "Tab\tand \u0000 stay as written"
      },
      "organizationId": "harbour_coffee"
    }
  ],
  "active": "said twice",
  "active": "kept twice"
}`

func sampleTree() ui.JSONTree {
	return ui.ParseJSON([]byte(sampleJSON), ui.JSONOptions{
		Masked: func(from, to int) bool { return strings.Contains(sampleJSON[from:to], "xxxxxx") },
	})
}

func brokenTree() ui.JSONTree {
	return ui.ParseJSON([]byte(`{"eventType": "payments.payments.accept", "payload": [1, 2,`), ui.JSONOptions{FirstLine: 101})
}

func payload(mode string) ui.PayloadView {
	return ui.PayloadView{
		Label: "Payload " + mode, Mode: mode, Tree: sampleTree(), Raw: []byte(sampleJSON),
		TreeHref: "?view=tree", RawHref: "?view=raw", HexHref: "?view=hex", DownloadHref: "/styleguide",
		Note: "Card numbers and security codes are masked. Seeing them needs a reason and leaves a trace.",
	}
}

func chart(c ui.Clock) ui.ChartData {
	d := ui.ChartData{Title: "Deliveries", Unit: "per 30 minutes, last 24 hours", Series: []ui.ChartSeries{
		{Name: "verified", Tone: ui.Good}, {Name: "rejected", Tone: ui.Bad},
	}}
	start := c.Now.Add(-24 * time.Hour).Truncate(30 * time.Minute)
	for i := range 48 {
		wave := 140 + 110*math.Sin(float64(i)/48*2*math.Pi-1.2) + 24*math.Sin(float64(i)*1.7)
		bad := 0.0
		if i > 29 && i < 34 {
			bad = 40 + 20*math.Sin(float64(i))
		}
		d.Points = append(d.Points, ui.ChartPoint{
			Label: start.Add(time.Duration(i) * 30 * time.Minute).Format("15:04"), Values: []float64{math.Round(max(wave, 6)), math.Round(bad)},
		})
	}
	return d
}

func spark(phase float64) []float64 {
	var values []float64
	for i := range 24 {
		values = append(values, 10+6*math.Sin(float64(i)/3+phase)+2*math.Sin(float64(i)*1.9))
	}
	return values
}

func probes() []ui.Probe {
	var list []ui.Probe
	for i := range 72 {
		p := ui.Probe{Tone: ui.Good, Text: "200 in 4 ms"}
		switch {
		case i > 30 && i < 36:
			p = ui.Probe{Tone: ui.Bad, Text: "503: the database takes no writes"}
		case i == 36:
			p = ui.Probe{Tone: ui.Waiting, Text: "200 in 2.1 s"}
		}
		list = append(list, p)
	}
	return list
}

func schedule(c ui.Clock) ui.RetrySchedule {
	return ui.RetrySchedule{
		Start: c.Now.Add(-40 * time.Minute), Elapsed: 40 * time.Minute,
		Warning: "An outage longer than 7 h loses events",
		Attempts: []ui.RetryAttempt{
			{Offset: 0, Tone: ui.Bad},
			{Offset: 10 * time.Minute, Tone: ui.Bad},
			{Offset: 30 * time.Minute, Tone: ui.Bad},
			{Offset: 70 * time.Minute, Planned: true},
			{Offset: 150 * time.Minute, Planned: true},
			{Offset: 420 * time.Minute, Planned: true},
		},
	}
}

func setupSteps() []ui.SetupStep {
	return []ui.SetupStep{
		{Title: "Add an organization", Text: "Harbour Coffee, with its REST key.", Done: true},
		{
			Title: "Create the first subscription", Text: "Choose products and events; the addresses are filled in.", Current: true,
			Action: ui.Action{Label: "Create subscription", Href: paths.NewSubscription, Kind: ui.Primary, Icon: ui.IconPlus},
		},
		{Title: "See it become active", Text: "Cybersource checks the health address, which takes about a minute."},
		{Title: "Send a test notification", Text: "It appears here as soon as it arrives."},
	}
}

func filter() ui.FilterForm {
	return ui.FilterForm{
		Action: paths.Styleguide,
		Search: ui.Field{Name: "q", Label: "Search notifications", Placeholder: "Id, reference, field:value"},
		Selects: []ui.Field{
			{Name: "product", Label: "Product", Options: []ui.Option{{Label: "All"}, {Value: "tokenManagement", Label: "tokenManagement"}}},
			{Name: "status", Label: "Status", Value: "rejected", Options: []ui.Option{{Label: "All"}, {Value: "rejected", Label: "Rejected", Selected: true}}},
		},
		Range: ui.Field{Name: "from", Label: "From", Options: []ui.Option{{Value: "-1h", Label: "Last hour"}, {Value: "-24h", Label: "Last 24 hours", Selected: true}, {Value: "-168h", Label: "Last 7 days"}}},
		Chips: []ui.Chip{
			{Label: "Status", Value: "Rejected", RemoveHref: paths.Styleguide},
			{Label: "Reason", Value: "unknown key", RemoveHref: paths.Styleguide},
		},
		ClearHref: paths.Styleguide,
	}
}

func eventGroups() []ui.OptionGroup {
	return []ui.OptionGroup{
		{Label: "Token management", Hint: "tokenManagement", Options: []ui.Option{
			{Value: "tms.networktoken.updated", Label: "tms.networktoken.updated", Hint: "A network token has changed", Selected: true},
			{Value: "tms.networktoken.provisioned", Label: "tms.networktoken.provisioned", Hint: "A network token was made"},
			{Value: "tms.networktoken.binding", Label: "tms.networktoken.binding", Tag: "needs encryption", Reason: "Add an encryption certificate first"},
		}},
		{Label: "Payment acceptance", Hint: "payByLink, alternativePaymentMethods", Options: []ui.Option{
			{Value: "payments.payments.accept", Label: "payments.payments.accept"},
			{Value: "payments.payments.reject", Label: "payments.payments.reject"},
		}},
	}
}

// bareFrame is frame with the words of a sign-in page.
func bareFrame(frame layout.Page) layout.Page {
	frame.Title, frame.Description = "Sign in", "To the console of Harbour Coffee."
	return frame
}
