package sandbox

import (
	"strconv"
	"strings"
)

// invoice has the members of the published capture, organizationID with its
// capital D included.
func invoice(f *fake, event occurrence) any {
	payer, merchant := f.person(), f.person()
	total := f.money()
	name := f.organizationName()
	number := "INV-" + strconv.Itoa(1000+f.IntN(9000))
	balance, subject, due := total, "You have received an invoice", 30
	switch last := event.eventType[strings.LastIndex(event.eventType, ".")+1:]; {
	case last == "paid":
		balance, subject = newMoney(0, total.Currency), "Thank you for your payment"
	case strings.HasPrefix(last, "partial"):
		balance, subject = total.part(25+f.IntN(50)), "We have received a part of your payment"
	case last == "cancel":
		subject = "Your invoice was cancelled"
	case last == "reminder":
		subject, due = "Your invoice is due soon", 5
	case last == "overdue-reminder":
		subject, due = "Your invoice is overdue", -1
	}
	return object{
		"merchantName": name, "merchantAddress": merchant.Street, "merchantAddress2": " ", "merchantCity": merchant.City,
		"merchantState": merchant.State, "merchantZip": merchant.Zip, "merchantPhone": merchant.Phone,
		"payerName": payer.name(), "emailTo": payer.Email, "emailLanguage": "en-us",
		"subject": subject, "body": subject + " from " + name, "thankYou": "Thank you", "link": "Click below",
		"button": "VIEW AND PAY INVOICE", "customMessage": "Questions? Write to us & we answer within a day.",
		"invoiceNumber": number, "invoiceBalance": balance.Amount, "balanceAmount": balance.Amount, "totalAmount": total.Amount,
		"currency": total.Currency, "dueDate": f.date(due), "organizationID": event.organizationID, "eventType": event.eventType,
		"invoiceUrl": "https://businesscentertest.cybersource.com/ebc2/invoicing/payInvoice/" + f.hex(24),
	}
}

func linkPayment(f *fake, _ occurrence) any {
	paid, order := f.money(), f.order()
	return object{
		"linkId": f.hex(12), "transactionId": f.requestID(), "totalAmount": paid.Amount, "currency": paid.Currency,
		"status": pick(f, "AUTHORIZED", "AUTHORIZED", "PENDING"), "purchaseNumber": order, "linkType": pick(f, "PURCHASE", "DONATION"),
		"clientReferenceInformation": object{"code": order}, "customer": object{"email": f.person().Email},
	}
}

// recurringCharge is made up after the recurring billing API; no payload is
// public.
func recurringCharge(f *fake, event occurrence) any {
	paid := f.money()
	code := "SUB" + strconv.Itoa(10_000+f.IntN(90_000))
	cycle := 1 + f.IntN(24)
	data := object{
		"id": f.requestID(), "subscriptionInformation": object{
			"id": f.requestID(), "code": code, "name": pick(f, "Monthly plan", "Coffee of the month", "Bike insurance", "Team licence"),
			"status": "ACTIVE", "planId": f.requestID(), "startDate": f.date(-30 * cycle),
		},
		"orderInformation": object{"amountDetails": object{"billingAmount": paid.Amount, "currency": paid.Currency}},
		"billingCycle":     object{"current": strconv.Itoa(cycle), "total": "24"},
	}
	switch {
	case strings.HasSuffix(event.eventType, "created"):
		data["status"], data["transactionId"] = "AUTHORIZED", f.requestID()
	case strings.HasSuffix(event.eventType, "failed"):
		data["status"], data["errorInformation"] = "DECLINED", f.refusal("DECLINED")
		data["nextRetryDate"] = f.date(1 + f.IntN(5))
	default:
		data["status"], data["nextBillingDate"] = "PENDING", f.date(3+f.IntN(7))
	}
	return data
}

// alternativePayment carries no merchant reference, as reported.
func alternativePayment(f *fake, _ occurrence) any {
	status := pick(f, "PENDING", "TRANSMITTED", "AUTHORIZED", "SETTLED", "SETTLE_INITIATED", "COMPLETED", "FAILED", "ABANDONED", "CANCELLED", "REFUNDED", "AUTH-REVERSED")
	paid := f.money()
	return object{
		"id": f.requestID(), "reconciliationId": f.hex(12), "status": status, "submitTimeUtc": f.ago(),
		"orderInformation":     object{"amountDetails": object{"totalAmount": paid.Amount, "currency": paid.Currency}},
		"paymentInformation":   object{"paymentType": object{"name": pick(f, "bankTransfer", "eWallet", "invoice"), "method": object{"name": pick(f, "iDEAL", "KLARNA", "PAYPAL", "PAYTO", "PAYBYBANK")}}},
		"processorInformation": object{"transactionId": f.hex(18), "responseDetails": status},
	}
}

func electronicCheck(f *fake, event occurrence) any {
	paid := f.money()
	status, eventStatus := "ACCEPTED", "Payment"
	switch {
	case strings.Contains(event.eventType, "credits"):
		eventStatus = "Refund"
	case strings.Contains(event.eventType, "voids"):
		eventStatus = "Void"
	}
	if strings.HasSuffix(event.eventType, "failed") {
		status, eventStatus = "FAILED", pick(f, "NSF", "Final NSF", "Stop Payment", "Invalid Account", "Failed")
	}
	return object{
		"id": f.requestID(), "status": status, "submitTimeUtc": f.ago(), "reconciliationId": f.hex(10),
		"clientReferenceInformation": object{"code": f.order()},
		"orderInformation":           object{"amountDetails": object{"totalAmount": paid.Amount, "currency": "USD"}},
		"paymentInformation":         object{"bank": object{"account": object{"type": pick(f, "C", "S"), "suffix": f.digits(4)}}},
		"processorInformation":       object{"eventStatus": eventStatus, "transactionId": f.digits(10)},
	}
}
