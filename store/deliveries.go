package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"
)

// Verdict is what verification said of a delivery.
type Verdict string

// The verdicts.
const (
	Verified Verdict = "verified"
	Rejected Verdict = "rejected"
)

// Header is one header line as it came: order and repetition are kept.
type Header [2]string

// Delivery is one HTTP request that arrived on an endpoint.
type Delivery struct {
	ID              ID
	ReceivedAt      time.Time
	EndpointID      int64
	SubscriptionID  int64
	OrganizationID  int64
	NotificationID  ID // zero: rejected, or not released
	ProductID       string
	EventType       string
	WebhookID       string
	TraceID         string
	RequestType     string
	RetryNumber     int
	EventDate       string // as sent
	Verdict         Verdict
	Reason          string // "" iff verified; otherwise one of the receiver's reasons
	ReasonDetail    string // the reason in words, with what was expected and what came; no secrets
	KeyID           string
	Variant         string // which bytes the signature covers (reference §9.2)
	EnvelopeSigned  bool
	SignedAt        time.Time // zero: no readable timestamp
	Answered        int       // HTTP status
	AnswerTime      time.Duration
	Source          netip.Addr
	TLS             string // "" for plain HTTP, else version and cipher suite
	Headers         []Header
	Body            []byte // the original bytes, but for what Blanked counts; only set where a method says so
	BodySHA256      [32]byte
	BodyBytes       int
	Blanked         int // security codes and track data removed from Body; BodySHA256 and BodyBytes stay those of what arrived
	Duplicates      int
	LastDuplicateAt time.Time
	// DuplicateAnswered is what the last duplicate was answered; 0: not known.
	DuplicateAnswered int
	Explanation       Explanation  // zero: verified, or not explained yet
	RetryPolicy       *RetryPolicy // of its subscription at that time; only set by GroupNext, for what was not answered 200
}

// digest tells equal requests apart: for verified deliveries the body alone; a rejected one must not stand in the way of a later verified one of
// the same body, so its signature header and reason count too.
func (d *Delivery) digest() []byte {
	h := sha256.New()
	h.Write([]byte(d.Verdict))
	if d.Verdict == Rejected {
		h.Write([]byte("\x00" + d.Reason + "\x00"))
		for _, header := range d.Headers {
			if header[0] == "V-C-Signature" {
				h.Write([]byte(header[1]))
			}
		}
	}
	h.Write([]byte{0})
	h.Write(d.BodySHA256[:])
	return h.Sum(nil)
}

// ReplaceBody puts a body without its security codes in the place of what arrived, whose digest and size stay: by them a request that is sent
// again is recognized.
func (d *Delivery) ReplaceBody(body []byte, blanked int) {
	if d.BodyBytes == 0 { // else it was stored before
		d.BodySHA256, d.BodyBytes = sha256.Sum256(d.Body), len(d.Body)
	}
	d.Body, d.Blanked = body, d.Blanked+blanked
}

// InsertResult tells what became of one delivery of a batch.
type InsertResult struct {
	Stored bool // false: an equal request was stored before, and counted now
}

// InsertDeliveries stores a batch of deliveries in one durable transaction and returns a result for each, in order. Equal requests, within the batch or
// stored earlier by any replica, are stored once; the sums of traffic count the others as duplicates, and CountDuplicates adds them to the delivery
// that they are equal to. Verified ones are queued for GroupNext. BodySHA256 and BodyBytes are worked out here unless ReplaceBody has done so; Body is compressed
// and sealed. writer tells concurrent callers apart: each uses a number of its own.
//
// After an error nothing is known to be stored, and one bad row may be the cause: callers then insert one by one. A batch may be sent again
// after a broken connection.
func (s *Store) InsertDeliveries(ctx context.Context, writer int32, batch []*Delivery) ([]InsertResult, error) {
	stored := make(map[ID]bool, len(batch))
	result, _ := s.pool.Query(ctx, insertDeliveriesSQL, append(s.deliveryColumns(batch), writer)...)
	var id ID
	_, err := pgx.ForEachRow(result, []any{&id}, func() error { stored[id] = true; return nil })
	if err != nil {
		return nil, mapError(fmt.Sprintf("store %d deliveries", len(batch)), err)
	}
	results := make([]InsertResult, len(batch))
	for i, d := range batch {
		results[i].Stored = stored[d.ID]
	}
	return results, nil
}

