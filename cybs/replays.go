package cybs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"
)

// Limits of a replay, as the guide of 2023 states them.
const (
	// MaxReplayWindow is the longest window of one replay.
	MaxReplayWindow = 24 * time.Hour
	// MaxReplayAge is how far back a replay reaches: a month.
	MaxReplayAge = 30 * 24 * time.Hour
)

// DeliveryStatus chooses which notifications are replayed.
type DeliveryStatus string

// The statuses that can be replayed.
const (
	DeliveryFailed DeliveryStatus = "FAILED"
	DeliveryRetry  DeliveryStatus = "RETRY"
)

// Replay asks for notifications once more: either those with the given trace ids, or those of a status and a window.
type Replay struct {
	// TraceIDs are values of v-c-transaction-trace-id. With them, all the other fields must be empty.
	TraceIDs []string
	// Status, ProductID and EventType choose among the notifications of the window.
	Status    DeliveryStatus
	ProductID string
	EventType string
	// Start and End are the window, at most MaxReplayWindow long and MaxReplayAge back.
	Start, End time.Time
	// HoursBack is a window that ends now, of 1 to 24 hours; it takes the place of Start and End.
	HoursBack int
}

// Validate reports every field that is known to be refused at the time now, as a *ValidationError whose fields bear
// the names of the API.
func (r Replay) Validate(now time.Time) error {
	var v ValidationError
	byStatus := r.Status != "" || r.ProductID != "" || r.EventType != "" || r.HoursBack != 0 || !r.Start.IsZero() || !r.End.IsZero()
	switch {
	case len(r.TraceIDs) > 0 && byStatus:
		v.add("byTransactionTraceIdentifiers", "excludes byDeliveryStatus")
	case slices.Contains(r.TraceIDs, ""):
		v.add("byTransactionTraceIdentifiers", "has an empty one")
	case len(r.TraceIDs) == 0:
		r.validateStatus(&v, now)
	}
	if len(v.Fields) > 0 {
		return &v
	}
	return nil
}

func (r Replay) validateStatus(v *ValidationError, now time.Time) {
	if r.Status != DeliveryFailed && r.Status != DeliveryRetry {
		v.add("status", "must be FAILED or RETRY")
	}
	if r.ProductID == "" {
		v.add("productId", "is missing")
	}
	if r.EventType == "" {
		v.add("eventType", "is missing")
	}
	window := !r.Start.IsZero() || !r.End.IsZero()
	switch {
	case r.HoursBack != 0 && window:
		v.add("hoursBack", "excludes startTime and endTime")
	case r.HoursBack < 0 || r.HoursBack > int(MaxReplayWindow/time.Hour):
		v.add("hoursBack", "must be 1 to 24")
	case r.HoursBack > 0:
	case r.Start.IsZero():
		v.add("startTime", "is missing")
	case r.End.IsZero():
		v.add("endTime", "is missing")
	case !r.End.After(r.Start):
		v.add("endTime", "must be after startTime")
	case r.End.Sub(r.Start) > MaxReplayWindow:
		v.add("endTime", "must be at most 24 hours after startTime")
	case now.Sub(r.Start) > MaxReplayAge:
		v.add("startTime", "must not be before "+now.Add(-MaxReplayAge).UTC().Format(time.RFC3339))
	}
}

// replayOffer remembers whether the account has replays.
type replayOffer struct{ state atomic.Int32 }

const (
	offerUnknown int32 = iota
	offerYes
	offerNo
)

// Replay asks Cybersource to send notifications again (POST /nrtf/v1/webhooks/{webhookId}/replays). They arrive later,
// by themselves; only one replay at a time runs for a caller.
//
// Cybersource has withdrawn the operation, and some accounts may still have it. Where it is not there the error is
// ErrNotOffered, which the client remembers: from then on it sends nothing. A 404 for a subscription that cannot be
// read either is ErrNotFound. The limits of [Replay.Validate] are checked first, unless the [Dialect] says otherwise.
// The call is never repeated by itself.
func (c *Client) Replay(ctx context.Context, webhookID string, r Replay) error {
	path, err := c.replayPath(webhookID)
	if err == nil && !c.dialect.ReplayUnchecked {
		err = r.Validate(c.now())
	}
	if err == nil && c.replays.state.Load() == offerNo {
		err = ErrNotOffered
	}
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	if err := c.sendReplay(ctx, webhookID, path, c.replayBody(r)); err != nil {
		return fmt.Errorf("replay of subscription %s: %w", webhookID, err)
	}
	return nil
}

