package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Release is a delivery's way out of quarantine, with the verdict that it had at its arrival.
type Release struct {
	JudgementID int64
	At          time.Time
	Actor, Why  string
	FirstReason string
	FirstDetail string
	FirstKeyID  string
}

// AskRelease has what passes by a judgement released, with its audit row. It is worked through by ReleaseNext. ErrConflict when the judgement is not
// finished, nothing of it passes, or somebody asked before.
func (s *Store) AskRelease(ctx context.Context, id int64, userID int64, actor, why string, audit AuditEntry) error {
	return s.InTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE judgements SET state = 'releasing', release_asked_at = $2, progress_at = $2, release_user_id = nullif($3::bigint, 0), release_actor = $4, release_why = $5
			WHERE id = $1 AND state = 'judged' AND passing > 0`, id, s.now(), userID, actor, why)
		if err != nil {
			return mapError(fmt.Sprintf("ask for the release of judgement %d", id), err)
		}
		if tag.RowsAffected() != 1 {
			return fmt.Errorf("ask for the release of judgement %d: nothing of it waits for that: %w", id, ErrConflict)
		}
		_, err = insertAudit(ctx, tx, audit, s.now())
		return err
	})
}

// ReleaseNext releases up to limit deliveries of a judgement, oldest first, and reports whether more are left. Each is judged once more in the
// transaction that releases it: what does not pass stays where it is. What passes becomes verified, keeps the verdict of its arrival in
// released_deliveries, and waits for GroupNext like any other. Sums of traffic stay: they say what was found at arrival. It may be called twice,
// and by several processes at the same time. What the database refuses to release stays where it is, too.
func (s *Store) ReleaseNext(ctx context.Context, id int64, limit int, judge func(Delivery) Judged) (more bool, err error) {
	return isolateNext(limit, judge, func(limit int, judge func(Delivery) Judged) (bool, error) {
		return s.releasePart(ctx, id, limit, judge)
	})
}

func (s *Store) releasePart(ctx context.Context, id int64, limit int, judge func(Delivery) Judged) (more bool, err error) {
	err = s.InTx(ctx, func(tx pgx.Tx) error {
		j, err := takeTurn(ctx, tx, id)
		if err != nil || j.State != StateReleasing {
			return err
		}
		ids, err := passingAfter(ctx, tx, j, limit)
		if err != nil {
			return err
		}
		list, err := s.lockRejected(ctx, tx, ids)
		if err != nil {
			return err
		}
		pass := make([]*Delivery, 0, len(list))
		was := make([]Delivery, 0, len(list))
		for _, d := range list {
			if found := judge(d); found.Outcome == OutcomePasses {
				pass, was = append(pass, &found.Delivery), append(was, d)
			}
		}
		if err := s.release(ctx, tx, id, was, pass); err != nil {
			return err
		}
		if more = len(ids) > 0; more {
			j.ReleasedThrough = ids[len(ids)-1]
		}
		_, err = tx.Exec(ctx, `UPDATE judgements SET released = released + $2, withheld = withheld + $3, released_through = $4, progress_at = $5,
				state = CASE WHEN $6 THEN state ELSE 'released' END, released_at = CASE WHEN $6 THEN NULL ELSE $5::timestamptz END WHERE id = $1`,
			id, len(pass), len(ids)-len(pass), j.ReleasedThrough, s.now(), more)
		if err != nil {
			return mapError("count released deliveries", err)
		}
		return notifyRejected(ctx, tx, j.Filter.Organizations)
	})
	return more, mapJudgement("release", id, err)
}

// passingAfter returns what comes next, with bodies of bounded size in sum, and at least one while there is any.
func passingAfter(ctx context.Context, tx pgx.Tx, j Judgement, limit int) ([]ID, error) {
	rows, _ := tx.Query(ctx, `WITH next AS (SELECT delivery_id FROM judged_deliveries WHERE judgement_id = $1 AND outcome = 'passes' AND ($2::uuid IS NULL OR delivery_id > $2) ORDER BY delivery_id LIMIT $3),
			sized AS (SELECT n.delivery_id, sum(coalesce(d.body_bytes, 0)) OVER (ORDER BY n.delivery_id) - coalesce(d.body_bytes, 0) AS before FROM next n LEFT JOIN deliveries d ON d.id = n.delivery_id)
		SELECT delivery_id FROM sized WHERE before < $4 ORDER BY delivery_id`, j.ID, j.ReleasedThrough, limit, judgeBytes)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[ID])
	return ids, mapError("list passing deliveries", err)
}

// lockRejected returns those that are still in quarantine, in order of arrival; nobody else releases or discards them meanwhile.
func (s *Store) lockRejected(ctx context.Context, tx pgx.Tx, ids []ID) ([]Delivery, error) {
	rows, _ := tx.Query(ctx, "SELECT "+deliverySelect+", body FROM deliveries WHERE id = ANY($1) AND verdict = 'rejected' ORDER BY id FOR NO KEY UPDATE", ids)
	list, err := pgx.CollectRows(rows, s.scanDeliveryWithBody)
	return list, mapError("lock rejected deliveries", err)
}

// release writes what is released. The digest of a verified delivery is claimed too, so that the same request is known when it comes again; where it
// has come already, both are attempts of one notification.
func (s *Store) release(ctx context.Context, tx pgx.Tx, judgement int64, was []Delivery, pass []*Delivery) error {
	if len(pass) == 0 {
		return nil
	}
	byDigest := slices.Clone(pass)
	slices.SortFunc(byDigest, func(a, b *Delivery) int { return bytes.Compare(a.digest(), b.digest()) }) // as the writers take them: see deliveryColumns
	ids := column(pass, func(d *Delivery) ID { return d.ID })
	batch := &pgx.Batch{}
	batch.Queue(`UPDATE deliveries d SET verdict = 'verified', reason = '', reason_detail = t.detail, notification_id = d.id, key_id = t.key_id, variant = t.variant,
			envelope_signed = t.envelope_signed, signed_at = t.signed_at, product_id = t.product_id, event_type = t.event_type, webhook_id = t.webhook_id, trace_id = t.trace_id,
			request_type = t.request_type, retry_number = t.retry_number, event_date = t.event_date
		FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bool[], $6::timestamptz[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::int[], $13::text[])
			AS t (id, detail, key_id, variant, envelope_signed, signed_at, product_id, event_type, webhook_id, trace_id, request_type, retry_number, event_date)
		WHERE d.id = t.id`, ids,
		column(pass, func(d *Delivery) string { return d.ReasonDetail }),
		column(pass, func(d *Delivery) string { return d.KeyID }),
		column(pass, func(d *Delivery) string { return d.Variant }),
		column(pass, func(d *Delivery) bool { return d.EnvelopeSigned }),
		column(pass, func(d *Delivery) *time.Time { return zeroIsNull(d.SignedAt) }),
		column(pass, func(d *Delivery) string { return d.ProductID }),
		column(pass, func(d *Delivery) string { return d.EventType }),
		column(pass, func(d *Delivery) string { return d.WebhookID }),
		column(pass, func(d *Delivery) string { return d.TraceID }),
		column(pass, func(d *Delivery) string { return d.RequestType }),
		column(pass, func(d *Delivery) int { return d.RetryNumber }),
		column(pass, func(d *Delivery) string { return d.EventDate }))
	batch.Queue(`INSERT INTO released_deliveries (delivery_id, judgement_id, released_at, first_reason, first_detail, first_key_id)
		SELECT id, $1, $2, reason, detail, key_id FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[]) AS t (id, reason, detail, key_id)`, judgement, s.now(), ids,
		column(was, func(d Delivery) string { return d.Reason }),
		column(was, func(d Delivery) string { return d.ReasonDetail }),
		column(was, func(d Delivery) string { return d.KeyID }))
	batch.Queue(`INSERT INTO delivery_digests (endpoint_id, digest, delivery_id) SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::uuid[]) ON CONFLICT (endpoint_id, digest) DO NOTHING`,
		column(byDigest, func(d *Delivery) int64 { return d.EndpointID }),
		column(byDigest, func(d *Delivery) []byte { return d.digest() }),
		column(byDigest, func(d *Delivery) ID { return d.ID }))
	for i, d := range pass {
		if d.Blanked > was[i].Blanked {
			batch.Queue("UPDATE deliveries SET body = $2, blanked = $3 WHERE id = $1", d.ID, s.sealBody(d.ID, d.Body), d.Blanked) // it was opened only now
		}
	}
	batch.Queue("INSERT INTO grouping_queue (delivery_id) SELECT unnest($1::uuid[])", ids)
	return mapError(fmt.Sprintf("release %d deliveries", len(pass)), tx.SendBatch(ctx, batch).Close())
}
