package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Explanation is why a delivery was rejected, as far as that could be found out. It holds no key, and of signatures only the beginning.
type Explanation struct {
	Rung     string // the step of the ladder that explains it; "": not explained yet
	Detail   string // the facts in words; may be empty
	Expected string // the beginning of the signature that was expected; may be empty
	ObjectID string // what the delivery says it is about, masked, for search; only written
	Loose    string // a digest of what the delivery says without its event date, by which its notification is found; "": it cannot be read; only written
}

// ListUnexplained returns rejected deliveries without an explanation, oldest first, with their bodies. A body that cannot be opened
// stays nil, with BodyBytes telling that there was one. Nothing is locked: two callers may get the same ones.
func (s *Store) ListUnexplained(ctx context.Context, limit int) ([]Delivery, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+deliverySelect+", body FROM deliveries WHERE verdict = 'rejected' AND explain_rung = '' ORDER BY id LIMIT $1", limit)
	list, err := pgx.CollectRows(rows, s.scanDeliveryWithBody)
	return list, mapError("list unexplained deliveries", err)
}

// ListUnexplainedIDs returns the ids of what ListUnexplained returns, for when one of the rows cannot be read.
func (s *Store) ListUnexplainedIDs(ctx context.Context, limit int) ([]ID, error) {
	rows, _ := s.pool.Query(ctx, "SELECT id FROM deliveries WHERE verdict = 'rejected' AND explain_rung = '' ORDER BY id LIMIT $1", limit)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[ID])
	return ids, mapError("list ids of unexplained deliveries", err)
}

// GetUnexplained is ListUnexplained of one delivery. ErrNotFound when it is gone.
func (s *Store) GetUnexplained(ctx context.Context, id ID) (Delivery, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+deliverySelect+", body FROM deliveries WHERE id = $1", id)
	d, err := pgx.CollectExactlyOneRow(rows, s.scanDeliveryWithBody)
	return d, mapError("get unexplained delivery "+id.String(), err)
}

// InsertExplanations keeps explanations with their deliveries. One that was explained meanwhile keeps its first explanation, and one
// that is gone is no error.
func (s *Store) InsertExplanations(ctx context.Context, found map[ID]Explanation) error {
	ids := make([]ID, 0, len(found))
	var rungs, details, expected, objects []string
	var loose [][]byte
	for id, e := range found {
		ids, rungs, details, expected, objects = append(ids, id), append(rungs, e.Rung), append(details, e.Detail), append(expected, e.Expected), append(objects, e.ObjectID)
		loose = append(loose, digestOrNull(e.Loose))
	}
	_, err := s.pool.Exec(ctx, `UPDATE deliveries d SET explain_rung = e.rung, explain_detail = e.detail, explain_expected = e.expected, explain_object = e.object, explain_loose = e.loose
		FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[]) AS e (id, rung, detail, expected, object, loose)
		WHERE d.id = e.id AND d.verdict = 'rejected' AND d.explain_rung = ''`, ids, rungs, details, expected, objects, loose)
	if err != nil {
		return mapError("keep explanations", err)
	}
	return s.recountLostAround(ctx, ids)
}

func digestOrNull(text string) []byte {
	if text == "" {
		return nil
	}
	return []byte(text)
}
