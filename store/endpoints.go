package store

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Endpoint is our receiving URL for one subscription, with what the receiver must know to judge a delivery.
type Endpoint struct {
	ID             int64
	Token          string
	SubscriptionID int64
	OrganizationID int64  // ours
	Organization   string // Cybersource's id
	WebhookID      string // "" while the subscription is being created
	SecurityType   string
	Policy         Policy
	Products       []SubscribedProduct
	RetryPolicy    RetryPolicy
	ChangedAt      time.Time // of the subscription as the team wants it, policy included
}

// NewEndpointToken makes the unguessable part of an endpoint's URL: 256 random bits in lower case, because Cybersource has been seen to give
// URLs back in lower case (reference §5.2).
func NewEndpointToken() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails since Go 1.24
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

// ListEndpoints returns every endpoint that is not revoked, for the receiver's memory. At most 10,000.
func (s *Store) ListEndpoints(ctx context.Context) ([]Endpoint, error) {
	rows, _ := s.pool.Query(ctx, `SELECT e.id, e.token, s.id, s.organization_id, o.organization_id, coalesce(s.webhook_id, ''), s.security_type, s.policy, s.products, s.retry_policy, s.updated_at
		FROM endpoints e JOIN subscriptions s ON s.id = e.subscription_id JOIN organizations o ON o.id = s.organization_id
		WHERE e.revoked_at IS NULL ORDER BY e.id LIMIT 10000`)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Endpoint, err error) {
		err = row.Scan(&e.ID, &e.Token, &e.SubscriptionID, &e.OrganizationID, &e.Organization, &e.WebhookID, &e.SecurityType, &e.Policy, &e.Products, &e.RetryPolicy, &e.ChangedAt)
		return e, err
	})
	return list, mapError("list endpoints", err)
}

// EndpointSubscription returns the subscription that an endpoint belongs to, revoked or not. ErrNotFound.
func (s *Store) EndpointSubscription(ctx context.Context, endpointID int64) (int64, error) {
	var id int64
	err := s.pool.QueryRow(ctx, "SELECT subscription_id FROM endpoints WHERE id = $1", endpointID).Scan(&id)
	return id, mapError(fmt.Sprintf("get subscription of endpoint %d", endpointID), err)
}

// HealthPing is a health check that arrived on an endpoint, and what was answered.
type HealthPing struct {
	EndpointID int64
	At         time.Time
	Method     string
	Answered   int // HTTP status
	Source     netip.Addr
}

// RecordHealthPing keeps one row a minute per endpoint and answer, and tells the listeners of TopicHealth.
func (s *Store) RecordHealthPing(ctx context.Context, p HealthPing) error {
	return s.InTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO health_pings AS h (endpoint_id, minute, answered, method, last_at, source) VALUES ($1, date_trunc('minute', $2::timestamptz), $3, $4, $2, $5)
			ON CONFLICT (endpoint_id, minute, answered) DO UPDATE SET method = excluded.method, last_at = greatest(h.last_at, excluded.last_at), source = excluded.source`,
			p.EndpointID, p.At, p.Answered, p.Method, invalidIsNull(p.Source))
		if err != nil {
			return mapError("record health ping", err)
		}
		return notify(ctx, tx, TopicHealth, p.EndpointID)
	})
}

// ListHealthPings returns the newest pings of an endpoint, at most 200.
func (s *Store) ListHealthPings(ctx context.Context, endpointID int64, limit int) ([]HealthPing, error) {
	rows, _ := s.pool.Query(ctx, `SELECT endpoint_id, last_at, method, answered, source FROM health_pings WHERE endpoint_id = $1 ORDER BY minute DESC, answered LIMIT $2`, endpointID, min(limit, 200))
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p HealthPing, err error) {
		var source *netip.Addr
		err = row.Scan(&p.EndpointID, &p.At, &p.Method, &p.Answered, &source)
		if source != nil {
			p.Source = *source
		}
		return p, err
	})
	return list, mapError("list health pings", err)
}