// The statement is its own transaction: one round trip, one commit.
const insertDeliveriesSQL = `
WITH input AS (
	SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::int[], $12::text[],
		$13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::bool[], $19::timestamptz[], $20::smallint[], $21::int[], $22::inet[], $23::text[], $24::text[], $25::bytea[],
		$26::bytea[], $27::int[], $28::bytea[], $29::int[])
	AS t (id, received_at, endpoint_id, subscription_id, organization_id, product_id, event_type, webhook_id, trace_id, request_type, retry_number, event_date,
		verdict, reason, reason_detail, key_id, variant, envelope_signed, signed_at, answered, answer_micros, source, tls, headers, body,
		body_sha256, body_bytes, digest, blanked)
), fresh AS (
	INSERT INTO delivery_digests (endpoint_id, digest, delivery_id) SELECT endpoint_id, digest, id FROM input
	ON CONFLICT (endpoint_id, digest) DO NOTHING RETURNING delivery_id
), kept AS (
	SELECT input.* FROM input JOIN fresh ON fresh.delivery_id = input.id
), stored AS (
	INSERT INTO deliveries (id, received_at, endpoint_id, subscription_id, organization_id, notification_id, product_id, event_type, webhook_id, trace_id, request_type, retry_number, event_date,
		verdict, reason, reason_detail, key_id, variant, envelope_signed, signed_at, answered, answer_micros, source, tls, headers, body, body_sha256, body_bytes, blanked)
	SELECT id, received_at, endpoint_id, subscription_id, organization_id, CASE WHEN verdict = 'verified' THEN id END, product_id, event_type, webhook_id, trace_id, request_type, retry_number, event_date,
		verdict, reason, reason_detail, key_id, variant, envelope_signed, signed_at, answered, answer_micros, source, tls, headers::jsonb, body, body_sha256, body_bytes, blanked FROM kept
), queued AS (
	INSERT INTO grouping_queue (delivery_id) SELECT id FROM kept WHERE verdict = 'verified'
), sums AS (
	SELECT date_trunc('minute', received_at) AS minute, subscription_id, organization_id, verdict, reason,
		count(*) AS deliveries, sum(body_bytes) AS body_bytes, sum(answer_micros) AS answer_micros, 0 AS duplicates FROM kept GROUP BY 1, 2, 3, 4, 5
	UNION ALL
	-- What finds itself is no duplicate: its first commit was not answered, and it was sent again.
	SELECT date_trunc('minute', received_at), subscription_id, organization_id, verdict, reason, 0, 0, 0, count(*) FROM input
	WHERE id NOT IN (SELECT delivery_id FROM fresh)
		AND NOT EXISTS (SELECT FROM delivery_digests k WHERE k.endpoint_id = input.endpoint_id AND k.digest = input.digest AND k.delivery_id = input.id) GROUP BY 1, 2, 3, 4, 5
), counted AS (
	INSERT INTO traffic_minutes AS m (minute, subscription_id, organization_id, verdict, reason, writer, deliveries, body_bytes, answer_micros, duplicates)
	SELECT minute, subscription_id, organization_id, verdict, reason, $30::int, sum(deliveries), sum(body_bytes), sum(answer_micros), sum(duplicates) FROM sums GROUP BY 1, 2, 3, 4, 5
	ON CONFLICT (minute, subscription_id, verdict, reason, writer) DO UPDATE SET deliveries = m.deliveries + excluded.deliveries, body_bytes = m.body_bytes + excluded.body_bytes,
		answer_micros = m.answer_micros + excluded.answer_micros, duplicates = m.duplicates + excluded.duplicates
), counted_by_hour AS (
	INSERT INTO traffic_hours AS h (hour, subscription_id, organization_id, verdict, reason, writer, deliveries, body_bytes, answer_micros, duplicates)
	SELECT date_trunc('hour', minute, 'UTC'), subscription_id, organization_id, verdict, reason, $30::int, sum(deliveries), sum(body_bytes), sum(answer_micros), sum(duplicates) FROM sums GROUP BY 1, 2, 3, 4, 5
	ON CONFLICT (hour, subscription_id, verdict, reason, writer) DO UPDATE SET deliveries = h.deliveries + excluded.deliveries, body_bytes = h.body_bytes + excluded.body_bytes,
		answer_micros = h.answer_micros + excluded.answer_micros, duplicates = h.duplicates + excluded.duplicates
), told AS (
	SELECT pg_notify('` + liveChannel + `', '` + string(TopicRejected) + `:' || organization_id) FROM (SELECT DISTINCT organization_id FROM kept WHERE verdict = 'rejected') r
)
SELECT delivery_id FROM fresh WHERE (SELECT count(*) FROM told) IS NOT NULL`

