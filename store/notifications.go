package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"
)

// State is where a notification stands, from Cybersource's side. The diagram is in migrations/00005_notifications.sql.
type State string

// The states.
const (
	StateDelivered State = "delivered"
	StateRetrying  State = "retrying"
	StateOverdue   State = "overdue"
	StateHeld      State = "held"
	StateExhausted State = "exhausted"
)

// Notification is one thing Cybersource told us, however often it was sent.
type Notification struct {
	ID                ID // that of its first delivery
	ReceivedAt        time.Time
	SubscriptionID    int64
	OrganizationID    int64
	ProductID         string
	EventType         string
	WebhookID         string
	EventDate         string // as sent
	EventOrganization string // Cybersource's id of the organization in which it happened
	ObjectID          string // the payment, token, invoice … that it is about; "" when the payload does not say
	Summary           string // one line for lists, e.g. "AUTHORIZED 100.00 USD"; masked
	State             State
	Readable          bool // the body is a notification in a form we know
	Test              bool
	FirstRetryNumber  int // > 0: earlier attempts were not verified before it came
	LostAttempts      int // how many are known to have never arrived, neither verified nor rejected
	LastRetryNumber   int
	DeliveryCount     int
	LastDeliveryAt    time.Time
	Fingerprint       []byte
	BodyBytes         int
	Retries           int             // how many the subscription's policy had at the attempt that tells where it stands
	Next              NextAttempt     // zero: delivered, or exhausted when the last retry arrived
	Payload           json.RawMessage // masked, for search; only set by GetNotification; nil when Postgres cannot hold it
}

const notificationSelect = `SELECT id, received_at, subscription_id, organization_id, product_id, event_type, webhook_id, event_date, event_organization, object_id, summary,
	state, readable, test, first_retry_number, last_retry_number, delivery_count, last_delivery_at, fingerprint, body_bytes,
	retries_of, coalesce(next_attempt_at, 'epoch'), coalesce(overdue_at, 'epoch'), coalesce(gives_up_at, 'epoch'), lost_attempts`

func scanNotification(row pgx.CollectableRow) (Notification, error) {
	var n Notification
	err := row.Scan(n.fields()...)
	n.Next.epochIsZero()
	return n, err
}

func (n *Notification) fields() []any {
	return []any{
		&n.ID, &n.ReceivedAt, &n.SubscriptionID, &n.OrganizationID, &n.ProductID, &n.EventType, &n.WebhookID, &n.EventDate, &n.EventOrganization, &n.ObjectID, &n.Summary,
		&n.State, &n.Readable, &n.Test, &n.FirstRetryNumber, &n.LastRetryNumber, &n.DeliveryCount, &n.LastDeliveryAt, &n.Fingerprint, &n.BodyBytes,
		&n.Retries, &n.Next.At, &n.Next.OverdueAt, &n.Next.GivesUpAt, &n.LostAttempts,
	}
}

// NotificationStatus is what the list can be narrowed to; each word has an index.
type NotificationStatus string

// The statuses a list can be narrowed to.
const (
	OnlyDelivered    NotificationStatus = "delivered"     // answered 200
	OnlyRetried      NotificationStatus = "retried"       // more than one attempt is known of
	OnlyLostAttempts NotificationStatus = "lost-attempts" // attempts are known to have never arrived
	OnlyUnreadable   NotificationStatus = "unreadable"    // verified, but not a notification in a form we know
	OnlyTest         NotificationStatus = "test"          // a test notification
	OnlyOpen         NotificationStatus = "open"          // not delivered: any of the four states below
	OnlyRetrying     NotificationStatus = "retrying"      // not answered 200 yet, and expected again
	OnlyOverdue      NotificationStatus = "overdue"       // the expected retry did not come
	OnlyHeld         NotificationStatus = "held"          // the same, and the subscription is suspended
	OnlyExhausted    NotificationStatus = "exhausted"     // no further retry is expected
)

// NotificationFilter narrows ListNotifications; zero fields do not.
type NotificationFilter struct {
	OrganizationID int64
	Organizations  []int64 // any of these; nil: all
	SubscriptionID int64
	ProductID      string
	EventType      string
	Status         NotificationStatus
	Search         string // a whole id: of the notification, of an attempt (trace id) or of the object
	From, To       time.Time
	Page           Page
}

