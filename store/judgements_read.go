package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// JudgedSum is how many deliveries of a judgement went from one reason to one outcome.
type JudgedSum struct {
	FirstReason string
	Outcome     JudgedOutcome
	Reason      string // "" for what passes
	Deliveries  int
}

// JudgedSums sums a judgement up by reason before and after, most first; at most 200.
func (s *Store) JudgedSums(ctx context.Context, id int64) ([]JudgedSum, error) {
	rows, _ := s.pool.Query(ctx, `SELECT first_reason, outcome, reason, count(*)::int FROM judged_deliveries WHERE judgement_id = $1
		GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3 LIMIT 200`, id)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (v JudgedSum, err error) {
		err = row.Scan(&v.FirstReason, &v.Outcome, &v.Reason, &v.Deliveries)
		return v, err
	})
	return list, mapError(fmt.Sprintf("sum up judgement %d", id), err)
}

// JudgedDelivery is what a judgement found about one delivery, beside its verdict at arrival.
type JudgedDelivery struct {
	JudgementID            int64
	JudgedAt               time.Time // when the judgement began
	Actor, Why             string    // who asked for it, and what for
	DeliveryID             ID
	Outcome                JudgedOutcome
	FirstReason, FirstRung string
	Reason, Rung, Detail   string // Reason is "" for what passes
	KeyID                  string
	// What the delivery is by now; Gone when it was discarded.
	EventType      string
	SubscriptionID int64
	NotificationID ID // of what was released
	Gone           bool
}

const judgedSelect = `SELECT j.judgement_id, g.created_at, g.actor, g.why, j.delivery_id, j.outcome, j.first_reason, j.first_rung, j.reason, j.rung, j.detail, j.key_id,
	coalesce(d.event_type, ''), coalesce(d.subscription_id, 0), d.notification_id, d.id IS NULL
	FROM judged_deliveries j JOIN judgements g ON g.id = j.judgement_id LEFT JOIN deliveries d ON d.id = j.delivery_id `

func scanJudged(row pgx.CollectableRow) (v JudgedDelivery, err error) {
	err = row.Scan(&v.JudgementID, &v.JudgedAt, &v.Actor, &v.Why, &v.DeliveryID, &v.Outcome, &v.FirstReason, &v.FirstRung, &v.Reason, &v.Rung, &v.Detail, &v.KeyID,
		&v.EventType, &v.SubscriptionID, &v.NotificationID, &v.Gone)
	return v, err
}

// ListJudged returns what a judgement found, newest delivery first; outcome "" means all.
func (s *Store) ListJudged(ctx context.Context, judgement int64, outcome JudgedOutcome, p Page) (PageOf[JudgedDelivery], error) {
	w := where{}
	w.add("j.judgement_id = ?", judgement)
	w.addIf(outcome != "", "j.outcome = ?", outcome)
	order := "DESC"
	switch {
	case !p.OlderThan.IsZero():
		w.add("j.delivery_id < ?", p.OlderThan)
	case !p.NewerThan.IsZero():
		w.add("j.delivery_id > ?", p.NewerThan)
		order = "ASC"
	}
	rows, _ := s.pool.Query(ctx, fmt.Sprintf("%s%s ORDER BY j.delivery_id %s LIMIT %d", judgedSelect, w.sql(), order, p.limit()+1), planned(w.args)...)
	list, err := pgx.CollectRows(rows, scanJudged)
	if err != nil {
		return PageOf[JudgedDelivery]{}, mapError(fmt.Sprintf("list deliveries of judgement %d", judgement), err)
	}
	return pageOf(p, list, func(v JudgedDelivery) ID { return v.DeliveryID }), nil
}

// ListJudgementsOf returns what was found about one delivery, latest judgement first, at most 50.
func (s *Store) ListJudgementsOf(ctx context.Context, delivery ID) ([]JudgedDelivery, error) {
	rows, _ := s.pool.Query(ctx, judgedSelect+"WHERE j.delivery_id = $1 ORDER BY j.judgement_id DESC LIMIT 50", delivery)
	list, err := pgx.CollectRows(rows, scanJudged)
	return list, mapError("list judgements of delivery "+delivery.String(), err)
}

// GetRelease returns how a delivery left quarantine. ErrNotFound when it did not.
func (s *Store) GetRelease(ctx context.Context, delivery ID) (Release, error) {
	var r Release
	err := s.pool.QueryRow(ctx, `SELECT r.judgement_id, r.released_at, g.release_actor, g.release_why, r.first_reason, r.first_detail, r.first_key_id
		FROM released_deliveries r JOIN judgements g ON g.id = r.judgement_id WHERE r.delivery_id = $1`, delivery).
		Scan(&r.JudgementID, &r.At, &r.Actor, &r.Why, &r.FirstReason, &r.FirstDetail, &r.FirstKeyID)
	return r, mapError("get release of delivery "+delivery.String(), err)
}

// FindNotification returns the notification that a delivery would be an attempt of: the one of its fingerprint, otherwise the one nearest after it, within its
// horizon, that differs in its date alone. ErrNotFound when there is none.
func (s *Store) FindNotification(ctx context.Context, d Delivery, said Description) (ID, error) {
	var id ID
	err := s.pool.QueryRow(ctx, `SELECT notification_id FROM (
			(SELECT 1 AS place, notification_id FROM notification_keys WHERE subscription_id = $1 AND fingerprint = $2)
			UNION ALL (SELECT 2, notification_id FROM notification_keys WHERE subscription_id = $1 AND loose = $3 AND notification_id BETWEEN $4 AND $5 ORDER BY notification_id LIMIT 1)
		) k ORDER BY place LIMIT 1`, d.SubscriptionID, said.Fingerprint, said.Loose, d.ID, FloorID(d.ReceivedAt.Add(said.Horizon))).Scan(&id)
	return id, mapError("find notification of delivery "+d.ID.String(), err)
}

