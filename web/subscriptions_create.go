package web

import (
	"context"
	"encoding/json"
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
	st := formState{draft: typedDraft(f), catalogue: k, organization: o}
	if intentOf(f) != "" {
		return s.showSubscriptionForm(c, http.StatusOK, st)
	}
	st.fields = f
	wanted := readSubscription(f, k)
	if !f.ok() {
		return s.showSubscriptionForm(c, http.StatusUnprocessableEntity, st)
	}
	wanted.OrganizationID, wanted.CreatedBy = o.ID, currentUser(c).ID
	made, err := s.makeSubscription(ctx, o, wanted, s.audit(c, "subscription.create"))
	if err != nil {
		return s.refuseCreation(c, st, err)
	}
	if made.WebhookID == "" {
		s.flash(c, ui.Waiting, "Cybersource did not answer in time, so it is not known whether the subscription was made. Its page will say as soon as that is known.")
	} else {
		s.flash(c, ui.Good, "Created. Cybersource says: "+statusWord(made.Status)+".")
	}
	return s.redirect(c, paths.ShowSubscription(made.ID))
}

// refuseCreation gives the form back with the reason why nothing was made.
func (s *Server) refuseCreation(c echo.Context, st formState, err error) error {
	status := http.StatusUnprocessableEntity
	var taken *takenError
	switch {
	case errors.As(err, &taken):
		st.fields.fail(subscriptions.FieldEvent, taken.text())
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

// makeSubscription makes what is wanted: key, intent and endpoint, then the subscription at Cybersource. Nothing that Cybersource
// refuses stays alive here. When its answer is lost, the subscription comes back without WebhookID and stays CREATING until
// somebody or a job asks again. The errors are *takenError, a callError, and ErrConflict while another change is under way.
func (s *Server) makeSubscription(ctx context.Context, o store.Organization, wanted store.Subscription, audit store.AuditEntry) (store.Subscription, error) {
	out, cancel := outward(ctx)
	defer cancel()
	unlock, err := s.store.LockOrganization(out, o.ID)
	if err != nil {
		return store.Subscription{}, err
	}
	defer unlock()
	if err := s.checkTaken(out, wanted); err != nil {
		return store.Subscription{}, err
	}
	client, err := s.client(out, o)
	if err != nil {
		return store.Subscription{}, &callError{err}
	}
	if err := s.ensureSignatureKey(out, client, o, audit); err != nil {
		return store.Subscription{}, err
	}
	audit.Outcome, audit.After = store.OutcomeStarted, auditJSON(wanted)
	made, auditID, err := s.store.InsertSubscription(out, wanted, store.NewEndpointToken(), audit)
	if err != nil {
		return store.Subscription{}, err
	}
	answer, err := s.createAtCybersource(out, client, o, made)
	after, cancel := aftermath(ctx)
	defer cancel()
	switch {
	case answer != nil:
		err = s.recordAnswer(after, made, answer)
		s.finishAudit(after, auditID, err, "")
	case isUncertain(err):
		s.logCybersource(after, "create subscription", err)
		s.finishAudit(after, auditID, err, "the outcome is not known: "+callText(err))
		err = nil
	default:
		err = errors.Join(&callError{err}, s.store.DeleteSubscription(after, made.ID))
		s.finishAudit(after, auditID, err, callText(err))
		return store.Subscription{}, err
	}
	if err != nil {
		return store.Subscription{}, err
	}
	s.syncSoon(after, made.ID)
	return s.store.GetSubscription(after, made.ID)
}

// createAtCybersource asks for the subscription. When the answer is lost, it looks whether it is there, by its unguessable URL: the
// error is uncertain only if that cannot be told either.
func (s *Server) createAtCybersource(ctx context.Context, client *cybs.Client, o store.Organization, v store.Subscription) (*cybs.Subscription, error) {
	webhookURL, healthURL := s.endpointURL(v.EndpointToken)
	policy := retryPolicyOf(v.RetryPolicy)
	answer, err := client.CreateSubscription(ctx, cybs.SubscriptionInput{
		Name: v.Name, Description: v.Description, OrganizationID: o.OrganizationID, Products: subscribedProducts(v.Products),
		WebhookURL: webhookURL, HealthCheckURL: healthURL, RetryPolicy: &policy,
		SecurityPolicy: cybs.SecurityPolicy{Type: cybs.SecurityType(v.SecurityType)}, Scope: &cybs.Scope{Kind: cybs.ScopeKind(v.Scope)},
	})
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
func (s *Server) ensureSignatureKey(ctx context.Context, client *cybs.Client, o store.Organization, audit store.AuditEntry) error {
	keys, err := s.store.ListSignatureKeys(ctx, o.ID)
	if err != nil {
		return err
	}
	if _, ok := currentKey(keys, s.now()); ok {
		return nil
	}
	audit.Action, audit.Outcome = "signature_key.create", store.OutcomeStarted
	audit.ObjectKind, audit.ObjectName, audit.OrganizationID = "signature_key", o.OrganizationID, o.ID
	auditID, err := s.store.InsertAudit(ctx, audit)
	if err != nil {
		return err
	}
	key, err := client.CreateSignatureKey(ctx, o.OrganizationID, cybs.SignatureKeyOptions{ExpiryDays: signatureKeyDays})
	after, cancel := aftermath(ctx)
	defer cancel()
	if err != nil {
		s.finishAudit(after, auditID, err, callText(err))
		return &callError{err}
	}
	_, err = s.store.InsertSignatureKey(after, store.SignatureKey{OrganizationID: o.ID, KeyID: key.KeyID, Key: store.Secret(key.Key), ExpiresAt: key.ExpiresAt})
	s.finishAudit(after, auditID, err, "key "+key.KeyID)
	return err
}

// auditJSON is the intent as the audit log keeps it.
func auditJSON(v store.Subscription) json.RawMessage {
	raw, err := json.Marshal(struct {
		Name         string                    `json:"name"`
		Description  string                    `json:"description"`
		Products     []store.SubscribedProduct `json:"products"`
		Scope        string                    `json:"scope"`
		SecurityType string                    `json:"securityType"`
		RetryPolicy  store.RetryPolicy         `json:"retryPolicy"`
	}{v.Name, v.Description, v.Products, v.Scope, v.SecurityType, v.RetryPolicy})
	if err != nil {
		return nil // strings, numbers and flags: it cannot fail
	}
	return raw
}
