package cybs

import (
	"encoding/json"
	"maps"
	"slices"
)

// Payment is a payment, or what followed one: capture, refund, credit, void or reversal. Amounts are text, as
// Cybersource writes them. Extra holds, here and below, the members that this package does not know.
type Payment struct {
	ID               string
	Status           string // AUTHORIZED, DECLINED, PENDING …: one event type of Unified Checkout covers all of them
	Outcome          string // Unified Checkout only
	SubmittedAt      string
	ReconciliationID string
	// Reference is the merchant's own, clientReferenceInformation.code.
	Reference  string
	Amounts    Amounts
	Processor  Processor
	Instrument Instrument
	Risk       Risk
	// Error is why it was refused; empty otherwise.
	Error ErrorInformation
	// TerminalID is the point of sale.
	TerminalID string
	// Links are the next steps by name: self, capture, authReversal, void, refund.
	Links map[string]Link
	Extra map[string]json.RawMessage
	// Around holds what stands beside the payment, where it is wrapped in details.
	Around map[string]json.RawMessage
}

// Amounts are the money of a payment.
type Amounts struct {
	Total      string
	Authorized string
	Currency   string
	// Amount is that of a capture, refund, credit, void or reversal, where it has a member of its own.
	Amount string
	Extra  map[string]json.RawMessage
}

// Processor is what the processor answered.
type Processor struct {
	TransactionID  string
	ApprovalCode   string
	ResponseCode   string
	MerchantNumber string
	EventStatus    string // eCheck
	Extra          map[string]json.RawMessage
}

// Instrument is what was paid with.
type Instrument struct {
	BIN        string
	CardType   string // 001 is Visa
	Scheme     string
	Issuer     string
	BINCountry string
	Suffix     string // the last four digits
	Extra      map[string]json.RawMessage
}

// Risk is how the payment was judged.
type Risk struct {
	Score    string
	Profile  string
	Decision string
	Extra    map[string]json.RawMessage
}

// ErrorInformation says why a payment was refused.
type ErrorInformation struct {
	Reason  string
	Message string
	Extra   map[string]json.RawMessage
}

// Payment reads the first event of a notification about a payment, capture, refund, credit, void or reversal, and the
// outcome of Unified Checkout in all three shapes that were seen: as the payload itself, in details, and in
// transactionResult.details.
func (n *Notification) Payment() (*Payment, error) {
	data, err := n.first(KindPayment)
	if err != nil {
		return nil, err
	}
	return data.Payment(), nil
}

// Payment reads the data as a payment.
func (d EventData) Payment() *Payment { return newMembers(d.Data).wrappedPayment() }

// wrappedPayment takes the wrappers off; what stands beside the payment in them is kept around it.
func (m members) wrappedPayment() *Payment {
	for _, wrapper := range [...]string{"transactionResult", "details"} {
		inner := m.object(wrapper)
		if len(inner) == 0 {
			continue
		}
		p := inner.wrappedPayment()
		m.put(wrapper, p.Around)
		m.fill(&p.ID, "id")
		m.fill(&p.Status, "status")
		m.fill(&p.Outcome, "outcome")
		p.Around = m.rest()
		return p
	}
	return m.payment()
}

// payment reads the answer of a payment service.
func (m members) payment() *Payment {
	p := &Payment{
		ID: m.text("id"), Status: m.text("status"), Outcome: m.text("outcome"), SubmittedAt: m.text("submitTimeUtc"),
		ReconciliationID: m.text("reconciliationId"), Amounts: m.amounts(), Processor: m.processor(),
		Instrument: m.instrument(), Risk: m.risk(), Error: m.errorInformation(),
	}
	m.nested("clientReferenceInformation", func(o members) { p.Reference = o.text("code") })
	m.nested("pointOfSaleInformation", func(o members) { p.TerminalID = o.text("terminalId") })
	m.nested("_links", func(links members) { p.Links = links.linksByName() })
	p.Extra = m.rest()
	return p
}

// linksByName takes the members that are one link each.
func (m members) linksByName() map[string]Link {
	var links map[string]Link
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if len(newMembers(m[name])) == 0 {
			continue
		}
		if links == nil {
			links = map[string]Link{}
		}
		links[name] = m.object(name).link()
	}
	return links
}

// amounts reads orderInformation.amountDetails, or the member of a follow-on service.
func (m members) amounts() Amounts {
	var a Amounts
	m.nested("orderInformation", func(order members) {
		details := order.object("amountDetails")
		a = Amounts{Total: details.text("totalAmount"), Authorized: details.text("authorizedAmount"), Currency: details.text("currency"), Extra: details.rest()}
	})
	for _, service := range [...]struct{ member, amount string }{
		{"refundAmountDetails", "refundAmount"},
		{"creditAmountDetails", "creditAmount"},
		{"voidAmountDetails", "voidAmount"},
		{"reversalAmountDetails", "reversedAmount"},
		{"captureAmountDetails", "captureAmount"},
	} {
		m.nested(service.member, func(details members) {
			details.fill(&a.Amount, service.amount)
			details.fill(&a.Currency, "currency")
		})
	}
	return a
}

func (m members) processor() Processor {
	o := m.object("processorInformation")
	return Processor{
		TransactionID: o.text("transactionId"), ApprovalCode: o.text("approvalCode"), ResponseCode: o.text("responseCode"),
		MerchantNumber: o.text("merchantNumber"), EventStatus: o.text("eventStatus"), Extra: o.rest(),
	}
}

// instrument reads paymentInformation, and the card of paymentAccountInformation.
func (m members) instrument() Instrument {
	o := m.object("paymentInformation")
	i := Instrument{BIN: o.text("bin"), Scheme: o.text("scheme"), Issuer: o.text("issuer"), BINCountry: o.text("binCountry")}
	o.nested("card", func(card members) {
		i.CardType, i.Suffix = card.text("type"), card.text("suffix")
		card.fill(&i.BIN, "bin")
	})
	i.Extra = o.rest()
	m.nested("paymentAccountInformation", func(account members) {
		account.nested("card", func(card members) {
			card.fill(&i.CardType, "type")
			card.fill(&i.Suffix, "suffix")
			card.fill(&i.BIN, "prefix")
		})
	})
	return i
}

func (m members) risk() Risk {
	o := m.object("riskInformation")
	var r Risk
	o.nested("score", func(score members) { r.Score = score.text("result") })
	o.nested("profile", func(profile members) { r.Profile, r.Decision = profile.text("name"), profile.text("decision") })
	r.Extra = o.rest()
	return r
}

func (m members) errorInformation() ErrorInformation {
	o := m.object("errorInformation")
	return ErrorInformation{Reason: o.text("reason"), Message: o.text("message"), Extra: o.rest()}
}
