package sandbox

// catalogue is every event the sandbox can make: first the table of guide
// 26.7.01 (reference section 4.2), then what was seen elsewhere (4.3).
func catalogue() []CatalogueEvent {
	list := published()
	for _, e := range seenElsewhere() {
		e.Published = false
		list = append(list, e)
	}
	return list
}

// product makes the entries of one product.
func product(id, name string, events ...CatalogueEvent) []CatalogueEvent {
	for i := range events {
		events[i].ProductID, events[i].ProductName, events[i].Published = id, name, true
	}
	return events
}

func event(eventType, displayName string, generate generator) CatalogueEvent {
	return CatalogueEvent{EventType: eventType, DisplayName: displayName, generate: generate}
}

// encrypted marks events whose notifications the guide wants encrypted.
func encrypted(events []CatalogueEvent) []CatalogueEvent {
	for i := range events {
		events[i].Encrypted = true
	}
	return events
}

func join(products ...[]CatalogueEvent) []CatalogueEvent {
	var list []CatalogueEvent
	for _, p := range products {
		list = append(list, p...)
	}
	return list
}

func published() []CatalogueEvent {
	return join(
		product("tokenManagement", "Token Management",
			event("tms.networktoken.provisioned", "Network token provisioned", tokenProvisioned),
			event("tms.networktoken.updated", "Network token updated", tokenUpdated),
			event("tms.networktoken.binding", "Network token binding status", tokenBinding)),
		encrypted(product("payments", "Payments", paymentEvents()...)),
		encrypted(product("unifiedCheckout", "Unified Checkout",
			event("uc.orders.transactionresults", "Unified Checkout transaction result", checkoutResult))),
		product("decisionManager", "Decision Manager",
			event("risk.casemanagement.decision.accept", "Case accepted", caseDecision),
			event("risk.casemanagement.decision.reject", "Case rejected", caseDecision),
			event("risk.profile.decision.reject", "Profile rejected a transaction", profileDecision)),
		product("fraudManagementEssentials", "Fraud Management Essentials",
			event("risk.casemanagement.decision.accept", "Case accepted", caseDecision),
			event("risk.casemanagement.decision.reject", "Case rejected", caseDecision),
			event("risk.casemanagement.addnote", "Note added to a case", caseNote),
			event("risk.profile.decision.reject", "Profile rejected a transaction", profileDecision),
			event("risk.profile.decision.monitor", "Profile monitors a transaction", profileDecision),
			event("risk.profile.decision.review", "Profile sent a transaction to review", profileDecision)),
		product("customerInvoicing", "Customer Invoicing",
			event("invoicing.customer.invoice.send", "Invoice sent", invoice),
			event("invoicing.customer.invoice.cancel", "Invoice cancelled", invoice),
			event("invoicing.customer.invoice.paid", "Invoice paid", invoice),
			event("invoicing.customer.invoice.partial-payment", "Invoice partly paid", invoice),
			event("invoicing.customer.invoice.reminder", "Invoice due in five days", invoice),
			event("invoicing.customer.invoice.overdue-reminder", "Invoice overdue", invoice)),
		product("payByLink", "Pay by Link",
			event("payByLink.customer.payment", "Customer completed a payment", linkPayment),
			event("payByLink.merchant.payment", "Payment for a merchant completed", linkPayment)),
		product("recurringBilling", "Recurring Billing",
			event("rbs.subscriptions.charge.created", "Recurring payment succeeded", recurringCharge),
			event("rbs.subscriptions.charge.failed", "Recurring payment failed", recurringCharge),
			event("rbs.subscriptions.charge.pre-notified", "Recurring payment coming up", recurringCharge)),
		product("alternativePaymentMethods", "Alternative Payment Methods",
			event("payments.payments.updated", "Alternative payment changed status", alternativePayment)),
		product("eCheck", "eCheck",
			event("payments.payments.accepted", "eCheck debit accepted", electronicCheck),
			event("payments.payments.failed", "eCheck debit failed", electronicCheck),
			event("payments.credits.accepted", "eCheck credit accepted", electronicCheck),
			event("payments.credits.failed", "eCheck credit failed", electronicCheck),
			event("payments.voids.accepted", "eCheck void accepted", electronicCheck),
			event("payments.voids.failed", "eCheck void failed", electronicCheck)),
	)
}

