package receiver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/forwarded"
	"github.com/switchboardhq/switchboard/web/outbound"
)

// Config says how to receive.
type Config struct {
	// Store keeps what arrives. Required.
	Store *store.Store
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
	// Log hears of what an operator must know; never of bodies, headers or keys. Nil discards it.
	Log *slog.Logger
	// Metrics takes the counters. Nil keeps them to the Receiver.
	Metrics prometheus.Registerer
	// Tolerance is how far a signing time may be from now. Zero means five minutes: Cybersource signs each attempt anew.
	Tolerance time.Duration
	// MaxBodyBytes is the longest body taken. Zero means 1 MiB.
	MaxBodyBytes int64
	// MaxMemory bounds the bodies that are held at one time. Zero means 64 MiB. One source gets a quarter of it, one endpoint half, and an eighth is kept
	// for small bodies.
	MaxMemory int64
	// BodyPatience is within what time 32 KiB more of a body must come, or its end. Zero means three seconds.
	BodyPatience time.Duration
	// QueueSize is how many deliveries may wait for a writer; more are answered 503. Zero means 1,024.
	QueueSize int
	// Writers is how many transactions run at a time. Zero means 2.
	Writers int
	// MaxBatch is how many deliveries share a transaction at most. Zero means 64.
	MaxBatch int
	// CommitTimeout is how long a delivery's commit may take. Zero means five seconds.
	CommitTimeout time.Duration
	// Ungrouped commits every delivery alone, by as many writers as the pool has connections. It exists to be measured against.
	Ungrouped bool
	// TLS is what the door's own TLS is made of, for Receiver.TLSConfig. Zero: none, it stands behind a proxy or on plain HTTP.
	TLS TLSFiles
	// TLSInterval is how often the files of TLS are looked at. Zero means ten seconds.
	TLSInterval time.Duration
	// Allow is where deliveries may come from, whatever an endpoint's own list says; see ParseSources. Empty: from everywhere that the endpoint's list allows.
	Allow []netip.Prefix
	// IssuerTransport fetches the key sets of token issuers, whose addresses people of the console name. Nil: from public addresses alone.
	IssuerTransport http.RoundTripper
	// PublicURL is the receiver's base URL as Cybersource sees it: client assertions are addressed to the token server below it, where their
	// client names no other audience.
	PublicURL string
	// TrustedProxies are those whose X-Forwarded-For says where a request came from. Empty: nobody's counts.
	TrustedProxies []netip.Prefix
	// QuarantineSource bounds what is stored of the deliveries that one source gets rejected at one endpoint within an hour. Zero fields mean 1,000
	// deliveries and 16 MiB.
	QuarantineSource Bound
	// QuarantineEndpoint is the same for one endpoint, whatever the sources, on one day in UTC. Zero fields mean 10,000 deliveries and 256 MiB.
	QuarantineEndpoint Bound
	// KeepSecurityCodes stores security codes and magnetic stripe data with the rest of a body. It is for invented data only.
	KeepSecurityCodes bool
	// RetryAfter is what a 503 asks the sender to wait. Zero means five seconds.
	RetryAfter time.Duration
	// Alone says that no other process can receive with this database: a run that did not end was killed. Otherwise that takes a while to find out.
	Alone bool
}

// Receiver is the door. Make it with New, then Start, serve Handler, and Stop when the server has been shut down.
type Receiver struct {
	cfg        Config
	store      *store.Store
	now        func() time.Time
	log        *slog.Logger
	metrics    *metrics
	endpoints  *endpoints
	variants   variants
	health     *health
	writer     *writer
	quarantine *quarantine
	tally      *tally
	grouper    *grouper
	explainer  *explainer
	tls        *tlsKeeper // nil: none of its own
	issuers    *issuers
	signer     tokenSigner
	failures   failures
	guesses    *guesses // decryptions of what no signature vouches for yet
	outages    *outages
	memory     *budget
	basePath   string // of the public URL, without a slash at its end
	closing    atomic.Bool
	cancel     context.CancelFunc
	loops      sync.WaitGroup
}

