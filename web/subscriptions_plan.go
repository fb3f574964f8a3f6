package web

import (
	"context"
	"encoding/pem"
	"errors"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/jobs"
	"github.com/switchboardhq/switchboard/store"
)

// securityPlan is what a subscription needs before Cybersource can be told of its security policy.
type securityPlan struct {
	// mle: a certificate must be registered.
	mle bool
	// client: our token server needs a client for it.
	client bool
	given  givenCredentials
}

// empty reports whether there is nothing to make or to store.
func (p securityPlan) empty() bool {
	return !p.mle && !p.client && len(p.given.secret) == 0 && p.given.certificate == nil
}

// outward reports whether Cybersource must be asked for it.
func (p securityPlan) outward(securityType string) bool {
	return p.mle || len(p.given.secret) > 0 || p.client && securityType == store.SecurityOAuth
}

// planSecurity finds out what a change needs beyond what the subscription before it, which is empty for a new one, has already. What can be used
// again it puts into what is wanted.
func (s *Server) planSecurity(ctx context.Context, o store.Organization, before store.Subscription, ch *subscriptionChange) (securityPlan, error) {
	plan, wanted := securityPlan{given: ch.given}, &ch.wanted
	if ch.encrypts || wanted.Policy.Encrypted {
		keys, err := s.store.ListMLEKeys(ctx, o.ID)
		if err != nil {
			return plan, err
		}
		_, ok := currentMLEKey(keys, s.now())
		plan.mle = !ok
	}
	if wanted.SecurityType == store.SecurityKey || wanted.Policy.Tokens.External() {
		return plan, nil
	}
	clients, err := s.store.ListOAuthClients(ctx, o.ID)
	if err != nil {
		return plan, err
	}
	plan.client = true
	for _, c := range clients {
		if !ch.fresh && serves(c, before, *wanted, s.now()) {
			wanted.Policy.OAuth.ClientID, wanted.Policy.OAuth.KeyID = c.ClientID, c.KeyID
			plan.client = false
		}
	}
	if plan.client && wanted.Policy.OAuth.ClientID == before.Policy.OAuth.ClientID {
		wanted.Policy.OAuth.ClientID = "" // taken by the one that it replaces
	}
	return plan, nil
}

// serves reports whether a client that a subscription has goes on serving it.
func serves(c store.OAuthClient, before, wanted store.Subscription, now time.Time) bool {
	if before.SecurityType != wanted.SecurityType || before.Policy.Tokens.External() || c.SubscriptionID != before.ID || before.ID == 0 ||
		c.ClientID != before.Policy.OAuth.ClientID || !c.RetiredAt.IsZero() {
		return false
	}
	if wanted.SecurityType == store.SecurityOAuth {
		return c.KeyID != "" && c.KeyID == before.Policy.OAuth.KeyID && (c.ExpiresAt.IsZero() || now.Before(c.ExpiresAt))
	}
	o := wanted.Policy.OAuth
	return (o.ClientID == "" || o.ClientID == c.ClientID) && o.Audience == c.Audience && o.Scope == c.Scope
}

// unequippedError means that a subscription could not get what its security policy needs, so that Cybersource was not asked for it.
type unequippedError struct{ cause error }

func (e *unequippedError) Error() string { return e.cause.Error() }
func (e *unequippedError) Unwrap() error { return e.cause }

func isUnequipped(err error) bool {
	var e *unequippedError
	return errors.As(err, &e)
}

// equip makes what the security policy of a new subscription needs, and stores what came of it. The error is an *unequippedError.
func (s *Server) equip(ctx context.Context, w clientWork, plan securityPlan, made *store.Subscription) error {
	if plan.empty() {
		return nil
	}
	err := s.carryOut(ctx, w, plan, made)
	if err == nil {
		err = s.store.SetSubscriptionPolicy(ctx, made.ID, made.SecurityType, made.Policy)
	}
	if err != nil {
		return &unequippedError{err}
	}
	return nil
}

// retireStrays ends the clients of a subscription that it does not name any more.
func (s *Server) retireStrays(ctx context.Context, id int64) error {
	_, err := s.store.RetireStrayOAuthClients(ctx, id, s.now().Add(time.Second), store.AuditEntry{
		Actor: "switchboard", Action: "oauth_client.retire", Detail: "its subscription does not use it",
	})
	return err
}

// carryOut makes and stores what a plan says, in an order in which nothing is demanded that Cybersource does not have: certificate, then
// client. It fills in the ids that come of it. The error may be a callError, and ErrConflict when the client id is taken.
func (s *Server) carryOut(ctx context.Context, w clientWork, plan securityPlan, v *store.Subscription) error {
	if plan.given.certificate != nil {
		entry := w.audit
		entry.Action, entry.Outcome, entry.Before, entry.After = "assertion_certificate.add", "", nil, nil
		_, err := s.store.InsertAssertionCertificate(ctx, w.organization.ID, v.Policy.OAuth.AssertionKeyID, plan.given.certificate, entry)
		if err != nil && !errors.Is(err, store.ErrConflict) { // it is there already
			return err
		}
	}
	if plan.mle {
		if err := s.ensureMLEKey(ctx, w); err != nil {
			return err
		}
	}
	switch {
	case plan.client:
		err := s.makeOAuthClient(ctx, w, v)
		if errors.Is(err, store.ErrConflict) {
			return &clientTakenError{v.Policy.OAuth.ClientID}
		}
		return err
	case len(plan.given.secret) > 0:
		return s.storeOAuthSecret(ctx, w, v, plan.given.secret)
	}
	return nil
}

// clientTakenError means that the token server has a client of that id already.
type clientTakenError struct{ clientID string }

func (e *clientTakenError) Error() string { return "client id " + e.clientID + " is taken" }

// told is what Cybersource is told of a subscription's security.
func told(v store.Subscription) cybs.SecurityPolicy {
	return jobs.ToldPolicy(v.SecurityType, v.Policy.OAuth)
}

// sameDemands reports whether two subscriptions demand the same of deliveries, as far as Cybersource has a part in it.
func sameDemands(a, b store.Subscription) bool {
	return a.SecurityType == b.SecurityType && a.Policy.Tokens == b.Policy.Tokens && a.Policy.Encrypted == b.Policy.Encrypted && a.Policy.OAuth == b.Policy.OAuth
}

// isAnnounced reports whether it is not known which of two policies Cybersource has.
func isAnnounced(v store.Subscription) bool {
	return v.Policy.Former != nil && v.Policy.Former.Announced
}

// certificatePEM writes a certificate as PEM text.
func certificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
