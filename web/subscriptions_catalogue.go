package web

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/views/ui"
)

// catalogue is what an organization may subscribe to, with what stands in the way of each choice.
type catalogue struct {
	products []cybs.Product
	// problem says why products is not known; "" when it is.
	problem string
	// taken names, by product id, the other subscription that has the product.
	taken map[string]string
	// kept are the choices that stand already: they may stay, whatever the catalogue says.
	kept []string
}

// loadCatalogue asks Cybersource for the products, and the store for those that another subscription has. A catalogue that
// cannot be had is no error: the form says so and keeps what was typed.
func (s *Server) loadCatalogue(ctx context.Context, o store.Organization, except store.Subscription) (catalogue, error) {
	k := catalogue{taken: map[string]string{}, kept: choices(except.Products)}
	others, err := s.store.ListSubscriptions(ctx, store.SubscriptionFilter{OrganizationID: o.ID, Limit: 1000})
	if err != nil {
		return catalogue{}, err
	}
	for _, v := range others {
		for _, p := range v.Products {
			if v.ID != except.ID {
				k.taken[p.ProductID] = v.Name
			}
		}
	}
	if k.products, err = s.askProducts(ctx, o); err != nil {
		s.logCybersource(ctx, "list products", err)
		k.problem = callText(err)
	}
	return k, nil
}

// choice is the value of one checkbox: product and event type.
func choice(productID, eventType string) string { return productID + "/" + eventType }

// choices are the checkboxes that products stand for.
func choices(products []store.SubscribedProduct) []string {
	var list []string
	for _, p := range products {
		for _, e := range p.EventTypes {
			list = append(list, choice(p.ProductID, e))
		}
	}
	return list
}

// why is the reason why an event type cannot be chosen, or "".
func (k catalogue) why(p cybs.Product, e cybs.EventType) string {
	if slices.Contains(k.kept, choice(p.ID, e.Name)) {
		return ""
	}
	if name, ok := k.taken[p.ID]; ok {
		return fmt.Sprintf("“%s” has this product. Cybersource allows one subscription per product.", name)
	}
	return ""
}

// isEncrypted reports whether an event type is one that Cybersource encrypts: because its list for the organization says so, or because its guide
// calls encryption mandatory for the product. The two contradict each other for some organizations (reference §4.1).
func isEncrypted(p cybs.Product, e cybs.EventType) bool {
	return e.PayloadEncryption || p.ID == "payments" || p.ID == "unifiedCheckout"
}

// encrypted are those of the chosen event types that Cybersource encrypts.
func (k catalogue) encrypted(products []store.SubscribedProduct) []string {
	var list []string
	for _, value := range choices(products) {
		if p, e, ok := k.offered(value); ok && isEncrypted(p, e) {
			list = append(list, e.Name)
		}
	}
	return list
}

// plain are those of the chosen event types that Cybersource never encrypts.
func (k catalogue) plain(products []store.SubscribedProduct) []string {
	var list []string
	for _, value := range choices(products) {
		if p, e, ok := k.offered(value); ok && !isEncrypted(p, e) {
			list = append(list, e.Name)
		}
	}
	return list
}

