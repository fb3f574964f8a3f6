package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
)

// takeOver is how long Cybersource is given to take over a changed policy, beyond the time that retries take.
const takeOver = time.Hour

// ToldPolicy is a security policy as Cybersource is told it. The expiry is that of our tokens in seconds; its unit is documented nowhere, and what
// the token server answers counts before it.
func ToldPolicy(securityType string, o store.OAuthSettings) cybs.SecurityPolicy {
	p := cybs.SecurityPolicy{Type: cybs.SecurityType(securityType)}
	if securityType == store.SecurityKey {
		return p
	}
	p.OAuth = cybs.OAuthConfig{URL: o.URL, TokenType: "Bearer", TokenExpiry: fmt.Sprint(int(store.TokenLife / time.Second))}
	if securityType == store.SecurityOAuth {
		p.OAuth.KeyID = o.KeyID
		return p
	}
	p.OAuth.Audience, p.OAuth.ClientID, p.OAuth.AssertionKeyID, p.OAuth.Scope = o.Audience, o.ClientID, o.AssertionKeyID, o.Scope
	return p
}

// FormerUntil is until when deliveries may still meet what a subscription demanded before a change at that time: those that fail now are tried
// again as its retry policy says.
func FormerUntil(p store.RetryPolicy, changed time.Time) time.Time {
	cover := cybs.RetryPolicy{
		Algorithm: cybs.Algorithm(p.Algorithm), FirstRetry: p.FirstRetry, Interval: p.Interval, NumberOfRetries: p.NumberOfRetries,
		RepeatSequenceCount: p.RepeatSequenceCount, RepeatSequenceWaitTime: p.RepeatSequenceWaitTime,
	}.Cover()
	return changed.Add(cover + takeOver)
}

// DemandsOf are what a subscription demands now, to be accepted besides others until a time.
func DemandsOf(v store.Subscription, until time.Time) *store.FormerDemands {
	return &store.FormerDemands{
		SecurityType: v.SecurityType, Tokens: v.Policy.Tokens, Encrypted: v.Policy.Encrypted, OAuth: v.Policy.OAuth, Until: until,
	}
}

// settlePolicy finds out what became of a change of the security policy whose answer was lost, and keeps what is true: the new demands, or those
// before. While somebody changes the organization's subscriptions it leaves that to them.
func (j *Jobs) settlePolicy(ctx context.Context, organization store.Organization, id int64) error {
	unlock, err := j.cfg.Store.LockOrganization(ctx, organization.ID)
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	sub, err := j.cfg.Store.GetSubscription(ctx, id)
	if err != nil || !isUnsettled(sub) {
		return err
	}
	client, err := j.cfg.Client(ctx, organization)
	if err != nil {
		return fmt.Errorf("make client of organization %s: %w", organization.OrganizationID, err)
	}
	found, err := client.GetSubscription(ctx, sub.WebhookID)
	if err != nil {
		return fmt.Errorf("settle policy of subscription %d: %w", id, err)
	}
	securityType, policy, settled := settle(sub, found.SecurityPolicy, j.cfg.Now())
	if !settled {
		return nil // neither: somebody else has changed it
	}
	return j.cfg.Store.SetSubscriptionPolicy(ctx, id, securityType, policy)
}

func isUnsettled(sub store.Subscription) bool {
	return sub.WebhookID != "" && sub.DeletedAt.IsZero() && sub.Policy.Former != nil && sub.Policy.Former.Announced
}

// settle returns the policy that a subscription has by what Cybersource says.
func settle(sub store.Subscription, found cybs.SecurityPolicy, now time.Time) (securityType string, p store.Policy, settled bool) {
	announced := *sub.Policy.Former
	was, is := ToldPolicy(sub.SecurityType, sub.Policy.OAuth), ToldPolicy(announced.SecurityType, announced.OAuth)
	p = sub.Policy
	switch {
	case SamePolicy(found, is):
		p.Tokens, p.Encrypted, p.OAuth = announced.Tokens, announced.Encrypted, announced.OAuth
		p.Former = DemandsOf(sub, FormerUntil(sub.RetryPolicy, now))
		return announced.SecurityType, p, true
	case SamePolicy(found, was):
		p.Former = nil
		return sub.SecurityType, p, true
	}
	return "", store.Policy{}, false
}

// SamePolicy reports whether Cybersource's answer says what it was told. How long tokens last it may leave out.
func SamePolicy(found, told cybs.SecurityPolicy) bool {
	if found.Type != told.Type {
		return false
	}
	if told.Type == cybs.SecurityKey {
		return true
	}
	a, b := found.OAuth, told.OAuth
	return cybs.EqualURL(a.URL, b.URL) && a.KeyID == b.KeyID && a.Audience == b.Audience && a.ClientID == b.ClientID && a.AssertionKeyID == b.AssertionKeyID && a.Scope == b.Scope
}