const (
	// mostHealed bounds the deliveries of one key, or of one reason, that are looked at for MayPass; newestKeys the keys.
	mostHealed = 1000
	newestKeys = 20
)

// Healed are rejected deliveries for which something has changed since they arrived.
type Healed struct {
	Reason     string // why they were rejected
	KeyID      string // the key that came after them, "" when it was the policy of their subscription, or a key of message-level encryption
	Deliveries int
}

// healedByPolicy are the reasons that a subscription's change may heal, healedByEncryption those that a new key of message-level encryption may.
const (
	healedByKey        = "'key_unknown', 'key_empty'"
	healedByPolicy     = "'source_not_allowed', 'client_certificate_missing', 'client_certificate_invalid', 'token_missing', 'token_invalid', 'token_expired', 'token_revoked', 'token_foreign', 'mle_missing'"
	healedByEncryption = "'mle_key_unknown', 'mle_wrong_key', 'mle_undecryptable'"
)

// MayPass counts rejected deliveries of organizations (nil: all) or of one subscription (0: all) for which something has changed since they arrived and
// since they were last judged: their key is kept here now, their subscription was changed, or there is a new key to decrypt with. It is cheap whatever is in
// quarantine: it looks at the newest 1,000 of each of the newest keys, and of each reason.
func (s *Store) MayPass(ctx context.Context, organizations []int64, subscription int64) ([]Healed, error) {
	// What is looked for is read where it is found by index, and each delivery's judgements by a probe: no join may read a whole table.
	rows, _ := s.pool.Query(ctx, `WITH keys AS (
			SELECT key_id, organization_id, created_at FROM signature_keys WHERE $1::bigint[] IS NULL OR organization_id = ANY($1) ORDER BY id DESC LIMIT $4
		), changed AS (
			SELECT d.id, d.reason, d.organization_id, d.subscription_id, d.received_at, k.key_id, k.created_at AS at FROM keys k
				CROSS JOIN LATERAL (SELECT id, reason, organization_id, subscription_id, received_at FROM deliveries
					WHERE verdict = 'rejected' AND key_id = ANY(ARRAY[k.key_id, lower(k.key_id), upper(k.key_id)]) AND key_id <> '' ORDER BY id DESC LIMIT $3) d
				WHERE d.organization_id = k.organization_id AND d.reason IN (`+healedByKey+`)
			UNION ALL
			SELECT d.id, d.reason, d.organization_id, d.subscription_id, d.received_at, '', CASE WHEN d.reason IN (`+healedByPolicy+`) THEN s.updated_at
					ELSE (SELECT max(created_at) FROM mle_keys m WHERE m.organization_id = s.organization_id AND (m.subscription_id IS NULL OR m.subscription_id = s.id)) END
				FROM unnest(ARRAY[`+healedByPolicy+`, `+healedByEncryption+`]) AS r (reason)
				CROSS JOIN LATERAL (SELECT id, reason, organization_id, subscription_id, received_at FROM deliveries
					WHERE verdict = 'rejected' AND reason = r.reason ORDER BY id DESC LIMIT $3) d
				JOIN subscriptions s ON s.id = d.subscription_id
				-- Tokens are not kept: while tokens are asked for, nothing refused for one can be judged again.
				WHERE NOT (d.reason LIKE 'token\_%' AND s.security_type <> 'KEY')
		)
		SELECT reason, key_id, count(*)::int FROM changed c
		WHERE received_at < at AND ($1::bigint[] IS NULL OR organization_id = ANY($1)) AND ($2 = 0 OR subscription_id = $2)
			AND coalesce((SELECT max(g.created_at) FROM judged_deliveries j JOIN judgements g ON g.id = j.judgement_id WHERE j.delivery_id = c.id), '-infinity') < at
		GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 100`, organizations, subscription, mostHealed, newestKeys)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Healed])
	return list, mapError("count what may pass", err)
}

// WaitingRelease returns the newest judgement of these organizations of which something passes and nobody asked for its release. ErrNotFound when there is none. It
// looks at the newest 20.
func (s *Store) WaitingRelease(ctx context.Context, organizations []int64) (Judgement, error) {
	list, err := s.ListJudgements(ctx, organizations, 0, 20)
	if err != nil {
		return Judgement{}, err
	}
	for _, j := range list {
		if j.State != StateJudged || j.Passing == 0 {
			continue
		}
		if _, err := s.firstPassing(ctx, j.ID); !errors.Is(err, ErrNotFound) {
			return j, err
		}
	}
	return Judgement{}, fmt.Errorf("find judgement to release: %w", ErrNotFound)
}

// firstPassing returns a delivery that passes by a judgement and is still in quarantine.
func (s *Store) firstPassing(ctx context.Context, judgement int64) (ID, error) {
	var id ID
	err := s.pool.QueryRow(ctx, `SELECT d.id FROM judged_deliveries j JOIN deliveries d ON d.id = j.delivery_id AND d.verdict = 'rejected'
		WHERE j.judgement_id = $1 AND j.outcome = 'passes' LIMIT 1`, judgement).Scan(&id)
	return id, mapError(fmt.Sprintf("find passing delivery of judgement %d", judgement), err)
}
