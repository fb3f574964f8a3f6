package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// PurgedError says that something is gone because retention removed it. It is an ErrNotFound.
type PurgedError struct {
	ID ID
	At time.Time // when it was removed
}

// Error names the thing and the day.
func (e *PurgedError) Error() string {
	return fmt.Sprintf("%s: purged by retention on %s", e.ID, e.At.UTC().Format(time.DateOnly))
}

// Unwrap makes it an ErrNotFound.
func (*PurgedError) Unwrap() error { return ErrNotFound }

// orPurged turns an ErrNotFound for an ID into a PurgedError where retention is the reason.
func (s *Store) orPurged(ctx context.Context, id ID, err error) error {
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	purged := &PurgedError{ID: id}
	lookup := s.pool.QueryRow(ctx, "SELECT purged_at FROM purges WHERE purged_before > $1 AND purged_at IS NOT NULL ORDER BY purged_before LIMIT 1", id.Time()).Scan(&purged.At)
	switch {
	case errors.Is(lookup, pgx.ErrNoRows):
		return err
	case lookup != nil:
		return mapError("look whether "+id.String()+" was purged", lookup)
	}
	return purged
}

// Purge is how far retention has come.
type Purge struct {
	Before time.Time // what arrived earlier is gone; zero: nothing was purged yet
	At     time.Time // when that was done
}

// LastPurge returns the furthest purge that was begun.
func (s *Store) LastPurge(ctx context.Context) (Purge, error) {
	var p Purge
	err := s.pool.QueryRow(ctx, "SELECT purged_before, purged_at FROM purges WHERE purged_at IS NOT NULL ORDER BY purged_before DESC LIMIT 1").Scan(&p.Before, &p.At)
	if errors.Is(err, pgx.ErrNoRows) {
		return Purge{}, nil
	}
	return p, mapError("look for the last purge", err)
}

// PurgeLimit is the time before which whole weeks are older than what is kept.
func PurgeLimit(now time.Time, keep time.Duration) time.Time { return weekOf(now.Add(-keep)) }

// AnnouncePurge says that what arrived before a time is to be removed, and reports whether that was announced long enough ago for it to begin.
// A purge that was announced by a clock that has been put back since is forgotten.
func (s *Store) AnnouncePurge(ctx context.Context, before, now time.Time, notice time.Duration) (due bool, err error) {
	err = s.InTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM purges WHERE announced_at > $1 AND purged_at IS NULL", now.Add(time.Minute)); err != nil {
			return mapError("forget purges", err)
		}
		if _, err := tx.Exec(ctx, "INSERT INTO purges (purged_before, announced_at) VALUES ($1, $2) ON CONFLICT DO NOTHING", before, now); err != nil {
			return mapError("announce a purge", err)
		}
		if err := tx.QueryRow(ctx, "SELECT announced_at <= $2 FROM purges WHERE purged_before = $1", before, now.Add(-notice)).Scan(&due); err != nil || !due {
			return mapError("look for an announced purge", err)
		}
		_, err := tx.Exec(ctx, "UPDATE purges SET purged_at = coalesce(purged_at, $2) WHERE purged_before = $1", before, now)
		return mapError("begin a purge", err)
	})
	return due && err == nil, err
}

// aged says which rows of a table are old: those whose condition holds for $1, a time or the lowest id of that time.
type aged struct {
	table, condition string
	byID             bool
}

func (a aged) limit(before time.Time) any {
	if a.byID {
		return FloorID(before)
	}
	return before
}

// sweepBlocks is how many pages of a table one statement of a sweep looks through: two megabytes.
const sweepBlocks = 256

