package sandbox

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Sandbox is a running stand-in. Make one with New; its Handler answers at once,
// while pings, deliveries, retries and the trickle need Start.
type Sandbox struct {
	cfg     Config
	auth    authenticator
	replays replayGuard
	client  *http.Client
	// slowClient is client for FaultSlowSender.
	slowClient *http.Client
	tokens     *tokenCache
	timers     timers
	work       *queue

	mu        sync.Mutex // guards what follows
	orgs      map[string]*organization
	sigKeys   map[string][]signatureKey // by organization, oldest first
	oauth     map[string][]oauthClient
	certs     map[string][]mleCertificate
	subs      map[string]*subscription
	messages  map[string]*message // waiting, retrying or held
	sequence  int64               // of the last message made
	approved  map[string]bool     // host names that passed review
	ring      attemptRing
	history   history
	runs      map[string]int  // replayed messages not sent yet, by owner of the key
	own       *rsa.PrivateKey // signs client assertions; nil until needed
	condition Condition
	parked    []*message // queued, and passed over in an outage
	changed   chan struct{}
	trickle   time.Duration
	// trickleGeneration tells the trickle timer that is current from older ones.
	trickleGeneration int

	fakeMu sync.Mutex
	fake   *fake

	saveMu  sync.Mutex
	dirty   chan struct{}
	runMu   sync.Mutex
	stop    context.CancelFunc
	running sync.WaitGroup
}

// New checks the configuration, reads the state file if there is one, and
// starts nothing.
func New(cfg Config) (*Sandbox, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("sandbox configuration: %w", err)
	}
	cfg.setDefaults()
	s := &Sandbox{
		cfg:      cfg,
		replays:  replayGuard{seen: map[string]time.Time{}},
		client:   cfg.HTTPClient,
		timers:   newTimers(),
		work:     newQueue(),
		orgs:     map[string]*organization{},
		sigKeys:  map[string][]signatureKey{},
		oauth:    map[string][]oauthClient{},
		certs:    map[string][]mleCertificate{},
		subs:     map[string]*subscription{},
		messages: map[string]*message{},
		approved: map[string]bool{},
		ring:     attemptRing{limit: cfg.Limits.Attempts},
		history:  history{limit: cfg.Limits.History},
		runs:     map[string]int{},
		own:      cfg.OAuth.AssertionKey,
		tokens:   newTokenCache(),
		changed:  make(chan struct{}),
		trickle:  cfg.TrickleInterval,
		dirty:    make(chan struct{}, 1),
	}
	if s.client == nil {
		s.client = newHTTPClient(cfg)
	}
	s.slowClient = newSlowClient(s.client)
	seed := cfg.Seed
	if seed == 0 {
		var b [8]byte
		rand.Read(b[:]) // never fails
		seed = binary.LittleEndian.Uint64(b[:])
	}
	//nolint:gosec // G404: believable data, which a seed repeats
	s.fake = newFake(mathrand.New(mathrand.NewPCG(seed, 0x5eed)), cfg.Now)
	s.auth = authenticator{config: cfg.Auth, creds: s.credentials()}
	if err := s.load(); err != nil {
		return nil, err
	}
	for _, o := range cfg.Organizations {
		s.orgs[o.OrganizationID] = newOrganization(o)
	}
	for _, h := range cfg.KnownHosts {
		s.approved[normalHost(h)] = true
	}
	if len(s.orgs) == 0 {
		return nil, errors.New("sandbox configuration: no organization, so nobody could sign a request")
	}
	return s, nil
}

// Start runs pings, deliveries, retries and the trickle until ctx ends or Stop.
// It may be called again after Stop.
func (s *Sandbox) Start(ctx context.Context) error {
	s.runMu.Lock()
	defer s.runMu.Unlock()
	if s.stop != nil {
		return errors.New("start sandbox: it is running")
	}
	ctx, s.stop = context.WithCancel(ctx)
	s.resume()
	s.running.Go(func() { s.timers.run(ctx) })
	s.running.Go(func() { s.keepSaved(ctx) })
	for range s.cfg.Limits.Concurrency {
		s.running.Go(func() { s.deliverLoop(ctx) })
	}
	return nil
}

// Stop ends all background work, waits for it, and writes the state file.
// Notifications that were not delivered are kept for the next Start. The error
// is ctx's when it ends first, or that of writing.
func (s *Sandbox) Stop(ctx context.Context) error {
	s.runMu.Lock()
	defer s.runMu.Unlock()
	if s.stop == nil {
		return nil
	}
	s.stop()
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		return fmt.Errorf("stop sandbox: %w", ctx.Err())
	}
	s.stop = nil
	if s.cfg.HTTPClient == nil {
		s.client.CloseIdleConnections()
	}
	return s.save()
}

// resume sets the timers that the state asks for, and no others: calls may have
// set some while nothing ran.
func (s *Sandbox) resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timers.clear()
	s.work.clear()
	s.parked = nil
	s.unchain()
	for _, sub := range s.subs {
		sub.generation++
		switch sub.Status {
		case statusPendingReview:
			s.scheduleReview(sub)
		case statusInactive:
			s.schedulePing(sub, s.cfg.ActivationDelay)
		case statusSuspended:
			s.schedulePing(sub, s.cfg.UnhealthyInterval)
		default:
			s.schedulePing(sub, s.cfg.HealthInterval)
		}
	}
	for _, m := range s.sortedMessages() {
		s.enqueueOrWait(m)
	}
	s.restartTrickle()
}

// unchain sends messages that wait for one that is gone. The caller holds mu.
func (s *Sandbox) unchain() {
	next := map[string]bool{}
	for _, m := range s.messages {
		next[m.Next] = true
	}
	for _, m := range s.messages {
		if m.State == stateWaiting && !next[m.ID] {
			m.State = stateQueued
		}
	}
}

// Changed returns a channel that is closed at the next delivery attempt or
// change of a subscription, for pages and tests that wait.
func (s *Sandbox) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// notify wakes who waits on Changed and marks the state for saving. The caller
// holds mu.
func (s *Sandbox) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
	select {
	case s.dirty <- struct{}{}:
	default: // a save is due already
	}
}

// scaled is d on the sandbox's clock.
func (s *Sandbox) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) / s.cfg.TimeScale)
}

// newID returns a random UUID, version 4.
func newID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}
