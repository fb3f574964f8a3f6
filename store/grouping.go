package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Description is what a verified delivery's body says, as GroupNext's caller read it.
type Description struct {
	Fingerprint       []byte // of everything that stays the same when it is sent again (design.md section 4)
	Loose             []byte // the same without the event date
	EventOrganization string
	ObjectID          string
	Summary           string
	Readable          bool
	Test              bool
	Payload           json.RawMessage // masked; nil when there is none that Postgres can hold
	Horizon           time.Duration   // how long after its first attempt a retry may come; 0: no loose match is looked for
}

// GroupNext takes up to limit verified deliveries that belong to no notification yet, oldest first, asks describe about each, and makes or
// extends their notifications, all in one transaction of five round trips,
// however many they are. It returns how many it took: fewer than limit means that
// nothing waits. Replicas may call it at the same time: they take turns, so that deliveries are grouped in order of arrival whoever
// does it. A delivery whose payload Postgres refuses is grouped without payload.
func (s *Store) GroupNext(ctx context.Context, limit int, describe func(Delivery) Description) (int, error) {
	n, err := s.groupBatch(ctx, limit, describe)
	if !isRefused(err) {
		return n, err
	}
	// One row of the batch is refused. Alone, each shows whether it is the one.
	for taken := range limit {
		n, err := s.groupBatch(ctx, 1, describe)
		if isRefused(err) {
			n, err = s.groupBatch(ctx, 1, func(d Delivery) Description {
				described := describe(d)
				described.Payload = nil
				return described
			})
		}
		if err != nil || n == 0 {
			return taken, err
		}
	}
	return limit, nil
}

// isRefused tells a database that refuses a value, or cannot work with it (SQLSTATE class 54: too long, too deep), from one that is away.
func isRefused(err error) bool {
	var pgErr *pgconn.PgError
	return errors.Is(err, ErrInvalid) || errors.As(err, &pgErr) && pgErr.Code[:2] == "54"
}

func (s *Store) groupBatch(ctx context.Context, limit int, describe func(Delivery) Description) (int, error) {
	taken := 0
	err := s.InTx(ctx, func(tx pgx.Tx) error {
		deliveries, err := s.takeUngrouped(ctx, tx, limit)
		if err != nil {
			return err
		}
		if taken = len(deliveries); taken == 0 {
			return nil
		}
		items := make([]*described, taken)
		for i, d := range deliveries {
			items[i] = &described{Delivery: d, Description: describe(d)}
		}
		known, err := findKeys(ctx, tx, items)
		if err != nil {
			return err
		}
		return writeNotifications(ctx, tx, assign(items, known))
	})
	return taken, err
}

// takeUngrouped waits for its turn and takes what waits, oldest first. What is taken has its notification before another replica takes more:
// a retry that came after its first attempt is grouped after it, and finds it. A replica that stops in its turn loses it after a while.
func (s *Store) takeUngrouped(ctx context.Context, tx pgx.Tx, limit int) ([]Delivery, error) {
	var list []Delivery
	batch := &pgx.Batch{}
	batch.Queue("SELECT pg_advisory_xact_lock(hashtext('switchboard grouping')), set_config('idle_in_transaction_session_timeout', '20s', true)")
	// A statement of its own: it must see what was committed while the first one waited.
	batch.Queue(`WITH taken AS (DELETE FROM grouping_queue WHERE delivery_id IN
			(SELECT delivery_id FROM grouping_queue ORDER BY delivery_id LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING delivery_id)
		SELECT `+deliverySelect+`, body FROM deliveries WHERE id = ANY (ARRAY(SELECT delivery_id FROM taken)) ORDER BY id`, limit).Query(func(rows pgx.Rows) (err error) {
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Delivery, error) { return s.scanDeliveryWithBody(row) })
		return err
	})
	return list, mapError("take deliveries to group", tx.SendBatch(ctx, batch).Close())
}

// described is a delivery with what it says.
type described struct {
	Delivery
	Description
}

// groupKey is a fingerprint, or a loose one, of one subscription.
type groupKey struct {
	subscription int64
	sum          string
}

func (d *described) strict() groupKey { return groupKey{d.SubscriptionID, string(d.Fingerprint)} }
func (d *described) loose() groupKey  { return groupKey{d.SubscriptionID, string(d.Loose)} }

// mayHaveAnotherDate says whether the notification is also looked for without the event date.
func (d *described) mayHaveAnotherDate() bool { return d.RetryNumber > 0 && d.Horizon > 0 }

// horizonStart is the lowest id of a notification that the delivery can be a retry of.
func (d *described) horizonStart() ID { return FloorID(d.ReceivedAt.Add(-d.Horizon)) }

// knownKeys are the notifications of fingerprints; of loose ones the newest.
type knownKeys struct{ strict, loose map[groupKey]ID }

// findKeys looks for the notifications that a batch may belong to.
func findKeys(ctx context.Context, tx pgx.Tx, items []*described) (knownKeys, error) {
	known := knownKeys{make(map[groupKey]ID), make(map[groupKey]ID)}
	var retries []*described
	for _, it := range items {
		if it.mayHaveAnotherDate() {
			retries = append(retries, it)
		}
	}
	batch := &pgx.Batch{}
	var subscription int64
	var sum []byte
	var id ID
	collect := func(into map[groupKey]ID) func(pgx.Rows) error {
		return func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&subscription, &sum, &id}, func() error {
				into[groupKey{subscription, string(sum)}] = id
				return nil
			})
			return err
		}
	}
	// Each row is one probe of an index, whatever the planner believes of the size of the tables.
	batch.Queue(`SELECT t.subscription_id, t.fingerprint, k.notification_id FROM unnest($1::bigint[], $2::bytea[]) AS t (subscription_id, fingerprint)
		CROSS JOIN LATERAL (SELECT notification_id FROM notification_keys WHERE subscription_id = t.subscription_id AND fingerprint = t.fingerprint LIMIT 1) k`,
		column(items, func(it *described) int64 { return it.SubscriptionID }), column(items, func(it *described) []byte { return it.Fingerprint })).Query(collect(known.strict))
	if len(retries) > 0 {
		batch.Queue(`SELECT t.subscription_id, t.loose, k.notification_id FROM unnest($1::bigint[], $2::bytea[]) AS t (subscription_id, loose)
			CROSS JOIN LATERAL (SELECT notification_id FROM notification_keys WHERE subscription_id = t.subscription_id AND loose = t.loose ORDER BY notification_id DESC LIMIT 1) k`,
			column(retries, func(it *described) int64 { return it.SubscriptionID }), column(retries, func(it *described) []byte { return it.Loose })).Query(collect(known.loose))
	}
	return known, mapError("look for notifications", tx.SendBatch(ctx, batch).Close())
}
