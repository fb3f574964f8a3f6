package web

import (
	"slices"
	"strings"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/ui"
)

// rung is a step of the ladder by which a rejected delivery is explained, for people.
type rung struct {
	code string
	// text is the explanation in a few words; meaning what it says about the delivery, the rung's own sentence when empty; next
	// what to do, in order.
	text, meaning string
	next          []string
}

// Things to do that several rungs share.
const (
	doMakeKey    = "Make a new digital signature key for the organization; what Cybersource sends from then on carries it."
	doAskProxy   = "Ask who runs the proxy, firewall or gateway before the receiver: it must pass bodies on untouched, byte for byte."
	doCheckClock = "Compare the clock of this machine with a time server."
	doForgery    = "Look at the source address. If it is not Cybersource's, take it for a forgery: it was refused, and nothing else is to be done."
)

// rungWords are the steps from the bottom, as cybs.Rungs lists them, and behind them the receiver's own.
var rungWords = []rung{
	{
		code: string(cybs.RungSignatureAbsent), text: "No signature",
		next: []string{"If a proxy or firewall stands before the receiver, let it pass headers that begin with v-c-.", doForgery},
	},
	{
		code: string(cybs.RungSignatureUnread), text: "Unreadable signature",
		next: []string{
			"Compare the header below with t=…;keyId=…;sig=…: something on the way may have cut, joined or quoted it.",
			"If the header looks whole, keep this page for Cybersource's support: the form may have changed.",
		},
	},
	{
		code: string(cybs.RungKeyUnknown), text: "Unknown key",
		next: []string{
			"Compare the key id with those in the Business Center, in test and in production.",
			"If somebody made a new digital signature key elsewhere, it has replaced ours at Cybersource. Add it here and judge again what it signed; or make a new one here, and the next notifications verify.",
			"If nobody knows the key, the request did not come from Cybersource.",
		},
	},
	{
		code: string(cybs.RungKeyOfAnotherOrg), text: "Key of another organization",
		next: []string{
			"Look which subscription of that organization names this address, and give it the address of its own endpoint.",
			"If one organization receives for the other, make the subscription with the organization that signs.",
		},
	},
	{
		code: string(cybs.RungKeyOfAnotherEnv), text: "Key of another environment",
		next: []string{
			"Look in that environment for a subscription that names this address: test and production need endpoints of their own.",
			"Change its address there; here, nothing is wrong.",
		},
	},
	{
		code: string(cybs.RungKeyEmpty), text: "Key without secret",
		next: []string{doMakeKey, "If keys could be opened before, look whether an encryption key was taken out of the configuration."},
	},
	{code: string(cybs.RungKeyExpired), text: "Expired key", next: []string{doMakeKey}},
	{
		code: string(cybs.RungKeyRetired), text: "Retired key",
		next: []string{"Read in the audit log who retired it, and why. If it leaked, this may be a forgery: keep it rejected.", doMakeKey},
	},
	{
		code: string(cybs.RungTooOld), text: "Signed too long ago",
		next: []string{
			doCheckClock, "Look whether a proxy queues requests before it passes them on.",
			"If it comes again and again with the same signature, somebody repeats a recording; it is refused each time.",
		},
	},
	{
		code: string(cybs.RungTooNew), text: "Signed in the future",
		next: []string{doCheckClock, "If ours is right, tell Cybersource's support, with the trace id."},
	},
	{
		code: string(cybs.RungKeyReplaced), text: "Replaced key",
		next: []string{"Wait for what was signed before the new key to run out; if it goes on, " + strings.ToLower(doMakeKey[:1]) + doMakeKey[1:]},
	},
	{
		code: string(cybs.RungVerifies), text: "Verifies by now",
		next: []string{"Judge it again: it passes, and can be released.", "Nothing more is to be mended. Cybersource's next attempt verifies."},
	},
	{
		code: string(cybs.RungOtherKey), text: "Made with another key",
		next: []string{"Check in the Business Center which id belongs to which key: two of them are mixed up, there or here.", doMakeKey},
	},
	{
		code: string(cybs.RungByteOrderMark), text: "Byte order mark changed",
		next: []string{doAskProxy},
	},
	{
		code: string(cybs.RungLineEnding), text: "Line ends changed",
		next: []string{doAskProxy, "Look for one that reads bodies as text, line by line."},
	},
	{
		code: string(cybs.RungReserialised), text: "Body written anew",
		next: []string{doAskProxy, "Look for one that reads JSON, checks it and writes it out again."},
	},
	{
		code: string(cybs.RungCharset), text: "Character set changed",
		next: []string{doAskProxy, "Look for one that takes bodies for Latin-1 or writes them in UTF-16."},
	},
	{
		code: string(cybs.RungCompressed), text: "Still compressed",
		next: []string{"Switch compression of requests off on the way to the receiver, or let the last proxy unpack them."},
	},
	{
		code: string(cybs.RungNoTimestamp), text: "Signed without the time",
		next: []string{"Cybersource does not sign like that. If a program of your own sends this, let it sign t, a full stop and the payload."},
	},
	{
		code: string(cybs.RungKeyNotDecoded), text: "Signed with the key's text",
		next: []string{"Cybersource does not sign like that. If a program of your own sends this, let it decode the key from base64 first."},
	},
	{
		code: string(cybs.RungWrongEnvironment), text: "Made with a stranger's key",
		next: []string{"Check in the Business Center whether the same key id was given out in both places.", "Give the other subscription the address of its own endpoint."},
	},
	{
		code: string(cybs.RungNoExplanation), text: "No explanation",
		next: []string{doForgery, "If it is Cybersource's, something on the way changed the body in a way that cannot be undone: compare it with what was sent.", "Check whether the key was made again elsewhere under the same id."},
	},
	{
		code: string(cybs.RungStoppedAtItsLimit), text: "Too long to explain",
		next: []string{"Look at the body's first and last bytes, and ask what stands between Cybersource and the receiver.", doForgery},
	},
	{
		code: "envelope-mismatch", text: "Contradicts itself",
		meaning: "The signature is right, but header, body and the subscription of this endpoint name different things, so it cannot be said what it is about.",
		next: []string{
			"Look whether two subscriptions share this URL: each should have its own.",
			"Look whether it belongs to a former subscription whose retries still come.",
		},
	},
	{
		code: "source", text: "Source not allowed",
		meaning: "It came from an address from which this endpoint takes no deliveries. Nothing else was looked at.",
		next: []string{
			"Compare the source address with the list on the subscription's page, and with those that Cybersource publishes.",
			"If the source is your own proxy, name it in TRUSTED_PROXIES, so that the address it passes on counts.",
		},
	},
	{
		code: "client-certificate", text: "Client certificate missing or not accepted",
		meaning: "This endpoint demands a TLS client certificate that a configured authority has signed. Nothing else was looked at.",
		next: []string{
			"If a proxy ends TLS before the receiver, no client certificate can arrive: let the receiver speak TLS itself, or stop demanding the certificate.",
			"Compare the certificate's issuer with the authorities in RECEIVER_CLIENT_CA, and its dates with the clock of this machine.",
		},
	},
	{
		code: "token", text: "Token missing or not accepted",
		meaning: "The subscription uses OAuth, and the bearer token was not one that counts for it. The signature was not looked at.",
		next: []string{
			"Compare the security policy here with the one that Cybersource has for the subscription: choose Refresh on its page, and it says whether they differ.",
			"If a single one was refused after a rotation, nothing is to be done: Cybersource asks for another token and sends again.",
			"If a proxy stands before the receiver, let it pass the Authorization header.",
		},
	},
	{
		code: "encryption", text: "Encryption missing or not opened",
		meaning: "It came in clear text where encryption is demanded, or it is encrypted and cannot be opened with the keys kept here.",
		next: []string{
			"Look at the encryption certificates on the subscription's page: the current one must be the one registered at Cybersource.",
			"If somebody registered a certificate elsewhere, make a new one here.",
		},
	},
	{
		code: "not-walked", text: "Cannot be explained",
		meaning: "Something that is needed for explaining it was not kept, or cannot be opened.",
		next:    []string{"Read the detail: it says what is missing."},
	},
}

