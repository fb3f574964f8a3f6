package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	resealPage  = 2000    // rows whose heads are read at a time
	resealRows  = 100     // values that are sealed again in one transaction
	resealBytes = 4 << 20 // and how large they are together, unless one is larger
	resealTries = 100     // how often a value is tried that somebody else holds locked
	resealPause = 50 * time.Millisecond
)

// ResealProgress tells how far a column is.
type ResealProgress struct {
	Column   string
	Seen     int64 // rows looked at, in this run and in those that it goes on from
	Total    int64 // of a large table it is an estimate
	Resealed int64
	// Resumed means that an earlier run was interrupted in this column, and what it did is not looked at again.
	Resumed bool
}

// ResealResult says what a rotation did.
type ResealResult struct {
	Resealed int64
	// Unreadable counts values that no configured key opens, by the id of their key.
	Unreadable []SealedCount
	// Busy counts values that somebody held locked all the time.
	Busy int64
}

// Complete reports whether everything is sealed with the newest key now.
func (r ResealResult) Complete() bool { return len(r.Unreadable) == 0 && r.Busy == 0 }

// Reseal seals everything with the newest key, in batches, while programs run that have all keys. It never waits for a row: what somebody holds locked is tried
// again. Interrupted, it goes on where it was. progress is called after each batch.
func (s *Store) Reseal(ctx context.Context, progress func(ResealProgress)) (ResealResult, error) {
	var result ResealResult
	begun := s.now()
	for _, c := range sealedColumns() {
		r := &resealing{store: s, column: c, result: &result, unreadable: newSealedTally(s.sealer), broken: make(map[string]bool), progress: progress}
		if err := r.run(ctx); err != nil {
			return result, err
		}
		result.Unreadable = append(result.Unreadable, r.unreadable.list...)
	}
	if !result.Complete() {
		return result, nil
	}
	// A key by which a program has begun to seal meanwhile may be needed again.
	_, err := s.pool.Exec(ctx, "UPDATE sealing_keys SET resealed_at = $2 WHERE key_id <> $1 AND resealed_at IS NULL AND last_used_at < $3", []byte(s.sealer.newest), s.now(), begun)
	return result, mapError("note the rotation", err)
}

// resealing is the work on one column.
type resealing struct {
	store      *Store
	column     sealedColumn
	result     *ResealResult
	unreadable *sealedTally
	broken     map[string]bool // ids of rows that do not open
	progress   func(ResealProgress)
	at         ResealProgress
}

// sealedHead is the beginning of a sealed value.
type sealedHead struct {
	ID    string
	Head  []byte
	Bytes int
}

func (r *resealing) run(ctx context.Context) error {
	r.at.Column = r.column.name()
	var err error
	if r.at.Total, err = r.total(ctx); err != nil {
		return err
	}
	after, err := r.resume(ctx)
	if err != nil {
		return err
	}
	for {
		page, err := r.page(ctx, after)
		if err != nil {
			return err
		}
		if len(page) > 0 {
			after = page[len(page)-1].ID
		}
		if err := r.resealAll(ctx, r.stale(page)); err != nil {
			return err
		}
		last := len(page) < resealPage
		if last {
			err = r.forget(ctx)
		} else {
			err = r.remember(ctx, after)
		}
		if err != nil {
			return err
		}
		if r.at.Seen += int64(len(page)); r.progress != nil {
			r.progress(r.at)
		}
		if last {
			return nil
		}
	}
}

// total is how many rows there are, an estimate where counting takes long.
func (r *resealing) total(ctx context.Context) (n int64, err error) {
	query := "SELECT count(*) FROM " + r.column.table
	if r.column.large {
		query = "SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint FROM pg_partition_tree('" + r.column.table + "') t JOIN pg_class c ON c.oid = t.relid WHERE t.isleaf"
	}
	return n, mapError("count "+r.column.table, r.store.pool.QueryRow(ctx, query).Scan(&n))
}

// resume finds where an interrupted run of the same key was.
func (r *resealing) resume(ctx context.Context) (after string, err error) {
	if !r.column.large {
		return "", nil
	}
	err = r.store.pool.QueryRow(ctx, "SELECT position FROM sealing_progress WHERE sealed = $1 AND key_id = $2", r.column.name(), []byte(r.store.sealer.newest)).Scan(&after)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	r.at.Resumed = err == nil
	return after, mapError("read how far the rotation is", err)
}

func (r *resealing) remember(ctx context.Context, position string) error {
	if !r.column.large {
		return nil
	}
	_, err := r.store.pool.Exec(ctx, `INSERT INTO sealing_progress (sealed, key_id, position, updated_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (sealed) DO UPDATE SET key_id = excluded.key_id, position = excluded.position, updated_at = excluded.updated_at`,
		r.column.name(), []byte(r.store.sealer.newest), position, r.store.now())
	return mapError("keep how far the rotation is", err)
}

