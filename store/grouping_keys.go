package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// groupKey is a fingerprint, or a loose one, of one subscription.
type groupKey struct {
	subscription int64
	sum          string
}

func (d *described) strict() groupKey { return groupKey{d.SubscriptionID, string(d.Fingerprint)} }
func (d *described) loose() groupKey  { return groupKey{d.SubscriptionID, string(d.Loose)} }

// horizonStart and horizonEnd are the lowest and highest ids of notifications that the delivery can belong to when its date alone differs.
func (d *described) horizonStart() ID { return FloorID(d.ReceivedAt.Add(-d.Horizon)) }

func (d *described) horizonEnd() ID { return FloorID(d.ReceivedAt.Add(d.Horizon + time.Millisecond)) }

// knownKey is a fingerprint that belongs to a notification, with the lowest retry number that came with it and its event date.
type knownKey struct {
	notification ID
	retry        int
	eventAt      time.Time // zero: not a time
}

// contradicts says that the delivery cannot be of the key's notification although the date alone differs: no attempt is made twice, and a later
// attempt has no earlier date.
func (k *knownKey) contradicts(d *described) bool {
	switch {
	case k.retry == d.RetryNumber:
		return true
	case k.eventAt.IsZero() || d.EventAt.IsZero():
		return false
	case k.retry < d.RetryNumber:
		return d.EventAt.Before(k.eventAt)
	}
	return k.eventAt.Before(d.EventAt)
}

// knownKeys are the keys that a batch may belong to: by fingerprint, and by the loose one all that have it within the horizon.
type knownKeys struct {
	strict map[groupKey]*knownKey
	loose  map[groupKey][]*knownKey
}

// add makes a key known.
func (k knownKeys) add(strict, loose groupKey, key *knownKey) {
	k.strict[strict] = key
	k.loose[loose] = append(k.loose[loose], key)
}

// sameButDate finds the notification of a delivery that differs from what is known in its event date alone: the newest one that came before it,
// otherwise the oldest one that came after it.
func (k knownKeys) sameButDate(d *described) (ID, bool) {
	if d.Horizon <= 0 {
		return ID{}, false
	}
	list := k.loose[d.loose()]
	if d.RetryNumber == 0 && !slices.ContainsFunc(list, func(key *knownKey) bool { return key.retry > 0 }) {
		return ID{}, false // as mostly
	}
	refused := make(map[ID]bool)
	for _, key := range list {
		if key.contradicts(d) {
			refused[key.notification] = true
		}
	}
	var before, after ID
	for _, key := range list {
		id := key.notification
		switch {
		case refused[id] || id.before(d.horizonStart()) || d.horizonEnd().before(id):
		case id.before(d.ID):
			if before.IsZero() || before.before(id) {
				before = id
			}
		case after.IsZero() || id.before(after):
			after = id
		}
	}
	if !before.IsZero() {
		return before, true
	}
	return after, !after.IsZero()
}

// maxSameButDate bounds what is read for one loose fingerprint: the newest keys within the horizon.
const maxSameButDate = 64

