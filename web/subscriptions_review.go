package web

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/subscriptions"
)

// Words in a review where an id or a certificate will be that does not exist yet.
const (
	placeOfKeyID       = "KEY-ID"
	placeOfClientID    = "CLIENT-ID"
	placeOfCertificate = "CERTIFICATE"
)

// reviewSubscription answers with the form and what saving it would send. Nothing is sent or stored.
func (s *Server) reviewSubscription(c echo.Context, st formState, before, wanted store.Subscription, given givenCredentials) error {
	ch := subscriptionChange{wanted: wanted, given: given, encrypts: len(st.catalogue.encrypted(wanted.Products)) > 0, version: st.draft.version}
	before = s.lookBeforeReview(c.Request().Context(), st.organization, before)
	review, err := s.reviewOf(c.Request().Context(), st.organization, before, ch)
	if isCallError(err) {
		review, err = subscriptions.Review{Note: callText(err)}, nil
	}
	if err != nil {
		return err
	}
	st.review = &review
	return s.showSubscriptionForm(c, http.StatusOK, st)
}

// lookBeforeReview asks Cybersource how a subscription stands now, so that the review compares with that. Without an answer it compares with the last.
func (s *Server) lookBeforeReview(ctx context.Context, o store.Organization, v store.Subscription) store.Subscription {
	if v.WebhookID == "" {
		return v
	}
	bounded, cancel := asking(ctx)
	defer cancel()
	client, err := s.client(bounded, o)
	if err == nil {
		_, err = s.refresh(bounded, client, v)
	}
	if err != nil {
		s.logCybersource(ctx, "read subscription for a review", err)
		return v
	}
	now, err := s.store.GetSubscription(ctx, v.ID)
	if err != nil {
		s.logCybersource(ctx, "read subscription for a review", err)
		return v
	}
	return now
}

// reviewOf lists the calls that a change makes, in their order. The error may be a callError.
func (s *Server) reviewOf(ctx context.Context, o store.Organization, before store.Subscription, ch subscriptionChange) (subscriptions.Review, error) {
	client, err := s.client(ctx, o)
	if err != nil {
		return subscriptions.Review{}, &callError{err}
	}
	plan, err := s.planSecurity(ctx, o, before, &ch)
	if err != nil {
		return subscriptions.Review{}, err
	}
	r := reviewer{client: client, organization: o.OrganizationID}
	if before.ID == 0 {
		keys, err := s.store.ListSignatureKeys(ctx, o.ID)
		if err != nil {
			return subscriptions.Review{}, err
		}
		if _, ok := currentKey(keys, s.now()); !ok {
			r.signatureKey()
		}
	}
	r.credentials(plan, &ch.wanted, s.now())
	if before.ID == 0 {
		ch.wanted.EndpointToken = placeOfToken
		r.create(s.inputOf(o, ch.wanted))
	} else {
		patch, differs := s.patchOf(before, ch.wanted)
		r.update(before, ch, plan, patch, differs)
	}
	return r.review()
}

// reviewer collects the calls of a review; the first error counts.
type reviewer struct {
	client       *cybs.Client
	organization string
	calls        []subscriptions.ReviewCall
	effect       string // of the change on delivery
	err          error
}

func (r *reviewer) add(title, note string, p cybs.Preview, err error) {
	if err != nil {
		if r.err == nil {
			r.err = err
		}
		return
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, p.Body, "", "  "); err != nil {
		r.err = err
		return
	}
	r.calls = append(r.calls, subscriptions.ReviewCall{Title: title, Note: note, Request: p.Method + " " + p.Path, JSON: pretty.String()})
}

func (r *reviewer) signatureKey() {
	p, err := r.client.PreviewCreateSignatureKey(r.organization, cybs.KeyOptions{ExpiryDays: signatureKeyDays})
	r.add("Make a digital signature key", "The organization has none that is valid.", p, err)
}

// credentials are the calls that come before the subscription itself. It puts words where ids will be.
func (r *reviewer) credentials(plan securityPlan, v *store.Subscription, now time.Time) {
	if plan.mle {
		days := int(now.Add(cybs.DefaultMLEValidity-certificateBegins).Sub(now) / (24 * time.Hour))
		p, err := r.client.PreviewStoreMLECertificate(r.organization, placeOfCertificate, cybs.KeyOptions{ExpiryDays: days})
		r.add("Store the encryption certificate", placeOfCertificate+" is made when you save. Its private key never leaves Switchboard.", p, err)
	}
	if plan.client && v.Policy.OAuth.ClientID == "" {
		v.Policy.OAuth.ClientID = placeOfClientID
	}
	if plan.client && v.SecurityType == store.SecurityOAuth || len(plan.given.secret) > 0 {
		p, err := r.client.PreviewStoreOAuthCredentials(r.organization, v.Policy.OAuth.ClientID, cybs.KeyOptions{ExpiryDays: credentialDays})
		r.add("Store the OAuth client", "The secret is left out here.", p, err)
		v.Policy.OAuth.KeyID = placeOfKeyID
	}
}

func (r *reviewer) create(in cybs.SubscriptionInput) {
	p, err := r.client.PreviewCreateSubscription(in)
	note := placeOfToken + " becomes the unguessable part of the addresses."
	r.add("Create the subscription", note+placeNote(in.SecurityPolicy), p, err)
}

// placeNote explains the words that stand in a security policy for ids to come.
func placeNote(p cybs.SecurityPolicy) string {
	note := ""
	if p.OAuth.KeyID == placeOfKeyID {
		note += " " + placeOfKeyID + " becomes what the call before answers."
	}
	if p.OAuth.ClientID == placeOfClientID {
		note += " " + placeOfClientID + " becomes the id of the client that is made."
	}
	return note
}

func (r *reviewer) update(before store.Subscription, ch subscriptionChange, plan securityPlan, patch cybs.SubscriptionPatch, differs bool) {
	security := concernsToken(before, ch, plan)
	if security {
		policy := told(ch.wanted)
		patch.SecurityPolicy, differs = &policy, true
	}
	r.effect = deliveryEffect(before, ch.wanted, patch, security)
	if differs {
		p, err := r.client.PreviewUpdateSubscription(before.WebhookID, patch)
		r.add("Change the subscription", "Only what differs."+placeNote(told(ch.wanted)), p, err)
	}
}

func (r *reviewer) review() (subscriptions.Review, error) {
	review := subscriptions.Review{Calls: r.calls, Note: "Saving sends this to Cybersource, in this order. Nothing has been sent yet."}
	if len(r.calls) == 0 {
		review.Note = "Saving sends nothing to Cybersource: nothing that it knows of is different."
	}
	if r.effect != "" {
		review.Note += " " + r.effect
	}
	return review, r.err
}
