package sandbox

import (
	"net/http"

	"github.com/switchboardhq/switchboard/cybs"
)

// CatalogueEvent is one event the sandbox can make happen.
type CatalogueEvent struct {
	ProductID   string `json:"productId"`
	ProductName string `json:"productName"`
	EventType   string `json:"eventType"`
	DisplayName string `json:"displayName"`
	// Published is true for the guide's current table, and false for events that
	// were seen in specifications, samples and older guides only.
	Published bool `json:"published"`
	// Encrypted is true where the guide requires message-level encryption.
	Encrypted bool `json:"encrypted"`

	generate generator
}

// Catalogue lists all events the sandbox can make happen, published ones first.
func (s *Sandbox) Catalogue() []CatalogueEvent { return catalogue() }

// Products is what the products call answers to an organization: the published
// catalogue, and the rest as well when Config.API.OfferUnpublished says so.
func (s *Sandbox) Products(organizationID string) []cybs.Product {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []cybs.Product
	index := map[string]int{}
	for _, e := range catalogue() {
		if !e.Published && !s.cfg.API.OfferUnpublished {
			continue
		}
		i, ok := index[e.ProductID]
		if !ok {
			i = len(list)
			index[e.ProductID] = i
			list = append(list, cybs.Product{ID: e.ProductID, Name: e.ProductName})
		}
		list[i].EventTypes = append(list[i].EventTypes, cybs.EventType{
			Name: e.EventType, DisplayName: e.DisplayName, Frequency: -1,
			PayloadEncryption: s.encrypts(organizationID, e.ProductID, e.EventType),
		})
	}
	return list
}

// listProducts answers GET …/products/{organizationId}.
func (s *Sandbox) listProducts(c *call) error {
	organizationID, ok := s.mayUse(c.who.Owner, c.r.PathValue("organizationId"))
	if !ok {
		return notFound("Organization "+c.r.PathValue("organizationId")+" not found", c.v1)
	}
	type event struct {
		Name        string `json:"eventName"`
		DisplayName string `json:"displayName"`
		Frequency   int    `json:"frequency"`
		Sensitive   bool   `json:"timeSensitivity"`
		Encrypted   bool   `json:"payloadEncryption"`
	}
	type product struct {
		ID     string  `json:"productId"`
		Name   string  `json:"productName"`
		Events []event `json:"eventTypes"`
	}
	answer := []product{}
	for _, p := range s.Products(organizationID) {
		out := product{ID: p.ID, Name: p.Name}
		for _, e := range p.EventTypes {
			out.Events = append(out.Events, event{e.Name, e.DisplayName, e.Frequency, e.TimeSensitivity, e.PayloadEncryption})
		}
		answer = append(answer, out)
	}
	writeJSON(c.w, http.StatusOK, answer)
	return nil
}
