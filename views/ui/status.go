package ui

import (
	"strings"
	"unicode/utf8"
)

// Tone is what a colour means. Colour never speaks alone: a word and a shape say
// the same.
type Tone string

// The tones. The zero value is Neutral.
const (
	Neutral  Tone = ""
	Good     Tone = "good"     // green: arrived, works
	Waiting  Tone = "wait"     // amber: waiting, or ending soon
	Bad      Tone = "bad"      // red: lost or refused
	Progress Tone = "progress" // blue: on its way
	Replayed Tone = "replay"   // violet: replayed or simulated
)

// Status is a word of the product's vocabulary, in lower case. An unknown word is
// shown as it is, in the neutral tone.
type Status string

// The words for deliveries and notifications.
const (
	StatusReceived         Status = "received"
	StatusVerified         Status = "verified"
	StatusRejected         Status = "rejected"
	StatusReleased         Status = "released"
	StatusDuplicate        Status = "duplicate"
	StatusDecryptFailed    Status = "decrypt failed"
	StatusProcessed        Status = "processed"
	StatusProcessingFailed Status = "processing failed"
	StatusForwarded        Status = "forwarded"
	StatusForwardFailed    Status = "forward failed"
	StatusReplayed         Status = "replayed"
	StatusTest             Status = "test"
)

// The words for the sender's side of a notification.
const (
	StatusNew       Status = "new"
	StatusDelivered Status = "delivered"
	StatusRetrying  Status = "retrying"
	StatusOverdue   Status = "overdue"
	StatusExhausted Status = "exhausted"
	StatusHeld      Status = "held"
	StatusFailed    Status = "failed"
)

// The words for subscriptions.
const (
	StatusActive    Status = "active"
	StatusInactive  Status = "inactive"
	StatusSuspended Status = "suspended"
	StatusPending   Status = "pending"
	// As Cybersource spells them, and three words of ours.
	StatusPendingReview Status = "pending review"
	StatusBlocked       Status = "blocked"
	StatusResend        Status = "resend"
	StatusCreating      Status = "creating"
	StatusMissing       Status = "unknown"
	StatusDeleted       Status = "deleted"
	StatusDrifted       Status = "drifted"
	StatusUnknown       Status = "unknown to us"
)

// StatusFrom is the Status for a word as others spell it: "ACTIVE", "decrypt_failed".
func StatusFrom(word string) Status {
	return Status(strings.ReplaceAll(strings.ToLower(strings.TrimSpace(word)), "_", " "))
}

// word is the status as shown: first letter in upper case.
func (s Status) word() string {
	if s == "" {
		return "Unknown"
	}
	_, size := utf8.DecodeRuneInString(string(s))
	return strings.ToUpper(string(s[:size])) + string(s[size:])
}

// Tone is the colour group the status belongs to.
func (s Status) Tone() Tone {
	switch s {
	case StatusVerified, StatusReleased, StatusProcessed, StatusForwarded, StatusDelivered, StatusActive:
		return Good
	case StatusRetrying, StatusHeld, StatusSuspended, StatusOverdue, StatusDrifted, StatusPending,
		StatusPendingReview, StatusMissing:
		return Waiting
	case StatusRejected, StatusDecryptFailed, StatusProcessingFailed, StatusForwardFailed,
		StatusExhausted, StatusFailed, StatusBlocked:
		return Bad
	case StatusReceived, StatusNew, StatusCreating, StatusResend:
		return Progress
	case StatusReplayed, StatusTest:
		return Replayed
	default:
		return Neutral
	}
}

// meaning is one line that says what the status means.
func (s Status) meaning() string {
	switch s {
	case StatusReceived:
		return "It arrived and is stored; nothing has looked at it yet."
	case StatusVerified:
		return "The signature matches a key of this organization."
	case StatusRejected:
		return "Not verified, kept in quarantine with the reason."
	case StatusReleased:
		return "Rejected when it arrived, judged again since, and let out of quarantine."
	case StatusDuplicate:
		return "The same delivery again, byte for byte; counted, stored once."
	case StatusDecryptFailed:
		return "Verified, but no certificate of ours opens it."
	case StatusProcessed:
		return "Verified, read and filed."
	case StatusProcessingFailed:
		return "Verified, but reading it failed; it can be processed again."
	case StatusForwarded:
		return "A copy was taken by its target."
	case StatusForwardFailed:
		return "The target did not take the copy."
	case StatusReplayed:
		return "Cybersource sent it again because we asked."
	case StatusTest:
		return "A test notification; no business event stands behind it."
	default:
		return s.senderMeaning()
	}
}

func (s Status) senderMeaning() string {
	switch s {
	case StatusNew:
		return "First attempt, no retry yet."
	case StatusDelivered:
		return "Answered with 200; Cybersource is done with it."
	case StatusRetrying:
		return "Not answered with 200; the next attempt is expected."
	case StatusOverdue:
		return "The next attempt should have come and did not."
	case StatusExhausted:
		return "All attempts are used up; only a replay brings it back."
	case StatusHeld:
		return "Cybersource holds it while the subscription is suspended."
	case StatusFailed:
		return "Cybersource gave up."
	case StatusActive:
		return "Cybersource sends notifications to this subscription."
	case StatusInactive:
		return "Switched off: Cybersource sends nothing."
	case StatusSuspended:
		return "Cybersource holds notifications until the health check passes again."
	case StatusPending:
		return "Made, but not active yet: waiting for the first health check."
	case StatusPendingReview:
		return "Cybersource reviews the addresses first; that takes 1 to 2 business days and is no failure."
	case StatusBlocked:
		return "Cybersource has rejected an address and sends nothing."
	case StatusResend:
		return "Cybersource is sending again what it held."
	case StatusCreating:
		return "Cybersource was asked to make it and has not confirmed it."
	case StatusMissing:
		return "Cybersource does not have it any more, or says a word we do not know."
	case StatusDeleted:
		return "Deleted; what it received stays."
	case StatusDrifted:
		return "What Cybersource has differs from what the team wants."
	case StatusUnknown:
		return "Exists at Cybersource, not here."
	default:
		return ""
	}
}

func (t Tone) class() string {
	if t == Neutral {
		return "neutral"
	}
	return string(t)
}