// findKeys looks for the notifications that a batch may belong to.
func findKeys(ctx context.Context, tx pgx.Tx, items []*described) (knownKeys, error) {
	known := knownKeys{make(map[groupKey]*knownKey), make(map[groupKey][]*knownKey)}
	var retries, firsts []*described
	for _, it := range items {
		switch {
		case it.Horizon <= 0:
		case it.RetryNumber > 0:
			retries = append(retries, it)
		default:
			firsts = append(firsts, it)
		}
	}
	batch := &pgx.Batch{}
	// Each row is one probe of an index, whatever the planner believes of the size of the tables.
	batch.Queue(`SELECT t.subscription_id, t.fingerprint, k.notification_id, k.retry_number, nullif(k.event_at, 'infinity') FROM unnest($1::bigint[], $2::bytea[]) AS t (subscription_id, fingerprint)
		CROSS JOIN LATERAL (SELECT notification_id, retry_number, event_at FROM notification_keys WHERE subscription_id = t.subscription_id AND fingerprint = t.fingerprint LIMIT 1) k`,
		column(items, func(it *described) int64 { return it.SubscriptionID }), column(items, func(it *described) []byte { return it.Fingerprint })).Query(known.collectStrict)
	if len(retries) > 0 {
		queueLoose(batch, retries, `LEFT JOIN LATERAL (SELECT 1 AS known FROM notification_keys WHERE subscription_id = t.subscription_id AND fingerprint = t.fingerprint LIMIT 1) c ON true`,
			"c.known IS NULL").Query(known.collectLoose)
	}
	if len(firsts) > 0 {
		// Hardly any first attempt comes after a retry of it: an index of those retries alone says so at once.
		queueLoose(batch, firsts, `CROSS JOIN LATERAL (SELECT 1 AS late FROM notification_keys WHERE subscription_id = t.subscription_id AND loose = t.loose AND retry_number > 0
			AND event_at >= t.event_at AND notification_id BETWEEN t.low AND t.high LIMIT 1) c`, "c.late = 1").Query(known.collectLoose)
	}
	return known, mapError("look for notifications", tx.SendBatch(ctx, batch).Close())
}

// queueLoose asks for the keys with the loose fingerprints of items within their horizons, for those items of which the probe c fulfils the condition.
func queueLoose(batch *pgx.Batch, items []*described, probe, condition string) *pgx.QueuedQuery {
	return batch.Queue(`SELECT t.subscription_id, t.loose, k.fingerprint, k.notification_id, k.retry_number, nullif(k.event_at, 'infinity')
		FROM (SELECT subscription_id, fingerprint, loose, low, high, coalesce(event_at, '-infinity') AS event_at
			FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::uuid[], $5::uuid[], $6::timestamptz[]) AS t (subscription_id, fingerprint, loose, low, high, event_at)) t
		`+probe+` CROSS JOIN LATERAL (SELECT fingerprint, notification_id, retry_number, event_at FROM notification_keys WHERE subscription_id = t.subscription_id AND loose = t.loose
			AND notification_id BETWEEN t.low AND t.high AND `+condition+` ORDER BY notification_id DESC LIMIT $7) k`,
		column(items, func(it *described) int64 { return it.SubscriptionID }), column(items, func(it *described) []byte { return it.Fingerprint }),
		column(items, func(it *described) []byte { return it.Loose }), column(items, (*described).horizonStart), column(items, (*described).horizonEnd),
		column(items, func(it *described) *time.Time { return zeroIsNull(it.EventAt) }), maxSameButDate)
}

func (k knownKeys) collectStrict(rows pgx.Rows) error {
	var subscription int64
	var sum []byte
	var key knownKey
	var eventAt *time.Time
	_, err := pgx.ForEachRow(rows, []any{&subscription, &sum, &key.notification, &key.retry, &eventAt}, func() error {
		found := key
		if eventAt != nil {
			found.eventAt = *eventAt
		}
		k.strict[groupKey{subscription, string(sum)}] = &found
		return nil
	})
	return err
}

// collectLoose shares a key with the strict ones where both found it, so that what the batch changes both know.
func (k knownKeys) collectLoose(rows pgx.Rows) error {
	var subscription int64
	var loose, sum []byte
	var key knownKey
	var eventAt *time.Time
	seen := make(map[groupKey]bool)
	_, err := pgx.ForEachRow(rows, []any{&subscription, &loose, &sum, &key.notification, &key.retry, &eventAt}, func() error {
		strict := groupKey{subscription, string(sum)}
		if seen[strict] {
			return nil
		}
		seen[strict] = true
		found := k.strict[strict]
		if found == nil {
			found = &knownKey{notification: key.notification, retry: key.retry}
			if eventAt != nil {
				found.eventAt = *eventAt
			}
			k.strict[strict] = found
		}
		at := groupKey{subscription, string(loose)}
		k.loose[at] = append(k.loose[at], found)
		return nil
	})
	return err
}
