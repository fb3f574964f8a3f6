package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// NextAttempt says when Cybersource is expected to try again. It is worked out, as Cybersource tells nobody.
type NextAttempt struct {
	At        time.Time // of the next retry
	OverdueAt time.Time // when it is late
	GivesUpAt time.Time // when the last retry of the policy is late
}

func (a *NextAttempt) epochIsZero() {
	a.At, a.OverdueAt, a.GivesUpAt = epochIsZero(a.At), epochIsZero(a.OverdueAt), epochIsZero(a.GivesUpAt)
}

// answeredOK is the HTTP status upon which Cybersource does not send again.
const answeredOK = 200

// state is where the notification stands after this attempt alone.
func (d *described) state() State {
	switch {
	case d.Answered == answeredOK:
		return StateDelivered
	case d.Next.At.IsZero():
		return StateExhausted
	}
	return StateRetrying
}

// outdoes says that this attempt, rather than the other, tells where the notification stands: one that was answered 200, otherwise the last.
func (d *described) outdoes(other *described) bool {
	if delivered, was := d.state() == StateDelivered, other.state() == StateDelivered; delivered != was {
		return delivered
	}
	return d.RetryNumber >= other.RetryNumber
}

// open are the notifications of which Cybersource is expected to send another attempt, by this batch.
func (g *grouping) open() []ID {
	var ids []ID
	for _, list := range [...][]*groupedTogether{g.made, g.touched} {
		for _, n := range list {
			if n.stands.state() == StateRetrying {
				ids = append(ids, n.id)
			}
		}
	}
	return ids
}

// tells says that what is added tells where the notification stands: what was delivered stays so, otherwise it is what was answered 200, or the last attempt.
const tells = "state <> 'delivered' AND ($6 = 'delivered' OR $7 >= last_retry_number)"

// queueTouched adds deliveries to a notification that was there.
func queueTouched(batch *pgx.Batch, n *groupedTogether) {
	at := n.stands
	batch.Queue(`UPDATE notifications SET delivery_count = delivery_count + $2, last_delivery_at = greatest(last_delivery_at, $3), last_retry_number = greatest(last_retry_number, $4),
			first_retry_number = least(first_retry_number, $5),
			state = CASE WHEN `+tells+` THEN $6 ELSE state END, retries_of = CASE WHEN `+tells+` THEN $8 ELSE retries_of END,
			next_attempt_at = CASE WHEN `+tells+` THEN $9 ELSE next_attempt_at END, overdue_at = CASE WHEN `+tells+` THEN $10 ELSE overdue_at END,
			gives_up_at = CASE WHEN `+tells+` THEN $11 ELSE gives_up_at END, due_at = CASE WHEN `+tells+` THEN $10 ELSE due_at END
		WHERE id = $1`, n.id, n.count, n.last, n.lastRetry, n.firstRetry, at.state(), at.RetryNumber, at.Retries,
		zeroIsNull(at.Next.At), zeroIsNull(at.Next.OverdueAt), zeroIsNull(at.Next.GivesUpAt))
}

// resumedFor is how long Cybersource is given to send what it held when a subscription is active again.
const resumedFor = "interval '1 hour'"

// advanceSQL works out anew where notifications stand at a time: from what is expected of each and from its subscription's status. It is the same
// whatever the state was, so that it may run twice, late, or after the clock was set back.
const advanceSQL = `
	WITH expected AS (
		SELECT n.id, n.state AS was, s.status,
			CASE WHEN n.state = 'held' AND s.status IN ('ACTIVE', 'RESEND') THEN s.status_since ELSE n.next_attempt_at END AS next_attempt_at,
			CASE WHEN n.state = 'held' AND s.status IN ('ACTIVE', 'RESEND') THEN s.status_since + (n.overdue_at - n.next_attempt_at) ELSE n.overdue_at END AS overdue_at,
			CASE WHEN n.state = 'held' AND s.status IN ('ACTIVE', 'RESEND') THEN greatest(n.gives_up_at, s.status_since + ` + resumedFor + `)
				WHEN s.status = 'DELETED' THEN least(n.gives_up_at, $2) ELSE n.gives_up_at END AS gives_up_at
		FROM notifications n JOIN subscriptions s ON s.id = n.subscription_id
		WHERE n.id = ANY ($1) AND n.state <> 'delivered' AND n.next_attempt_at IS NOT NULL
		ORDER BY n.id FOR NO KEY UPDATE OF n
	), stands AS (
		SELECT *, CASE WHEN status = 'DELETED' THEN 'exhausted'
			WHEN overdue_at > $2 THEN 'retrying'
			WHEN status = 'SUSPENDED' OR was = 'held' AND status NOT IN ('ACTIVE', 'RESEND') THEN 'held'
			WHEN gives_up_at <= $2 THEN 'exhausted'
			ELSE 'overdue' END AS state
		FROM expected
	)
	UPDATE notifications n SET state = w.state, next_attempt_at = w.next_attempt_at, overdue_at = w.overdue_at, gives_up_at = w.gives_up_at,
		due_at = CASE w.state WHEN 'retrying' THEN w.overdue_at WHEN 'overdue' THEN w.gives_up_at END
	FROM stands w WHERE n.id = w.id AND n.id = ANY ($1)
	RETURNING n.organization_id, n.state <> w.was`