func paymentEvents() []CatalogueEvent {
	return []CatalogueEvent{
		event("payments.authorization.status.accepted", "Authorization accepted", authorization),
		event("payments.authorization.status.partiallyApproved", "Authorization partly approved", authorization),
		event("payments.authorization.status.reviewed", "Authorization waits for review", authorization),
		event("payments.authorization.status.rejected", "Authorization rejected", authorization),
		event("payments.capture.status.accepted", "Capture accepted", followOn),
		event("payments.capture.status.updated", "Capture updated", followOn),
		event("payments.refund.status.accepted", "Refund accepted", followOn),
		event("payments.refund.status.updated", "Refund updated", followOn),
		event("payments.credit.status.accepted", "Credit accepted", followOn),
		event("payments.credit.status.updated", "Credit updated", followOn),
		event("payments.void.status.accepted", "Void accepted", followOn),
		event("payments.void.status.rejected", "Void rejected", followOn),
		event("payments.reversal.status.accepted", "Reversal accepted", followOn),
		event("payments.reversal.status.rejected", "Reversal rejected", followOn),
	}
}

func named(generate generator, types ...string) []CatalogueEvent {
	list := []CatalogueEvent{}
	for _, t := range types {
		list = append(list, event(t, t, generate))
	}
	return list
}

func seenElsewhere() []CatalogueEvent {
	return join(
		product("tokenManagement", "Token Management", join(
			named(accountUpdate, "tms.accountupdater.enrollment", "tms.accountupdater.update"),
			named(vaultToken, "tms.token.created", "tms.token.updated", "tms.token.pan_updated"))...),
		product("terminalManagement", "Terminal Management",
			named(terminalUpdate, "terminalManagement.status.update", "terminalManagement.assignment.update", "terminalManagement.reAssignment.update")...),
		product("decisionManager", "Decision Manager", join(
			named(caseNote, "risk.casemanagement.addnote"),
			named(aggregatedDecisions, "risk.profile.decision.reject.5m", "risk.profile.decision.review.5m", "risk.profile.decision.monitor.5m"))...),
		product("customerInvoicing", "Customer Invoicing",
			named(invoice, "invoicing.customer.invoice.partialpayment", "invoicing.customer.invoice.partial-resend")...),
		product("invoicing", "Invoicing", named(invoice,
			"invoicing.customer.invoice.send", "invoicing.customer.invoice.paid", "invoicing.merchant.invoice.send", "invoicing.merchant.invoice.paid")...),
		product("cardProcessing", "Card Processing", join(
			named(authorization, "payments.payments.accept", "payments.payments.review", "payments.payments.reject", "payments.payments.partial.approval"),
			named(followOn,
				"payments.captures.accept", "payments.captures.review", "payments.captures.reject",
				"payments.refunds.accept", "payments.refunds.reject", "payments.refunds.partial.approval",
				"payments.credits.accept", "payments.credits.review", "payments.credits.reject", "payments.credits.partial.approval",
				"payments.voids.accept", "payments.voids.reject", "payments.reversals.accept", "payments.reversals.reject"))...),
		product("secureAcceptance", "Secure Acceptance", named(acceptanceOrder,
			"sa.orders.rawtransactionresults", "sa.orders.cardholderreceipts", "sa.orders.merchantreceipts", "sa.order.confirmation")...),
		product("cns", "Notification Service", join(
			named(outageNotice, "cns.outage.notify.freeform"),
			named(keyExpiration, "cns.report.keyExpiration.detail"))...),
		product("accountUpdater", "Account Updater", named(updaterBatch, "aura.batch.status.update")...),
	)
}
