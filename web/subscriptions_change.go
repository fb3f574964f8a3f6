package web

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/jobs"
	"github.com/switchboardhq/switchboard/store"
)

// announcedFor is how long what Cybersource was told of is accepted while nobody can find out whether it has taken it over.
const announcedFor = 30 * 24 * time.Hour

// concernsToken reports whether Cybersource must hear of the security policy: it differs, will differ once ids are there, or is not known to
// be what was told last.
func concernsToken(before store.Subscription, ch subscriptionChange, plan securityPlan) bool {
	return told(before) != told(ch.wanted) || plan.client || len(plan.given.secret) > 0 || isAnnounced(before) || securityDrifts(before)
}

// sameHere reports whether two versions of a subscription agree in what Cybersource has no part in.
func sameHere(a, b store.Subscription) bool {
	return sameDemands(a, b) && slices.Equal(a.Policy.Sources, b.Policy.Sources) && a.Policy.ClientCertificate == b.Policy.ClientCertificate && a.Policy.Holds() == b.Policy.Holds()
}

// applyChange does what changeSubscription found to do, with the organization locked: audit row, credentials, announcement to the receiver,
// Cybersource, and what is intended from then on. out is the time for calls to Cybersource.
func (s *Server) applyChange(ctx, out context.Context, o store.Organization, before store.Subscription, ch subscriptionChange, plan securityPlan) (changed, error) {
	patch, outward := s.patchOf(before, ch.wanted)
	security := concernsToken(before, ch, plan)
	outward = outward || security
	var client *cybs.Client
	if outward || plan.outward(ch.wanted.SecurityType) {
		var err error
		if client, err = s.client(out, o); err != nil {
			return changedNothing, &callError{err}
		}
	}
	started := ch.audit
	started.Before, started.After = auditJSON(before), auditJSON(ch.wanted)
	auditID, err := s.startAudit(out, started, before)
	if err != nil {
		return changedNothing, err
	}
	wanted := ch.wanted
	if err = s.carryOut(out, clientWork{client, o, ch.audit}, plan, &wanted); err == nil && outward {
		err = s.announce(out, before, wanted)
	}
	after, cancel := aftermath(ctx)
	defer cancel()
	if err != nil {
		s.finishAudit(after, auditID, err, callText(err))
		return changedNothing, errors.Join(&unequippedError{err}, s.takeBack(after, before))
	}
	var answer *cybs.Subscription
	if outward {
		if security {
			policy := told(wanted)
			patch.SecurityPolicy = &policy
		}
		if answer, err = client.UpdateSubscription(out, before.WebhookID, patch); err != nil {
			return changedNothing, s.refused(after, before, auditID, err)
		}
	}
	err = s.keepChange(after, before, wanted, answer, ch.audit)
	s.finishAudit(after, auditID, err, "")
	if outward || plan.outward(wanted.SecurityType) {
		return changedBoth, err
	}
	return changedHere, err
}

// announce has the receiver accept what is wanted besides what is: Cybersource is told next.
func (s *Server) announce(ctx context.Context, before, wanted store.Subscription) error {
	if sameDemands(before, wanted) {
		return nil
	}
	p := before.Policy
	p.Former = jobs.DemandsOf(wanted, s.now().Add(announcedFor))
	p.Former.Announced = true
	return s.store.SetSubscriptionPolicy(ctx, before.ID, before.SecurityType, p)
}

// takeBack restores what deliveries must show, and ends the client that was made for what does not come.
func (s *Server) takeBack(ctx context.Context, before store.Subscription) error {
	return errors.Join(s.store.SetSubscriptionPolicy(ctx, before.ID, before.SecurityType, before.Policy), s.retireStrays(ctx, before.ID))
}

// refused writes down that Cybersource did not confirm a change. While it is not known whether it has made it, what was announced stays, and a job
// finds out.
func (s *Server) refused(ctx context.Context, before store.Subscription, auditID int64, cause error) error {
	s.finishAudit(ctx, auditID, cause, callText(cause))
	s.syncSoon(ctx, before.ID)
	if isUncertain(cause) {
		return &callError{cause}
	}
	return errors.Join(&callError{cause}, s.takeBack(ctx, before))
}

