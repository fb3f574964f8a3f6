package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
)

// syncSubscriptionArgs names a subscription to look up at Cybersource.
type syncSubscriptionArgs struct {
	ID int64 `json:"id"`
	// Again counts those that were running at the time: what they read may be older than the reason for this one.
	Again int `json:"again,omitempty"`
}

// Kind is the job's name in the queue.
func (syncSubscriptionArgs) Kind() string { return "sync_subscription" }

// InsertOpts keeps one job a subscription.
func (syncSubscriptionArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 4, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: pendingStates()}}
}

// SyncSubscription has a subscription looked up at Cybersource soon. One that waits for its time is done now.
func (j *Jobs) SyncSubscription(ctx context.Context, id int64) error {
	for again := 0; ; again++ {
		inserted, err := j.river.Insert(ctx, syncSubscriptionArgs{ID: id, Again: again}, nil)
		if err != nil {
			return fmt.Errorf("enqueue look at subscription %d: %w", id, err)
		}
		if !inserted.UniqueSkippedAsDuplicate {
			return nil
		}
		// River notes the end of a job a moment after it, so a running one may have read already, and so may the one after it.
		if inserted.Job.State == rivertype.JobStateRunning {
			continue
		}
		if _, err = j.river.JobRetry(ctx, inserted.Job.ID); err != nil && !errors.Is(err, rivertype.ErrNotFound) {
			return fmt.Errorf("hasten look at subscription %d: %w", id, err)
		}
		return nil
	}
}

type syncSubscriptionWorker struct {
	river.WorkerDefaults[syncSubscriptionArgs]
	jobs *Jobs
}

// Timeout leaves room for the client's own retries.
func (*syncSubscriptionWorker) Timeout(*river.Job[syncSubscriptionArgs]) time.Duration {
	return 2 * time.Minute
}

// Work looks once, and comes back soon while the status is about to change.
func (w *syncSubscriptionWorker) Work(ctx context.Context, job *river.Job[syncSubscriptionArgs]) error {
	sub, err := w.jobs.lookAt(ctx, job.Args.ID)
	if errors.Is(err, store.ErrNotFound) {
		return river.JobCancel(err) // deleted meanwhile, or its organization has no credentials
	}
	if err != nil {
		return err
	}
	wait, err := w.jobs.nextLook(ctx, sub)
	if err != nil || wait == 0 || job.Args.Again > 0 {
		return err
	}
	return river.JobSnooze(wait)
}

// lookAt records what Cybersource says of a subscription and returns it as it is then.
func (j *Jobs) lookAt(ctx context.Context, id int64) (store.Subscription, error) {
	sub, err := j.cfg.Store.GetSubscription(ctx, id)
	if err != nil || !sub.DeletedAt.IsZero() {
		return sub, err
	}
	organization, err := j.cfg.Store.GetOrganization(ctx, sub.OrganizationID)
	if err != nil {
		return sub, err
	}
	client, err := j.cfg.Client(ctx, organization)
	if err != nil {
		return sub, fmt.Errorf("make client of organization %s: %w", organization.OrganizationID, err)
	}
	actual, err := j.ask(ctx, client, organization, sub)
	if err != nil {
		return sub, fmt.Errorf("look at subscription %d: %w", id, err)
	}
	if actual.Status == "" {
		return sub, nil // still being created
	}
	if _, err := j.cfg.Store.RecordActual(ctx, id, actual); err != nil {
		return sub, err
	}
	if isUnsettled(sub) && actual.Status != store.StatusUnknown {
		if err := j.settlePolicy(ctx, organization, id); err != nil {
			return sub, err
		}
	}
	return j.cfg.Store.GetSubscription(ctx, id)
}

// createPatience is how long a subscription without webhook id may be on its way: longer than any call to Cybersource takes.
const createPatience = 2 * time.Minute

// ask returns what to record; without a status there is nothing to record yet.
func (j *Jobs) ask(ctx context.Context, client *cybs.Client, organization store.Organization, sub store.Subscription) (store.ActualSubscription, error) {
	if sub.WebhookID == "" {
		return j.adopt(ctx, client, organization, sub)
	}
	found, err := client.GetSubscription(ctx, sub.WebhookID)
	if errors.Is(err, cybs.ErrNotFound) {
		return store.ActualSubscription{Status: store.StatusUnknown, Detail: "Cybersource does not know this subscription any more."}, nil
	}
	if err != nil {
		return store.ActualSubscription{}, err
	}
	return actualOf(*found), nil
}

// adopt finds the subscription that a crash cut off between our row and Cybersource's answer: nobody else has our endpoint's token in
// their URL.
func (j *Jobs) adopt(ctx context.Context, client *cybs.Client, organization store.Organization, sub store.Subscription) (store.ActualSubscription, error) {
	for _, product := range sub.Products {
		if len(product.EventTypes) == 0 {
			continue
		}
		// One event type of a product finds every subscription of ours that has the product.
		list, err := client.ListSubscriptions(ctx, cybs.ListSubscriptionsOptions{OrganizationID: organization.OrganizationID, ProductID: product.ProductID, EventType: product.EventTypes[0]})
		if err != nil {
			return store.ActualSubscription{}, err
		}
		for _, found := range list {
			if sub.EndpointToken != "" && strings.Contains(strings.ToLower(found.WebhookURL), strings.ToLower(sub.EndpointToken)) {
				return actualOf(found), nil
			}
		}
	}
	if j.cfg.Now().Sub(sub.CreatedAt) < createPatience {
		return store.ActualSubscription{}, nil
	}
	return store.ActualSubscription{
		Status: store.StatusUnknown,
		Detail: "Creating it at Cybersource did not finish, and Cybersource has no subscription with this endpoint. Delete it here and create it again.",
	}, nil
}

// actualOf maps Cybersource's words to the store's.
func actualOf(s cybs.Subscription) store.ActualSubscription {
	actual := store.ActualSubscription{WebhookID: s.WebhookID, Raw: s.Raw}
	switch status := store.SubscriptionStatus(s.Status); status {
	case store.StatusActive, store.StatusInactive, store.StatusSuspended, store.StatusPendingReview, store.StatusBlocked, store.StatusResend:
		actual.Status = status
	default:
		actual.Status = store.StatusUnknown
		actual.Detail = fmt.Sprintf("Cybersource calls its status %q, which is not documented.", string(s.Status))
	}
	return actual
}

// How soon to look again at a subscription whose status is about to change, by how long ago something happened to it.
const (
	freshFor  = 30 * time.Second
	freshWait = time.Second
	youngFor  = 10 * time.Minute
	youngWait = 15 * time.Second
)

// nextLook returns when to look again, 0 to leave it to the regular round. Cybersource tells nobody that a status has changed, but
// what changes it is known: creating, and our answer to a health ping.
func (j *Jobs) nextLook(ctx context.Context, sub store.Subscription) (time.Duration, error) {
	switch sub.Status {
	case store.StatusActive, store.StatusBlocked, store.StatusUnknown, store.StatusDeleted:
		return 0, nil
	}
	happened := sub.CreatedAt
	if sub.EndpointID != 0 {
		pings, err := j.cfg.Store.ListHealthPings(ctx, sub.EndpointID, 1)
		if err != nil {
			return 0, err
		}
		for _, p := range pings {
			if p.At.After(happened) {
				happened = p.At
			}
		}
	}
	switch age := j.cfg.Now().Sub(happened); {
	case age < freshFor:
		return freshWait, nil
	case age < youngFor:
		return youngWait, nil
	}
	return 0, nil
}
