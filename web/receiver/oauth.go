package receiver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/switchboardhq/switchboard/store"
)

const (
	// tokenPath is where Cybersource gets tokens from our own token server.
	tokenPath = "/oauth/token" //nolint:gosec // G101: an address
	// maxTokenForm bounds a token request. One with an assertion has some two thousand bytes.
	maxTokenForm = 16 << 10
	// tokenTimeout is how long the database may take over a token request.
	tokenTimeout = 5 * time.Second
	// tokenRetryAfter is what a source is asked to wait that has failed too often.
	tokenRetryAfter = time.Minute
)

// Failures of one source at the token server: tokenFailureBurst of them, and then one in tokenFailureEvery, are told from one another, logged
// and looked up. Beyond, a failure is answered 429. What is right is never refused: the secrets are not to be guessed, and whoever stands
// behind the same proxy must not keep Cybersource out.
const (
	tokenFailureBurst = 10
	tokenFailureEvery = 6 * time.Second
	maxTokenSources   = 10_000
)

// TokenURL is where Cybersource gets tokens, below the receiver's public base URL.
func TokenURL(base string) string { return strings.TrimRight(base, "/") + tokenPath }

// tokenRefusal is why no token is given: an error code of RFC 6749 for the client, and a word of ours for log and metrics.
type tokenRefusal struct {
	status int
	code   string
	reason string
}

// Error names the reason.
func (t *tokenRefusal) Error() string { return t.reason }

func refuseClient(reason string) *tokenRefusal {
	return &tokenRefusal{http.StatusUnauthorized, "invalid_client", reason}
}

func refuseRequest(reason string) *tokenRefusal {
	return &tokenRefusal{http.StatusBadRequest, "invalid_request", reason}
}

// tokenRequest is what was asked for.
type tokenRequest struct {
	form   url.Values
	id     string
	secret string
	basic  bool
}

// issueToken answers POST /oauth/token (RFC 6749, section 4.4; RFC 7523).
func (r *Receiver) issueToken(w http.ResponseWriter, req *http.Request) {
	now := r.now()
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	if req.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		r.refuse(w, http.StatusMethodNotAllowed, "method")
		return
	}
	if r.closing.Load() {
		r.turnAway(w, req, nil, "stopping")
		return
	}
	asked, err := readTokenRequest(w, req)
	ctx, cancel := context.WithTimeout(req.Context(), tokenTimeout)
	defer cancel()
	var client *store.OAuthClient
	if err == nil {
		client, err = r.identify(ctx, asked, now)
	}
	var scope string
	if err == nil {
		scope, err = grantedScope(client, asked.form.Get("scope"))
	}
	if err != nil {
		r.refuseToken(w, req, err, now)
		return
	}
	if err := r.store.MarkOAuthClientUsed(ctx, client.ID); err != nil {
		r.log.Warn("the use of an OAuth client was not noted", "client", client.ID, "err", err) // its token is good nevertheless
	}
	r.metrics.tokens.WithLabelValues("issued").Inc()
	writeTokenJSON(w, http.StatusOK, tokenAnswer{
		Token: r.signer.sign(ownToken{client.ID, now.Add(store.TokenLife)}), Type: "Bearer", Expires: int(store.TokenLife.Seconds()), Scope: scope,
	})
}

// tokenAnswer is RFC 6749, section 5.1 and 5.2.
type tokenAnswer struct {
	Token   string `json:"access_token,omitempty"`
	Type    string `json:"token_type,omitempty"`
	Expires int    `json:"expires_in,omitempty"`
	Scope   string `json:"scope,omitempty"`
	Error   string `json:"error,omitempty"`
}

func writeTokenJSON(w http.ResponseWriter, status int, answer tokenAnswer) {
	text, err := json.Marshal(answer) //nolint:gosec // G117: the one answer that is there to hand out a token
	if err != nil {
		text = []byte("{}") // strings and a number always marshal
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that has gone asks again
}

// readTokenRequest takes a bounded form apart. Every parameter may stand there once.
func readTokenRequest(w http.ResponseWriter, req *http.Request) (tokenRequest, error) {
	var t tokenRequest
	kind, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return t, refuseRequest("content_type")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxTokenForm))
	if err != nil {
		return t, refuseRequest("form_unread")
	}
	return parseTokenForm(string(body), req.Header.Values("Authorization"))
}