// Duplicate is a delivery that was not stored because an equal one was.
type Duplicate struct {
	endpointID int64
	digest     []byte
	id         ID
	receivedAt time.Time
	answered   int
}

// NewDuplicate keeps what CountDuplicates needs of a delivery that InsertDeliveries did not store; its body is let go.
func NewDuplicate(d *Delivery) Duplicate {
	return Duplicate{d.EndpointID, d.digest(), d.ID, d.ReceivedAt, d.Answered}
}

// CountDuplicates adds to the deliveries that others were equal to how many there were and when the last one came. It leaves out what finds itself
// stored: a batch whose first commit was not answered and that was sent again. Rows are locked in one order, so that concurrent callers
// with equal requests never deadlock.
func (s *Store) CountDuplicates(ctx context.Context, duplicates []Duplicate) error {
	_, err := s.pool.Exec(ctx, `
		WITH again AS (
			SELECT k.delivery_id AS id, count(*) AS times, max(t.received_at) AS last,
				(array_agg(t.answered ORDER BY t.received_at DESC))[1] AS answered, bool_or(t.answered = 200) AS taken
			FROM unnest($1::bigint[], $2::bytea[], $3::uuid[], $4::timestamptz[], $5::smallint[]) AS t (endpoint_id, digest, id, received_at, answered)
			JOIN delivery_digests k USING (endpoint_id, digest) WHERE k.delivery_id <> t.id GROUP BY 1
		), locked AS (
			SELECT d.id FROM deliveries d WHERE d.id IN (SELECT id FROM again) ORDER BY d.id FOR NO KEY UPDATE
		), delivered AS (
			-- A delivery that was released came again and was answered 200 now: Cybersource is done with its notification.
			UPDATE notifications n SET state = 'delivered', due_at = NULL, next_attempt_at = NULL, overdue_at = NULL, gives_up_at = NULL
			FROM again JOIN deliveries d ON d.id = again.id WHERE again.taken AND d.verdict = 'verified' AND d.answered <> 200 AND n.id = d.notification_id AND n.state <> 'delivered'
			RETURNING n.organization_id
		), told AS (
			SELECT pg_notify('`+liveChannel+`', '`+string(TopicNotifications)+`:' || organization_id) FROM (SELECT DISTINCT organization_id FROM delivered) o
		)
		UPDATE deliveries d SET duplicates = d.duplicates + again.times, last_duplicate_at = greatest(d.last_duplicate_at, again.last), duplicate_answered = again.answered
		FROM again JOIN locked USING (id) WHERE d.id = again.id AND (SELECT count(*) FROM told) IS NOT NULL`,
		column(duplicates, func(d Duplicate) int64 { return d.endpointID }),
		column(duplicates, func(d Duplicate) []byte { return d.digest }),
		column(duplicates, func(d Duplicate) ID { return d.id }),
		column(duplicates, func(d Duplicate) time.Time { return d.receivedAt }),
		column(duplicates, func(d Duplicate) int { return d.answered }))
	return mapError(fmt.Sprintf("count %d duplicates", len(duplicates)), err)
}