// New checks the configuration. It starts nothing.
func New(cfg Config) (*Receiver, error) {
	if cfg.Store == nil {
		return nil, errors.New("make receiver: no store given")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Tolerance < 0 || cfg.MaxBodyBytes < 0 || cfg.MaxMemory < 0 || cfg.QueueSize < 0 || cfg.Writers < 0 || cfg.MaxBatch < 0 || cfg.CommitTimeout < 0 || cfg.RetryAfter < 0 || cfg.BodyPatience < 0 ||
		cfg.QuarantineSource.negative() || cfg.QuarantineEndpoint.negative() {
		return nil, errors.New("make receiver: a bound is negative")
	}
	setDefault(&cfg.Tolerance, cybs.DefaultTolerance)
	setDefault(&cfg.MaxBodyBytes, 1<<20)
	setDefault(&cfg.MaxMemory, 64<<20)
	setDefault(&cfg.QueueSize, 1024)
	setDefault(&cfg.Writers, 2)
	setDefault(&cfg.MaxBatch, 64)
	setDefault(&cfg.CommitTimeout, 5*time.Second)
	setDefault(&cfg.RetryAfter, 5*time.Second)
	setDefault(&cfg.BodyPatience, 3*time.Second)
	setDefault(&cfg.TLSInterval, defaultTLSInterval)
	if cfg.IssuerTransport == nil {
		cfg.IssuerTransport = outbound.NewTransport(outbound.Config{Proxy: http.ProxyFromEnvironment})
	}
	setDefault(&cfg.QuarantineSource.Deliveries, 1000)
	setDefault(&cfg.QuarantineSource.Bytes, 16<<20)
	setDefault(&cfg.QuarantineEndpoint.Deliveries, 10_000)
	setDefault(&cfg.QuarantineEndpoint.Bytes, 256<<20)
	if cfg.Ungrouped {
		cfg.MaxBatch, cfg.Writers = 1, int(cfg.Store.Pool().Config().MaxConns)
	}
	if cfg.MaxBodyBytes >= cfg.MaxMemory {
		return nil, fmt.Errorf("make receiver: a body of %d bytes does not fit into %d bytes of memory", cfg.MaxBodyBytes, cfg.MaxMemory)
	}
	r := &Receiver{cfg: cfg, store: cfg.Store, now: cfg.Now, log: cfg.Log, memory: newBudget(cfg.MaxMemory, cfg.MaxBodyBytes)}
	public, err := url.Parse(cfg.PublicURL)
	if err != nil {
		return nil, fmt.Errorf("make receiver: public URL: %w", err)
	}
	r.basePath = strings.TrimRight(public.Path, "/")
	if r.metrics, err = newMetrics(cfg.Metrics, r.queueLength, r.groupingLag, r.groupingStalled); err != nil {
		return nil, err
	}
	if r.tls, err = newTLS(cfg, r.metrics); err != nil {
		return nil, fmt.Errorf("make receiver: %w", err)
	}
	r.endpoints = newEndpoints(cfg.Store, cfg.Log, cfg.Now)
	r.guesses = newGuesses(max(1, runtime.GOMAXPROCS(0)/2))
	r.issuers, r.signer = newIssuers(cfg, r.metrics, r.endpoints.keySets), tokenSigner{cfg.Store.TokenKeys()}
	r.grouper = newGrouper(cfg, r.endpoints)
	r.explainer, r.quarantine, r.tally = newExplainer(r), newQuarantine(cfg), newTally(cfg)
	r.writer = newWriter(cfg, r.metrics, r.grouper)
	r.outages = newOutages(cfg)
	r.health = newHealth(cfg.Store, cfg.Log, cfg.Now, r.writer)
	return r, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Start reads the endpoints and starts the writers, the grouper and the listener. ctx bounds the reading only.
func (r *Receiver) Start(ctx context.Context) error {
	if err := r.endpoints.reload(ctx); err != nil {
		return fmt.Errorf("start receiver: %w", err)
	}
	if err := r.outages.begin(ctx); err != nil {
		return fmt.Errorf("start receiver: %w", err)
	}
	loops, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.cancel = cancel
	r.writer.start()
	running := []func(context.Context){r.endpoints.listen, r.grouper.run, r.explainer.run, r.quarantine.run, r.tally.run, r.health.run, r.issuers.run, r.outages.run}
	if r.tls != nil {
		running = append(running, r.tls.run)
	}
	for _, loop := range running {
		r.loops.Go(func() { loop(loops) })
	}
	return nil
}

// Stop refuses what still comes, commits and answers what waits, groups it, and returns when all has ended or ctx has. Shut the
// HTTP server down at the same time: its handlers wait for the commits.
func (r *Receiver) Stop(ctx context.Context) error {
	if r.cancel == nil {
		return nil
	}
	r.closing.Store(true)
	err := r.writer.stop(ctx)
	if groupErr := r.grouper.drain(ctx); err == nil {
		err = groupErr
	}
	r.cancel()
	done := make(chan struct{})
	go func() {
		r.loops.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		return fmt.Errorf("stop receiver: %w", ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("stop receiver: %w", err)
	}
	return nil
}

const pathPrefix = "/in/"

// EndpointURLs returns the public URLs of an endpoint below the receiver's public base URL.
func EndpointURLs(base, token string) (webhookURL, healthURL string) {
	webhookURL = strings.TrimRight(base, "/") + pathPrefix + token
	return webhookURL, webhookURL + "/health"
}

// Handler is the door for an http.Server; NewHTTPServer makes a fitting one.
func (r *Receiver) Handler() http.Handler { return http.HandlerFunc(r.serve) }

func (r *Receiver) serve(w http.ResponseWriter, req *http.Request) {
	start := r.now()
	defer func() {
		if p := recover(); p != nil {
			// What panicked was not stored, or not yet known to be: the sender tries again.
			r.log.Error("receiver panicked", "panic", fmt.Sprintf("%T", p), "stack", stack())
			r.turnAway(w, req, nil, "panic")
		}
	}()
	r.route(w, req, start)
}

// route finds the endpoint first: a stranger costs neither a read nor a row.
func (r *Receiver) route(w http.ResponseWriter, req *http.Request, start time.Time) {
	path := r.localPath(req.URL.Path)
	if path == tokenPath {
		r.issueToken(w, req)
		return
	}
	token, ok := endpointToken(path)
	if !ok {
		r.refuse(w, http.StatusNotFound, "path")
		return
	}
	e, err := r.endpoints.find(req.Context(), token)
	switch {
	case errors.Is(err, store.ErrNotFound):
		r.refuse(w, http.StatusNotFound, "path")
		return
	case err != nil:
		r.turnAway(w, req, nil, "database")
		return
	}
	switch req.Method {
	case http.MethodGet, http.MethodHead:
		r.ping(w, req, e)
	case http.MethodPost:
		r.receive(w, req, e, start)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		r.refuse(w, http.StatusMethodNotAllowed, "method")
	}
}

// localPath is a path without that of the public URL: a proxy may strip it or keep it.
func (r *Receiver) localPath(path string) string {
	rest, ok := strings.CutPrefix(path, r.basePath)
	if !ok || r.basePath == "" || !strings.HasPrefix(rest, "/") {
		return path
	}
	return rest
}

// endpointToken takes the token out of /in/<token> or /in/<token>/health. Both take notifications and pings alike: what was sent to
// the wrong one is not lost.
func endpointToken(path string) (string, bool) {
	rest, ok := strings.CutPrefix(path, pathPrefix)
	if !ok {
		return "", false
	}
	token, tail, _ := strings.Cut(rest, "/")
	if token == "" || tail != "" && tail != "health" {
		return "", false
	}
	return strings.ToLower(token), true
}

// arrival is a delivery before its body is read: whose it is, where it came from, and why its headers alone get it rejected, if they do.
type arrival struct {
	endpoint *endpoint
	from     forwarded.Source
	at       time.Time
	refused  rejection
	standing standing // worked out for what is rejected alone
}

// receive is a delivery's way, one call a step. What the headers tell is judged before the body is read: a body takes memory that all share.
func (r *Receiver) receive(w http.ResponseWriter, req *http.Request, e *endpoint, start time.Time) {
	if r.closing.Load() {
		r.turnAway(w, req, e, "stopping")
		return
	}
	if req.ContentLength == 0 {
		r.ping(w, req, e)
		return
	}
	came, ok := r.meet(w, req, arrival{endpoint: e, from: r.from(req), at: start})
	if !ok {
		return
	}
	if came.refused.reason != "" {
		came.standing = standingOf(came, req.Header)
		if !r.quarantine.fits(came, int(req.ContentLength)) {
			w.Header().Set("Connection", "close") // nobody reads the body
			r.countOnly(w, came, came.refused.reason, int(max(req.ContentLength, 0)))
			return
		}
	}
	taken := r.memory.room(came.from.Addr, came.endpoint.ID, came.refused.reason != "")
	defer taken.release()
	body, unread := r.read(w, req, &taken)
	switch {
	case unread != nil:
		r.lose(w, req, came, unread)
	case len(body) == 0:
		r.ping(w, req, e)
	default:
		r.take(w, req, came, body)
	}
}

// take judges a delivery, stores it and answers it.
func (r *Receiver) take(w http.ResponseWriter, req *http.Request, came arrival, body []byte) {
	v, ok := r.decide(w, req, &came, body)
	if !ok {
		return
	}
	e := came.endpoint
	if v.verdict == store.Rejected {
		came.standing = standingOf(came, req.Header)
		if !r.quarantine.take(came, len(body)) {
			r.countOnly(w, came, v.reason, len(body))
			return
		}
	}
	d := r.delivery(req, came, body, v)
	result := r.writer.write(d)
	if result.err != nil {
		if d.Verdict == store.Rejected {
			r.quarantine.giveBack(came, len(body))
		}
		r.turnAway(w, req, e, result.refusal)
		return
	}
	if !result.stored {
		r.tally.duplicate(d)
	}
	if d.Verdict == store.Rejected && result.stored {
		r.explainer.wake()
	}
	took := r.now().Sub(came.at)
	r.metrics.answered(d, result.stored, took)
	r.tally.answer(e, came.at, took)
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(d.Answered)
}

// countOnly answers a rejected delivery that is not kept: 401 even at an endpoint that holds, since what is not kept must not count as delivered.
func (r *Receiver) countOnly(w http.ResponseWriter, came arrival, reason string, size int) {
	r.quarantine.count(came.endpoint, reason, size, came.at)
	r.tally.answer(came.endpoint, came.at, r.now().Sub(came.at))
	r.refuse(w, http.StatusUnauthorized, "quarantine")
}

// meet judges how a delivery came. When it returns false nobody could judge, and the request is answered.
func (r *Receiver) meet(w http.ResponseWriter, req *http.Request, came arrival) (arrival, bool) {
	refused, err := r.admit(req, came)
	if err == nil && refused.reason != "" {
		// The policy may have changed just now: Cybersource may know it before our notice of it has come.
		if again, findErr := r.endpoints.findAgain(req.Context(), came.endpoint.Token); findErr == nil && again != came.endpoint {
			came.endpoint = again
			refused, err = r.admit(req, came)
		}
	}
	if err != nil {
		r.log.Error("a token cannot be judged", "organization", came.endpoint.OrganizationID, "err", err)
		r.turnAway(w, req, came.endpoint, "token_keys")
		return came, false
	}
	came.refused = refused
	return came, true
}

// decide judges what a delivery is. When it returns false nobody could judge, and the request is answered.
func (r *Receiver) decide(w http.ResponseWriter, req *http.Request, came *arrival, body []byte) (verdict, bool) {
	if refused := came.refused; refused.reason != "" {
		v := verdict{verdict: store.Rejected, reason: refused.reason, detail: refused.detail}
		v.notification, _ = cybs.ParseNotification(req.Header, body) // what cannot be read is kept and shown raw
		return v, true
	}
	v, err := r.judge(req.Context(), came, req.Header, body)
	switch {
	case errors.Is(err, errGuessesFull):
		r.turnAway(w, req, came.endpoint, "busy")
		return verdict{}, false
	case err != nil:
		r.log.Error("signature keys cannot be used", "organization", came.endpoint.OrganizationID, "err", err)
		r.turnAway(w, req, came.endpoint, "keys")
		return verdict{}, false
	}
	return v, true
}

// unavailable answers 503: nothing was stored, and the sender is to try again.
func (r *Receiver) unavailable(w http.ResponseWriter) {
	w.Header().Set("Retry-After", strconv.Itoa(int(r.cfg.RetryAfter.Seconds())))
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusServiceUnavailable)
}

func (r *Receiver) refuse(w http.ResponseWriter, status int, cause string) {
	r.metrics.refused(cause)
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(status)
}

func (r *Receiver) groupingLag() float64 { return r.grouper.behind().Seconds() }

func (r *Receiver) groupingStalled() float64 { return r.grouper.stalled().Seconds() }

// CheckGrouping returns an error when deliveries that were answered 200 have not become notifications for a while, although others wait. Receiving goes on
// all the same.
func (r *Receiver) CheckGrouping() error {
	if stalled := r.grouper.stalled(); stalled >= groupingStalls {
		return fmt.Errorf("making notifications of deliveries has stood still for %s", stalled.Round(time.Second))
	}
	return nil
}

func (r *Receiver) queueLength() float64 { return float64(len(r.writer.queue)) }