func (f NotificationFilter) where() where {
	w := where{}
	w.addIf(f.OrganizationID != 0, "organization_id = ?", f.OrganizationID)
	w.addOrganizations(f.Organizations)
	w.addIf(f.SubscriptionID != 0, "subscription_id = ?", f.SubscriptionID)
	w.addIf(f.ProductID != "", "product_id = ?", f.ProductID)
	w.addIf(f.EventType != "", "event_type = ?", f.EventType)
	switch f.Status {
	case OnlyDelivered:
		w.add("state = 'delivered'")
	case OnlyRetried:
		w.add("(delivery_count > 1 OR first_retry_number > 0)")
	case OnlyLostAttempts:
		w.add("lost_attempts > 0")
	case OnlyUnreadable:
		w.add("NOT readable")
	case OnlyTest:
		w.add("test")
	case OnlyOpen:
		w.add("state <> 'delivered'")
	case OnlyRetrying, OnlyOverdue, OnlyHeld, OnlyExhausted:
		w.add("state <> 'delivered'") // the index's own condition
		w.add("state = ?", string(f.Status))
	}
	if f.Search != "" {
		id, spellings := idOrZero(f.Search), idSpellings(f.Search)
		w.add(`id IN (SELECT ?::uuid UNION SELECT notification_id FROM deliveries WHERE id = ? UNION SELECT notification_id FROM deliveries WHERE trace_id = ANY(?)
			UNION SELECT id FROM notifications WHERE object_id = ANY(?))`, id, id, spellings, spellings)
	}
	w.addRange(f.From, f.To)
	return w
}

// ListNotifications returns notifications without payloads, newest first.
func (s *Store) ListNotifications(ctx context.Context, f NotificationFilter) (PageOf[Notification], error) {
	w := f.where()
	sql, args := f.Page.query(notificationSelect+" FROM notifications", &w)
	rows, _ := s.pool.Query(ctx, sql, planned(args)...)
	list, err := pgx.CollectRows(rows, scanNotification)
	if err != nil {
		return PageOf[Notification]{}, mapError("list notifications", err)
	}
	return pageOf(f.Page, list, func(n Notification) ID { return n.ID }), nil
}

// CountNewer counts the notifications of a list that are newer than the given one, up to most.
func (s *Store) CountNewer(ctx context.Context, f NotificationFilter, than ID, most int) (int, error) {
	w := f.where()
	w.add("id > ?", than)
	w.args = append(w.args, most)
	var n int
	err := s.pool.QueryRow(ctx, "SELECT count(*) FROM (SELECT FROM notifications"+w.sql()+placeholder(" LIMIT ", len(w.args))+") newer", planned(w.args)...).Scan(&n)
	return n, mapError("count newer notifications", err)
}

// GetNotification returns a notification with its masked payload. ErrNotFound, a PurgedError where retention removed it.
func (s *Store) GetNotification(ctx context.Context, id ID) (Notification, error) {
	rows, _ := s.pool.Query(ctx, notificationSelect+", payload FROM notifications WHERE id = $1", id)
	n, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (Notification, error) {
		var n Notification
		err := row.Scan(append(n.fields(), &n.Payload)...)
		n.Next.epochIsZero()
		return n, err
	})
	return n, s.orPurged(ctx, id, mapError("get notification "+id.String(), err))
}

// Neighbours returns the ids next to a notification in a filtered list: the next newer and the next older, zero where there is none.
func (s *Store) Neighbours(ctx context.Context, f NotificationFilter, of ID) (newer, older ID, err error) {
	f.Page = Page{NewerThan: of, Limit: 1}
	page, err := s.ListNotifications(ctx, f)
	if err != nil {
		return ID{}, ID{}, err
	}
	if len(page.Items) > 0 {
		newer = page.Items[0].ID
	}
	f.Page = Page{OlderThan: of, Limit: 1}
	if page, err = s.ListNotifications(ctx, f); err != nil {
		return ID{}, ID{}, err
	}
	if len(page.Items) > 0 {
		older = page.Items[0].ID
	}
	return newer, older, nil
}
