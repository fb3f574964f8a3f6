package web

import "strings"

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