// rungOf words a rung; one we do not know is shown as it is.
func rungOf(code string) rung {
	i := slices.IndexFunc(rungWords, func(r rung) bool { return r.code == code })
	if i < 0 {
		return rung{code: code, text: strings.ReplaceAll(code, "-", " "), meaning: "This page has no words for this explanation."}
	}
	r := rungWords[i]
	if r.meaning == "" {
		r.meaning = cybs.Rung(code).Sentence()
	}
	return r
}

// whyText is why a delivery was rejected in a few words: the rung's, and the reason's until there is one.
func whyText(d store.Delivery) string {
	if d.Explanation.Rung == "" {
		return reasonOf(d.Reason).text
	}
	if isPolicyMatter(d) {
		return reasonOf(d.Reason).text
	}
	return rungOf(d.Explanation.Rung).text
}

// isPolicyMatter reports whether an explanation is the receiver's own finding, which its reason words more exactly.
func isPolicyMatter(d store.Delivery) bool {
	step := reasonOf(d.Reason).step
	return slices.Contains([]string{"envelope-mismatch", "source", "client-certificate", "token", "encryption"}, d.Explanation.Rung) &&
		(step == stepWayIn || step == stepEncryption || step == stepEnvelope)
}

func (f *filters) rungSelect() ui.Field {
	options := []ui.Option{{Label: "All"}}
	for _, r := range rungWords {
		options = append(options, ui.Option{Value: r.code, Label: r.text})
	}
	return f.selectOf(rungParam, options)
}