// SweepReferences deletes what would lead to deliveries and notifications of before the given time: what makes a request a duplicate, or a delivery a retry. It is
// done before they go themselves, so that what is sent again afterwards is new. These tables have no order of time, because what is
// written with every delivery must stay cheap: they are read from end to end, in bounded steps of a transaction each. It returns the deleted rows by table.
func (s *Store) SweepReferences(ctx context.Context, before time.Time) (map[string]int64, error) {
	deleted := make(map[string]int64)
	for _, a := range [...]aged{
		{table: "delivery_digests", condition: "delivery_id < $1", byID: true},
		{table: "notification_keys", condition: "notification_id < $1", byID: true},
	} {
		n, err := s.sweep(ctx, a, before)
		deleted[a.table] = n
		if err != nil {
			return deleted, err
		}
	}
	return deleted, nil
}

func (s *Store) sweep(ctx context.Context, a aged, before time.Time) (int64, error) {
	var blocks int64
	if err := s.pool.QueryRow(ctx, "SELECT pg_relation_size($1::regclass) / current_setting('block_size')::bigint", a.table).Scan(&blocks); err != nil {
		return 0, mapError("measure "+a.table, err)
	}
	sql := "DELETE FROM " + pgx.Identifier{a.table}.Sanitize() + " WHERE ctid >= $2::text::tid AND ctid < $3::text::tid AND " + a.condition
	var n int64
	for block := int64(0); block < blocks; block += sweepBlocks {
		tag, err := s.pool.Exec(ctx, sql, a.limit(before), tid(block), tid(block+sweepBlocks))
		if err != nil {
			return n, mapError("sweep "+a.table, err)
		}
		n += tag.RowsAffected()
	}
	return n, nil
}

func tid(block int64) string { return fmt.Sprintf("(%d,0)", block) }

// DeleteOldRows deletes what is kept as long as deliveries are and lies in no partition, in bounded steps of a transaction each. It returns the deleted rows by table.
func (s *Store) DeleteOldRows(ctx context.Context, before time.Time) (map[string]int64, error) {
	deleted, err := s.deleteAged(ctx, before, []aged{
		{table: "grouping_queue", condition: "delivery_id < $1", byID: true},
		{table: "traffic_minutes", condition: "minute < $1"},
		{table: "answer_minutes", condition: "minute < $1"},
		{table: "rejected_unstored", condition: "hour < $1"},
		{table: "receiver_refusals", condition: "last_at < $1"},
		{table: "receiver_runs", condition: "started_at < $1 AND seen_at < $1 AND ended <> ''"},
		{table: "judged_deliveries", condition: "delivery_id < $1", byID: true},
		{table: "released_deliveries", condition: "delivery_id < $1", byID: true},
		{table: "setup_links", condition: "expires_at < $1"},
	})
	if err != nil {
		return deleted, err
	}
	deleted["health_pings"], err = s.sweep(ctx, aged{table: "health_pings", condition: "minute < $1"}, before)
	return deleted, err
}

// DeleteOldSums deletes sums by the hour, which outlive what they count.
func (s *Store) DeleteOldSums(ctx context.Context, before time.Time) (map[string]int64, error) {
	return s.deleteAged(ctx, before, []aged{{table: "traffic_hours", condition: "hour < $1"}, {table: "answer_hours", condition: "hour < $1"}})
}

// deleteBatch is how many rows one statement deletes.
const deleteBatch = 5000

func (s *Store) deleteAged(ctx context.Context, before time.Time, list []aged) (map[string]int64, error) {
	deleted := make(map[string]int64)
	for _, a := range list {
		name := pgx.Identifier{a.table}.Sanitize()
		for {
			tag, err := s.pool.Exec(ctx, "DELETE FROM "+name+" WHERE ctid = ANY(ARRAY(SELECT ctid FROM "+name+" WHERE "+a.condition+" LIMIT $2))", a.limit(before), deleteBatch)
			if err != nil {
				return deleted, mapError("delete old rows of "+a.table, err)
			}
			deleted[a.table] += tag.RowsAffected()
			if tag.RowsAffected() < deleteBatch {
				break
			}
		}
	}
	return deleted, nil
}
