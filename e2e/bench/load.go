package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/switchboardhq/switchboard/cybs"
)

const (
	bodyBytes = 2000
	webhookID = "11111111-2222-3333-4444-555555555555"
	eventType = "tms.networktoken.updated"
)

// load is what is sent: over so many connections, each sending as soon as it is answered, or rate a second whatever the answers.
type load struct {
	connections int
	rate        int // 0: closed loop
	mixed       bool
}

// result is what came of a load.
type result struct {
	sent     int
	took     time.Duration
	p50, p99 time.Duration
}

func (r result) perSecond() float64 { return float64(r.sent) / r.took.Seconds() }

// kind is what a delivery of a mixed load is.
type kind int

const (
	good kind = iota
	badSignature
	duplicate
	retry
)

// kindOf is 10 % rejected, 5 % duplicates and 5 % retries, spread evenly.
func kindOf(n int) kind {
	switch n % 20 {
	case 4, 14:
		return badSignature
	case 9:
		return duplicate
	case 19:
		return retry
	}
	return good
}

// send loads the receiver for a while and returns what was answered after the warm-up.
func (b *bench) send(ctx context.Context, address string, l load, duration time.Duration) (result, error) {
	sending, ctx := errgroup.WithContext(ctx)
	start := time.Now()
	s := schedule{load: l, start: start, from: start.Add(warmUp), until: start.Add(warmUp + duration)}
	latencies := make([][]time.Duration, l.connections)
	for i := range l.connections {
		sending.Go(func() (err error) {
			latencies[i], err = b.sendOver(ctx, address, &s)
			return err
		})
	}
	if err := sending.Wait(); err != nil {
		return result{}, fmt.Errorf("send to the receiver: %w", err)
	}
	all := slices.Concat(latencies...)
	slices.Sort(all)
	return result{sent: len(all), took: duration, p50: percentile(all, 0.5), p99: percentile(all, 0.99)}, nil
}

// schedule says when deliveries are due, and which of them count.
type schedule struct {
	load
	start, from, until time.Time
	sent               atomic.Int64
}

// next is when the next delivery is due: in an open loop whether or not those before it were answered.
func (s *schedule) next() time.Time {
	if s.rate == 0 {
		return time.Now()
	}
	return s.start.Add(time.Duration(s.sent.Add(1)) * time.Second / time.Duration(s.rate))
}

// counts leaves out the warm-up, and in a closed loop what was answered after the end.
func (s *schedule) counts(due, end time.Time) bool {
	return due.After(s.from) && (s.rate > 0 || end.Before(s.until))
}

// sendOver sends over one connection and returns how long the answers took, from when each delivery was due.
func (b *bench) sendOver(ctx context.Context, address string, s *schedule) ([]time.Duration, error) {
	c, err := b.dial(ctx, address)
	if err != nil {
		return nil, err
	}
	defer c.close()
	var latencies []time.Duration
	for n := 0; ; n++ {
		due := s.next()
		if due.After(s.until) {
			return latencies, nil
		}
		if err := waitUntil(ctx, due); err != nil {
			return nil, err
		}
		k := good
		if s.mixed {
			k = kindOf(n)
		}
		if err := c.deliver(k); err != nil {
			return nil, err
		}
		if end := time.Now(); s.counts(due, end) {
			latencies = append(latencies, end.Sub(due))
		}
	}
}

// waitUntil returns at once when t has passed.
func waitUntil(ctx context.Context, t time.Time) error {
	wait := time.Until(t)
	if wait <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// percentile of sorted values; 0 when there are none.
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(p*float64(len(sorted))), len(sorted)-1)]
}

// sender is one connection.
type sender struct {
	b       *bench
	conn    net.Conn
	reader  *bufio.Reader
	head    string
	request bytes.Buffer
	notice  notice
}

func (b *bench) dial(ctx context.Context, address string) (*sender, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if err := conn.SetDeadline(time.Now().Add(time.Hour)); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return &sender{b: b, conn: conn, reader: bufio.NewReader(conn), head: b.head(address)}, nil
}

func (s *sender) close() { _ = s.conn.Close() } // all answers were read

// notice is what a body says.
type notice struct {
	number  int64 // of the event: it differs in all
	attempt int
}

// body is JSON of exactly bodyBytes, most of it an object as the token service sends it. It is made without formatting: the load generator shares
// the processors with what it measures.
func (n notice) body() []byte {
	body := append(make([]byte, 0, bodyBytes), `{"eventType":"`+eventType+`","webhookId":"`+webhookID+`","productId":"tokenManagement","organizationId":"bench","eventDate":"2026-11-22T10:00:`...)
	body = append(padded(body, uint64(n.attempt), 10, 2), `","transactionTraceId":"trace-`...) //nolint:gosec // attempts are few
	body = append(padded(body, uint64(n.number), 10, 16), '-')                                 //nolint:gosec // numbers of events are not negative
	body = append(strconv.AppendInt(body, int64(n.attempt), 10), `","retryNumber":`...)
	body = append(strconv.AppendInt(body, int64(n.attempt), 10), `,"payload":{"data":{"id":"ID`...)
	body = append(padded(body, uint64(n.number), 10, 16), `","reason":"TOKEN_STATUS_UPDATED","_links":{"tokenized-cards":[`...) //nolint:gosec // as above
	const end = `{"id":"last"}]}},"organizationId":"child"},"requestType":"NEW"}`
	for i := int64(0); bodyBytes-len(body) > len(end)+160; i++ {
		body = append(padded(append(body, `{"id":"`...), uint64(n.number)*2654435761+uint64(i), 16, 32), `","state":"ACTIVE","number":"`...) //nolint:gosec // mixing bits
		body = append(strconv.AppendInt(body, i, 10), `","href":"/tms/v2/tokenized-cards/`...)
		body = append(padded(body, uint64(n.number+i)*40503, 16, 16), `"},`...) //nolint:gosec // mixing bits
	}
	body = append(body, end...)
	return append(body, bytes.Repeat([]byte{' '}, bodyBytes-len(body))...)
}

// padded appends a number with leading zeros.
func padded(b []byte, n uint64, base, width int) []byte {
	var digits [64]byte
	text := strconv.AppendUint(digits[:0], n, base)
	for range width - len(text) {
		b = append(b, '0')
	}
	return append(b, text...)
}

// deliver sends one delivery and reads its answer.
func (s *sender) deliver(k kind) error {
	switch k {
	case good, badSignature:
		s.notice = notice{number: s.b.numbers.Add(1)}
	case retry:
		s.notice.attempt++
	case duplicate:
	}
	body, want := s.notice.body(), "200"
	signature := cybs.Sign(s.b.key, time.Now(), body)
	if k == badSignature {
		signature, want = cybs.Sign(s.b.otherKey, time.Now(), body), "401"
	}
	s.request.Reset()
	s.request.WriteString(s.head)
	s.request.WriteString("v-c-signature: " + signature + "\r\n\r\n")
	s.request.Write(body)
	if _, err := s.conn.Write(s.request.Bytes()); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	status, err := s.status()
	if err != nil {
		return err
	}
	if status != want {
		return fmt.Errorf("%w: %s instead of %s", errNotAnswered, strconv.Quote(status), want)
	}
	return nil
}

// status reads an answer without body and returns its status.
func (s *sender) status() (string, error) {
	status := ""
	for first := true; ; first = false {
		line, err := s.reader.ReadSlice('\n')
		if err != nil {
			return "", fmt.Errorf("read the answer: %w", err)
		}
		if first && len(line) > 12 {
			status = string(line[9:12])
		}
		if len(line) <= 2 {
			return status, nil
		}
	}
}
