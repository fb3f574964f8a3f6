package sandbox

import (
	mathrand "math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
)

func testFake(seed uint64) *fake {
	return newFake(mathrand.New(mathrand.NewPCG(seed, 0)), func() time.Time { return time.Unix(1_800_000_000, 0) })
}

var longNumber = regexp.MustCompile(`\d{12,19}`)

func TestEveryEventHasAPayloadWithoutCardNumbers(t *testing.T) {
	t.Parallel()
	f := testFake(7)
	for _, e := range catalogue() {
		for range 60 {
			b, err := encodeJSON(e.generate(f, occurrence{organizationID: "org", productID: e.ProductID, eventType: e.EventType}))
			if err != nil {
				t.Fatalf("%s: %v", e.EventType, err)
			}
			if len(b) < 40 || b[0] != '{' {
				t.Fatalf("%s of %s: payload %s", e.EventType, e.ProductID, b)
			}
			if strings.Contains(string(b), "null") {
				t.Errorf("%s: payload holds null: %s", e.EventType, b)
			}
			for _, mail := range regexp.MustCompile(`[^"]*@example\.com`).FindAllString(string(b), -1) {
				if strings.Trim(mail, "abcdefghijklmnopqrstuvwxyz0123456789.@") != "" {
					t.Errorf("%s: mail address %s", e.EventType, mail)
				}
			}
			for _, run := range regexp.MustCompile(`\d+`).FindAllString(string(b), -1) {
				if longNumber.FindString(run) == run && luhn(run) {
					t.Fatalf("%s: %s could be a card number in %s", e.EventType, run, b)
				}
			}
		}
	}
}

func TestSameSeedGivesSamePayloads(t *testing.T) {
	t.Parallel()
	all := func(seed uint64) string {
		var text strings.Builder
		f := testFake(seed)
		for _, e := range catalogue() {
			b, err := encodeJSON(e.generate(f, occurrence{organizationID: "org", productID: e.ProductID, eventType: e.EventType}))
			if err != nil {
				t.Fatal(err)
			}
			text.Write(b)
		}
		return text.String()
	}
	if first, again := all(1), all(1); first != again {
		t.Error("one seed gave two results")
	}
	if all(1) == all(2) {
		t.Error("two seeds gave one result")
	}
}

// The table of guide 26.7.01, reference section 4.2.
func TestCatalogueHasEveryPublishedEvent(t *testing.T) {
	t.Parallel()
	want := map[string][]string{
		"alternativePaymentMethods": {"payments.payments.updated"},
		"decisionManager":           {"risk.casemanagement.decision.accept", "risk.casemanagement.decision.reject", "risk.profile.decision.reject"},
		"eCheck": {
			"payments.credits.accepted", "payments.credits.failed", "payments.payments.accepted", "payments.payments.failed",
			"payments.voids.accepted", "payments.voids.failed",
		},
		"fraudManagementEssentials": {
			"risk.casemanagement.decision.accept", "risk.casemanagement.decision.reject", "risk.casemanagement.addnote",
			"risk.profile.decision.reject", "risk.profile.decision.monitor", "risk.profile.decision.review",
		},
		"customerInvoicing": {
			"invoicing.customer.invoice.send", "invoicing.customer.invoice.cancel", "invoicing.customer.invoice.paid",
			"invoicing.customer.invoice.partial-payment", "invoicing.customer.invoice.reminder", "invoicing.customer.invoice.overdue-reminder",
		},
		"payByLink": {"payByLink.customer.payment", "payByLink.merchant.payment"},
		"payments": {
			"payments.authorization.status.accepted", "payments.authorization.status.partiallyApproved",
			"payments.authorization.status.reviewed", "payments.authorization.status.rejected", "payments.capture.status.accepted",
			"payments.capture.status.updated", "payments.refund.status.accepted", "payments.refund.status.updated",
			"payments.credit.status.accepted", "payments.credit.status.updated", "payments.void.status.accepted",
			"payments.void.status.rejected", "payments.reversal.status.accepted", "payments.reversal.status.rejected",
		},
		"recurringBilling": {"rbs.subscriptions.charge.created", "rbs.subscriptions.charge.failed", "rbs.subscriptions.charge.pre-notified"},
		"tokenManagement":  {"tms.networktoken.provisioned", "tms.networktoken.updated", "tms.networktoken.binding"},
		"unifiedCheckout":  {"uc.orders.transactionresults"},
	}
	got := map[string]map[string]bool{}
	seen := map[string]bool{}
	for _, e := range catalogue() {
		id := e.ProductID + " " + e.EventType
		if seen[id] {
			t.Errorf("%s is there twice", id)
		}
		seen[id] = true
		if e.Published {
			if got[e.ProductID] == nil {
				got[e.ProductID] = map[string]bool{}
			}
			got[e.ProductID][e.EventType] = true
		}
	}
	for product, events := range want {
		for _, e := range events {
			if !got[product][e] {
				t.Errorf("%s of %s is missing", e, product)
			}
			delete(got[product], e)
		}
		if len(got[product]) > 0 {
			t.Errorf("%s has events that the guide has not: %v", product, got[product])
		}
		delete(got, product)
	}
	if len(got) > 0 {
		t.Errorf("products that the guide has not: %v", got)
	}
}
