package store

import (
	"cmp"
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
	OutageRefused OutageKind = "refused" // requests were answered without being kept
)

// Outage is a time in which the receiver took nothing, or refused some of what came. Cybersource tries refused deliveries again.
type Outage struct {
	Kind         OutageKind
	From, To     time.Time // of absence: the last sign of life and the next start
	Unexpected   bool      // absence: the process was killed or died, rather than stopped
	Cause        string    // refusals: one of the receiver's words, such as "database" or "queue_full"
	Status       int       // refusals: what was answered: 503, or 413, 408 or 400 for a body that could not be taken
	Deliveries   int64     // refusals: so many were refused
	HealthChecks int64     // refusals: answered 503, upon which Cybersource holds notifications back
	// SubscriptionID is whose deliveries were refused; 0: those of several, or of no known endpoint.
	SubscriptionID int64
}

// maxOutages bounds a list of outages.
const maxOutages = 200

// maxRefusals bounds the rows that outages are made from.
const maxRefusals = 2000

// ListOutages returns the outages that touch a time range, newest first, at most 200. Zero to means now. Refusals for one cause at several endpoints at the
// same time are one outage. Where subscriptions are named, refusals of others are left out.
func (s *Store) ListOutages(ctx context.Context, from, to time.Time, subscriptions ...int64) ([]Outage, error) {
	to = s.until(to)
	absent, err := s.listAbsences(ctx, from, to)
	if err != nil {
		return nil, err
	}
	rows, _ := s.pool.Query(ctx, `SELECT cause, status, first_at, last_at, deliveries, health_checks, subscription_id FROM receiver_refusals
		WHERE last_at >= $1 AND first_at < $2 AND ($3::bigint[] IS NULL OR subscription_id = 0 OR subscription_id = ANY($3)) ORDER BY first_at DESC LIMIT $4`,
		from, to, subscriptions, maxRefusals)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Outage, error) {
		o := Outage{Kind: OutageRefused}
		err := row.Scan(&o.Cause, &o.Status, &o.From, &o.To, &o.Deliveries, &o.HealthChecks, &o.SubscriptionID)
		return o, err
	})
	if err != nil {
		return nil, mapError("list refusals of the receiver", err)
	}
	list = append(together(list), absent...)
	slices.SortStableFunc(list, func(a, b Outage) int { return b.From.Compare(a.From) })
	return list[:min(len(list), maxOutages)], nil
}

// refusalPause is how long without refusal ends one outage.
const refusalPause = time.Minute

// together makes one outage of the refusals for one cause that have no pause between them, whosever deliveries they were. list is in order of beginning, the
// newest first.
func together(list []Outage) []Outage {
	type kind struct {
		cause  string
		status int
	}
	last := make(map[kind]int) // in merged
	var merged []Outage
	for _, o := range slices.Backward(list) {
		k := kind{o.Cause, o.Status}
		i, found := last[k]
		if !found || o.From.After(merged[i].To.Add(refusalPause)) {
			last[k] = len(merged)
			merged = append(merged, o)
			continue
		}
		m := &merged[i]
		if o.To.After(m.To) {
			m.To = o.To
		}
		m.Deliveries, m.HealthChecks = m.Deliveries+o.Deliveries, m.HealthChecks+o.HealthChecks
		if m.SubscriptionID != o.SubscriptionID {
			m.SubscriptionID = 0
		}
	}
	return merged
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

// Refusals are requests to one endpoint that were answered without being kept for one cause, without a minute's pause between them.
type Refusals struct {
	ID             ID // made from First
	SubscriptionID int64
	OrganizationID int64
	Cause          string
	Status         int // what was answered; 0 stands for 503
	First, Last    time.Time
	Deliveries     int64
	HealthChecks   int64
}

// RecordRefusals writes refusals. Those that were written before are brought up to date.
func (s *Store) RecordRefusals(ctx context.Context, list []Refusals) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO receiver_refusals AS r (id, cause, first_at, last_at, deliveries, health_checks, subscription_id, organization_id, status)
		SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::smallint[])
		ON CONFLICT (id) DO UPDATE SET first_at = least(r.first_at, excluded.first_at), last_at = greatest(r.last_at, excluded.last_at),
			deliveries = greatest(r.deliveries, excluded.deliveries), health_checks = greatest(r.health_checks, excluded.health_checks)`,
		column(list, func(r Refusals) ID { return r.ID }),
		column(list, func(r Refusals) string { return r.Cause }),
		column(list, func(r Refusals) time.Time { return r.First }),
		column(list, func(r Refusals) time.Time { return r.Last }),
		column(list, func(r Refusals) int64 { return r.Deliveries }),
		column(list, func(r Refusals) int64 { return r.HealthChecks }),
		column(list, func(r Refusals) int64 { return r.SubscriptionID }),
		column(list, func(r Refusals) int64 { return r.OrganizationID }),
		column(list, func(r Refusals) int { return cmp.Or(r.Status, 503) }))
	return mapError("record refusals of the receiver", err)
}
