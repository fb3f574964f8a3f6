package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// partitionSpan is the time one partition covers. Partitions begin on Mondays, 00:00 UTC.
const partitionSpan = 7 * 24 * time.Hour

// partitionedTables are those whose rows are found by a time-ordered id.
func partitionedTables() [2]string { return [2]string{"deliveries", "notifications"} }

// EnsurePartitions makes the weekly partitions from the week of from to that of to, where they are missing, and returns the names of those made. ErrBusy.
func (s *Store) EnsurePartitions(ctx context.Context, from, to time.Time) ([]string, error) {
	var made []string
	for week := weekOf(from); !week.After(to); week = week.Add(partitionSpan) {
		for _, table := range partitionedTables() {
			name, created, err := s.ensurePartition(ctx, table, week)
			if err != nil {
				return made, err
			}
			if created {
				made = append(made, name)
			}
		}
	}
	return made, nil
}

// ensurePartition is a transaction of its own: it locks one table only, so that readers of several tables never deadlock with it.
func (s *Store) ensurePartition(ctx context.Context, table string, week time.Time) (name string, created bool, err error) {
	err = s.inPartitionTx(ctx, func(tx pgx.Tx) error {
		name, created, err = ensurePartition(ctx, tx, table, week)
		return err
	})
	return name, created && err == nil, err
}

const (
	// lockWait is how long a change of partitions waits for its locks. Whoever comes meanwhile waits behind it, deliveries included.
	lockWait = "250ms"
	// lockTries is how often the change is tried before it is left to the next time.
	lockTries = 12
	lockPause = 300 * time.Millisecond
)

// inPartitionTx runs fn in a transaction that may lock what everybody uses. Replicas take turns. Locks that are not to be had at once are asked for again
// after a pause in which others go on; ErrBusy when they never are.
func (s *Store) inPartitionTx(ctx context.Context, fn func(pgx.Tx) error) error {
	for try := 1; ; try++ {
		err := s.InTx(ctx, func(tx pgx.Tx) error {
			// The turn is waited for longer than the locks.
			if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext('switchboard partitions'))"); err != nil {
				return mapError("lock partitions", err)
			}
			if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '"+lockWait+"'"); err != nil {
				return mapError("bound the wait for locks", err)
			}
			return fn(tx)
		})
		switch {
		case !isLockBusy(err):
			return err
		case try == lockTries:
			return fmt.Errorf("%w: %w", ErrBusy, err)
		}
		pause := time.NewTimer(lockPause)
		select {
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		case <-pause.C:
		}
	}
}

// isLockBusy reports lock_not_available and deadlock_detected.
func isLockBusy(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && (pgErr.Code == "55P03" || pgErr.Code == "40P01")
}

// rowBytes is what a row that is too long for a page's quarter is brought down to by moving its longest values out of line: the body or payload, so that pages of
// the heap hold many rows, and nothing else, as each value out of line costs a row of its own with an index.
const rowBytes = 1000

func ensurePartition(ctx context.Context, tx pgx.Tx, table string, week time.Time) (name string, created bool, err error) {
	name = table + week.Format("_20060102")
	var exists bool
	if err := tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", name).Scan(&exists); err != nil {
		return name, false, mapError("look for partition "+name, err)
	}
	if exists {
		return name, false, nil
	}
	low, high := FloorID(week), FloorID(week.Add(partitionSpan))
	// A partition cannot be attached while the default one holds rows of its range: they move over first, and none may come meanwhile.
	table, partition := pgx.Identifier{table}.Sanitize(), pgx.Identifier{name}.Sanitize()
	for _, statement := range []string{
		fmt.Sprintf("LOCK TABLE %s IN ACCESS EXCLUSIVE MODE", pgx.Identifier{tableDefault(table)}.Sanitize()),
		fmt.Sprintf("CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMPRESSION)", partition, table),
		fmt.Sprintf("WITH moved AS (DELETE FROM %s WHERE id >= '%s' AND id < '%s' RETURNING *) INSERT INTO %s SELECT * FROM moved",
			pgx.Identifier{tableDefault(table)}.Sanitize(), low, high, partition),
		fmt.Sprintf("ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')", table, partition, low, high),
		fmt.Sprintf("ALTER TABLE %s SET (toast_tuple_target = %d)", partition, rowBytes),
	} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return name, false, mapError("make partition "+name, err)
		}
	}
	return name, true, nil
}

func tableDefault(sanitized string) string { return sanitized[1:len(sanitized)-1] + "_default" }

// DefaultPartitionRows counts, up to 1000 each, the rows that no partition was made for.
func (s *Store) DefaultPartitionRows(ctx context.Context) (int, error) {
	var n int
	err := s.pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM (SELECT FROM deliveries_default LIMIT 1000) d) + (SELECT count(*) FROM (SELECT FROM notifications_default LIMIT 1000) n)`).Scan(&n)
	return n, mapError("count rows without partition", err)
}

func weekOf(t time.Time) time.Time {
	day := t.UTC().Truncate(24 * time.Hour)
	return day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
}
