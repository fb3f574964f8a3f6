package web

import (
	"context"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/ui"
)

// rotateClientDeed gives Cybersource another OAuth client for a subscription.
func (s *Server) rotateClientDeed(o store.Organization, v store.Subscription) securityDeed {
	d := securityDeed{
		title: "Rotate the OAuth client of “" + v.Name + "”", action: "subscription.rotate_client", keep: "Keep the present one",
		button: ui.Action{Label: "Rotate OAuth client", Kind: ui.Primary, Icon: ui.IconRefresh}, done: "Rotated. Cybersource gets its tokens with the new client from now on.",
		reason: firstOf(whyNotChange(v), whyNotRotateClient(v)),
		happens: []string{
			"A new client is made, and counts at once. Its secret goes to Cybersource and is kept here as a hash only.",
			"Cybersource is told to use it for this subscription.",
			"The present client and its tokens count until retries that show them can no longer come. Nothing that is on its way is rejected.",
		},
	}
	if v.SecurityType == store.SecurityOAuthJWT {
		d.happens[0] = "A new client with another client id is made, and counts at once. It has no secret."
	}
	d.do = func(ctx context.Context, audit store.AuditEntry) error {
		_, err := s.changeSubscription(ctx, o, subscriptionChange{wanted: v, version: versionOf(v), fresh: true, audit: audit})
		return err
	}
	return d
}

// retireClientDeed ends a client at once.
func (s *Server) retireClientDeed(v store.Subscription, k store.OAuthClient) securityDeed {
	d := securityDeed{
		title: "Retire OAuth client " + k.ClientID, action: "oauth_client.retire", keep: "Keep it",
		button: ui.Action{Label: "Retire OAuth client", Kind: ui.Danger, Icon: ui.IconPower}, done: "Retired. It gets no tokens any more, and those it has do not count.",
		happens: []string{
			"It gets no tokens any more, and tokens that it has got do not count, on all replicas within a moment.",
			"Deliveries that still come with such a token are rejected and kept in quarantine. Do this at once when the secret may have leaked.",
			"It cannot be undone.",
		},
		do: func(ctx context.Context, audit store.AuditEntry) error {
			return s.store.RetireOAuthClient(ctx, k.ID, s.now(), audit)
		},
	}
	switch {
	case !k.Living(s.now()):
		d.reason = "This client is retired already."
	case k.RetiredAt.IsZero() && k.ClientID == v.Policy.OAuth.ClientID && v.DeletedAt.IsZero():
		d.reason = "Cybersource uses this client. Rotate it first."
	}
	return d
}

// rotateCertificateDeed gives Cybersource another certificate to encrypt to.
func (s *Server) rotateCertificateDeed(o store.Organization, v store.Subscription, have credentials) securityDeed {
	d := securityDeed{
		title: "Rotate the encryption certificate", action: "mle_key.create", keep: "Keep the present one", reason: whyDeleted(v),
		button: ui.Action{Label: "Rotate certificate", Kind: ui.Primary, Icon: ui.IconRefresh}, done: "Cybersource has the new certificate. Deliveries encrypted to the former ones are still opened.",
		happens: []string{
			"A new key pair is made. The private key is kept sealed and never leaves Switchboard; it opens deliveries from the first moment on.",
			"Cybersource gets the certificate and encrypts to it from then on, for all subscriptions of " + o.Name + ".",
			"The former certificates stay and open late retries until somebody retires them.",
		},
		do: func(ctx context.Context, audit store.AuditEntry) error {
			return s.withClient(ctx, o, audit, s.registerMLEKey)
		},
	}
	if _, ok := currentMLEKey(have.mle, s.now()); !ok {
		d.title, d.button.Label, d.keep = "Make an encryption certificate", "Make certificate", "Not now"
		d.happens[2] = "Cybersource may then encrypt event types that it has sent plain so far. Deliveries are opened as they come."
	}
	if _, ok := pendingMLEKey(have.mle, s.now()); ok {
		d.happens[0] = "The key pair that an earlier try has left is used: Cybersource has not confirmed its certificate yet."
	}
	return d
}

// retireCertificateDeed ends a certificate at once.
func (s *Server) retireCertificateDeed(k store.MLEKey, have credentials) securityDeed {
	d := securityDeed{
		title: "Retire encryption certificate " + k.Serial, action: "mle_key.retire", keep: "Keep it",
		button: ui.Action{Label: "Retire certificate", Kind: ui.Danger, Icon: ui.IconPower}, done: "Retired. What was encrypted to it cannot be opened any more.",
		happens: []string{
			"Deliveries that are encrypted to it cannot be opened from then on: they are rejected and kept in quarantine.",
			"What was received and opened before stays.",
			"Cybersource is not told: it offers no way to take a certificate back. It encrypts to the newest one.",
			"It cannot be undone.",
		},
		do: func(ctx context.Context, audit store.AuditEntry) error {
			return s.store.RetireMLEKey(ctx, k.ID, s.now(), audit)
		},
	}
	current, ok := currentMLEKey(have.mle, s.now())
	switch {
	case !livingKey(k, s.now()):
		d.reason = "This certificate is retired already."
	case ok && current.ID == k.ID:
		d.reason = "Cybersource encrypts to this certificate. Rotate it first."
	}
	return d
}

// retireAssertionDeed ends a certificate for assertions at once.
func (s *Server) retireAssertionDeed(a store.AssertionCertificate) securityDeed {
	d := securityDeed{
		title: "Retire assertion certificate", action: "assertion_certificate.retire", keep: "Keep it",
		button: ui.Action{Label: "Retire certificate", Kind: ui.Danger, Icon: ui.IconPower}, done: "Retired. Assertions that its key signs are refused.",
		happens: []string{
			"Assertions that its key signs are refused from then on, for all subscriptions of the organization.",
			"Where no other certificate counts, Cybersource gets no more tokens, and its deliveries are rejected once those it has are over.",
			"It cannot be undone, but the certificate can be added again.",
		},
		do: func(ctx context.Context, audit store.AuditEntry) error {
			return s.store.RetireAssertionCertificate(ctx, a.ID, audit)
		},
	}
	if !a.RetiredAt.IsZero() {
		d.reason = "This certificate is retired already."
	}
	return d
}

// rotateKeyDeed has Cybersource make another digital signature key.
func (s *Server) rotateKeyDeed(o store.Organization, v store.Subscription) securityDeed {
	return securityDeed{
		title: "Rotate the digital signature key", action: "signature_key.create", keep: "Keep the present one", reason: whyDeleted(v),
		button: ui.Action{Label: "Rotate signature key", Kind: ui.Primary, Icon: ui.IconRefresh}, done: "Cybersource signs with a new key. The former one verifies late retries until it retires.",
		happens: []string{
			"Cybersource makes a new key. It overrides the present one at once, for all subscriptions of " + o.Name + ".",
			"Switchboard keeps the new key sealed. The present one goes on verifying late retries, and retires when none can come any more. If it has leaked, retire it at once on the organization's page.",
			"A delivery that is signed with the new key before Switchboard has it, which takes a moment, is rejected; Cybersource tries it again.",
			"It cannot be undone.",
		},
		do: func(ctx context.Context, audit store.AuditEntry) error {
			return s.withClient(ctx, o, audit, s.makeSignatureKey)
		},
	}
}
