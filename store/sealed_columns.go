package store

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// sealedColumn is a column that holds sealed values. A test walks the schema and finds a column that is missing here.
type sealedColumn struct {
	table, column string
	purpose       string
	idType        string // of the column id
	place         string // SQL that gives the place of a value, as its own code seals it
	large         bool   // it has too many rows to read them all at a start
}

func (c sealedColumn) name() string { return c.table + "." + c.column }

// sealedColumns lists them all, the few that everything else depends on first.
func sealedColumns() []sealedColumn {
	return []sealedColumn{
		{table: "organizations", column: "sealed_secret", purpose: sealCredentials, idType: "bigint", place: "environment || '/' || organization_id"},
		{table: "signature_keys", column: "sealed_key", purpose: sealSignature, idType: "bigint", place: "organization_id || '/' || key_id"},
		{table: "mle_keys", column: "sealed_key", purpose: sealMLE, idType: "bigint", place: "organization_id || '/' || encode(fingerprint, 'hex')"},
		{table: "kept_forms", column: "content", purpose: sealForms, idType: "text", place: "id || '/' || user_id"},
		{table: "deliveries", column: "body", purpose: sealBodies, idType: "uuid", place: "id::text", large: true},
	}
}

// SealedCount says how many values of a column are sealed with one encryption key.
type SealedCount struct {
	Column string // table and column
	KeyID  string // hexadecimal
	Values int64
	// AtLeast means that not every row was looked at.
	AtLeast bool
}

// SealingKeyIDs returns the ids of the configured encryption keys, newest first, in hexadecimal.
func (s *Store) SealingKeyIDs() []string {
	ids := make([]string, len(s.sealer.order))
	for i, id := range s.sealer.order {
		ids[i] = hex.EncodeToString([]byte(id))
	}
	return ids
}

