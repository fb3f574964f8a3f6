package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// JudgedOutcome is what judging a rejected delivery again came to.
type JudgedOutcome string

// The outcomes.
const (
	OutcomePasses    JudgedOutcome = "passes"
	OutcomeRejected  JudgedOutcome = "rejected"
	OutcomeNotJudged JudgedOutcome = "not_judged" // something that is needed for it was not kept
)

// Judged is a delivery as it would be had it arrived today, at the time at which it did.
type Judged struct {
	Outcome JudgedOutcome
	// Delivery has the new verdict, reason and detail, and what could be read; the rest is as it was stored.
	Delivery Delivery
	// Rung explains a rejection; "" when nothing does.
	Rung string
}

const (
	// judgeBytes bounds the bodies that are held while one part of a judgement is judged.
	judgeBytes = 8 << 20
	// turnTimeout ends the turn of a process that stops in the midst of one.
	turnTimeout = "SELECT set_config('idle_in_transaction_session_timeout', '30s', true)"
)

// takeTurn locks a judgement, so that replicas do its parts one after the other.
func takeTurn(ctx context.Context, tx pgx.Tx, id int64) (Judgement, error) {
	if _, err := tx.Exec(ctx, turnTimeout); err != nil {
		return Judgement{}, mapError("take turn at judgement", err)
	}
	return getJudgement(ctx, tx, id, " FOR UPDATE")
}

// JudgeNext judges up to limit deliveries of a judgement, oldest first, and reports whether more are left. Nothing else is changed by it: the
// deliveries keep their verdicts. Processes may call it at the same time, and what a crash leaves the next call finds.
//
// A delivery whose new verdict the database refuses is kept as not judged.
func (s *Store) JudgeNext(ctx context.Context, id int64, limit int, judge func(Delivery) Judged) (more bool, err error) {
	return isolateNext(limit, judge, func(limit int, judge func(Delivery) Judged) (bool, error) { return s.judgePart(ctx, id, limit, judge) })
}

// isolateNext does the next part of a judgement. Where that ends in a data error it does fewer deliveries at a time, and the one that causes it as one that
// cannot be judged.
func isolateNext(limit int, judge func(Delivery) Judged, do func(limit int, judge func(Delivery) Judged) (more bool, err error)) (more bool, err error) {
	more, err = do(limit, judge)
	for ; limit > 1 && IsDataError(err) && !errors.Is(err, ErrNotFound); more, err = do(limit, judge) {
		limit /= 2
	}
	if !IsDataError(err) || errors.Is(err, ErrNotFound) {
		return more, err
	}
	return do(1, func(Delivery) Judged { return Judged{Outcome: OutcomeNotJudged} })
}

func (s *Store) judgePart(ctx context.Context, id int64, limit int, judge func(Delivery) Judged) (more bool, err error) {
	err = s.InTx(ctx, func(tx pgx.Tx) error {
		j, err := takeTurn(ctx, tx, id)
		if err != nil || j.State != StateJudging {
			return err
		}
		list, err := s.takeRejected(ctx, tx, j, min(limit, j.Found-j.Judged()))
		if err != nil {
			return err
		}
		found := make([]Judged, len(list))
		counts := map[JudgedOutcome]int{}
		for i, d := range list {
			found[i] = judge(d)
			counts[found[i].Outcome]++
			j.JudgedThrough = d.ID
		}
		if err := insertJudged(ctx, tx, id, list, found); err != nil {
			return err
		}
		// A delivery that was discarded meanwhile is not judged, so the counts may end below what was found.
		more = len(list) > 0 && j.Judged()+len(list) < j.Found
		_, err = tx.Exec(ctx, `UPDATE judgements SET passing = passing + $2, failing = failing + $3, not_judged = not_judged + $4, judged_through = $5, progress_at = $6,
				state = CASE WHEN $7 THEN state ELSE 'judged' END, judged_at = CASE WHEN $7 THEN NULL ELSE $6::timestamptz END WHERE id = $1`,
			id, counts[OutcomePasses], counts[OutcomeRejected], counts[OutcomeNotJudged], j.JudgedThrough, s.now(), more)
		if err != nil {
			return mapError("count judged deliveries", err)
		}
		return notifyRejected(ctx, tx, j.Filter.Organizations)
	})
	return more, mapJudgement("judge", id, err)
}

func mapJudgement(doing string, id int64, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s deliveries of judgement %d: %w", doing, id, err)
}

func notifyRejected(ctx context.Context, tx pgx.Tx, organizations []int64) error {
	for _, o := range organizations {
		if err := notify(ctx, tx, TopicRejected, o); err != nil {
			return err
		}
	}
	return nil
}

// takeRejected returns what comes next in a judgement with bodies of bounded size in sum, and at least one.
func (s *Store) takeRejected(ctx context.Context, tx pgx.Tx, j Judgement, limit int) ([]Delivery, error) {
	w := j.Filter.where()
	w.addIf(!j.JudgedThrough.IsZero(), "id > ?", j.JudgedThrough)
	w.args = append(w.args, limit, judgeBytes)
	rows, _ := tx.Query(ctx, fmt.Sprintf(`WITH next AS (SELECT id, sum(body_bytes) OVER (ORDER BY id) - body_bytes AS before FROM deliveries%s ORDER BY id LIMIT $%d)
		SELECT %s, body FROM deliveries WHERE id = ANY (ARRAY(SELECT id FROM next WHERE before < $%d)) ORDER BY id`, w.sql(), len(w.args)-1, deliverySelect, len(w.args)), planned(w.args)...)
	list, err := pgx.CollectRows(rows, s.scanDeliveryWithBody)
	return list, mapError("take rejected deliveries", err)
}

func insertJudged(ctx context.Context, tx pgx.Tx, id int64, was []Delivery, found []Judged) error {
	_, err := tx.Exec(ctx, `INSERT INTO judged_deliveries (judgement_id, delivery_id, outcome, first_reason, first_rung, reason, rung, detail, key_id)
		SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])`, id,
		column(was, func(d Delivery) ID { return d.ID }),
		column(found, func(j Judged) JudgedOutcome { return j.Outcome }),
		column(was, func(d Delivery) string { return d.Reason }),
		column(was, func(d Delivery) string { return d.Explanation.Rung }),
		column(found, func(j Judged) string { return j.Delivery.Reason }),
		column(found, func(j Judged) string { return j.Rung }),
		column(found, func(j Judged) string { return j.Delivery.ReasonDetail }),
		column(found, func(j Judged) string { return j.Delivery.KeyID }))
	return mapError("keep judged deliveries", err)
}
