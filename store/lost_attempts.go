package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// refusedOf finds the rejected deliveries that look like attempts of notification n: they say the same, but for an event date that some senders change.
// A test always says the same, so only its date tells one from another.
const refusedOf = `FROM notification_keys k JOIN deliveries r ON r.subscription_id = k.subscription_id AND r.explain_loose = k.loose AND r.explain_loose IS NOT NULL
	WHERE k.subscription_id = n.subscription_id AND k.fingerprint = n.fingerprint AND r.verdict = 'rejected'
		AND (r.event_date = n.event_date OR NOT n.test AND r.received_at BETWEEN n.received_at - interval '2 days' AND n.received_at + interval '2 days')`

// recountLostSQL counts the attempts of notifications that never arrived: gaps in the numbers of those that did, verified or rejected.
const recountLostSQL = `UPDATE notifications n SET lost_attempts = c.lost FROM (
		SELECT n.id, least(max(a.number::bigint) + 1 - count(DISTINCT a.number), 1000000)::int AS lost FROM notifications n CROSS JOIN LATERAL (
			SELECT retry_number AS number FROM deliveries WHERE id = n.id
			UNION ALL SELECT retry_number FROM deliveries WHERE notification_id = n.id AND notification_id <> id
			UNION ALL (SELECT r.retry_number ` + refusedOf + ` LIMIT 1000)
		) a WHERE n.id = ANY ($1) GROUP BY n.id
	) c WHERE n.id = c.id AND n.id = ANY ($1) AND n.lost_attempts <> c.lost`

// recountLost brings lost_attempts up to date. It is called after the commit of what changes it: of two that change it at the same time, the later one sees both.
func (s *Store) recountLost(ctx context.Context, ids []ID) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := s.pool.Exec(ctx, recountLostSQL, ids)
	return mapError(fmt.Sprintf("count lost attempts of %d notifications", len(ids)), err)
}

// recountLostAround does it for the notifications that rejected deliveries look like attempts of.
func (s *Store) recountLostAround(ctx context.Context, deliveries []ID) error {
	rows, _ := s.pool.Query(ctx, `SELECT DISTINCT n.id FROM deliveries r
		CROSS JOIN LATERAL (SELECT notification_id FROM notification_keys k WHERE k.subscription_id = r.subscription_id AND k.loose = r.explain_loose ORDER BY notification_id DESC LIMIT 10) k
		JOIN notifications n ON n.id = k.notification_id WHERE r.id = ANY ($1) AND r.explain_loose IS NOT NULL`, deliveries)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[ID])
	if err != nil {
		return mapError("find notifications of rejected deliveries", err)
	}
	return s.recountLost(ctx, ids)
}

// maxRefusedAttempts bounds what is read of rejected deliveries that look like attempts of one notification.
const maxRefusedAttempts = 100

// ListRefusedAttempts returns the rejected deliveries that look like attempts of a notification, in order of arrival. What they say is not proven.
func (s *Store) ListRefusedAttempts(ctx context.Context, notification ID) ([]Delivery, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+deliverySelect+" FROM deliveries WHERE id IN (SELECT r.id FROM notifications n CROSS JOIN LATERAL (SELECT r.id "+refusedOf+
		") r WHERE n.id = $1 LIMIT $2) ORDER BY id", notification, maxRefusedAttempts)
	list, err := pgx.CollectRows(rows, scanDelivery)
	return list, mapError("list refused attempts of notification "+notification.String(), err)
}

// withRetries are the notifications of a grouping of which an attempt may be missing, or was: all but those that are new with their first attempt alone.
func (g grouping) withRetries() []ID {
	var ids []ID
	for _, n := range g.made {
		if n.lastRetry > 0 {
			ids = append(ids, n.id)
		}
	}
	for _, n := range g.touched {
		ids = append(ids, n.id)
	}
	return ids
}

// ListRefusedWith returns the other rejected deliveries that look like attempts of the same notification as this one, in order of arrival, at most 20.
func (s *Store) ListRefusedWith(ctx context.Context, delivery ID) ([]Delivery, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+deliverySelect+` FROM deliveries WHERE id IN (
			SELECT o.id FROM deliveries d JOIN deliveries o ON o.subscription_id = d.subscription_id AND o.explain_loose = d.explain_loose AND o.explain_loose IS NOT NULL
			WHERE d.id = $1 AND o.id <> d.id AND o.verdict = 'rejected' AND o.event_date = d.event_date LIMIT 20) ORDER BY id`, delivery)
	list, err := pgx.CollectRows(rows, scanDelivery)
	return list, mapError("list refused attempts beside delivery "+delivery.String(), err)
}
