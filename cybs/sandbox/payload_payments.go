package sandbox

import "strings"

// Payloads of payments.* are not public; these are the matching answers of the
// payments API, as a receiver would expect them.

// authorization is the answer of a payment, by the outcome the event names.
func authorization(f *fake, event occurrence) any {
	status := "AUTHORIZED"
	switch {
	case strings.Contains(strings.ToLower(event.eventType), "partial"):
		status = "PARTIAL_AUTHORIZED"
	case strings.Contains(event.eventType, "review"):
		status = "AUTHORIZED_PENDING_REVIEW"
	case strings.Contains(event.eventType, "reject"):
		status = pick(f, "DECLINED", "DECLINED", "DECLINED", "INVALID_REQUEST", "SERVER_ERROR")
	}
	return f.authorization(status)
}

func (f *fake) authorization(status string) object {
	id, paid, c := f.requestID(), f.money(), f.card()
	data := object{
		"id": id, "submitTimeUtc": f.ago(), "status": status, "reconciliationId": f.hex(10),
		"clientReferenceInformation": object{"code": f.order()},
		"orderInformation":           object{"amountDetails": f.amounts(paid, status), "billTo": f.person().billTo()},
		"paymentAccountInformation":  f.accountInformation(c),
		"paymentInformation":         f.paymentInformation(c),
		"pointOfSaleInformation":     object{"terminalId": f.digits(6)},
		"processorInformation":       f.processor(status),
		"_links":                     paymentLinks(id, status),
		"riskInformation":            f.risk(),
	}
	if status == "DECLINED" || status == "INVALID_REQUEST" || status == "SERVER_ERROR" {
		data["errorInformation"] = f.refusal(status)
	}
	return data
}

func (f *fake) amounts(paid money, status string) object {
	details := object{"totalAmount": paid.Amount, "authorizedAmount": paid.Amount, "currency": paid.Currency}
	switch status {
	case "PARTIAL_AUTHORIZED":
		details["authorizedAmount"] = paid.part(40 + f.IntN(50)).Amount
	case "DECLINED", "INVALID_REQUEST", "SERVER_ERROR":
		delete(details, "authorizedAmount")
	}
	return details
}

func (f *fake) accountInformation(c card) object {
	month, year := f.expiry()
	return object{"card": object{
		"type": c.Type, "prefix": c.Bin, "suffix": c.Last4, "number": c.masked(), "expirationMonth": month, "expirationYear": year,
	}}
}

func (f *fake) paymentInformation(c card) object {
	return object{
		"bin": c.Bin, "card": object{"type": c.Type}, "scheme": c.Scheme, "accountType": c.Scheme,
		"issuer": pick(f, "FIRST EXAMPLE BANK", "EXAMPLE CREDIT UNION", "BANK OF EXAMPLES"), "binCountry": pick(f, "US", "GB", "PL", "DE", "CA"),
	}
}

func (f *fake) processor(status string) object {
	p := object{
		"transactionId": f.digits(11), "networkTransactionId": f.hex(15), "responseCode": "00",
		"merchantNumber": notCard("0000000" + f.digits(8)), "avs": object{"code": pick(f, "Y", "X", "A"), "codeRaw": "Y"},
	}
	switch status {
	case "DECLINED":
		p["responseCode"] = pick(f, "05", "51", "54")
	case "INVALID_REQUEST", "SERVER_ERROR":
		delete(p, "responseCode")
	default:
		p["approvalCode"] = f.digits(6)
	}
	return p
}

func (f *fake) risk() object {
	return object{
		"profile": object{"name": "Standard", "decision": pick(f, "ACCEPT", "ACCEPT", "MONITOR")},
		"score":   object{"result": f.digits(2), "factorCodes": []string{pick(f, "B", "F", "U")}, "modelUsed": "default"},
	}
}

func (f *fake) refusal(status string) object {
	switch status {
	case "DECLINED":
		return pick(f,
			object{"reason": "INSUFFICIENT_FUND", "message": "Decline - Insufficient funds in the account."},
			object{"reason": "PROCESSOR_DECLINED", "message": "Decline - General decline of the card."},
			object{"reason": "EXPIRED_CARD", "message": "Decline - Expired card."})
	case "NOT_VOIDABLE":
		return object{"reason": "NOT_VOIDABLE", "message": "Error - The capture or credit was already submitted to your processor."}
	case "INVALID_REQUEST":
		return object{"reason": "INVALID_DATA", "message": "Declined - One or more fields in the request contains invalid data."}
	}
	return object{"reason": "SYSTEM_ERROR", "message": "Error - General system failure."}
}

func paymentLinks(id, status string) object {
	self := "/pts/v2/payments/" + id
	links := object{"self": href("GET", self)}
	if strings.Contains(status, "AUTHORIZED") {
		links["capture"] = href("POST", self+"/captures")
		links["authReversal"] = href("POST", self+"/reversals")
	}
	return links
}

// followOn is a capture, refund, credit, void or reversal.
func followOn(f *fake, event occurrence) any {
	service := strings.TrimSuffix(strings.Split(event.eventType, ".")[1], "s")
	id, paid := f.requestID(), f.money()
	status := followOnStatus(f, service, event.eventType)
	data := object{
		"id": id, "submitTimeUtc": f.ago(), "status": status, "reconciliationId": f.hex(10),
		"clientReferenceInformation": object{"code": f.order()},
		"processorInformation":       object{"approvalCode": f.digits(6), "responseCode": "100"},
		"_links":                     object{"self": href("GET", "/pts/v2/"+service+"s/"+id)},
	}
	amount := object{"currency": paid.Currency}
	switch service {
	case "capture":
		amount["totalAmount"] = paid.Amount
		data["orderInformation"] = object{"amountDetails": amount}
	case "refund", "credit":
		amount[service+"Amount"] = paid.Amount
		data[service+"AmountDetails"] = amount
	case "reversal":
		amount["reversedAmount"] = paid.Amount
		data["reversalAmountDetails"] = amount
	case "void":
		amount["voidAmount"] = paid.Amount
		data["voidAmountDetails"] = amount
	}
	if strings.Contains(event.eventType, "reject") {
		delete(data, "processorInformation")
		data["errorInformation"] = f.refusal(status)
	}
	return data
}

func followOnStatus(f *fake, service, eventType string) string {
	switch {
	case strings.Contains(eventType, "reject") && service == "void":
		return "NOT_VOIDABLE"
	case strings.Contains(eventType, "reject"):
		return pick(f, "INVALID_REQUEST", "DECLINED", "SERVER_ERROR")
	case strings.Contains(eventType, "updated"):
		return "BATCHED"
	case service == "void":
		return "VOIDED"
	case service == "reversal":
		return "REVERSED"
	}
	return "PENDING"
}

// checkoutResult is a payload of Unified Checkout: one of the two published
// shapes, the data itself and not {data, organizationId}.
func checkoutResult(f *fake, _ occurrence) any {
	status := pick(f, "AUTHORIZED", "AUTHORIZED", "AUTHORIZED", "DECLINED", "AUTHORIZED_PENDING_REVIEW")
	details := f.authorization(status)
	if f.chance(50) {
		return object{"details": details}
	}
	return object{"id": details["id"], "status": status, "outcome": status, "details": details}
}
