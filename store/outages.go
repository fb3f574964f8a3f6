package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// OutageKind is how the receiver failed its senders.
type OutageKind string

// The kinds of outage.
const (
	OutageAbsent  OutageKind = "absent"  // no process received: nobody answered
	OutageRefused OutageKind = "refused" // requests were answered 503
)

// Outage is a time in which the receiver took nothing, or refused some of what came. Cybersource tries refused deliveries again.
type Outage struct {
	Kind         OutageKind
	From, To     time.Time // of absence: the last sign of life and the next start
	Unexpected   bool      // absence: the process was killed or died, rather than stopped
	Cause        string    // refusals: one of the receiver's words, such as "database" or "queue_full"
	Deliveries   int64     // refusals: answered 503
	HealthChecks int64     // refusals: answered 503, upon which Cybersource holds notifications back
}

// maxOutages bounds a list of outages.
const maxOutages = 200

// ListOutages returns the outages that touch a time range, newest first, at most 200. Zero to means now.
func (s *Store) ListOutages(ctx context.Context, from, to time.Time) ([]Outage, error) {
	to = s.until(to)
	absent, err := s.listAbsences(ctx, from, to)
	if err != nil {
		return nil, err
	}
	rows, _ := s.pool.Query(ctx, `SELECT cause, first_at, last_at, deliveries, health_checks FROM receiver_refusals
		WHERE last_at >= $1 AND first_at < $2 ORDER BY first_at DESC LIMIT $3`, from, to, maxOutages)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Outage, error) {
		o := Outage{Kind: OutageRefused}
		err := row.Scan(&o.Cause, &o.From, &o.To, &o.Deliveries, &o.HealthChecks)
		return o, err
	})
	if err != nil {
		return nil, mapError("list refusals of the receiver", err)
	}
	list = append(list, absent...)
	slices.SortStableFunc(list, func(a, b Outage) int { return b.From.Compare(a.From) })
	return list[:min(len(list), maxOutages)], nil
}

// maxRuns bounds the runs that absences are found between.
const maxRuns = 500

type receiverRun struct {
	started, seen time.Time
	ended         string
}

// listAbsences finds the times that no run covers. A run that goes on covers everything after its start.
func (s *Store) listAbsences(ctx context.Context, from, to time.Time) ([]Outage, error) {
	rows, _ := s.pool.Query(ctx, "SELECT started_at, seen_at, ended FROM receiver_runs WHERE started_at < $1 ORDER BY started_at DESC, id DESC LIMIT $2", to, maxRuns)
	runs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r receiverRun, err error) {
		err = row.Scan(&r.started, &r.seen, &r.ended)
		return r, err
	})
	if err != nil {
		return nil, mapError("list runs of the receiver", err)
	}
	slices.Reverse(runs)
	var list []Outage
	var last receiverRun // the one that goes on longest so far
	for i, r := range runs {
		// What was before the first run is not known.
		if i > 0 && last.until().Before(r.started) && !r.started.Before(from) {
			list = append(list, Outage{Kind: OutageAbsent, From: last.seen, To: r.started, Unexpected: last.ended == runLost})
		}
		if i == 0 || r.until().After(last.until()) {
			last = r
		}
	}
	return list, nil
}

// How a run ended; "" while it goes on.
const (
	runStopped = "stopped"
	runLost    = "lost"
)

// until is the end of what the run covers.
func (r receiverRun) until() time.Time {
	if r.ended == "" {
		return endOfTime()
	}
	return r.seen
}

func endOfTime() time.Time { return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) }

// BeginRun records that a receiver starts, and returns the number of its run.
func (s *Store) BeginRun(ctx context.Context, at time.Time) (int64, error) {
	var id int64
	err := s.pool.QueryRow(ctx, "INSERT INTO receiver_runs (started_at, seen_at) VALUES ($1, $1) RETURNING id", at).Scan(&id)
	return id, mapError("record the start of a receiver", err)
}

// SeeRun records that a run goes on, and closes those of others that were last seen before the given time.
func (s *Store) SeeRun(ctx context.Context, id int64, at, lostBefore time.Time) error {
	_, err := s.pool.Exec(ctx, `UPDATE receiver_runs SET seen_at = CASE WHEN id = $1 THEN greatest(seen_at, $2) ELSE seen_at END, ended = CASE WHEN id = $1 THEN '' ELSE '`+runLost+`' END
		WHERE id = $1 OR ended = '' AND seen_at < $3`, id, at, lostBefore)
	return mapError("record that a receiver runs", err)
}

// EndRun records that a run ends, by plan or, when it is found out later, because it was lost.
func (s *Store) EndRun(ctx context.Context, id int64, at time.Time, lost bool) error {
	ended := runStopped
	if lost {
		ended = runLost
	}
	_, err := s.pool.Exec(ctx, "UPDATE receiver_runs SET seen_at = greatest(seen_at, $2), ended = $3 WHERE id = $1", id, at, ended)
	return mapError("record the end of a receiver", err)
}

// Refusals are requests that were answered 503 for one cause, without a minute's pause between them.
type Refusals struct {
	ID           ID // made from First
	Cause        string
	First, Last  time.Time
	Deliveries   int64
	HealthChecks int64
}

// RecordRefusals writes refusals. Those that were written before are brought up to date.
func (s *Store) RecordRefusals(ctx context.Context, list []Refusals) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO receiver_refusals AS r (id, cause, first_at, last_at, deliveries, health_checks)
		SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::bigint[], $6::bigint[])
		ON CONFLICT (id) DO UPDATE SET first_at = least(r.first_at, excluded.first_at), last_at = greatest(r.last_at, excluded.last_at),
			deliveries = greatest(r.deliveries, excluded.deliveries), health_checks = greatest(r.health_checks, excluded.health_checks)`,
		column(list, func(r Refusals) ID { return r.ID }),
		column(list, func(r Refusals) string { return r.Cause }),
		column(list, func(r Refusals) time.Time { return r.First }),
		column(list, func(r Refusals) time.Time { return r.Last }),
		column(list, func(r Refusals) int64 { return r.Deliveries }),
		column(list, func(r Refusals) int64 { return r.HealthChecks }))
	return mapError("record refusals of the receiver", err)
}