// ProbeReplays finds out whether the account has replays, by asking for a trace id that nobody has: nothing is sent
// again. What is known already is not asked again. The subscription must exist.
func (c *Client) ProbeReplays(ctx context.Context, webhookID string) (offered bool, err error) {
	path, err := c.replayPath(webhookID)
	if err != nil {
		return false, fmt.Errorf("probe replays: %w", err)
	}
	if offered, known := c.ReplaysOffered(); known {
		return offered, nil
	}
	err = c.sendReplay(ctx, webhookID, path, c.replayBody(Replay{TraceIDs: []string{newUUID()}}))
	if offered, known := c.ReplaysOffered(); known {
		return offered, nil // a refusal of the made-up id tells as much as a success
	}
	return false, fmt.Errorf("probe replays of subscription %s: %w", webhookID, err)
}

// ReplaysOffered tells what the client has learnt about replays so far, without asking.
func (c *Client) ReplaysOffered() (offered, known bool) {
	state := c.replays.state.Load()
	return state == offerYes, state != offerUnknown
}

// sendReplay sends one and learns from the answer whether the operation is there.
func (c *Client) sendReplay(ctx context.Context, webhookID, path string, body any) error {
	_, err := c.do(ctx, call{method: http.MethodPost, path: path, body: body})
	var api *APIError
	switch {
	case err == nil:
		c.replays.state.Store(offerYes)
	case !errors.As(err, &api):
	case api.StatusCode == http.StatusMethodNotAllowed, api.StatusCode == http.StatusGone, api.StatusCode == http.StatusNotImplemented:
		c.replays.state.Store(offerNo)
		return fmt.Errorf("%w: %d", ErrNotOffered, api.StatusCode) // and no ErrNotFound
	case api.StatusCode == http.StatusNotFound:
		if _, getErr := c.GetSubscription(ctx, webhookID); getErr != nil {
			return fmt.Errorf("%w (and the subscription cannot be read: %w)", err, getErr)
		}
		c.replays.state.Store(offerNo)
		return fmt.Errorf("%w: %d", ErrNotOffered, api.StatusCode) // and no ErrNotFound
	case api.StatusCode == http.StatusBadRequest, api.StatusCode == http.StatusConflict, api.StatusCode == http.StatusTooManyRequests:
		c.replays.state.Store(offerYes)
	}
	return err
}

func (c *Client) replayPath(webhookID string) (string, error) {
	id, err := segment("webhook id", webhookID)
	root := "/nrtf/v1/webhooks/"
	if c.dialect.GuideReplayPath {
		root = "/webhooks/"
	}
	return root + id + "/replays", err
}

type replayRequest struct {
	TraceIDs []string      `json:"byTransactionTraceIdentifiers,omitempty"`
	ByStatus *replayStatus `json:"byDeliveryStatus,omitempty"`
}

type replayStatus struct {
	Status    DeliveryStatus `json:"status"`
	StartTime string         `json:"startTime,omitempty"`
	EndTime   string         `json:"endTime,omitempty"`
	HoursBack int            `json:"hoursBack,omitempty"`
	ProductID string         `json:"productId"`
	EventType string         `json:"eventType"`
}

func (c *Client) replayBody(r Replay) replayRequest {
	if len(r.TraceIDs) > 0 {
		return replayRequest{TraceIDs: r.TraceIDs}
	}
	status := replayStatus{Status: r.Status, HoursBack: r.HoursBack, ProductID: r.ProductID, EventType: r.EventType}
	if !r.Start.IsZero() {
		status.StartTime = c.dialect.replayTime(r.Start)
	}
	if !r.End.IsZero() {
		status.EndTime = c.dialect.replayTime(r.End)
	}
	return replayRequest{ByStatus: &status}
}
