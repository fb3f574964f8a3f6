package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/views/ui"
)

// signatureKeyDays is the life of a new digital signature key: Cybersource recommends a year.
const signatureKeyDays = 365

// createSubscription makes a subscription here and at Cybersource.
func (s *Server) createSubscription(c echo.Context) error {
	f, err := parseForm(c)
	if err != nil {
		return err
	}
	if intentOf(f) == subscriptions.IntentPreview && s.partial(c) {
		return s.previewSchedule(c, f)
	}
	o, err := organizationOf(c, f.values.Get(subscriptions.FieldOrganization))
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	k, err := s.loadCatalogue(ctx, o, store.Subscription{})
	if err != nil {
		return err
	}
	st := formState{draft: typedDraft(f), catalogue: k, organization: o, namesIssuers: namesIssuers(c)}
	if intent := intentOf(f); intent != "" && intent != subscriptions.IntentReview {
		return s.showSubscriptionForm(c, http.StatusOK, s.answering(st, intent))
	}
	st.fields = f
	wanted, given, err := s.readSubscription(ctx, f, st)
	if err != nil {
		return err
	}
	if !f.ok() {
		return s.showSubscriptionForm(c, http.StatusUnprocessableEntity, st)
	}
	wanted.OrganizationID, wanted.CreatedBy = o.ID, currentUser(c).ID
	if intentOf(f) == subscriptions.IntentReview {
		return s.reviewSubscription(c, st, store.Subscription{}, wanted, given)
	}
	made, err := s.makeSubscription(ctx, o, subscriptionChange{
		wanted: wanted, given: given, encrypts: len(k.encrypted(wanted.Products)) > 0, audit: s.audit(c, "subscription.create"),
	})
	if err != nil {
		return s.refuseCreation(c, st, err)
	}
	if made.WebhookID == "" {
		s.flash(c, ui.Waiting, "Cybersource did not answer in time, so it is not known whether the subscription was made. Its page will say as soon as that is known.")
	} else {
		s.show(c, statusFlash("Created. Cybersource says: ", made.Status))
	}
	return s.redirect(c, paths.ShowSubscription(made.ID))
}

// refuseCreation gives the form back with the reason why nothing was made.
func (s *Server) refuseCreation(c echo.Context, st formState, err error) error {
	status := http.StatusUnprocessableEntity
	var (
		taken       *takenError
		clientTaken *clientTakenError
	)
	switch {
	case errors.As(err, &taken):
		st.fields.fail(subscriptions.FieldEvent, taken.text())
	case errors.As(err, &clientTaken):
		st.fields.fail(subscriptions.FieldAssertionClient, clientTakenText)
	case isCallError(err):
		s.logCybersource(c.Request().Context(), "create subscription", err)
		st.notices = []subscriptions.Notice{{Tone: ui.Bad, Title: "Nothing was created", Text: callText(err)}}
	case errors.Is(err, store.ErrConflict):
		status = http.StatusConflict
		st.notices = []subscriptions.Notice{{Tone: ui.Waiting, Title: "Nothing was created", Text: busyText}}
	default:
		return err
	}
	return s.showSubscriptionForm(c, status, st)
}

// takenError means that another subscription of the organization has a product already.
type takenError struct{ productID, name string }

func (e *takenError) Error() string {
	return fmt.Sprintf("product %s belongs to subscription %q", e.productID, e.name)
}

func (e *takenError) text() string {
	return fmt.Sprintf("“%s” has %s already, and Cybersource allows one subscription per product. Change that one, or choose other products.", e.name, productName(e.productID))
}

// subscriptionChange is a subscription to make or to change, with what that needs.
type subscriptionChange struct {
	wanted store.Subscription
	given  givenCredentials
	// encrypts: Cybersource encrypts an event type that was chosen.
	encrypts bool
	// version is the state that the change was built on; of a new subscription there is none.
	version string
	// fresh makes an OAuth client anew although there is one.
	fresh bool
	audit store.AuditEntry
}

// makeSubscription makes what is wanted: keys, intent and endpoint, credentials, then the subscription at Cybersource. Nothing that
// Cybersource refuses stays alive here. When its answer is lost, the subscription comes back without WebhookID and stays CREATING until
// somebody or a job asks again. The errors are *takenError, *clientTakenError, a callError, and ErrConflict while another change is under way.
func (s *Server) makeSubscription(ctx context.Context, o store.Organization, ch subscriptionChange) (store.Subscription, error) {
	out, cancel := outward(ctx)
	defer cancel()
	unlock, err := s.store.LockOrganization(out, o.ID)
	if err != nil {
		return store.Subscription{}, err
	}
	defer unlock()
	if err := s.checkTaken(out, ch.wanted); err != nil {
		return store.Subscription{}, err
	}
	client, err := s.client(out, o)
	if err != nil {
		return store.Subscription{}, &callError{err}
	}
	work := clientWork{client, o, ch.audit}
	if err := s.ensureSignatureKey(out, work); err != nil {
		return store.Subscription{}, err
	}
	plan, err := s.planSecurity(out, o, store.Subscription{}, &ch)
	if err != nil {
		return store.Subscription{}, err
	}
	started := ch.audit
	started.Outcome, started.After = store.OutcomeStarted, auditJSON(ch.wanted)
	made, auditID, err := s.store.InsertSubscription(out, ch.wanted, store.NewEndpointToken(), started)
	if err != nil {
		return store.Subscription{}, err
	}
	var answer *cybs.Subscription
	if err = s.equip(out, work, plan, &made); err == nil {
		answer, err = s.createAtCybersource(out, client, o, made)
	}
	after, cancel := aftermath(ctx)
	defer cancel()
	if err := s.concludeCreation(after, made, answer, err, auditID); err != nil {
		return store.Subscription{}, err
	}
	s.syncSoon(after, made.ID)
	return s.store.GetSubscription(after, made.ID)
}