// keepChange stores the new intent. What was demanded before is accepted until retries that show it can no longer come, and so long its OAuth
// client lives. answer is Cybersource's, nil when it was not asked.
func (s *Server) keepChange(ctx context.Context, before, wanted store.Subscription, answer *cybs.Subscription, audit store.AuditEntry) error {
	wanted.Policy.Former = nil
	if f := before.Policy.Former; f != nil && !f.Announced && sameDemands(before, wanted) && s.now().Before(f.Until) {
		wanted.Policy.Former = f
	}
	if !sameDemands(before, wanted) {
		wanted.Policy.Former = formerDemands(before, jobs.FormerUntil(before.RetryPolicy, s.now()), s.now())
	}
	err := s.store.UpdateSubscription(ctx, wanted)
	if answer != nil {
		err = errors.Join(err, s.recordAnswer(ctx, before, answer))
		s.syncSoon(ctx, before.ID)
	}
	if err != nil || wanted.Policy.Former == nil || wanted.Policy.OAuth.ClientID == before.Policy.OAuth.ClientID {
		return err
	}
	return s.retireClient(ctx, before, wanted.Policy.Former.Until, audit)
}

// formerDemands are what was demanded before a change. When an earlier change is still being taken over and asked for no token before, then neither
// do these: a delivery of then meets them, and so does one of the policy between.
func formerDemands(before store.Subscription, until, now time.Time) *store.FormerDemands {
	demands := jobs.DemandsOf(before, until)
	if f := before.Policy.Former; f != nil && !f.Announced && now.Before(f.Until) {
		if f.SecurityType == store.SecurityKey {
			demands.SecurityType, demands.Tokens = f.SecurityType, f.Tokens
		}
		demands.Encrypted = demands.Encrypted && f.Encrypted
		if f.Until.After(until) {
			demands.Until = f.Until
		}
	}
	return demands
}

// retireClient ends the client of a subscription at our token server, if it has one, at a time.
func (s *Server) retireClient(ctx context.Context, v store.Subscription, at time.Time, audit store.AuditEntry) error {
	if v.SecurityType == store.SecurityKey || v.Policy.Tokens.External() {
		return nil
	}
	clients, err := s.store.ListOAuthClients(ctx, v.OrganizationID)
	if err != nil {
		return err
	}
	audit.Action, audit.Outcome, audit.Before, audit.After = "oauth_client.retire", "", nil, nil
	audit.Detail = "replaced; until " + at.UTC().Format(time.RFC3339) + " its tokens count for retries"
	for _, c := range clients {
		if c.SubscriptionID == v.ID && c.ClientID == v.Policy.OAuth.ClientID {
			err := s.store.RetireOAuthClient(ctx, c.ID, at, audit)
			if errors.Is(err, store.ErrNotFound) {
				return nil // it ends earlier
			}
			return err
		}
	}
	return nil
}

// auditJSON is the intent as the audit log keeps it. There is nothing secret in it.
func auditJSON(v store.Subscription) json.RawMessage {
	p := v.Policy
	raw, err := json.Marshal(struct {
		Name              string                    `json:"name"`
		Description       string                    `json:"description"`
		Products          []store.SubscribedProduct `json:"products"`
		Scope             string                    `json:"scope"`
		SecurityType      string                    `json:"securityType"`
		Tokens            store.TokenPolicy         `json:"tokens"`
		OAuth             store.OAuthSettings       `json:"oauth"`
		Encrypted         bool                      `json:"plainIsRejected"`
		Sources           []string                  `json:"sources"`
		ClientCertificate bool                      `json:"clientCertificate"`
		Rejected          string                    `json:"rejected"`
		RetryPolicy       store.RetryPolicy         `json:"retryPolicy"`
	}{v.Name, v.Description, v.Products, v.Scope, v.SecurityType, p.Tokens, p.OAuth, p.Encrypted, p.Sources, p.ClientCertificate, p.Rejected, v.RetryPolicy})
	if err != nil {
		return nil // strings, numbers and flags: it cannot fail
	}
	return raw
}
