package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// maxRequestBytes bounds what a client may send.
const maxRequestBytes = 1 << 20

// call is one authenticated request on its way through a handler.
type call struct {
	w    http.ResponseWriter
	r    *http.Request
	body []byte
	who  principal
	v1   bool
}

type handler func(*call) error

// route is one path with its methods.
type route struct {
	path    string
	v1      bool
	methods map[string]handler
}

// routes is the whole REST API.
func (s *Sandbox) routes() []route {
	const subs = "/notification-subscriptions"
	get, post, put, patch, del := http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
	list := []route{
		{"/kms/egress/v2/keys-sym", false, map[string]handler{post: s.saveSymmetricKey}},
		{"/kms/egress/v2/keys-asym", false, map[string]handler{post: s.saveAsymmetricKey}},
		{subs + "/v2/products/{organizationId}", false, map[string]handler{get: s.listProducts}},
		// The production URL is printed with this prefix in the guide.
		{"/webhooks" + subs + "/v2/products/{organizationId}", false, map[string]handler{get: s.listProducts}},
		{subs + "/v2/webhooks", false, map[string]handler{get: s.listSubscriptions, post: s.createSubscription}},
		{subs + "/v2/webhooks/{webhookId}", false, map[string]handler{
			get: s.getSubscription, patch: s.updateSubscription, del: s.deleteSubscription,
		}},
		{subs + "/v2/webhooks/{webhookId}/status", false, map[string]handler{put: s.setStatus}},
	}
	if s.cfg.API.OfferReplay {
		for _, path := range []string{"/nrtf/v1/webhooks/{webhookId}/replays", "/webhooks/{webhookId}/replays"} { // SDK and guide
			list = append(list, route{path, true, map[string]handler{post: s.replay}})
		}
	}
	if s.cfg.API.WithoutV1 {
		return append(list, route{subs + "/v1/webhooks/{webhookId}", true, map[string]handler{post: s.testSubscription}})
	}
	return append(list,
		route{subs + "/v1/products/{organizationId}", true, map[string]handler{get: s.listProducts}},
		route{subs + "/v1/webhooks", true, map[string]handler{get: s.listSubscriptions, post: s.createSubscription}},
		route{subs + "/v1/webhooks/{webhookId}", true, map[string]handler{
			get: s.getSubscription, patch: s.updateSubscription, del: s.deleteSubscription, post: s.testSubscription,
		}},
	)
}

// Handler serves the REST API and, under /sandbox/v1/, the admin API, all below
// Config.BasePath.
func (s *Sandbox) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, rt := range s.routes() {
		mux.Handle(s.cfg.BasePath+rt.path, s.api(rt))
	}
	s.mountAdmin(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		s.answer(w, gatewayProblem(http.StatusNotFound, "NOT_FOUND", "The requested resource does not exist."))
	})
	return mux
}

// api authenticates and calls; all its errors become answers here.
func (s *Sandbox) api(rt route) http.Handler {
	allow := strings.Join(slices.Sorted(maps.Keys(rt.methods)), ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("v-c-correlation-id", newID())
		if !s.endure(r.Context(), w) {
			return
		}
		h, ok := rt.methods[r.Method]
		if !ok {
			w.Header().Set("Allow", allow)
			s.answer(w, gatewayProblem(http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED",
				"The requested resource does not support "+r.Method+"."))
			return
		}
		c, err := s.open(w, r, rt.v1)
		if err != nil {
			s.answer(w, err)
			return
		}
		run := func(w http.ResponseWriter) {
			c.w = w
			if err := s.handle(c, h); err != nil {
				s.answer(w, err)
			}
		}
		if to := s.responseCertificate(c.who.Owner, c.who.answerKeyID); to != nil {
			s.sealAnswer(w, to, c.who.answerKeyID, run)
			return
		}
		run(w)
	})
}

// handle checks what an authenticated request says before its handler sees it.
func (s *Sandbox) handle(c *call, h handler) error {
	if err := s.checkHeaders(c.r.Header); err != nil {
		return err
	}
	var err error
	if c.body, err = s.openBody(c.body); err != nil {
		return err
	}
	return h(c)
}

// open reads and authenticates a request.
func (s *Sandbox) open(w http.ResponseWriter, r *http.Request, v1 bool) (*call, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, gatewayProblem(http.StatusRequestEntityTooLarge, "REQUEST_TOO_LARGE", "The request body is too large.")
		}
		return nil, s.badRequest("The request body could not be read.")
	}
	now := s.cfg.Now()
	who, err := s.auth.authenticate(authRequest{
		Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header, Body: body,
	}, now)
	if err == nil && who.tokenID != "" && !s.replays.use(who.Owner+"/"+who.tokenID, who.tokenExpires, now) {
		err = unauthenticated("jti was used before")
	}
	if err != nil {
		s.cfg.Logger.Info("request refused", "method", r.Method, "path", r.URL.Path, "err", err)
		return nil, unauthorized()
	}
	if id := r.Header.Get("v-c-correlation-id"); correlationPattern.MatchString(id) {
		w.Header().Set("v-c-correlation-id", id)
	}
	return &call{w: w, r: r, body: body, who: who, v1: v1}, nil
}

var (
	correlationPattern = regexp.MustCompile(`^[A-Za-z0-9.\-_:]{2,100}$`)
	senderPattern      = regexp.MustCompile(`^[A-Za-z0-9\-_]{2,100}$`)
)

// checkHeaders applies the published patterns of optional headers.
func (s *Sandbox) checkHeaders(h http.Header) error {
	for name, pattern := range map[string]*regexp.Regexp{
		"v-c-correlation-id": correlationPattern, "v-c-sender-organization-id": senderPattern,
	} {
		for _, v := range h.Values(name) {
			if !pattern.MatchString(v) {
				return s.badRequest("The header "+name+" is invalid.", fieldError{name, reasonInvalid})
			}
		}
	}
	return nil
}

// decode reads a JSON body. What is not JSON, and members of another type than
// the API's, are a 400.
func (s *Sandbox) decode(body []byte, into any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return s.badRequest("The request body is empty.")
	}
	err := json.Unmarshal(body, into)
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &kind) && kind.Field != "":
		return s.badRequest("One or more fields are invalid.", fieldError{kind.Field, reasonInvalid})
	default:
		return s.badRequest("The request body is not valid JSON.")
	}
}

// answer turns an error into its response; what is not a problem is a 500.
func (s *Sandbox) answer(w http.ResponseWriter, err error) {
	var p *problem
	if !errors.As(err, &p) {
		s.cfg.Logger.Error("request failed", "err", err)
		p = s.serverError()
	}
	writeJSON(w, p.status, p.body)
}

// writeJSON sends a value without HTML escapes. The status is out by the time
// writing can fail, and then only the client has gone.
func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := encodeJSON(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b) // see above
}

// encodeJSON is compact JSON with <, > and & as they are, as Cybersource writes it.
func encodeJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(buf.Bytes(), "\n"), nil
}

// day is used for key expiries, which the API counts in days.
const day = 24 * time.Hour
