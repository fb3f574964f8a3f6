package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// OAuthSettings are what Cybersource is told about tokens under the security types oAuth and oAuth_JWT (reference §3.2). Nothing in them
// is secret.
type OAuthSettings struct {
	URL      string `json:"url,omitempty"`      // of the token endpoint
	KeyID    string `json:"keyId,omitempty"`    // Cybersource's id of the stored client credentials (oAuth)
	ClientID string `json:"clientId,omitempty"` // of our own client or the issuer's; under oAuth_JWT the assertion's issuer and subject
	// The rest is what the assertion of oAuth_JWT says.
	Audience       string `json:"audience,omitempty"`
	AssertionKeyID string `json:"assertionKeyId,omitempty"`
	Scope          string `json:"scope,omitempty"`
}

// SetSubscriptionPolicy stores what deliveries must show without its being a new version of the intent: before Cybersource is told of a change, and
// when it turns out what became of it. ErrNotFound when deleted, ErrInvalid when the policy is none.
func (s *Store) SetSubscriptionPolicy(ctx context.Context, id int64, securityType string, p Policy) error {
	if err := p.Validate(); err != nil {
		return fmt.Errorf("set policy of subscription %d: %w", id, err)
	}
	return s.InTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "UPDATE subscriptions SET security_type = $2, policy = $3 WHERE id = $1 AND deleted_at IS NULL", id, securityType, p)
		if err != nil {
			return mapError(fmt.Sprintf("set policy of subscription %d", id), err)
		}
		if err := needOne(tag.RowsAffected(), "set policy of subscription", id); err != nil {
			return err
		}
		return notify(ctx, tx, TopicSubscriptions, id)
	})
}

// RetireStrayOAuthClients ends clients made before a time for a subscription that does not name them, neither now nor in what is accepted
// besides, or that is deleted: something came between their making and their use. Subscription 0 means all. It returns how many.
func (s *Store) RetireStrayOAuthClients(ctx context.Context, subscriptionID int64, madeBefore time.Time, audit AuditEntry) (int, error) {
	retired := 0
	err := s.InTx(ctx, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `UPDATE oauth_clients c SET retired_at = $1 FROM subscriptions s
			WHERE c.subscription_id = s.id AND ($3 = 0 OR s.id = $3) AND c.retired_at IS NULL AND c.created_at < $2 AND (s.deleted_at IS NOT NULL
				OR c.client_id IS DISTINCT FROM s.policy->'oauth'->>'clientId' AND (c.client_id IS DISTINCT FROM s.policy->'former'->'oauth'->>'clientId'
					OR (s.policy->'former'->>'until')::timestamptz < $1))
			RETURNING c.id, c.organization_id, c.client_id`, s.now(), madeBefore, subscriptionID)
		strays, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c OAuthClient, err error) {
			err = row.Scan(&c.ID, &c.OrganizationID, &c.ClientID)
			return c, err
		})
		if err != nil {
			return mapError("retire stray OAuth clients", err)
		}
		for _, c := range strays {
			entry := audit
			entry.ObjectKind, entry.ObjectID, entry.ObjectName, entry.OrganizationID = "oauth_client", fmt.Sprint(c.ID), c.ClientID, c.OrganizationID
			if _, err := insertAudit(ctx, tx, entry, s.now()); err != nil {
				return err
			}
			if err := notify(ctx, tx, TopicKeys, c.OrganizationID); err != nil {
				return err
			}
		}
		retired = len(strays)
		return nil
	})
	return retired, err
}
