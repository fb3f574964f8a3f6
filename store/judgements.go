package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// MaxJudged bounds what one judgement looks at, and what is discarded at once: the oldest of what a filter finds.
const MaxJudged = 10_000

// JudgementState is how far a judgement has come; migrations/00011_judgements.sql draws the way.
type JudgementState string

// The states of a judgement.
const (
	StateJudging   JudgementState = "judging"
	StateJudged    JudgementState = "judged"
	StateReleasing JudgementState = "releasing"
	StateReleased  JudgementState = "released"
)

// Judgement is one time that rejected deliveries were judged again, and what was released by it.
type Judgement struct {
	ID        int64
	CreatedAt time.Time
	UserID    int64 // zero: the program itself
	Actor     string
	Why       string
	// Filter says what was judged; its To is never zero, and its Page does not count.
	Filter RejectedFilter
	Found  int  // how many there were, at most MaxJudged
	Beyond bool // there were more: the oldest were taken
	State  JudgementState
	// Passing, Failing and NotJudged count what is judged so far.
	Passing, Failing, NotJudged int
	JudgedThrough               ID // the newest that is judged
	ReleasedThrough             ID // the newest that is released or withheld
	ProgressAt                  time.Time
	JudgedAt                    time.Time // zero: not all is judged
	ReleaseAskedAt              time.Time // zero: nobody asked
	ReleaseActor, ReleaseWhy    string
	// Released counts what left quarantine by it; Withheld what no longer passed then, or was not there any more.
	Released, Withheld int
	ReleasedAt         time.Time // zero: not all is released
}

// Judged is how many deliveries are judged so far.
func (j Judgement) Judged() int { return j.Passing + j.Failing + j.NotJudged }

const judgementColumns = `id, created_at, coalesce(user_id, 0), actor, why, organizations, subscription_id, reason, rung, key_id, coalesce(from_at, 'epoch'), to_at, delivery_id, delivery_ids, product_id, event_type, found, beyond, state,
	passing, failing, not_judged, judged_through, released_through, progress_at, coalesce(judged_at, 'epoch'), coalesce(release_asked_at, 'epoch'), release_actor, release_why, released, withheld, coalesce(released_at, 'epoch')`

func scanJudgement(row pgx.CollectableRow) (Judgement, error) {
	var j Judgement
	f := &j.Filter
	err := row.Scan(&j.ID, &j.CreatedAt, &j.UserID, &j.Actor, &j.Why, &f.Organizations, &f.SubscriptionID, &f.Reason, &f.Rung, &f.KeyID, &f.From, &f.To, &f.DeliveryID, &f.DeliveryIDs, &f.ProductID, &f.EventType, &j.Found, &j.Beyond, &j.State,
		&j.Passing, &j.Failing, &j.NotJudged, &j.JudgedThrough, &j.ReleasedThrough, &j.ProgressAt, &j.JudgedAt, &j.ReleaseAskedAt, &j.ReleaseActor, &j.ReleaseWhy, &j.Released, &j.Withheld, &j.ReleasedAt)
	f.From, j.JudgedAt, j.ReleaseAskedAt, j.ReleasedAt = epochIsZero(f.From), epochIsZero(j.JudgedAt), epochIsZero(j.ReleaseAskedAt), epochIsZero(j.ReleasedAt)
	return j, err
}

// CountRejected counts the rejected deliveries of a filter, up to most.
func (s *Store) CountRejected(ctx context.Context, f RejectedFilter, most int) (int, error) {
	return countRejected(ctx, s.pool, f, most)
}

func countRejected(ctx context.Context, q querier, f RejectedFilter, most int) (int, error) {
	w := f.where()
	w.args = append(w.args, most)
	var n int
	err := q.QueryRow(ctx, "SELECT count(*) FROM (SELECT FROM deliveries"+w.sql()+placeholder(" LIMIT ", len(w.args))+") found", planned(w.args)...).Scan(&n)
	return n, mapError("count rejected deliveries", err)
}

// InsertJudgement asks for what a filter finds now to be judged again, with its audit row. Its Filter must name the organizations. It is
// worked through by JudgeNext. ErrNotFound when the filter finds nothing.
func (s *Store) InsertJudgement(ctx context.Context, j Judgement, audit AuditEntry) (Judgement, error) {
	now := s.now()
	f := j.Filter
	if f.To.IsZero() || f.To.After(now) {
		f.To = now.Add(time.Millisecond) // ids have milliseconds; what arrives from now on is judged on arrival
	}
	err := s.InTx(ctx, func(tx pgx.Tx) error {
		found, err := countRejected(ctx, tx, f, MaxJudged+1)
		if err != nil {
			return err
		}
		if found == 0 {
			return fmt.Errorf("judge again: no such delivery: %w", ErrNotFound)
		}
		rows, _ := tx.Query(ctx, `INSERT INTO judgements (created_at, user_id, actor, why, organizations, subscription_id, reason, rung, key_id, from_at, to_at, delivery_id, delivery_ids, product_id, event_type, found, beyond, progress_at)
			VALUES ($1, nullif($2::bigint, 0), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $15, $16, $17, $13, $14, $1) RETURNING `+judgementColumns,
			now, j.UserID, j.Actor, j.Why, f.Organizations, f.SubscriptionID, f.Reason, f.Rung, f.KeyID, zeroIsNull(f.From), f.To, f.DeliveryID, min(found, MaxJudged), found > MaxJudged, f.DeliveryIDs, f.ProductID, f.EventType)
		if j, err = pgx.CollectExactlyOneRow(rows, scanJudgement); err != nil {
			return mapError("insert judgement", err)
		}
		audit.ObjectID = fmt.Sprint(j.ID)
		_, err = insertAudit(ctx, tx, audit, now)
		return err
	})
	return j, err
}

// GetJudgement returns one. ErrNotFound.
func (s *Store) GetJudgement(ctx context.Context, id int64) (Judgement, error) {
	return getJudgement(ctx, s.pool, id, "")
}

func getJudgement(ctx context.Context, q querier, id int64, lock string) (Judgement, error) {
	rows, _ := q.Query(ctx, "SELECT "+judgementColumns+" FROM judgements WHERE id = $1"+lock, id)
	j, err := pgx.CollectExactlyOneRow(rows, scanJudgement)
	return j, mapError(fmt.Sprintf("get judgement %d", id), err)
}

// ListJudgements returns judgements of any of these organizations and of no other, newest first: those with an id below before, all when that is zero; at
// most 100.
func (s *Store) ListJudgements(ctx context.Context, organizations []int64, before int64, limit int) ([]Judgement, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+judgementColumns+" FROM judgements WHERE organizations <@ $1 AND ($2 = 0 OR id < $2) ORDER BY id DESC LIMIT $3", organizations, before, min(limit, 100))
	list, err := pgx.CollectRows(rows, scanJudgement)
	return list, mapError("list judgements", err)
}

// UnfinishedJudgements returns the ids of those with work left, oldest first, at most 100.
func (s *Store) UnfinishedJudgements(ctx context.Context) ([]int64, error) {
	rows, _ := s.pool.Query(ctx, "SELECT id FROM judgements WHERE state IN ('judging', 'releasing') ORDER BY id LIMIT 100")
	list, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return list, mapError("list unfinished judgements", err)
}
