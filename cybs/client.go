package cybs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Environment is one of Cybersource's installations.
type Environment string

// The environments with a host of their own.
const (
	Test            Environment = "test"
	Production      Environment = "production"
	ProductionIndia Environment = "production-india"
)

// BaseURL returns the environment's address, "" for one that has no fixed host.
func (e Environment) BaseURL() string {
	switch e {
	case Test:
		return "https://apitest.cybersource.com"
	case Production:
		return "https://api.cybersource.com"
	case ProductionIndia:
		return "https://api.in.cybersource.com"
	}
	return ""
}

// DeliverySources returns the addresses from which Cybersource delivers, as the guide lists them under mutual trust
// for all environments.
func DeliverySources() []string { return []string{"198.241.206.21", "198.241.207.21"} }

const (
	defaultUserAgent   = "switchboard-cybs/1"
	defaultMaxAttempts = 3
	maxResponseBytes   = 1 << 20
	requestTimeout     = 30 * time.Second
	connectTimeout     = 10 * time.Second
	idleTimeout        = 90 * time.Second
)

// Config says how a client reaches Cybersource. BaseURL and Credentials are required.
type Config struct {
	// BaseURL is scheme, host and, if the API is mounted below one, a base path.
	BaseURL string
	// Credentials authenticate every request.
	Credentials Credentials
	// HTTPClient sends the requests. Nil means a client of its own with a time limit of 30 s. Redirects are not
	// followed, whatever the given client would do; the given client itself is not changed.
	HTTPClient *http.Client
	// Now is the clock that signs. Nil means time.Now.
	Now func() time.Time
	// NewID makes the ids of tokens and correlation ids. Nil means random UUIDs.
	NewID func() string
	// UserAgent is sent with every request. Empty means the package's own.
	UserAgent string
	// SignedHost is signed as the host, for when a proxy stands between; with HTTP Signature it is sent as Host too.
	// Empty means the host of BaseURL.
	SignedHost string
	// MaxAttempts bounds how often an idempotent call is sent. 0 means 3; 1 means no retries.
	MaxAttempts int
	// APIVersion chooses the generation of URLs and bodies. Empty means APIVersion2.
	APIVersion APIVersion
	// Dialect decides what is sent where Cybersource's documents disagree. The zero Dialect has documented defaults.
	Dialect Dialect
	// MLE encrypts requests and asks for encrypted answers. The zero MLE does neither.
	MLE MLE
}

// Client calls Cybersource for one set of credentials. It may be used by several goroutines at once.
type Client struct {
	base        *url.URL
	http        *http.Client
	auth        authenticator
	now         func() time.Time
	newID       func() string
	userAgent   string
	signedHost  string
	maxAttempts int
	version     APIVersion
	dialect     Dialect
	mle         *requestMLE                                      // nil for none
	replays     *replayOffer                                     // shared by copies of the client
	pause       func(ctx context.Context, d time.Duration) error // a field so that tests need not wait
}

// New checks the configuration and returns a client. It sends nothing.
func New(cfg Config) (*Client, error) {
	base, err := parseBaseURL(cfg.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("new cybersource client: %w", err)
	}
	c := &Client{
		base: base, now: cfg.Now, newID: cfg.NewID, userAgent: cfg.UserAgent, signedHost: cfg.SignedHost,
		maxAttempts: cfg.MaxAttempts, version: cfg.APIVersion, dialect: cfg.Dialect, replays: &replayOffer{}, pause: pause,
	}
	if err := cfg.Dialect.validate(cfg.APIVersion); err != nil {
		return nil, fmt.Errorf("new cybersource client: %w", err)
	}
	if c.version == "" {
		c.version = APIVersion2
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.newID == nil {
		c.newID = newUUID
	}
	if c.userAgent == "" {
		c.userAgent = defaultUserAgent
	}
	if c.signedHost == "" {
		c.signedHost = base.Host
	}
	if c.maxAttempts <= 0 {
		c.maxAttempts = defaultMaxAttempts
	}
	if c.mle, err = newRequestMLE(cfg.MLE, cfg.Credentials); err != nil {
		return nil, fmt.Errorf("new cybersource client: %w", err)
	}
	if c.auth, err = newAuthenticator(cfg.Credentials, c.mle.responseKeyID(), c.newID); err != nil {
		return nil, fmt.Errorf("new cybersource client: %w", err)
	}
	if cert := cfg.Credentials.Certificate; cert != nil {
		if err := cert.CheckValidity(c.now()); err != nil {
			return nil, fmt.Errorf("new cybersource client: %w", err)
		}
	}
	c.http = newHTTPClient(cfg.HTTPClient)
	return c, nil
}

// newHTTPClient copies the given client, or makes one with a transport and time limits of its own; the proxy of the
// environment is used, as operators expect. Either way redirects are answers like any other.
func newHTTPClient(given *http.Client) *http.Client {
	var client http.Client
	if given != nil {
		client = *given
	} else {
		client.Timeout = requestTimeout
		client.Transport = &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: connectTimeout}).DialContext,
			TLSHandshakeTimeout:   connectTimeout,
			ResponseHeaderTimeout: requestTimeout,
			IdleConnTimeout:       idleTimeout,
			MaxIdleConns:          8,
			ForceAttemptHTTP2:     true,
		}
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

