package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Description is what a verified delivery's body says, as GroupNext's caller read it.
type Description struct {
	Fingerprint       []byte // of everything that stays the same when it is sent again (design.md section 4)
	Loose             []byte // the same without the event date
	EventOrganization string
	ObjectID          string
	Summary           string
	Readable          bool
	Test              bool
	Payload           json.RawMessage // masked; nil when there is none that Postgres can hold
	Horizon           time.Duration   // how long after its first attempt a retry may come; 0: no loose match is looked for
}

// GroupNext takes up to limit verified deliveries that belong to no notification yet, oldest first, asks describe about each, and makes or
// extends their notifications, all in one transaction. It returns how many it took: fewer than limit means that
// nothing waits. Replicas may call it at the same time: they take different deliveries. A delivery whose payload Postgres
// refuses is grouped without payload.
func (s *Store) GroupNext(ctx context.Context, limit int, describe func(Delivery) Description) (int, error) {
	n, err := s.groupBatch(ctx, limit, describe)
	if err == nil || !errors.Is(err, ErrInvalid) {
		return n, err
	}
	// One row of the batch is refused. Alone, each shows whether it is the one.
	for taken := range limit {
		n, err := s.groupBatch(ctx, 1, describe)
		if errors.Is(err, ErrInvalid) {
			n, err = s.groupBatch(ctx, 1, func(d Delivery) Description {
				described := describe(d)
				described.Payload = nil
				return described
			})
		}
		if err != nil || n == 0 {
			return taken, err
		}
	}
	return limit, nil
}

type described struct {
	Delivery
	Description
	isNew bool
}

func (s *Store) groupBatch(ctx context.Context, limit int, describe func(Delivery) Description) (int, error) {
	taken := 0
	err := s.InTx(ctx, func(tx pgx.Tx) error {
		deliveries, err := s.takeUngrouped(ctx, tx, limit)
		if err != nil {
			return err
		}
		if taken = len(deliveries); taken == 0 {
			return nil
		}
		items := make([]*described, taken)
		for i, d := range deliveries {
			items[i] = &described{Delivery: d, Description: describe(d)}
		}
		// One order for all replicas, so that they wait for one another's keys and never deadlock; equal keys in order of arrival.
		slices.SortFunc(items, func(a, b *described) int {
			if c := bytes.Compare(a.Fingerprint, b.Fingerprint); c != 0 {
				return c
			}
			return bytes.Compare(a.ID[:], b.ID[:])
		})
		for _, it := range items {
			if err := claimKey(ctx, tx, it); err != nil {
				return err
			}
		}
		return s.writeNotifications(ctx, tx, items)
	})
	return taken, err
}

func (s *Store) takeUngrouped(ctx context.Context, tx pgx.Tx, limit int) ([]Delivery, error) {
	rows, _ := tx.Query(ctx, `WITH taken AS (DELETE FROM grouping_queue WHERE delivery_id IN
			(SELECT delivery_id FROM grouping_queue ORDER BY delivery_id LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING delivery_id)
		SELECT `+deliverySelect+`, body FROM deliveries WHERE id = ANY (ARRAY(SELECT delivery_id FROM taken)) ORDER BY id`, limit)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Delivery, error) {
		return s.scanDeliveryWithBody(row)
	})
	return list, mapError("take deliveries to group", err)
}

// claimKey finds the notification of a delivery by its fingerprint, then for retries by its loose one, or claims the fingerprint for a new notification.
func claimKey(ctx context.Context, tx pgx.Tx, it *described) error {
	if it.RetryNumber > 0 && it.Horizon > 0 {
		var id ID
		err := tx.QueryRow(ctx, `SELECT notification_id FROM notification_keys WHERE subscription_id = $1 AND (fingerprint = $2 OR loose = $3 AND notification_id >= $4)
			ORDER BY fingerprint = $2 DESC, notification_id DESC LIMIT 1`,
			it.SubscriptionID, it.Fingerprint, it.Loose, FloorID(it.ReceivedAt.Add(-it.Horizon))).Scan(&id)
		if err == nil {
			it.NotificationID = id
		} else if !errors.Is(err, pgx.ErrNoRows) {
			return mapError("look for notification of retry", err)
		}
	}
	wanted := it.NotificationID
	if wanted.IsZero() {
		wanted = it.ID
	}
	var id ID
	// The update changes nothing; it makes the statement wait for and return a row that another transaction just wrote.
	err := tx.QueryRow(ctx, `INSERT INTO notification_keys AS k (subscription_id, fingerprint, loose, notification_id) VALUES ($1, $2, $3, $4)
		ON CONFLICT (subscription_id, fingerprint) DO UPDATE SET notification_id = k.notification_id RETURNING notification_id`,
		it.SubscriptionID, it.Fingerprint, it.Loose, wanted).Scan(&id)
	if err != nil {
		return mapError("claim fingerprint", err)
	}
	it.NotificationID, it.isNew = id, id == it.ID
	return nil
}

func (s *Store) writeNotifications(ctx context.Context, tx pgx.Tx, items []*described) error {
	batch := &pgx.Batch{}
	last := make(map[int64]time.Time)
	organizations := make(map[int64]bool)
	for _, it := range items {
		if it.isNew {
			queueNewNotification(batch, it)
		} else {
			queueRetry(batch, it)
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
	return mapError(fmt.Sprintf("write notifications of %d deliveries", len(items)), tx.SendBatch(ctx, batch).Close())
}

func queueNewNotification(batch *pgx.Batch, it *described) {
	batch.Queue(`INSERT INTO notifications (id, received_at, subscription_id, organization_id, product_id, event_type, webhook_id, event_date, event_organization, object_id, summary,
			state, readable, test, first_retry_number, last_retry_number, delivery_count, last_delivery_at, fingerprint, body_bytes, payload)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'delivered', $12, $13, $14, $14, 1, $2, $15, $16, $17)`,
		it.ID, it.ReceivedAt, it.SubscriptionID, it.OrganizationID, it.ProductID, it.EventType, it.WebhookID, it.EventDate, it.EventOrganization, it.ObjectID, it.Summary,
		it.Readable, it.Test, it.RetryNumber, it.Fingerprint, it.BodyBytes, emptyIsNull(it.Payload))
}

func queueRetry(batch *pgx.Batch, it *described) {
	batch.Queue("UPDATE deliveries SET notification_id = $2 WHERE id = $1", it.ID, it.NotificationID)
	batch.Queue(`UPDATE notifications SET delivery_count = delivery_count + 1, last_delivery_at = greatest(last_delivery_at, $2), last_retry_number = greatest(last_retry_number, $3),
		first_retry_number = least(first_retry_number, $3) WHERE id = $1`, it.NotificationID, it.ReceivedAt, it.RetryNumber)
}
