package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// answerBounds are the upper ends of the histogram of answer times; the last one takes everything.
var answerBounds = [...]time.Duration{
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond,
	500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, time.Minute,
}

// AnswerBound returns the smallest bound of the histogram that a time is within.
func AnswerBound(took time.Duration) time.Duration {
	for _, bound := range answerBounds {
		if took <= bound {
			return bound
		}
	}
	return answerBounds[len(answerBounds)-1]
}

// AnswerCount counts the answers of a minute that took no longer than a bound, and longer than the one before it.
type AnswerCount struct {
	Minute         time.Time
	SubscriptionID int64
	OrganizationID int64
	Within         time.Duration // one that AnswerBound returns
	Answers        int64
}

// CountAnswers adds to the histograms of answer times by minute and hour, in one transaction. writer tells concurrent callers apart, as in
// InsertDeliveries.
func (s *Store) CountAnswers(ctx context.Context, writer int32, counts []AnswerCount) error {
	_, err := s.pool.Exec(ctx, `
		WITH input AS (
			SELECT * FROM unnest($2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) AS t (minute, subscription_id, organization_id, within_micros, answers)
		), by_minute AS (
			INSERT INTO answer_minutes AS m (minute, subscription_id, organization_id, within_micros, writer, answers)
			SELECT minute, subscription_id, organization_id, within_micros, $1::int, sum(answers) FROM input GROUP BY 1, 2, 3, 4
			ON CONFLICT (minute, subscription_id, within_micros, writer) DO UPDATE SET answers = m.answers + excluded.answers
		)
		INSERT INTO answer_hours AS h (hour, subscription_id, organization_id, within_micros, writer, answers)
		SELECT date_trunc('hour', minute, 'UTC'), subscription_id, organization_id, within_micros, $1::int, sum(answers) FROM input GROUP BY 1, 2, 3, 4
		ON CONFLICT (hour, subscription_id, within_micros, writer) DO UPDATE SET answers = h.answers + excluded.answers`,
		writer,
		column(counts, func(c AnswerCount) time.Time { return c.Minute }),
		column(counts, func(c AnswerCount) int64 { return c.SubscriptionID }),
		column(counts, func(c AnswerCount) int64 { return c.OrganizationID }),
		column(counts, func(c AnswerCount) int64 { return c.Within.Microseconds() }),
		column(counts, func(c AnswerCount) int64 { return c.Answers }))
	return mapError("count answer times", err)
}

// AnswerTimes is a histogram: how many answers took no longer than each bound and longer than the one before it.
type AnswerTimes map[time.Duration]int64

// Answers is how many there are.
func (t AnswerTimes) Answers() int64 {
	var sum int64
	for _, n := range t {
		sum += n
	}
	return sum
}

// Within returns the smallest bound that a share of the answers, of 0 to 1, took no longer than; 0 when there are none.
func (t AnswerTimes) Within(share float64) time.Duration {
	bounds := make([]time.Duration, 0, len(t))
	for bound := range t {
		bounds = append(bounds, bound)
	}
	slices.Sort(bounds)
	most, seen := share*float64(t.Answers()), int64(0)
	for _, bound := range bounds {
		if seen += t[bound]; float64(seen) >= most {
			return bound
		}
	}
	return 0
}

// answerRows are the roll-ups of a range, with the parameters of trafficRange, as trafficRows.
const answerRows = `(
	SELECT subscription_id, organization_id, within_micros, answers FROM answer_minutes WHERE minute >= $1 AND minute < $2
	UNION ALL SELECT subscription_id, organization_id, within_micros, answers FROM answer_hours WHERE hour >= $2 AND hour < $3
	UNION ALL SELECT subscription_id, organization_id, within_micros, answers FROM answer_minutes WHERE minute >= $3 AND minute < $4
) r WHERE ($5 = 0 OR organization_id = $5) AND ($6 = 0 OR subscription_id = $6) AND ($7::bigint[] IS NULL OR organization_id = ANY($7))`

// AnswerTimes returns how long deliveries waited for their answers. The step of the filter does not count.
func (s *Store) AnswerTimes(ctx context.Context, f TrafficFilter) (AnswerTimes, error) {
	rows, _ := s.pool.Query(ctx, "SELECT within_micros, sum(answers)::bigint FROM "+answerRows+" GROUP BY within_micros LIMIT 100", s.trafficRange(f, 0)...)
	times := make(AnswerTimes)
	var micros, answers int64
	_, err := pgx.ForEachRow(rows, []any{&micros, &answers}, func() error {
		times[time.Duration(micros)*time.Microsecond] = answers
		return nil
	})
	return times, mapError("sum answer times", err)
}