// listText names the first few of a list.
func listText(names []string) string {
	const most = 6
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// offered finds a choice in the catalogue.
func (k catalogue) offered(value string) (p cybs.Product, e cybs.EventType, ok bool) {
	for _, p := range k.products {
		for _, e := range p.EventTypes {
			if choice(p.ID, e.Name) == value {
				return p, e, true
			}
		}
	}
	return cybs.Product{}, cybs.EventType{}, false
}

// take turns the choices into products, in their order; wrong is the sentence for the first one that cannot be had.
func (k catalogue) take(values []string) (products []store.SubscribedProduct, wrong string) {
	for _, value := range values {
		p, e, ok := k.offered(value)
		productID, eventType := p.ID, e.Name
		switch {
		case ok && k.why(p, e) != "":
			return nil, eventType + " cannot be chosen: " + k.why(p, e)
		case !ok && slices.Contains(k.kept, value):
			productID, eventType, _ = strings.Cut(value, "/")
		case !ok && k.problem != "":
			return nil, "The list of products could not be loaded, so new event types cannot be checked. Try again."
		case !ok:
			return nil, fmt.Sprintf("%q is not among the event types that Cybersource offers to this organization. Choose from the list.", value)
		}
		products = addEvent(products, productID, eventType)
	}
	if len(products) == 0 {
		return nil, "Choose at least one event type."
	}
	return products, ""
}

func addEvent(products []store.SubscribedProduct, productID, eventType string) []store.SubscribedProduct {
	i := slices.IndexFunc(products, func(p store.SubscribedProduct) bool { return p.ProductID == productID })
	if i < 0 {
		return append(products, store.SubscribedProduct{ProductID: productID, EventTypes: []string{eventType}})
	}
	if !slices.Contains(products[i].EventTypes, eventType) {
		products[i].EventTypes = append(products[i].EventTypes, eventType)
	}
	return products
}

// groups are the checkboxes, a group a product, with those in chosen ticked.
func (k catalogue) groups(chosen []string) []ui.OptionGroup {
	var groups []ui.OptionGroup
	for _, p := range k.products {
		g := ui.OptionGroup{Label: p.Name, Hint: p.ID, Options: k.options(p, chosen)}
		if p.Name == "" {
			g.Label, g.Hint = productName(p.ID), p.ID
		}
		if len(p.EventTypes) == 0 {
			g.Hint = "no event types: ask Cybersource to enable them for this organization"
		}
		groups = append(groups, g)
	}
	return append(groups, k.leftovers(chosen)...)
}

func (k catalogue) options(p cybs.Product, chosen []string) []ui.Option {
	var options []ui.Option
	for _, e := range p.EventTypes {
		o := ui.Option{
			Value: choice(p.ID, e.Name), Label: e.DisplayName, Hint: e.Name,
			Selected: slices.Contains(chosen, choice(p.ID, e.Name)), Reason: k.why(p, e),
		}
		if e.DisplayName == "" {
			o.Label, o.Hint = e.Name, ""
		}
		if isEncrypted(p, e) {
			o.Tag = "encrypted"
		}
		if o.Reason != "" {
			o.Selected = false // a disabled box is not sent: it must not look chosen
		}
		options = append(options, o)
	}
	return options
}

// leftovers are event types that are subscribed to and not in the catalogue: they can stay or go.
func (k catalogue) leftovers(chosen []string) []ui.OptionGroup {
	var groups []ui.OptionGroup
	for _, value := range k.kept {
		if _, _, ok := k.offered(value); ok {
			continue
		}
		productID, eventType, _ := strings.Cut(value, "/")
		i := slices.IndexFunc(groups, func(g ui.OptionGroup) bool { return g.Label == productName(productID) })
		if i < 0 {
			hint := "no longer offered by Cybersource"
			if k.problem != "" {
				hint = productID
			}
			groups = append(groups, ui.OptionGroup{Label: productName(productID), Hint: hint})
			i = len(groups) - 1
		}
		groups[i].Options = append(groups[i].Options, ui.Option{Value: value, Label: eventType, Selected: slices.Contains(chosen, value)})
	}
	return groups
}

// unlisted are the choices that no checkbox stands for: the form carries them along while the catalogue is not there.
func (k catalogue) unlisted(chosen []string) []string {
	var list []string
	for _, value := range chosen {
		if _, _, ok := k.offered(value); !ok && !slices.Contains(k.kept, value) {
			list = append(list, value)
		}
	}
	return list
}

// fill puts the catalogue into the form.
func (k catalogue) fill(f *subscriptions.Form, chosen []string) {
	f.Groups = k.groups(chosen)
	f.CatalogueProblem = k.problem
	if k.problem != "" {
		f.Kept = k.unlisted(chosen)
	}
	if len(f.Groups) == 0 && k.problem == "" {
		f.CatalogueProblem = "Cybersource offers no products to this organization. Ask your Cybersource contact to enable webhooks for it, then try again."
	}
}