const deliverySelect = `id, received_at, endpoint_id, subscription_id, organization_id, notification_id, product_id, event_type, webhook_id, trace_id, request_type, retry_number, event_date,
	verdict, reason, reason_detail, key_id, variant, envelope_signed, coalesce(signed_at, 'epoch'), answered, answer_micros, source, tls, headers, body_sha256, body_bytes, blanked,
	duplicates, coalesce(last_duplicate_at, 'epoch'), explain_rung, explain_detail, explain_expected, duplicate_answered`

func scanDelivery(row pgx.CollectableRow) (Delivery, error) {
	var d Delivery
	err := d.scan(row)
	return d, err
}

// scanDeliveryWithBody reads a row whose last column is the sealed body. A body that cannot be opened stays nil, with BodyBytes telling that there
// was one: the delivery must go on through grouping, and its page says what is wrong.
func (s *Store) scanDeliveryWithBody(row pgx.CollectableRow) (Delivery, error) {
	var d Delivery
	var sealed []byte
	if err := d.scan(row, &sealed); err != nil {
		return d, err
	}
	body, err := s.openBody(d.ID, sealed)
	if err != nil && !errors.Is(err, ErrSealBroken) {
		return d, err
	}
	d.Body = body
	return d, nil
}

func (d *Delivery) scan(row pgx.CollectableRow, more ...any) error {
	var source *netip.Addr
	var micros int64
	var sum []byte
	err := row.Scan(append([]any{
		&d.ID, &d.ReceivedAt, &d.EndpointID, &d.SubscriptionID, &d.OrganizationID, &d.NotificationID, &d.ProductID, &d.EventType, &d.WebhookID, &d.TraceID, &d.RequestType, &d.RetryNumber, &d.EventDate,
		&d.Verdict, &d.Reason, &d.ReasonDetail, &d.KeyID, &d.Variant, &d.EnvelopeSigned, &d.SignedAt, &d.Answered, &micros, &source, &d.TLS, &d.Headers, &sum, &d.BodyBytes, &d.Blanked,
		&d.Duplicates, &d.LastDuplicateAt, &d.Explanation.Rung, &d.Explanation.Detail, &d.Explanation.Expected, &d.DuplicateAnswered,
	}, more...)...)
	d.AnswerTime = time.Duration(micros) * time.Microsecond
	d.SignedAt, d.LastDuplicateAt = epochIsZero(d.SignedAt), epochIsZero(d.LastDuplicateAt)
	copy(d.BodySHA256[:], sum)
	if source != nil {
		d.Source = *source
	}
	return err
}

// GetDelivery returns a delivery without its body. ErrNotFound, a PurgedError where retention removed it.
func (s *Store) GetDelivery(ctx context.Context, id ID) (Delivery, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+deliverySelect+" FROM deliveries WHERE id = $1", id)
	d, err := pgx.CollectExactlyOneRow(rows, scanDelivery)
	return d, s.orPurged(ctx, id, mapError("get delivery "+id.String(), err))
}

// DeliveryBody opens the original bytes of a delivery. ErrNotFound, a PurgedError where retention removed it, ErrSealBroken.
func (s *Store) DeliveryBody(ctx context.Context, id ID) ([]byte, error) {
	var sealed []byte
	if err := s.pool.QueryRow(ctx, "SELECT body FROM deliveries WHERE id = $1", id).Scan(&sealed); err != nil {
		return nil, s.orPurged(ctx, id, mapError("get body of delivery "+id.String(), err))
	}
	return s.openBody(id, sealed)
}

// ListNotificationDeliveries returns the deliveries of a notification in order of arrival, at most 200, without bodies.
func (s *Store) ListNotificationDeliveries(ctx context.Context, notification ID) ([]Delivery, error) {
	rows, _ := s.pool.Query(ctx, "SELECT "+deliverySelect+` FROM deliveries WHERE id = $1
		UNION ALL SELECT `+deliverySelect+` FROM deliveries WHERE notification_id = $1 AND notification_id <> id ORDER BY 1 LIMIT 200`, notification)
	list, err := pgx.CollectRows(rows, scanDelivery)
	return list, mapError("list deliveries of notification "+notification.String(), err)
}

