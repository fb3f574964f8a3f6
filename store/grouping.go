package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
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
	EventAt           time.Time       // the event date as a time; zero: it is none
	Retries           int             // how many the subscription's policy had when the delivery arrived
	Next              NextAttempt     // zero: it was answered 200, or no retry is left
}

// GroupNext takes up to limit verified deliveries that belong to no notification yet, oldest first, asks describe about each, and makes or
// extends their notifications, all in one transaction of a few round trips,
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
		if err := policiesThen(ctx, tx, deliveries); err != nil {
			return err
		}
		items := make([]*described, taken)
		for i, d := range deliveries {
			items[i] = &described{Delivery: d, Description: describe(d)}
		}
		known, err := findKeys(ctx, tx, items)
		if err != nil {
			return err
		}
		g := assign(items, known)
		if forgot, err := g.forgetPurged(ctx, tx); err != nil {
			return err
		} else if forgot {
			if known, err = findKeys(ctx, tx, items); err != nil {
				return err
			}
			g = assign(items, known)
		}
		return s.writeNotifications(ctx, tx, g)
	})
	return taken, err
}

// takeUngrouped waits for its turn and takes what waits, oldest first. What is taken has its notification before another replica takes more:
// a retry that came after its first attempt is grouped after it, and finds it. A replica that stops in its turn loses it after a while.
func (s *Store) takeUngrouped(ctx context.Context, tx pgx.Tx, limit int) ([]Delivery, error) {
	var taken []ID
	batch := &pgx.Batch{}
	batch.Queue("SELECT pg_advisory_xact_lock(hashtext('switchboard grouping')), set_config('idle_in_transaction_session_timeout', '20s', true)")
	// A statement of its own: it must see what was committed while the first one waited. The array is made once; an IN may be asked for each row, and
	// then takes more than the limit.
	batch.Queue("DELETE FROM grouping_queue WHERE delivery_id = ANY (ARRAY(SELECT delivery_id FROM grouping_queue ORDER BY delivery_id LIMIT $1 FOR UPDATE)) RETURNING delivery_id",
		limit).Query(func(rows pgx.Rows) (err error) {
		taken, err = pgx.CollectRows(rows, pgx.RowTo[ID])
		return err
	})
	if err := tx.SendBatch(ctx, batch).Close(); err != nil || len(taken) == 0 {
		return nil, mapError("take deliveries to group", err)
	}
	// With lowest and highest id Postgres leaves out all other partitions; with the array alone it looks into each of them for each id.
	slices.SortFunc(taken, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	rows, _ := tx.Query(ctx, "SELECT "+deliverySelect+", body FROM deliveries WHERE id = ANY ($1) AND id BETWEEN $2 AND $3 ORDER BY id", taken, taken[0], taken[len(taken)-1])
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Delivery, error) { return s.scanDeliveryWithBody(row) })
	return list, mapError("read deliveries to group", err)
}

// described is a delivery with what it says.
type described struct {
	Delivery
	Description
}
