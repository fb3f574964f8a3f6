package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// SubscriptionStatus is what Cybersource says of a subscription (reference §5.8), or one of three words of ours.
type SubscriptionStatus string

// The statuses. Creating, Unknown and Deleted are ours: asked for and not confirmed, no longer found at Cybersource, deleted from here.
const (
	StatusCreating      SubscriptionStatus = "CREATING"
	StatusPendingReview SubscriptionStatus = "PENDING_REVIEW"
	StatusBlocked       SubscriptionStatus = "BLOCKED"
	StatusInactive      SubscriptionStatus = "INACTIVE"
	StatusActive        SubscriptionStatus = "ACTIVE"
	StatusSuspended     SubscriptionStatus = "SUSPENDED"
	StatusResend        SubscriptionStatus = "RESEND"
	StatusUnknown       SubscriptionStatus = "UNKNOWN"
	StatusDeleted       SubscriptionStatus = "DELETED"
)

// SubscribedProduct is a product with the event types that a subscription wants of it.
type SubscribedProduct struct {
	ProductID  string   `json:"productId"`
	EventTypes []string `json:"eventTypes"`
}

// RetryPolicy says when Cybersource tries again (reference §6.2). Waits are in minutes.
type RetryPolicy struct {
	Algorithm              string `json:"algorithm"` // ARITHMETIC or GEOMETRIC
	FirstRetry             int    `json:"firstRetry"`
	Interval               int    `json:"interval"`
	NumberOfRetries        int    `json:"numberOfRetries"`
	RepeatSequenceCount    int    `json:"repeatSequenceCount"`
	RepeatSequenceWaitTime int    `json:"repeatSequenceWaitTime"`
	DeactivateFlag         bool   `json:"deactivateFlag"`
}

// Subscription is a subscription as the team wants it, with what Cybersource last said of it and its endpoint's token.
type Subscription struct {
	ID             int64
	OrganizationID int64
	WebhookID      string // Cybersource's id; "" until it confirmed
	Name           string
	Description    string
	Products       []SubscribedProduct
	Scope          string // SELF, DESCENDANTS or CUSTOM
	SecurityType   string // KEY, oAuth or oAuth_JWT
	RetryPolicy    RetryPolicy
	Policy         Policy // what deliveries must show besides their signature
	Status         SubscriptionStatus
	StatusDetail   string // why, in words, when that is known
	StatusSince    time.Time
	Actual         json.RawMessage // Cybersource's last answer, as it came; nil before the first
	CheckedAt      time.Time       // zero: never asked
	LastDeliveryAt time.Time       // zero: nothing received
	CreatedBy      int64           // zero: not known
	CreatedAt      time.Time
	UpdatedAt      time.Time
	DeletedAt      time.Time // zero: living
	EndpointID     int64
	EndpointToken  string // "" once revoked
}

const subscriptionSelect = `SELECT s.id, s.organization_id, coalesce(s.webhook_id, ''), s.name, s.description, s.products, s.scope, s.security_type, s.retry_policy, s.policy,
	s.status, s.status_detail, s.status_since, s.actual, coalesce(s.checked_at, 'epoch'), coalesce(s.last_delivery_at, 'epoch'), coalesce(s.created_by, 0),
	s.created_at, s.updated_at, coalesce(s.deleted_at, 'epoch'), coalesce(e.id, 0), coalesce(e.token, '')
	FROM subscriptions s LEFT JOIN endpoints e ON e.subscription_id = s.id AND e.revoked_at IS NULL `

func scanSubscription(row pgx.CollectableRow) (Subscription, error) {
	var v Subscription
	err := row.Scan(&v.ID, &v.OrganizationID, &v.WebhookID, &v.Name, &v.Description, &v.Products, &v.Scope, &v.SecurityType, &v.RetryPolicy, &v.Policy,
		&v.Status, &v.StatusDetail, &v.StatusSince, &v.Actual, &v.CheckedAt, &v.LastDeliveryAt, &v.CreatedBy,
		&v.CreatedAt, &v.UpdatedAt, &v.DeletedAt, &v.EndpointID, &v.EndpointToken)
	v.CheckedAt, v.LastDeliveryAt, v.DeletedAt = epochIsZero(v.CheckedAt), epochIsZero(v.LastDeliveryAt), epochIsZero(v.DeletedAt)
	return v, err
}