func parseBaseURL(text string) (*url.URL, error) {
	base, err := url.Parse(strings.TrimRight(text, "/"))
	switch {
	case err != nil:
		return nil, errors.New("base URL cannot be read") // the cause would quote a password in it
	case base.Scheme != "https" && base.Scheme != "http" || base.Host == "":
		return nil, errors.New("base URL must be http(s)://host[:port][/path]")
	case base.User != nil || base.RawQuery != "" || base.Fragment != "":
		return nil, errors.New("base URL must have no user, query or fragment")
	}
	return base, nil
}

// String names the client by its base URL.
func (c *Client) String() string { return "cybersource client of " + c.base.String() }

// GoString names the client by its base URL.
func (c *Client) GoString() string { return c.String() }

// Format names the client by its base URL, for every verb.
func (c *Client) Format(f fmt.State, _ rune) { writeText(f, c.String()) }

// The two values of Accept that the official SDKs send.
const (
	acceptJSON = "application/json;charset=utf-8"
	acceptHAL  = "application/hal+json;charset=utf-8"
)

// call is one operation.
type call struct {
	method string
	path   string // escaped, relative to the base URL, with a leading slash
	query  string // encoded
	body   any    // nil sends none
	accept string // empty means acceptJSON
	header http.Header
	// secret is a secret in the body, which no error may repeat.
	secret Secret
	// idempotent calls are repeated after failures that may be passing.
	idempotent bool
}

// do sends the call, again where that is allowed, and returns the body of a success.
func (c *Client) do(ctx context.Context, op call) ([]byte, error) {
	var body []byte
	if op.body != nil {
		var err error
		if body, err = encodeJSON(op.body); err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		if body, err = c.mle.seal(body, c.now()); err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
	}
	for attempt := 1; ; attempt++ {
		answer, err := c.attempt(ctx, op, body)
		if err == nil {
			return answer, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s %s: %w", op.method, op.path, ctx.Err())
		}
		if op.method == http.MethodDelete && attempt > 1 && isAPINotFound(err) {
			return nil, nil // an earlier attempt has deleted it, only its answer was lost
		}
		wait, again := backoff(err, attempt)
		if !op.idempotent || attempt == c.maxAttempts || !again {
			return nil, err
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
			return nil, err // the refusal is an answer; waiting would only lose it
		}
		if err := c.pause(ctx, wait); err != nil {
			return nil, fmt.Errorf("%s %s: %w", op.method, op.path, err)
		}
	}
}

// attempt sends the call once.
func (c *Client) attempt(ctx context.Context, op call, body []byte) ([]byte, error) {
	req, err := c.newRequest(ctx, op, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", op.method, op.path, transportCause(err))
	}
	answer, err := readBounded(resp.Body)
	if closeErr := resp.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: read answer: %w", op.method, op.path, err)
	}
	answer, err = c.mle.unseal(answer)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		refused := newAPIError(op, resp, answer, c.now())
		if err != nil {
			return nil, fmt.Errorf("%w (its body is encrypted: %w)", refused, err)
		}
		return nil, refused
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: read answer: %w: %w", op.method, op.path, ErrMalformedResponse, err)
	}
	return answer, nil
}

// decode reads the answer of a call that must have one.
func decode(what string, answer []byte, out any) error {
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s: %w: %s", what, ErrMalformedResponse, describeJSONError(err, answer))
	}
	return nil
}

// describeJSONError says what is wrong with an answer without quoting it.
func describeJSONError(err error, answer []byte) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case len(bytes.TrimSpace(answer)) == 0:
		return "it is empty"
	case errors.As(err, &syntax):
		return fmt.Sprintf("no JSON from byte %d on", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Sprintf("member %q is a %s", truncate(kind.Field, maxErrorWord), kind.Value)
	}
	return errorText(err.Error(), maxErrorText)
}

func isAPINotFound(err error) bool {
	var api *APIError
	return errors.As(err, &api) && api.StatusCode == http.StatusNotFound && !api.foreign
}
