package sandbox

import "strings"

// The shapes are those of the guide of 2026: reason, id, type, version, _links.

func (f *fake) instrumentLinks() []object {
	id := f.instrumentID()
	return []object{{"href": "/tms/v1/instrumentidentifiers/" + id, "id": id}}
}

func (f *fake) tokenizedCards(state string) []object {
	id := f.tokenID()
	link := object{"href": "/tms/v2/tokenized-cards/" + id, "id": id}
	if state != "" {
		link["state"] = state
	}
	return []object{link}
}

func tokenProvisioned(f *fake, _ occurrence) any {
	return object{
		"reason": "PROVISIONED", "id": f.tokenID(), "type": "tokenizedCardEnrollments", "version": "1.0",
		"_links": object{"tokenized-cards": f.tokenizedCards("ACTIVE"), "instrumentIdentifiers": f.instrumentLinks()},
	}
}

// tokenUpdated names the state only for the reasons that do.
func tokenUpdated(f *fake, _ occurrence) any {
	reason := pick(f, "TOKEN_STATUS_UPDATED", "CARD_UPDATED", "TOKEN_UPDATED", "TOKEN_EXPIRY_UPDATED", "METADATA_UPDATED", "REDIGITIZATION")
	state := ""
	switch reason {
	case "TOKEN_STATUS_UPDATED":
		state = pick(f, "ACTIVE", "SUSPENDED", "DELETED")
	case "TOKEN_UPDATED":
		state = "ACTIVE"
	}
	return object{
		"reason": reason, "id": f.tokenID(), "type": "tokenizedCardUpdates", "version": "1.0",
		"_links": object{"instrumentIdentifiers": f.instrumentLinks(), "tokenized-cards": f.tokenizedCards(state)},
	}
}

// tokenBinding has no published payload; it follows its siblings.
func tokenBinding(f *fake, _ occurrence) any {
	return object{
		"reason": "DEVICE_BINDING_UPDATED", "id": f.tokenID(), "type": "tokenizedCardBindings", "version": "1.0",
		"bindingStatus": pick(f, "APPROVED", "CHALLENGED", "DECLINED"), "deviceId": f.uuid(),
		"_links": object{"tokenized-cards": f.tokenizedCards("ACTIVE"), "instrumentIdentifiers": f.instrumentLinks()},
	}
}

// accountUpdate is made up after its siblings: the events are only named.
func accountUpdate(f *fake, event occurrence) any {
	kind := "accountUpdaterEnrollments"
	reason := "ENROLLED"
	if strings.HasSuffix(event.eventType, "update") {
		kind, reason = "accountUpdaterUpdates", pick(f, "NEW_ACCOUNT", "NEW_EXPIRY", "CLOSED_ACCOUNT", "CONTACT_CARDHOLDER")
	}
	return object{
		"reason": reason, "id": f.tokenID(), "type": kind, "version": "1.0",
		"_links": object{"instrumentIdentifiers": f.instrumentLinks()},
	}
}

// vaultToken has the older payload: links only, and no reason.
func vaultToken(f *fake, _ occurrence) any {
	link := func(path string) []object { return []object{{"href": path}} }
	return object{
		"id": f.tokenID(), "type": "tokenUpdates", "version": "1.0",
		"_links": object{
			"paymentInstruments":    link("/tms/v1/paymentinstruments/" + f.tokenID()),
			"instrumentIdentifiers": link("/tms/v1/instrumentidentifiers/" + f.instrumentID()),
			"customers":             link("/tms/v2/customers/" + f.tokenID()),
		},
	}
}

func updaterBatch(f *fake, event occurrence) any {
	total := 20 + f.IntN(400)
	updated := f.IntN(total)
	return object{
		"version": "1.0", "reportCreatedDate": f.ago(), "organizationId": event.organizationID,
		"status": pick(f, "COMPLETE", "COMPLETE", "PROCESSING", "DECLINED"), "batchId": f.requestID(),
		"batchSource": pick(f, "TOKEN_API", "SCHEDULER"),
		"totals":      object{"acceptedRecords": total, "updatedRecords": updated, "rejectedRecords": f.IntN(3)},
	}
}
