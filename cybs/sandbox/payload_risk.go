package sandbox

import "strings"

// caseDecision has what case management events reliably carry, and what they
// sometimes do.
func caseDecision(f *fake, event occurrence) any {
	order, id := f.order(), f.requestID()
	data := object{
		"referenceNumber": order, "id": id, "requestId": id,
		"notes": []object{{"comment": pick(f, "customer confirmed by phone", "stolen card", "address verified", "same device as three rejected orders"), "author": "reviewer", "time": f.ago()}},
	}
	if f.chance(70) {
		data["clientReferenceInformation"] = object{"code": order}
	}
	accepted := strings.HasSuffix(event.eventType, "accept")
	switch {
	case accepted && f.chance(60):
		data["_embedded"] = object{"capture": object{"status": "PENDING", "_links": object{"self": object{"href": "/pts/v2/captures/" + f.requestID()}}}}
	case !accepted && f.chance(60):
		data["_embedded"] = object{"reversal": object{"status": "REVERSED", "_links": object{"self": object{"href": "/pts/v2/reversals/" + f.requestID()}}}}
	}
	return data
}

func caseNote(f *fake, _ occurrence) any {
	return object{
		"referenceNumber": f.order(), "id": f.requestID(),
		"notes": []object{{"comment": pick(f, "called the customer, no answer", "shipping address is a freight forwarder", "waiting for the issuer"), "author": "reviewer", "time": f.ago()}},
	}
}

// profileDecision is a transaction as a risk profile judged it.
func profileDecision(f *fake, event occurrence) any {
	parts := strings.Split(event.eventType, ".")
	decision := strings.ToUpper(parts[len(parts)-1])
	order, paid := f.order(), f.money()
	c := f.card()
	return object{
		"id": f.requestID(), "submitTimeUtc": f.ago(), "referenceNumber": order,
		"clientReferenceInformation": object{"code": order},
		"orderInformation":           object{"amountDetails": object{"totalAmount": paid.Amount, "currency": paid.Currency}, "billTo": f.person().billTo()},
		"paymentInformation":         object{"card": object{"type": c.Type, "bin": c.Bin, "suffix": c.Last4}},
		"riskInformation": object{
			"profile": object{"name": pick(f, "Standard", "High value", "Digital goods"), "decision": decision},
			"rules":   []object{{"name": pick(f, "Velocity: card in one hour", "Billing country differs from IP country", "Score above 80"), "decision": decision}},
			"score":   object{"result": f.digits(2), "factorCodes": []string{"B", "F"}, "modelUsed": "default"},
		},
	}
}

// aggregatedDecisions counts five minutes of decisions.
func aggregatedDecisions(f *fake, event occurrence) any {
	parts := strings.Split(event.eventType, ".")
	return object{
		"decision": strings.ToUpper(parts[3]), "intervalMinutes": 5, "intervalStart": f.ago(), "count": 1 + f.IntN(40),
	}
}
