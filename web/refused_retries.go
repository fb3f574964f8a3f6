package web

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/views/ui"
)

const (
	// refusedShown is how long the page of a subscription shows that Cybersource has given up.
	refusedShown = 7 * 24 * time.Hour
	// suspendedLate is how much later than the last refused retry a suspension may be seen here.
	suspendedLate = time.Hour
)

// refusedRange is where to look for what explains how a subscription stands: before its suspension, or lately.
func refusedRange(v store.Subscription, now time.Time, lately time.Duration) store.RefusedRange {
	policy := retryPolicyOf(v.RetryPolicy)
	r := store.RefusedRange{SubscriptionID: v.ID, From: now.Add(-lately), To: now.Add(time.Minute), LastRetry: len(policy.Schedule())}
	if v.Status == store.StatusSuspended {
		r.From, r.To = v.StatusSince.Add(-policy.Cover()-suspendedLate), v.StatusSince.Add(time.Second)
	}
	return r
}

// refusedOf is what was rejected of one subscription that explains how it stands.
func (s *Server) refusedOf(ctx context.Context, v store.Subscription) ([]store.Refused, error) {
	list, err := s.store.RefusedByReason(ctx, []store.RefusedRange{refusedRange(v, s.now(), refusedShown)})
	if err != nil {
		return nil, fmt.Errorf("explain subscription %d: %w", v.ID, err)
	}
	return slices.DeleteFunc(list, func(r store.Refused) bool { return !bearsOn(v, r) }), nil
}

// bearsOn reports whether deliveries refused for a reason say something about how a subscription stands. Before a suspension they must be retries, where
// the policy has some: what strangers send says nothing. Otherwise Cybersource must have given up.
func bearsOn(v store.Subscription, r store.Refused) bool {
	if v.Status == store.StatusSuspended {
		return r.Retries > 0 || len(retryPolicyOf(v.RetryPolicy).Schedule()) == 0
	}
	return r.GivenUp > 0
}

// withRefused adds to a subscription's state what Switchboard itself refused, and corrects what it says of the cause.
func withRefused(state subscriptions.State, v store.Subscription, refused []store.Refused) subscriptions.State {
	if len(refused) == 0 {
		return state
	}
	deliveries, givenUp := 0, 0
	for _, r := range refused {
		deliveries, givenUp = deliveries+r.Deliveries, givenUp+r.GivenUp
		state.Refusals = append(state.Refusals, ui.Pair{
			Name: reasonOf(r.Reason).text, Value: "Show " + plural(r.Deliveries, "rejected delivery", "rejected deliveries"),
			Href: paths.With(paths.Rejected, subscriptionParam, subscriptionWord(v.ID), reasonParam, r.Reason),
		})
	}
	state.Refused = givenUpText(givenUp)
	if v.Status == store.StatusSuspended {
		state.Refused = firstOf(state.Refused, "Switchboard refused "+plural(deliveries, "delivery", "deliveries")+" before the suspension")
		first := reasonOf(refused[0].Reason)
		state.Meaning = suspendedText(refused)
		state.Next = firstOf(first.next...) + " Then Cybersource sends what it holds as soon as the health check URL answers."
	}
	return state
}

// suspendedText names why Cybersource holds notifications when the endpoint was reached.
func suspendedText(refused []store.Refused) string {
	deliveries := 0
	for _, r := range refused {
		deliveries += r.Deliveries
	}
	text := fmt.Sprintf("Cybersource holds notifications because Switchboard refused %s until it suspended the subscription: %s", plural(deliveries, "delivery", "deliveries"),
		lowerFirst(reasonOf(refused[0].Reason).text))
	if more := len(refused) - 1; more > 0 {
		text += ", and " + plural(more, "other reason", "other reasons")
	}
	return text + "."
}

// givenUpText says that Cybersource has given up on notifications; "" for none.
func givenUpText(n int) string {
	if n == 0 {
		return ""
	}
	return "Cybersource has given up on " + plural(n, "notification", "notifications") + ": the last retry was refused too"
}

// refusedLines say in one line each, by subscription, what the overview tells of refused retries.
func (s *Server) refusedLines(ctx context.Context, list []store.Subscription) (map[int64]string, error) {
	ranges := make([]store.RefusedRange, len(list))
	for i, v := range list {
		ranges[i] = refusedRange(v, s.now(), 24*time.Hour)
	}
	refused, err := s.store.RefusedByReason(ctx, ranges)
	if err != nil {
		return nil, err
	}
	lines := map[int64]string{}
	for _, v := range list {
		var of []store.Refused
		givenUp := 0
		for _, r := range refused {
			if r.SubscriptionID == v.ID && bearsOn(v, r) {
				of, givenUp = append(of, r), givenUp+r.GivenUp
			}
		}
		switch {
		case len(of) == 0:
		case v.Status == store.StatusSuspended:
			lines[v.ID] = suspendedText(of)
		default:
			lines[v.ID] = givenUpText(givenUp) + "."
		}
	}
	return lines, nil
}