// SubscriptionFilter narrows ListSubscriptions; zero fields do not.
type SubscriptionFilter struct {
	OrganizationID int64
	Status         SubscriptionStatus
	ProductID      string
	EventType      string
	Text           string // part of the name, whatever its case
	WithDeleted    bool
	Limit          int // 0 means 200, at most 1000
}

// ListSubscriptions returns subscriptions, newest first.
func (s *Store) ListSubscriptions(ctx context.Context, f SubscriptionFilter) ([]Subscription, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 200
	}
	rows, _ := s.pool.Query(ctx, subscriptionSelect+`
		WHERE ($1 = 0 OR s.organization_id = $1) AND ($2 = '' OR s.status = $2) AND ($3 OR s.deleted_at IS NULL)
		AND ($4 = '' OR s.products @> jsonb_build_array(jsonb_build_object('productId', $4::text)))
		AND ($5 = '' OR s.products @> jsonb_build_array(jsonb_build_object('eventTypes', jsonb_build_array($5::text))))
		AND ($6 = '' OR strpos(lower(s.name), lower($6)) > 0)
		ORDER BY s.id DESC LIMIT $7`, f.OrganizationID, f.Status, f.WithDeleted, f.ProductID, f.EventType, f.Text, min(limit, 1000))
	list, err := pgx.CollectRows(rows, scanSubscription)
	return list, mapError("list subscriptions", err)
}

// GetSubscription returns a subscription by our id, deleted or not. ErrNotFound.
func (s *Store) GetSubscription(ctx context.Context, id int64) (Subscription, error) {
	rows, _ := s.pool.Query(ctx, subscriptionSelect+"WHERE s.id = $1", id)
	v, err := pgx.CollectExactlyOneRow(rows, scanSubscription)
	return v, mapError(fmt.Sprintf("get subscription %d", id), err)
}

// InsertSubscription keeps a subscription that is about to be created at Cybersource, with its endpoint, its status Creating, and its started
// audit row, whose id it returns: all before Cybersource hears of it, so that no notification can come that we do not know.
func (s *Store) InsertSubscription(ctx context.Context, v Subscription, token string, audit AuditEntry) (Subscription, int64, error) {
	if err := v.Policy.Validate(); err != nil {
		return Subscription{}, 0, fmt.Errorf("insert subscription: %w", err)
	}
	var auditID int64
	err := s.InTx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `INSERT INTO subscriptions (organization_id, name, description, products, scope, security_type, retry_policy, policy, status, status_since, created_by, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $10, 'CREATING', $8, nullif($9::bigint, 0), $8, $8) RETURNING id`,
			v.OrganizationID, v.Name, v.Description, v.Products, v.Scope, v.SecurityType, v.RetryPolicy, s.now(), v.CreatedBy, v.Policy).Scan(&v.ID)
		if err != nil {
			return mapError("insert subscription", err)
		}
		if _, err = tx.Exec(ctx, "INSERT INTO endpoints (subscription_id, token, created_at) VALUES ($1, $2, $3)", v.ID, token, s.now()); err != nil {
			return mapError("insert endpoint", err)
		}
		if err = noteRetryPolicy(ctx, tx, v.ID, v.RetryPolicy, s.now()); err != nil {
			return err
		}
		if err = noteStatus(ctx, tx, v.ID, StatusCreating, s.now()); err != nil {
			return err
		}
		audit.ObjectKind, audit.ObjectID, audit.ObjectName, audit.OrganizationID = "subscription", fmt.Sprint(v.ID), v.Name, v.OrganizationID
		if auditID, err = insertAudit(ctx, tx, audit, s.now()); err != nil {
			return err
		}
		return notify(ctx, tx, TopicSubscriptions, v.ID)
	})
	if err != nil {
		return Subscription{}, 0, err
	}
	made, err := s.GetSubscription(ctx, v.ID)
	return made, auditID, err
}

// ActualSubscription is what Cybersource answered about a subscription.
type ActualSubscription struct {
	WebhookID string
	Status    SubscriptionStatus
	Detail    string
	Raw       json.RawMessage
}

