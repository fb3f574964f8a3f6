package receiver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/mask"
)

// Rungs that are ours: what no signature explains.
const (
	// RungEnvelopeMismatch: the signature is genuine, but what it comes with contradicts itself.
	RungEnvelopeMismatch = "envelope-mismatch"
	// RungSource, RungClientCertificate, RungToken and RungEncryption: the endpoint's policy refused it, and no signature explains that.
	RungSource            = "source"
	RungClientCertificate = "client-certificate"
	RungToken             = "token"
	RungEncryption        = "encryption"
	// RungNotWalked: something that is needed for explaining was not kept, or cannot be opened.
	RungNotWalked = "not-walked"
)

// codesRemoved says why a delivery without its security codes can be neither explained nor verified again.
const codesRemoved = "It held security codes or magnetic stripe data, which were removed before it was stored: its signature cannot be compared with what is left."

const (
	// explainBatch bounds the bodies that are held for explaining at one time.
	explainBatch = 8
	// explainPause is how long more is collected after a round: what is asked of the database for one serves them all.
	explainPause = 50 * time.Millisecond
	// explainInterval is how often the explainer looks without being woken: for what another replica, or a crash, left.
	explainInterval = 3 * time.Second
)

// explainer finds out why deliveries were rejected, after their commit and never before the answer: one at a time, so that
// no flood of strangers takes more than one processor from those who are genuine.
type explainer struct {
	store     *store.Store
	log       *slog.Logger
	endpoints *endpoints
	variants  *variants
	tolerance time.Duration
	wakeup    chan struct{}
}

func newExplainer(r *Receiver) *explainer {
	return &explainer{
		store: r.store, log: r.log, endpoints: r.endpoints, variants: &r.variants, tolerance: r.cfg.Tolerance, wakeup: make(chan struct{}, 1),
	}
}

// wake tells that rejected deliveries wait. It never blocks.
func (x *explainer) wake() {
	select {
	case x.wakeup <- struct{}{}:
	default:
	}
}

// run explains until ctx ends. The first round finishes what the last process left.
func (x *explainer) run(ctx context.Context) {
	tick := time.NewTicker(explainInterval)
	defer tick.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		if err := x.drain(ctx); err != nil && ctx.Err() == nil {
			x.log.Error("rejected deliveries could not be explained; they wait", "err", err)
		}
		pause.Reset(explainPause)
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		select {
		case <-ctx.Done():
			return
		case <-x.wakeup:
		case <-tick.C:
		}
	}
}

// drain explains until nothing waits. It looks once at what is known: what is added meanwhile is asked about by judging again.
func (x *explainer) drain(ctx context.Context) error {
	var k known
	for round := 0; ctx.Err() == nil; round++ {
		list, unread, err := x.next(ctx)
		if err != nil || len(list)+len(unread) == 0 {
			return err
		}
		if round == 0 {
			if k, err = x.look(ctx); err != nil {
				return err
			}
		}
		found := make(map[store.ID]store.Explanation, len(list)+len(unread))
		ids := unread
		for _, id := range unread {
			found[id] = store.Explanation{Rung: RungNotWalked, Detail: "What is stored of it cannot be read."}
		}
		for _, d := range list {
			e := x.explain(d, k)
			e.ObjectID, e.Loose = x.said(d)
			found[d.ID] = e
			ids = append(ids, d.ID)
		}
		if err := x.keep(ctx, ids, found); err != nil {
			return err
		}
		if len(ids) < explainBatch {
			return nil
		}
	}
	return ctx.Err()
}

// next returns what waits for its explanation. A row that cannot be read keeps no other waiting: its id is in unread.
func (x *explainer) next(ctx context.Context) (list []store.Delivery, unread []store.ID, err error) {
	list, err = x.store.ListUnexplained(ctx, explainBatch)
	if !store.IsDataError(err) {
		return list, nil, err
	}
	ids, err := x.store.ListUnexplainedIDs(ctx, explainBatch)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		d, err := x.store.GetUnexplained(ctx, id)
		switch {
		case err == nil:
			list = append(list, d)
		case errors.Is(err, store.ErrNotFound):
		case store.IsDataError(err):
			x.log.Error("a rejected delivery cannot be read", "delivery", id.String(), "err", err)
			unread = append(unread, id)
		default:
			return nil, nil, err
		}
	}
	return list, unread, nil
}

// keep writes explanations. One that the database refuses is kept without its words.
func (x *explainer) keep(ctx context.Context, ids []store.ID, found map[store.ID]store.Explanation) error {
	return store.Isolate(ids, func(part []store.ID) error {
		some := make(map[store.ID]store.Explanation, len(part))
		for _, id := range part {
			some[id] = found[id]
		}
		return x.store.InsertExplanations(ctx, some)
	}, func(id store.ID, refused error) error {
		x.log.Error("the database refused an explanation", "delivery", id.String(), "err", refused)
		err := x.store.InsertExplanations(ctx, map[store.ID]store.Explanation{id: {Rung: RungNotWalked}})
		if store.IsDataError(err) {
			return nil // the row itself takes no change; the log has said so
		}
		return err
	})
}

// known is whose deliveries may have been meant: every organization and key that is stored, of every environment.
type known struct {
	organizations map[int64]store.Organization
	keys          []cybs.KnownKey
}

