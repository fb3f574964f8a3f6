package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// discardBatch bounds the rows that are held while discarding.
const discardBatch = 1000

// DiscardRejected deletes what a filter finds in quarantine, oldest first and at most MaxJudged, with bodies and all, and returns how many were
// deleted. The audit row is all that stays of them, with what was found about them when they were judged again; detail words it by their number. The
// same requests are stored again if they come again.
func (s *Store) DiscardRejected(ctx context.Context, f RejectedFilter, audit AuditEntry, detail func(deleted int) string) (int, error) {
	deleted := 0
	err := s.InTx(ctx, func(tx pgx.Tx) error {
		for deleted < MaxJudged {
			n, err := discardSome(ctx, tx, f)
			if err != nil {
				return err
			}
			if deleted += n; n < discardBatch {
				break
			}
		}
		if deleted == 0 {
			return fmt.Errorf("discard: no such delivery: %w", ErrNotFound)
		}
		audit.Detail = detail(deleted)
		if _, err := insertAudit(ctx, tx, audit, s.now()); err != nil {
			return err
		}
		return notifyRejected(ctx, tx, f.Organizations)
	})
	if err != nil {
		return 0, fmt.Errorf("discard rejected deliveries: %w", err)
	}
	return deleted, nil
}

func discardSome(ctx context.Context, tx pgx.Tx, f RejectedFilter) (int, error) {
	w := f.where()
	w.args = append(w.args, discardBatch)
	rows, _ := tx.Query(ctx, "SELECT "+deliverySelect+" FROM deliveries"+w.sql()+placeholder(" ORDER BY id LIMIT ", len(w.args))+" FOR UPDATE", planned(w.args)...)
	list, err := pgx.CollectRows(rows, scanDelivery)
	if err != nil || len(list) == 0 {
		return 0, mapError("take rejected deliveries", err)
	}
	batch := &pgx.Batch{}
	batch.Queue(`DELETE FROM delivery_digests k USING unnest($1::bigint[], $2::bytea[], $3::uuid[]) AS t (endpoint_id, digest, id)
		WHERE k.endpoint_id = t.endpoint_id AND k.digest = t.digest AND k.delivery_id = t.id`,
		column(list, func(d Delivery) int64 { return d.EndpointID }),
		column(list, func(d Delivery) []byte { return d.digest() }),
		column(list, func(d Delivery) ID { return d.ID }))
	batch.Queue("DELETE FROM deliveries WHERE id = ANY($1)", column(list, func(d Delivery) ID { return d.ID }))
	return len(list), mapError(fmt.Sprintf("delete %d rejected deliveries", len(list)), tx.SendBatch(ctx, batch).Close())
}
