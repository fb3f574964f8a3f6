package cybs

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// notificationOf parses a notification of an event with a payload.
func notificationOf(tb testing.TB, eventType, payload string) *Notification {
	tb.Helper()
	n, err := ParseNotification(http.Header{}, []byte(`{"eventType":"`+eventType+`","webhookId":"w","payload":`+payload+`}`))
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// The payloads of the reference's section 8.3.
const (
	updatedToken = `{"version":"1.0","id":"BB","reason":"TOKEN_STATUS_UPDATED","type":"tokenizedCardUpdates","_links":{
	 "instrumentIdentifiers":[{"href":"/tms/v1/instrumentidentifiers/703","id":"703"}],
	 "tokenized-cards":[{"href":"/tms/v2/tokenized-cards/38F","id":"38F","state":"SUSPENDED","more":1}]},"new":{"a":1}}`
	oldToken = `{"id":"AA","type":"t","_links":{"paymentInstruments":[{"href":"/p"}],"instrumentIdentifiers":[{"href":"/i"}],"customers":[{"href":"/c"}],"next":"x"}}`
	checkout = `{"id":"743","status":"AUTHORIZED","outcome":"AUTHORIZED","beside":true,"details":{
	 "processorInformation":{"transactionId":"2016AUTH"},"paymentInformation":{"card":{"type":"001"}},"riskInformation":{"score":{"result":"42"}}}}`
	checkoutDetails = `{"details":{"_links":{"self":{"method":"GET","href":"/pts/v2/payments/743"},"capture":{"method":"POST","href":"/pts/v2/payments/743/captures"}},
	 "clientReferenceInformation":{"code":"ORDER-1"},"consumerAuthenticationInformation":{"token":"t"},"id":"743",
	 "orderInformation":{"amountDetails":{"authorizedAmount":"100.00","currency":"USD"}},"paymentAccountInformation":{"card":{"type":"001"}},
	 "paymentInformation":{"bin":"411111","card":{"type":"001"},"scheme":"VISA DEBIT","issuer":"B","binCountry":"PL"},
	 "pointOfSaleInformation":{"terminalId":"092940"},"processorInformation":{"approvalCode":"888888","merchantNumber":"12345678"}}}`
	checkoutResult = `{"transactionResult":{"details":{"id":"743","status":"DECLINED","clientReferenceInformation":{"code":"ORDER-1"},"reconciliationId":"r","tokenInformation":{"x":1}}}}`
	decided        = `{"data":{"referenceNumber":"ORDER-1","clientReferenceInformation":{"code":"ORDER-1"},"notes":[{"comment":"stolen card","by":"me"}],
	 "_embedded":{"capture":{"status":"PENDING","_links":{"self":{"href":"/pts/v2/captures/7000"}}},"other":{}}},"organizationId":"my_org"}`
)

func raw(pairs ...string) map[string]json.RawMessage {
	m := map[string]json.RawMessage{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = json.RawMessage(pairs[i+1])
	}
	return m
}

func TestTypedPayloads(t *testing.T) {
	t.Parallel()
	type read func(n *Notification) (any, error)
	payment := read(func(n *Notification) (any, error) { return n.Payment() })
	token := read(func(n *Notification) (any, error) { return n.NetworkToken() })
	for _, tc := range []struct {
		name, event, payload string
		read                 read
		want                 any
	}{
		{"network token", "tms.networktoken.updated", `{"data":` + updatedToken + `,"organizationId":"child"}`, token, &NetworkToken{
			Reason: "TOKEN_STATUS_UPDATED", ID: "BB", Type: "tokenizedCardUpdates", Version: "1.0",
			TokenizedCards:        []Link{{Href: "/tms/v2/tokenized-cards/38F", ID: "38F", State: "SUSPENDED", Extra: raw("more", "1")}},
			InstrumentIdentifiers: []Link{{Href: "/tms/v1/instrumentidentifiers/703", ID: "703"}},
			Extra:                 raw("new", `{"a":1}`),
		}},
		{"network token in an array", "tms.networktoken.updated", `[{"data":{"reason":"CARD_UPDATED"}},{"data":{"reason":"x"}}]`, token, &NetworkToken{Reason: "CARD_UPDATED"}},
		{"network token as text", "tms.networktoken.updated", `"{\"data\":{\"reason\":\"CARD_UPDATED\"}}"`, token, &NetworkToken{Reason: "CARD_UPDATED"}},
		{"token of older days", "tms.token.updated", `{"data":` + oldToken + `}`, token, &NetworkToken{
			ID: "AA", Type: "t", PaymentInstruments: []Link{{Href: "/p"}}, InstrumentIdentifiers: []Link{{Href: "/i"}}, Customers: []Link{{Href: "/c"}},
			Extra: raw("_links", `{"next":"x"}`),
		}},
		{"Unified Checkout", "uc.orders.transactionresults", checkout, payment, &Payment{
			ID: "743", Status: "AUTHORIZED", Outcome: "AUTHORIZED", Processor: Processor{TransactionID: "2016AUTH"},
			Instrument: Instrument{CardType: "001"}, Risk: Risk{Score: "42"}, Around: raw("beside", "true"),
		}},
		{"Unified Checkout, all in details", "uc.orders.transactionresults", checkoutDetails, payment, &Payment{
			ID: "743", Reference: "ORDER-1", Amounts: Amounts{Authorized: "100.00", Currency: "USD"}, TerminalID: "092940",
			Instrument: Instrument{BIN: "411111", CardType: "001", Scheme: "VISA DEBIT", Issuer: "B", BINCountry: "PL"},
			Processor:  Processor{ApprovalCode: "888888", MerchantNumber: "12345678"},
			Links: map[string]Link{
				"self": {Method: "GET", Href: "/pts/v2/payments/743"}, "capture": {Method: "POST", Href: "/pts/v2/payments/743/captures"},
			},
			Extra: raw("consumerAuthenticationInformation", `{"token":"t"}`),
		}},
		{"Unified Checkout in a result", "uc.orders.transactionresults", checkoutResult, payment, &Payment{
			ID: "743", Status: "DECLINED", Reference: "ORDER-1", ReconciliationID: "r", Extra: raw("tokenInformation", `{"x":1}`),
		}},
		{
			"refund", "payments.refund.status.accepted",
			`{"data":{"id":1e400,"status":"PENDING","refundAmountDetails":{"refundAmount":10.10,"currency":"USD","more":"x"},"errorInformation":{"reason":"R","message":"M","details":[]}},"organizationId":"o"}`, payment,
			&Payment{
				ID: "1e400", Status: "PENDING", Amounts: Amounts{Amount: "10.10", Currency: "USD"},
				Error: ErrorInformation{Reason: "R", Message: "M", Extra: raw("details", "[]")}, Extra: raw("refundAmountDetails", `{"more":"x"}`),
			},
		},
		{"decision", "risk.casemanagement.decision.reject", decided, func(n *Notification) (any, error) { return n.Decision() }, &Decision{
			ReferenceNumber: "ORDER-1", Reference: "ORDER-1", Notes: []DecisionNote{{Comment: "stolen card", Extra: raw("by", `"me"`)}},
			Capture: &FollowUp{Status: "PENDING", Href: "/pts/v2/captures/7000"}, Extra: raw("_embedded", `{"other":{}}`),
		}},
		{
			"Pay by Link", "payByLink.customer.payment", `{"data":{"linkId":"l","transactionId":"t","totalAmount":12.30,"currency":"USD","x":null}}`,
			func(n *Notification) (any, error) { return n.PayByLink() },
			&PayByLink{LinkID: "l", TransactionID: "t", TotalAmount: "12.30", Currency: "USD", Extra: raw("x", "null")},
		},
		{
			"alternative payment", "payments.payments.updated", `{"data":{"id":"i","reconciliationId":"r","status":"SETTLED"}}`,
			func(n *Notification) (any, error) { return n.AlternativePayment() }, &Payment{ID: "i", ReconciliationID: "r", Status: "SETTLED"},
		},
		{
			"eCheck", "payments.credits.failed", `{"data":{"id":"i","processorInformation":{"eventStatus":"NSF"}}}`,
			func(n *Notification) (any, error) { return n.ECheck() }, &Payment{ID: "i", Processor: Processor{EventStatus: "NSF"}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := tc.read(notificationOf(t, tc.event, tc.payload))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestInvoiceOf2023 reads the published capture in its old envelope.
func TestInvoiceOf2023(t *testing.T) {
	t.Parallel()
	const body = `{"notificationId":"n","retryNumber":0,"eventType":"invoicing.customer.invoice.send","eventDate":"2026-01-01T17:49:40.309-07:00","webhookId":"w",
	 "payloads":[{"data":{"merchantZip":"12345","thankYou":"Thank you","subject":"You have received an invoice","dueDate":"2026-01-31","link":"Click below",
	 "body":"You have a new invoice","merchantState":"OH","merchantName":"Example Inc","button":"VIEW AND PAY INVOICE","invoiceBalance":"102.00",
	 "merchantAddress2":" ","invoiceNumber":"INV-1","payerName":"A Person","customMessage":"…","currency":"USD","merchantCity":"Town","emailTo":"a@example.com",
	 "eventType":"invoicing.customer.invoice.send","balanceAmount":"102.00","organizationID":"my_org","merchantPhone":"321-321-3211","emailLanguage":"en-us",
	 "invoiceUrl":"https://pay.example.test/1","merchantAddress":"1 Road"},"organizationId":"my_org"}]}`
	n, err := ParseNotification(http.Header{}, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	got, err := n.Invoice()
	if err != nil {
		t.Fatal(err)
	}
	want := &Invoice{
		Number: "INV-1", URL: "https://pay.example.test/1", DueDate: "2026-01-31", Currency: "USD", Balance: "102.00", InvoiceBalance: "102.00",
		PayerName: "A Person", EmailTo: "a@example.com", EmailLanguage: "en-us", OrganizationID: "my_org",
		Merchant: InvoiceMerchant{Name: "Example Inc", Address: "1 Road", Address2: " ", City: "Town", State: "OH", Zip: "12345", Phone: "321-321-3211"},
		Mail: InvoiceMail{
			Subject: "You have received an invoice", Body: "You have a new invoice", CustomMessage: "…", ThankYou: "Thank you",
			Link: "Click below", Button: "VIEW AND PAY INVOICE",
		},
		Extra: raw("eventType", `"invoicing.customer.invoice.send"`),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
	if string(n.Body) != body {
		t.Error("reading has changed the body")
	}
}

func TestMessageOfATest(t *testing.T) {
	t.Parallel()
	n, err := ParseNotification(http.Header{}, []byte(`{"eventType":"tms.networktoken.updated","payloads":{"testPayload":{"message":"Yay!"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := n.TestMessage(); err != nil || got != "Yay!" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := n.NetworkToken(); !errors.Is(err, ErrOtherKind) {
		t.Errorf("got %v, want ErrOtherKind: a test has no token", err)
	}
}

func TestKindIsKnownByEventOrProduct(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		event, product string
		want           Kind
	}{
		{"tms.networktoken.provisioned", "", KindNetworkToken},
		{"tms.accountupdater.update", "", KindNetworkToken},
		{"", "tokenManagement", KindNetworkToken},
		{"payments.payments.updated", "", KindAlternativePayment},
		{"payments.payments.accepted", "", KindECheck},
		{"payments.voids.failed", "", KindECheck},
		{"payments.void.status.accepted", "", KindPayment},
		{"payments.authorization.status.partiallyApproved", "", KindPayment},
		{"payments.captures.accept", "cardProcessing", KindPayment},
		{"uc.orders.transactionresults", "", KindPayment},
		{"", "unifiedCheckout", KindPayment},
		{"", "eCheck", KindECheck},
		{"", "alternativePaymentMethods", KindAlternativePayment},
		{"invoicing.merchant.invoice.paid", "", KindInvoice},
		{"", "customerInvoicing", KindInvoice},
		{"risk.profile.decision.review.5m", "", KindDecision},
		{"", "fraudManagementEssentials", KindDecision},
		{"payByLink.merchant.payment", "", KindPayByLink},
		{"", "payByLink", KindPayByLink},
		{"rbs.subscriptions.charge.created", "", KindRecurringCharge},
		{"", "recurringBilling", KindRecurringCharge},
		{"terminalManagement.status.update", "", KindTerminal},
		{"sa.order.confirmation", "", KindAcceptance},
		{"cns.outage.notify.freeform", "cns", KindUnknown},
		{"", "", KindUnknown},
	} {
		n := &Notification{EventType: tc.event, ProductID: tc.product}
		if got := n.Kind(); got != tc.want {
			t.Errorf("%q of %q: got %s, want %s", tc.event, tc.product, got, tc.want)
		}
	}
}

// TestAccessorsRefuseOtherKinds asks every accessor of what is not its own.
func TestAccessorsRefuseOtherKinds(t *testing.T) {
	t.Parallel()
	for kind, read := range map[Kind]func(n *Notification) error{
		KindPayment:            func(n *Notification) error { _, err := n.Payment(); return err },
		KindAlternativePayment: func(n *Notification) error { _, err := n.AlternativePayment(); return err },
		KindECheck:             func(n *Notification) error { _, err := n.ECheck(); return err },
		KindNetworkToken:       func(n *Notification) error { _, err := n.NetworkToken(); return err },
		KindInvoice:            func(n *Notification) error { _, err := n.Invoice(); return err },
		KindDecision:           func(n *Notification) error { _, err := n.Decision(); return err },
		KindPayByLink:          func(n *Notification) error { _, err := n.PayByLink(); return err },
		KindTest:               func(n *Notification) error { _, err := n.TestMessage(); return err },
	} {
		if err := read(notificationOf(t, "rbs.subscriptions.charge.created", `{"data":{}}`)); !errors.Is(err, ErrOtherKind) {
			t.Errorf("%s: got %v, want ErrOtherKind", kind, err)
		}
		for payload, want := range map[string]error{`{"data":{}}`: nil, `null`: ErrNoPayload, `[]`: ErrNoPayload, `[1,[]]`: ErrNoPayload, `7`: ErrNoPayload, `"no JSON"`: ErrNotJSON, `"\"text\""`: ErrNoPayload, `"` + jweText + `"`: ErrStillEncrypted} {
			if err := read(notificationOf(t, "of nobody", payload)); !errors.Is(err, want) {
				t.Errorf("%s of %s: got %v, want %v", kind, payload, err, want)
			}
		}
	}
	deep := `"` + strings.Repeat("[", 300) + `"`
	if _, err := notificationOf(t, "x", deep).Data(); !errors.Is(err, ErrTooDeep) {
		t.Errorf("got %v, want ErrTooDeep for what hides in text", err)
	}
}

func TestDataHasAllEventsWithTheirOrganization(t *testing.T) {
	t.Parallel()
	n := notificationOf(t, "e", `[ {"data": {"n":1}, "organizationId":"a"}, {"organizationId":"b"}, {"data":"text"} ]`)
	got, err := n.Data()
	if err != nil {
		t.Fatal(err)
	}
	want := []EventData{
		{"a", json.RawMessage(`{"n":1}`)}, {"b", json.RawMessage(`{"organizationId":"b"}`)}, {"", json.RawMessage(`{"data":"text"}`)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
}

// readAll reads data as everything that there is.
func readAll(d EventData) []any {
	return []any{d.Payment(), d.NetworkToken(), d.Invoice(), d.Decision(), d.PayByLink()}
}

// TestNothingIsLost puts texts of their own everywhere and looks for each of them in every type.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{updatedToken, oldToken, checkout, checkoutDetails, checkoutResult, decided} {
		var v any
		if err := json.Unmarshal([]byte(payload), &v); err != nil {
			t.Fatal(err)
		}
		count := 0
		marked, err := json.Marshal(mark(v, &count))
		if err != nil {
			t.Fatal(err)
		}
		for _, typed := range readAll(EventData{Data: marked}) {
			b, err := json.Marshal(typed)
			if err != nil {
				t.Fatal(err)
			}
			for i := range count {
				if !strings.Contains(string(b), fmt.Sprintf(`"mark %d."`, i)) {
					t.Errorf("%T: mark %d of %s is lost: %s", typed, i, marked, b)
				}
			}
		}
	}
}

// mark replaces each text, number and boolean by one of its own, and adds a member to each object.
func mark(v any, count *int) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = mark(v[name], count)
		}
		v["added"] = mark("", count)
		return v
	case []any:
		for i := range v {
			v[i] = mark(v[i], count)
		}
		return v
	}
	*count++
	return fmt.Sprintf("mark %d.", *count-1)
}
