package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// VerifiedByReplacedKey returns those of these notifications of which a delivery arrived signed with a key that had been replaced by then: a late
// retry, or somebody who got hold of the former key.
func (s *Store) VerifiedByReplacedKey(ctx context.Context, notifications []ID) (map[ID]bool, error) {
	found := make(map[ID]bool)
	var replaced bool
	if err := s.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM signature_keys WHERE replaced_at IS NOT NULL)").Scan(&replaced); err != nil || !replaced || len(notifications) == 0 {
		return found, mapError("look for replaced signature keys", err)
	}
	rows, _ := s.pool.Query(ctx, `SELECT DISTINCT d.notification FROM (
			SELECT id AS notification, organization_id, key_id, received_at FROM deliveries WHERE id = ANY($1)
			UNION ALL SELECT notification_id, organization_id, key_id, received_at FROM deliveries WHERE notification_id = ANY($1) AND notification_id <> id
		) d JOIN signature_keys k ON k.organization_id = d.organization_id AND lower(k.key_id) = lower(d.key_id) AND k.replaced_at <= d.received_at`, notifications)
	list, err := pgx.CollectRows(rows, pgx.RowTo[ID])
	for _, id := range list {
		found[id] = true
	}
	return found, mapError("find what replaced signature keys verified", err)
}
