package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
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
// does it. A delivery whose payload Postgres refuses is grouped without payload; one that cannot be grouped at all is set apart (ListUngrouped), and
// the others go on.
func (s *Store) GroupNext(ctx context.Context, limit int, describe func(Delivery) Description) (int, error) {
	total := 0
	for size := limit; ; size = min(2*size, limit-total) {
		taken, err := s.groupBatch(ctx, size, describe)
		for ; size > 1 && (IsDataError(err) || isTooSlow(err)); taken, err = s.groupBatch(ctx, size, describe) {
			size /= 2 // one row of the batch is refused: the smaller the batch, the more of the others go on
		}
		if IsDataError(err) && len(taken) == 1 {
			err = s.groupAlone(ctx, taken[0], describe)
		}
		if err != nil {
			return total, err
		}
		if total += len(taken); len(taken) < size || total >= limit {
			return total, nil
		}
	}
}

// groupBatch returns what it took also when that could not be grouped.
func (s *Store) groupBatch(ctx context.Context, limit int, describe func(Delivery) Description) (taken []ID, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("group deliveries: %T while working on one of them", p) // and no other is kept waiting for it
		}
	}()
	var retried []ID
	err = s.InTx(ctx, func(tx pgx.Tx) error {
		var deliveries []Delivery
		if taken, deliveries, err = s.takeUngrouped(ctx, tx, limit); err != nil || len(deliveries) == 0 {
			return err
		}
		if err := policiesThen(ctx, tx, deliveries); err != nil {
			return err
		}
		items := make([]*described, len(deliveries))
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
		retried = g.withRetries()
		return s.writeNotifications(ctx, tx, g)
	})
	if err == nil {
		err = s.recountLost(ctx, retried) // again: a rejection may have been explained meanwhile
	}
	return taken, err
}

// takeUngrouped waits for its turn and takes what waits, oldest first. What is taken has its notification before another replica takes more:
// a retry that came after its first attempt is grouped after it, and finds it. A replica that stops in its turn loses it after a while.
func (s *Store) takeUngrouped(ctx context.Context, tx pgx.Tx, limit int) (taken []ID, list []Delivery, err error) {
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
		return nil, nil, mapError("take deliveries to group", err)
	}
	// With lowest and highest id Postgres leaves out all other partitions; with the array alone it looks into each of them for each id.
	slices.SortFunc(taken, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	rows, _ := tx.Query(ctx, "SELECT "+deliverySelect+", body FROM deliveries WHERE id = ANY ($1) AND id BETWEEN $2 AND $3 ORDER BY id", taken, taken[0], taken[len(taken)-1])
	list, err = pgx.CollectRows(rows, s.scanDeliveryWithBody)
	return taken, list, mapError("read deliveries to group", err)
}

// described is a delivery with what it says.
type described struct {
	Delivery
	Description
}
