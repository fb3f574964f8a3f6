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
}

func (g *groupedTogether) add(it *described) {
	if g.count == 0 {
		g.first, g.last, g.firstRetry, g.lastRetry = it, it.ReceivedAt, it.RetryNumber, it.RetryNumber
	}
	g.count++
	g.firstRetry, g.lastRetry = min(g.firstRetry, it.RetryNumber), max(g.lastRetry, it.RetryNumber)
	if it.ReceivedAt.After(g.last) {
		g.last = it.ReceivedAt
	}
}

// assign gives every delivery its notification: that of its fingerprint; for retries otherwise the newest within the horizon that differs in its date
// alone; otherwise a new one. items are in order of arrival, and what one finds or makes the next ones know.
func assign(items []*described, known knownKeys) grouping {
	g := grouping{items: items}
	together := make(map[ID]*groupedTogether)
	for _, it := range items {
		id, found := known.strict[it.strict()]
		if !found {
			if loose, ok := known.loose[it.loose()]; ok && it.mayHaveAnotherDate() && !loose.before(it.horizonStart()) {
				id = loose
			} else {
				id = it.ID
			}
			known.strict[it.strict()] = id
			g.keys = append(g.keys, it)
		}
		if newest, ok := known.loose[it.loose()]; !ok || newest.before(id) {
			known.loose[it.loose()] = id
		}
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
func writeNotifications(ctx context.Context, tx pgx.Tx, g grouping) error {
	batch := &pgx.Batch{}
	queueKeys(batch, g.keys)
	queueMade(batch, g.made)
	slices.SortFunc(g.touched, func(a, b *groupedTogether) int { return bytes.Compare(a.id[:], b.id[:]) })
	for _, n := range g.touched {
		batch.Queue(`UPDATE notifications SET delivery_count = delivery_count + $2, last_delivery_at = greatest(last_delivery_at, $3), last_retry_number = greatest(last_retry_number, $4),
			first_retry_number = least(first_retry_number, $5) WHERE id = $1`, n.id, n.count, n.last, n.lastRetry, n.firstRetry)
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
	batch.Queue("INSERT INTO notification_keys (subscription_id, fingerprint, loose, notification_id) SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::uuid[])",
		column(items, func(it *described) int64 { return it.SubscriptionID }),
		column(items, func(it *described) []byte { return it.Fingerprint }),
		column(items, func(it *described) []byte { return it.Loose }),
		column(items, func(it *described) ID { return it.NotificationID }))
}

func queueMade(batch *pgx.Batch, made []*groupedTogether) {
	if len(made) == 0 {
		return
	}
	batch.Queue(`INSERT INTO notifications (id, received_at, subscription_id, organization_id, product_id, event_type, webhook_id, event_date, event_organization, object_id, summary,
			state, readable, test, first_retry_number, last_retry_number, delivery_count, last_delivery_at, fingerprint, body_bytes, payload)
		SELECT id, received_at, subscription_id, organization_id, product_id, event_type, webhook_id, event_date, event_organization, object_id, summary,
			'delivered', readable, test, first_retry_number, last_retry_number, delivery_count, last_delivery_at, fingerprint, body_bytes, payload::jsonb
		FROM unnest($1::uuid[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],
			$12::bool[], $13::bool[], $14::int[], $15::int[], $16::int[], $17::timestamptz[], $18::bytea[], $19::int[], $20::text[])
		AS t (id, received_at, subscription_id, organization_id, product_id, event_type, webhook_id, event_date, event_organization, object_id, summary,
			readable, test, first_retry_number, last_retry_number, delivery_count, last_delivery_at, fingerprint, body_bytes, payload)`,
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
		column(made, func(n *groupedTogether) *string { return payloadText(n.first) }))
}

// payloadText is what Postgres reads as jsonb; nil is NULL.
func payloadText(it *described) *string {
	if len(it.Payload) == 0 {
		return nil
	}
	text := string(it.Payload)
	return &text
}