// RejectedFilter narrows ListRejected; zero fields do not.
type RejectedFilter struct {
	OrganizationID int64
	Organizations  []int64 // any of these; nil: all
	SubscriptionID int64
	Reason         string
	Rung           string // of the explanation
	ProductID      string // that it claims, as the event type
	EventType      string
	KeyID          string // that the signature names
	From, To       time.Time
	DeliveryID     ID     // this one alone
	DeliveryIDs    []ID   // these alone; nil: all
	Search         string // a whole id: of the delivery, of its attempt (trace id) or of the object that it says it is about
	Page           Page
}

func (f RejectedFilter) where() where {
	w := where{}
	w.add("verdict = 'rejected'")
	w.addIf(f.OrganizationID != 0, "organization_id = ?", f.OrganizationID)
	w.addOrganizations(f.Organizations)
	w.addIf(f.SubscriptionID != 0, "subscription_id = ?", f.SubscriptionID)
	w.addIf(f.Reason != "", "reason = ?", f.Reason)
	w.addIf(f.Rung != "", "explain_rung = ?", f.Rung)
	w.addIf(f.KeyID != "", "key_id = ANY(?)", idSpellings(f.KeyID))
	w.addIf(f.ProductID != "", "product_id = ?", f.ProductID)
	w.addIf(f.EventType != "", "event_type = ?", f.EventType)
	w.addIf(!f.DeliveryID.IsZero(), "id = ?", f.DeliveryID)
	w.addIf(f.DeliveryIDs != nil, "id = ANY(?)", f.DeliveryIDs)
	if f.Search != "" {
		w.addSearch(f.Search)
	}
	w.addRange(f.From, f.To)
	return w
}

// addSearch finds rejected deliveries by an id. Each part is a look into one index, and bounded: anybody may send the same id many times.
func (w *where) addSearch(text string) {
	spellings := idSpellings(text)
	w.add(`id IN (SELECT ?::uuid UNION (SELECT id FROM deliveries WHERE trace_id = ANY(?) AND trace_id <> '' LIMIT 1000)
		UNION (SELECT id FROM deliveries WHERE explain_object = ANY(?) AND explain_object <> '' LIMIT 1000))`, idOrZero(text), spellings, spellings)
}

// idOrZero is an id that no row has for a text that is none.
func idOrZero(text string) ID {
	id, err := ParseID(text)
	if err != nil {
		return ID{}
	}
	return id
}

// RejectedNames reports whether a rejected delivery names this signature key.
func (s *Store) RejectedNames(ctx context.Context, keyID string) (bool, error) {
	var named bool
	err := s.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM deliveries WHERE verdict = 'rejected' AND key_id = ANY($1) AND key_id <> '')", idSpellings(keyID)).Scan(&named)
	return named, mapError("find rejected deliveries by their key", err)
}

// ListRejected returns rejected deliveries, newest first, without bodies.
func (s *Store) ListRejected(ctx context.Context, f RejectedFilter) (PageOf[Delivery], error) {
	w := f.where()
	sql, args := f.Page.query("SELECT "+deliverySelect+" FROM deliveries", &w)
	rows, _ := s.pool.Query(ctx, sql, planned(args)...)
	list, err := pgx.CollectRows(rows, scanDelivery)
	if err != nil {
		return PageOf[Delivery]{}, mapError("list rejected deliveries", err)
	}
	return pageOf(f.Page, list, func(d Delivery) ID { return d.ID }), nil
}

// CountNewerRejected counts the rejected deliveries of a list that are newer than the given one, up to most.
func (s *Store) CountNewerRejected(ctx context.Context, f RejectedFilter, than ID, most int) (int, error) {
	w := f.where()
	w.add("id > ?", than)
	w.args = append(w.args, most)
	var n int
	err := s.pool.QueryRow(ctx, "SELECT count(*) FROM (SELECT FROM deliveries"+w.sql()+placeholder(" LIMIT ", len(w.args))+") newer", planned(w.args)...).Scan(&n)
	return n, mapError("count newer rejected deliveries", err)
}
