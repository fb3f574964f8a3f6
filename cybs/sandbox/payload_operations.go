package sandbox

import "strings"

// None of these events is in the current guide; the payloads are made up after
// the names.

func terminalUpdate(f *fake, event occurrence) any {
	data := object{
		"terminalId": f.digits(8), "serialNumber": f.hex(12), "model": pick(f, "PAX A920", "Verifone P400", "Ingenico Lane/3000"),
		"organizationId": event.organizationID, "updatedOn": f.ago(),
	}
	switch {
	case strings.Contains(event.eventType, "status"):
		data["previousStatus"], data["status"] = "INACTIVE", pick(f, "ACTIVE", "TAMPERED", "OFFLINE")
	case strings.Contains(event.eventType, "reAssignment"):
		data["previousOrganizationId"] = event.organizationID + "_old"
	default:
		data["status"] = "ASSIGNED"
	}
	return data
}

func acceptanceOrder(f *fake, _ occurrence) any {
	paid, payer, c := f.money(), f.person(), f.card()
	return object{
		"req_reference_number": f.order(), "transaction_id": f.requestID(), "decision": pick(f, "ACCEPT", "ACCEPT", "DECLINE", "REVIEW"),
		"req_amount": paid.Amount, "req_currency": paid.Currency, "req_card_number": c.masked(), "req_card_type": c.Type,
		"req_bill_to_forename": payer.First, "req_bill_to_surname": payer.Last, "req_bill_to_email": payer.Email,
		"auth_code": f.digits(6), "signed_date_time": f.ago(),
	}
}

func outageNotice(f *fake, _ occurrence) any {
	return object{
		"noticeId": f.uuid(), "severity": pick(f, "INFORMATION", "WARNING", "CRITICAL"), "startTime": f.ago(),
		"subject": "Planned maintenance", "message": pick(f, "Reporting is delayed by up to one hour.", "One of two data centers is in maintenance; no action is needed."),
	}
}

func keyExpiration(f *fake, event occurrence) any {
	days := pick(f, 60, 30, 14, 7, 1)
	return object{
		"organizationId": event.organizationID, "keys": []object{{
			"keyId": f.uuid(), "keyType": pick(f, "REST - Shared Secret", "REST - Certificate", "Secure Acceptance"), "expirationDate": f.date(days), "daysLeft": days,
		}},
	}
}
