package cybs

import "encoding/json"

// NetworkToken is the life of a network token, or of another token of the vault. It carries no card data: follow the
// links with a call of the API.
type NetworkToken struct {
	// Reason is why it was sent: PROVISIONED, TOKEN_STATUS_UPDATED, CARD_UPDATED, TOKEN_UPDATED, TOKEN_EXPIRY_UPDATED,
	// METADATA_UPDATED, REDIGITIZATION. Older notifications have none.
	Reason  string
	ID      string
	Type    string // tokenizedCardEnrollments, tokenizedCardUpdates
	Version string
	// TokenizedCards have a State where it changed.
	TokenizedCards        []Link
	InstrumentIdentifiers []Link
	PaymentInstruments    []Link // older notifications
	Customers             []Link // older notifications
	Extra                 map[string]json.RawMessage
}

// NetworkToken reads the first event of a notification of token management.
func (n *Notification) NetworkToken() (*NetworkToken, error) {
	data, err := n.first(KindNetworkToken)
	if err != nil {
		return nil, err
	}
	return data.NetworkToken(), nil
}

// NetworkToken reads the data as one of token management.
func (d EventData) NetworkToken() *NetworkToken {
	m := newMembers(d.Data)
	t := &NetworkToken{Reason: m.text("reason"), ID: m.text("id"), Type: m.text("type"), Version: m.text("version")}
	m.nested("_links", func(links members) {
		t.TokenizedCards = links.links("tokenized-cards")
		t.InstrumentIdentifiers = links.links("instrumentIdentifiers")
		t.PaymentInstruments, t.Customers = links.links("paymentInstruments"), links.links("customers")
	})
	t.Extra = m.rest()
	return t
}

// Invoice is an invoice as its mail to the payer says it. It is personal data.
type Invoice struct {
	Number         string
	URL            string
	DueDate        string // YYYY-MM-DD
	Currency       string
	Balance        string // what is left to pay
	InvoiceBalance string
	PayerName      string
	EmailTo        string
	EmailLanguage  string
	Merchant       InvoiceMerchant
	OrganizationID string
	Mail           InvoiceMail
	Extra          map[string]json.RawMessage
}

// InvoiceMerchant is who sent it.
type InvoiceMerchant struct{ Name, Address, Address2, City, State, Zip, Phone string }

// InvoiceMail are the texts of the mail.
type InvoiceMail struct{ Subject, Body, CustomMessage, ThankYou, Link, Button string }

// Invoice reads the first event of a notification about an invoice.
func (n *Notification) Invoice() (*Invoice, error) {
	data, err := n.first(KindInvoice)
	if err != nil {
		return nil, err
	}
	return data.Invoice(), nil
}

// Invoice reads the data as an invoice.
func (d EventData) Invoice() *Invoice {
	m := newMembers(d.Data)
	i := &Invoice{
		Number: m.text("invoiceNumber"), URL: m.text("invoiceUrl"), DueDate: m.text("dueDate"), Currency: m.text("currency"),
		Balance: m.text("balanceAmount"), InvoiceBalance: m.text("invoiceBalance"), PayerName: m.text("payerName"),
		EmailTo: m.text("emailTo"), EmailLanguage: m.text("emailLanguage"), OrganizationID: m.text("organizationID"),
		Merchant: InvoiceMerchant{
			Name: m.text("merchantName"), Address: m.text("merchantAddress"), Address2: m.text("merchantAddress2"),
			City: m.text("merchantCity"), State: m.text("merchantState"), Zip: m.text("merchantZip"), Phone: m.text("merchantPhone"),
		},
		Mail: InvoiceMail{
			Subject: m.text("subject"), Body: m.text("body"), CustomMessage: m.text("customMessage"), ThankYou: m.text("thankYou"),
			Link: m.text("link"), Button: m.text("button"),
		},
	}
	m.fill(&i.OrganizationID, "organizationId")
	i.Extra = m.rest()
	return i
}

// Decision is what became of a case, or of a transaction that a profile judged.
type Decision struct {
	// ReferenceNumber is the merchant's reference, the one member that case management reliably sends.
	ReferenceNumber string
	// Reference is clientReferenceInformation.code, often absent.
	Reference string
	ID        string
	Notes     []DecisionNote
	// Capture and Reversal are what was done because of the decision; nil where nothing was.
	Capture  *FollowUp
	Reversal *FollowUp
	Risk     Risk
	Extra    map[string]json.RawMessage
}

// DecisionNote is what a reviewer wrote.
type DecisionNote struct {
	Comment string
	Extra   map[string]json.RawMessage
}

// FollowUp is a service that followed a decision.
type FollowUp struct {
	Status string
	Href   string
	Extra  map[string]json.RawMessage
}

// Decision reads the first event of a notification of Decision Manager or Fraud Management Essentials.
func (n *Notification) Decision() (*Decision, error) {
	data, err := n.first(KindDecision)
	if err != nil {
		return nil, err
	}
	return data.Decision(), nil
}

// Decision reads the data as a decision.
func (d EventData) Decision() *Decision {
	m := newMembers(d.Data)
	decision := &Decision{ReferenceNumber: m.text("referenceNumber"), ID: m.text("id"), Risk: m.risk()}
	m.nested("clientReferenceInformation", func(o members) { decision.Reference = o.text("code") })
	for _, note := range m.objects("notes") {
		decision.Notes = append(decision.Notes, DecisionNote{Comment: note.text("comment"), Extra: note.rest()})
	}
	m.nested("_embedded", func(o members) {
		decision.Capture, decision.Reversal = o.followUp("capture"), o.followUp("reversal")
	})
	decision.Extra = m.rest()
	return decision
}

func (m members) followUp(name string) *FollowUp {
	o := m.object(name)
	if len(o) == 0 {
		return nil
	}
	f := &FollowUp{Status: o.text("status")}
	o.nested("_links", func(links members) {
		links.nested("self", func(self members) { f.Href = self.text("href") })
	})
	f.Extra = o.rest()
	return f
}

// PayByLink is a payment that came in over a link.
type PayByLink struct {
	LinkID        string
	TransactionID string
	TotalAmount   string
	Currency      string
	Extra         map[string]json.RawMessage
}

// PayByLink reads the first event of a notification of Pay by Link.
func (n *Notification) PayByLink() (*PayByLink, error) {
	data, err := n.first(KindPayByLink)
	if err != nil {
		return nil, err
	}
	return data.PayByLink(), nil
}

// PayByLink reads the data as a payment over a link.
func (d EventData) PayByLink() *PayByLink {
	m := newMembers(d.Data)
	p := &PayByLink{
		LinkID: m.text("linkId"), TransactionID: m.text("transactionId"), TotalAmount: m.text("totalAmount"), Currency: m.text("currency"),
	}
	p.Extra = m.rest()
	return p
}

// AlternativePayment reads the first event of a notification about a payment by other means than cards. It carries no
// reference of the merchant: keep the way from ID to order yourself. Its Status is one of PENDING, TRANSMITTED, AUTHORIZED,
// SETTLED, SETTLE_INITIATED, COMPLETED, FAILED, ABANDONED, CANCELLED, REFUNDED and AUTH-REVERSED.
func (n *Notification) AlternativePayment() (*Payment, error) {
	data, err := n.first(KindAlternativePayment)
	if err != nil {
		return nil, err
	}
	return data.Payment(), nil
}

// ECheck reads the first event of a notification about an electronic check; what became of it is Processor.EventStatus.
func (n *Notification) ECheck() (*Payment, error) {
	data, err := n.first(KindECheck)
	if err != nil {
		return nil, err
	}
	return data.Payment(), nil
}