// ladder is the way that was walked: what was tried and ruled out, what explains the delivery, and how much was not needed.
func ladder(d store.Delivery) []ui.LifeStep {
	rungs := cybs.Rungs()
	at := slices.Index(rungs, cybs.Rung(d.Explanation.Rung))
	if at < 0 {
		return nil // it was not a matter of the signature, or is not explained yet
	}
	answer := rungs[at]
	steps, left := make([]ui.LifeStep, 0, at+2), 0
	for i, r := range rungs {
		words := rungOf(string(r))
		switch {
		case r == answer:
			steps = append(steps, ui.LifeStep{Title: words.text, Tone: ui.Bad, Detail: strings.TrimSpace(words.meaning + " " + readable(d.Explanation.Detail))})
		case r == cybs.RungNoExplanation || r == cybs.RungStoppedAtItsLimit:
			// The end of the ladder is nothing to try.
		case i < at || triedWith(r, answer):
			steps = append(steps, ui.LifeStep{Title: words.text, Tone: ui.Neutral, Detail: ruledOut(r, answer)})
		default:
			left++
		}
	}
	if left > 0 {
		steps = append(steps, ui.LifeStep{Title: plural(left, "step more", "steps more"), Planned: true, Detail: "Not needed: the first step that explains a delivery ends the search."})
	}
	return steps
}

// triedWith reports whether a step above the answer was tried too: nobody's key is looked for with everybody.
func triedWith(r, answer cybs.Rung) bool {
	return answer == cybs.RungKeyUnknown && (r == cybs.RungKeyOfAnotherOrg || r == cybs.RungKeyOfAnotherEnv)
}

// ruledOut says how a step was found not to be the explanation.
func ruledOut(r, answer cybs.Rung) string {
	switch r {
	case cybs.RungSignatureAbsent:
		return "Ruled out: the header is there."
	case cybs.RungSignatureUnread:
		return "Ruled out: it has the form that Cybersource writes."
	case cybs.RungKeyUnknown:
		return "Ruled out: the key is stored here."
	case cybs.RungKeyOfAnotherOrg, cybs.RungKeyOfAnotherEnv:
		switch answer {
		case cybs.RungKeyUnknown:
			return "Ruled out: nobody else who is stored here has this key."
		case cybs.RungKeyOfAnotherEnv:
			return "Not decided: the environment is another one already."
		}
		return "Ruled out: the key belongs to this endpoint's organization."
	case cybs.RungKeyExpired, cybs.RungKeyRetired, cybs.RungTooOld, cybs.RungTooNew, cybs.RungKeyReplaced, cybs.RungVerifies:
		if slices.Index(cybs.Rungs(), answer) > slices.Index(cybs.Rungs(), cybs.RungVerifies) {
			return "Ruled out: the signature does not fit what came, under the key it names."
		}
	}
	if answer == cybs.RungStoppedAtItsLimit {
		return "Ruled out as far as it was tried."
	}
	return "Ruled out."
}

// knownRung reports whether a rejection can be explained by this word.
func knownRung(code string) bool {
	return slices.ContainsFunc(rungWords, func(r rung) bool { return r.code == code })
}
