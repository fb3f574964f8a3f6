package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// mostRefused bounds the rejected deliveries of one subscription that are looked at: the newest.
const mostRefused = 1000

// RefusedRange says which rejected deliveries of one subscription are looked at.
type RefusedRange struct {
	SubscriptionID int64
	From, To       time.Time
	LastRetry      int // number of the last retry of its retry policy; 0: it has none
}

// Refused is how many deliveries of a subscription were rejected for one reason, and how many of them Cybersource sends no more.
type Refused struct {
	SubscriptionID int64
	Reason         string
	Deliveries     int
	Retries        int       // deliveries that say they are retries
	GivenUp        int       // notifications whose last retry is among them, and of which no attempt was verified
	LastAt         time.Time // when the latest came
}

// RefusedByReason returns what was rejected by subscription and reason, most first. It reads the kept deliveries, because the sums of traffic
// do not know retries. What a rejected delivery says of itself is not proven.
func (s *Store) RefusedByReason(ctx context.Context, ranges []RefusedRange) ([]Refused, error) {
	rows, _ := s.pool.Query(ctx, `SELECT d.subscription_id, d.reason, count(*)::int, (count(*) FILTER (WHERE d.retry_number > 0))::int,
			(count(DISTINCT coalesce(d.explain_loose::text, d.id::text)) FILTER (WHERE r.last_retry > 0 AND d.retry_number >= r.last_retry AND NOT EXISTS (
				SELECT FROM notification_keys k WHERE k.subscription_id = d.subscription_id AND k.loose = d.explain_loose)))::int,
			max(d.received_at)
		FROM unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::int[]) AS r (subscription_id, low, high, last_retry)
		CROSS JOIN LATERAL (SELECT id, subscription_id, reason, retry_number, received_at, explain_loose FROM deliveries
			WHERE verdict = 'rejected' AND subscription_id = r.subscription_id AND id BETWEEN r.low AND r.high ORDER BY id DESC LIMIT $5) d
		GROUP BY 1, 2 ORDER BY 5 DESC, 3 DESC, 1, 2 LIMIT 1000`,
		planned([]any{
			column(ranges, func(r RefusedRange) int64 { return r.SubscriptionID }),
			column(ranges, func(r RefusedRange) ID { return FloorID(r.From) }),
			column(ranges, func(r RefusedRange) ID { return FloorID(r.To) }),
			column(ranges, func(r RefusedRange) int { return r.LastRetry }), mostRefused,
		})...)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Refused])
	return list, mapError("sum refused retries", err)
}
