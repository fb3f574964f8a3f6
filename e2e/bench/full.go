package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/switchboardhq/switchboard/migrations"
)

const (
	fullDatabase = "bench_full"
	// fullWeeks is over how many weeks what is stored is spread, this one included: as many partitions are there.
	fullWeeks = 12
	fillStep  = 50_000
)

// fill makes a second database in which so many deliveries are stored, each with its notification: copies of one that a receiver stored and grouped,
// with ids, digests and fingerprints of their own, the random ones in random order as real ones are.
func (b *bench) fill(ctx context.Context, deliveries int) (full *bench, err error) {
	if _, err := b.store.Pool().Exec(ctx, "CREATE DATABASE "+fullDatabase); err != nil {
		return nil, fmt.Errorf("make the full database: %w", err)
	}
	address, err := url.Parse(b.databaseURL)
	if err != nil {
		return nil, fmt.Errorf("make the full database: %w", err)
	}
	address.Path = "/" + fullDatabase
	if _, err := migrations.Up(ctx, address.String()); err != nil {
		return nil, fmt.Errorf("migrate the full database: %w", err)
	}
	if full, err = newBench(ctx, b.options, address.String(), b.scratch, b.out); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			full.store.Close()
		}
	}()
	full.measured = b.measured
	if _, err := full.store.EnsurePartitions(ctx, time.Now().AddDate(0, 0, -7*fullWeeks), time.Now()); err != nil {
		return nil, err
	}
	if err := full.one(ctx, measurement{name: "template", load: load{connections: 1}, duration: time.Second}); err != nil {
		return nil, err
	}
	full.keeps = true
	if err := b.print("storing %d deliveries for the measurement of the full database\n", deliveries); err != nil {
		return nil, err
	}
	return full, full.copyTemplate(ctx, deliveries)
}

// copyTemplate is done by as many as the store has connections, each for a part of the time.
func (b *bench) copyTemplate(ctx context.Context, deliveries int) error {
	workers := int(b.store.Pool().Config().MaxConns)
	end, step := time.Now(), fullWeeks*7*24*time.Hour/time.Duration(deliveries)
	filling, filled := errgroup.WithContext(ctx)
	for w := range workers {
		filling.Go(func() error { return b.copyPart(filled, deliveries*(w+1)/workers, deliveries*w/workers, end, step) })
	}
	if err := filling.Wait(); err != nil {
		return fmt.Errorf("fill the database: %w", err)
	}
	for _, last := range []string{"ANALYZE", "CHECKPOINT"} {
		if _, err := b.store.Pool().Exec(ctx, last); err != nil {
			return fmt.Errorf("fill the database: %w", err)
		}
	}
	return nil
}

// copyPart makes the copies that lie between first and last steps before the end.
func (b *bench) copyPart(ctx context.Context, first, last int, end time.Time, step time.Duration) error {
	conn, err := b.store.Pool().Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	var copies []string
	for _, table := range []string{"deliveries", "notifications"} {
		if _, err := conn.Exec(ctx, fmt.Sprintf("CREATE TEMP TABLE %[1]s_template AS SELECT * FROM %[1]s WHERE id = (SELECT max(id::text)::uuid FROM %[1]s)", table)); err != nil {
			return err
		}
		columns, values, err := copyColumns(ctx, conn.Conn(), table)
		if err != nil {
			return err
		}
		copies = append(copies, fmt.Sprintf("%[1]s AS (INSERT INTO public.%[1]s (%[2]s) SELECT %[3]s FROM n, %[1]s_template t)", table, strings.Join(columns, ", "), strings.Join(values, ", ")))
	}
	statement := `WITH n AS MATERIALIZED (
		SELECT at, (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid AS id
		FROM (SELECT $1::timestamptz + g * $2::interval AS at FROM generate_series(1, $3::int) g) t
	), ` + strings.Join(copies, ", ") + `, keys AS (
		INSERT INTO notification_keys (subscription_id, fingerprint, loose, notification_id) SELECT 1, sha256(n.id::text::bytea), sha256(n.at::text::bytea), n.id FROM n
	) INSERT INTO delivery_digests (endpoint_id, digest, delivery_id) SELECT 1, sha256(('digest' || n.id)::bytea), n.id FROM n`
	for left := first; left > last; left -= fillStep {
		if _, err := conn.Exec(ctx, statement, end.Add(-time.Duration(left)*step), step, min(fillStep, left-last)); err != nil {
			return err
		}
	}
	return nil
}

// copyColumns returns a table's columns, and what a copy n of the template t has in each.
func copyColumns(ctx context.Context, conn *pgx.Conn, table string) (columns, values []string, err error) {
	own := map[string]string{
		"id": "n.id", "received_at": "n.at", "last_delivery_at": "n.at", "notification_id": "n.id", "trace_id": "gen_random_uuid()::text",
		"object_id": "n.id::text", "fingerprint": "sha256(n.id::text::bytea)",
	}
	rows, _ := conn.Query(ctx, "SELECT attname::text FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum", table)
	if columns, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return nil, nil, fmt.Errorf("read columns of %s: %w", table, err)
	}
	values = slices.Clone(columns)
	for i, name := range columns {
		if values[i] = "t." + name; own[name] != "" {
			values[i] = own[name]
		}
	}
	return columns, values, nil
}
