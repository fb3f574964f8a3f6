package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// grouping is what a batch changes.
type grouping struct {
	items   []*described       // in order of arrival, each with its NotificationID
	keys    []*described       // whose fingerprint was not known
	lowered []*described       // whose fingerprint is known with a higher retry number
	made    []*groupedTogether // new notifications
	touched []*groupedTogether // notifications that were there
}

// groupedTogether is what the batch brings to one notification.
type groupedTogether struct {
	id                    ID
	first                 *described
	count                 int
	last                  time.Time
	firstRetry, lastRetry int
	stands                *described // whose answer says where the notification stands
}

func (g *groupedTogether) add(it *described) {
	if g.count == 0 {
		g.first, g.last, g.firstRetry, g.lastRetry, g.stands = it, it.ReceivedAt, it.RetryNumber, it.RetryNumber, it
	}
	if it.outdoes(g.stands) {
		g.stands = it
	}
	g.count++
	g.firstRetry, g.lastRetry = min(g.firstRetry, it.RetryNumber), max(g.lastRetry, it.RetryNumber)
	if it.ReceivedAt.After(g.last) {
		g.last = it.ReceivedAt
	}
}

// assign gives every delivery its notification: that of its fingerprint; otherwise one within the horizon that differs in its date
// alone (sameButDate); otherwise a new one. items are in order of arrival, and what one finds or makes the next ones know.
func assign(items []*described, known knownKeys) grouping {
	g := grouping{items: items}
	together := make(map[ID]*groupedTogether)
	for _, it := range items {
		key, found := known.strict[it.strict()]
		switch {
		case !found:
			key = &knownKey{notification: it.ID, retry: it.RetryNumber, eventAt: it.EventAt}
			if id, ok := known.sameButDate(it); ok {
				key.notification = id
			}
			known.add(it.strict(), it.loose(), key)
			g.keys = append(g.keys, it)
		case it.RetryNumber < key.retry:
			key.retry = it.RetryNumber
			g.lowered = append(g.lowered, it)
		}
		id := key.notification
		it.NotificationID = id
		n := together[id]
		if n == nil {
			n = &groupedTogether{id: id}
			together[id] = n
			if id == it.ID {
				g.made = append(g.made, n)
			} else {
				g.touched = append(g.touched, n)
			}
		}
		n.add(it)
	}
	return g
}

func (id ID) before(other ID) bool { return bytes.Compare(id[:], other[:]) < 0 }

// writeNotifications sends everything at once. The statements that are sent row by row find their partition by the id; there are few of them.
func (s *Store) writeNotifications(ctx context.Context, tx pgx.Tx, g grouping) error {
	batch := &pgx.Batch{}
	queueKeys(batch, g.keys)
	for _, it := range g.lowered {
		batch.Queue("UPDATE notification_keys SET retry_number = least(retry_number, $3) WHERE subscription_id = $1 AND fingerprint = $2", it.SubscriptionID, it.Fingerprint, it.RetryNumber)
	}
	queueMade(batch, g.made)
	slices.SortFunc(g.touched, func(a, b *groupedTogether) int { return bytes.Compare(a.id[:], b.id[:]) })
	for _, n := range g.touched {
		queueTouched(batch, n)
	}
	if open := g.open(); len(open) > 0 {
		batch.Queue(advanceSQL, open, s.now()) // one that arrived long ago, and was released now, is overdue at once
	}
	last := make(map[int64]time.Time)
	organizations := make(map[int64]bool)
	for _, it := range g.items {
		if it.NotificationID != it.ID {
			batch.Queue("UPDATE deliveries SET notification_id = $2 WHERE id = $1", it.ID, it.NotificationID)
		}
		if it.ReceivedAt.After(last[it.SubscriptionID]) {
			last[it.SubscriptionID] = it.ReceivedAt
		}
		organizations[it.OrganizationID] = true
	}
	if retried := g.withRetries(); len(retried) > 0 {
		batch.Queue(recountLostSQL, retried)
	}
	for _, id := range sortedKeys(last) {
		batch.Queue("UPDATE subscriptions SET last_delivery_at = $2 WHERE id = $1 AND coalesce(last_delivery_at, 'epoch') < $2", id, last[id])
	}
	for _, id := range sortedKeys(organizations) {
		batch.Queue("SELECT pg_notify($1, $2)", liveChannel, fmt.Sprintf("%s:%d", TopicNotifications, id))
	}
	return mapError(fmt.Sprintf("write notifications of %d deliveries", len(g.items)), tx.SendBatch(ctx, batch).Close())
}

