package store

import (
	"context"
	"time"
)

// Unstored counts deliveries of a minute that were rejected and not stored.
type Unstored struct {
	Minute         time.Time
	SubscriptionID int64
	OrganizationID int64
	Reason         string
	Deliveries     int64
	BodyBytes      int64
	AnswerTime     time.Duration // the sum
}

// CountUnstored adds to the counts of what was rejected and not stored, and to the sums of traffic, in one transaction. writer tells
// concurrent callers apart, as in InsertDeliveries.
func (s *Store) CountUnstored(ctx context.Context, writer int32, counts []Unstored) error {
	_, err := s.pool.Exec(ctx, `
		WITH input AS (
			SELECT * FROM unnest($2::timestamptz[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[])
			AS t (minute, subscription_id, organization_id, reason, deliveries, body_bytes, answer_micros)
		), unstored AS (
			INSERT INTO rejected_unstored AS u (hour, subscription_id, organization_id, reason, writer, deliveries)
			SELECT date_trunc('hour', minute, 'UTC'), subscription_id, organization_id, reason, $1::int, sum(deliveries) FROM input GROUP BY 1, 2, 3, 4
			ON CONFLICT (hour, subscription_id, reason, writer) DO UPDATE SET deliveries = u.deliveries + excluded.deliveries
		), counted AS (
			INSERT INTO traffic_minutes AS m (minute, subscription_id, organization_id, verdict, reason, writer, deliveries, body_bytes, answer_micros)
			SELECT minute, subscription_id, organization_id, 'rejected', reason, $1::int, sum(deliveries), sum(body_bytes), sum(answer_micros) FROM input GROUP BY 1, 2, 3, 5
			ON CONFLICT (minute, subscription_id, verdict, reason, writer) DO UPDATE SET
				deliveries = m.deliveries + excluded.deliveries, body_bytes = m.body_bytes + excluded.body_bytes, answer_micros = m.answer_micros + excluded.answer_micros
		), counted_by_hour AS (
			INSERT INTO traffic_hours AS h (hour, subscription_id, organization_id, verdict, reason, writer, deliveries, body_bytes, answer_micros)
			SELECT date_trunc('hour', minute, 'UTC'), subscription_id, organization_id, 'rejected', reason, $1::int, sum(deliveries), sum(body_bytes), sum(answer_micros) FROM input GROUP BY 1, 2, 3, 5
			ON CONFLICT (hour, subscription_id, verdict, reason, writer) DO UPDATE SET
				deliveries = h.deliveries + excluded.deliveries, body_bytes = h.body_bytes + excluded.body_bytes, answer_micros = h.answer_micros + excluded.answer_micros
		)
		SELECT pg_notify('`+liveChannel+`', '`+string(TopicRejected)+`:' || organization_id) FROM (SELECT DISTINCT organization_id FROM input) r`,
		writer,
		column(counts, func(c Unstored) time.Time { return c.Minute }),
		column(counts, func(c Unstored) int64 { return c.SubscriptionID }),
		column(counts, func(c Unstored) int64 { return c.OrganizationID }),
		column(counts, func(c Unstored) string { return c.Reason }),
		column(counts, func(c Unstored) int64 { return c.Deliveries }),
		column(counts, func(c Unstored) int64 { return c.BodyBytes }),
		column(counts, func(c Unstored) int64 { return max(c.AnswerTime.Microseconds(), 0) }))
	return mapError("count rejected deliveries that are not stored", err)
}

// RejectedUnstored returns how many deliveries of a filter were only counted. Its time range is widened to whole hours; the explanation does not count,
// as they have none.
func (s *Store) RejectedUnstored(ctx context.Context, f RejectedFilter) (int64, error) {
	var n int64
	err := s.pool.QueryRow(ctx, `SELECT coalesce(sum(deliveries), 0)::bigint FROM rejected_unstored
		WHERE hour >= date_trunc('hour', $1::timestamptz, 'UTC') AND hour < $2 AND ($3 = 0 OR organization_id = $3) AND ($4::bigint[] IS NULL OR organization_id = ANY($4))
			AND ($5 = 0 OR subscription_id = $5) AND ($6 = '' OR reason = $6)`,
		f.From, s.until(f.To), f.OrganizationID, f.Organizations, f.SubscriptionID, f.Reason).Scan(&n)
	return n, mapError("sum rejected deliveries that are not stored", err)
}
