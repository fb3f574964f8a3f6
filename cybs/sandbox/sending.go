package sandbox

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// userAgent is what a published capture shows.
const userAgent = "Vert.x-WebClient/3.9.8"

// maxAnswerBytes is how much of a receiver's answer is read before the
// connection is given up.
const maxAnswerBytes = 64 << 10

// outgoing is a request about to be sent.
type outgoing struct {
	method string
	url    string
	header http.Header
	body   []byte
	// grant gets the token that is sent along; nil sends none.
	grant *grant
	// truncated sends only half of the body it announces.
	truncated bool
	// twice sends the very same request again.
	twice bool
	// slow is how long the body takes to be sent. 0: no longer than it must.
	slow time.Duration
	// lost is the fault that breaks the line, FaultNone mostly.
	lost Fault
}

func (o outgoing) request(ctx context.Context) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, o.method, o.url, bytes.NewReader(o.body))
	if err != nil {
		return nil, err
	}
	switch {
	case o.truncated:
		half := io.MultiReader(bytes.NewReader(o.body[:len(o.body)/2]), brokenReader{})
		req.Body, req.GetBody = io.NopCloser(half), nil
	case o.slow > 0:
		req.Body, req.GetBody = io.NopCloser(newSlowReader(o.body, o.slow, ctx.Done())), nil
	}
	req.Header = o.header.Clone()
	return req, nil
}

// brokenReader ends a body before its announced length.
type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("body broken off on purpose") }

// slowPieces is into how many parts a slow sender cuts a body.
const slowPieces = 10

// slowReader gives a body in pieces with pauses between them.
type slowReader struct {
	rest  []byte
	piece int
	pause time.Duration
	begun bool
	done  <-chan struct{}
}

func newSlowReader(body []byte, whole time.Duration, done <-chan struct{}) *slowReader {
	return &slowReader{rest: body, piece: len(body)/slowPieces + 1, pause: whole / slowPieces, done: done}
}

func (r *slowReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	if r.begun {
		timer := time.NewTimer(r.pause)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.done:
			return 0, errors.New("time ran out while the body was sent slowly")
		}
	}
	r.begun = true
	n := copy(p, r.rest[:min(r.piece, len(r.rest))])
	r.rest = r.rest[n:]
	return n, nil
}

// newHTTPClient delivers without following redirects: Cybersource posts to the
// URL that was reviewed, and to no other.
func newHTTPClient(cfg Config) *http.Client {
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.ReceiverCAs}
	if cfg.ClientCertificate != nil {
		config.Certificates = []tls.Certificate{*cfg.ClientCertificate}
	}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSClientConfig:       config,
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: time.Minute, // each attempt has a shorter deadline of its own
			MaxIdleConnsPerHost:   cfg.Limits.Concurrency,
			IdleConnTimeout:       30 * time.Second,
		},
	}
}

// newSlowClient is client without the buffer that would gather a slow body and
// send it in one piece after all.
func newSlowClient(client *http.Client) *http.Client {
	transport, ok := client.Transport.(*http.Transport)
	if !ok {
		return client
	}
	slow := *client
	transport = transport.Clone()
	transport.WriteBufferSize, transport.DisableKeepAlives = 1, true
	slow.Transport = transport
	return &slow
}

// send performs one request and notes its outcome in a.
func (s *Sandbox) send(ctx context.Context, a *Attempt, out outgoing) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.DeliveryTimeout+out.slow)
	defer cancel()
	start := time.Now()
	defer func() { a.Duration = time.Since(start) }()
	var err error
	switch {
	case out.lost == FaultLostAttempt:
		err = errAttemptLost
	case out.grant == nil:
		a.StatusCode, err = s.exchange(ctx, out, "")
	default:
		err = s.exchangeWithToken(ctx, a, out)
	}
	if err == nil && out.lost == FaultLostAnswer {
		a.StatusCode, err = 0, errAnswerLost
	}
	if err != nil {
		a.Error = err.Error()
	}
}

// exchangeWithToken sends with a token of the receiver's, and once more with a
// fresh one when the first is refused.
func (s *Sandbox) exchangeWithToken(ctx context.Context, a *Attempt, out outgoing) error {
	for again := false; ; again = true {
		token, fetched, err := s.tokens.get(ctx, s, out.grant)
		if fetched {
			a.TokenRequests++
		}
		if err != nil {
			return fmt.Errorf("token: %w", err)
		}
		if a.StatusCode, err = s.exchange(ctx, out, out.grant.tokenType+" "+token); err != nil {
			return err
		}
		if a.StatusCode != http.StatusUnauthorized || again || s.cfg.OAuth.WithoutRefresh {
			return nil
		}
		s.tokens.forget(out.grant, token)
	}
}

// exchange sends once and returns the status of the answer.
func (s *Sandbox) exchange(ctx context.Context, out outgoing, authorization string) (int, error) {
	req, err := out.request(ctx)
	if err != nil {
		return 0, err
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	client := s.client
	if out.slow > 0 {
		client = s.slowClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	// The status is the answer; a body that breaks off changes nothing.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswerBytes))
	_ = resp.Body.Close()
	return resp.StatusCode, nil
}

// successful judges an answer by the configuration.
func (s *Sandbox) successful(a Attempt) bool {
	if s.cfg.Delivery.AnySuccess {
		return a.StatusCode >= 200 && a.StatusCode <= 299
	}
	return a.StatusCode == http.StatusOK
}