// parseTokenForm finds the client's credentials: in the form, or in a Basic header (RFC 6749, section 2.3.1), and not in both.
func parseTokenForm(body string, authorization []string) (t tokenRequest, err error) {
	if t.form, err = url.ParseQuery(body); err != nil {
		return t, refuseRequest("form_malformed")
	}
	for _, values := range t.form {
		if len(values) > 1 {
			return t, refuseRequest("parameter_repeated")
		}
	}
	t.id, t.secret = t.form.Get("client_id"), t.form.Get("client_secret")
	if len(authorization) == 0 {
		return t, nil
	}
	probe := http.Request{Header: http.Header{"Authorization": authorization[:1]}}
	id, secret, ok := probe.BasicAuth()
	if len(authorization) > 1 || !ok {
		return t, refuseClient("authorization_malformed")
	}
	if t.secret != "" || t.form.Has("client_assertion") {
		return t, refuseRequest("two_authentications")
	}
	t.basic = true
	// Both are form-encoded in the header; what is not is taken as it stands.
	name, nameErr := url.QueryUnescape(id)
	word, wordErr := url.QueryUnescape(secret)
	if nameErr != nil || wordErr != nil {
		name, word = id, secret
	}
	if t.id != "" && t.id != name {
		return t, refuseRequest("two_clients")
	}
	t.id, t.secret = name, word
	return t, nil
}

// identify returns the client that asks, once it has proved itself.
func (r *Receiver) identify(ctx context.Context, t tokenRequest, now time.Time) (*store.OAuthClient, error) {
	assertion := t.form.Get("client_assertion")
	switch kind := t.form.Get("grant_type"); {
	case kind == "":
		return nil, refuseRequest("grant_type_missing")
	case kind != "client_credentials":
		return nil, &tokenRefusal{http.StatusBadRequest, "unsupported_grant_type", "grant_type"}
	case assertion != "" && t.secret != "":
		return nil, refuseRequest("two_authentications")
	case assertion != "" && t.form.Get("client_assertion_type") != assertionType:
		return nil, refuseRequest("assertion_type")
	case assertion != "":
		return r.assert(ctx, assertion, t.id, now)
	case t.id == "" || t.secret == "":
		return nil, refuseClient("credentials_missing")
	}
	client, err := r.endpoints.clientByName(ctx, t.id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, refuseClient("client_unknown")
	case err != nil:
		return nil, err
	case !client.SecretMatches(t.secret):
		return nil, refuseClient("secret_mismatch")
	case !client.Living(now):
		return nil, refuseClient("client_retired")
	}
	return client, nil
}

// grantedScope returns the words that are granted: all that the client may have, where it asks for none.
func grantedScope(client *store.OAuthClient, asked string) (string, error) {
	may, words := strings.Fields(client.Scope), strings.Fields(asked)
	for _, word := range words {
		if !slices.Contains(may, word) {
			return "", &tokenRefusal{http.StatusBadRequest, "invalid_scope", "scope"}
		}
	}
	if len(words) == 0 {
		words = may
	}
	return strings.Join(words, " "), nil
}

// refuseToken answers a failure, and tells of it as often as its source may fail.
func (r *Receiver) refuseToken(w http.ResponseWriter, req *http.Request, err error, now time.Time) {
	var refusal *tokenRefusal
	if !errors.As(err, &refusal) {
		r.log.Error("a token request cannot be judged", "err", err)
		r.metrics.tokens.WithLabelValues("unavailable").Inc()
		r.unavailable(w)
		return
	}
	r.metrics.tokens.WithLabelValues(refusal.reason).Inc()
	source := r.from(req).Addr
	if !r.failures.allow(source, now) {
		w.Header().Set("Retry-After", strconv.Itoa(int(tokenRetryAfter.Seconds())))
		writeTokenJSON(w, http.StatusTooManyRequests, tokenAnswer{Error: refusal.code})
		return
	}
	r.log.Warn("a token was refused", "reason", refusal.reason, "source", fmt.Sprint(source))
	if refusal.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="token"`)
	}
	writeTokenJSON(w, refusal.status, tokenAnswer{Error: refusal.code})
}

// failures counts who fails at the token server.
type failures struct {
	mu       sync.Mutex
	bySource map[netip.Prefix]*rate.Limiter
}

// allow reports whether a source may fail once more. Sources beyond what is remembered share one budget.
func (f *failures) allow(source netip.Addr, now time.Time) bool {
	network := networkOf(source)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bySource == nil {
		f.bySource = make(map[netip.Prefix]*rate.Limiter)
	}
	if _, known := f.bySource[network]; !known && len(f.bySource) >= maxTokenSources {
		f.forget(now)
		if len(f.bySource) >= maxTokenSources {
			network = netip.Prefix{}
		}
	}
	limiter := f.bySource[network]
	if limiter == nil {
		limiter = rate.NewLimiter(rate.Every(tokenFailureEvery), tokenFailureBurst)
		f.bySource[network] = limiter
	}
	return limiter.AllowN(now, 1)
}

// forget drops those whose budget is whole again.
func (f *failures) forget(now time.Time) {
	for network, limiter := range f.bySource {
		if limiter.TokensAt(now) >= tokenFailureBurst {
			delete(f.bySource, network)
		}
	}
}
