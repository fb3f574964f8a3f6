package web

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/deliveries"
)

// workedOut is how we know when a retry comes.
const workedOut = "Worked out from the subscription's retry policy at the time; Cybersource tells no schedule."

// expectedAfter says what Cybersource does next about a delivery, by the retry number that it claims and the retry policy at that time.
func (s *Server) expectedAfter(ctx context.Context, d store.Delivery) (deliveries.Expected, error) {
	policy, err := s.store.RetryPolicyAt(ctx, d.SubscriptionID, d.ReceivedAt)
	if err != nil {
		return deliveries.Expected{}, fmt.Errorf("expect a retry after delivery %s: %w", d.ID, err)
	}
	return expectedBy(retryPolicyOf(policy), d, s.now()), nil
}

func expectedBy(policy cybs.RetryPolicy, d store.Delivery, now time.Time) deliveries.Expected {
	if d.Answered == http.StatusOK {
		return deliveries.Expected{Text: "None: it was answered 200, so Cybersource does not send it again."}
	}
	retries := len(policy.Schedule())
	next, ok := policy.After(d.RetryNumber, d.ReceivedAt)
	switch {
	case !ok && retries == 0:
		return deliveries.Expected{Text: "None: the retry policy has no retries.", From: workedOut}
	case !ok:
		return deliveries.Expected{Text: fmt.Sprintf("None: it says it is retry %d of %d. That was the last one, so Cybersource has given up.", d.RetryNumber, retries), From: workedOut}
	case next.At.Before(now):
		return deliveries.Expected{Text: fmt.Sprintf("Retry %d of %d was expected", next.Number, retries), At: next.At, From: workedOut}
	}
	return deliveries.Expected{Text: fmt.Sprintf("Retry %d of %d is expected", next.Number, retries), At: next.At, From: workedOut}
}
