package receiver

import (
	"context"
	"fmt"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/forwarded"
)

// Why a delivery cannot be judged again, beside the reasons for which one is rejected.
const (
	// NotKeptBody: the body cannot be opened any more.
	NotKeptBody = "body_not_kept"
	// NotKeptCodes: its security codes were removed before it was stored, and its signature covers them.
	NotKeptCodes = "codes_not_kept"
	// NotKeptHeader: the signature's header was not kept.
	NotKeptHeader = "header_not_kept"
	// NoEndpointNow: the subscription has no endpoint any more, hence no keys and no policy.
	NoEndpointNow = "endpoint_gone"
	// NoKeysNow: the organization's keys cannot be opened now.
	NoKeysNow = "keys_not_open"
	// NotKeptCredentials: today's policy asks for a client certificate or a token, which were not accepted then and are not kept.
	NotKeptCredentials = "credentials_not_kept"
)

// judgeBatch bounds the deliveries that are judged, or released, in one transaction.
const judgeBatch = 128

// JudgeAgain works through a judgement: it judges what is left of it, and releases what passes if somebody asked for that. Any process may do
// it, several at a time too; after an error, or a crash, the next call goes on.
//
// Each delivery is judged by today's keys and policy as of the time at which it arrived, from the bytes and headers that were kept then.
func (r *Receiver) JudgeAgain(ctx context.Context, id int64) error {
	if err := r.endpoints.reload(ctx); err != nil {
		return fmt.Errorf("judge again: %w", err)
	}
	known, err := r.explainer.look(ctx)
	if err != nil {
		return fmt.Errorf("judge again: %w", err)
	}
	for more := true; more; {
		more, err = r.store.JudgeNext(ctx, id, judgeBatch, func(d store.Delivery) store.Judged { return r.judgeStored(d, known) })
		if err != nil {
			return err
		}
	}
	defer r.grouper.wake()
	for more := true; more; {
		more, err = r.store.ReleaseNext(ctx, id, judgeBatch, func(d store.Delivery) store.Judged { return r.judgeStored(d, known) })
		if err != nil {
			return err
		}
		r.grouper.wake()
	}
	return nil
}

// SameNotification returns the notification that a delivery in quarantine would be an attempt of: Cybersource sends again what was refused, and a
// later attempt may have been verified. store.ErrNotFound when there is none. What a rejected delivery says is not proven.
func (r *Receiver) SameNotification(ctx context.Context, d store.Delivery) (store.ID, error) {
	var err error
	if d.Body, err = r.store.DeliveryBody(ctx, d.ID); err != nil {
		return store.ID{}, err
	}
	return r.store.FindNotification(ctx, d, r.grouper.describe(d))
}

// OpenDelivery reads a stored delivery that has its body, and decrypts it where it is encrypted. The notification is never nil; errors are those of
// [cybs.OpenNotification].
func (r *Receiver) OpenDelivery(d store.Delivery) (*cybs.Notification, error) {
	return r.grouper.read(d)
}

// judgeStored never fails: what cannot be judged says so.
func (r *Receiver) judgeStored(d store.Delivery, k known) (judged store.Judged) {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("a rejected delivery could not be judged again", "delivery", d.ID.String(), "panic", fmt.Sprintf("%T", p), "stack", stack())
			judged = notJudged(d, NotKeptBody, "Judging it failed; the log says more.")
		}
	}()
	e := r.endpoints.ofSubscription(d.SubscriptionID)
	h := headersOf(d)
	switch {
	case e == nil:
		return notJudged(d, NoEndpointNow, "Its subscription has no endpoint any more, so there are no keys and no policy to judge it by.")
	case d.Body == nil && d.BodyBytes > 0:
		return notJudged(d, NotKeptBody, "Its body cannot be opened: the encryption key is not among those configured.")
	case d.Blanked > 0 && h.Get(cybs.HeaderSignature) != "":
		return notJudged(d, NotKeptCodes, codesRemoved)
	case h.Get(cybs.HeaderSignature) == "" && d.Reason != ReasonSignatureMissing:
		return notJudged(d, NotKeptHeader, "Its signature header was not kept: the request had too many headers, or the database refused them.")
	}
	refused, kept := r.admitAgain(d, e)
	if !kept {
		return notJudged(d, NotKeptCredentials, "Its endpoint demands a client certificate or a token. What came with it was not accepted then, and is not kept: it cannot be looked at again.")
	}
	if refused.reason != "" {
		d.Reason, d.ReasonDetail = refused.reason, withoutCards(refused.detail)
		return store.Judged{Outcome: store.OutcomeRejected, Delivery: d, Rung: r.explainer.explain(d, k).Rung}
	}
	v, err := r.weigh(context.Background(), arrival{endpoint: e, from: forwarded.Source{Addr: d.Source}, at: d.ReceivedAt}, h, d.Body)
	if err != nil {
		return notJudged(d, NoKeysNow, "The organization's keys cannot be opened: the encryption key is not among those configured.")
	}
	v.write(&d, e)
	r.blank(&d, v)
	if d.Verdict == store.Verified {
		return store.Judged{Outcome: store.OutcomePasses, Delivery: d}
	}
	return store.Judged{Outcome: store.OutcomeRejected, Delivery: d, Rung: r.explainer.explain(d, k).Rung}
}

func notJudged(d store.Delivery, reason, detail string) store.Judged {
	d.Reason, d.ReasonDetail = reason, detail
	return store.Judged{Outcome: store.OutcomeNotJudged, Delivery: d}
}
