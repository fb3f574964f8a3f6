package web

import (
	"slices"
	"strings"
)

// reason is why a delivery was rejected, for people. The codes are the receiver's.
type reason struct {
	code string
	// text is the reason in a few words; meaning what it says about the delivery; next what to do, in order.
	text, meaning string
	next          []string
	// step is the check that failed, by its place in a verification.
	step int
}

// reasons lists what the receiver rejects for, in the order in which it looks.
var reasons = []reason{
	{
		code: "source_not_allowed", text: "Source not allowed", step: stepWayIn,
		meaning: "It came from an address that is not on the list of those from which this endpoint takes deliveries.",
		next: []string{
			"Compare the source address with the list on the subscription's page, and with those that Cybersource publishes.",
			"If the source is your own proxy, name it in TRUSTED_PROXIES, so that the address it passes on counts.",
			"If it is a stranger, nothing is to be done: it was refused.",
		},
	},
	{
		code: "client_certificate_missing", text: "No client certificate", step: stepWayIn,
		meaning: "This endpoint demands a TLS client certificate, and the connection came without one.",
		next: []string{
			"If a proxy ends TLS before the receiver, no client certificate can arrive: let the receiver speak TLS itself, or let the proxy check the certificate and stop demanding it here.",
			"It is not published whether Cybersource shows a certificate: if its deliveries come without one, stop demanding it on the subscription's page.",
		},
	},
	{
		code: "client_certificate_invalid", text: "Client certificate not accepted", step: stepWayIn,
		meaning: "The connection came with a TLS client certificate that none of the configured authorities has signed, or that is not valid now.",
		next: []string{
			"Compare its issuer with the authorities in RECEIVER_CLIENT_CA; Cybersource's is Visa Corporate Root CA – G2.",
			"Compare its dates with the clock of this machine.",
		},
	},
	{
		code: "token_missing", text: "No token", step: stepWayIn,
		meaning: "The subscription uses OAuth, and the request came without a bearer token.",
		next: []string{
			"Compare the security policy here with the one that Cybersource has for the subscription: choose Refresh on its page, and it says whether they differ.",
			"If a proxy stands before the receiver, let it pass the Authorization header.",
		},
	},
	{
		code: "token_invalid", text: "Token not accepted", step: stepWayIn,
		meaning: "The bearer token was not issued by the token server that counts for this subscription, or not for this receiver.",
		next: []string{
			"Compare the token URL that Cybersource has for the subscription with the one on its page.",
			"With an issuer of your own, compare issuer, audience and key set URL with what it really puts into its tokens.",
			"If an encryption key was taken out of the configuration, tokens made with it end within five minutes: nothing else is to be done.",
		},
	},
	{
		code: "token_expired", text: "Expired token", step: stepWayIn,
		meaning: "The bearer token was good once, and had ended when the delivery arrived.",
		next: []string{
			"One of them is usual: Cybersource asks for another token and sends again.",
			"If they all come like that, compare the clock of this machine with a time server, and the token's life with what Cybersource was told.",
		},
	},
	{
		code: "token_revoked", text: "Token of a retired client", step: stepWayIn,
		meaning: "The bearer token is ours, but its OAuth client has been retired since it was issued.",
		next: []string{
			"One of them is usual after a rotation: Cybersource asks for another token and sends again.",
			"If they go on, Cybersource still has the former credentials: rotate the OAuth client on the subscription's page.",
		},
	},
	{
		code: "token_foreign", text: "Token of somebody else", step: stepWayIn,
		meaning: "The bearer token is ours, but was issued for another organization or another subscription.",
		next: []string{
			"Look which credentials Cybersource uses for this subscription: their id is on its page.",
			"If both organizations are yours and one receives for the other, make an OAuth client for this one.",
		},
	},
	{
		code: "signature_missing", text: "No signature", step: stepHeader,
		meaning: "The request has no v-c-signature header. Cybersource signs every notification, so this came from somebody else, or something on the way removed the header.",
		next: []string{
			"Look at the source address: is it Cybersource's, or your proxy's?",
			"If a proxy or firewall stands before the receiver, let it pass headers that begin with v-c-.",
			"If it is a stranger, nothing is to be done: it was refused.",
		},
	},
	{
		code: "signature_malformed", text: "Unreadable signature", step: stepHeader,
		meaning: "There is a v-c-signature header, but it does not have the form t=…;keyId=…;sig=….",
		next: []string{
			"Compare the header below with that form: something on the way may have cut, joined or quoted it.",
			"If the header looks whole, keep this page for Cybersource's support: the form may have changed.",
		},
	},
	{
		code: "key_unknown", text: "Unknown key", step: stepKey,
		meaning: "It is signed with a key that this organization has not given to Switchboard: a key made elsewhere, the key of another organization or environment, or nobody's.",
		next: []string{
			"Compare the key id with those of the organization, here and in the Business Center: a test key in production is the usual cause.",
			"If somebody made a new digital signature key elsewhere, it has replaced ours at Cybersource: make one here, and the next notifications verify.",
			"If nobody knows the key, the request did not come from Cybersource.",
		},
	},
	{
		code: "key_empty", text: "Key without secret", step: stepKey,
		meaning: "The key id is known here, but no secret is kept for it, so nothing signed with it can be checked.",
		next:    []string{"Make a new digital signature key for the organization; what Cybersource sends from then on carries it."},
	},
	{
		code: "signature_mismatch", text: "Signature does not match", step: stepMatch,
		meaning: "The key is ours, but the signature fits neither the payload nor the whole body: the body was changed after it was signed, or it was signed with another secret.",
		next: []string{
			"Ask whether a proxy rewrites bodies: adding white space, changing the character set or unpacking them breaks the signature.",
			"Check whether the key was made again elsewhere under the same id.",
			"If the source address is not Cybersource's, take it for a forgery; it was refused.",
		},
	},
	{
		code: "timestamp_too_old", text: "Signed too long ago", step: stepTime,
		meaning: "The signature is right, but older than five minutes: a recording sent again, a delivery held on the way, or a clock that is wrong.",
		next: []string{
			"Compare the clock of this machine with a time server.",
			"Look whether a proxy queues requests before it passes them on.",
			"If it comes again and again with the same signature, somebody repeats a recording; it is refused each time.",
		},
	},
	{
		code: "timestamp_too_new", text: "Signed in the future", step: stepTime,
		meaning: "The signature is right, but from a time more than five minutes ahead: one of the two clocks is wrong.",
		next:    []string{"Compare the clock of this machine with a time server.", "If ours is right, tell Cybersource's support, with the trace id."},
	},
	{
		code: "key_expired", text: "Expired key", step: stepTime,
		meaning: "The signature is right, but its key had ended when it was made. Keys last up to three years.",
		next:    []string{"Make a new digital signature key for the organization; what Cybersource sends from then on carries it."},
	},
	{
		code: "key_retired", text: "Retired key", step: stepTime,
		meaning: "The signature is right, but its key had been retired here when it arrived. Somebody who got hold of the key can sign with it too.",
		next: []string{
			"Read in the audit log who retired the key, and why. If it leaked, this may be a forgery: keep it rejected.",
			"If Cybersource still signs with it, rotate the signature key on a subscription's page; what it sends from then on verifies.",
			"If it is a late retry of a genuine notification, look the event up at Cybersource, and have it replayed with the present key.",
		},
	},
	{
		code: "mle_missing", text: "Not encrypted", step: stepEncryption,
		meaning: "The signature is right, but it came in clear text, and this endpoint demands message-level encryption.",
		next: []string{
			"Look whether the encryption certificate is registered at Cybersource: without one it sends clear text.",
			"Cybersource encrypts only certain events: if the subscription has others too, stop demanding encryption on its page. What is encrypted is always opened.",
		},
	},
	{
		code: "mle_key_unknown", text: "Unknown encryption key", step: stepEncryption,
		meaning: "It is encrypted to a certificate whose private key is not kept here.",
		next: []string{
			"If somebody registered a certificate elsewhere, it has replaced ours at Cybersource: make one here, and the next notifications can be opened.",
			"If the key was retired here too early, what is still on its way cannot be opened any more; Cybersource's next events use the current one.",
		},
	},
	{
		code: "mle_wrong_key", text: "Private key does not fit", step: stepEncryption,
		meaning: "It is encrypted to a certificate that belongs to another private key than the one kept here.",
		next:    []string{"Make a new encryption certificate on the subscription's page; what Cybersource sends from then on can be opened."},
	},
	{
		code: "mle_undecryptable", text: "Encrypted text cannot be opened", step: stepEncryption,
		meaning: "The encrypted text was changed on its way, or is encrypted in a way that is not accepted.",
		next: []string{
			"Read the detail: it says which of the two it is.",
			"If it was changed, ask whether a proxy rewrites bodies on the way to the receiver.",
			"If the algorithm is not accepted, keep this page for Cybersource's support; RSA-OAEP alone can be allowed on the subscription's page.",
		},
	},
	{
		code: "envelope_mismatch", text: "Contradicts itself", step: stepEnvelope,
		meaning: "The signature is right, but header, body and the subscription of this endpoint name different things, so it cannot be said what it is about.",
		next: []string{
			"Look whether two subscriptions share this URL: each should have its own.",
			"Look whether it belongs to a former subscription whose retries still come.",
		},
	},
}

// reasonOf words a code; one we do not know is shown as it is.
func reasonOf(code string) reason {
	for _, r := range reasons {
		if r.code == code {
			return r
		}
	}
	return reason{code: code, text: strings.ReplaceAll(code, "_", " "), meaning: "The receiver refused it for a reason that this page has no words for.", step: stepEnvelope}
}

// knownReason reports whether the receiver rejects for this reason.
func knownReason(code string) bool {
	return slices.ContainsFunc(reasons, func(r reason) bool { return r.code == code })
}