// NoteSealingKey keeps that this program seals with its newest key from now on.
func (s *Store) NoteSealingKey(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO sealing_keys (key_id, first_used_at, last_used_at) VALUES ($1, $2, $2)
		ON CONFLICT (key_id) DO UPDATE SET last_used_at = excluded.last_used_at, resealed_at = NULL`, []byte(s.sealer.newest), s.now())
	return mapError("note encryption key", err)
}

// KnowsSealingKey reports whether a program has ever started with the newest configured key as its newest.
func (s *Store) KnowsSealingKey(ctx context.Context) (bool, error) {
	var known bool
	err := s.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM sealing_keys WHERE key_id = $1)", []byte(s.sealer.newest)).Scan(&known)
	return known, mapError("look for encryption key", err)
}

// CountSealed counts every sealed value by its column and encryption key. It reads all rows: with millions of deliveries it takes minutes.
func (s *Store) CountSealed(ctx context.Context) ([]SealedCount, error) {
	var list []SealedCount
	for _, c := range sealedColumns() {
		found, err := s.countSealed(ctx, c, c.table)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	return list, nil
}

// countSealed counts what from gives, which is SQL that has the sealed column.
func (s *Store) countSealed(ctx context.Context, c sealedColumn, from string, args ...any) ([]SealedCount, error) {
	rows, _ := s.pool.Query(ctx, fmt.Sprintf("SELECT encode(substring(%[1]s from 2 for %[3]d), 'hex'), count(*) FROM %[2]s WHERE %[1]s IS NOT NULL GROUP BY 1 ORDER BY 1", c.column, from, keyIDBytes), args...)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (SealedCount, error) {
		n := SealedCount{Column: c.name(), AtLeast: c.large && from != c.table}
		err := row.Scan(&n.KeyID, &n.Values)
		return n, err
	})
	return list, mapError("count what is sealed in "+c.name(), err)
}

const (
	// sealedSample is how many rows at either end of each partition a start looks at.
	sealedSample = 50
	// mostSealingKeys bounds how many former keys a start looks for.
	mostSealingKeys = 100
)

// MissingSealingKeys counts what is sealed with encryption keys that are not configured, for the start of a program. It takes a moment whatever is stored: of
// deliveries it looks at both ends of each partition, and at the time from which on a key is known to have been used.
func (s *Store) MissingSealingKeys(ctx context.Context) ([]SealedCount, error) {
	missing := newSealedTally(s.sealer)
	for _, c := range sealedColumns() {
		if c.large {
			if err := s.sampleSealed(ctx, c, missing); err != nil {
				return nil, err
			}
			continue
		}
		found, err := s.countSealed(ctx, c, c.table)
		if err != nil {
			return nil, err
		}
		missing.add(found)
	}
	return missing.list, nil
}

// sampleSealed looks at few rows of a large table.
func (s *Store) sampleSealed(ctx context.Context, c sealedColumn, missing *sealedTally) error {
	rows, _ := s.pool.Query(ctx, "SELECT relid::regclass::text FROM pg_partition_tree($1) WHERE isleaf ORDER BY 1 LIMIT 2000", c.table)
	partitions, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return mapError("list partitions of "+c.table, err)
	}
	for _, p := range partitions {
		ends := fmt.Sprintf("((SELECT id, %[1]s FROM %[2]s ORDER BY id LIMIT %[3]d) UNION (SELECT id, %[1]s FROM %[2]s ORDER BY id DESC LIMIT %[3]d)) ends", prefixOf(c.column), p, sealedSample)
		found, err := s.countSealed(ctx, c, ends)
		if err != nil {
			return err
		}
		missing.add(found)
	}
	return s.sampleKnownKeys(ctx, c, missing)
}

// sampleKnownKeys looks where keys that are not configured are known to have sealed.
func (s *Store) sampleKnownKeys(ctx context.Context, c sealedColumn, missing *sealedTally) error {
	rows, _ := s.pool.Query(ctx, "SELECT encode(key_id, 'hex'), first_used_at FROM sealing_keys WHERE resealed_at IS NULL AND key_id <> ALL($1) ORDER BY first_used_at LIMIT $2", s.sealer.ids(), mostSealingKeys)
	used, err := pgx.CollectRows(rows, pgx.RowToStructByPos[usedSealingKey])
	if err != nil {
		return mapError("list encryption keys", err)
	}
	for _, k := range used {
		if missing.has(c.name(), k.KeyID) {
			continue
		}
		from := fmt.Sprintf("(SELECT %s FROM %s WHERE id >= $1 ORDER BY id LIMIT %d) since", prefixOf(c.column), c.table, sealedSample)
		found, err := s.countSealed(ctx, c, from, FloorID(k.FirstUsedAt))
		if err != nil {
			return err
		}
		missing.add(found)
	}
	return nil
}

type usedSealingKey struct {
	KeyID       string
	FirstUsedAt time.Time
}

// prefixOf reads no more of a value than its head, under the name of its column.
func prefixOf(column string) string {
	return fmt.Sprintf("substring(%[1]s from 1 for %[2]d) AS %[1]s", column, sealOverhead)
}

// sealedTally adds up counts of keys that are not configured.
type sealedTally struct {
	sealer *Sealer
	list   []SealedCount
}

func newSealedTally(s *Sealer) *sealedTally { return &sealedTally{sealer: s} }

func (t *sealedTally) has(column, keyID string) bool {
	for _, n := range t.list {
		if n.Column == column && n.KeyID == keyID {
			return true
		}
	}
	return false
}

func (t *sealedTally) add(found []SealedCount) {
	for _, n := range found {
		if t.sealer.knows(n.KeyID) {
			continue
		}
		added := false
		for i := range t.list {
			if t.list[i].Column == n.Column && t.list[i].KeyID == n.KeyID {
				t.list[i].Values, added = t.list[i].Values+n.Values, true
			}
		}
		if !added {
			t.list = append(t.list, n)
		}
	}
}
