package receiver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
)

const (
	// missInterval is how often unknown paths and keys may make us look into the database, after the first missBurst of them.
	missInterval = time.Second
	missBurst    = 5
	// maxWaiting bounds the callers that wait for one look: a slow database piles nothing up.
	maxWaiting = 64
	// loadTimeout bounds one look.
	loadTimeout = 5 * time.Second
	// listenPause is how long to wait before listening again after the connection broke.
	listenPause = time.Second
)

// endpoint is what the receiver knows of an endpoint and its organization.
type endpoint struct {
	store.Endpoint
	keys    *keyring
	sources []netip.Prefix // its own list; empty: the server's counts
}

// keyring holds an organization's signature keys by id, former ones included.
type keyring struct {
	keys map[string]cybs.Key
	// unreadable are those whose encryption key is not configured: nobody can judge now what they signed. They are in keys too, without secret.
	unreadable map[string]bool
}

func (k *keyring) lookup(keyID string) (cybs.Key, bool) {
	key, ok := k.keys[keyID] // signature headers are read with their ids in normal form
	return key, ok
}

// table is one state of all endpoints; it is replaced and never changed.
type table struct {
	byToken        map[string]*endpoint
	bySubscription map[int64]*endpoint
	clients        map[int64]*store.OAuthClient  // of our token server, by row
	clientsByName  map[string]*store.OAuthClient // by client id
	assertions     map[int64][]assertionKey      // by organization
	mle            map[int64]mleKeys             // by organization
	keySets        []string                      // URLs of external issuers
}

// endpoints keeps every endpoint in memory, in step with the database.
type endpoints struct {
	store *store.Store
	log   *slog.Logger
	now   func() time.Time

	current atomic.Pointer[table]

	looks   *rate.Limiter // of lookAgain
	waiting atomic.Int32  // callers of lookAgain
	loading sync.Mutex    // held while reading the database
	looked  time.Time     // when the last read began; under loading
	failed  error         // what the last read ended with; under loading

	certificates map[int64]*cybs.Certificate // MLE keys by row, parsed; under loading
}

// errBusy means that too many wait for the same look into the database already.
var errBusy = errors.New("too many wait for the database")

func newEndpoints(st *store.Store, log *slog.Logger, now func() time.Time) *endpoints {
	e := &endpoints{store: st, log: log, now: now, looks: rate.NewLimiter(rate.Every(missInterval), missBurst)}
	e.current.Store(&table{})
	return e
}

// find returns the endpoint of a token. ErrNotFound when there is none; any other error means that nobody can tell now.
func (e *endpoints) find(ctx context.Context, token string) (*endpoint, error) {
	if found, ok := e.current.Load().byToken[token]; ok {
		return found, nil
	}
	return e.findAgain(ctx, token)
}

// findAgain is find after a look into the database, for when what is in memory may be out of date.
func (e *endpoints) findAgain(ctx context.Context, token string) (*endpoint, error) {
	if err := e.lookAgain(ctx); err != nil {
		return nil, err
	}
	if found, ok := e.current.Load().byToken[token]; ok {
		return found, nil
	}
	return nil, store.ErrNotFound
}

// ofSubscription returns the endpoint of a subscription, nil when it has none any more.
func (e *endpoints) ofSubscription(id int64) *endpoint { return e.current.Load().bySubscription[id] }

// lookAgain reads the database because something is missing from memory: another replica may have made it just now. However
// often it is called, the database is read about once in missInterval.
func (e *endpoints) lookAgain(ctx context.Context) error {
	missed := e.now()
	defer e.waiting.Add(-1)
	if e.waiting.Add(1) > maxWaiting {
		return errBusy
	}
	e.loading.Lock()
	defer e.loading.Unlock()
	if e.looked.After(missed) || !e.looks.AllowN(e.now(), 1) {
		return e.failed // somebody looked meanwhile, or too many miss something
	}
	return e.load(ctx)
}

// reload reads the database because it has changed.
func (e *endpoints) reload(ctx context.Context) error {
	e.loading.Lock()
	defer e.loading.Unlock()
	return e.load(ctx)
}

