package store

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Outcomes of an audited action. One that leaves the building is started before it is succeeded or failed.
const (
	OutcomeStarted   = "started"
	OutcomeSucceeded = "succeeded"
	OutcomeFailed    = "failed"
)

// AuditEntry is one row of the audit log. Before and After hold the object as JSON, without secrets.
type AuditEntry struct {
	ID             int64
	At             time.Time
	UserID         int64  // zero: nobody signed in, or the program itself
	Actor          string // e-mail address, or "switchboard"
	Action         string // "subscription.create", …
	ObjectKind     string
	ObjectID       string
	ObjectName     string
	OrganizationID int64  // zero: none
	Outcome        string // "" is stored as succeeded
	Detail         string
	Before, After  json.RawMessage
	RequestID      string
	Source         netip.Addr
}

// InsertAudit writes an entry of its own, before an action that leaves the database, and returns its id for FinishAudit.
func (s *Store) InsertAudit(ctx context.Context, e AuditEntry) (int64, error) {
	return insertAudit(ctx, s.pool, e, s.now())
}

func insertAudit(ctx context.Context, q querier, e AuditEntry, now time.Time) (int64, error) {
	if e.Outcome == "" {
		e.Outcome = OutcomeSucceeded
	}
	var id int64
	err := q.QueryRow(ctx, `INSERT INTO audit_log (at, user_id, actor, action, object_kind, object_id, object_name, organization_id, outcome, detail, before, after, request_id, source)
		VALUES ($1, nullif($2::bigint, 0), $3, $4, $5, $6, $7, nullif($8::bigint, 0), $9, $10, $11, $12, $13, $14) RETURNING id`,
		now, e.UserID, e.Actor, e.Action, e.ObjectKind, e.ObjectID, e.ObjectName, e.OrganizationID, e.Outcome, e.Detail,
		emptyIsNull(e.Before), emptyIsNull(e.After), e.RequestID, invalidIsNull(e.Source)).Scan(&id)
	return id, mapError("write audit row for "+e.Action, err)
}

// FinishAudit closes a started entry with its outcome, and with the id of the object if that was made by the action.
func (s *Store) FinishAudit(ctx context.Context, id int64, outcome, detail, objectID string) error {
	tag, err := s.pool.Exec(ctx, "UPDATE audit_log SET outcome = $2, detail = $3, object_id = CASE WHEN $4 = '' THEN object_id ELSE $4 END WHERE id = $1 AND outcome = 'started'",
		id, outcome, detail, objectID)
	if err != nil {
		return mapError(fmt.Sprintf("close audit row %d", id), err)
	}
	return needOne(tag.RowsAffected(), "close audit row", id)
}

// AuditFilter narrows ListAudit; zero fields do not.
type AuditFilter struct {
	ObjectKind, ObjectID string
	UserID               int64
	Action               string
	Outcome              string
	OrganizationID       int64
	From, To             time.Time
	BeforeID             int64 // only entries older than this one
	AfterID              int64 // only entries newer than this one, nearest first; BeforeID must be zero
	Limit                int   // 0 means 50, at most 201
}

const auditColumns = "id, at, coalesce(user_id, 0), actor, action, object_kind, object_id, object_name, coalesce(organization_id, 0), outcome, detail, before, after, request_id, source"

func scanAudit(row pgx.CollectableRow) (AuditEntry, error) {
	var e AuditEntry
	var source *netip.Addr
	err := row.Scan(&e.ID, &e.At, &e.UserID, &e.Actor, &e.Action, &e.ObjectKind, &e.ObjectID, &e.ObjectName, &e.OrganizationID, &e.Outcome, &e.Detail, &e.Before, &e.After, &e.RequestID, &source)
	if source != nil {
		e.Source = *source
	}
	return e, err
}

// GetAudit returns one entry. ErrNotFound.
func (s *Store) GetAudit(ctx context.Context, id int64) (AuditEntry, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+auditColumns+" FROM audit_log WHERE id = $1", id)
	e, err := pgx.CollectExactlyOneRow(rows, scanAudit)
	return e, mapError(fmt.Sprintf("get audit entry %d", id), err)
}

// ListAuditActions returns the actions that occur, for a filter; at most 200.
func (s *Store) ListAuditActions(ctx context.Context) ([]string, error) {
	// Steps from one value to the next in the index, since DISTINCT would read the whole table.
	rows, _ := s.pool.Query(ctx, `WITH RECURSIVE step AS (
			(SELECT action FROM audit_log ORDER BY action LIMIT 1)
			UNION ALL
			SELECT (SELECT action FROM audit_log WHERE action > step.action ORDER BY action LIMIT 1) FROM step WHERE step.action IS NOT NULL
		) SELECT action FROM step WHERE action IS NOT NULL LIMIT 200`)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return list, mapError("list audit actions", err)
}

// ListAudit returns entries, newest first.
func (s *Store) ListAudit(ctx context.Context, f AuditFilter) ([]AuditEntry, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	var w where
	w.addIf(f.ObjectKind != "", "object_kind = ?", f.ObjectKind)
	w.addIf(f.ObjectID != "", "object_id = ?", f.ObjectID)
	w.addIf(f.UserID != 0, "user_id = ?", f.UserID)
	w.addIf(f.Action != "", "action = ?", f.Action)
	w.addIf(f.Outcome != "", "outcome = ?", f.Outcome)
	w.addIf(f.OrganizationID != 0, "organization_id = ?", f.OrganizationID)
	w.addIf(!f.From.IsZero(), "at >= ?", f.From)
	w.addIf(!f.To.IsZero(), "at < ?", f.To)
	w.addIf(f.BeforeID != 0, "id < ?", f.BeforeID)
	order := "DESC"
	if f.BeforeID == 0 && f.AfterID != 0 {
		w.add("id > ?", f.AfterID)
		order = "ASC"
	}
	rows, _ := s.pool.Query(ctx, fmt.Sprintf("SELECT %s FROM audit_log%s ORDER BY id %s LIMIT %d", auditColumns, w.sql(), order, min(limit, 201)), planned(w.args)...)
	list, err := pgx.CollectRows(rows, scanAudit)
	if order == "ASC" {
		slices.Reverse(list)
	}
	return list, mapError("list audit log", err)
}

func emptyIsNull(raw json.RawMessage) any {
	if len(raw) == 0 {
		return nil
	}
	return raw
}

func invalidIsNull(a netip.Addr) *netip.Addr {
	if !a.IsValid() {
		return nil
	}
	return &a
}
