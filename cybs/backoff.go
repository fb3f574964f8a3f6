package cybs

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"
)

const (
	firstBackoff  = 200 * time.Millisecond
	maxBackoff    = 5 * time.Second
	maxRetryAfter = 30 * time.Second
)

// backoff decides whether a failed attempt may pass when it is repeated, and how long to wait before. A Retry-After is
// obeyed up to 30 s; one that asks for more is left to the caller, who finds it in the error.
func backoff(err error, attempt int) (time.Duration, bool) {
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) || errors.Is(err, ErrResponseTooLarge) {
		return 0, false
	}
	ceiling := min(maxBackoff, firstBackoff<<min(attempt-1, 10))
	wait := ceiling/2 + rand.N(ceiling/2+1) //nolint:gosec // jitter, not a secret
	var api *APIError
	if !errors.As(err, &api) {
		return wait, true // nothing was answered
	}
	switch api.StatusCode {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return max(wait, api.RetryAfter), api.RetryAfter <= maxRetryAfter
	}
	return 0, false
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
