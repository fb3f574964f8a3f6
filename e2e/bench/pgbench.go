package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"time"

	"github.com/switchboardhq/switchboard/store"
)

// insertRow stores the row that the receiver stored, with an id and a trace id of its own, in a transaction of its own. What else the receiver writes
// with it (digest, grouping queue, sums) is left out: pgbench is the limit of the plain row.
const insertRow = `INSERT INTO deliveries (id, received_at, endpoint_id, subscription_id, organization_id, product_id, event_type, webhook_id, trace_id, request_type, event_date,
 verdict, key_id, variant, envelope_signed, signed_at, answered, answer_micros, source, headers, body, body_sha256, body_bytes)
VALUES ((lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid,
 now(), 1, 1, 1, 'tokenManagement', :type, :webhook, gen_random_uuid()::text, 'NEW', '2026-11-22T10:00:00',
 'verified', 'bench-key', 'body', true, now(), 200, 1500, '127.0.0.1', :headers::jsonb, :body::bytea, :sum::bytea, 2000);
`

var tpsPattern = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)

// findPgbench looks for it beside the server's binaries, then in PATH.
func (b *bench) findPgbench(ctx context.Context) error {
	var dir string
	if err := b.store.Pool().QueryRow(ctx, "SELECT setting FROM pg_config WHERE name = 'BINDIR'").Scan(&dir); err != nil {
		return fmt.Errorf("ask where PostgreSQL's programs are: %w", err)
	}
	b.pgbench = filepath.Join(dir, "pgbench")
	_, err := os.Stat(b.pgbench)
	if errors.Is(err, fs.ErrNotExist) {
		b.pgbench, err = exec.LookPath("pgbench")
	}
	if err != nil {
		return fmt.Errorf("pgbench is needed and was not found beside PostgreSQL's programs nor in PATH: install the Debian package postgresql-15, which has it, or put its folder into PATH: %w", err)
	}
	return nil
}

// row is a stored delivery's row as pgbench sends it.
type row struct{ headers, body, sum string }

func (b *bench) storedRow(ctx context.Context) (row, error) {
	var r row
	err := b.store.Pool().QueryRow(ctx, `SELECT headers::text, '\x' || encode(body, 'hex'), '\x' || encode(body_sha256, 'hex') FROM deliveries WHERE verdict = 'verified' LIMIT 1`).Scan(&r.headers, &r.body, &r.sum)
	if err != nil {
		return r, fmt.Errorf("read the row to insert: %w", err)
	}
	return r, nil
}

// limit inserts rows one a transaction over 64 connections and returns how many a second.
func (b *bench) limit(ctx context.Context, r row, duration time.Duration) (float64, error) {
	script := filepath.Join(b.scratch, "insert.sql")
	if err := os.WriteFile(script, []byte(insertRow), 0o600); err != nil {
		return 0, fmt.Errorf("write the script of pgbench: %w", err)
	}
	cmd := exec.CommandContext(ctx, b.pgbench, "--no-vacuum", "--protocol=prepared", "--client=64", "--jobs="+strconv.Itoa(runtime.NumCPU()), //nolint:gosec // the program was looked up above
		"--time="+strconv.Itoa(int(duration.Seconds())), "--file="+script,
		"--define=type="+eventType, "--define=webhook="+webhookID, "--define=headers="+r.headers, "--define=body="+r.body, "--define=sum="+r.sum, b.databaseURL)
	output, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("run pgbench: %w: %s", err, output)
	}
	match := tpsPattern.FindSubmatch(output)
	if match == nil {
		return 0, fmt.Errorf("run pgbench: no rate in %q", output)
	}
	rate, err := strconv.ParseFloat(string(match[1]), 64)
	if err != nil {
		return 0, fmt.Errorf("read the rate of pgbench: %w", err)
	}
	return rate, nil
}

// empty makes every measurement begin alike. The full database stays full.
func (b *bench) empty(ctx context.Context) error {
	if !b.keeps {
		if _, err := b.store.Pool().Exec(ctx, "TRUNCATE deliveries, delivery_digests, grouping_queue, notifications, notification_keys, traffic_minutes, traffic_hours, answer_minutes, answer_hours"); err != nil {
			return fmt.Errorf("empty the tables: %w", err)
		}
	}
	if _, err := b.store.Pool().Exec(ctx, "CHECKPOINT"); err != nil {
		return fmt.Errorf("empty the tables: %w", err)
	}
	return nil
}

// seed makes what a delivery needs: organization, key, subscription and partitions.
func (b *bench) seed(ctx context.Context) error {
	audit := store.AuditEntry{Actor: "bench", Action: "seed"}
	o, err := b.store.InsertOrganization(ctx, store.Organization{OrganizationID: "bench", Environment: "sandbox", Name: "Bench", MerchantID: "bench"}, nil, audit)
	if err != nil {
		return err
	}
	if _, err := b.store.InsertSignatureKey(ctx, store.SignatureKey{OrganizationID: o.ID, KeyID: b.key.ID, Key: store.Secret(b.key.Secret)}); err != nil {
		return err
	}
	sub, _, err := b.store.InsertSubscription(ctx, store.Subscription{
		OrganizationID: o.ID, Name: "bench", Scope: "SELF", SecurityType: "KEY", Products: []store.SubscribedProduct{{ProductID: "tokenManagement", EventTypes: []string{eventType}}},
		RetryPolicy: store.RetryPolicy{Algorithm: "ARITHMETIC", FirstRetry: 1, Interval: 1, NumberOfRetries: 3},
	}, b.token, audit)
	if err != nil {
		return err
	}
	if _, err := b.store.RecordActual(ctx, sub.ID, store.ActualSubscription{WebhookID: webhookID, Status: store.StatusActive}); err != nil {
		return err
	}
	_, err = b.store.EnsurePartitions(ctx, time.Now(), time.Now().AddDate(0, 0, 7))
	return err
}
