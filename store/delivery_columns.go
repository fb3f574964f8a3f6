package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"math"
	"net/netip"
	"slices"
	"time"
)

// deliveryColumns returns a batch by columns, as the unnest of insertDeliveriesSQL takes it, and works out what the rows derive from their bodies.
// Rows go in order of their digests: concurrent batches then take the keys of equal requests in one order, so that they
// wait for one another and never deadlock.
func (s *Store) deliveryColumns(batch []*Delivery) []any {
	type row struct {
		*Delivery
		digest []byte
	}
	rows := make([]row, len(batch))
	for i, d := range batch {
		if d.Blanked == 0 {
			d.BodySHA256 = sha256.Sum256(d.Body)
			d.BodyBytes = len(d.Body)
		}
		rows[i] = row{d, d.digest()}
	}
	slices.SortFunc(rows, func(a, b row) int { return bytes.Compare(a.digest, b.digest) })
	return []any{
		column(rows, func(r row) ID { return r.ID }),
		column(rows, func(r row) time.Time { return r.ReceivedAt }),
		column(rows, func(r row) int64 { return r.EndpointID }),
		column(rows, func(r row) int64 { return r.SubscriptionID }),
		column(rows, func(r row) int64 { return r.OrganizationID }),
		column(rows, func(r row) string { return r.ProductID }),
		column(rows, func(r row) string { return r.EventType }),
		column(rows, func(r row) string { return r.WebhookID }),
		column(rows, func(r row) string { return r.TraceID }),
		column(rows, func(r row) string { return r.RequestType }),
		column(rows, func(r row) int { return r.RetryNumber }),
		column(rows, func(r row) string { return r.EventDate }),
		column(rows, func(r row) string { return string(r.Verdict) }),
		column(rows, func(r row) string { return r.Reason }),
		column(rows, func(r row) string { return r.ReasonDetail }),
		column(rows, func(r row) string { return r.KeyID }),
		column(rows, func(r row) string { return r.Variant }),
		column(rows, func(r row) bool { return r.EnvelopeSigned }),
		column(rows, func(r row) *time.Time { return zeroIsNull(r.SignedAt) }),
		column(rows, func(r row) int { return r.Answered }),
		column(rows, func(r row) int64 { return answerMicros(r.AnswerTime) }),
		column(rows, func(r row) *netip.Addr { return invalidIsNull(r.Source) }),
		column(rows, func(r row) string { return r.TLS }),
		column(rows, func(r row) string { return headersJSON(r.Headers) }),
		column(rows, func(r row) []byte { return s.sealBody(r.ID, r.Body) }),
		column(rows, func(r row) []byte { return r.BodySHA256[:] }),
		column(rows, func(r row) int { return r.BodyBytes }),
		column(rows, func(r row) []byte { return r.digest }),
		column(rows, func(r row) int { return r.Blanked }),
	}
}

func column[R, T any](rows []R, value func(R) T) []T {
	values := make([]T, len(rows))
	for i, r := range rows {
		values[i] = value(r)
	}
	return values
}

// answerMicros is a time to answer as it is stored. A clock that jumps between arrival and answer makes it absurd, which must not cost the delivery.
func answerMicros(d time.Duration) int64 {
	return min(max(d.Microseconds(), 0), math.MaxInt32)
}

func headersJSON(headers []Header) string {
	if headers == nil {
		return "[]"
	}
	text, err := json.Marshal(headers)
	if err != nil {
		return "[]" // strings always marshal
	}
	return string(text)
}