// concludeCreation writes down how the making of a subscription went. Its error means that there is none.
func (s *Server) concludeCreation(ctx context.Context, made store.Subscription, answer *cybs.Subscription, failure error, auditID int64) error {
	switch {
	case answer != nil:
		err := s.recordAnswer(ctx, made, answer)
		s.finishAudit(ctx, auditID, err, "")
		return err
	case !isUnequipped(failure) && isUncertain(failure):
		s.logCybersource(ctx, "create subscription", failure)
		s.finishAudit(ctx, auditID, failure, "the outcome is not known: "+callText(failure))
		return nil
	}
	if !isUnequipped(failure) {
		failure = &callError{failure}
	}
	s.finishAudit(ctx, auditID, failure, callText(failure))
	// Cybersource does not have it: it ends here, with the clients that were made for it.
	return errors.Join(failure, s.store.DeleteSubscription(ctx, made.ID), s.retireStrays(ctx, made.ID))
}

// createAtCybersource asks for the subscription. When the answer is lost, it looks whether it is there, by its unguessable URL: the
// error is uncertain only if that cannot be told either.
func (s *Server) createAtCybersource(ctx context.Context, client *cybs.Client, o store.Organization, v store.Subscription) (*cybs.Subscription, error) {
	answer, err := client.CreateSubscription(ctx, s.inputOf(o, v))
	if err == nil || !isUncertain(err) {
		return answer, err
	}
	found, lookErr := s.findAtCybersource(ctx, client, o, v)
	var api *cybs.APIError
	switch {
	case lookErr != nil:
		return nil, err
	case found != nil:
		return found, nil
	case errors.As(err, &api):
		// It answered, if with trouble of its own, and does not have the subscription.
		return nil, &settledError{err}
	}
	return nil, err // it may still be at work on it
}

// inputOf is a new subscription as Cybersource is asked for it.
func (s *Server) inputOf(o store.Organization, v store.Subscription) cybs.SubscriptionInput {
	webhookURL, healthURL := s.endpointURL(v.EndpointToken)
	policy := retryPolicyOf(v.RetryPolicy)
	return cybs.SubscriptionInput{
		Name: v.Name, Description: v.Description, OrganizationID: o.OrganizationID, Products: subscribedProducts(v.Products),
		WebhookURL: webhookURL, HealthCheckURL: healthURL, RetryPolicy: &policy, SecurityPolicy: told(v), Scope: &cybs.Scope{Kind: cybs.ScopeKind(v.Scope)},
	}
}

// findAtCybersource looks for a subscription whose id we do not know, by its URL; nil when there is none.
func (s *Server) findAtCybersource(ctx context.Context, client *cybs.Client, o store.Organization, v store.Subscription) (*cybs.Subscription, error) {
	webhookURL, _ := s.endpointURL(v.EndpointToken)
	ctx, cancel := aftermath(ctx)
	defer cancel()
	list, err := client.ListSubscriptions(ctx, cybs.ListSubscriptionsOptions{OrganizationID: o.OrganizationID})
	if err != nil {
		return nil, err
	}
	for i := range list {
		if cybs.EqualURL(list[i].WebhookURL, webhookURL) {
			return &list[i], nil
		}
	}
	return nil, nil
}

// checkTaken reports a product that another living subscription of the organization has.
func (s *Server) checkTaken(ctx context.Context, wanted store.Subscription) error {
	others, err := s.store.ListSubscriptions(ctx, store.SubscriptionFilter{OrganizationID: wanted.OrganizationID, Limit: 1000})
	if err != nil {
		return err
	}
	for _, v := range others {
		for _, p := range v.Products {
			if v.ID != wanted.ID && slices.ContainsFunc(wanted.Products, func(w store.SubscribedProduct) bool { return w.ProductID == p.ProductID }) {
				return &takenError{productID: p.ProductID, name: v.Name}
			}
		}
	}
	return nil
}

// ensureSignatureKey has Cybersource make a key when the organization has none that is valid. It never replaces one that is: a new key
// overrides the old at once.
func (s *Server) ensureSignatureKey(ctx context.Context, w clientWork) error {
	keys, err := s.store.ListSignatureKeys(ctx, w.organization.ID)
	if err != nil {
		return err
	}
	if _, ok := currentKey(keys, s.now()); ok {
		return nil
	}
	return s.makeSignatureKey(ctx, w)
}

// makeSignatureKey has Cybersource make a key and keeps it. It overrides the present one at once. The error may be a callError.
func (s *Server) makeSignatureKey(ctx context.Context, w clientWork) error {
	auditID, err := s.store.InsertAudit(ctx, w.started("signature_key.create", "signature_key"))
	if err != nil {
		return err
	}
	key, err := w.client.CreateSignatureKey(ctx, w.organization.OrganizationID, cybs.SignatureKeyOptions{ExpiryDays: signatureKeyDays})
	after, cancel := aftermath(ctx)
	defer cancel()
	if err != nil {
		s.finishAudit(after, auditID, err, callText(err))
		return &callError{err}
	}
	made := store.SignatureKey{OrganizationID: w.organization.ID, KeyID: key.KeyID, Key: store.Secret(key.Key), ExpiresAt: key.ExpiresAt}
	// A key without which nothing verifies is kept first of all: the job gives the former one an end where this fails.
	if made.FormerRetiresAt, err = s.formerKeyEnd(after, w.organization.ID); err != nil {
		s.log.WarnContext(after, "the end of the former signature key is not known yet", "organization", w.organization.ID, "err", err)
	}
	_, err = s.store.InsertSignatureKey(after, made)
	s.finishAudit(after, auditID, err, "key "+key.KeyID)
	return err
}
