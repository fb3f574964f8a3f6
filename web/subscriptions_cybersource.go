package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
)

const (
	// askTime bounds what is asked of Cybersource only to show it: when there is no answer, the request still has time to say so.
	askTime = 5 * time.Second
	// outwardTime bounds what is asked of Cybersource in one request.
	outwardTime = 20 * time.Second
	// aftermathTime bounds what is written or looked up afterwards.
	aftermathTime = 5 * time.Second
)

// asking is the time for questions whose answers are shown, and for nothing else.
func asking(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, askTime)
}

// acting is the time for one call to Cybersource that a person waits for. Like outward, it does not end with the request.
func acting(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), askTime)
}

// outward is the time for calls to Cybersource. It does not end with the request: what was begun there is finished, and written down.
func outward(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), outwardTime)
}

// aftermath is the time for what follows a call, whatever became of the call.
func aftermath(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), aftermathTime)
}

const busyText = "Another change of this organization’s subscriptions is under way. Try again in a moment."

// callError is an error of a call to Cybersource, or of getting ready for one.
type callError struct{ cause error }

func (e *callError) Error() string { return e.cause.Error() }
func (e *callError) Unwrap() error { return e.cause }

func isCallError(err error) bool {
	var e *callError
	return errors.As(err, &e)
}

// settledError is an error of which a second look has shown that nothing was done.
type settledError struct{ cause error }

func (e *settledError) Error() string { return e.cause.Error() }
func (e *settledError) Unwrap() error { return e.cause }

// isUncertain reports whether Cybersource may have done what it was asked although err came back.
func isUncertain(err error) bool {
	var (
		api     *cybs.APIError
		settled *settledError
		network *net.OpError
	)
	switch {
	case err == nil, errors.As(err, &settled), errors.Is(err, cybs.ErrInvalidArgument):
		return false
	case errors.As(err, &api):
		return api.StatusCode >= http.StatusInternalServerError || api.StatusCode == http.StatusRequestTimeout
	case errors.As(err, &network) && network.Op == "dial":
		return false // nothing was sent
	}
	return true
}

// callText says in words what went wrong with a call to Cybersource and what to do.
func callText(err error) string {
	var (
		api     *cybs.APIError
		network net.Error
	)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return "No REST credentials are entered for this organization. An administrator can enter them on the Organizations page."
	case errors.Is(err, store.ErrSealBroken):
		return "The REST credentials of this organization cannot be opened: the encryption key they were stored under is gone. An administrator can enter them anew."
	case errors.As(err, &api):
		return cybersourceText(err)
	case errors.As(err, &network) && network.Timeout():
		return cybersourceText(context.DeadlineExceeded)
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "Cybersource cannot be reached, or broke off. Check the network and status.cybersource.com, then try again."
	}
	return cybersourceText(err)
}

// logCybersource writes down an error that a person is told in other words.
func (s *Server) logCybersource(ctx context.Context, doing string, err error) {
	id, _ := ctx.Value(requestIDKey{}).(string)
	s.log.WarnContext(ctx, "call to cybersource failed", slog.String("doing", doing), slog.String("request_id", id), slog.String("err", err.Error()))
}

// finishAudit closes a started row. The action is done or refused by now, so a row that cannot be closed is logged: it stays "started",
// which is what is known.
func (s *Server) finishAudit(ctx context.Context, id int64, failure error, detail string) {
	outcome := store.OutcomeSucceeded
	if failure != nil {
		outcome = store.OutcomeFailed
	}
	if err := s.store.FinishAudit(ctx, id, outcome, detail, ""); err != nil {
		s.log.ErrorContext(ctx, "audit row stays open", slog.Int64("audit_id", id), slog.String("err", err.Error()))
	}
}

// syncSoon has a job ask again. A job that cannot be queued is only logged: the periodic one asks anyway.
func (s *Server) syncSoon(ctx context.Context, id int64) {
	if err := s.syncSubscription(ctx, id); err != nil {
		s.log.WarnContext(ctx, "subscription sync not queued", slog.Int64("subscription_id", id), slog.String("err", err.Error()))
	}
}

// recordAnswer keeps what Cybersource answered about a subscription.
func (s *Server) recordAnswer(ctx context.Context, v store.Subscription, answer *cybs.Subscription) error {
	a := store.ActualSubscription{WebhookID: answer.WebhookID, Status: store.SubscriptionStatus(answer.Status), Raw: answer.Raw}
	switch answer.Status {
	case cybs.StatusActive, cybs.StatusInactive, cybs.StatusSuspended, cybs.StatusPendingReview, cybs.StatusBlocked, cybs.StatusResend:
	case "":
		a.Status, a.Detail = store.StatusUnknown, "Cybersource’s answer names no status."
	default:
		a.Status, a.Detail = store.StatusUnknown, "Cybersource says "+readable(string(answer.Status))+", which Switchboard does not know."
	}
	_, err := s.store.RecordActual(ctx, v.ID, a)
	return err
}