// load is called with loading held.
func (e *endpoints) load(ctx context.Context) error {
	// One caller's end must not fail the others who wait for the same read.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer cancel()
	e.looked = e.now()
	next, err := e.read(ctx)
	if e.failed = err; err != nil {
		e.looked = e.now() // for those who waited meanwhile: it is no use asking again
		return err
	}
	e.current.Store(next)
	return nil
}

func (e *endpoints) read(ctx context.Context) (*table, error) {
	list, err := e.store.ListEndpoints(ctx)
	if err != nil {
		return nil, fmt.Errorf("read endpoints: %w", err)
	}
	next := &table{byToken: make(map[string]*endpoint, len(list)), bySubscription: make(map[int64]*endpoint, len(list))}
	rings := make(map[int64]*keyring)
	for _, item := range list {
		ring, ok := rings[item.OrganizationID]
		if !ok {
			if ring, err = e.readKeys(ctx, item.OrganizationID); err != nil {
				return nil, err
			}
			rings[item.OrganizationID] = ring
		}
		found := &endpoint{Endpoint: item, keys: ring}
		if found.sources, err = ParseSources(item.Policy.Sources); err != nil {
			// The others go on; this endpoint lets nobody in.
			e.log.Error("the sources of an endpoint cannot be read", "subscription", item.SubscriptionID, "err", err)
		}
		next.byToken[item.Token] = found
		next.bySubscription[item.SubscriptionID] = found
		next.want(item.Policy.Tokens)
		if former := item.Policy.Former; former != nil {
			next.want(former.Tokens)
		}
	}
	if err := e.readClients(ctx, next); err != nil {
		return nil, err
	}
	if next.mle, err = e.readMLEKeys(ctx); err != nil {
		return nil, err
	}
	return next, nil
}

// want notes an external issuer, once.
func (t *table) want(p store.TokenPolicy) {
	if p.External() && !slices.Contains(t.keySets, p.JWKSURL) {
		t.keySets = append(t.keySets, p.JWKSURL)
	}
}

// keySets returns the URLs of the external issuers that endpoints name.
func (e *endpoints) keySets() []string { return e.current.Load().keySets }

// readKeys fails only when the database does: a key that does not open is left without its secret, and the others go on.
func (e *endpoints) readKeys(ctx context.Context, organizationID int64) (*keyring, error) {
	list, err := e.store.SignatureKeys(ctx, organizationID)
	if err != nil {
		return nil, fmt.Errorf("read signature keys: %w", err)
	}
	ring := &keyring{keys: make(map[string]cybs.Key, len(list)), unreadable: make(map[string]bool)}
	for _, k := range list {
		id := cybs.NormalID(k.KeyID)
		if _, newer := ring.keys[id]; newer {
			continue
		}
		ring.keys[id] = cybs.Key{ID: k.KeyID, Secret: cybs.Secret(k.Key), ExpiresAt: k.ExpiresAt, RetiredAt: k.RetiredAt}
		if k.Unreadable {
			ring.unreadable[id] = true
			e.log.Error("a digital signature key cannot be opened: its encryption key is not configured", "organization", organizationID, "key", k.KeyID)
		}
	}
	return ring, nil
}

// listen follows the changes of all replicas until ctx ends.
func (e *endpoints) listen(ctx context.Context) {
	changed := make(chan struct{}, 1)
	var following sync.WaitGroup
	following.Go(func() { e.follow(ctx, changed) })
	defer following.Wait()
	tell := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	for ctx.Err() == nil {
		err := e.store.Listen(ctx, tell, func(c store.Change) {
			if c.Topic == store.TopicSubscriptions || c.Topic == store.TopicKeys {
				tell()
			}
		})
		if ctx.Err() == nil {
			e.log.Warn("listening for changes ended", "err", err)
			pause(ctx, listenPause)
		}
	}
}

// follow reloads when told to; many changes at once are one read.
func (e *endpoints) follow(ctx context.Context, changed <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		if err := e.reload(ctx); err != nil && ctx.Err() == nil {
			e.log.Warn("endpoints could not be read", "err", err)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