func (x *explainer) look(ctx context.Context) (known, error) {
	organizations, err := x.store.ListOrganizations(ctx, "")
	if err != nil {
		return known{}, err
	}
	keys, err := x.store.KnownSignatureKeys(ctx)
	if err != nil {
		return known{}, err
	}
	k := known{organizations: make(map[int64]store.Organization, len(organizations)), keys: make([]cybs.KnownKey, len(keys))}
	for _, o := range organizations {
		k.organizations[o.ID] = o
	}
	for i, key := range keys {
		o := k.organizations[key.OrganizationID]
		k.keys[i] = cybs.KnownKey{
			Key:            cybs.Key{ID: key.KeyID, Secret: cybs.Secret(key.Key), ExpiresAt: key.ExpiresAt, RetiredAt: key.RetiredAt},
			OrganizationID: o.OrganizationID, Environment: cybs.Environment(o.Environment), ReplacedAt: key.ReplacedAt,
		}
	}
	return k, nil
}

// explain never fails: what cannot be explained says so.
func (x *explainer) explain(d store.Delivery, k known) (found store.Explanation) {
	defer func() {
		if p := recover(); p != nil {
			x.log.Error("a rejected delivery could not be explained", "delivery", d.ID.String(), "panic", fmt.Sprintf("%T", p), "stack", stack())
			found = store.Explanation{Rung: RungNotWalked, Detail: "Looking for the reason failed; the log says more."}
		}
	}()
	if rung := ownRung(d.Reason); rung != "" {
		return store.Explanation{Rung: rung, Detail: d.ReasonDetail}
	}
	lines := headersOf(d).Values(cybs.HeaderSignature)
	switch {
	case d.Blanked > 0 && d.Reason != ReasonSignatureMissing:
		return store.Explanation{Rung: RungNotWalked, Detail: codesRemoved}
	case d.Body == nil && d.BodyBytes > 0:
		return store.Explanation{Rung: RungNotWalked, Detail: "Its body cannot be opened: the encryption key is not among those configured."}
	case len(lines) == 0 && d.Reason != ReasonSignatureMissing:
		return store.Explanation{Rung: RungNotWalked, Detail: "Its signature header was not kept: the request had too many headers, or the database refused them."}
	}
	for _, line := range lines {
		if line != lines[0] {
			return store.Explanation{Rung: string(cybs.RungSignatureUnread), Detail: fmt.Sprintf("The header came %d times, with different values.", len(lines))}
		}
	}
	in := cybs.ExplainInput{Body: d.Body, Now: d.ReceivedAt, Tolerance: x.tolerance, Keys: k.keys}
	if len(lines) > 0 {
		in.Signature = lines[0]
	}
	if o, ok := k.organizations[d.OrganizationID]; ok {
		in.OrganizationID, in.Environment = o.OrganizationID, cybs.Environment(o.Environment)
	}
	if keys := x.endpoints.mleKeysOf(d.OrganizationID, d.SubscriptionID, d.ReceivedAt); len(keys) > 0 {
		if o, err := cybs.DecryptNotification(d.Body, cybs.MLEKeys{Keys: keys, AllowOAEP: true}); err == nil {
			in.Decrypted = o.Plain
		}
	}
	if e := x.endpoints.ofSubscription(d.SubscriptionID); e != nil {
		in.Pinned = x.variants.pinned(variantPlace{e.ID, productOf(e, d.ProductID)})
	}
	e := cybs.Explain(in)
	return store.Explanation{Rung: string(e.Rung), Detail: withoutCards(e.Detail), Expected: e.Expected}
}

// said reads what a rejected delivery says it is about, so that it can be searched for, and what it says in all, by which it is found to look like an
// attempt of a notification. Both are empty where it cannot be read.
func (x *explainer) said(d store.Delivery) (object, loose string) {
	defer func() {
		if p := recover(); p != nil {
			x.log.Error("a rejected delivery could not be read", "delivery", d.ID.String(), "panic", fmt.Sprintf("%T", p), "stack", stack())
			object, loose = "", ""
		}
	}()
	h := headersOf(d)
	n, err := cybs.ParseNotification(h, d.Body)
	if err == nil && n.Form == cybs.FormEncrypted {
		n, err = cybs.OpenNotification(h, d.Body, cybs.MLEKeys{Keys: x.endpoints.mleKeysOf(d.OrganizationID, d.SubscriptionID, d.ReceivedAt), AllowOAEP: true})
	}
	if err != nil || n == nil || n.Payload == nil {
		return "", ""
	}
	object, _ = summarize(mask.ValidJSON(n.Payload).Text, n.Test)
	_, sum := fingerprints(n)
	return object, string(sum)
}

// ownRung is the rung of a reason that is no matter of the signature, "" for the others.
func ownRung(reason string) string {
	switch reason {
	case ReasonEnvelopeMismatch:
		return RungEnvelopeMismatch
	case ReasonSourceNotAllowed:
		return RungSource
	case ReasonClientCertificateMissing, ReasonClientCertificateInvalid:
		return RungClientCertificate
	case ReasonTokenMissing, ReasonTokenInvalid, ReasonTokenExpired, ReasonTokenRevoked, ReasonTokenForeign:
		return RungToken
	case ReasonMLEMissing, ReasonMLEKeyUnknown, ReasonMLEWrongKey, ReasonMLEUndecryptable:
		return RungEncryption
	}
	return ""
}
