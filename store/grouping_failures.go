package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// groupAlone groups the one delivery that keeps others waiting: as it is, then without its payload, then without anything that was read from its body.
// What cannot be grouped even so is set apart. Whoever else has taken it meanwhile has done the work.
func (s *Store) groupAlone(ctx context.Context, id ID, describe func(Delivery) Description) error {
	var err error
	for _, reduce := range [...]func(*Description){
		func(*Description) {}, // what failed before may have been a statement that was planned for another schema
		func(d *Description) { d.Payload = nil },
		func(d *Description) {
			d.Payload, d.ObjectID, d.Summary, d.EventOrganization, d.EventAt = nil, "", "", "", time.Time{}
		},
	} {
		_, err = s.groupBatch(ctx, 1, func(d Delivery) Description {
			described := describe(d)
			if d.ID == id {
				reduce(&described)
			}
			return described
		})
		if !IsDataError(err) {
			return err
		}
	}
	return s.setApart(ctx, id, sqlState(err))
}

// setApart takes a delivery out of the queue and remembers why.
func (s *Store) setApart(ctx context.Context, id ID, code string) error {
	_, err := s.pool.Exec(ctx, `WITH taken AS (DELETE FROM grouping_queue WHERE delivery_id = $1 RETURNING delivery_id)
		INSERT INTO grouping_failures (delivery_id, failed_at, code) SELECT delivery_id, $2, $3 FROM taken
		ON CONFLICT (delivery_id) DO UPDATE SET failed_at = excluded.failed_at, code = excluded.code`, id, s.now(), code)
	return mapError("set delivery "+id.String()+" apart", err)
}

// maxRegrouped bounds how many deliveries RegroupFailed puts back at a time.
const maxRegrouped = 100

// RegroupFailed has deliveries that could not be grouped tried again: those that failed last before a time, the oldest first, at most 100. It returns how
// many wait for GroupNext now.
func (s *Store) RegroupFailed(ctx context.Context, before time.Time) (int, error) {
	tag, err := s.pool.Exec(ctx, `WITH due AS (
			DELETE FROM grouping_failures WHERE delivery_id = ANY (ARRAY(SELECT delivery_id FROM grouping_failures WHERE failed_at < $1 ORDER BY failed_at LIMIT $2)) RETURNING delivery_id
		)
		INSERT INTO grouping_queue (delivery_id) SELECT delivery_id FROM due JOIN deliveries d ON d.id = due.delivery_id ON CONFLICT DO NOTHING`, before, maxRegrouped)
	return int(tag.RowsAffected()), mapError("try deliveries again that could not be grouped", err)
}

// Ungrouped is a verified delivery that could not be made into a notification, or added to one.
type Ungrouped struct {
	DeliveryID     ID
	OrganizationID int64
	SubscriptionID int64
	ReceivedAt     time.Time
	EventType      string
	FailedAt       time.Time // last
	Code           string    // the database's error code (SQLSTATE); "": this program could not read what is stored
}

// MaxUngrouped bounds ListUngrouped.
const MaxUngrouped = 200

// ListUngrouped returns the deliveries of some organizations that were set apart, newest first, at most 200. nil means those of all.
func (s *Store) ListUngrouped(ctx context.Context, organizations []int64) ([]Ungrouped, error) {
	rows, _ := s.pool.Query(ctx, `SELECT f.delivery_id, d.organization_id, d.subscription_id, d.received_at, d.event_type, f.failed_at, f.code
		FROM grouping_failures f JOIN deliveries d ON d.id = f.delivery_id
		WHERE ($1::bigint[] IS NULL OR d.organization_id = ANY($1)) ORDER BY f.delivery_id DESC LIMIT $2`, organizations, MaxUngrouped)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Ungrouped])
	return list, mapError("list deliveries that could not be grouped", err)
}
