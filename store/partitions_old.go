package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Partition is a week of deliveries or notifications.
type Partition struct {
	Table, Name string
	// Detached says that it was taken off its table, and only waits for being dropped.
	Detached bool
}

// OldPartitions returns the weekly partitions all of whose rows are of before the given time, oldest first, at most 1,000: those of their tables, and those that a
// purge took off and did not get to drop.
func (s *Store) OldPartitions(ctx context.Context, before time.Time) ([]Partition, error) {
	tables := partitionedTables()
	rows, _ := s.pool.Query(ctx, `SELECT t.name, c.relname, i.inhrelid IS NULL
		FROM unnest($1::text[]) AS t (name)
		JOIN pg_class c ON c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = t.name::regclass) AND c.relkind = 'r' AND c.relname ~ ('^' || t.name || '_[0-9]{8}$')
		LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND i.inhparent = t.name::regclass
		WHERE CASE WHEN i.inhrelid IS NOT NULL THEN substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''([0-9a-f-]{36})''\)')::uuid <= $2
			ELSE NOT c.relispartition AND right(c.relname, 8) <= $3 END
		ORDER BY right(c.relname, 8), t.name LIMIT 1000`, tables[:], FloorID(before), before.Add(-partitionSpan).UTC().Format("20060102"))
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Partition, err error) {
		err = row.Scan(&p.Table, &p.Name, &p.Detached)
		return p, err
	})
	return list, mapError("list old partitions", err)
}

// DropPartition takes a partition off its table and drops it. It waits for locks a moment at a time, so that deliveries are never held up for longer, and
// gives up with ErrBusy after some tries. What is gone already is no error.
func (s *Store) DropPartition(ctx context.Context, p Partition) error {
	err := s.inPartitionTx(ctx, func(tx pgx.Tx) error {
		var attached bool
		err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass($1) AND inhparent = $2::regclass)", p.Name, p.Table).Scan(&attached)
		if err != nil || !attached {
			return mapError("look for partition "+p.Name, err)
		}
		// Nobody is extending a notification while it goes: the next one to group looks for it in vain.
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext('switchboard grouping'))"); err != nil {
			return mapError("hold grouping", err)
		}
		_, err = tx.Exec(ctx, "ALTER TABLE "+pgx.Identifier{p.Table}.Sanitize()+" DETACH PARTITION "+pgx.Identifier{p.Name}.Sanitize())
		return mapError("detach partition "+p.Name, err)
	})
	if err != nil {
		return err
	}
	return s.inPartitionTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "DROP TABLE IF EXISTS "+pgx.Identifier{p.Name}.Sanitize())
		return mapError("drop partition "+p.Name, err)
	})
}

// maxStrays is how many rows outside all weeks one purge takes.
const maxStrays = 10_000

// OldStrays returns the rows of before the given time that lie outside all weekly partitions, by table: at most 10,000 each. A clock that was wrong leaves such.
func (s *Store) OldStrays(ctx context.Context, before time.Time) (map[string][]ID, error) {
	strays := make(map[string][]ID)
	for _, table := range partitionedTables() {
		rows, _ := s.pool.Query(ctx, "SELECT id FROM "+pgx.Identifier{table + "_default"}.Sanitize()+" WHERE id < $1 ORDER BY id LIMIT $2", FloorID(before), maxStrays)
		ids, err := pgx.CollectRows(rows, pgx.RowTo[ID])
		if err != nil {
			return nil, mapError("look for old rows outside all partitions of "+table, err)
		}
		if len(ids) > 0 {
			strays[table] = ids
		}
	}
	return strays, nil
}

// DeleteStrays deletes what OldStrays found, in bounded steps.
func (s *Store) DeleteStrays(ctx context.Context, strays map[string][]ID) error {
	for table, ids := range strays {
		for len(ids) > 0 {
			step := ids[:min(len(ids), deleteBatch)]
			if _, err := s.pool.Exec(ctx, "DELETE FROM "+pgx.Identifier{table + "_default"}.Sanitize()+" WHERE id = ANY($1)", step); err != nil {
				return mapError("delete old rows outside all partitions of "+table, err)
			}
			ids = ids[len(step):]
		}
	}
	return nil
}

// StrayWeeks returns weeks, from the given time on, of rows that lie outside all weekly partitions: at most as many as asked for.
func (s *Store) StrayWeeks(ctx context.Context, from time.Time, most int) ([]time.Time, error) {
	var weeks []time.Time
	for _, table := range partitionedTables() {
		next := FloorID(from)
		for range most {
			var id ID
			sql := "SELECT id FROM (SELECT id FROM " + pgx.Identifier{table + "_default"}.Sanitize() + " WHERE id >= $1 ORDER BY id LIMIT 1) s UNION ALL SELECT NULL LIMIT 1"
			if err := s.pool.QueryRow(ctx, sql, next).Scan(&id); err != nil {
				return nil, mapError("look for rows outside all partitions of "+table, err)
			}
			if id.IsZero() {
				break
			}
			week := weekOf(id.Time())
			weeks = append(weeks, week)
			next = FloorID(week.Add(partitionSpan))
		}
	}
	return weeks, nil
}
