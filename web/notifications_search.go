package web

import (
	"context"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/notifications"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/ui"
)

// maxFoundRejected is where counting rejected deliveries with a searched id stops.
const maxFoundRejected = 100

// foundRejected looks for the searched id among rejected deliveries too: whoever has an id does not know on which list its delivery is.
func (s *Server) foundRejected(ctx context.Context, list *notifications.List, f *filters) error {
	if !f.values.Has(searchParam) || !f.first() || f.search == "" && len(list.Rows) > 0 {
		return nil
	}
	filter := store.RejectedFilter{Organizations: f.organizations(), SubscriptionID: f.subscriptionID, From: f.from, To: f.to}
	if f.search != "" {
		among := *f
		among.keyID = ""
		if err := s.searchKey(ctx, &among); err != nil {
			return err
		}
		filter.Search, filter.KeyID = among.search, among.keyID
	}
	n, err := s.store.CountRejected(ctx, filter, maxFoundRejected+1)
	if err != nil || n == 0 {
		return err
	}
	found := notifications.Found{Text: counted(n, "rejected delivery has", "rejected deliveries have") + " this id", Href: rejectedInstead(f.values)}
	if n > maxFoundRejected {
		found.Text = "More than " + ui.CountText(maxFoundRejected, 0) + " rejected deliveries have this id"
	}
	if len(list.Rows) > 0 {
		list.Found = found
		return nil
	}
	list.Empty = ui.EmptyPlace{
		Kind: ui.NothingMatches, Title: "Found among rejected deliveries", Chips: f.chips(paths.Notifications),
		Text:    found.Text + ". They could not be verified, so they are no notifications.",
		Actions: []ui.Action{{Label: "Show rejected deliveries", Href: found.Href, Kind: ui.Primary}},
	}
	return nil
}
