package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// TrafficFilter narrows the sums of traffic; zero fields do not.
type TrafficFilter struct {
	OrganizationID int64
	Organizations  []int64 // any of these; nil: all
	SubscriptionID int64
	From, To       time.Time     // From is needed; To zero means now
	Step           time.Duration // width of a bucket; 0 means one minute
}

// TrafficBucket is what arrived within one step.
type TrafficBucket struct {
	Start              time.Time
	Verified, Rejected int64
}

// hourlyBeyond is the length of a range from which sums are read by the hour where they can be.
const hourlyBeyond = 6 * time.Hour

// trafficRows are the roll-ups of a range, with the parameters of trafficRange: minutes up to the first whole hour, hours, and minutes after the last whole one.
const trafficRows = `(
	SELECT minute AS start, subscription_id, organization_id, verdict, reason, deliveries, duplicates FROM traffic_minutes WHERE minute >= $1 AND minute < $2
	UNION ALL SELECT hour, subscription_id, organization_id, verdict, reason, deliveries, duplicates FROM traffic_hours WHERE hour >= $2 AND hour < $3
	UNION ALL SELECT minute, subscription_id, organization_id, verdict, reason, deliveries, duplicates FROM traffic_minutes WHERE minute >= $3 AND minute < $4
) r WHERE ($5 = 0 OR organization_id = $5) AND ($6 = 0 OR subscription_id = $6) AND ($7::bigint[] IS NULL OR organization_id = ANY($7))`

// trafficRange returns the parameters of trafficRows. step is the width of the buckets; 0 means that one sum is asked for.
func (s *Store) trafficRange(f TrafficFilter, step time.Duration, more ...any) []any {
	to := s.until(f.To)
	low, high := to, to // all by the minute
	if to.Sub(f.From) > hourlyBeyond && step%time.Hour == 0 {
		low, high = f.From.Add(time.Hour-1).UTC().Truncate(time.Hour), to.UTC().Truncate(time.Hour)
	}
	return planned(append([]any{f.From, low, high, to, f.OrganizationID, f.SubscriptionID, f.Organizations}, more...))
}

// Traffic returns deliveries by step, oldest first, only steps in which something arrived; at most 2,000.
func (s *Store) Traffic(ctx context.Context, f TrafficFilter) ([]TrafficBucket, error) {
	step := max(f.Step, time.Minute)
	rows, _ := s.pool.Query(ctx, `SELECT date_bin($8::interval, start, 'epoch') AS bucket,
			coalesce(sum(deliveries) FILTER (WHERE verdict = 'verified'), 0)::bigint, coalesce(sum(deliveries) FILTER (WHERE verdict = 'rejected'), 0)::bigint
		FROM `+trafficRows+` GROUP BY bucket ORDER BY bucket LIMIT 2000`, s.trafficRange(f, step, step)...)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (b TrafficBucket, err error) {
		err = row.Scan(&b.Start, &b.Verified, &b.Rejected)
		return b, err
	})
	return list, mapError("sum traffic", err)
}

// SubscriptionTraffic is what arrived for one subscription.
type SubscriptionTraffic struct {
	SubscriptionID     int64
	Verified, Rejected int64
	Duplicates         int64 // requests equal to one of these or an earlier one, which were answered and not stored again
}

// TrafficBySubscription returns sums for each subscription that received anything.
func (s *Store) TrafficBySubscription(ctx context.Context, f TrafficFilter) ([]SubscriptionTraffic, error) {
	rows, _ := s.pool.Query(ctx, `SELECT subscription_id, coalesce(sum(deliveries) FILTER (WHERE verdict = 'verified'), 0)::bigint, coalesce(sum(deliveries) FILTER (WHERE verdict = 'rejected'), 0)::bigint,
			sum(duplicates)::bigint FROM `+trafficRows+` GROUP BY subscription_id LIMIT 10000`, s.trafficRange(f, 0)...)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t SubscriptionTraffic, err error) {
		err = row.Scan(&t.SubscriptionID, &t.Verified, &t.Rejected, &t.Duplicates)
		return t, err
	})
	return list, mapError("sum traffic by subscription", err)
}

// ReasonCount is how many deliveries were rejected for a reason.
type ReasonCount struct {
	Reason     string
	Deliveries int64
}

// RejectedByReason returns rejected deliveries by reason, most first.
func (s *Store) RejectedByReason(ctx context.Context, f TrafficFilter) ([]ReasonCount, error) {
	rows, _ := s.pool.Query(ctx, `SELECT reason, sum(deliveries)::bigint FROM `+trafficRows+` AND verdict = 'rejected'
		GROUP BY reason ORDER BY 2 DESC, 1 LIMIT 100`, s.trafficRange(f, 0)...)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c ReasonCount, err error) {
		err = row.Scan(&c.Reason, &c.Deliveries)
		return c, err
	})
	return list, mapError("sum rejected deliveries", err)
}

func (s *Store) until(to time.Time) time.Time {
	if to.IsZero() {
		return s.now().Add(time.Minute)
	}
	return to
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
