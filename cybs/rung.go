package cybs

// Rung is a step of the ladder that Explain climbs: the reason why a signature was not accepted.
type Rung string

// The rungs, from the bottom. A rung is the answer when it is the first that explains what arrived.
const (
	RungSignatureAbsent   Rung = "signature-absent"
	RungSignatureUnread   Rung = "signature-unreadable"
	RungKeyUnknown        Rung = "key-unknown"
	RungKeyOfAnotherOrg   Rung = "key-of-another-organization"
	RungKeyOfAnotherEnv   Rung = "key-of-another-environment"
	RungKeyEmpty          Rung = "key-empty"
	RungKeyExpired        Rung = "key-expired"
	RungKeyRetired        Rung = "key-retired"
	RungTooOld            Rung = "too-old"
	RungTooNew            Rung = "too-new"
	RungKeyReplaced       Rung = "key-replaced"
	RungVerifies          Rung = "verifies"
	RungOtherKey          Rung = "other-key"
	RungByteOrderMark     Rung = "byte-order-mark"
	RungLineEnding        Rung = "line-ending"
	RungReserialised      Rung = "re-serialised"
	RungCharset           Rung = "charset"
	RungCompressed        Rung = "compressed"
	RungNoTimestamp       Rung = "no-timestamp"
	RungKeyNotDecoded     Rung = "key-not-decoded"
	RungWrongEnvironment  Rung = "wrong-environment"
	RungNoExplanation     Rung = "no-explanation"
	RungStoppedAtItsLimit Rung = "stopped-at-its-limit"
)

// Rungs lists all rungs from the bottom to the top.
func Rungs() []Rung {
	return []Rung{
		RungSignatureAbsent, RungSignatureUnread, RungKeyUnknown, RungKeyOfAnotherOrg, RungKeyOfAnotherEnv, RungKeyEmpty,
		RungKeyExpired, RungKeyRetired, RungTooOld, RungTooNew, RungKeyReplaced, RungVerifies, RungOtherKey, RungByteOrderMark, RungLineEnding,
		RungReserialised, RungCharset, RungCompressed, RungNoTimestamp, RungKeyNotDecoded, RungWrongEnvironment,
		RungNoExplanation, RungStoppedAtItsLimit,
	}
}

// Sentence says in plain words what the rung means and, where there is something to do, what.
func (r Rung) Sentence() string {
	switch r {
	case RungSignatureAbsent:
		return "The request has no v-c-signature header, or a proxy took it away."
	case RungSignatureUnread:
		return "The v-c-signature header is there, but it is not what Cybersource writes."
	case RungKeyUnknown:
		return "The signature names a key that is not stored here. Was a new key made elsewhere?"
	case RungKeyOfAnotherOrg:
		return "The signature names a key of another organization."
	case RungKeyOfAnotherEnv:
		return "The signature names a key of another environment."
	case RungKeyEmpty:
		return "The key is stored here without its secret, so nothing can be verified with it."
	case RungKeyReplaced:
		return "The signature is genuine, but its key had been replaced by a newer one when it was made."
	case RungKeyRetired:
		return "The signature is genuine, but its key had been retired here when it arrived."
	case RungKeyExpired:
		return "The signature is genuine, but its key had expired when it was made. Make a new key."
	case RungTooOld:
		return "The signature is genuine, but it was made too long ago: a late delivery, a wrong clock here, or a repeated request."
	case RungTooNew:
		return "The signature is genuine, but it comes from the future: the clock here is wrong."
	case RungVerifies:
		return "The signature verifies. Whatever stood in its way before is gone."
	case RungOtherKey:
		return "The signature was made with another key that is stored here than the one it names."
	}
	return r.laterSentence()
}

func (r Rung) laterSentence() string {
	switch r {
	case RungReserialised:
		return "The signature fits the same JSON written differently: something on the way read the body and wrote it anew."
	case RungByteOrderMark:
		return "The signature fits the body but for a byte order mark: something on the way added or removed it."
	case RungLineEnding:
		return "The signature fits the body but for line ends: something on the way added, removed or changed them."
	case RungCharset:
		return "The signature fits the body in another character set: something on the way converted it."
	case RungCompressed:
		return "The signature fits the body after decompressing it: what arrived here is still compressed."
	case RungNoTimestamp:
		return "The signature was made over the body without the time before it, which is not how Cybersource signs."
	case RungKeyNotDecoded:
		return "The signature was made with the text of the key instead of the bytes that its base64 stands for."
	case RungWrongEnvironment:
		return "The signature was made with a key of another environment or organization than this endpoint's."
	case RungNoExplanation:
		return "Nothing explains the signature. The request may be forged."
	case RungStoppedAtItsLimit:
		return "Nothing explains the signature so far; the body is too long to try everything."
	}
	return "The reason is unknown."
}
