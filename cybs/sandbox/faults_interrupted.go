package sandbox

import "errors"

// The faults of a line that breaks. They strike the first attempt, and the
// notification is sent again as the retry policy says.
const (
	// FaultLostAttempt is a first attempt that does not reach the receiver.
	FaultLostAttempt Fault = "lost-attempt"
	// FaultLostAnswer is a first attempt whose answer does not come back.
	FaultLostAnswer Fault = "lost-answer"
)

var (
	errAttemptLost = errors.New("the line broke on purpose before the request arrived")
	errAnswerLost  = errors.New("the line broke on purpose before the answer came back")
)

func interruptedFaults() []Fault { return []Fault{FaultLostAttempt, FaultLostAnswer} }

func (f Fault) interruptedWords() string {
	switch f {
	case FaultLostAttempt:
		return "First attempt lost on the way; sent again"
	case FaultLostAnswer:
		return "Answer to the first attempt lost; sent again"
	}
	return string(f)
}

// interrupts reports whether f is one of these.
func (f Fault) interrupts() bool { return f == FaultLostAttempt || f == FaultLostAnswer }

// lostFor is the fault that breaks an attempt's line: a retry gets through.
func lostFor(m *message) Fault {
	if m.Fault.interrupts() && m.Retry == 0 {
		return m.Fault
	}
	return FaultNone
}
