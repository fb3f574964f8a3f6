package receiver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/switchboardhq/switchboard/store"
)

const (
	// issuerFresh is how old an issuer's keys get before they are fetched again.
	issuerFresh = 10 * time.Minute
	// issuerKeep is how long they count while the issuer is away. A key that it has withdrawn must not count for ever.
	issuerKeep = 24 * time.Hour
	// issuerPause is the least time between two fetches from one issuer, whatever kids strangers make up.
	issuerPause = 10 * time.Second
	// issuerLook is how often the issuers are looked through for old keys.
	issuerLook = 5 * time.Second

	issuerTimeout   = 5 * time.Second
	maxIssuerBytes  = 256 << 10
	maxIssuerKeys   = 100
	maxIssuerTries  = 8 // keys tried on a token that names none
	maxIssuerWaiter = 16
)

// errIssuerAway means that an issuer's keys are not known: nobody can judge its tokens now.
var errIssuerAway = errors.New("the token issuer's keys cannot be fetched")

// issuers keeps the public keys of external token issuers in memory, and in the database for the next start.
type issuers struct {
	store   *store.Store
	log     *slog.Logger
	now     func() time.Time
	metrics *metrics
	client  *http.Client
	wanted  func() []string // the key sets that endpoints name

	mu    sync.Mutex
	byURL map[string]*issuer
}

// issuer is one key set. mu is held while it is fetched.
type issuer struct {
	url     string
	current atomic.Pointer[keySet]
	waiting atomic.Int32
	mu      sync.Mutex
	tried   time.Time // under mu
	err     error     // under mu: what the last try ended with
	loaded  bool      // under mu: the database was asked
}

// keySet is what was fetched; it is replaced and never changed.
type keySet struct {
	keys    []jose.JSONWebKey
	fetched time.Time
}

func newIssuers(cfg Config, m *metrics, wanted func() []string) *issuers {
	return &issuers{
		store: cfg.Store, log: cfg.Log, now: cfg.Now, metrics: m, wanted: wanted, byURL: make(map[string]*issuer),
		client: &http.Client{
			Timeout: issuerTimeout,
			// Keys come from the URL that was configured, and from no other.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport:     cfg.IssuerTransport,
		},
	}
}

func (s *issuers) of(url string) *issuer {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.byURL[url]
	if i == nil {
		i = &issuer{url: url}
		s.byURL[url] = i
	}
	return i
}

// run keeps the keys of all issuers fresh until ctx ends, so that no delivery has to wait for them.
func (s *issuers) run(ctx context.Context) {
	tick := time.NewTicker(issuerLook)
	defer tick.Stop()
	for {
		s.refresh(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *issuers) refresh(ctx context.Context) {
	urls := s.wanted()
	s.forget(urls)
	for _, url := range urls {
		i := s.of(url)
		i.mu.Lock()
		if set := i.current.Load(); set == nil || s.now().Sub(set.fetched) >= issuerFresh {
			s.fetchOnce(ctx, i)
		}
		i.mu.Unlock()
	}
}

// forget drops the key sets that no endpoint names any more.
func (s *issuers) forget(wanted []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for url := range s.byURL {
		if !slices.Contains(wanted, url) {
			delete(s.byURL, url)
		}
	}
}

// keys returns the keys that a token may be signed with: those of its kid, or a few when it names none. When there are none, the issuer may
// have made one just now and is asked, at most once in issuerPause. errIssuerAway when nobody can tell.
func (s *issuers) keys(ctx context.Context, url, kid string) ([]jose.JSONWebKey, error) {
	i := s.of(url)
	if found := i.find(kid, s.now()); len(found) > 0 {
		return found, nil
	}
	defer i.waiting.Add(-1)
	if i.waiting.Add(1) > maxIssuerWaiter {
		return nil, errBusy
	}
	before := i.current.Load()
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.current.Load() == before {
		s.fetchOnce(context.WithoutCancel(ctx), i) // one caller's end must not fail the others who wait for the same keys
	}
	found := i.find(kid, s.now())
	if len(found) == 0 && (i.err != nil || i.current.Load() == nil) {
		return nil, fmt.Errorf("%w: %w", errIssuerAway, i.err)
	}
	return found, nil
}

// find looks among the keys that still count.
func (i *issuer) find(kid string, now time.Time) []jose.JSONWebKey {
	set := i.current.Load()
	if set == nil || now.Sub(set.fetched) > issuerKeep {
		return nil
	}
	var found []jose.JSONWebKey
	for _, k := range set.keys {
		if (kid == "" || k.KeyID == kid) && len(found) < maxIssuerTries {
			found = append(found, k)
		}
	}
	return found
}

// fetchOnce fetches unless that was tried a moment ago. The issuer is locked.
func (s *issuers) fetchOnce(ctx context.Context, i *issuer) {
	if !i.loaded {
		s.load(ctx, i)
	}
	since := s.now().Sub(i.tried)
	if since >= 0 && since < issuerPause {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, issuerTimeout)
	defer cancel()
	i.tried = s.now()
	text, set, err := s.fetch(ctx, i.url)
	before := i.err
	i.err = err
	if err != nil {
		s.metrics.issuerFails.Inc()
		if before == nil || before.Error() != err.Error() {
			s.log.Error("the keys of a token issuer cannot be fetched; those fetched before go on for a day", "url", i.url, "err", err)
		}
		return
	}
	i.current.Store(set)
	if err := s.store.SaveIssuerKeys(ctx, store.IssuerKeys{JWKSURL: i.url, JWKS: text, FetchedAt: set.fetched}); err != nil {
		s.log.Warn("the keys of a token issuer were not kept", "url", i.url, "err", err) // they count all the same, until the next start
	}
}

// load takes over the keys that this or another process fetched last.
func (s *issuers) load(ctx context.Context, i *issuer) {
	kept, err := s.store.GetIssuerKeys(ctx, i.url)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return // asked again the next time
	}
	i.loaded = true
	if keys, parseErr := parseKeySet([]byte(kept.JWKS)); err == nil && parseErr == nil {
		i.current.Store(&keySet{keys, kept.FetchedAt})
	}
}

func (s *issuers) fetch(ctx context.Context, url string) (string, *keySet, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", nil, fmt.Errorf("ask for keys: %w", err)
	}
	req.Header.Set("Accept", "application/json, application/jwk-set+json")
	resp, err := s.client.Do(req)
	if err != nil {
		return "", nil, fmt.Errorf("ask for keys: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxIssuerBytes+1))
	err = errors.Join(err, resp.Body.Close())
	switch {
	case err != nil:
		return "", nil, fmt.Errorf("read keys: %w", err)
	case resp.StatusCode != http.StatusOK:
		return "", nil, fmt.Errorf("ask for keys: answered %d", resp.StatusCode)
	case len(text) > maxIssuerBytes:
		return "", nil, fmt.Errorf("read keys: more than %d bytes", maxIssuerBytes)
	}
	keys, err := parseKeySet(text)
	if err != nil {
		return "", nil, err
	}
	return string(text), &keySet{keys, s.now()}, nil
}

// parseKeySet reads the public keys for signatures out of a JWKS. Other kinds of keys, and those in forms we do not know, are passed over.
func parseKeySet(text []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New("read keys: this is no JSON Web Key Set")
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if json.Unmarshal(raw, &k) != nil || !k.IsPublic() || !k.Valid() || k.Use != "" && k.Use != "sig" || weak(k.Key) {
			continue
		}
		if keys = append(keys, k); len(keys) == maxIssuerKeys {
			break
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("read keys: the key set has no public key for signatures")
	}
	return keys, nil
}