func (r *resealing) forget(ctx context.Context) error {
	_, err := r.store.pool.Exec(ctx, "DELETE FROM sealing_progress WHERE sealed = $1", r.column.name())
	return mapError("forget how far the rotation is", err)
}

// page reads the heads of the next rows.
func (r *resealing) page(ctx context.Context, after string) ([]sealedHead, error) {
	c := r.column
	where, args := "", []any{}
	if after != "" {
		where, args = "WHERE id > $1::text::"+c.idType, []any{after}
	}
	return r.heads(ctx, fmt.Sprintf("%s ORDER BY id LIMIT %d", where, resealPage), args...)
}

func (r *resealing) heads(ctx context.Context, which string, args ...any) ([]sealedHead, error) {
	c := r.column
	rows, _ := r.store.pool.Query(ctx, fmt.Sprintf("SELECT id::text, coalesce(substring(%[1]s from 1 for %[2]d), ''), coalesce(octet_length(%[1]s), 0) FROM %[3]s %[4]s", c.column, sealOverhead, c.table, which), args...)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[sealedHead])
	return list, mapError("read what is sealed in "+c.name(), err)
}

// stale picks what is sealed with another key than the newest and not known to be unreadable.
func (r *resealing) stale(heads []sealedHead) []sealedHead {
	var list []sealedHead
	for _, h := range heads {
		if len(h.Head) > 0 && !r.store.sealer.isCurrent(h.Head) && !r.broken[h.ID] {
			list = append(list, h)
		}
	}
	return list
}

// resealAll seals values again until all of them are, but those that do not open or are locked all the time.
func (r *resealing) resealAll(ctx context.Context, stale []sealedHead) error {
	for try := 0; len(stale) > 0; try++ {
		for rest := stale; len(rest) > 0; {
			n := batchOf(rest)
			if err := r.batch(ctx, idsOf(rest[:n])); err != nil {
				return err
			}
			rest = rest[n:]
		}
		again, err := r.heads(ctx, "WHERE id = ANY($1::text[]::"+r.column.idType+"[])", idsOf(stale))
		if err != nil {
			return err
		}
		if stale = r.stale(again); len(stale) == 0 {
			return nil
		}
		if try == resealTries {
			r.result.Busy += int64(len(stale))
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(resealPause):
		}
	}
	return nil
}

// batchOf is how many of the first values go into one transaction.
func batchOf(list []sealedHead) int {
	bytes := 0
	for i, h := range list {
		if bytes += h.Bytes; i == resealRows || i > 0 && bytes > resealBytes {
			return i
		}
	}
	return len(list)
}

func idsOf(list []sealedHead) []string {
	ids := make([]string, len(list))
	for i, h := range list {
		ids[i] = h.ID
	}
	return ids
}

// batch seals some values again. It holds their rows from reading to writing, and takes only rows that nobody holds, so that it never waits.
func (r *resealing) batch(ctx context.Context, ids []string) error {
	c := r.column
	return r.store.InTx(ctx, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, fmt.Sprintf("SELECT id::text, %s, %s FROM %s WHERE id = ANY($1::text[]::%s[]) FOR NO KEY UPDATE SKIP LOCKED", c.place, c.column, c.table, c.idType), ids)
		var sealedIDs []string
		var values [][]byte
		var id, place string
		var sealed []byte
		_, err := pgx.ForEachRow(rows, []any{&id, &place, &sealed}, func() error {
			if len(sealed) == 0 || r.store.sealer.isCurrent(sealed) {
				return nil
			}
			plain, err := r.store.sealer.open(c.purpose, place, sealed)
			if err != nil {
				r.unopened(id, sealed)
				return nil //nolint:nilerr // it is counted, and the others go on
			}
			sealedIDs, values = append(sealedIDs, id), append(values, r.store.sealer.seal(c.purpose, place, plain))
			return nil
		})
		if err != nil || len(sealedIDs) == 0 {
			return mapError("read sealed values of "+c.name(), err)
		}
		tag, err := tx.Exec(ctx, fmt.Sprintf("UPDATE %[1]s t SET %[2]s = n.value FROM unnest($1::text[], $2::bytea[]) AS n (id, value) WHERE t.id = n.id::%[3]s", c.table, c.column, c.idType), sealedIDs, values)
		if err != nil {
			return mapError("seal "+c.name()+" again", err)
		}
		r.at.Resealed += tag.RowsAffected()
		r.result.Resealed += tag.RowsAffected()
		return nil
	})
}

// unopened counts a value that no configured key opens.
func (r *resealing) unopened(id string, sealed []byte) {
	r.broken[id] = true
	keyID := ""
	if len(sealed) >= sealOverhead {
		keyID = hex.EncodeToString(sealed[1:sealOverhead])
	}
	for i, n := range r.unreadable.list {
		if n.KeyID == keyID {
			r.unreadable.list[i].Values++
			return
		}
	}
	r.unreadable.list = append(r.unreadable.list, SealedCount{Column: r.column.name(), KeyID: keyID, Values: 1})
}