// queueKeys claims fingerprints. That one is claimed meanwhile cannot be, as replicas take turns; if it is, the constraint ends the
// transaction and the batch is grouped again.
func queueKeys(batch *pgx.Batch, items []*described) {
	if len(items) == 0 {
		return
	}
	batch.Queue(`INSERT INTO notification_keys (subscription_id, fingerprint, loose, notification_id, retry_number, event_at)
		SELECT subscription_id, fingerprint, loose, notification_id, retry_number, coalesce(event_at, 'infinity') FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::uuid[], $5::int[], $6::timestamptz[])
		AS t (subscription_id, fingerprint, loose, notification_id, retry_number, event_at)`,
		column(items, func(it *described) int64 { return it.SubscriptionID }),
		column(items, func(it *described) []byte { return it.Fingerprint }),
		column(items, func(it *described) []byte { return it.Loose }),
		column(items, func(it *described) ID { return it.NotificationID }),
		column(items, func(it *described) int { return it.RetryNumber }),
		column(items, func(it *described) *time.Time { return zeroIsNull(it.EventAt) }))
}

func queueMade(batch *pgx.Batch, made []*groupedTogether) {
	if len(made) == 0 {
		return
	}
	batch.Queue(`INSERT INTO notifications (id, received_at, subscription_id, organization_id, product_id, event_type, webhook_id, event_date, event_organization, object_id, summary,
			state, readable, test, first_retry_number, last_retry_number, delivery_count, last_delivery_at, fingerprint, body_bytes, payload,
			retries_of, next_attempt_at, overdue_at, gives_up_at, due_at)
		SELECT id, received_at, subscription_id, organization_id, product_id, event_type, webhook_id, event_date, event_organization, object_id, summary,
			state, readable, test, first_retry_number, last_retry_number, delivery_count, last_delivery_at, fingerprint, body_bytes, payload::jsonb,
			retries_of, next_attempt_at, overdue_at, gives_up_at, overdue_at
		FROM unnest($1::uuid[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],
			$12::bool[], $13::bool[], $14::int[], $15::int[], $16::int[], $17::timestamptz[], $18::bytea[], $19::int[], $20::text[], $21::text[], $22::int[],
			$23::timestamptz[], $24::timestamptz[], $25::timestamptz[])
		AS t (id, received_at, subscription_id, organization_id, product_id, event_type, webhook_id, event_date, event_organization, object_id, summary,
			readable, test, first_retry_number, last_retry_number, delivery_count, last_delivery_at, fingerprint, body_bytes, payload, state, retries_of,
			next_attempt_at, overdue_at, gives_up_at)`,
		column(made, func(n *groupedTogether) ID { return n.id }),
		column(made, func(n *groupedTogether) time.Time { return n.first.ReceivedAt }),
		column(made, func(n *groupedTogether) int64 { return n.first.SubscriptionID }),
		column(made, func(n *groupedTogether) int64 { return n.first.OrganizationID }),
		column(made, func(n *groupedTogether) string { return n.first.ProductID }),
		column(made, func(n *groupedTogether) string { return n.first.EventType }),
		column(made, func(n *groupedTogether) string { return n.first.WebhookID }),
		column(made, func(n *groupedTogether) string { return n.first.EventDate }),
		column(made, func(n *groupedTogether) string { return n.first.EventOrganization }),
		column(made, func(n *groupedTogether) string { return n.first.ObjectID }),
		column(made, func(n *groupedTogether) string { return n.first.Summary }),
		column(made, func(n *groupedTogether) bool { return n.first.Readable }),
		column(made, func(n *groupedTogether) bool { return n.first.Test }),
		column(made, func(n *groupedTogether) int { return n.firstRetry }),
		column(made, func(n *groupedTogether) int { return n.lastRetry }),
		column(made, func(n *groupedTogether) int { return n.count }),
		column(made, func(n *groupedTogether) time.Time { return n.last }),
		column(made, func(n *groupedTogether) []byte { return n.first.Fingerprint }),
		column(made, func(n *groupedTogether) int { return n.first.BodyBytes }),
		column(made, func(n *groupedTogether) *string { return payloadText(n.first) }),
		column(made, func(n *groupedTogether) string { return string(n.stands.state()) }),
		column(made, func(n *groupedTogether) int { return n.stands.Retries }),
		column(made, func(n *groupedTogether) *time.Time { return zeroIsNull(n.stands.Next.At) }),
		column(made, func(n *groupedTogether) *time.Time { return zeroIsNull(n.stands.Next.OverdueAt) }),
		column(made, func(n *groupedTogether) *time.Time { return zeroIsNull(n.stands.Next.GivesUpAt) }))
}

// payloadText is what Postgres reads as jsonb; nil is NULL.
func payloadText(it *described) *string {
	if len(it.Payload) == 0 {
		return nil
	}
	text := string(it.Payload)
	return &text
}
