package cybs

import "time"

// Expected is when Cybersource sends a notification again, as its retry policy has it. Cybersource tells nobody, so it is worked out; the documents
// allow other readings of the schedule, hence the patience.
type Expected struct {
	// Number is the number of the next retry.
	Number int
	// At is when it is due.
	At time.Time
	// LateAt is when it can be said that it did not come in time.
	LateAt time.Time
	// GivesUpAt is when it can be said that no retry of the policy will come any more.
	GivesUpAt time.Time
}

const (
	// retryGrace is how late a retry may be, beside a tenth of the wait for it.
	retryGrace = time.Minute
	// lastRetryGrace is how much longer the end of all retries is waited for.
	lastRetryGrace = 10 * time.Minute
)

// After returns what follows on an attempt with a retry number, 0 for the first, that was made at a time and not answered by 200. It is false when the
// policy has no further retry.
func (p RetryPolicy) After(retryNumber int, at time.Time) (Expected, bool) {
	schedule := p.Schedule()
	if retryNumber < 0 || retryNumber >= len(schedule) {
		return Expected{}, false
	}
	var made time.Duration // when the attempt itself was due
	if retryNumber > 0 {
		made = schedule[retryNumber-1]
	}
	wait, rest := schedule[retryNumber]-made, schedule[len(schedule)-1]-made
	return Expected{
		Number: retryNumber + 1, At: at.Add(wait), LateAt: at.Add(wait + retryGrace + wait/10),
		GivesUpAt: at.Add(rest + retryGrace + rest/10 + lastRetryGrace),
	}, true
}
