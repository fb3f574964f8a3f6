package web

import (
	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/ui"
)

// deliveryEffect says what a change does to delivery. Cybersource compares the addresses of a change, those of the token server among them, with the
// ones it has approved, and activates the subscription again from the start when one is new (reference 5.8). security says that the policy is part of it.
func deliveryEffect(before, wanted store.Subscription, patch cybs.SubscriptionPatch, security bool) string {
	wasURL, isURL := told(before).OAuth.URL, told(wanted).OAuth.URL
	switch {
	case patch.WebhookURL != nil, patch.HealthCheckURL != nil, security && (wasURL != isURL || securityDrifts(before)):
		return "Cybersource stops sending until its next health check is answered, 5 to 10 minutes later. If it has not approved an address before, its review comes first and takes 1 to 2 business days. Events meanwhile are not sent later."
	case security:
		return "Delivery goes on. Retries of earlier notifications may still follow the former security policy, which is accepted meanwhile."
	case patch.Products != nil:
		return "Delivery goes on. Event types that were taken off are not sent any more; new ones are sent from now on, not for events of the past."
	case patch.Scope != nil:
		return "Delivery goes on, for the organizations of the new scope."
	case patch.RetryPolicy != nil:
		return "Delivery goes on. Notifications that are being retried already may follow the former retry policy."
	}
	return "Delivery goes on as before."
}

// savedFlash says what a saved change did to delivery, by the status that Cybersource answered.
func savedFlash(before, now store.Subscription, saved string) (ui.Tone, string) {
	if now.Status == before.Status && now.Status != store.StatusPendingReview {
		return ui.Good, saved
	}
	switch now.Status {
	case store.StatusInactive:
		return ui.Waiting, saved + " Cybersource has stopped sending until its next health check is answered, 5 to 10 minutes from now. You can also activate it now."
	case store.StatusPendingReview:
		return ui.Waiting, saved + " Cybersource sends nothing until it has reviewed the addresses, which takes 1 to 2 business days."
	case store.StatusBlocked:
		return ui.Bad, saved + " Cybersource has rejected an address and sends nothing."
	}
	return ui.Good, saved
}
