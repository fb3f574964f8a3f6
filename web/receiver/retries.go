package receiver

import (
	"net/http"
	"sync"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
)

// minHorizon is the least time in which a retry is looked for.
const minHorizon = time.Hour

// maxPlans bounds the policies whose plans are remembered.
const maxPlans = 10_000

// plan is what grouping needs of a retry policy.
type plan struct {
	retries int
	// horizon is how long after the first attempt a retry may come: twice what the policy covers, since repeated sequences are documented
	// vaguely, and never less than an hour.
	horizon time.Duration
}

// plans remembers the plan of every policy it was asked for: a schedule has up to a thousand entries, and one is needed for every delivery.
type plans struct {
	mu    sync.Mutex
	known map[store.RetryPolicy]plan
}

func (p *plans) of(policy store.RetryPolicy) plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	found, ok := p.known[policy]
	if ok {
		return found
	}
	schedule := retryPolicyOf(policy).Schedule()
	made := plan{retries: len(schedule), horizon: minHorizon}
	if made.retries > 0 {
		made.horizon = max(2*schedule[made.retries-1], minHorizon)
	}
	if p.known == nil || len(p.known) >= maxPlans {
		p.known = make(map[store.RetryPolicy]plan)
	}
	p.known[policy] = made
	return made
}

// policy is the retry policy at the time of a delivery: that of its endpoint, which is grouped right after it came, unless it was kept
// back; the store then says what it was.
func (g *grouper) policy(d store.Delivery) store.RetryPolicy {
	if d.RetryPolicy != nil {
		return *d.RetryPolicy
	}
	if e := g.endpoints.ofSubscription(d.SubscriptionID); e != nil {
		return e.RetryPolicy
	}
	p := cybs.DefaultRetryPolicy()
	return store.RetryPolicy{Algorithm: string(p.Algorithm), FirstRetry: p.FirstRetry, Interval: p.Interval, NumberOfRetries: p.NumberOfRetries}
}

// expect says how a delivery goes on: what was answered 200 does not, and of anything else the next retry is expected.
func (g *grouper) expect(described *store.Description, d store.Delivery) {
	if described.Test {
		described.Retries, described.Next = 0, store.NextAttempt{}
		return // a test is sent once, whatever it is answered
	}
	policy := g.policy(d)
	described.Retries = g.plans.of(policy).retries
	if d.Answered == http.StatusOK {
		return
	}
	if next, ok := retryPolicyOf(policy).After(d.RetryNumber, d.ReceivedAt); ok {
		described.Next = store.NextAttempt{At: next.At, OverdueAt: next.LateAt, GivesUpAt: next.GivesUpAt}
	}
}

// retryPolicyOf maps between the two types that hold a retry policy.
func retryPolicyOf(p store.RetryPolicy) cybs.RetryPolicy {
	return cybs.RetryPolicy{
		Algorithm: cybs.Algorithm(p.Algorithm), FirstRetry: p.FirstRetry, Interval: p.Interval, NumberOfRetries: p.NumberOfRetries,
		RepeatSequenceCount: p.RepeatSequenceCount, RepeatSequenceWaitTime: p.RepeatSequenceWaitTime, DeactivateFlag: p.DeactivateFlag,
	}
}
