package deliveries

import "time"

// Expected is what Cybersource is expected to do about a delivery that was not answered 200.
type Expected struct {
	// Text says it in words: "Retry 2 of 3 is expected", "No retry is left".
	Text string
	// At is when; zero when nothing is expected.
	At time.Time
	// From says what it is worked out from; empty when there is nothing to work out.
	From string
}