// dueSQL finds notifications that may stand elsewhere by now: what is due, what the status of its subscription changes, and what a clock that was set back
// moved too early. Each part reads an index of its own.
const dueSQL = `
	(SELECT id FROM notifications WHERE due_at <= $1 ORDER BY due_at LIMIT $2)
	UNION (SELECT n.id FROM subscriptions s CROSS JOIN LATERAL (SELECT id FROM notifications WHERE subscription_id = s.id AND state = 'overdue' LIMIT $2) n
		WHERE s.status = 'SUSPENDED' LIMIT $2)
	UNION (SELECT n.id FROM notifications n JOIN subscriptions s ON s.id = n.subscription_id WHERE n.state = 'held' AND s.status IN ('ACTIVE', 'RESEND', 'DELETED') LIMIT $2)
	UNION (SELECT id FROM notifications WHERE state = 'overdue' AND overdue_at > $1 LIMIT $2)
	UNION (SELECT id FROM notifications WHERE state = 'exhausted' AND gives_up_at > $1 LIMIT $2)`

// AdvanceRetryStatus moves notifications on whose expected retry had not come by now, or whose subscription was suspended, resumed or deleted: at most
// limit a transaction, until none is left. It returns how many stand elsewhere. Replicas may run it at the same time as one another and as GroupNext.
func (s *Store) AdvanceRetryStatus(ctx context.Context, now time.Time, limit int) (int, error) {
	const most = 1000 // rounds: far more than quarantine can release
	moved := 0
	for range most {
		found, n, err := s.advance(ctx, now, limit)
		moved += n
		if err != nil || found < limit {
			return moved, err
		}
	}
	return moved, nil
}

func (s *Store) advance(ctx context.Context, now time.Time, limit int) (found, moved int, err error) {
	err = s.InTx(ctx, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, dueSQL, now, limit)
		ids, err := pgx.CollectRows(rows, pgx.RowTo[ID])
		if found = len(ids); err != nil || found == 0 {
			return mapError("look for notifications whose retry is late", err)
		}
		organizations := make(map[int64]bool)
		err = Isolate(ids, func(part []ID) error {
			return inSavepoint(ctx, tx, func(tx pgx.Tx) error { return moveOn(ctx, tx, part, now, organizations, &moved) })
		}, func(id ID, _ error) error { // nothing can be expected of it any more, and the others go on
			_, err := tx.Exec(ctx, "UPDATE notifications SET due_at = NULL WHERE id = $1", id)
			return mapError("leave notification "+id.String()+" where it stands", err)
		})
		if err != nil {
			return err
		}
		for _, id := range sortedKeys(organizations) {
			if err := notify(ctx, tx, TopicNotifications, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	return found, moved, nil
}

// moveOn works out where notifications stand now, and adds to what has changed.
func moveOn(ctx context.Context, tx pgx.Tx, ids []ID, now time.Time, organizations map[int64]bool, moved *int) error {
	rows, _ := tx.Query(ctx, advanceSQL, ids, now)
	var organization int64
	var elsewhere bool
	var changed []int64
	_, err := pgx.ForEachRow(rows, []any{&organization, &elsewhere}, func() error {
		if elsewhere {
			changed = append(changed, organization)
		}
		return nil
	})
	if err != nil {
		return mapError("move notifications on", err)
	}
	*moved += len(changed)
	for _, id := range changed {
		organizations[id] = true
	}
	return nil
}

// policiesThen gives every delivery that was not answered 200 the retry policy of its subscription at that time.
func policiesThen(ctx context.Context, tx pgx.Tx, deliveries []Delivery) error {
	for i, d := range deliveries {
		if d.Answered == answeredOK {
			continue
		}
		p, err := retryPolicyAt(ctx, tx, d.SubscriptionID, d.ReceivedAt)
		if err != nil {
			return err
		}
		deliveries[i].RetryPolicy = &p
	}
	return nil
}

// RetryPolicyAt returns the retry policy that a subscription had at a time; of a time before the first, the first. ErrNotFound.
func (s *Store) RetryPolicyAt(ctx context.Context, subscriptionID int64, at time.Time) (RetryPolicy, error) {
	return retryPolicyAt(ctx, s.pool, subscriptionID, at)
}

func retryPolicyAt(ctx context.Context, db querier, subscriptionID int64, at time.Time) (RetryPolicy, error) {
	var p RetryPolicy
	err := db.QueryRow(ctx, `SELECT policy FROM (
			(SELECT policy, since FROM retry_policies WHERE subscription_id = $1 AND since <= $2 ORDER BY since DESC LIMIT 1)
			UNION ALL (SELECT policy, since FROM retry_policies WHERE subscription_id = $1 AND since > $2 ORDER BY since LIMIT 1)
			UNION ALL (SELECT retry_policy, 'infinity' FROM subscriptions WHERE id = $1)
		) p ORDER BY since LIMIT 1`, subscriptionID, at).Scan(&p)
	return p, mapError(fmt.Sprintf("get retry policy of subscription %d", subscriptionID), err)
}

// noteRetryPolicy keeps a policy that is asked for from now on; one like the last is no news.
func noteRetryPolicy(ctx context.Context, tx pgx.Tx, subscriptionID int64, p RetryPolicy, now time.Time) error {
	_, err := tx.Exec(ctx, `INSERT INTO retry_policies (subscription_id, since, policy) SELECT $1, $2, $3
		WHERE $3::jsonb IS DISTINCT FROM (SELECT policy FROM retry_policies WHERE subscription_id = $1 ORDER BY since DESC LIMIT 1)
		ON CONFLICT (subscription_id, since) DO UPDATE SET policy = excluded.policy`, subscriptionID, now, p)
	return mapError(fmt.Sprintf("keep retry policy of subscription %d", subscriptionID), err)
}
