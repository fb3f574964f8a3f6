package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// forgetPurged deletes the keys by which the batch found notifications that are not there any more, and reports whether there were any. Retention deletes keys before
// notifications, but one may be added for a late retry just before its notification goes. Only what is older than a week is looked at:
// nothing younger is ever purged.
func (g *grouping) forgetPurged(ctx context.Context, tx pgx.Tx) (bool, error) {
	old := make(map[ID]bool)
	for _, n := range g.touched {
		if n.id.Time().Before(n.last.Add(-partitionSpan)) {
			old[n.id] = true
		}
	}
	if len(old) == 0 {
		return false, nil
	}
	var items []*described
	for _, it := range g.items {
		if old[it.NotificationID] {
			items = append(items, it)
		}
	}
	tag, err := tx.Exec(ctx, `DELETE FROM notification_keys k USING unnest($1::bigint[], $2::bytea[], $3::uuid[]) AS t (subscription_id, loose, notification_id)
		WHERE k.subscription_id = t.subscription_id AND k.loose = t.loose AND k.notification_id = t.notification_id
			AND NOT EXISTS (SELECT FROM notifications n WHERE n.id = t.notification_id)`,
		column(items, func(it *described) int64 { return it.SubscriptionID }),
		column(items, func(it *described) []byte { return it.Loose }),
		column(items, func(it *described) ID { return it.NotificationID }))
	return err == nil && tag.RowsAffected() > 0, mapError("forget purged notifications", err)
}
