package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// StatusPeriod is a time in which a subscription had one status.
type StatusPeriod struct {
	Status SubscriptionStatus
	From   time.Time // when we heard of it
	To     time.Time // zero: it has it still
}

// ListStatusPeriods returns the statuses that a subscription had within a time range, oldest first, at most 200. Zero to means now.
func (s *Store) ListStatusPeriods(ctx context.Context, subscriptionID int64, from, to time.Time) ([]StatusPeriod, error) {
	rows, _ := s.pool.Query(ctx, `SELECT status, since, coalesce(until, 'epoch') FROM (
			SELECT status, since, lead(since) OVER (ORDER BY since) AS until FROM subscription_statuses WHERE subscription_id = $1
		) p WHERE since < $3 AND (until IS NULL OR until >= $2) ORDER BY since LIMIT 200`, subscriptionID, from, s.until(to))
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p StatusPeriod, err error) {
		err = row.Scan(&p.Status, &p.From, &p.To)
		p.To = epochIsZero(p.To)
		return p, err
	})
	return list, mapError(fmt.Sprintf("list statuses of subscription %d", subscriptionID), err)
}

// noteStatus keeps that a subscription has another status from now on.
func noteStatus(ctx context.Context, tx pgx.Tx, subscriptionID int64, status SubscriptionStatus, now time.Time) error {
	_, err := tx.Exec(ctx, `INSERT INTO subscription_statuses (subscription_id, since, status) VALUES ($1, $2, $3)
		ON CONFLICT (subscription_id, since) DO UPDATE SET status = excluded.status`, subscriptionID, now, status)
	return mapError(fmt.Sprintf("keep status of subscription %d", subscriptionID), err)
}

// ListFailedPings returns the health checks of a subscription within a time range that were not answered 200, oldest first, at most 500. Zero to means now.
func (s *Store) ListFailedPings(ctx context.Context, subscriptionID int64, from, to time.Time) ([]HealthPing, error) {
	rows, _ := s.pool.Query(ctx, `SELECT h.endpoint_id, h.last_at, h.method, h.answered FROM health_pings h JOIN endpoints e ON e.id = h.endpoint_id
		WHERE e.subscription_id = $1 AND h.answered <> 200 AND h.minute >= date_trunc('minute', $2::timestamptz) AND h.last_at >= $2 AND h.last_at < $3 ORDER BY h.last_at LIMIT 500`,
		subscriptionID, from, s.until(to))
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p HealthPing, err error) {
		err = row.Scan(&p.EndpointID, &p.At, &p.Method, &p.Answered)
		return p, err
	})
	return list, mapError(fmt.Sprintf("list failed health checks of subscription %d", subscriptionID), err)
}

// ListReleases returns how deliveries left quarantine, for those that did, by their ids.
func (s *Store) ListReleases(ctx context.Context, deliveries []ID) (map[ID]Release, error) {
	rows, _ := s.pool.Query(ctx, `SELECT r.delivery_id, r.judgement_id, r.released_at, g.release_actor, g.release_why, r.first_reason, r.first_detail, r.first_key_id
		FROM released_deliveries r JOIN judgements g ON g.id = r.judgement_id WHERE r.delivery_id = ANY ($1)`, deliveries)
	releases := make(map[ID]Release)
	var id ID
	var r Release
	_, err := pgx.ForEachRow(rows, []any{&id, &r.JudgementID, &r.At, &r.Actor, &r.Why, &r.FirstReason, &r.FirstDetail, &r.FirstKeyID}, func() error {
		releases[id] = r
		return nil
	})
	return releases, mapError("list releases", err)
}