// RecordActual keeps Cybersource's answer about a subscription and reports whether its status changed. A copy of the answer that Postgres
// cannot hold is left out: the status counts for more. What is deleted stays as it was. ErrNotFound.
func (s *Store) RecordActual(ctx context.Context, id int64, a ActualSubscription) (changed bool, err error) {
	changed, err = s.recordActual(ctx, id, a)
	if errors.Is(err, ErrInvalid) && a.Raw != nil {
		a.Raw = nil
		return s.recordActual(ctx, id, a)
	}
	return changed, err
}

func (s *Store) recordActual(ctx context.Context, id int64, a ActualSubscription) (changed bool, err error) {
	err = s.InTx(ctx, func(tx pgx.Tx) error {
		var before SubscriptionStatus
		var deleted bool
		err := tx.QueryRow(ctx, "SELECT status, deleted_at IS NOT NULL FROM subscriptions WHERE id = $1 FOR UPDATE", id).Scan(&before, &deleted)
		if err != nil {
			return mapError(fmt.Sprintf("get subscription %d", id), err)
		}
		if deleted {
			return nil
		}
		_, err = tx.Exec(ctx, `UPDATE subscriptions SET webhook_id = coalesce(nullif($2, ''), webhook_id), status = $3, status_detail = $4, actual = coalesce($5, actual),
			checked_at = $6, status_since = CASE WHEN status = $3 THEN status_since ELSE $6 END WHERE id = $1`,
			id, a.WebhookID, a.Status, a.Detail, emptyIsNull(a.Raw), s.now())
		if err != nil {
			return mapError(fmt.Sprintf("record answer for subscription %d", id), err)
		}
		if changed = before != a.Status; !changed {
			return nil
		}
		if err := noteStatus(ctx, tx, id, a.Status, s.now()); err != nil {
			return err
		}
		return notify(ctx, tx, TopicSubscriptions, id)
	})
	return changed && err == nil, err
}

// UpdateSubscription stores a new intent: name, description, products, scope, security type, retry policy and policy. ErrNotFound when deleted, ErrInvalid
// when the policy is none.
func (s *Store) UpdateSubscription(ctx context.Context, v Subscription) error {
	if err := v.Policy.Validate(); err != nil {
		return fmt.Errorf("update subscription %d: %w", v.ID, err)
	}
	return s.InTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE subscriptions SET name = $2, description = $3, products = $4, scope = $5, security_type = $6, retry_policy = $7, updated_at = $8, policy = $9
			WHERE id = $1 AND deleted_at IS NULL`, v.ID, v.Name, v.Description, v.Products, v.Scope, v.SecurityType, v.RetryPolicy, s.now(), v.Policy)
		if err != nil {
			return mapError(fmt.Sprintf("update subscription %d", v.ID), err)
		}
		if err := needOne(tag.RowsAffected(), "update subscription", v.ID); err != nil {
			return err
		}
		if err := noteRetryPolicy(ctx, tx, v.ID, v.RetryPolicy, s.now()); err != nil {
			return err
		}
		return notify(ctx, tx, TopicSubscriptions, v.ID)
	})
}

// DeleteSubscription marks a subscription deleted, after it is gone at Cybersource, and revokes its endpoint. What it received stays. ErrNotFound.
func (s *Store) DeleteSubscription(ctx context.Context, id int64) error {
	return s.InTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "UPDATE subscriptions SET status = 'DELETED', status_since = $2, deleted_at = $2, updated_at = $2 WHERE id = $1 AND deleted_at IS NULL", id, s.now())
		if err != nil {
			return mapError(fmt.Sprintf("delete subscription %d", id), err)
		}
		if err := needOne(tag.RowsAffected(), "delete subscription", id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE endpoints SET revoked_at = $2 WHERE subscription_id = $1 AND revoked_at IS NULL", id, s.now()); err != nil {
			return mapError("revoke endpoint", err)
		}
		if err := noteStatus(ctx, tx, id, StatusDeleted, s.now()); err != nil {
			return err
		}
		return notify(ctx, tx, TopicSubscriptions, id)
	})
}
